"""The TypeScript of the documentation is right by the compiler, strictly, against the packages that the tests pin."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from clients.npm_clients import install_clients
from npm_packages import NODE

ROOT = Path(__file__).resolve().parents[2]
GENERATED = re.compile(r"<!-- generated: .*?<!-- end -->", re.DOTALL)
"""Signatures out of a source that is compiled where it stands, and no programs."""

BLOCK = re.compile(r"^```ts[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)

OPTIONS = {
    "target": "ES2023",
    "module": "NodeNext",
    "lib": ["ES2023", "DOM", "DOM.Iterable"],
    "types": ["node"],
    "strict": True,
    "noEmit": True,
    "skipLibCheck": True,
    "paths": {"@watchword/sdk": [str(ROOT / "sdks/typescript/src/index.ts")]},
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """An empty project with the pinned packages."""
    (tmp_path / "node_modules").symlink_to(install_clients() / "node_modules")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": OPTIONS, "include": ["*.mts"]}))
    return tmp_path


def complaints(directory: Path) -> str:
    """Return what the compiler says of the project's files; nothing where all is right."""
    compiler = directory / "node_modules" / "typescript" / "bin" / "tsc"
    run = subprocess.run(
        [NODE, str(compiler), "--project", "."], cwd=directory, capture_output=True, text=True, check=False, timeout=300
    )
    assert (run.returncode == 0) is (run.stdout == ""), run.stderr
    return run.stdout


def test_the_examples_are_of_the_right_types(directory: Path) -> None:
    """Every program in TypeScript on every page compiles as it stands, though Node runs it without a look at its types."""
    written = 0
    for page in (*ROOT.glob("README*.md"), *sorted((ROOT / "docs").glob("*.md"))):
        for body in BLOCK.findall(GENERATED.sub("", page.read_text("utf-8"))):
            (directory / f"{page.stem}_{written}.mts").write_text(body)
            written += 1
    assert written >= 9
    assert complaints(directory) == ""


@pytest.mark.parametrize(
    "wrong",
    [
        "import * as client from 'openid-client'\nclient.clientCredentialGrant('not a configuration')\n",
        "import { nothing } from 'jose'\nconsole.log(nothing)\n",
        "const words: string = process.env.WORDS\nconsole.log(words)\n",
        "import { absent } from 'a-package-that-nobody-pins'\nconsole.log(absent)\n",
    ],
    ids=["an argument", "a name", "a text that may be missing", "a package"],
)
def test_what_is_wrong_is_found(directory: Path, wrong: str) -> None:
    """An example with a wrong argument or name, or a package that is not there, does not pass."""
    (directory / "wrong.mts").write_text(wrong)
    assert "error TS" in complaints(directory)
