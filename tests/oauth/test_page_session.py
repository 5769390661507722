"""Who looks at a page, and whose form it was."""

from __future__ import annotations

import pytest

from support import SetClock
from watchword.credentials.form_token import make_form_token
from watchword.errors import CrossSiteRequestError, MalformedRequestError
from watchword.oauth.page_session import PageSessions, Visit
from watchword.wire.request import Request
from world import Api

BROWSER = "__Host-watchword-browser"
PAGES = "__Host-watchword-pages"
OWN = "https://api.example"


def request(cookie: str = "", **headers: str) -> Request:
    pairs = [(b"host", b"api.example")]
    if cookie:
        pairs.append((b"cookie", cookie.encode()))
    pairs += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request("POST", b"/oauth/sign-in", pairs, client_address="127.0.0.1", scheme="https")


@pytest.fixture
def sessions(api: Api) -> PageSessions:
    """What knows browsers."""
    return api.application.oauth.page_sessions


async def test_a_stranger_is_given_a_secret(sessions: PageSessions, clock: SetClock) -> None:
    """A browser without any cookie gets one that no script and no other site's request can use."""
    visit = await sessions.visit(request(), clock.now_ms())
    assert visit.signed_in is None
    assert visit.lines == (f"set-cookie: {BROWSER}={visit.secret}; Path=/; Secure; HttpOnly; SameSite=Lax\r\n".encode())
    assert visit.secret not in repr(visit)


async def test_a_browser_keeps_its_secret(sessions: PageSessions, clock: SetClock) -> None:
    """Two tabs of one browser work side by side: the secret is not replaced."""
    visit = await sessions.visit(request(f"{BROWSER}=kept"), clock.now_ms())
    assert (visit.secret, visit.lines) == ("kept", b"")


async def test_the_session_is_known_by_its_cookie(api: Api, sessions: PageSessions, clock: SetClock) -> None:
    """A living session in the pages' cookie says who is there."""
    token = api.world.tokens["viewer_a"]
    visit = await sessions.visit(request(f"{PAGES}={token}", accept_language="ko"), clock.now_ms())
    assert visit.signed_in is not None
    assert (visit.signed_in.email, visit.language, visit.secret) == ("viewer.a@example.com", "ko", token)


@pytest.mark.parametrize("cookie", ["__Host-watchword={token}", f"{PAGES}=made.up.one", f"{PAGES}=", "pages={token}"])
async def test_nothing_else_is_a_session(api: Api, sessions: PageSessions, clock: SetClock, cookie: str) -> None:
    """The API's own cookie, a forged one or none make a stranger, and never an error."""
    sent = cookie.replace("{token}", api.world.tokens["viewer_a"])
    assert await sessions.find_signed_in(request(sent), clock.now_ms()) is None


async def test_an_ended_session_is_nobodys(api: Api, sessions: PageSessions, clock: SetClock) -> None:
    """Ending the session anywhere ends it on the pages with the next request."""
    sent = request(f"{PAGES}={api.world.tokens['viewer_a']}")
    assert await sessions.find_signed_in(sent, clock.now_ms()) is not None
    await api.application.users.end_sessions(api.world.users["viewer_a"], clock.now_ms())
    assert await sessions.find_signed_in(sent, clock.now_ms()) is None


async def test_an_expired_session_is_nobodys(api: Api, sessions: PageSessions, clock: SetClock) -> None:
    """After its seven days a session's user signs in again."""
    sent = request(f"{PAGES}={api.world.tokens['viewer_a']}")
    clock.advance(604_800_000)
    assert await sessions.find_signed_in(sent, clock.now_ms()) is None


async def test_a_cookie_that_came_twice_is_refused(api: Api, sessions: PageSessions, clock: SetClock) -> None:
    """Which of two sessions counts must not be the sender's choice."""
    token = api.world.tokens["viewer_a"]
    with pytest.raises(MalformedRequestError):
        await sessions.find_signed_in(request(f"{PAGES}={token}; {PAGES}={token}"), clock.now_ms())


def visit_of(secret: str = "mine", lines: bytes = b"") -> Visit:
    return Visit(signed_in=None, language="en", secret=secret, lines=lines)


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "same-origin", "origin": "null"},
        {"origin": OWN},
        {"origin": "null"},
        {},
    ],
)
async def test_an_own_form_is_taken(shared: Api, headers: dict[str, str]) -> None:
    """The token of this browser and form, and nothing in the headers that speaks against it."""
    visit = visit_of()
    shared.application.oauth.page_sessions.require_form(
        request(**headers), visit, visit.form_token("sign-in"), "sign-in"
    )


@pytest.mark.parametrize(
    ("headers", "visit", "token"),
    [
        ({}, visit_of(), None),
        ({}, visit_of(), make_form_token("another", "sign-in")),
        ({}, visit_of(), make_form_token("mine", "consent")),
        ({}, visit_of(lines=b"set-cookie: x\r\n"), make_form_token("mine", "sign-in")),
        ({"sec_fetch_site": "cross-site"}, visit_of(), make_form_token("mine", "sign-in")),
        ({"sec_fetch_site": "same-site"}, visit_of(), make_form_token("mine", "sign-in")),
        ({"origin": "https://evil.example"}, visit_of(), make_form_token("mine", "sign-in")),
        ({"origin": "http://api.example"}, visit_of(), make_form_token("mine", "sign-in")),
    ],
    ids=["no token", "another browser", "another form", "no cookie", "cross-site", "subdomain", "origin", "in clear"],
)
async def test_any_other_form_is_refused(shared: Api, headers: dict[str, str], visit: Visit, token: str | None) -> None:
    """A form of another site, browser, session or purpose is refused (RFC 6749 §10.12, ASVS 5.0 V3.5.1)."""
    with pytest.raises(CrossSiteRequestError):
        shared.application.oauth.page_sessions.require_form(request(**headers), visit, token, "sign-in")
