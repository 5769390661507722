"""The command line as a whole: help that fits a screen, errors in one sentence."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from commands.conftest import Run, run
from watchword import __version__, cli
from watchword.cli import HTTP_PORT, VERBS

__all__ = ["run"]

LEAVES = [
    ["serve"],
    ["init"],
    ["migrate"],
    ["doctor"],
    ["settings"],
    *[["users", verb] for verb in ("create-super-admin", "create", "list", "disable", "enable")],
    *[["tenants", verb] for verb in ("create", "list", "change")],
    *[["members", verb] for verb in ("add", "list", "remove")],
    *[["invitations", verb] for verb in ("create", "list", "withdraw")],
    ["sessions", "end"],
    *[["clients", verb] for verb in ("create", "list", "show", "change", "disable", "enable", "delete", "add-secret")],
    *[["clients", verb] for verb in ("rotate", "revoke-secret", "grants", "end-grant")],
    *[["keys", verb] for verb in ("create", "list", "rotate", "revoke", "verify", "scan-rules")],
]


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_help_fits_a_screen_and_has_an_example(run: Run, words: list[str]) -> None:
    """The help of each verb fits a terminal of 24 lines and 80 columns and carries an example."""
    said = run(*words, "--help")
    lines = said.out.splitlines()
    assert said.code == 0
    assert len(lines) <= 24
    assert max(len(line) for line in lines) <= 80
    assert f"Example: {'echo' if words[-1] == 'verify' else 'watchword'}" in said.out
    assert " ".join(words) in said.out


def test_version(run: Run) -> None:
    """The version is printed alone, and nothing is made."""
    said = run("--version")
    assert (said.code, said.out, said.err) == (0, f"watchword {__version__}\n", "")
    assert list(Path.cwd().iterdir()) == []


def test_help_of_all(run: Run) -> None:
    """The whole help names every verb with a sentence that is not cut, and fits the screen."""
    said = run("--help")
    assert len(said.out.splitlines()) <= 24
    assert all(f"\n  {verb} " in said.out for verb in VERBS)
    assert "..." not in said.out.partition("Commands:")[2]
    assert "watchword serve --demo" in said.out


@pytest.mark.parametrize(
    "words", [leaf for leaf in LEAVES if leaf[-1] in {"list", "grants", "settings", "doctor"}], ids=" ".join
)
def test_listings_have_json(run: Run, words: list[str]) -> None:
    """Every listing can be had as JSON."""
    assert "--json" in run(*words, "--help").out


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["nonsense"], 2, "No such command 'nonsense'"),
        (["serve", "--nonsense"], 2, "No such option: --nonsense"),
        (["serve", "--port", "80x"], 2, 'WATCHWORD_PORT is "80x"; it must be a whole number from 0 to 65535.\n'),
        (["serve", "--host", "0.0.0.0", "--behind-proxy", "x"], 2, 'WATCHWORD_BEHIND_PROXY is "x"; it must be'),
        (["serve", "--tls-cert", "c.pem"], 2, "WATCHWORD_TLS_KEY is not set"),
        (["serve", "--tls-cert", "c.pem", "--tls-key", "k.pem", "--port", "0"], 2, "they must be a readable cert"),
        (
            ["serve", "--data", "/dev/null"],
            2,
            'WATCHWORD_DATA is "/dev/null"; it must be a directory that can be written',
        ),
        (["keys", "list", "--data", "/dev/null/x"], 2, 'WATCHWORD_DATA is "/dev/null/x"; it must be a directory that'),
        (["users", "disable", "nobody@example.com"], 1, "There is no user nobody@example.com\n"),
        (["tenants", "change", "none", "--name", "x"], 1, "There is no tenant none\n"),
        (["keys", "list"], 1, "There is no tenant yet\n"),
        (["keys", "create", "--name", "x", "--kind", "both"], 2, "both"),
    ],
)
def test_errors_are_sentences(run: Run, words: list[str], code: int, sentence: str) -> None:
    """Whatever is wrong ends the verb with a sentence on standard error, an exit code, and no trace."""
    said = run(*words)
    assert said.code == code
    assert sentence in said.err
    assert "Traceback" not in said.err
    assert said.out == ""


def test_a_database_that_cannot_be_opened_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database file that is none, or a server that does not answer, ends the verb by its setting, without secrets."""
    Path("data").mkdir()
    Path("data/watchword.db").write_bytes(b"no database" * 1000)
    said = run("users", "list", "--data", "data")
    assert (said.code, said.out) == (2, "")
    assert 'WATCHWORD_DATA is "data"; it must hold a database that can be opened, or none.\n  (NotADBError' in said.err
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:hunter2@127.0.0.1:1/d")
    said = run("users", "list", "--data", "data")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(
        "WATCHWORD_DATABASE_URL has a value that is not shown here; it must be a PostgreSQL that"
    )
    assert "ConnectionRefusedError" in said.err
    assert "hunter2" not in said.err


def test_wrong_environment_ends_every_verb(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown setting in the environment is named, with the nearest right one, before anything is made."""
    monkeypatch.setenv("WATCHWORD_PROT", "1")
    for words in (["serve"], ["users", "list"], ["doctor"]):
        said = run(*words)
        assert (said.code, said.err) == (2, "WATCHWORD_PROT is not a setting; the nearest is WATCHWORD_PORT.\n")
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize(
    ("words", "whole"),
    [
        ([], []),
        (["serve", "--http"], ["serve", "--http", HTTP_PORT]),
        (["serve", "--http", "0"], ["serve", "--http", "0"]),
        (["serve", "--http", "--demo"], ["serve", "--http", HTTP_PORT, "--demo"]),
    ],
)
def test_http_has_a_usual_port(words: list[str], whole: list[str]) -> None:
    """--http works with a port and without."""
    assert cli._with_http_port(words) == whole


def test_module_is_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Python -m watchword is the command line."""
    monkeypatch.setattr(sys, "argv", ["watchword", "settings", "--json"])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("watchword", run_name="__main__")
    assert end.value.code == 0
    assert '"WATCHWORD_PORT"' in capsys.readouterr().out
