"""The package as it is installed."""

from __future__ import annotations

import re
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import watchword_client

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "sdks" / "python" / "src" / "watchword_client"


def test_version_is_the_packages() -> None:
    """The version that the module tells is the one that was installed."""
    assert watchword_client.__version__ == version("watchword-client")


def test_types_come_along() -> None:
    """Type checkers of applications see the package's types."""
    assert files("watchword_client").joinpath("py.typed").is_file()


def test_every_code_of_the_package_is_documented() -> None:
    """A code that programs may meet, and no answer of the server brings, stands on the page of the client."""
    page = (ROOT / "docs" / "python-client.md").read_text("utf-8")
    source = "".join(path.read_text("utf-8") for path in SOURCE.glob("*.py"))
    codes = set(re.findall(r'(?:setup_error\(\s*|code=|Failure\()"([A-Z_]+)"', source))
    assert len(codes) > 10
    assert {code for code in codes if f"`{code}`" not in page} == set()


def test_what_is_exported_is_documented() -> None:
    """Everything that the package offers by name stands on its page."""
    page = (ROOT / "docs" / "python-client.md").read_text("utf-8")
    own = {"__version__", "Client", "AsyncClient", "ServerClient", "AsyncServerClient", "Clock", "Document"}
    assert [
        name
        for name in watchword_client.__all__
        if f"{name}`" not in page and f"`{name}(" not in page and name not in own
    ] == []


def test_the_http_library_has_one_home() -> None:
    """Only the drivers know the HTTP library, and the package knows no other that it does not depend on."""
    named = {
        path.name: set(
            re.findall(
                r"^(?:import|from) (httpx2|httpx|requests|aiohttp|urllib3)\b", path.read_text("utf-8"), re.MULTILINE
            )
        )
        for path in SOURCE.glob("*.py")
    }
    assert {name: found for name, found in named.items() if found} == {"drivers.py": {"httpx2"}}
