"""Programs of the TypeScript package in Node, in the oldest Node it is for, and in Deno, Bun and workerd.

All but the first are what the lock file in ``runtimes`` pins.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from npm_packages import NODE, install_packages
from sdk_typescript.package import install_package

_HERE = Path(__file__).parent

_WORKER = """using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [
  (name = "driver", worker = .driver),
  (name = "internet", network = (allow = ["private"])),
]);
const driver :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "bundle.js")],
  compatibilityDate = "2026-10-01",
  bindings = [%s],
  globalOutbound = "internet",
);
"""


def in_node(project: Path, scenario: str, _environment: dict[str, str]) -> list[str]:
    """Return the command for a scenario in Node."""
    return [NODE, _copy_driver(project), scenario]


def in_oldest_node(project: Path, scenario: str, _environment: dict[str, str]) -> list[str]:
    """Return the command for a scenario in the oldest Node that the package is for."""
    return [_program("node-*/bin/node"), _copy_driver(project), scenario]


def in_deno(project: Path, scenario: str, _environment: dict[str, str]) -> list[str]:
    """Return the command for a scenario in Deno, which may do what the package needs and no more."""
    (project / "package.json").write_text("{}")
    allowed = ("--allow-net=127.0.0.1", "--allow-env")
    flags = ("--no-lock", "--node-modules-dir=manual", "--cached-only", *allowed)
    return [_program("@deno/*/deno"), "run", *flags, _copy_driver(project), scenario]


def in_bun(project: Path, scenario: str, _environment: dict[str, str]) -> list[str]:
    """Return the command for a scenario in Bun."""
    return [_program("@oven/*/bin/bun"), "run", "--no-install", _copy_driver(project), scenario]


def in_worker(project: Path, scenario: str, environment: dict[str, str]) -> list[str]:
    """Return the command for a scenario in a worker, which is bundled with the package and given text by bindings."""
    _copy_driver(project)
    install_package().bundle(project / "worker.mjs", project / "bundle.js")
    texts = {**environment, "SCENARIO": scenario}
    bindings = ", ".join(f"(name = {json.dumps(name)}, text = {json.dumps(text)})" for name, text in texts.items())
    (project / "worker.capnp").write_text(_WORKER % bindings)
    return [_program("@cloudflare/*/bin/workerd"), "test", str(project / "worker.capnp")]


Runtime = Callable[[Path, str, dict[str, str]], list[str]]
"""What makes the command that does a scenario in a project with these in its environment."""


def run_scenario(runtime: Runtime, scenario: str, environment: dict[str, str], directory: Path) -> object:
    """Do a scenario and return what it printed."""
    project = directory / "project"
    project.mkdir()
    (project / "node_modules").symlink_to(install_package().modules)
    done = subprocess.run(
        runtime(project, scenario, environment),
        env={"PATH": "", "HOME": str(directory), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return json.loads(done.stdout)


def _copy_driver(project: Path) -> str:
    for path in _HERE.glob("*.mjs"):
        shutil.copy(path, project)
    return str(project / "typescript_driver.mjs")


def _program(pattern: str) -> str:
    # A package's own command is a script that looks for the program of this machine, of which npm has installed one.
    return str(next((install_packages(_HERE / "runtimes") / "node_modules").glob(pattern)))
