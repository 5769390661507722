"""The TypeScript package does what ``scenarios.py`` says: in Node all of it, elsewhere what runtimes do their own way."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdks.rig import Rig
from sdks.runtime_programs import Runtime, in_bun, in_deno, in_node, in_oldest_node, in_worker, run_scenario
from sdks.scenarios import SCENARIOS, Scenario

ELSEWHERE = ("hundred_at_expiry", "limited", "wrong_key", "ordered")
"""Signing in, timers and the lock of a renewal, waiting, and a server's writes: the rest of the package is plain code."""

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_typescript_does_as_the_table_says(scenario: Scenario, rig: Rig, tmp_path: Path) -> None:
    """A program by the TypeScript package comes to what the scenario wants, and asks the server no more than that takes."""
    require_as_the_table_says(scenario, in_node, rig, tmp_path)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_the_oldest_node_does_alike(name: str, rig: Rig, tmp_path: Path) -> None:
    """So does it in the oldest Node that the package is for."""
    require_as_the_table_says(BY_NAME[name], in_oldest_node, rig, tmp_path)


@pytest.mark.parametrize("name", [*ELSEWHERE, "wrong_authority"])
def test_deno_does_alike(name: str, rig: Rig, tmp_path: Path) -> None:
    """So does it in Deno, which is allowed the network and the environment and no more."""
    require_as_the_table_says(BY_NAME[name], in_deno, rig, tmp_path)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_bun_does_alike(name: str, plain_rig: Rig, tmp_path: Path) -> None:
    """So does it in Bun."""
    require_as_the_table_says(BY_NAME[name], in_bun, plain_rig, tmp_path)


def test_bun_tells_of_a_certificate(rig: Rig, tmp_path: Path) -> None:
    """A certificate that Bun does not trust is told of as one, and no further try is made."""
    require_as_the_table_says(BY_NAME["wrong_authority"], in_bun, rig, tmp_path)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_worker_does_alike(name: str, plain_rig: Rig, tmp_path: Path) -> None:
    """So does it in a worker of Cloudflare's kind, without what Node has."""
    require_as_the_table_says(BY_NAME[name], in_worker, plain_rig, tmp_path)


def require_as_the_table_says(scenario: Scenario, runtime: Runtime, rig: Rig, directory: Path) -> None:
    """Do a scenario; what was printed and what has arrived have to be what the table says."""
    printed = run_scenario(runtime, scenario.name, rig.environment(trusts=scenario.trusts), directory)
    assert printed == scenario.wanted
    counted = rig.counted()
    assert {name: counted[name] for name in scenario.counted} == scenario.counted
