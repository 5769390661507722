"""An orders API on Flask: ``flask --app protect_flask:main run``."""

from __future__ import annotations

from flask import Flask
from protect_settings import make_protection

from watchword_client.flask import Protect, current_caller
from watchword_client.protect import Protection


def make_app(protection: Protection) -> Flask:
    """Make the application."""
    app = Flask(__name__)
    protect = Protect(protection)

    @app.get("/orders")
    @protect("orders:read")
    def read_orders() -> dict[str, str | None]:
        caller = current_caller()
        return {"kind": caller.kind, "subject": caller.subject, "role": caller.role}

    return app


def main() -> Flask:
    """Make the application from the environment."""
    return make_app(make_protection())
