"""Authorization requests that are kept, while a person decides or after a push: when they end, and what is checked anew."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from browser import Browser, answer_in, forms_of
from oauth_pages_world import CALLBACK, REQUEST, add_app, authorize_path, require_page, sign_in
from oauth_world import disable_client
from support import SetClock
from watchword.db.database import Statement, Transaction
from watchword.oauth.models import AuthorizationRequest, ClientSettings
from watchword.oauth.queries import find_client_by_id
from watchword.oauth.stored_requests import REQUEST_URI_PREFIX, StoredRequests
from world import Api


async def test_a_kept_request_ends(api: Api, browser: Browser, clock: SetClock) -> None:
    """A person has half an hour for a request; then, or with a handle that nobody made, it leads nowhere."""
    app = await add_app(api)
    page = await browser.get(authorize_path(app))
    clock.advance(1_800_000)
    require_page(await sign_in(browser, page), "REQUEST_EXPIRED")
    for handle in ("made-up", "", "x" * 200, "%00"):
        answer = await browser.get(f"/oauth/consent?request={handle}")
        assert (answer.status_code, answer.headers.get("location")) == (400, None)


async def test_a_client_that_is_closed_meanwhile_gets_nothing(api: Api, browser: Browser) -> None:
    """Between the question and the answer a client may be closed: then it leads nowhere."""
    app = await add_app(api)
    page = await sign_in(browser, await browser.get(authorize_path(app)))
    await disable_client(api.application, app)
    require_page(await browser.submit(page, decision="allow"), "UNKNOWN_CLIENT")


async def test_a_redirect_uri_that_is_taken_back_meanwhile_is_not_followed(api: Api, browser: Browser) -> None:
    """A kept request is checked anew at each step."""
    app = await add_app(api)
    page = await sign_in(browser, await browser.get(authorize_path(app)))
    other = msgspec.json.encode(ClientSettings(redirect_uris=("https://app.example/other",))).decode()

    async def work(tx: Transaction) -> None:
        await tx.execute(Statement("UPDATE oauth_clients SET settings = $2 WHERE id = $1"), app, other)

    await api.application.database.transaction(work)
    require_page(await browser.submit(page, decision="allow"), "UNKNOWN_REDIRECT_URI")


async def push(api: Api, client_id: str, clock: SetClock, **changes: str) -> str:
    """Keep a request as the endpoint for pushed requests does, and return its request_uri."""
    client = await find_client_by_id(api.application.database, client_id)
    assert client is not None
    parameters = msgspec.convert({"client_id": client_id, **REQUEST, **changes}, AuthorizationRequest)
    stored = StoredRequests(api.application.database)
    handle = await stored.keep("pushed", client, parameters, ttl_seconds=60, now_ms=clock.now_ms())
    return f"{REQUEST_URI_PREFIX}{handle}"


def pushed_path(client_id: str, request_uri: str, more: str = "") -> str:
    return f"/oauth/authorize?client_id={client_id}&request_uri={quote(request_uri, safe='')}{more}"


@pytest.mark.parametrize("settings", [{}, {"require_pushed_requests": True}, {"profile": "fapi2"}])
async def test_a_pushed_request_is_answered_once(
    api: Api, browser: Browser, clock: SetClock, settings: dict[str, Any]
) -> None:
    """What was pushed counts and nothing beside it; it is answered once, however often its page was looked at."""
    app = await add_app(api, **settings)
    uri = await push(api, app, clock)
    path = pushed_path(app, uri, "&scope=products:write&redirect_uri=https://evil.example&state=evil")
    await browser.get(path)
    page = await sign_in(browser, await browser.get(path))
    assert "Read products" in page.text
    answer = await browser.submit(page, decision="allow")
    assert answer.headers["location"].startswith(f"{CALLBACK}?code=")
    assert answer_in(answer)["state"] == "s t/a&te"
    require_page(await browser.get(path), "INVALID_REQUEST_URI")
    assert answer_in(await browser.submit(page, decision="allow"))["error"] == "invalid_request_uri"


async def test_a_pushed_request_is_its_clients_and_ends(api: Api, browser: Browser, clock: SetClock) -> None:
    """Another client's request_uri, a made-up one, or one that is over, leads nowhere (RFC 9126 §2.2, §7)."""
    app, other = await add_app(api), await add_app(api)
    uri = await push(api, app, clock)
    for path in (
        pushed_path(other, uri),
        pushed_path(app, f"{REQUEST_URI_PREFIX}made-up"),
        pushed_path(app, REQUEST_URI_PREFIX),
    ):
        require_page(await browser.get(path), "INVALID_REQUEST_URI")
    clock.advance(60_000)
    require_page(await browser.get(pushed_path(app, uri)), "INVALID_REQUEST_URI")


async def test_a_page_request_is_no_pushed_one(api: Api, browser: Browser, clock: SetClock) -> None:
    """The handle of a kept request does not stand for a pushed one, nor the other way."""
    app = await add_app(api)
    page = await browser.get(authorize_path(app))
    handle = forms_of(page)[0].fields["request"]
    require_page(await browser.get(pushed_path(app, f"{REQUEST_URI_PREFIX}{handle}")), "INVALID_REQUEST_URI")
    uri = await push(api, app, clock)
    handle = uri.removeprefix(REQUEST_URI_PREFIX)
    require_page(await browser.get(f"/oauth/consent?request={handle}"), "REQUEST_EXPIRED")
