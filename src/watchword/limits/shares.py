"""One limit held by several processes and nodes together: each leases shares of a window from the store.

A request waits for the store only when its process has used up its share. Shares shrink as a window fills, and a
small limit is leased one by one, so that no process holds back what another could have used.
"""

from __future__ import annotations

import asyncio
from typing import Final

from watchword.db.database import Database, Statement
from watchword.errors import UnavailableError
from watchword.limits.policies import HOUR, Policy

_LEASED_ONE_BY_ONE: Final = 100
"""Limits up to this many are exact to the last request; larger ones may refuse a few early, never late."""

_FIRST_SHARE: Final = 32
_NEXT_SHARE: Final = 8
"""The first lease is one part in so many of the limit, each further one so much of what is left."""

_SUBJECTS_MAX: Final = 200_000

_LEASE: Final = Statement(
    "INSERT INTO limit_windows (name, window_start, taken) VALUES ($1, $2, $3)"
    " ON CONFLICT (name, window_start) DO UPDATE SET taken = limit_windows.taken + excluded.taken RETURNING taken"
)

_DELETE_WINDOWS: Final = Statement("DELETE FROM limit_windows WHERE window_start < $1")

_KEPT_SECONDS: Final = 2 * HOUR
"""The longest window and once more, so that a node whose clock is behind finds its own."""


class _Share:
    __slots__ = ("granted", "leasing", "left_in_store", "taken")

    def __init__(self, limit: int) -> None:
        self.leasing = asyncio.Lock()
        self.granted = 0
        self.taken = 0
        self.left_in_store = limit


class Shares:
    """The leases of this process."""

    def __init__(self, store: Database) -> None:
        self._store = store
        self._windows: dict[str, tuple[int, dict[str, _Share]]] = {}

    async def take(self, policy: Policy, subject: str, now_ms: int) -> int:
        """Take one request of a window and return how many are left as far as is known here, -1 for none.

        Raises:
            UnavailableError: the store is down and the policy refuses then.
        """
        window = now_ms // (policy.window_seconds * 1000)
        share = self._share(policy, subject, window)
        while share.taken >= share.granted:
            if share.left_in_store <= 0:
                return -1
            # One lease at a time: a burst in which each request leased for itself would use up the limit unspent.
            async with share.leasing:
                if share.taken >= share.granted and share.left_in_store > 0:
                    await self._lease(share, policy, subject, window)
        share.taken += 1
        return share.left_in_store + share.granted - share.taken

    def _share(self, policy: Policy, subject: str, window: int) -> _Share:
        held_window, shares = self._windows.get(policy.name, (-1, {}))
        if held_window != window or len(shares) >= _SUBJECTS_MAX:
            # What is forgotten here still stands in the store, so a full table costs a lease and never a limit.
            shares = {}
            self._windows[policy.name] = (window, shares)
        share = shares.get(subject)
        if share is None:
            share = shares[subject] = _Share(policy.count)
        return share

    async def _lease(self, share: _Share, policy: Policy, subject: str, window: int) -> None:
        wanted = _share_size(share, policy.count)
        name = f"{policy.name}:{subject}"
        try:
            taken = await self._store.transaction(
                lambda tx: tx.fetch_row(_LEASE, name, window * policy.window_seconds, wanted)
            )
        except UnavailableError:
            if policy.when_store_is_down == "refuse":
                raise
            share.granted, share.left_in_store = policy.count, 0
            return
        total = policy.count + wanted if taken is None else int(taken[0])
        share.granted += max(0, wanted - max(0, total - policy.count))
        share.left_in_store = max(0, policy.count - total)


def _share_size(share: _Share, limit: int) -> int:
    if limit <= _LEASED_ONE_BY_ONE:
        return 1
    if share.granted == 0:
        return max(1, limit // _FIRST_SHARE)
    return max(1, share.left_in_store // _NEXT_SHARE)


async def prune_windows(store: Database, now_ms: int) -> int:
    """Delete the counters of windows that are over and return how many."""
    before_s = now_ms // 1000 - _KEPT_SECONDS
    return await store.transaction(lambda tx: tx.execute(_DELETE_WINDOWS, before_s))
