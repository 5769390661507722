"""An orders API on Starlette: ``uvicorn --factory protect_starlette:main``."""

from __future__ import annotations

from protect_settings import make_protection
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from watchword_client.protect import Protection
from watchword_client.starlette import Protect


def make_app(protection: Protection) -> Starlette:
    """Make the application."""
    protect = Protect(protection)

    @protect("orders:read")
    async def read_orders(request: Request) -> Response:
        caller = request.state.caller
        return JSONResponse({"kind": caller.kind, "subject": caller.subject, "role": caller.role})

    return Starlette(routes=[Route("/orders", read_orders)])


def main() -> Starlette:
    """Make the application from the environment."""
    return make_app(make_protection())
