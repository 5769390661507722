"""From a client's request through the pages to its answer."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

import msgspec
import pytest

from browser import Browser, answer_in, forms_of
from oauth_pages_world import CALLBACK, REQUEST, add_app, authorize_path, sign_in
from watchword.db.database import Statement
from watchword.oauth.models import AuthorizationRequest
from watchword.oauth.queries import find_client_by_id
from watchword.oauth.stored_requests import REQUEST_URI_PREFIX, StoredRequests
from world import Api

LIVING_GRANTS_AND_SESSIONS = Statement(
    "SELECT s.ended_at FROM oauth_grants g JOIN sessions s ON s.id = g.session_id"
    " WHERE g.client_id = $1 AND g.ended_at IS NULL"
)


@pytest.fixture
def api(stored_api: Api) -> Api:
    """The door, once on each database."""
    return stored_api


async def test_a_user_signs_in_allows_and_is_sent_back_with_a_code(api: Api, browser: Browser) -> None:
    """The whole way: sign-in, consent, and a code with state and iss at the client's own address."""
    app = await add_app(api)
    page = await browser.get(authorize_path(app))
    assert "<h1>Sign in</h1>" in page.text
    assert "Test" in page.text
    page = await sign_in(browser, page)
    assert "Test asks for access" in page.text
    for text in ("editor.a@example.com", "Tenant a", "Read products", "Know that it is you", "app.example"):
        assert text in page.text
    answer = await browser.submit(page, decision="allow")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{CALLBACK}?code=")
    fields = answer_in(answer)
    assert set(fields) == {"code", "state", "iss"}
    assert fields["state"] == "s t/a&te"
    assert fields["iss"] == f"{api.application.settings.url}/t/tenant-a"


async def test_what_was_allowed_is_remembered(api: Api, browser: Browser) -> None:
    """The second time the same client gets its code at once; for more than before the user is asked again."""
    app = await add_app(api)
    await browser.submit(await sign_in(browser, await browser.get(authorize_path(app))), decision="allow")
    again = await browser.get(authorize_path(app))
    assert set(answer_in(again)) == {"code", "state", "iss"}
    more = await browser.get(authorize_path(app, scope="openid products:write"))
    assert "Test asks for access" in more.text


async def test_no_is_an_answer(api: Api, browser: Browser) -> None:
    """Who denies is sent back with access_denied and no code (RFC 6749 §4.1.2.1)."""
    app = await add_app(api)
    page = await sign_in(browser, await browser.get(authorize_path(app)))
    fields = answer_in(await browser.submit(page, decision="deny"))
    assert (fields["error"], fields["state"]) == ("access_denied", "s t/a&te")
    assert "iss" in fields
    assert len(forms_of(page)) == 1


async def test_what_has_access_is_shown_and_taken_away(api: Api, browser: Browser) -> None:
    """The account page lists the client, and no longer after its access was withdrawn."""
    app = await add_app(api)
    await browser.submit(await sign_in(browser, await browser.get(authorize_path(app))), decision="allow")
    page = await browser.get("/oauth/account")
    assert "<h3>Test</h3>" in page.text
    page = await browser.submit(page)
    assert "<h3>Test</h3>" not in page.text
    assert "asks for access" in (await browser.get(authorize_path(app))).text


async def test_signing_in_again_keeps_what_was_allowed(api: Api, browser: Browser) -> None:
    """What hangs on the session before hangs on the one that takes its place."""
    app = await add_app(api)
    await browser.submit(await sign_in(browser, await browser.get(authorize_path(app))), decision="allow")
    page = await browser.get("/oauth/sign-in")
    assert "<h1>Your account</h1>" in (await sign_in(browser, page)).text
    grants = await api.application.database.scan_rows(LIVING_GRANTS_AND_SESSIONS, app)
    assert [ended for (ended,) in grants] == [None]


async def test_a_pushed_request_has_one_answer(api: Api, browser: Browser) -> None:
    """Of parallel answers to one pushed request one is given a code (RFC 9126 §4)."""
    app = await add_app(api)
    await browser.submit(await sign_in(browser, await browser.get(authorize_path(app))), decision="allow")
    client = await find_client_by_id(api.application.database, app)
    assert client is not None
    stored = StoredRequests(api.application.database)
    handle = await stored.keep(
        "pushed",
        client,
        msgspec.convert({"client_id": app, **REQUEST}, AuthorizationRequest),
        ttl_seconds=60,
        now_ms=api.application.clock.now_ms(),
    )
    path = f"/oauth/authorize?{urlencode({'client_id': app, 'request_uri': REQUEST_URI_PREFIX + handle})}"
    answers = await asyncio.gather(*(browser.get(path) for _ in range(20)))
    assert len([answer for answer in answers if "code=" in answer.headers.get("location", "")]) == 1
