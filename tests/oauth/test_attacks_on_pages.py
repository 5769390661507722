"""Attacks on the authorization endpoint and its pages: what a person sees is what is allowed, and no more is kept."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec

from browser import FORM_TYPE, Browser, answer_in
from oauth_flow import scalar
from oauth_pages_world import REQUEST, add_app, authorize_path, sign_in
from watchword.db.database import Statement
from world import Api

_SET_SCOPES = Statement("UPDATE oauth_clients SET scopes = $2 WHERE id = $1")


async def set_scopes(api: Api, client_id: str, *scopes: str) -> None:
    """Give a client other scopes, as its administrator, or its own registration, does."""
    text = msgspec.json.encode(scopes).decode()
    await api.application.database.transaction(lambda tx: tx.execute(_SET_SCOPES, client_id, text))


async def test_nobody_allows_more_than_was_shown(api: Api, browser: Browser) -> None:
    """A client that gets wider while the user looks at the question has to ask again (RFC 6749 §10.2)."""
    app = await add_app(api)
    await set_scopes(api, app, "products:read")
    page = await sign_in(browser, await browser.get(authorize_path(app, scope=None)))
    assert "Read products" in page.text
    before = await scalar(api, "SELECT count(*) FROM oauth_grants")
    await set_scopes(api, app, "products:read", "orders:*")
    answer = await browser.post(page, decision="allow")
    assert (answer.status_code, answer.headers.get("location")) == (403, None), answer.text
    assert await scalar(api, "SELECT count(*) FROM oauth_grants") == before
    assert await scalar(api, "SELECT count(*) FROM oauth_consents WHERE client_id = $1", app) == 0


async def test_no_page_is_shown_to_who_wants_none(api: Api, browser: Browser) -> None:
    """A request by form with ``prompt=none`` is answered, and leads to no page (OpenID Connect Core §3.1.2.1)."""
    app = await add_app(api)
    fields = {"client_id": app, **REQUEST, "prompt": "none"}
    sent = await browser.send_form("/oauth/authorize", fields)
    assert sent.status_code == 303
    answer = sent if not sent.headers["location"].startswith("/") else await browser.get(sent.headers["location"])
    assert answer_in(answer)["error"] == "login_required"


async def test_a_stranger_stores_no_long_request(api: Api) -> None:
    """What anybody may send without proving anything is kept for half an hour, and so is short (ASVS 15.1.3)."""
    app = await add_app(api)
    fields = {"client_id": app, **REQUEST, "state": "s" * 100_000}
    answer = await api.call(
        "POST", "/oauth/authorize", content=urlencode(fields).encode(), headers={"content-type": FORM_TYPE}
    )
    assert (answer.status_code, answer.headers.get("location")) == (400, None)
    assert await scalar(api, "SELECT count(*) FROM oauth_requests") == 0


async def test_a_stranger_pushes_no_long_request(api: Api) -> None:
    """Nor is a long one kept that anybody pushes in a public client's name (RFC 9126 §7.2)."""
    app = await add_app(api, kind="public")
    fields = {"client_id": app, **REQUEST, "state": "s" * 100_000}
    answer = await api.call(
        "POST", "/oauth/par", content=urlencode(fields).encode(), headers={"content-type": FORM_TYPE}
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert await scalar(api, "SELECT count(*) FROM oauth_requests") == 0
