"""The verbs of ``watchword clients`` that list and end what users allowed."""

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
    named_if_missing,
)
from watchword.commands.output import Row, moment, note, show_rows
from watchword.oauth.client_models import EndedGrants, ListedGrant
from watchword.tenants.actor import OPERATOR

_COLUMNS = ("id", "clientName", "email", "mode", "scopes", "createdAt", "expiresAt")


def add_verbs(clients: typer.Typer) -> None:
    """Add the verbs to their group."""
    clients.command("grants", epilog="Example: watchword clients grants --user ann@example.com --json")(list_grants)
    clients.command("end-grant", epilog="Example: watchword clients end-grant grt_01kb…")(end)


def list_grants(
    *,
    client: Annotated[str, typer.Option("--client", metavar="CLIENT_ID", help="Of this client.")] = "",
    user: Annotated[str | None, typer.Option("--user", metavar="EMAIL_OR_ID", help="Of this user.")] = None,
    tenant: TenantOption = None,
    limit: LimitOption = LIST_LIMIT,
    after: AfterOption = "",
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """List what users allowed a tenant's clients, the youngest first."""

    async def work(application: Application) -> list[ListedGrant]:
        owner = await get_tenant(application, tenant)
        return await application.oauth.grant_overview.list_of_tenant(
            owner.id,
            client_id=client,
            user_id="" if user is None else (await get_user(application, user)).id,
            after=after,
            limit=limit,
            now_ms=application.clock.now_ms(),
        )

    rows = [_row(grant) for grant in act(data, work)]
    show_rows(rows, as_json=as_json, empty="No grants.", columns=_COLUMNS)


def end(
    grant_id: Annotated[str, typer.Argument(metavar="GRANT_ID", show_default=False)],
    tenant: TenantOption = None,
    data: DataOption = None,
) -> None:
    """End a grant with its tokens; the user is asked before the next one."""

    async def work(application: Application) -> EndedGrants:
        owner = await get_tenant(application, tenant)
        now_ms = application.clock.now_ms()
        with named_if_missing(owner, f"living grant {grant_id}"):
            return await application.oauth.grant_overview.end(owner.id, grant_id, actor=OPERATOR, now_ms=now_ms)

    for ended in act(data, work).ids:
        note(f"{ended} has ended.")


def _row(grant: ListedGrant) -> Row:
    return {
        "id": grant.id,
        "clientId": grant.client_id,
        "clientName": grant.client_name,
        "userId": grant.user_id,
        "email": grant.email,
        "mode": grant.mode,
        "scopes": grant.scopes,
        "resources": grant.resources,
        "createdAt": moment(grant.created_at_ms),
        "expiresAt": moment(grant.expires_at_ms),
    }
