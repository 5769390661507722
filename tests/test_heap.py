"""Memory that is free goes back to the system, and is looked for no oftener than it is found."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from watchword import heap

PROGRAM = """
import asyncio
from pathlib import Path
from watchword import heap
from watchword.credentials import password

def resident_mib():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024

async def main():
    passwords = password.Passwords(threads=2, queue_max=10)
    before = resident_mib()
    await asyncio.gather(*(passwords.hash("correct horse") for _ in range(6)))
    for _ in range(500):
        await asyncio.sleep(0.02)
        if resident_mib() - before < 12:
            break
    else:
        raise SystemExit(f"{before} MiB before, {resident_mib()} MiB after")
    passwords.close()

heap.share_one_arena()
asyncio.run(main())
"""


@pytest.mark.skipif(heap._find_glibc() is None, reason="another C library gives back what it likes")
def test_hashing_holds_no_memory_when_it_is_over() -> None:
    """A little after the last password, the memory of two hashes of 19 MiB each is the system's again."""
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=120)


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not glibc, nothing is called that is not there."""
    monkeypatch.setattr(heap, "_find_glibc", lambda: None)
    heap.share_one_arena()
    heap.give_back()
    monkeypatch.undo()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert heap._find_glibc.__wrapped__() is None


def test_cycles_are_looked_for_less_often_while_it_serves_alone() -> None:
    """The interpreter's own measure is back when serving ends."""
    before = gc.get_threshold()
    with heap.collected_seldom():
        assert gc.get_threshold()[0] > before[0]
    assert gc.get_threshold() == before


def test_what_the_start_made_is_not_looked_through_again() -> None:
    """A thing that was there before stands in no generation that is collected."""
    made_by_start = {"an": ["object"]}
    with heap.collected_seldom():
        assert not any(thing is made_by_start for thing in gc.get_objects())
