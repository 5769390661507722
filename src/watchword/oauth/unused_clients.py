"""Room for clients that came by themselves and that nobody has allowed anything yet: bounded, and shared out by network.

A newcomer for whom there is no room takes the place of the oldest of whoever holds most, so that a flood pushes out its
own. What somebody uses, or is about to, never gives way; what does is unknown from then on, and may register again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from watchword.db.database import Transaction
from watchword.errors import RateLimitExceededError
from watchword.oauth.models import ClientSource
from watchword.oauth.queries_registration import delete_waiting, list_waiting
from watchword.wire.client_address import Networks, networks_of

UNUSED_MAX: Final = 1_000
"""Clients of a tenant that wait for their first user, of each way to come: what a flood can leave behind."""

_BUCKET_MAX: Final = 100
"""More than one address registers in an hour: its own newcomers push out none of its that is younger than that."""

_NEAR_MAX: Final = 150
_FAR_MAX: Final = 250
"""What one provider's customers hold together leaves most of the room to others."""

_RETRY_SECONDS: Final = 1_800
"""By then whoever is being asked about these clients has decided, or the request has expired."""


class Room(msgspec.Struct, frozen=True):
    """How many clients may wait: of a tenant, and of one network in it."""

    tenant: int = UNUSED_MAX
    bucket: int = _BUCKET_MAX
    near: int = _NEAR_MAX
    far: int = _FAR_MAX


ROOM: Final = Room()

ROOM_WITH_KEY: Final = Room(bucket=UNUSED_MAX, near=UNUSED_MAX, far=UNUSED_MAX)
"""Whoever registers with a key of the tenant's own is no stranger: a program may make many, and from one address."""


class Waiting(msgspec.Struct, frozen=True):
    """A client that waits for its first user; ``is_pending`` while somebody is being asked about it."""

    id: str
    came_from: str
    is_pending: bool


async def make_room(
    tx: Transaction, tenant_id: str, source: ClientSource, *, came_from: str, now_ms: int
) -> str | None:
    """Make room for one more in a tenant that is locked; return the client that gave way for it, if one had to.

    Raises:
        RateLimitExceededError: there is none, as somebody is being asked about each that could give way.
    """
    return await _make_room(tx, ROOM, tenant_id, source, came_from, now_ms)


async def make_room_for_known(
    tx: Transaction, tenant_id: str, source: ClientSource, *, came_from: str, now_ms: int
) -> str | None:
    """Make room as ``make_room`` does, for a newcomer that brought a key of the tenant's: the tenant's bound alone holds.

    Raises:
        RateLimitExceededError: as there.
    """
    return await _make_room(tx, ROOM_WITH_KEY, tenant_id, source, came_from, now_ms)


async def _make_room(
    tx: Transaction, room: Room, tenant_id: str, source: ClientSource, came_from: str, now_ms: int
) -> str | None:
    waiting = [Waiting(*row) for row in await list_waiting(tx, tenant_id, source, now_ms)]
    crowd = find_crowd(waiting, came_from, room)
    if crowd is None:
        return None
    for candidate in in_order_of_giving_way(crowd):
        if await delete_waiting(tx, candidate.id, now_ms):
            return candidate.id
    raise RateLimitExceededError(_RETRY_SECONDS, cause="too many unused clients")


def find_crowd(waiting: Sequence[Waiting], came_from: str, room: Room) -> list[Waiting] | None:
    """Return those of whom one has to give way to a newcomer: its own network's, else all; None where there is room."""
    own = networks_of(came_from)
    placed = [(one, networks_of(one.came_from)) for one in waiting]
    near_by = (
        ([one for one, of in placed if of.bucket == own.bucket], room.bucket),
        ([one for one, of in placed if of.near == own.near], room.near),
        ([one for one, of in placed if of.far == own.far], room.far),
        (list(waiting), room.tenant),
    )
    return next((crowd for crowd, most in near_by if len(crowd) >= most), None)


def in_order_of_giving_way(crowd: Sequence[Waiting]) -> list[Waiting]:
    """Return those that may give way: from the provider, in it the site, in it the address that holds most, the oldest."""
    placed: list[tuple[Waiting, Networks]] = [(one, networks_of(one.came_from)) for one in crowd]
    of_far = Counter(of.far for _, of in placed)
    of_near = Counter(of.near for _, of in placed)
    of_bucket = Counter(of.bucket for _, of in placed)
    # Sorting is stable: within one address they stay in the order in which they came.
    placed.sort(key=lambda pair: (-of_far[pair[1].far], -of_near[pair[1].near], -of_bucket[pair[1].bucket]))
    return [one for one, _ in placed if not one.is_pending]
