"""The TypeScript package does what ``scenarios.py`` says, in Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from npm_packages import NODE
from sdk_typescript.package import install_package
from sdks.rig import Rig
from sdks.scenarios import SCENARIOS, Scenario

DRIVER = Path(__file__).with_name("typescript_driver.mjs")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_typescript_does_as_the_table_says(scenario: Scenario, rig: Rig, tmp_path: Path) -> None:
    """A program by the TypeScript package comes to what the scenario wants, and asks the server no more than that takes."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "node_modules").symlink_to(install_package().modules)
    done = subprocess.run(
        [NODE, shutil.copy(DRIVER, project), scenario.name],
        env={"PATH": "", **rig.environment(trusts=scenario.trusts)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert json.loads(done.stdout) == scenario.wanted
    counted = rig.counted()
    assert {name: counted[name] for name in scenario.counted} == scenario.counted
