"""The rules of the house that no other tool checks: layers, homes, lengths, words on every file and test."""

from __future__ import annotations

import ast
import logging.config
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from watchword.setting_table import SETTINGS, settings_page

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "watchword"
SDK = ROOT / "sdks" / "python" / "src" / "watchword_client"
SOURCES = [*sorted(SOURCE.rglob("*.py")), *sorted(SDK.rglob("*.py"))]
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50

MODULES = {"argon2_cffi": "argon2", "pynacl": "nacl"}
"""What is imported of libraries whose modules have another name."""

EVERYWHERE = {"msgspec"}
"""The one third-party library without a home: structs cross every floor."""


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_layers_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rooms import downwards only, never a neighbour, and each library only in its home."""
    monkeypatch.chdir(ROOT)
    # It would switch off the loggers that other tests listen to.
    monkeypatch.setattr(logging.config, "dictConfig", dict)
    assert lint_imports(no_cache=True) == EXIT_STATUS_SUCCESS


def test_every_library_has_a_home() -> None:
    """A dependency that is added without saying where it may be imported is noticed."""
    names = {re.split(r"[<>=\[ ]", entry)[0].replace("-", "_") for entry in pyproject()["project"]["dependencies"]}
    modules = {MODULES.get(name, name) for name in names}
    contracts = pyproject()["tool"]["importlinter"]["contracts"]
    housed = {module for contract in contracts for module in contract.get("forbidden_modules", ())}
    assert modules == housed | EVERYWHERE


def test_settings_page_is_the_table() -> None:
    """Every setting stands in the documentation as the program has it (watchword settings --markdown writes it)."""
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert page == settings_page()
    assert all(f"`{setting.variable}`" in page and setting.sentence in page for setting in SETTINGS)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_file_is_short_and_says_what_it_is(path: Path) -> None:
    """A file holds one thing, in a few hundred lines, and begins by saying which; an empty one needs no words."""
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= FILE_LINES_MAX
    assert not text.strip() or ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_functions_are_short(path: Path) -> None:
    """No function is longer than a screen, but for the tables of routes."""
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1}"
        for node in functions_of(path)
        if path.name != "routes.py"
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= FUNCTION_LINES_MAX
    ]
    assert long == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_state_in_modules(path: Path) -> None:
    """What a module holds is final or a type, and nothing rebinds it: state is built in app.py and passed on."""
    tree = ast.parse(path.read_text("utf-8"))
    rebound = [node.names for node in ast.walk(tree) if isinstance(node, ast.Global)]
    bare = [
        ast.unparse(node)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Dict | ast.List | ast.Set | ast.ListComp)
        and ast.unparse(node.targets[0]) != "__all__"
    ]
    assert rebound == []
    assert bare == []


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_every_test_states_its_guarantee(path: Path) -> None:
    """A test's docstring is the guarantee that it shows."""
    silent = [node.name for node in functions_of(path) if node.name.startswith("test_") and not ast.get_docstring(node)]
    assert silent == []


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=name_of)
def test_nothing_is_left_for_later(path: Path) -> None:
    """No file holds a note of work to do, which nobody would find again."""
    marks = re.findall(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b", path.read_text("utf-8"))
    assert marks == []
