"""What verbs share: options, the settings, an opened application, the tenant meant, a password asked for."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer

from watchword.app import Application
from watchword.config import Settings, load_settings
from watchword.errors import NotFoundError, WatchwordError
from watchword.observe import Log
from watchword.tenants.models import Tenant
from watchword.users.models import User

DataOption = Annotated[str | None, typer.Option("--data", metavar="DIR", help="Data directory.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="How many at most.")]
AfterOption = Annotated[str, typer.Option("--after", metavar="ID", help="Only those behind this id.")]
TenantOption = Annotated[
    str | None, typer.Option("--tenant", metavar="SLUG", help="Slug or id of the tenant; needless while there is one.")
]
ClientArgument = Annotated[str, typer.Argument(metavar="CLIENT_ID", show_default=False)]

LIST_LIMIT: Final = 100

Result = TypeVar("Result")


class CommandError(WatchwordError):
    """The command line asks for something that cannot be meant."""

    name = "WrongCommand"
    code = "WRONG_COMMAND"


def read_settings(**overrides: str | None) -> Settings:
    """Read the settings with what the command line gave, by variable."""
    given = {variable: text for variable, text in overrides.items() if text is not None}
    return load_settings(os.environ, Path.cwd(), given)


def act(data: str | None, work: Callable[[Application], Awaitable[Result]]) -> Result:
    """Open the application that a running server would open, do the work, and close it."""
    settings = read_settings(WATCHWORD_DATA=data)
    return asyncio.run(with_application(settings, work))


async def with_application(settings: Settings, work: Callable[[Application], Awaitable[Result]]) -> Result:
    """Do the work with an opened application whose log is quiet unless something is wrong."""
    log = Log(sys.stderr.buffer, log_format="console", level="warning")
    try:
        application = await Application.open(settings, log=log)
        try:
            return await work(application)
        finally:
            await application.close()
    finally:
        log.close()


async def get_tenant(application: Application, wanted: str | None) -> Tenant:
    """Return the tenant of this slug or id, or the only one there is.

    Raises:
        CommandError: none is named, and there is none or more than one.
        NotFoundError: none has this slug or id.
    """
    if wanted is None:
        tenants = await application.tenants.list_all(limit=2)
        if len(tenants) != 1:
            raise CommandError("Name the tenant with --tenant" if tenants else "There is no tenant yet")
        return tenants[0]
    found = await application.tenants.find_by_slug(wanted)
    try:
        return found or await application.tenants.get(wanted)
    except NotFoundError:
        raise NotFoundError(f"There is no tenant {wanted}") from None


def act_on_client(
    data: str | None, tenant: str | None, client_id: str, work: Callable[[Application, Tenant], Awaitable[Result]]
) -> Result:
    """Do the work on an OAuth client of a tenant, and say which one was not found, and where."""

    async def find_and_work(application: Application) -> Result:
        owner = await get_tenant(application, tenant)
        with named_if_missing(owner, f"OAuth client {client_id}"):
            return await work(application, owner)

    return act(data, find_and_work)


@contextlib.contextmanager
def named_if_missing(owner: Tenant, what: str) -> Iterator[None]:
    """Say what the tenant does not have, where the work within does not find it."""
    try:
        yield
    except NotFoundError:
        raise NotFoundError(f"{owner.slug} has no {what}") from None


async def get_user(application: Application, wanted: str) -> User:
    """Return the user of this e-mail address or id.

    Raises:
        NotFoundError: there is none.
    """
    user = await application.users.find_user(wanted)
    if user is None:
        raise NotFoundError(f"There is no user {wanted}")
    return user


def read_secret(what: str, *, twice: bool = False) -> str:
    """Ask for a secret without showing it, or read it from standard input's first line.

    Never from the command line, which every process of the machine and the shell's history can see.

    Raises:
        CommandError: nothing was given, or the two differ.
    """
    if not _is_terminal():
        text = sys.stdin.readline().rstrip("\r\n")
    else:
        text = getpass.getpass(f"{what}: ")
        if twice and getpass.getpass(f"{what}, again: ") != text:
            raise CommandError("The two differ")
    if not text:
        raise CommandError(f"{what}: nothing was given; type it, or send it to standard input")
    return text


def _is_terminal() -> bool:
    return sys.stdin.isatty()
