"""Pages: languages, policies, and values that cannot become markup."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from watchword import oauth_server
from watchword.errors import RateLimitExceededError
from watchword.wire.pages import LANGUAGES, Brand, Language, Pages, choose_language, redirect_to
from watchword.wire.request import Request
from watchword.wire.response import Response

TEMPLATES = Path(oauth_server.__file__).parent / "oauth" / "templates"
EVIL = '"><script>alert(1)</script>{{ 7 * 7 }}'


@pytest.fixture
def pages() -> Pages:
    """The product's own pages."""
    return Pages(TEMPLATES)


def words(language: str) -> dict[str, str]:
    return msgspec.json.decode((TEMPLATES / f"words.{language}.json").read_bytes(), type=dict[str, str])


def sign_in(pages: Pages, language: Language = "en", *, brand: Brand | None = None, client: str = "Shop") -> Response:
    return pages.render_page(
        "sign_in", language, brand=brand, client=client, alert="", action="/oauth/sign-in", form_token="t",
        hidden={"request": "r"}, email="",
    )  # fmt: skip


def policy_of(response: Response) -> dict[str, str]:
    policy = dict(response.header_pairs())[b"content-security-policy"].decode()
    return {part.split()[0]: part.strip().partition(" ")[2] for part in policy.split(";")}


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("ko", "ko"),
        ("ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7", "ko"),
        ("en-US,en;q=0.9,ko;q=0.8", "en"),
        ("de,fr;q=0.9", "en"),
        ("de,ko;q=0.1", "ko"),
        ("ko;q=0,en;q=0.5", "en"),
        ("KO", "ko"),
        ("ko;q=nonsense", "en"),
        (";;;,,,q=", "en"),
        ("de," * 10_000 + "ko", "en"),
    ],
)
def test_the_language_is_the_one_that_the_browser_weighs_most(accepted: str | None, language: str) -> None:
    """Accept-Language chooses between ours (RFC 9110 §12.5.4); who asks for none of them reads English."""
    assert choose_language(accepted) == language


def test_what_the_application_asks_for_comes_first() -> None:
    """The first of ``ui_locales`` that is ours wins over the browser's own (OpenID Connect Core §3.1.2.1)."""
    assert choose_language("en", "fr-CA ko-KR en") == "ko"
    assert choose_language("ko", "fr de") == "ko"


def test_both_languages_say_everything_with_the_same_values() -> None:
    """Each text stands in both languages and names the same values."""
    english, korean = words("en"), words("ko")
    assert list(english) == list(korean)
    for key, text in english.items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", korean[key])), key


def test_every_text_that_a_template_says_exists() -> None:
    """No template asks for a text that is not there."""
    known = words("en")
    for path in TEMPLATES.glob("*.html"):
        for key in re.findall(r"""say\(["']([a-z_.]+)["'][,)]""", path.read_text("utf-8")):
            assert key in known, (path.name, key)


def test_nothing_is_inline() -> None:
    """No template holds a style, a script or a handler of its own, which the policy would forbid."""
    for path in TEMPLATES.glob("*.html"):
        text = path.read_text("utf-8")
        assert re.search(r"\son\w+=|\sstyle=|<style|<script(?! src=)|javascript:", text) is None, path.name
        assert re.search(r"\|\s*safe|autoescape", text) is None, path.name


def test_a_page_carries_the_lines_that_protect_it(pages: Pages) -> None:
    """A page cannot be framed, cached, given another base or given scripts (ASVS 5.0 V3.4)."""
    response = sign_in(pages)
    lines = dict(response.header_pairs())
    assert policy_of(response) == {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'none'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert lines[b"x-frame-options"] == b"DENY"
    assert lines[b"cache-control"] == b"no-store"
    assert lines[b"cross-origin-opener-policy"] == b"same-origin"
    assert lines[b"vary"] == b"Origin, Accept-Language, Cookie"
    assert lines[b"content-language"] == b"en"


@pytest.mark.parametrize("language", LANGUAGES)
def test_values_are_text_and_never_markup(pages: Pages, language: Language) -> None:
    """What others named, a client or a tenant, is shown as the text that it is, in texts with values too."""
    response = sign_in(pages, language, brand=Brand(EVIL), client=EVIL)
    assert b"<script" not in response.body
    assert b"49" not in response.body
    assert response.body.count(b"&lt;script&gt;") == 3


def test_a_logo_opens_the_policy_to_its_own_origin_alone(pages: Pages) -> None:
    """The tenant's logo may be loaded, and nothing else from anywhere; its host learns nothing of the page."""
    brand = Brand("Shop", "https://cdn.example/logos/a.png")
    response = sign_in(pages, brand=brand)
    assert policy_of(response)["img-src"] == "https://cdn.example"
    assert b'src="https://cdn.example/logos/a.png"' in response.body
    assert b'referrerpolicy="no-referrer"' in response.body


@pytest.mark.parametrize(
    ("name", "initials"), [("Blue Bottle Shop", "BB"), ("acme", "A"), ("푸른 병", "푸병"), ("  ", ""), ("", "")]
)
def test_without_a_logo_the_initials_stand_for_it(name: str, initials: str) -> None:
    """The first letters of the first two words."""
    assert Brand(name).initials == initials


@pytest.mark.parametrize(
    ("target", "source"),
    [
        ("https://app.example/cb?x=1", "https:"),
        ("http://127.0.0.1:51004/cb", "http: https:"),
        ("http://[::1]:8080/cb", "http: https:"),
        ("com.example.app:/cb", "com.example.app: https:"),
        ("https://app.example; script-src *", "https:"),
        ("no address", "https:"),
    ],
)
def test_a_form_may_lead_to_where_its_answer_goes(pages: Pages, target: str, source: str) -> None:
    """A form's targets open the policy to their scheme, and to https: a client's site sends the browser on to others."""
    response = pages.render_page("signed_out", "en", form_targets=(target,), sign_in_href="/")
    assert policy_of(response)["form-action"] == f"'self' {source}"
    # Its client may have opened it in a window of its own, and waits there for the answer.
    assert b"cross-origin-opener-policy" not in dict(response.header_pairs())
    assert set(policy_of(response)) == set(policy_of(sign_in(pages)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_error_is_a_page_too(pages: Pages, language: Language) -> None:
    """An error keeps its status and headers, says what to do in the reader's language, and keeps its cause."""
    request = Request("GET", b"/", [(b"accept-language", language.encode())], client_address="", scheme="https")
    request.id = "req_1"
    response = pages.problem(RateLimitExceededError(7, cause="private"), request)
    assert (response.status, dict(response.header_pairs())[b"retry-after"]) == (429, b"7")
    assert words(language)["problem.RATE_LIMIT_EXCEEDED"] in response.body.decode()
    assert b"req_1" in response.body
    assert b"private" not in response.body + response.lines


def test_files_are_kept_for_ever_under_an_address_of_their_bytes(pages: Pages) -> None:
    """The style sheet's address names its bytes, so that browsers may keep it and never show an old one."""
    found = re.search(rb'href="/oauth/files/pages.css\?v=[0-9a-f]{16}"', sign_in(pages).body)
    assert found is not None
    lines = dict(pages.file("pages.css").header_pairs())
    assert (lines[b"content-type"], lines[b"cache-control"]) == (
        b"text/css; charset=utf-8", b"public, max-age=31536000, immutable",
    )  # fmt: skip
    with pytest.raises(KeyError):
        pages.file("words.en.json")


def test_a_redirect_forgets_the_form() -> None:
    """After a form the browser goes on with a GET, so that no password travels on (RFC 9700 §4.12)."""
    response = redirect_to("https://app.example/cb?code=1")
    assert (response.status, response.body) == (303, b"")
    with pytest.raises(ValueError, match="unsafe"):
        redirect_to("https://app.example/\r\nset-cookie: a=b")
