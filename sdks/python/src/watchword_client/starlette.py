"""Starlette: one line gives an endpoint its caller.

``@protect("orders:read")`` above an endpoint, and ``request.state.caller`` in it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps

from starlette.requests import Request
from starlette.responses import Response

from watchword_client.asgi import identify_scope
from watchword_client.protect import Caller, Protection, Refusal

__all__ = ["Caller", "Protect"]

Endpoint = Callable[[Request], Awaitable[Response]]


class Protect:
    """Makes decorators of endpoints."""

    def __init__(self, protection: Protection) -> None:
        self._protection = protection

    def __call__(self, *scopes: str) -> Callable[[Endpoint], Endpoint]:
        """Return a decorator that lets in callers who hold these scopes."""

        def decorate(endpoint: Endpoint) -> Endpoint:
            @wraps(endpoint)
            async def protected(request: Request) -> Response:
                try:
                    request.state.caller = await identify_scope(self._protection, request.scope, scopes)
                except Refusal as refusal:
                    status, headers, body = self._protection.answer_to(refusal)
                    return Response(body, status, headers)
                return await endpoint(request)

            return protected

        return decorate
