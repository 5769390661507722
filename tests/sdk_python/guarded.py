"""Guards of an API beside a server, and what is presented to them."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

from watchword_client.protect import Protection, Refusal
from watchword_client.testing import WatchwordServer

MakeGuard = Callable[..., Protection]


def get_token(server: WatchwordServer, scope: str = "orders:read", *, audience: str | None = None) -> str:
    """Get a token of the OAuth client."""
    form = {"grant_type": "client_credentials", "scope": scope, "resource": audience or server.audience}
    answer = httpx.post(f"{server.url}/oauth/token", data=form, auth=(server.client_id, server.client_secret))
    token: str = answer.json()["access_token"]
    return token


def sign_in(server: WatchwordServer) -> str:
    """Sign the administrator in and return the session's token."""
    person = {"email": server.email, "password": server.password}
    token: str = httpx.post(f"{server.url}/api/users/login", json=person).json()["token"]
    return token


def bearer(token: str) -> list[tuple[str, str]]:
    """Return the headers that carry a token or a key."""
    return [("Authorization", f"Bearer {token}")]


def code_of(protection: Protection, headers: list[tuple[str, str]]) -> str:
    """Return why these headers are refused, or nothing."""
    try:
        protection.identify(headers)
    except Refusal as refusal:
        return refusal.code
    return ""


def code_soon(protection: Protection, headers: list[tuple[str, str]], *, seconds: float = 5) -> str:
    """Return why these headers are refused as soon as they are."""
    until = time.monotonic() + seconds
    while not (code := code_of(protection, headers)) and time.monotonic() < until:
        time.sleep(0.02)
    return code
