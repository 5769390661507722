"""Django: one line gives a view its caller.

``@protect("orders:read")`` above a view, and ``request.caller`` in it; sync and async views alike.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, TypedDict
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from watchword_client.protect import Caller, Protection, Refusal

__all__ = ["Caller", "Protect"]

View = Callable[..., Any]


class Protect:
    """Makes decorators of views.

    A protected view is exempt from Django's check of forms: who calls is said by a header, which no other site's page
    can make a browser send; cookies are not read.
    """

    def __init__(self, protection: Protection) -> None:
        self._protection = protection

    def __call__(self, *scopes: str) -> Callable[[View], View]:
        """Return a decorator that lets in callers who hold these scopes."""

        def decorate(view: View) -> View:
            if iscoroutinefunction(view):

                @wraps(view)
                async def protected_async(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # noqa: ANN401 - the view's own
                    try:
                        caller = await self._protection.identify_async(request.headers.items(), **_sent(request))
                        self._let_in(request, caller, scopes)
                    except Refusal as refusal:
                        return self._answer(refusal)
                    response: HttpResponse = await view(request, *args, **kwargs)
                    return response

                return _exempt(protected_async)

            @wraps(view)
            def protected(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # noqa: ANN401 - the view's own
                try:
                    caller = self._protection.identify(request.headers.items(), **_sent(request))
                    self._let_in(request, caller, scopes)
                except Refusal as refusal:
                    return self._answer(refusal)
                response: HttpResponse = view(request, *args, **kwargs)
                return response

            return _exempt(protected)

        return decorate

    def _let_in(self, request: HttpRequest, caller: Caller, scopes: tuple[str, ...]) -> None:
        self._protection.require(caller, *scopes)
        setattr(request, "caller", caller)  # noqa: B010 - Django's own type does not know it

    def _answer(self, refusal: Refusal) -> HttpResponse:
        status, headers, body = self._protection.answer_to(refusal)
        return HttpResponse(body, status=status, headers=headers)


def _exempt(view: View) -> View:
    exempt: View = csrf_exempt(view)
    return exempt


class _Sent(TypedDict):
    """What a credential may be held to."""

    address: str | None
    method: str
    path: str


def _sent(request: HttpRequest) -> _Sent:
    return {"address": request.META.get("REMOTE_ADDR"), "method": request.method or "", "path": quote(request.path)}
