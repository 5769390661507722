"""The command line: which verb stands in which file of ``commands/``, and how errors end it."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Final

import typer

from watchword import __version__
from watchword.errors import WatchwordError

VERBS: Final = {
    "serve": "watchword.commands.serve",
    "init": "watchword.commands.upkeep",
    "migrate": "watchword.commands.upkeep",
    "doctor": "watchword.commands.upkeep",
    "settings": "watchword.commands.upkeep",
    "users": "watchword.commands.users",
    "tenants": "watchword.commands.tenants",
    "members": "watchword.commands.members",
    "invitations": "watchword.commands.invitations",
    "keys": "watchword.commands.keys",
    "jwks": "watchword.commands.jwks",
    "clients": "watchword.commands.clients",
    "sessions": "watchword.commands.sessions",
}
"""Only the file of the verb that is asked for is read: a server starts without what the other verbs import."""

HTTP_PORT: Final = "8080"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb and end the process: 0 done, 1 refused, 2 wrong usage or setting."""
    words = _with_http_port(list(sys.argv[1:] if arguments is None else arguments))
    try:
        make_app(words)(words, prog_name="watchword")
    except WatchwordError as error:
        sys.stderr.write(f"{_told(error)}\n")
        sys.exit(2 if error.code == "WRONG_SETTING" else 1)


def _with_http_port(words: list[str]) -> list[str]:
    """Give ``--http`` its usual port where none follows: the parser knows options with a value or without."""
    whole = []
    for word, following in itertools.pairwise([*words, ""]):
        whole.append(word)
        if word == "--http" and not following.isdigit():
            whole.append(HTTP_PORT)
    return whole


def make_app(words: Sequence[str]) -> typer.Typer:
    """Make the command line with the verb that the words begin with, or with all verbs."""
    app = typer.Typer(
        name="watchword",
        help="API authentication you run yourself: sessions, API keys, OAuth and tenants.",
        epilog="Start with: watchword serve --demo",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    verb = words[0] if words else ""
    modules = [VERBS[verb]] if verb in VERBS else dict.fromkeys(VERBS.values())
    for module in modules:
        import_module(module).register(app)
    return app


def _root(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Keep verbs as verbs, also where only one of them was read."""


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - the parser gives an option's value
    if wanted:
        sys.stdout.write(f"watchword {__version__}\n")
        raise typer.Exit


def _told(error: WatchwordError) -> str:
    """Say what is wrong, field by field where fields are, and the private cause: here the reader is the operator."""
    fields = error.extensions.get("fields")
    lines = [error.message]
    if isinstance(fields, list):
        lines += [f"  {field['path']}: {field['message']}" for field in fields]
    if error.cause:
        lines.append(f"  ({error.cause})")
    return "\n".join(lines)
