"""Who may see or change which documents of a collection.

The pipeline has checked role and scopes by the route's permission; here the definition's own rule is held up, and a
publishable key is held to the documents that are public.
"""

from __future__ import annotations

from typing import Final, TypeGuard

import msgspec

from watchword.callers.caller import Caller, CallerKind, Role
from watchword.errors import ForbiddenError
from watchword.records.definitions import Access, Action, Collection
from watchword.records.filter import Condition, Filter, Group

ALL: Final = ""
"""The facet of all documents; the others are values of the counted field, which are never empty."""

_Holders = frozenset[Role | CallerKind]
_ADMINS: Final[_Holders] = frozenset({Role.TENANT_ADMIN, Role.SUPER_ADMIN})
_EDITORS: Final[_Holders] = _ADMINS.union({Role.TENANT_EDITOR, CallerKind.SECRET_KEY, CallerKind.CLIENT})
_MEMBERS: Final[_Holders] = _EDITORS.union({Role.TENANT_VIEWER})
_HOLDERS: Final[dict[Access, _Holders]] = {
    "public": _MEMBERS.union({CallerKind.PUBLISHABLE_KEY}),
    "member": _MEMBERS,
    "editor": _EDITORS,
    "admin": _ADMINS,
    "nobody": frozenset(),
}


class View(msgspec.Struct, frozen=True):
    """The documents that a caller's list is about: one facet, and what a filter leaves of it.

    ``is_empty`` says that no document can be in it.
    """

    facet: str
    where: Group | None = None
    is_empty: bool = False


def require_access(collection: Collection, action: Action, caller: Caller) -> None:
    """Refuse a caller whom the definition gives no right to this action.

    Raises:
        ForbiddenError: it does not.
    """
    rule: Access = getattr(collection.access, action)
    holder = caller.role if caller.kind is CallerKind.USER else caller.kind
    if holder not in _HOLDERS[rule]:
        raise ForbiddenError(cause=f"{action} on {collection.name} is for {rule}")


def held_facet(collection: Collection, caller: Caller) -> str:
    """Return the facet that a caller is held to: publishable keys see public documents only, others all."""
    if caller.kind is CallerKind.PUBLISHABLE_KEY and collection.public_value is not None:
        return collection.public_value
    return ALL


def is_visible(counted_value: str | None, facet: str) -> bool:
    """Say whether a document with this counted value is within a facet."""
    return facet in {ALL, counted_value}


def make_view(collection: Collection, where: Group, held: str) -> View:
    """Narrow a caller's facet by a filter; a filter can never widen it.

    Conditions that the counted field equals a value are taken out of the filter, since their totals are kept.
    """
    if not where.members:
        return View(held)
    wanted = set() if held == ALL else {held}
    rest: list[Filter] = []
    for member in _flatten(where):
        if _is_facet(member, collection.counted_field):
            wanted.add(str(member.values[0]))
        else:
            rest.append(member)
    if len(wanted) > 1:
        return View(held, is_empty=True)
    return View(wanted.pop() if wanted else ALL, Group("and", tuple(rest)) if rest else None)


def conjunction(where: Group | None) -> list[Condition]:
    """Return the conditions of a filter that every document in it meets."""
    return [] if where is None else [member for member in _flatten(where) if isinstance(member, Condition)]


def _flatten(where: Group) -> list[Filter]:
    members: list[Filter] = []
    for member in where.members:
        if isinstance(member, Group) and (member.joined == "and" or len(member.members) == 1):
            members += _flatten(member)
        else:
            members.append(member)
    return members


def _is_facet(member: Filter, counted_field: str | None) -> TypeGuard[Condition]:
    return isinstance(member, Condition) and member.operator == "equals" and member.field.name == counted_field
