"""``watchword users``: the installation's accounts."""

from __future__ import annotations

from typing import Annotated

import typer

from watchword.app import Application
from watchword.commands.acting import (
    LIST_LIMIT,
    AfterOption,
    DataOption,
    JsonOption,
    LimitOption,
    act,
    get_tenant,
    get_user,
    read_secret,
)
from watchword.commands.output import Row, moment, note, say, show_rows
from watchword.tenants.actor import OPERATOR
from watchword.tenants.models import TenantRole
from watchword.users.models import User

EmailArgument = Annotated[str, typer.Argument(metavar="EMAIL", show_default=False)]
WhoArgument = Annotated[str, typer.Argument(metavar="EMAIL_OR_ID", show_default=False)]
NameOption = Annotated[str, typer.Option("--name", help="The person's name.", show_default=False)]

_COLUMNS = ("id", "email", "name", "superAdmin", "disabled", "createdAt")


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    users = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    users.command("create-super-admin", epilog="Example: watchword users create-super-admin you@example.com")(
        create_super_admin
    )
    users.command(
        "create", epilog="Example: watchword users create ann@example.com --tenant shop --role tenant-editor"
    )(create)
    users.command("list", epilog="Example: watchword users list --tenant shop --json")(list_users)
    users.command("disable", epilog="Example: watchword users disable ann@example.com")(disable)
    users.command("enable", epilog="Example: watchword users enable ann@example.com")(enable)
    app.add_typer(users, name="users", help="Make, list, close and open accounts.")


def create_super_admin(email: EmailArgument, name: NameOption = "", data: DataOption = None) -> None:
    """Make an account that may do everything; the password is asked for, or read from standard input."""
    password = read_secret("Password", twice=True)

    async def work(application: Application) -> User:
        return await application.users.create_user(
            email, password, name=name, is_super_admin=True, verified=True, now_ms=application.clock.now_ms()
        )

    say(act(data, work).id)
    note(f"{email} is a super-admin now.")


def create(
    email: EmailArgument,
    name: NameOption = "",
    tenant: Annotated[str | None, typer.Option("--tenant", metavar="SLUG", help="Tenant to join.")] = None,
    role: Annotated[TenantRole, typer.Option("--role", help="Role there.")] = "tenant-viewer",
    data: DataOption = None,
) -> None:
    """Make an account; the password is asked for, or read from standard input."""
    password = read_secret("Password", twice=True)

    async def work(application: Application) -> User:
        now_ms = application.clock.now_ms()
        joined = None if tenant is None else await get_tenant(application, tenant)
        user = await application.users.create_user(email, password, name=name, verified=True, now_ms=now_ms)
        if joined is not None:
            await application.members.add(joined.id, user.email, role=role, actor=OPERATOR, now_ms=now_ms)
        return user

    say(act(data, work).id)


def list_users(
    *,
    tenant: Annotated[str | None, typer.Option("--tenant", metavar="SLUG", help="Only its members.")] = None,
    limit: LimitOption = LIST_LIMIT,
    after: AfterOption = "",
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """List accounts in the order of their ids."""

    async def work(application: Application) -> list[User]:
        tenant_id = None if tenant is None else (await get_tenant(application, tenant)).id
        return await application.users.list_users(tenant_id, limit=limit, after=after)

    show_rows([_row(user) for user in act(data, work)], as_json=as_json, empty="No accounts.", columns=_COLUMNS)


def disable(who: WhoArgument, data: DataOption = None) -> None:
    """Close an account and end its sessions."""

    async def work(application: Application) -> None:
        user = await get_user(application, who)
        await application.users.disable_user(user.id, application.clock.now_ms())

    act(data, work)
    note(f"{who} is closed; its sessions have ended.")


def enable(who: WhoArgument, data: DataOption = None) -> None:
    """Open a closed account again; its ended sessions stay ended."""

    async def work(application: Application) -> None:
        user = await get_user(application, who)
        await application.users.enable_user(user.id, application.clock.now_ms())

    act(data, work)
    note(f"{who} is open.")


def _row(user: User) -> Row:
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "superAdmin": user.is_super_admin,
        "emailVerified": user.email_verified_at_ms is not None,
        "disabled": user.disabled_at_ms is not None,
        "createdAt": moment(user.created_at_ms),
    }
