"""Clients that register by themselves, for the tests of registering and of managing what was registered."""

from __future__ import annotations

from typing import Any

import httpx

from oauth_pages_world import CALLBACK
from world import Api

REGISTER = "/t/tenant-a/oauth/register"
WANTED: dict[str, Any] = {"client_name": "An agent", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"}


async def register(api: Api, *, path: str = REGISTER, token: str | None = None, **changes: Any) -> httpx.Response:  # noqa: ANN401 - metadata of any shape
    """Register a client; a change to None leaves a field out."""
    metadata = {name: value for name, value in {**WANTED, **changes}.items() if value is not None}
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    return await api.call("POST", path, json=metadata, headers=headers)


def bearer(token: str) -> dict[str, str]:
    """Return the header that presents a token."""
    return {"authorization": f"Bearer {token}".strip()}


def require_refused(answer: httpx.Response, status: int, error: str) -> None:
    """Hold an answer to be this refusal (RFC 7591 §3.2.2)."""
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert answer.headers["cache-control"] == "no-store"
