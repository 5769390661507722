"""Which caller holds which permission: the table of the design, cell by cell."""

from __future__ import annotations

import pytest

from watchword.callers.caller import Caller, CallerKind, Role
from watchword.callers.permissions import SCOPE_PATTERN, is_in_scope, require_permission
from watchword.errors import ForbiddenError, InsufficientScopeError

USER, SECRET, PUBLISHABLE = CallerKind.USER, CallerKind.SECRET_KEY, CallerKind.PUBLISHABLE_KEY
HOLDERS: list[tuple[CallerKind, Role | None]] = [
    (PUBLISHABLE, None),
    (SECRET, None),
    (USER, None),
    (USER, Role.TENANT_VIEWER),
    (USER, Role.TENANT_EDITOR),
    (USER, Role.TENANT_ADMIN),
    (USER, Role.SUPER_ADMIN),
]
#                          pk  sk  no role  viewer  editor  admin  super
TABLE = {
    ("products:read", True): "yes yes no yes yes yes yes",
    ("orders:read", False): "no yes no yes yes yes yes",
    ("products:write", True): "no yes no no yes yes yes",
    ("orders:write", False): "no yes no no yes yes yes",
    ("keys:read", False): "no no no no no yes yes",
    ("keys:write", False): "no no no no no yes yes",
    ("clients:write", False): "no no no no no yes yes",
    ("members:write", False): "no no no no no yes yes",
    ("tenants:write", False): "no no no no no yes yes",
    ("audit:read", False): "no no no no no yes yes",
    ("revocations:read", False): "no yes no no no yes yes",
    ("revocations:write", False): "no no no no no no no",
    ("installation:write", False): "no no no no no no yes",
    ("products:destroy", True): "no no no no no no no",
    ("products", True): "no no no no no no no",
    ("keys:read", True): "no no no no no yes yes",
}
CELLS = [
    (permission, public, kind, role, cell == "yes")
    for (permission, public), row in TABLE.items()
    for (kind, role), cell in zip(HOLDERS, row.split(), strict=True)
]


def caller(kind: CallerKind, role: Role | None = None, scopes: tuple[str, ...] | None = None) -> Caller:
    return Caller(kind, "ten_1", "live", "subject", role, scopes, "credential")


@pytest.mark.parametrize(("permission", "public", "kind", "role", "may"), CELLS)
def test_table(permission: str, public: bool, kind: CallerKind, role: Role | None, may: bool) -> None:  # noqa: FBT001 - columns
    """Each holder has exactly the permissions of its column; what is in no row nobody has."""
    if may:
        require_permission(caller(kind, role), permission, public=public)
    else:
        with pytest.raises(ForbiddenError):
            require_permission(caller(kind, role), permission, public=public)


@pytest.mark.parametrize(
    ("scopes", "permission", "inside"),
    [
        (None, "products:read", True),
        ((), "products:read", False),
        (("products:read",), "products:read", True),
        (("products:read",), "products:write", False),
        (("products:*",), "products:write", True),
        (("*:read",), "orders:read", True),
        (("*:read",), "orders:write", False),
        (("*:*",), "orders:write", True),
        (("product:read",), "products:read", False),
        (("products",), "products:read", False),
        (("orders:read", "products:read"), "products:read", True),
    ],
)
def test_scopes_narrow(scopes: tuple[str, ...] | None, permission: str, inside: bool) -> None:  # noqa: FBT001 - a column
    """A scope covers its own resource and action, and a star whatever stands in its place."""
    assert is_in_scope(scopes, permission) is inside


def test_scopes_never_widen() -> None:
    """A scope for all gives a publishable key nothing that its kind may not hold."""
    for permission in ("products:write", "keys:write", "installation:write"):
        with pytest.raises(ForbiddenError):
            require_permission(caller(PUBLISHABLE, scopes=("*:*",)), permission, public=True)


def test_missing_scope_is_named() -> None:
    """A key that its scopes hold back learns which scope it lacks."""
    with pytest.raises(InsufficientScopeError) as refusal:
        require_permission(caller(SECRET, scopes=("orders:*",)), "products:read", public=True)
    assert refusal.value.extensions == {"requiredScope": "products:read"}


@pytest.mark.parametrize(
    "text", ["", "products", ":", "a:", ":read", "a:b", "A:read", "a:read ", "a b:read", "*:**", "a" * 64 + ":read"]
)
def test_scope_grammar_refuses(text: str) -> None:
    """What is no resource, colon, action is no scope."""
    assert SCOPE_PATTERN.fullmatch(text) is None
