"""Flask: one line gives a view its caller.

``@protect("orders:read")`` above a view, and ``current_caller()`` in it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, cast

from flask import Response, g, request
from flask.typing import ResponseReturnValue

from watchword_client.protect import Caller, Protection, Refusal
from watchword_client.wsgi import identify_environ

__all__ = ["Caller", "Protect", "current_caller"]

P = ParamSpec("P")


class Protect:
    """Makes decorators of views."""

    def __init__(self, protection: Protection) -> None:
        self._protection = protection

    def __call__(self, *scopes: str) -> Callable[[Callable[P, ResponseReturnValue]], Callable[P, ResponseReturnValue]]:
        """Return a decorator that lets in callers who hold these scopes."""

        def decorate(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
            @wraps(view)
            def protected(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
                try:
                    g.watchword_caller = identify_environ(self._protection, dict(request.environ), scopes)
                except Refusal as refusal:
                    status, headers, body = self._protection.answer_to(refusal)
                    return Response(body, status, headers)
                return view(*args, **kwargs)

            return protected

        return decorate


def current_caller() -> Caller:
    """Return who sends the request that is being served, in a protected view."""
    return cast("Caller", g.watchword_caller)
