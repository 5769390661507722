"""``watchword members``: who belongs to a tenant."""

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
    TenantOption,
    act,
    get_tenant,
    get_user,
)
from watchword.commands.output import Row, moment, note, show_rows
from watchword.errors import NotFoundError
from watchword.tenants.actor import OPERATOR
from watchword.tenants.models import Membership, TenantRole

WhoArgument = Annotated[str, typer.Argument(metavar="EMAIL_OR_ID", show_default=False)]

_COLUMNS = ("userId", "email", "name", "role", "disabled", "createdAt")


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    members = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    members.command("add", epilog="Example: watchword members add ann@example.com --tenant shop --role tenant-admin")(
        add
    )
    members.command("list", epilog="Example: watchword members list --tenant shop --json")(list_members)
    members.command("remove", epilog="Example: watchword members remove ann@example.com --tenant shop")(remove)
    app.add_typer(members, name="members", help="Add, list and remove a tenant's members.")


def add(
    who: WhoArgument,
    role: Annotated[TenantRole, typer.Option("--role", help="What the user may do there.")] = "tenant-viewer",
    tenant: TenantOption = None,
    data: DataOption = None,
) -> None:
    """Make an existing account a member, or give a member another role."""

    async def work(application: Application) -> Membership:
        now_ms = application.clock.now_ms()
        joined = await get_tenant(application, tenant)
        user = await get_user(application, who)
        try:
            await application.members.get(joined.id, user.id)
        except NotFoundError:
            return await application.members.add(joined.id, user.email, role=role, actor=OPERATOR, now_ms=now_ms)
        return await application.members.change_role(joined.id, user.id, role=role, actor=OPERATOR, now_ms=now_ms)

    note(f"{act(data, work).email} is {role} now.")


def list_members(
    *,
    tenant: TenantOption = None,
    limit: LimitOption = LIST_LIMIT,
    after: AfterOption = "",
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """List a tenant's members in the order of their ids."""

    async def work(application: Application) -> list[Membership]:
        found = await get_tenant(application, tenant)
        return await application.members.list(found.id, limit=limit, after=after)

    rows = [_row(membership) for membership in act(data, work)]
    show_rows(rows, as_json=as_json, empty="No members.", columns=_COLUMNS)


def remove(who: WhoArgument, tenant: TenantOption = None, data: DataOption = None) -> None:
    """End a membership; the account stays."""

    async def work(application: Application) -> None:
        found = await get_tenant(application, tenant)
        user = await get_user(application, who)
        try:
            await application.members.remove(found.id, user.id, actor=OPERATOR, now_ms=application.clock.now_ms())
        except NotFoundError:
            raise NotFoundError(f"{who} is no member of {found.slug}") from None

    act(data, work)
    note(f"{who} is no member any more.")


def _row(membership: Membership) -> Row:
    return {
        "userId": membership.user_id,
        "email": membership.email,
        "name": membership.name,
        "role": membership.role,
        "disabled": membership.user_disabled_at_ms is not None,
        "createdAt": moment(membership.created_at_ms),
    }
