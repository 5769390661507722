"""``watchword sessions``: ends them when a device, an account or the installation is in doubt; the keys of their tokens."""

from __future__ import annotations

from typing import Annotated

import typer

from watchword.app import Application
from watchword.commands.acting import CommandError, DataOption, JsonOption, act, get_user
from watchword.commands.output import Row, moment, note, say, show_rows
from watchword.credentials.key_ring import SigningKey

_COLUMNS = ("id", "state", "signsFrom", "endsAt")


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    sessions = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    sessions.command("end", epilog="Example: watchword sessions end --user ann@example.com")(end)
    sessions.command("keys", epilog="Example: watchword sessions keys --json")(list_keys)
    sessions.command("rotate-key", epilog="Example: watchword sessions rotate-key --compromised")(rotate_key)
    app.add_typer(sessions, name="sessions", help="End sessions; list and rotate the keys of their tokens.")


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


def list_keys(*, as_json: JsonOption = False, data: DataOption = None) -> None:
    """List the keys that sign session tokens: the next waits, the current signs, retired ones prove what they signed."""

    async def work(application: Application) -> list[Row]:
        now_ms = application.clock.now_ms()
        keys = await application.session_keys.list_all(now_ms)
        return [
            {
                "id": key.id,
                "state": keys.state_of(key, now_ms),
                "signsFrom": moment(key.active_at_ms or None),
                "endsAt": moment(key.retired_at_ms or None),
            }
            for key in keys.all
        ]

    show_rows(act(data, work), as_json=as_json, empty="No keys.", columns=_COLUMNS)


def rotate_key(
    *,
    compromised: Annotated[bool, typer.Option("--compromised", help="At once, and end all sessions.")] = False,
    data: DataOption = None,
) -> None:
    """Make the key that takes over the signing of session tokens in two minutes; prints its id. Nobody notices."""

    async def work(application: Application) -> SigningKey:
        now_ms = application.clock.now_ms()
        if compromised:
            return await application.session_keys.replace(now_ms)
        return await application.session_keys.rotate(now_ms)

    key = act(data, work)
    say(key.id)
    if compromised:
        note("It signs from now on; tokens of the others are refused, and everyone has to log in again.")
    else:
        note(f"It signs from {moment(key.active_at_ms)}; tokens of the others stay good until their end.")
