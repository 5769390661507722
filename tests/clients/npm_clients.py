"""Node and the npm clients, from the wheel and in the versions that ``node/package-lock.json`` pins."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from npm_packages import NODE, install_packages

SCRIPTS = Path(__file__).resolve().parent / "node"

SECONDS_MAX = 60
"""A script that has not ended by then waits for something that does not come."""

Browse = Callable[[str], str]


def install_clients() -> Path:
    """Return the directory whose ``node_modules`` holds the clients, installed beside this Python on the first call.

    Raises:
        NpmPackagesMissingError: npm could not install them.
    """
    return install_packages(SCRIPTS)


class Node:
    """Runs scripts of ``node/`` against a served instance.

    A script is handed one line of JSON and writes one back as its result. On the way it may write the address of a
    page that a person has to open, and reads where that person was sent in the end.
    """

    def __init__(self, directory: Path, authority: Path) -> None:
        self._directory = directory
        (directory / "node_modules").symlink_to(install_clients() / "node_modules")
        for script in (*SCRIPTS.glob("*.mjs"), SCRIPTS / "package.json"):
            shutil.copy(script, directory)
        self._environment = {"NODE_EXTRA_CA_CERTS": str(authority), "PATH": ""}

    def __call__(self, script: str, *, browse: Browse | None = None, **given: object) -> Any:  # noqa: ANN401 - JSON
        """Run a script and return its result."""
        with subprocess.Popen(
            [NODE, script],
            cwd=self._directory,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                return _converse(process, given, browse)
            finally:
                process.kill()


def _converse(process: subprocess.Popen[str], given: dict[str, object], browse: Browse | None) -> Any:  # noqa: ANN401
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(json.dumps(given) + "\n")
    process.stdin.flush()
    result: object = None
    for line in process.stdout:
        told = json.loads(line)
        if "result" in told:
            result = told["result"]
            break
        assert browse is not None, "the script wants a person to open a page"
        process.stdin.write(json.dumps(browse(told["open"])) + "\n")
        process.stdin.flush()
    process.stdin.close()
    complaint = process.stderr.read()
    code = process.wait(SECONDS_MAX)
    assert code == 0, complaint
    return result
