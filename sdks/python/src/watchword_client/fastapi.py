"""FastAPI: one line gives a route its caller.

``caller: Annotated[Caller, Depends(protect("orders:read"))]`` among a route's parameters.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from fastapi.responses import Response

from watchword_client.asgi import identify_scope
from watchword_client.protect import Caller, Protection, Refusal

__all__ = ["Caller", "Protect"]


class Protect:
    """Makes dependencies of FastAPI; ``install`` it in the application, so that refusals become answers."""

    def __init__(self, protection: Protection) -> None:
        self._protection = protection

    def install(self, app: FastAPI) -> None:
        """Let the application answer whom is not let in."""
        app.add_exception_handler(Refusal, self._answer)

    def __call__(self, *scopes: str) -> Callable[[Request], Awaitable[Caller]]:
        """Return a dependency that gives the caller, who holds these scopes."""

        async def caller(request: Request) -> Caller:
            return await identify_scope(self._protection, request.scope, scopes)

        return caller

    async def _answer(self, _request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)  # noqa: S101 - it is registered for nothing else
        status, headers, body = self._protection.answer_to(error)
        return Response(body, status, headers)
