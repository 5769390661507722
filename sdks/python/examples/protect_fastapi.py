"""An orders API on FastAPI: ``uvicorn --factory protect_fastapi:main``."""

from __future__ import annotations

from fastapi import Depends, FastAPI
from protect_settings import make_protection

from watchword_client.fastapi import Caller, Protect
from watchword_client.protect import Protection


def make_app(protection: Protection) -> FastAPI:
    """Make the application."""
    app = FastAPI()
    protect = Protect(protection)
    protect.install(app)

    may_read = Depends(protect("orders:read"))

    @app.get("/orders")
    async def read_orders(caller: Caller = may_read) -> dict[str, str | None]:
        return {"kind": caller.kind, "subject": caller.subject, "role": caller.role}

    return app


def main() -> FastAPI:
    """Make the application from the environment."""
    return make_app(make_protection())
