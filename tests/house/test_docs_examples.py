"""The examples of the documentation, run as they stand against a server with demonstration data."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from clients.npm_clients import install_clients
from npm_packages import NODE

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "docs/first-request.md", "docs/log-in.md", "docs/api-keys.md", "docs/tenants.md",
         "docs/products.md", "docs/orders.md", "docs/limits.md", "docs/oauth-client-credentials.md",
         "docs/oauth-clients.md", "docs/protect-your-api.md", "docs/oauth-token-exchange.md",
         "docs/oauth-authorization-code.md", "docs/oauth-device-code.md", "docs/oauth-refresh.md", "docs/oauth-implicit.md",
         "docs/oauth.md", "docs/connect-an-agent.md", "docs/python-client.md")  # fmt: skip
BLOCK = re.compile(r"^```(sh|python|ts)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

HEAD = """\
set -eu -o pipefail
curl() { command curl -sS --fail-with-body --max-time 20 "$@"; }
watchword() { "$PYTHON" -m watchword "$@"; }
python3() { "$PYTHON" "$@"; }
node() { "$NODE" "$@"; }
"""
SECONDS_MAX = 120


def script_of(page: str) -> str:
    """Make one script of a page's blocks: curl fails on a refusal, and on none where the block says ``refused``."""
    parts = [HEAD]
    for number, (language, words, body) in enumerate(BLOCK.findall((ROOT / page).read_text("utf-8"))):
        if language in PROGRAMS:
            parts.append(program_of(language, words, body, number))
        elif "refused" in words:
            parts.append(f"if ( {body.strip()} ); then echo 'this was not refused'; exit 1; fi\n")
        else:
            parts.append(body)
    return "\n".join(parts)


PROGRAMS = {"python": ("py", "python3 -u"), "ts": ("mts", "node")}


def program_of(language: str, words: str, body: str, number: int) -> str:
    """Write a block to a file and run it; one that says ``browser`` prints an address that a person opens."""
    ending, command = PROGRAMS[language]
    name = f"example_{number}.{ending}"
    person = ' | PYTHONPATH="$TESTS" "$PYTHON" -m clients.open_page' if "browser" in words else ""
    return f"cat > {name} <<'END_OF_EXAMPLE'\n{body}END_OF_EXAMPLE\n{command} {name}{person}\n"


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """The directory in which a demonstration server was started on a free port, as for a reader who begins here."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WATCHWORD_")}
    command = [sys.executable, "-m", "watchword", "serve", "--demo", "--port", "0", "--log-level", "error"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        try:
            wait_until_ready(server)
            yield tmp_path
        finally:
            server.send_signal(signal.SIGTERM)


def wait_until_ready(server: subprocess.Popen[str]) -> None:
    stream: IO[str] | None = server.stdout
    assert stream is not None
    until = time.monotonic() + SECONDS_MAX
    for line in stream:
        if "is ready" in line:
            return
        assert time.monotonic() < until, line
    raise AssertionError("the server ended")


@pytest.mark.parametrize("page", PAGES)
def test_examples_work_as_printed(page: str, directory: Path) -> None:
    """Each command and each program of a page does what the page says, in the order of the page."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WATCHWORD_")}
    environment |= {"PYTHON": sys.executable, "NODE": NODE, "TESTS": str(ROOT / "tests")}
    if "```ts" in (ROOT / page).read_text("utf-8"):
        (directory / "node_modules").symlink_to(install_clients() / "node_modules")
    done = subprocess.run(
        ["bash", "-c", script_of(page)],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


def test_examples_are_run_at_all() -> None:
    """The pages hold commands, so that the test above shows something."""
    commands = [line.split()[0] for page in PAGES for line in script_of(page).splitlines()
                if line.startswith(("curl ", "watchword "))]  # fmt: skip
    assert commands.count("curl") > 30
    assert commands.count("watchword") >= 5
