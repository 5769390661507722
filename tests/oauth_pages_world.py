"""Clients that send people, for the tests of the pages."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec

from browser import Browser
from oauth_world import add_client
from watchword.db.database import Statement
from watchword.oauth.models import ClientSettings
from watchword.oauth.pkce import make_code_challenge
from world import PASSWORD, Api

CALLBACK = "https://app.example/callback"
VERIFIER = "a-verifier-of-at-least-forty-three-characters"
_SET_SOURCE = Statement("UPDATE oauth_clients SET source = $2 WHERE id = $1")
REQUEST = {
    "response_type": "code",
    "redirect_uri": CALLBACK,
    "scope": "openid products:read",
    "state": "s t/a&te",
    "nonce": "n",
    "code_challenge": make_code_challenge(VERIFIER),
    "code_challenge_method": "S256",
}


async def add_app(
    api: Api,
    *,
    tenant: str = "a",
    kind: str = "confidential",
    grants: tuple[str, ...] = ("authorization_code", "refresh_token"),
    **settings: Any,  # noqa: ANN401 - the fields of ClientSettings
) -> str:
    """Store a client that sends people, and return its id."""
    chosen = msgspec.structs.replace(ClientSettings(redirect_uris=(CALLBACK,)), **settings)
    return await add_client(api.application, api.world.tenants[tenant], kind=kind, grants=grants, settings=chosen)


async def add_stranger(api: Api, source: str = "registration", **settings: Any) -> str:  # noqa: ANN401 - ClientSettings
    """Store a client as it stands after it let itself in, and return its id."""
    app = await add_app(api, **settings)
    await become_stranger(api, app, source)
    return app


async def become_stranger(api: Api, client_id: str, source: str = "registration") -> None:
    """Take away that an administrator registered a client."""
    await api.application.database.transaction(lambda tx: tx.execute(_SET_SOURCE, client_id, source))


def authorize_path(app: str, /, *, path: str = "/oauth/authorize", **changes: str | None) -> str:
    """Return the address that a client sends people to; a change to None leaves a parameter out."""
    fields = {"client_id": app, **REQUEST, **changes}
    return f"{path}?{urlencode({name: value for name, value in fields.items() if value is not None})}"


async def sign_in(browser: Browser, page: httpx.Response, who: str = "editor_a") -> httpx.Response:
    """Fill in the form of the sign-in page."""
    email = f"{who.replace('_', '.')}@example.com"
    return await browser.submit(page, email=email, password=PASSWORD)


def require_page(page: httpx.Response, code: str) -> None:
    """Hold an answer to be a page of ours with this error, which leads nowhere."""
    assert page.status_code == 400
    assert "location" not in page.headers
    assert "set-cookie" not in page.headers
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert f"<code>{code}</code>" in page.text
    assert "evil" not in page.text
