"""``watchword invitations``: who was asked to join a tenant and has not answered yet."""

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
    named_if_missing,
)
from watchword.commands.output import Row, moment, note, say, show_rows
from watchword.tenants.actor import OPERATOR
from watchword.tenants.models import CreateInvitation, Invitation, TenantRole

_COLUMNS = ("id", "email", "role", "invitedBy", "expiresAt")


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    invitations = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    invitations.command("create", epilog="Example: watchword invitations create kim@example.com --role tenant-admin")(
        create
    )
    invitations.command("list", epilog="Example: watchword invitations list --tenant shop --json")(list_invitations)
    invitations.command("withdraw", epilog="Example: watchword invitations withdraw inv_01kb…")(withdraw)
    app.add_typer(invitations, name="invitations", help="Invite people to a tenant; list, take back.")


def create(
    email: Annotated[str, typer.Argument(metavar="EMAIL", show_default=False)],
    role: Annotated[TenantRole, typer.Option("--role", help="What they may do there.")] = "tenant-viewer",
    tenant: TenantOption = None,
    data: DataOption = None,
) -> None:
    """Invite someone by letter, for seven days; prints the invitation's id."""
    wanted = CreateInvitation(email=email, role=role)

    async def work(application: Application) -> tuple[Invitation, str]:
        host = await get_tenant(application, tenant)
        invitation = await application.invitations.create(
            host.id, wanted, actor=OPERATOR, now_ms=application.clock.now_ms()
        )
        settings = application.settings
        outbox = "" if settings.smtp_url else f"; without a mail server it is in {settings.data_directory / 'outbox'}"
        return invitation, f"The letter to {invitation.email} is sent{outbox}."

    invitation, sentence = act(data, work)
    say(invitation.id)
    note(sentence)


def list_invitations(
    *,
    tenant: TenantOption = None,
    limit: LimitOption = LIST_LIMIT,
    after: AfterOption = "",
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """List invitations that can still be accepted, in the order of their making."""

    async def work(application: Application) -> list[Invitation]:
        found = await get_tenant(application, tenant)
        now_ms = application.clock.now_ms()
        return await application.invitations.list(found.id, limit=limit, after=after, now_ms=now_ms)

    rows = [_row(invitation) for invitation in act(data, work)]
    show_rows(rows, as_json=as_json, empty="No open invitations.", columns=_COLUMNS)


def withdraw(
    invitation_id: Annotated[str, typer.Argument(metavar="INVITATION_ID", show_default=False)],
    tenant: TenantOption = None,
    data: DataOption = None,
) -> None:
    """Take an invitation back; its code is worth nothing from then on."""

    async def work(application: Application) -> Invitation:
        found = await get_tenant(application, tenant)
        now_ms = application.clock.now_ms()
        with named_if_missing(found, f"open invitation {invitation_id}"):
            return await application.invitations.withdraw(found.id, invitation_id, actor=OPERATOR, now_ms=now_ms)

    note(f"The invitation of {act(data, work).email} is withdrawn.")


def _row(invitation: Invitation) -> Row:
    return {
        "id": invitation.id,
        "email": invitation.email,
        "role": invitation.role,
        "invitedBy": invitation.invited_by,
        "createdAt": moment(invitation.created_at_ms),
        "expiresAt": moment(invitation.expires_at_ms),
    }
