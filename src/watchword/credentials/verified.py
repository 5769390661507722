"""What was proved a moment ago, so that the same credential need not be proved again, and what withdraws it.

One of the places that may be less plain for speed (``bench/session_token.py``): a hit costs one dictionary look-up
and one read of the shared slot that every withdrawal writes.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

from watchword.db.generations import Generations

Proof = TypeVar("Proof")


class _Entry:
    __slots__ = ("proof", "seen", "stamps")

    def __init__(self, proof: object, stamps: tuple[tuple[int, int], ...], seen: int) -> None:
        self.proof = proof
        self.stamps = stamps
        self.seen = seen


class VerifiedCache:
    """Proofs by the SHA-256 digest of their credential; each process has its own.

    An entry holds only while none of its subjects was withdrawn and while news of withdrawals arrives. When proofs end
    by the clock is left to those who use them. ``entries_max`` bounds the memory (some 1.5 KiB an entry); the oldest
    entry makes room for a new one. Used from the event loop only.
    """

    def __init__(self, generations: Generations, *, entries_max: int) -> None:
        self._generations = generations
        self._entries_max = entries_max
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()

    def __len__(self) -> int:
        """Return how many proofs are remembered."""
        return len(self._entries)

    def find(self, digest: bytes, kind: type[Proof]) -> Proof | None:
        """Return the remembered proof of a credential, or None: then prove it anew.

        ``kind`` keeps the proof of one kind of credential from being taken for another's.
        """
        entry = self._entries.get(digest)
        generations = self._generations
        if entry is None or not generations.is_trusted():
            return None
        seen = generations.read_any()
        if entry.seen != seen:
            # Something was withdrawn since: perhaps this. What is found whole is not looked at again until the next.
            read = generations.read
            for slot, value in entry.stamps:
                if read(slot) != value:
                    del self._entries[digest]
                    return None
            entry.seen = seen
        proof = entry.proof
        return proof if isinstance(proof, kind) else None

    def mark(self) -> int:
        """Return what ``remember`` wants to know of the moment before the facts were read."""
        return self._generations.read_any()

    def remember(self, digest: bytes, proof: object, subjects: tuple[str, ...], *, mark: int) -> None:
        """Remember a proof until one of its subjects is withdrawn.

        ``mark`` was taken before the facts were read. Nothing is remembered when anything was
        withdrawn since: the facts may be from before it.
        """
        generations = self._generations
        slots = sorted({generations.slot(subject) for subject in subjects})
        stamps = tuple((slot, generations.read(slot)) for slot in slots)
        # The slots are read before this second look at the general one, which a withdrawal writes first: unchanged
        # here means that the slots still stand as they did before any withdrawal that the facts did not see.
        if generations.read_any() != mark or not generations.is_trusted():
            return
        if len(self._entries) >= self._entries_max:
            self._entries.popitem(last=False)
        self._entries[digest] = _Entry(proof, stamps, mark)

    def forget(self) -> None:
        """Forget every proof: each credential is proved anew once."""
        self._entries.clear()
