"""An orders API on plain WSGI: ``gunicorn 'protect_wsgi:main()'``."""

from __future__ import annotations

import json
from collections.abc import Iterable

from protect_settings import make_protection

from watchword_client.protect import Protection
from watchword_client.wsgi import CALLER, Environ, ProtectMiddleware, StartResponse


def read_orders(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer whoever the middleware lets in."""
    caller = environ[CALLER]
    start_response("200 OK", [("content-type", "application/json")])
    return [json.dumps({"kind": caller.kind, "subject": caller.subject, "role": caller.role}).encode()]


def make_app(protection: Protection) -> ProtectMiddleware:
    """Make the application."""
    return ProtectMiddleware(read_orders, protection, scopes=["orders:read"])


def main() -> ProtectMiddleware:
    """Make the application from the environment."""
    return make_app(make_protection())
