"""What lies below the rooms."""

from __future__ import annotations

import asyncio

import pytest

from eventually import eventually
from watchword import foundation
from watchword.credentials.verified import VerifiedCache
from watchword.db.generations import Generations


async def test_nothing_is_remembered_for_ever(generations: Generations, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change that a dying process committed and could not announce is seen when the memory is next emptied."""
    monkeypatch.setattr(foundation, "_FORGOTTEN_AFTER_SECONDS", 0.01)
    proofs = VerifiedCache(generations, entries_max=10)
    proofs.remember(b"d" * 32, "proof", ("key:1",), mark=proofs.mark())
    assert proofs.find(b"d" * 32, str) == "proof"
    forgetting = asyncio.create_task(foundation._forget_now_and_then(proofs))
    await eventually(lambda: len(proofs) == 0, seconds=5)
    await foundation._end(forgetting)
    assert forgetting.cancelled()
