"""The programs of the package's README, which are the document's own in Python's spelling, against a running server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from served import Served, fleet

README = Path(__file__).resolve().parents[2] / "sdks" / "python" / "README.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PROGRAMS = BLOCK.findall(README.read_text("utf-8"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with demonstration data."""
    with fleet() as servers:
        yield servers(tmp_path_factory.mktemp("demo") / "data", "--demo").start()


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_programs_run_as_printed(number: int, demo: Served, tmp_path: Path) -> None:
    """Each program of the README runs as it is printed, but for whose e-mail address and password stand in it."""
    env = demo.env()
    program = PROGRAMS[number].replace('email="user@example.com", password="password"', "**ME")
    person = {"email": env["WATCHWORD_EMAIL"], "password": env["WATCHWORD_PASSWORD"]}
    authority = str(demo.data / "ca.pem")
    named = {
        "WATCHWORD_URL": demo.url,
        "WATCHWORD_CA_FILE": authority,
        "REQUESTS_CA_BUNDLE": authority,
        "NEXT_PUBLIC_SOFTWARE_CLIENT_KEY": env["WATCHWORD_CLIENT_KEY"],
        "SOFTWARE_SECRET_KEY": env["WATCHWORD_SECRET_KEY"],
    }
    done = subprocess.run(
        [sys.executable, "-c", program.replace("import os\n", f"import os\n\nME = {person!r}\n", 1)],
        cwd=tmp_path,
        env={name: text for name, text in os.environ.items() if not name.startswith(("WATCHWORD_", "COV_"))} | named,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip()


def test_readme_begins_with_the_documents_program() -> None:
    """The first program logs in and lists products, by the names that the document gives its keys."""
    words = (
        "NEXT_PUBLIC_SOFTWARE_CLIENT_KEY",
        'users.login(email="user@example.com", password="password")',
        "products",
    )
    assert all(word in PROGRAMS[0] for word in words)
    assert "SOFTWARE_SECRET_KEY" in PROGRAMS[1]
    assert "client.api.create_order(" in PROGRAMS[1]
