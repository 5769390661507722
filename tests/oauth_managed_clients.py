"""OAuth clients as an administrator makes them through the HTTP door, and what they get with their secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from oauth_world import basic
from world import Api

OWN: dict[str, Any] = {"name": "Warehouse", "grants": ["client_credentials"]}
CODE: dict[str, Any] = {
    "name": "Partner",
    "grants": ["authorization_code", "refresh_token"],
    "redirect_uris": ["https://partner.example/cb"],
}


async def make(api: Api, body: Mapping[str, Any] = OWN, who: str = "admin_a") -> dict[str, Any]:
    """Make a client, and return what is shown of it once."""
    made = await api.call("POST", "/api/clients", who=who, json=body)
    assert made.status_code == 201, made.text
    doc: dict[str, Any] = made.json()["doc"]
    return doc


async def ask(api: Api, client_id: str, secret: str) -> httpx.Response:
    """Ask for a token as the client itself."""
    form = b"grant_type=client_credentials"
    headers = {"content-type": "application/x-www-form-urlencoded", **basic(client_id, secret)}
    return await api.call("POST", "/oauth/token", content=form, headers=headers)


async def status_of(api: Api, client_id: str, secret: str) -> int:
    """Return the status of asking for a token."""
    return (await ask(api, client_id, secret)).status_code


async def token_of(api: Api, doc: Mapping[str, Any]) -> str:
    """Return a token of a client that was just made."""
    answer = await ask(api, doc["id"], doc["clientSecret"])
    token: str = answer.json()["access_token"]
    return token


async def reads(api: Api, token: str) -> int:
    """Return the status of reading products by a token."""
    answer = await api.call("GET", "/api/products", headers={"authorization": f"Bearer {token}"})
    return answer.status_code


def fields_of(answer: httpx.Response) -> list[str]:
    """Return the fields that a refusal names."""
    assert answer.status_code == 400, answer.text
    return [field["path"] for field in answer.json()["errors"][0]["extensions"]["fields"]]
