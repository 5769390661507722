"""A browser without scripts: keeps cookies, follows our own redirects, reads and sends forms."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx

from world import Api

FORM_TYPE = "application/x-www-form-urlencoded"
_HOPS_MAX = 10


class Form:
    """A form of a page: where it goes, and its fields as they stand there."""

    def __init__(self, action: str) -> None:
        self.action = action
        self.fields: dict[str, str] = {}


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(named["action"]))
        elif tag == "input" and self.forms:
            self.forms[-1].fields[named["name"]] = named.get("value", "")


def forms_of(page: httpx.Response) -> list[Form]:
    """Return the forms of a page."""
    parser = _Forms()
    parser.feed(page.text)
    return parser.forms


class Browser:
    """One browser at one installation; ``cookies`` are kept as a browser would, whatever the door's scheme."""

    def __init__(self, api: Api, *, language: str = "en") -> None:
        self.api = api
        self.language = language
        self.cookies: dict[str, str] = {}

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """Open an address and follow where it leads, as far as that is ours."""
        return await self._follow(await self._send("GET", path, headers=headers))

    async def submit(self, page: httpx.Response, index: int = 0, **fields: str) -> httpx.Response:
        """Fill in a form of a page, send it, and follow where it leads, as far as that is ours."""
        return await self._follow(await self.post(page, index, **fields))

    async def post(self, page: httpx.Response, index: int = 0, **fields: str) -> httpx.Response:
        """Fill in a form of a page and send it."""
        form = forms_of(page)[index]
        return await self.send_form(form.action, {**form.fields, **fields}, **{"sec-fetch-site": "same-origin"})

    async def send_form(self, path: str, fields: dict[str, str], **headers: str) -> httpx.Response:
        """Send fields as a form."""
        return await self._send("POST", path, content=urlencode(fields), headers={"content-type": FORM_TYPE, **headers})

    async def _follow(self, response: httpx.Response) -> httpx.Response:
        for _ in range(_HOPS_MAX):
            location = response.headers.get("location", "")
            if response.status_code != 303 or not location.startswith("/"):
                return response
            response = await self._send("GET", location)
        raise AssertionError("redirected in circles")

    async def _send(
        self, method: str, path: str, *, content: str | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"accept-language": self.language, **({"cookie": cookie} if cookie else {}), **(headers or {})}
        self.api.client.cookies.clear()
        response = await self.api.client.request(method, path, content=content, headers=sent)
        for line in response.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
            if not value:
                del self.cookies[name]
        return response


def answer_in(response: httpx.Response) -> dict[str, str]:
    """Return the parameters of an authorization response, from the query or the fragment of a redirect."""
    parts = urlsplit(response.headers["location"])
    return dict(parse_qsl(parts.query + parts.fragment, keep_blank_values=True))
