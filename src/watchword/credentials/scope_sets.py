"""Lists of scopes held against each other: what one covers of another, and what both give."""

from __future__ import annotations


def narrow(scopes: tuple[str, ...], limits: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """Return what each of the limits leaves of the scopes; as they are, where that is all of them."""
    for limit in limits:
        if not all(is_covered(scope, limit) for scope in scopes):
            scopes = common_scopes(scopes, limit)
    return scopes


def is_covered(scope: str, allowed: tuple[str, ...]) -> bool:
    """Say whether one of the allowed scopes gives all that this one does."""
    if scope in allowed:
        return True
    resource, separator, action = scope.partition(":")
    if not separator:
        return False
    for wider in allowed:
        wider_resource, _, wider_action = wider.partition(":")
        if wider_resource in {"*", resource} and wider_action in {"*", action}:
            return True
    return False


def common_scopes(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """Return what two lists of scopes both give, in as few words: ``products:*`` and ``*:read`` give ``products:read``."""
    met = dict.fromkeys(meet for one in first for other in second if (meet := _meet(one, other)) is not None)
    return tuple(scope for scope in met if not is_covered(scope, tuple(wider for wider in met if wider != scope)))


def _meet(one: str, other: str) -> str | None:
    if one == other:
        return one
    parts = [part for scope in (one, other) for part in scope.split(":", 1)]
    if len(parts) != 4:  # noqa: PLR2004 - resource and action of both; a scope about the user has neither
        return None
    resource = _meet_part(parts[0], parts[2])
    action = _meet_part(parts[1], parts[3])
    return None if resource is None or action is None else f"{resource}:{action}"


def _meet_part(one: str, other: str) -> str | None:
    if other in {one, "*"}:
        return one
    return other if one == "*" else None
