"""The documents against the program: nothing undocumented, nothing stale, every command one that exists."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from watchword.audit.events import Event
from watchword.cli import VERBS
from watchword.config import CLIENT_NAMES
from watchword.setting_table import SETTINGS
from watchword.wire.routes import Route

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "watchword"
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("*.md")), *sorted((ROOT / "decisions").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """The script that writes the generated parts."""
    return load(DOCS / "generate.py")


@pytest.fixture(scope="module")
def routes() -> tuple[Route, ...]:
    """Every route of the running product."""
    found: tuple[Route, ...] = load(DOCS / "routes_table.py").load_routes()
    return found


def test_generated_parts_are_up_to_date(generate: ModuleType) -> None:
    """What the documentation says of routes, errors, limits, roles and products is what the code does."""
    stale = [path.name for path, text in generate.pages().items() if path.read_text("utf-8") != text]
    assert stale == [], "run: .venv/bin/python docs/generate.py"


def test_every_route_is_documented(routes: tuple[Route, ...]) -> None:
    """A route that nobody wrote down is noticed."""
    page = read("docs/routes.md")
    assert [route.path for route in routes if f"| `{route.method}` | `{route.path}` |" not in page] == []


def test_every_error_code_is_documented() -> None:
    """Every code that an answer, the command line or a start can show stands on the page of errors."""
    page = read("docs/errors.md")
    assert [code for code in load(DOCS / "errors_table.py").answered_errors() if f"`{code}`" not in page] == []
    codes = {found for path in SOURCE.rglob("*.py") for found in re.findall(r'\bcode = "([A-Z_]+)"', path.read_text())}
    assert {code for code in codes if f"`{code}`" not in page} == set()


def test_every_event_is_documented() -> None:
    """Every event and every other line of the log stands on the page of the log."""
    page = read("docs/log.md")
    written = {
        found
        for path in SOURCE.rglob("*.py")
        for found in re.findall(r'\.event\(\s*"\w+",\s*"([a-z._]+)"', path.read_text("utf-8"))
    }
    assert {"request.failed", "worker.died"} <= written
    assert {name for name in written | {event.value for event in Event} if f"`{name}`" not in page} == set()


def test_every_setting_is_documented() -> None:
    """Every setting, under each of its names, stands on the page of settings."""
    page = read("docs/settings.md")
    names = [name for setting in SETTINGS for name in (setting.variable, setting.other) if name]
    assert [name for name in names if f"`{name}`" not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_named_settings_exist(page: Path) -> None:
    """No page names a setting or a variable of demo.env that the program does not know."""
    known = {setting.variable for setting in SETTINGS} | CLIENT_NAMES | {"WATCHWORD_"}
    assert {name for name in re.findall(r"\bWATCHWORD_[A-Z_]*", page.read_text("utf-8")) if name not in known} == set()


def test_every_room_is_in_the_architecture() -> None:
    """Every folder and every file of the package stands in ARCHITECTURE.md, and nothing that is not there."""
    page = read("ARCHITECTURE.md")
    layout = page[page.index("```text\n") : page.index("\n```\n")]
    rooms = {path.name for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert {room for room in rooms if f"\n{room}/" not in layout} == set()
    files = {path.name for path in SOURCE.rglob("*.py") if path.name != "__init__.py"}
    named = set(re.findall(r"\b\w+\.py\b", layout))
    assert files - named == set()
    assert named - files == set()


def test_architecture_walks_name_real_files() -> None:
    """Each file that a walk enters exists."""
    page = read("ARCHITECTURE.md")
    walks = page[page.index("## Walks") :]
    entered = re.findall(r"`(\w+/\w+)`", walks)
    assert len(entered) > 20
    assert [step for step in entered if not (SOURCE / f"{step}.py").exists()] == []


def test_commands_of_the_readme_exist() -> None:
    """Each verb of develop.py and of the command line that the READMEs name is one."""
    verbs = load(ROOT / "develop.py").VERBS
    for name in ("README.md", "README.ko.md", "CONTRIBUTING.md", "docs/first-request.md"):
        text = read(name)
        assert {verb for verb in re.findall(r"develop\.py ([a-z]+)", text) if verb not in verbs} == set()
        assert {verb for verb in re.findall(r"^watchword ([a-z]+)", text, re.MULTILINE) if verb not in VERBS} == set()
    for name in ("README.md", "README.ko.md"):
        assert "python3 develop.py serve --demo" in read(name)
        assert "python3 develop.py test" in read(name)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """A link to another page of the repository leads to a file."""
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_code_is_well_formed(page: Path) -> None:
    """Python blocks compile, JSON blocks are JSON, and every block says what it is."""
    text = page.read_text("utf-8")
    assert text.count("\n```") % 2 == 0
    for language, _, body in BLOCK.findall(text):
        if language == "python":
            ast.parse(body)
        if language == "json":
            msgspec.json.decode(body)
    fences = re.findall(r"^```(.*)$", text, re.MULTILINE)
    assert [fence for fence in fences[::2] if not fence] == []


def test_named_tests_exist() -> None:
    """Every test file that the tables of ASVS and RFC 9700 name is there."""
    tables = read("docs/asvs.md") + read("docs/rfc9700.md") + read("SECURITY.md")
    named = set(re.findall(r"`(tests/[\w/.]+)`", tables))
    assert len(named) > 10
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_korean_readme_follows_the_english_one() -> None:
    """Both READMEs have the same sections, the same commands and links to the same pages."""
    english, korean = read("README.md"), read("README.ko.md")
    assert english.count("\n## ") == korean.count("\n## ")
    shown = [[body for language, _, body in BLOCK.findall(text) if language == "sh"] for text in (english, korean)]
    assert shown[0] == shown[1]
    links = [set(re.findall(r"\]\(([^)]+)\)", text)) - {"README.md", "README.ko.md"} for text in (english, korean)]
    assert links[0] == links[1]
