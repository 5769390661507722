"""A person with a browser, by HTTP alone: opens a page, fills in the forms it finds, and ends where it is sent."""

from __future__ import annotations

import ssl
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx

PAGES_MAX = 20
"""More pages than any way through them has: a browser gives up on a circle as well."""


class Form:
    """A form as a browser would send it, but for what the person types and which button is pressed."""

    def __init__(self, action: str) -> None:
        self.action = action
        self.fields: dict[str, str] = {}
        self.choices: set[str] = set()


class Person:
    """Signs in as a user of the server and allows, or does not allow, what clients ask; cookies are kept."""

    def __init__(self, server: str, trust: ssl.SSLContext, email: str, password: str, *, allows: bool = True) -> None:
        self._server = server
        self._typed = {"email": email, "password": password}
        self._decision = "allow" if allows else "deny"
        self._http = httpx.Client(verify=trust, timeout=60)
        self.sign_ins = 0

    def __call__(self, url: str, *, user_code: str | None = None) -> str:
        """Open a page and return where the browser stands in the end: elsewhere, or at a page without a form.

        ``user_code`` is what a device shows, for a page that asks for it and does not know it.
        """
        if user_code is not None:
            self._typed["user_code"] = user_code
        answer = self._get(url)
        for _ in range(PAGES_MAX):
            if answer.is_redirect:
                url = urljoin(str(answer.url), answer.headers["location"])
                if not self._is_ours(url):
                    return url
                answer = self._get(url)
                continue
            assert answer.status_code == 200, f"{answer.status_code} at {answer.url}: {answer.text[-2000:]}"
            form = find_form(answer.text)
            if form is None:
                return str(answer.url)
            answer = self._send(str(answer.url), form)
        raise AssertionError(f"the pages go round in a circle at {answer.url}")

    def close(self) -> None:
        """Close the browser."""
        self._http.close()

    def _get(self, url: str) -> httpx.Response:
        return self._http.get(url, headers={"accept": "text/html", "sec-fetch-site": "cross-site"})

    def _send(self, page: str, form: Form) -> httpx.Response:
        fields = {name: self._typed.get(name, value) for name, value in form.fields.items()}
        if "password" in fields:
            self.sign_ins += 1
        if "decision" in form.choices:
            fields["decision"] = self._decision
        headers = {"origin": self._server, "sec-fetch-site": "same-origin", "accept": "text/html"}
        return self._http.post(urljoin(page, form.action), data=fields, headers=headers)

    def _is_ours(self, url: str) -> bool:
        return urlsplit(url)[:2] == urlsplit(self._server)[:2]


def find_form(html: str) -> Form | None:
    """Return the first form of a page that asks a person something, or None."""
    reader = _FormReader()
    reader.feed(html)
    return reader.forms[0] if reader.forms else None


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.forms.append(Form(given.get("action") or ""))
        elif self.forms and given.get("name"):
            name = given["name"] or ""
            if tag == "input":
                self.forms[-1].fields[name] = given.get("value") or ""
            elif tag == "button":
                self.forms[-1].choices.add(name)
