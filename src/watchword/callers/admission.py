"""Whether a route lets a caller in: who may call it, and the permission that it asks for."""

from __future__ import annotations

from typing import Final

import msgspec

from watchword.callers.caller import CallerKind
from watchword.callers.identify import Identity
from watchword.callers.permissions import require_permission, require_tenant
from watchword.errors import ForbiddenError, NotAuthenticatedError
from watchword.wire.request import Request
from watchword.wire.routes import Route

PROVED_BY_ENDPOINT: Final = frozenset({"client", "page"})
_OPEN: Final = PROVED_BY_ENDPOINT | {"anyone"}
_KEYS: Final = frozenset({CallerKind.SECRET_KEY, CallerKind.PUBLISHABLE_KEY})
_ADMITTED: Final = "the route that let a caller in"


class _Admitted(msgspec.Struct, frozen=True):
    route: Route
    identity: Identity


def is_open(route: Route) -> bool:
    """Say whether a route lets anyone in, proved or not."""
    return route.callers in _OPEN and route.permission is None


def require_admission(request: Request, route: Route, identity: Identity | None) -> None:
    """Refuse a caller whom the route does not let in.

    Route and identity, neither of which ever changes, decide alone: of these two very objects it is asked once for
    headers that come again.

    Raises:
        NotAuthenticatedError: nobody is proved, and the route is not open.
        ForbiddenError: the caller is of another kind, or has no right to this.
        MalformedRequestError: a super-admin named no tenant.
    """
    derived = request.head.derived
    admitted = derived.get(_ADMITTED)
    if isinstance(admitted, _Admitted) and admitted.route is route and admitted.identity is identity:
        return
    if identity is None:
        if not is_open(route):
            raise NotAuthenticatedError
        return
    _require_identity(route, identity)
    derived[_ADMITTED] = _Admitted(route, identity)


def _require_identity(route: Route, identity: Identity) -> None:
    kind = identity.caller.kind
    if route.callers == "user" and identity.session is None and not _may_stand_for_user(route, identity):
        raise ForbiddenError(cause="only a signed-in user may call this")
    if route.callers == "key" and kind not in _KEYS:
        raise ForbiddenError(cause="only a key may call this")
    if route.permission is not None:
        require_permission(identity.caller, route.permission, public=route.publishable)
        require_tenant(identity.caller, route.permission)


def _may_stand_for_user(route: Route, identity: Identity) -> bool:
    """Say whether a user's access token gets in: where a scope can stand for the permission, never to the account."""
    return route.permission is not None and identity.access is not None and identity.caller.kind is CallerKind.USER
