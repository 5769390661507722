"""``watchword init``, ``migrate``, ``doctor`` and ``settings``: what an operator does before and between starts."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

import typer

from watchword.app import Application
from watchword.clock import SystemClock
from watchword.commands.acting import DataOption, JsonOption, act, read_settings, with_application
from watchword.commands.output import note, say, show_json, show_rows
from watchword.doctor import Finding, examine
from watchword.doctor_oauth import examine_oauth
from watchword.setting_table import SETTINGS, settings_page
from watchword.wire.certificate import prepare_certificate

_SETTING_COLUMNS = ("variable", "default", "unit")
_MARKS: Final = {"good": "ok  ", "note": "note", "bad": "MEND"}


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("init", epilog="Example: watchword init --data /var/lib/watchword")(init)
    app.command("migrate", epilog="Example: watchword migrate")(migrate)
    app.command("doctor", epilog="Example: watchword doctor --data /var/lib/watchword")(doctor)
    app.command("settings", epilog="Example: watchword settings --json")(settings)


def init(data: DataOption = None) -> None:
    """Make data directory, database, secret and certificate."""
    chosen = read_settings(WATCHWORD_DATA=data)

    async def work(application: Application) -> None:
        prepare_certificate(chosen, application.clock.now_ms())

    asyncio.run(with_application(chosen, work))
    note(f"{chosen.data_directory} is ready. Next: watchword users create-super-admin you@example.com")


def migrate(data: DataOption = None) -> None:
    """Bring the database up to date; a start does too."""

    async def work(_application: Application) -> None:
        """Nothing more: opening the application has done it."""

    act(data, work)
    note("The database is up to date.")


def doctor(
    *,
    oauth: Annotated[bool, typer.Option("--oauth", help="Walk through RFC 9700, OAuth's security practice.")] = False,
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Check a configuration and say what to mend.

    Exit code 1 if something is.
    """
    look = examine_oauth if oauth else examine
    findings = asyncio.run(look(read_settings(WATCHWORD_DATA=data), SystemClock()))
    if as_json:
        show_json(findings)
    else:
        for finding in findings:
            _show(finding)
    if any(finding.verdict == "bad" for finding in findings):
        raise typer.Exit(1)


def settings(
    *,
    as_json: JsonOption = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the page of the documentation.")] = False,
) -> None:
    """List every setting with its default."""
    if markdown:
        say(settings_page().rstrip("\n"))
        return
    rows = [
        {
            "variable": setting.variable,
            "alsoKnownAs": setting.other,
            "default": setting.default,
            "unit": setting.unit,
            "allowed": setting.kind.allowed,
            "secret": setting.is_secret,
            "meaning": setting.sentence,
        }
        for setting in SETTINGS
    ]
    show_rows(rows, as_json=as_json, empty="", columns=_SETTING_COLUMNS)


def _show(finding: Finding) -> None:
    say(f"{_MARKS[finding.verdict]}  {finding.subject}: {finding.seen}")
    if finding.remedy:
        say(f"      {finding.remedy}")
