"""What verbs print: on a terminal and elsewhere, with names that nobody should trust."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from watchword.commands.banner import Banner, show_banner
from watchword.commands.output import moment, show_rows
from watchword.demo import Where


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


ROWS = [
    {"id": "a", "name": "\x1b[31mred\x07", "scopes": ("x:read", "y:read"), "on": True, "at": None},
    {"id": "b", "name": "[bold]b[/]", "scopes": (), "on": False, "at": "2026-01-07"},
]
COLUMNS = ("id", "name", "scopes", "on", "at")


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()], ids=["terminal", "pipe"])
def test_names_cannot_steer_the_terminal(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> None:
    """A name with control characters or markup is shown as text, in both forms."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(sys, "stdout", stream)
    show_rows(ROWS, as_json=False, empty="", columns=COLUMNS)
    text = stream.getvalue()
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\ufffd[31mred\ufffd" in text
    assert "[bold]b[/]" in text
    assert "x:read y:read" in text
    assert [word in text for word in ("yes", "no", "-")] == [True, True, True]


def test_json_has_everything(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON holds all fields, whatever the table shows, and an empty listing is an empty array."""
    show_rows(ROWS, as_json=True, empty="none")
    assert '"\\u001b[31mred\\u0007"' in capsys.readouterr().out
    show_rows([], as_json=True, empty="none")
    assert capsys.readouterr().out == "[]\n"


def test_moments() -> None:
    """Times are ISO 8601; never is nothing."""
    assert moment(1_767_780_000_000) == "2026-01-07T10:00:00.000Z"
    assert moment(None) is None


def banner_of(where: Where, *, has_users: bool = False, data: str = "watchword-data") -> Banner:
    return Banner(
        where=where,
        http=None,
        workers=1,
        demo={},
        demo_env=Path(data) / "demo.env",
        data=Path(data),
        has_users=has_users,
    )


def test_banner_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the same lines are printed in colour, none of them broken in two."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    show_banner(banner_of(Where("https://127.0.0.1:8443", None), data="/srv/a b"))
    text = stream.getvalue()
    assert "\x1b[" in text
    assert "watchword users create-super-admin you@example.com --data '/srv/a b'" in text


def test_banner_shows_no_credential_in_its_repr() -> None:
    """The banner's text form names the address only."""
    assert repr(banner_of(Where("https://h", None))) == "Banner(https://h)"
