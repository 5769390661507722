"""The shared memory of what was withdrawn."""

from __future__ import annotations

import stat
from pathlib import Path

from child_process import ChildProcess
from watchword.db.generations import Generations

READER = """
import sys
from pathlib import Path
from watchword.db.generations import Generations
generations = Generations(Path(sys.argv[1]))
slot = generations.slot("session:a")
for line in sys.stdin:
    if line == "bump\\n":
        generations.bump(("session:a",))
    print(generations.read(slot), generations.read_any(), flush=True)
"""


def test_a_change_is_seen_by_another_process_at_once(tmp_path: Path, generations: Generations) -> None:
    """What one process withdraws another sees with its next look, in both directions."""
    child = ChildProcess(READER, str(tmp_path / "generations"))
    slot = generations.slot("session:a")

    def both_here() -> str:
        return f"{generations.read(slot)} {generations.read_any()}"

    seen = set()
    for _ in range(3):
        generations.bump(("session:a",))
        child.tell("look")
        assert child.hear() == both_here()
        seen.add(both_here())
        child.tell("bump")
        assert child.hear() == both_here()
        seen.add(both_here())
    assert len(seen) == 6
    child.kill()


def test_a_change_touches_its_subjects_only(generations: Generations) -> None:
    """A change alters the slots of its subjects and the general one, and no other subject's."""
    other = generations.slot("session:other")
    before = generations.read(other)
    generations.bump(("session:a", "user:b"))
    assert generations.read(other) == before
    assert generations.slot("session:a") == generations.slot("session:a") != generations.slot("user:b")


def test_everything_can_be_forgotten(generations: Generations) -> None:
    """Forgetting everything alters every slot."""
    before = [generations.read(slot) for slot in range(1, 4096)]
    generations.bump_all()
    assert not any(generations.read(slot) == before[slot - 1] for slot in range(1, 4096))


def test_trust_ends_by_itself(tmp_path: Path) -> None:
    """Trust given until a time holds before it and not from it on, without anybody saying so."""
    now = [100.0]
    generations = Generations(tmp_path / "g", monotonic=lambda: now[0])
    assert generations.is_trusted()
    generations.trust_until(100.8)
    now[0] = 100.799
    assert generations.is_trusted()
    now[0] = 100.8
    assert not generations.is_trusted()
    generations.trust_until(101.0)
    assert generations.is_trusted()
    generations.set_trusted(False)
    assert not generations.is_trusted()
    generations.set_trusted(True)
    now[0] = 1e9
    assert generations.is_trusted()
    generations.close()


def test_the_file_is_its_owners_alone(tmp_path: Path, generations: Generations) -> None:
    """Nobody else may read or change the file."""
    assert stat.S_IMODE((tmp_path / "generations").stat().st_mode) == 0o600
