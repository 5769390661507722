"""Whom a route lets in, also when the same headers come again."""

from __future__ import annotations

from typing import Any

import pytest

from watchword.callers.admission import require_admission
from watchword.callers.caller import Caller, CallerKind, Role
from watchword.callers.identify import Identity
from watchword.errors import ForbiddenError, MalformedRequestError, NotAuthenticatedError, WatchwordError
from watchword.limits.limiter import Limited
from watchword.wire.request import Head, Request
from watchword.wire.response import Response, no_content
from watchword.wire.routes import Route


async def handle(_call: Any) -> Response:  # noqa: ANN401 - as every handler
    return no_content()


def route(permission: str | None, **more: Any) -> Route:  # noqa: ANN401 - any field of a route
    fields = {"method": "GET", "path": "/a", "callers": "any caller", "summary": "", **more}
    return Route(handler=handle, permission=permission, **fields)


def identity(role: Role | None, kind: CallerKind = CallerKind.USER, tenant_id: str = "ten_1") -> Identity:
    caller = Caller(kind, tenant_id, "live", "usr_1", role, None, "ses_1")
    return Identity(caller, (), Limited(tenant_id, "free", "ses_1", None))


READ, WRITE, KEYS = route("products:read"), route("products:write", method="POST"), route("keys:read")
OPEN, PUBLIC = route(None, callers="anyone"), route("products:read", publishable=True)
VIEWER, EDITOR, SUPER = (
    identity(Role.TENANT_VIEWER),
    identity(Role.TENANT_EDITOR),
    identity(Role.SUPER_ADMIN, tenant_id=""),
)
PUBLISHABLE = identity(None, CallerKind.PUBLISHABLE_KEY)

REFUSED: list[tuple[Route, Identity | None, type[WatchwordError]]] = [
    (READ, None, NotAuthenticatedError),
    (WRITE, VIEWER, ForbiddenError),
    (KEYS, EDITOR, ForbiddenError),
    (READ, PUBLISHABLE, ForbiddenError),
    (READ, SUPER, MalformedRequestError),
    (route(None, callers="user"), VIEWER, ForbiddenError),
    (route(None, callers="key"), VIEWER, ForbiddenError),
]
LET_IN: list[tuple[Route, Identity | None]] = [
    (READ, VIEWER),
    (WRITE, EDITOR),
    (PUBLIC, PUBLISHABLE),
    (OPEN, None),
    (OPEN, VIEWER),
    (route(None, callers="key"), PUBLISHABLE),
]


@pytest.mark.parametrize(("asked", "who", "error"), REFUSED)
def test_whom_a_route_refuses_it_refuses_again_after_any_other(
    asked: Route, who: Identity | None, error: type[WatchwordError]
) -> None:
    """What the same headers were let in to before, and as whom, opens no other route and helps nobody else."""
    head = Head([(b"authorization", b"Bearer x")])
    for let_in, caller in [*LET_IN, *LET_IN]:
        request = Request("GET", b"/a", head, client_address="", scheme="https")
        require_admission(request, let_in, caller)
        with pytest.raises(error):
            require_admission(request, asked, who)
        with pytest.raises(error):
            require_admission(request, asked, who)
