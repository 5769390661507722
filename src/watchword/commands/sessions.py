"""``watchword sessions``: ends them when a device, an account or the installation is in doubt."""

from __future__ import annotations

from typing import Annotated

import typer

from watchword.app import Application
from watchword.commands.acting import CommandError, DataOption, act, get_user
from watchword.commands.output import note, say


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    sessions = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    # A group of one verb would be taken for the verb itself.
    sessions.callback()(_root)
    sessions.command("end", epilog="Example: watchword sessions end --user ann@example.com")(end)
    app.add_typer(sessions, name="sessions", help="End the sessions of a user, or of everyone.")


def _root() -> None:
    """Keep the verb a verb."""


def end(
    *,
    user: Annotated[str | None, typer.Option("--user", metavar="EMAIL_OR_ID", help="Those of this user.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Those of everyone.")] = False,
    data: DataOption = None,
) -> None:
    """End all sessions of a user, or everyone's; prints how many. They are refused on their next request."""
    if (user is None) is not everyone:
        raise CommandError("Give either --user or --all")

    async def work(application: Application) -> int:
        now_ms = application.clock.now_ms()
        if user is None:
            return await application.users.end_sessions_of_all(now_ms)
        return await application.users.end_sessions((await get_user(application, user)).id, now_ms)

    say(str(act(data, work)))
    note("Everyone has to log in again." if user is None else f"{user} has to log in again.")
