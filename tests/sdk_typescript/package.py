"""The TypeScript package as its users get it: compiled, packed, and installed under both of its names."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from pathlib import Path

from npm_packages import NODE, NPM, install_packages, made_once

PROJECT = Path(__file__).resolve().parents[2] / "sdks" / "typescript"
NAMES = ("@watchword/sdk", "@01.software/sdk")
"""Its own name, and the one that the document imports, as an npm alias gives it."""

_SOURCES = ("package.json", "package-lock.json", "tsconfig.json", "README.md", "LICENSE")


class BuildFailedError(Exception):
    """The package could not be compiled or packed; the text says why."""


class Package:
    """An installed package, with the tools that built it beside it."""

    def __init__(self, modules: Path) -> None:
        self.modules = modules
        """The ``node_modules`` of a project that uses it."""

    def bundle(self, entry: Path, out: Path, **defined: str) -> Path:
        """Bundle and minify a module for browsers, with values in place of names, as Next.js does it."""
        defines = [f"--define:{name}={json.dumps(value)}" for name, value in defined.items()]
        tool = str(self.modules / "esbuild" / "bin" / "esbuild")
        run(
            NODE,
            tool,
            str(entry),
            "--bundle",
            "--minify",
            "--format=esm",
            "--jsx=automatic",
            f"--outfile={out}",
            *defines,
            cwd=entry.parent,
        )
        return out

    def check_types(self, directory: Path) -> str:
        """Compile what is in a directory, without output; return the complaints, empty when there are none."""
        tool = str(self.modules / "typescript" / "bin" / "tsc")
        done = subprocess.run([NODE, tool, "-p", "."], cwd=directory, capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else done.stdout + done.stderr


def install_package() -> Package:
    """Return the package, built on the first call after a change."""
    tools = install_packages(PROJECT)
    sources = (
        [PROJECT / name for name in _SOURCES]
        + sorted((PROJECT / "src").glob("*.ts"))
        + sorted((PROJECT / "bin").glob("*.mjs"))
    )
    with made_once(".typescript-sdk", sources) as made:
        modules = made.directory / "node_modules"
        if not made.is_done:
            _build(made.directory, tools, sources)
            _link_tools(tools / "node_modules", modules)
    return Package(modules)


def _build(directory: Path, tools: Path, sources: list[Path]) -> None:
    project = directory / "project"
    # What a build that was cut short has left is in the way.
    for name in ("project", "unpacked", "node_modules"):
        shutil.rmtree(directory / name, ignore_errors=True)
    for source in sources:
        copy = project / source.relative_to(PROJECT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(source.read_bytes())
    (project / "node_modules").symlink_to(tools / "node_modules")
    run(NODE, str(tools / "node_modules" / "typescript" / "bin" / "tsc"), "-p", ".", cwd=project)
    packed = run(NODE, NPM, "pack", "--ignore-scripts", "--json", cwd=project)
    with tarfile.open(project / json.loads(packed)[0]["filename"]) as archive:
        for name in NAMES:
            archive.extractall(directory / "unpacked" / name, filter="data")
            installed = directory / "node_modules" / name
            installed.parent.mkdir(parents=True, exist_ok=True)
            (directory / "unpacked" / name / "package").rename(installed)


def _link_tools(tools: Path, modules: Path) -> None:
    for name in ("typescript", "esbuild", "vitest", "react", "react-dom", "@tanstack", "@types"):
        (modules / name).symlink_to(tools / name)


def run(*command: str, cwd: Path) -> str:
    """Run a tool and return what it printed.

    Raises:
        BuildFailedError: it failed.
    """
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildFailedError(f"{' '.join(command[:3])}\n{done.stdout}{done.stderr}")
    return done.stdout
