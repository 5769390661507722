"""Exchanges of tokens, for the tests of what they give and of how that ends."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet

from oauth_world import basic
from world import Api

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
JWT = "urn:ietf:params:oauth:token-type:jwt"
API_KEY = "urn:watchword:params:oauth:token-type:api_key"
FORM = {"content-type": "application/x-www-form-urlencoded"}
NOT_ACCEPTED = {"error": "invalid_request", "error_description": "The token is not accepted"}
HELD: list[dict[str, object]] = [{"allowed_networks": ["127.0.0.0/8"]}, {"rate_limit": 5}]
"""What holds a key to where it is sent from, and how often: its token could be sent from anywhere."""


async def exchange(api: Api, client_id: str, token: str, token_type: str, **more: str) -> httpx.Response:
    """Exchange a token as a confidential client."""
    form = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": token_type, **more}
    return await api.call(
        "POST", "/oauth/token", content=urlencode(form).encode(), headers={**FORM, **basic(client_id)}
    )


async def exchanged(api: Api, client_id: str, token: str, token_type: str, **more: str) -> str:
    """Return the new token."""
    answer = await exchange(api, client_id, token, token_type, **more)
    assert answer.status_code == 200, answer.text
    got: str = answer.json()["access_token"]
    return got


async def claims_of(api: Api, token: str, tenant: str = "a") -> dict[str, Any]:
    """Return what a signed token says, by the tenant's published keys."""
    keys = KeySet.import_key_set((await api.call("GET", f"/t/tenant-{tenant}/oauth/jwks")).json())
    claims: dict[str, Any] = jwt.decode(token, keys, algorithms=["EdDSA"]).claims
    return claims


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"authorization": f"Bearer {token}"}


async def reads(api: Api, token: str) -> int:
    """Return the status of reading products by a token."""
    return (await api.call("GET", "/t/tenant-a/api/products", headers=bearer(token))).status_code
