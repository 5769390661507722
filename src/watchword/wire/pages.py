"""Pages that people see: templates in two languages, made on the server, with nothing inline and no script needed.

Knows nothing of what a page is about: the room that owns the templates hands over the values.
"""

from __future__ import annotations

import re
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast
from urllib.parse import urlsplit

import msgspec
from markupsafe import Markup

from watchword.errors import WatchwordError
from watchword.wire.request import Request
from watchword.wire.response import NO_STORE, Response, header_line

if TYPE_CHECKING:
    import jinja2

Language = Literal["en", "ko"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "ko")
"""The first one is for whoever asks for none of them."""

_STYLE_FILE: Final = "pages.css"
_SCRIPT_FILE: Final = "form_post.js"
_PAGE_LINES: Final = (
    b"content-type: text/html; charset=utf-8\r\nx-frame-options: DENY\r\nvary: Origin, Accept-Language, Cookie\r\n"
) + NO_STORE
_ALONE: Final = b"cross-origin-opener-policy: same-origin\r\n"
"""Cuts a page off from the window that opened it; a client that opened one on the way to itself would wait in vain."""

_FILE_LINES: Final = b"cache-control: public, max-age=31536000, immutable\r\n"
"""For files whose address changes with their bytes."""

_HOST: Final = re.compile(r"[a-z0-9.-]+(?::[0-9]{1,5})?")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*")
_RANGE: Final = re.compile(
    r"(?P<tag>[A-Za-z]{1,8})(?:-[A-Za-z0-9]{1,8})*(?:\s*;\s*q=(?P<weight>[01](?:\.[0-9]{0,3})?))?"
)
_RANGES_MAX: Final = 20
_INITIALS: Final = 2


class Brand(msgspec.Struct, frozen=True):
    """Whose page it looks like: a name, and its logo or, without one, its initials."""

    name: str
    logo_url: str | None = None

    @property
    def initials(self) -> str:
        """The first letters of the name's first words."""
        return "".join(word[0] for word in self.name.split()[:_INITIALS]).upper()


class Words:
    """One language's texts; ``say`` fills in values, escaped."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts

    def say(self, key: str, **values: object) -> Markup:
        """Return a text with its values filled in.

        Raises:
            KeyError: there is no such text, or it wants another value.
        """
        return Markup(self.texts[key]).format(**values)  # noqa: S704 - the text is ours; ``format`` escapes the values


class Pages:
    """Renders the templates of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def render_page(
        self,
        name: str,
        language: Language,
        *,
        brand: Brand | None = None,
        status: int = 200,
        lines: bytes = b"",
        form_targets: tuple[str, ...] = (),
        with_script: bool = False,
        **values: Any,  # noqa: ANN401 - only the template knows what it shows
    ) -> Response:
        """Answer with a page.

        ``form_targets`` are addresses besides this server that sending a form of the page may lead to: browsers
        hold every redirect behind a form to the policy too (CSP Level 3 §6.4.1), a client's own redirects with them.
        A page that has them keeps the window that opened it; every other is cut off from it.
        """
        words = self._words[language]
        body = self._environment.get_template(f"{name}.html").render(
            values, brand=brand, language=language, say=words.say, has_text=words.texts.__contains__
        )
        policy = _policy(brand, form_targets, with_script=with_script) + (b"" if form_targets else _ALONE)
        return Response(status, body.encode(), _PAGE_LINES + header_line("content-language", language) + policy + lines)

    def warm(self) -> None:
        """Load what the first page needs, in a thread of its own: it takes too long to hold requests meanwhile."""
        for name in self._environment.list_templates(extensions=["html"]):
            self._environment.get_template(name)

    def words(self, language: Language) -> Words:
        """Return a language's texts, for values that are texts themselves."""
        return self._words[language]

    def problem(self, error: WatchwordError, request: Request) -> Response:
        """Answer with an error as a page; its private cause stays out."""
        lines = b"".join(header_line(name, value) for name, value in error.headers)
        return self.render_page(
            "problem",
            choose_language(request.header(b"accept-language")),
            status=error.status,
            lines=lines,
            code=error.code,
            message=error.message,
            request_id=request.id,
        )

    def file(self, name: str) -> Response:
        """Answer with the style sheet or the one script.

        Raises:
            KeyError: there is no such file.
        """
        media_type = {_STYLE_FILE: "text/css", _SCRIPT_FILE: "text/javascript"}[name]
        lines = header_line("content-type", f"{media_type}; charset=utf-8")
        return Response(200, self._files[name], lines + _FILE_LINES)

    @cached_property
    def _files(self) -> dict[str, bytes]:
        return {name: (self._folder / name).read_bytes() for name in (_STYLE_FILE, _SCRIPT_FILE)}

    @cached_property
    def _words(self) -> dict[Language, Words]:
        return {
            language: Words(
                msgspec.json.decode((self._folder / f"words.{language}.json").read_bytes(), type=dict[str, str])
            )
            for language in LANGUAGES
        }

    @cached_property
    def _environment(self) -> jinja2.Environment:
        import jinja2  # noqa: PLC0415 - slow to load: a start has better things to do

        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(self._folder),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.globals["address_of"] = self._address_of
        return environment

    def _address_of(self, name: str) -> str:
        return f"/oauth/files/{name}?v={sha256(self._files[name]).hexdigest()[:16]}"


@cache
def pages_of(folder: Path) -> Pages:
    """Return the pages of a folder: applications in one process share what was read and compiled."""
    return Pages(folder)


def choose_language(accepted: str | None, wanted: str | None = None) -> Language:
    """Choose the language of ours that was ``wanted`` first, else the one that ``Accept-Language`` weighs most.

    ``wanted`` is what OpenID Connect Core §3.1.2.1 calls ``ui_locales``; for the other see RFC 9110 §12.5.4.
    """
    for tag in (wanted or "").split()[:_RANGES_MAX]:
        language = tag.partition("-")[0].lower()
        if language in LANGUAGES:
            return language
    best, best_weight = LANGUAGES[0], 0.0
    for text in (accepted or "").split(",")[:_RANGES_MAX]:
        found = _RANGE.fullmatch(text.strip())
        if found is None or found["tag"].lower() not in LANGUAGES:
            continue
        weight = float(found["weight"] or 1)
        if weight > best_weight:
            best, best_weight = cast("Language", found["tag"].lower()), weight
    return best


def redirect_to(location: str, *, lines: bytes = b"") -> Response:
    """Send the browser elsewhere with a GET, whatever it came with (RFC 9700 §4.12: never 307)."""
    return Response(303, b"", header_line("location", location) + NO_STORE + lines)


def _policy(brand: Brand | None, form_targets: tuple[str, ...], *, with_script: bool) -> bytes:
    images = "'none'" if brand is None or brand.logo_url is None else _source(brand.logo_url)
    targets = " ".join(dict.fromkeys(("'self'", *_schemes(form_targets))))
    scripts = "script-src 'self'; " if with_script else ""
    policy = (
        f"default-src 'none'; {scripts}style-src 'self'; img-src {images}; form-action {targets};"
        " base-uri 'none'; frame-ancestors 'none'"
    )
    return header_line("content-security-policy", policy)


def _schemes(targets: tuple[str, ...]) -> tuple[str, ...]:
    """Name the schemes of targets, and https, in a policy: their sites go on to others, which nobody here can list."""
    if not targets:
        return ()
    schemes = (target.partition(":")[0] for target in targets)
    return (*(f"{scheme}:" for scheme in schemes if _SCHEME.fullmatch(scheme)), "https:")


def _source(url: str) -> str:
    """Name an address's origin in a policy; its scheme alone where an origin cannot be written there (CSP §2.3.1)."""
    parts = urlsplit(url)
    if parts.scheme in {"http", "https"} and _HOST.fullmatch(parts.netloc):
        return f"{parts.scheme}://{parts.netloc}"
    return f"{parts.scheme}:" if _SCHEME.fullmatch(parts.scheme) else "'none'"
