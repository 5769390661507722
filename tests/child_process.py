"""A second process of ours in a test: a script that is told and tells by lines, and can be killed."""

from __future__ import annotations

import subprocess
import sys
from typing import IO


class ChildProcess:
    """A Python script that runs in a process of its own; warnings are errors there as well."""

    def __init__(self, script: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", script, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, line: str) -> None:
        """Write a line to the script."""
        stream = _present(self._process.stdin)
        stream.write(line + "\n")
        stream.flush()

    def hear(self) -> str:
        """Wait for the script's next line; an empty text when it has ended."""
        return _present(self._process.stdout).readline().rstrip("\n")

    def kill(self) -> list[str]:
        """Kill it as a power cut would, and give the lines it had still written."""
        self._process.kill()
        return self._process.communicate()[0].splitlines()

    def finish(self) -> list[str]:
        """Wait for its own end, which must be a good one, and give the lines it had still written."""
        lines = self._process.communicate(timeout=60)[0].splitlines()
        assert self._process.returncode == 0
        return lines


def _present(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream
