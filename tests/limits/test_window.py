"""The arithmetic of windows."""

from __future__ import annotations

import pytest

from watchword.limits import window as window_module
from watchword.limits.window import WindowCounter

MINUTE_MS = 60_000
START = 1_767_780_000_000


def test_exactly_the_limit_passes() -> None:
    """Of any number of takes in one window exactly the limit passes, and the rest count down to it."""
    counter = WindowCounter(60)
    assert [counter.take("a", 3, START) for _ in range(5)] == [2, 1, 0, -1, -1]


def test_subjects_do_not_share() -> None:
    """One subject's takes leave another's alone."""
    counter = WindowCounter(60)
    assert counter.take("a", 1, START) == 0
    assert counter.take("b", 1, START) == 0
    assert counter.take("a", 1, START) == -1


def test_window_ends_at_its_edge() -> None:
    """The last millisecond of a window still counts, the next opens a new one."""
    counter = WindowCounter(60)
    counter.take("a", 1, START)
    assert counter.take("a", 1, START + MINUTE_MS - 1) == -1
    assert counter.take("a", 1, START + MINUTE_MS) == 0


@pytest.mark.parametrize(("into_ms", "left"), [(0, 60), (1, 60), (1_000, 59), (59_000, 1), (59_999, 1)])
def test_seconds_left_rounds_up(into_ms: int, left: int) -> None:
    """Who waits as long as told is never a moment early."""
    assert WindowCounter(60).seconds_left(START + into_ms) == left
    assert WindowCounter(60).ends_at_s(START + into_ms) == START // 1000 + 60


def test_clock_that_steps_back_opens_nothing() -> None:
    """A clock corrected by some seconds across a window's edge gives nobody a second allowance."""
    counter = WindowCounter(60)
    counter.take("a", 1, START)
    assert counter.take("a", 1, START - 5_000) == -1


def test_clock_set_back_for_good_counts_again() -> None:
    """A clock that was a day ahead does not leave everybody refused for a day."""
    counter = WindowCounter(60)
    counter.take("a", 1, START + 24 * 3_600_000)
    assert counter.take("a", 1, START) == 0


def test_a_flood_of_subjects_forgets_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the table's size new subjects share counters; those counted before keep theirs."""
    monkeypatch.setattr(window_module, "ENTRIES_MAX", 10)
    counter = WindowCounter(60)
    assert counter.take("first", 1, START) == 0
    passed = sum(counter.take(f"flood {number}", 1, START) >= 0 for number in range(20_000))
    assert passed <= 10 + 4_096
    assert counter.take("first", 1, START) == -1
