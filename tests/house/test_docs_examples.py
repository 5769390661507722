"""The examples of the documentation, run as they stand against a server with demonstration data."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "docs/first-request.md", "docs/log-in.md", "docs/api-keys.md", "docs/tenants.md",
         "docs/products.md", "docs/limits.md")  # fmt: skip
BLOCK = re.compile(r"^```(sh|python)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

HEAD = """\
set -eu -o pipefail
curl() { command curl -sS --fail-with-body --max-time 20 "$@"; }
watchword() { "$PYTHON" -m watchword "$@"; }
python3() { "$PYTHON" "$@"; }
"""
SECONDS_MAX = 120


def script_of(page: str) -> str:
    """Make one script of a page's blocks: curl fails on a refusal, and on none where the block says ``refused``."""
    parts = [HEAD]
    for language, words, body in BLOCK.findall((ROOT / page).read_text("utf-8")):
        if language == "python":
            parts.append(f"\"$PYTHON\" - <<'PYTHON_BLOCK'\n{body}PYTHON_BLOCK\n")
        elif "refused" in words:
            parts.append(f"if ( {body.strip()} ); then echo 'this was not refused'; exit 1; fi\n")
        else:
            parts.append(body)
    return "\n".join(parts)


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
    environment["PYTHON"] = sys.executable
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
    commands = [shlex.split(line, posix=False)[0] for page in PAGES for line in script_of(page).splitlines()
                if line.startswith(("curl ", "watchword "))]  # fmt: skip
    assert commands.count("curl") > 30
    assert commands.count("watchword") >= 5
