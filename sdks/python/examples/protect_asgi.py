"""An orders API on plain ASGI: ``uvicorn --factory protect_asgi:main``."""

from __future__ import annotations

import json

from protect_settings import make_protection

from watchword_client.asgi import CALLER, ProtectMiddleware, Receive, Scope, Send
from watchword_client.protect import Protection


async def read_orders(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer whoever the middleware lets in."""
    caller = scope[CALLER]
    body = json.dumps({"kind": caller.kind, "subject": caller.subject, "role": caller.role}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


def make_app(protection: Protection) -> ProtectMiddleware:
    """Make the application."""
    return ProtectMiddleware(read_orders, protection, scopes=["orders:read"])


def main() -> ProtectMiddleware:
    """Make the application from the environment."""
    return make_app(make_protection())
