"""The verbs of ``watchword clients`` that add, rotate and revoke secrets."""

from __future__ import annotations

from typing import Annotated

import typer

from watchword.app import Application
from watchword.commands.acting import ClientArgument, DataOption, JsonOption, TenantOption, act_on_client
from watchword.commands.output import moment, note, say, show_json
from watchword.oauth.client_models import (
    OVERLAP_SECONDS_DEFAULT,
    OVERLAP_SECONDS_MAX,
    AddSecret,
    IssuedSecret,
    RotateSecret,
    SecretRotation,
)
from watchword.tenants.actor import OPERATOR
from watchword.tenants.models import Tenant

EndOption = Annotated[str | None, typer.Option("--expires-at", metavar="TIME", help="ISO 8601 with a time zone.")]
OverlapOption = Annotated[
    int, typer.Option("--overlap-seconds", min=0, max=OVERLAP_SECONDS_MAX, help="How long the old secrets go on.")
]


def add_verbs(clients: typer.Typer) -> None:
    """Add the verbs to their group."""
    clients.command(
        "add-secret", epilog="Example: watchword clients add-secret cli_01kb… --expires-at 2027-01-01T00:00:00Z"
    )(add_secret)
    clients.command("rotate", epilog="Example: watchword clients rotate cli_01kb… --overlap-seconds 3600")(rotate)
    clients.command("revoke-secret", epilog="Example: watchword clients revoke-secret cli_01kb… sec_01kb…")(
        revoke_secret
    )


def add_secret(
    client_id: ClientArgument,
    *,
    expires_at: EndOption = None,
    as_json: JsonOption = False,
    tenant: TenantOption = None,
    data: DataOption = None,
) -> None:
    """Make one more secret and print it, this once; the others stay."""

    async def work(application: Application, owner: Tenant) -> IssuedSecret:
        wanted, now_ms = AddSecret(expires_at=expires_at), application.clock.now_ms()
        return await application.oauth.secrets.add(owner.id, client_id, wanted, actor=OPERATOR, now_ms=now_ms)

    secret = act_on_client(data, tenant, client_id, work)
    _print_secret(client_id, secret, as_json=as_json)


def rotate(
    client_id: ClientArgument,
    *,
    overlap_seconds: OverlapOption = OVERLAP_SECONDS_DEFAULT,
    expires_at: EndOption = None,
    as_json: JsonOption = False,
    tenant: TenantOption = None,
    data: DataOption = None,
) -> None:
    """Make a secret that takes over, print it, and give the others an end."""
    wanted = RotateSecret(overlap_seconds=overlap_seconds, expires_at=expires_at)

    async def work(application: Application, owner: Tenant) -> SecretRotation:
        now_ms = application.clock.now_ms()
        return await application.oauth.secrets.rotate(owner.id, client_id, wanted, actor=OPERATOR, now_ms=now_ms)

    rotation = act_on_client(data, tenant, client_id, work)
    _print_secret(client_id, rotation.issued, as_json=as_json)
    for old in rotation.old:
        note(f"{old.id} (…{old.last_characters}) ends at {moment(old.expires_at_ms)}.")


def revoke_secret(
    client_id: ClientArgument,
    secret_id: Annotated[str, typer.Argument(metavar="SECRET_ID", show_default=False)],
    tenant: TenantOption = None,
    data: DataOption = None,
) -> None:
    """End a secret for ever; its next request is refused."""

    async def work(application: Application, owner: Tenant) -> None:
        now_ms = application.clock.now_ms()
        await application.oauth.secrets.revoke(owner.id, client_id, secret_id, actor=OPERATOR, now_ms=now_ms)

    act_on_client(data, tenant, f"{client_id} or it no secret {secret_id}", work)
    note(f"{secret_id} is revoked.")


def _print_secret(client_id: str, secret: IssuedSecret, *, as_json: bool) -> None:
    if as_json:
        show_json({"clientId": client_id, "secretId": secret.record.id, "clientSecret": secret.text})
        return
    say(secret.text)
    note(f"{secret.record.id}: keep the secret now, it is shown this once.")
