"""Writes the feed: what a transaction withdraws becomes lines of it, in the same transaction.

So nothing that ends is left out, whoever ends it, and nothing that was undone is told.
"""

from __future__ import annotations

from typing import Final

from watchword.clock import Clock
from watchword.credentials.ended_subject import read_ended_subject
from watchword.db.database import Tell, Transaction
from watchword.db.generations import EVERYTHING
from watchword.revocations.models import Entry
from watchword.revocations.queries import insert_entries, list_derived, list_facts

_LOOKED_UP: Final = ("session", "user", "key", "client", "grant", "tenant")
_EXCHANGED: Final = frozenset({"session", "key", "client", "grant", "token"})
"""What tokens can be exchanged for others, which end with it."""


def make_teller(clock: Clock) -> Tell:
    """Return what the database calls with the subjects that a transaction withdraws."""

    async def tell(tx: Transaction, subjects: tuple[str, ...]) -> None:
        now_ms = clock.now_ms()
        entries = await _entries_of(tx, subjects, now_ms)
        if entries:
            await insert_entries(tx, entries, now_ms)

    return tell


async def _entries_of(tx: Transaction, subjects: tuple[str, ...], now_ms: int) -> list[Entry]:
    entries: list[Entry] = []
    ids: dict[str, list[str]] = {}
    for subject in subjects:
        ended = read_ended_subject(subject)
        kind, _, id_ = subject.partition(":")
        if ended is not None:
            entries.append(Entry(ended.tenant_id, ended.mode, ended.kind, ended.id, ended.user_id, is_end=True))
        elif subject == EVERYTHING:
            entries.append(Entry("", "", "all_sessions", "", "", is_end=True))
        elif kind in _LOOKED_UP:
            ids.setdefault(kind, []).append(id_)
    for kind, named in ids.items():
        entries += await list_facts(tx, kind, tuple(named), now_ms)
    return [*entries, *await _derived_from(tx, entries, is_end=True), *await _derived_from(tx, entries, is_end=False)]


async def _derived_from(tx: Transaction, entries: list[Entry], *, is_end: bool) -> list[Entry]:
    """Return the grants that were made from what ended, and end with it, or from what changed, and may do less now."""
    origins = tuple(
        f"{entry.kind}:{entry.id}" for entry in entries if entry.is_end is is_end and entry.kind in _EXCHANGED
    )
    return await list_derived(tx, origins, is_end=is_end) if origins else []
