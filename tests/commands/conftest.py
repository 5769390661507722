"""A command line of one's own: an empty directory, no settings from outside, and what a verb printed."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from watchword import cli


class Said(NamedTuple):
    """How a verb ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the verb printed
        return msgspec.json.decode(self.out)


Run = Callable[..., Said]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a verb in this process, in an empty directory; ``typed`` is its standard input."""
    for name in os.environ:
        if name.startswith("WATCHWORD_") or name in {"TOKEN_EXPIRATION", "DATABASE_URL"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)

    def run_verb(*words: str, typed: str = "") -> Said:
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        capfd.readouterr()
        try:
            cli.main(words)
            code: object = 0
        except SystemExit as end:
            code = end.code
        out, err = capfd.readouterr()
        return Said(code if isinstance(code, int) else 0, out, err)

    return run_verb
