"""``watchword jwks``: the keys that sign a tenant's OAuth tokens."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from watchword.app import Application
from watchword.commands.acting import CommandError, DataOption, JsonOption, TenantOption, act, get_tenant
from watchword.commands.output import Row, moment, note, say, show_rows
from watchword.credentials.issuer_keys import IssuerKey, state_of
from watchword.credentials.signing import SigningAlgorithm
from watchword.errors import NotFoundError
from watchword.tenants.models import Tenant

AlgorithmOption = Annotated[
    SigningAlgorithm | None, typer.Option("--algorithm", help="Those of this algorithm only.", show_default=False)
]

_COLUMNS = ("id", "algorithm", "state", "createdAt", "signsFrom", "endsAt")
_TENANTS_AT_ONCE: Final = 100


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    jwks = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    jwks.command("list", epilog="Example: watchword jwks list --tenant shop")(list_keys)
    jwks.command("rotate", epilog="Example: watchword jwks rotate --tenant shop --algorithm ES256")(rotate)
    app.add_typer(jwks, name="jwks", help="List and rotate the keys that sign OAuth tokens.")


def list_keys(*, tenant: TenantOption = None, as_json: JsonOption = False, data: DataOption = None) -> None:
    """List a tenant's keys: next ones are published, the current sign, retired ones verify what they signed."""

    async def work(application: Application) -> list[Row]:
        owner = await get_tenant(application, tenant)
        now_ms = application.clock.now_ms()
        keys = await application.oauth.signing_keys.list_of(owner.id, now_ms)
        return [_row(key, keys, now_ms) for key in keys]

    show_rows(act(data, work), as_json=as_json, empty="No keys yet: the first is made when needed.", columns=_COLUMNS)


def rotate(
    *,
    algorithm: AlgorithmOption = None,
    compromised: Annotated[
        bool, typer.Option("--compromised", help="At once, and refuse whatever the present keys signed.")
    ] = False,
    everyone: Annotated[bool, typer.Option("--all", help="The keys of every tenant.")] = False,
    tenant: TenantOption = None,
    data: DataOption = None,
) -> None:
    """Make the keys that take over in an hour, when verifiers know them; print their ids."""
    if everyone and tenant is not None:
        raise CommandError("Give either --tenant or --all")

    async def work(application: Application) -> list[IssuerKey]:
        owners = await _list_tenants(application) if everyone else [await get_tenant(application, tenant)]
        keys, now_ms = application.oauth.signing_keys, application.clock.now_ms()
        make = keys.replace if compromised else keys.rotate
        made: list[IssuerKey] = []
        for owner in owners:
            try:
                made += await make(owner.id, algorithm, now_ms=now_ms)
            except NotFoundError:
                if not everyone:
                    raise
        return made

    for key in act(data, work):
        say(key.id)
        when = "signs from now on; tokens of the others are refused" if compromised else _takes_over(key)
        note(f"{key.id} ({key.algorithm}) {when}.")


async def _list_tenants(application: Application) -> list[Tenant]:
    tenants: list[Tenant] = []
    while page := await application.tenants.list_all(limit=_TENANTS_AT_ONCE, after=tenants[-1].id if tenants else ""):
        tenants += page
    return tenants


def _takes_over(key: IssuerKey) -> str:
    return f"is published now and signs from {moment(key.active_at_ms)}"


def _row(key: IssuerKey, keys: tuple[IssuerKey, ...], now_ms: int) -> Row:
    return {
        "id": key.id,
        "algorithm": key.algorithm,
        "state": state_of(key, keys, now_ms),
        "createdAt": moment(key.created_at_ms),
        "signsFrom": moment(key.active_at_ms),
        "endsAt": moment(key.ends_at_ms),
    }
