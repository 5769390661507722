"""The Python client does what ``scenarios.py`` says, blocking and async."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sdks.rig import Rig
from sdks.scenarios import SCENARIOS, Scenario

DRIVER = Path(__file__).with_name("python_driver.py")


ROWS = [
    pytest.param(scenario, words, id=f"{scenario.name}-{'-'.join(words) or 'blocking'}")
    for scenario in SCENARIOS
    # What no request is sent for is refused by the same lines for both clients.
    for words in ((), *([("async",)] if scenario.counted or "waits" in scenario.wanted else []))
]


@pytest.mark.parametrize(("scenario", "words"), ROWS)
def test_python_does_as_the_table_says(scenario: Scenario, words: tuple[str, ...], rig: Rig) -> None:
    """A program by the Python client comes to what the scenario wants, and asks the server no more than that takes."""
    foreign = {name: text for name, text in os.environ.items() if not name.startswith(("WATCHWORD_", "COV_"))}
    done = subprocess.run(
        [sys.executable, str(DRIVER), scenario.name, *words],
        env=foreign | rig.environment(trusts=scenario.trusts),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert json.loads(done.stdout) == scenario.wanted
    counted = rig.counted()
    assert {name: counted[name] for name in scenario.counted} == scenario.counted
