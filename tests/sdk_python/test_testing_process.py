"""The test server as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import httpx
import pytest

from watchword_client.testing import SetClock
from watchword_client.testing_process import _obey


@pytest.fixture
def clock() -> SetClock:
    """A server's clock."""
    return SetClock()


def test_it_serves_until_its_input_ends() -> None:
    """It says where it is and what stands in it, takes commands, and ends with nothing to complain of."""
    command = [sys.executable, "-m", "watchword_client.testing_process"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        names = json.loads(process.stdout.readline())["ready"]
        answer = httpx.get(f"{names['url']}/api/orders", headers={"X-API-Key": names["secretKey"]})
        process.stdin.write('{"set": 4000000000}\n')
        process.stdin.flush()
        told = json.loads(process.stdout.readline())["done"]
        rest, complaint = process.communicate()
    assert (answer.status_code, rest, complaint, process.returncode) == (200, "", "", 0)
    assert 4_000_000_000 <= told < 4_000_000_060


def test_time_passes_as_it_is_told(clock: SetClock) -> None:
    """A step is added to the time of now."""
    before = clock.now_ms()
    assert _obey(clock, '{"advance": 3600.5}')["done"] * 1000 - before >= 3_600_500


@pytest.mark.parametrize(
    "line",
    [
        '{"advance": null}',
        '{"advance": "3600"}',
        '{"advance": NaN}',
        '{"set": Infinity}',
        '{"set": 1767225600000}',
        '{"stop": 1}',
        "[]",
    ],
)
def test_what_is_no_time_is_refused(clock: SetClock, line: str) -> None:
    """The clock stays where it is; milliseconds are no seconds."""
    before = clock.now_ms()
    assert "refused" in _obey(clock, line)
    assert clock.now_ms() - before < 60_000
