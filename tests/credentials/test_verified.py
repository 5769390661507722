"""The guarantees of ``credentials/verified.py``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from watchword.credentials.verified import VerifiedCache
from watchword.db.generations import Generations

DIGEST = b"d" * 32


@pytest.fixture
def generations(tmp_path: Path) -> Iterator[Generations]:
    made = Generations(tmp_path / "generations")
    yield made
    made.close()


def _remember(cache: VerifiedCache, generations: Generations, digest: bytes, *subjects: str) -> None:
    cache.remember(digest, "proof", subjects, mark=generations.read_any())


def test_remembered_proof_is_found(generations: Generations) -> None:
    """A proof is found by the digest of its credential and by no other."""
    cache = VerifiedCache(generations, entries_max=10)
    _remember(cache, generations, DIGEST, "key:1")
    assert cache.find(DIGEST, str) == "proof"
    assert cache.find(b"e" * 32, str) is None


@pytest.mark.parametrize("subject", ["session:1", "user:1", "tenant:1"])
def test_withdrawal_of_any_subject_ends_the_proof(generations: Generations, subject: str) -> None:
    """A proof ends with the first of its subjects that is withdrawn, and stays ended."""
    cache = VerifiedCache(generations, entries_max=10)
    _remember(cache, generations, DIGEST, "session:1", "user:1", "tenant:1")
    generations.bump((subject,))
    assert cache.find(DIGEST, str) is None
    assert len(cache) == 0


def test_withdrawal_in_another_process_ends_the_proof(generations: Generations, tmp_path: Path) -> None:
    """What another holder of the same file withdraws is withdrawn here."""
    other = Generations(tmp_path / "generations")
    cache = VerifiedCache(generations, entries_max=10)
    _remember(cache, generations, DIGEST, "user:1")
    other.bump(("user:1",))
    assert cache.find(DIGEST, str) is None
    other.close()


def test_withdrawal_of_everything_ends_every_proof(generations: Generations) -> None:
    """After a worker died nothing remembered is used."""
    cache = VerifiedCache(generations, entries_max=10)
    _remember(cache, generations, DIGEST, "user:1")
    generations.bump_all()
    assert cache.find(DIGEST, str) is None


def test_other_withdrawals_leave_the_proof(generations: Generations) -> None:
    """The proof of one subject outlives the withdrawal of another that shares no slot with it."""
    cache = VerifiedCache(generations, entries_max=10)
    _remember(cache, generations, DIGEST, "user:1")
    assert generations.slot("user:1") != generations.slot("user:2")
    generations.bump(("user:2",))
    assert cache.find(DIGEST, str) == "proof"


def test_nothing_is_used_without_news(generations: Generations) -> None:
    """While news of withdrawals does not arrive, no remembered proof is used and none is added."""
    cache = VerifiedCache(generations, entries_max=10)
    _remember(cache, generations, DIGEST, "user:1")
    generations.set_trusted(False)
    assert cache.find(DIGEST, str) is None
    _remember(cache, generations, b"e" * 32, "user:1")
    generations.set_trusted(True)
    assert cache.find(b"e" * 32, str) is None


def test_facts_from_before_a_withdrawal_are_not_remembered(generations: Generations) -> None:
    """A look-up that a withdrawal overtook leaves nothing behind, whichever subject was withdrawn."""
    cache = VerifiedCache(generations, entries_max=10)
    mark = generations.read_any()
    generations.bump(("user:1",))
    cache.remember(DIGEST, "proof", ("user:1",), mark=mark)
    assert cache.find(DIGEST, str) is None


def test_proof_of_one_kind_is_not_taken_for_another(generations: Generations) -> None:
    """Two provers may share a cache: what one remembered means nothing to the other."""
    cache = VerifiedCache(generations, entries_max=10)
    _remember(cache, generations, DIGEST, "user:1")
    assert cache.find(DIGEST, int) is None
    assert cache.find(DIGEST, str) == "proof"


def test_memory_is_bounded(generations: Generations) -> None:
    """However many credentials come, the oldest proof makes room for the newest."""
    cache = VerifiedCache(generations, entries_max=3)
    for number in range(100):
        _remember(cache, generations, bytes([number]), "user:1")
        assert len(cache) <= 3
    assert cache.find(bytes([99]), str) == "proof"
    assert cache.find(bytes([96]), str) is None


@pytest.mark.parametrize("everything", [False, True])
def test_a_look_in_the_middle_of_a_withdrawal_leaves_nothing(
    generations: Generations,
    monkeypatch: pytest.MonkeyPatch,
    everything: bool,  # noqa: FBT001 - a column
) -> None:
    """Whoever looks while a withdrawal is being written may still find the proof, and never again once it is written."""
    cache = VerifiedCache(generations, entries_max=10)
    _remember(cache, generations, DIGEST, "session:1")
    written = 0
    seen: list[str | None] = []

    def look_before_each_write(bits: int) -> int:
        nonlocal written
        written += 1
        seen.append(cache.find(DIGEST, str))
        return written << (bits - 32)

    monkeypatch.setattr("watchword.db.generations.secrets.randbits", look_before_each_write)
    if everything:
        generations.bump_all()
    else:
        generations.bump(("session:1",))
    assert seen[1] == "proof"
    assert cache.find(DIGEST, str) is None


def test_everything_can_be_forgotten(generations: Generations) -> None:
    """After forgetting, no proof is found and new ones are remembered again."""
    cache = VerifiedCache(generations, entries_max=10)
    _remember(cache, generations, DIGEST, "key:1")
    cache.forget()
    assert cache.find(DIGEST, str) is None
    _remember(cache, generations, DIGEST, "key:1")
    assert cache.find(DIGEST, str) == "proof"
