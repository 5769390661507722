"""``watchword clients``: a tenant's OAuth clients; the files beside it have their secrets and grants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

import msgspec
import typer

from watchword.app import Application
from watchword.callers.caller import Mode
from watchword.commands import client_grants, client_secrets
from watchword.commands.acting import (
    LIST_LIMIT,
    AfterOption,
    ClientArgument,
    CommandError,
    DataOption,
    JsonOption,
    LimitOption,
    TenantOption,
    act,
    act_on_client,
    get_tenant,
)
from watchword.commands.output import Row, note, say, show_json, show_rows
from watchword.oauth.client_answers import listed_answer, read_answer
from watchword.oauth.client_metadata import weaknesses_of
from watchword.oauth.client_models import ChangeClient, ClientAnswer, CreateClient, IssuedClient
from watchword.oauth.models import ClientKind, OAuthClient
from watchword.tenants.actor import OPERATOR
from watchword.tenants.models import Tenant
from watchword.wire.json_body import decode_struct

GrantOption = Annotated[
    list[str] | None, typer.Option("--grant", metavar="GRANT", help="Like authorization_code; repeatable.")
]
RedirectOption = Annotated[list[str] | None, typer.Option("--redirect-uri", metavar="URI", help="Where codes go.")]
ScopeOption = Annotated[list[str] | None, typer.Option("--scope", metavar="SCOPE", help="At most these.")]
OriginOption = Annotated[list[str] | None, typer.Option("--origin", metavar="URL", help="Web origin that may call.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Any field of POST /api/clients, as JSON or text."),
]

_COLUMNS: Final = ("id", "name", "kind", "mode", "disabled", "grants", "redirectUris", "lastUsedAt")
_WHOLE_GRANTS: Final = {
    "device_code": "urn:ietf:params:oauth:grant-type:device_code",
    "token_exchange": "urn:ietf:params:oauth:grant-type:token-exchange",
}
_EXAMPLES: Final = {
    "create": "watchword clients create --name Partner --grant authorization_code"
    " --redirect-uri https://partner.example/cb --set token_format=opaque",
    "list": "watchword clients list --tenant shop --json",
    "show": "watchword clients show cli_01kb…",
    "change": "watchword clients change cli_01kb… --redirect-uri http://127.0.0.1/callback --set scopes=null",
    "disable": "watchword clients disable cli_01kb…",
    "enable": "watchword clients enable cli_01kb…",
    "delete": "watchword clients delete cli_01kb…",
}

Wanted = TypeVar("Wanted", CreateClient, ChangeClient)


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    clients = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    verbs: dict[str, Callable[..., None]] = {
        "create": create,
        "list": list_clients,
        "show": show,
        "change": change,
        "disable": disable,
        "enable": enable,
        "delete": delete,
    }
    for name, verb in verbs.items():
        clients.command(name, epilog=f"Example: {_EXAMPLES[name]}")(verb)
    client_secrets.add_verbs(clients)
    client_grants.add_verbs(clients)
    app.add_typer(clients, name="clients", help="Make, list and change OAuth clients; end grants.")


def create(  # noqa: PLR0913 - each is an option
    *,
    name: Annotated[str, typer.Option("--name", help="What people are shown.", show_default=False)],
    kind: Annotated[
        ClientKind, typer.Option("--kind", metavar="KIND", help="Or public, without a secret.")
    ] = "confidential",
    mode: Annotated[Mode, typer.Option("--mode", metavar="MODE", help="Or live; which data it reaches.")] = "test",
    grant: GrantOption = None,
    redirect_uri: RedirectOption = None,
    scope: ScopeOption = None,
    origin: OriginOption = None,
    settings: SetOption = None,
    expires_at: Annotated[str | None, typer.Option("--expires-at", metavar="TIME", help="The secret's end.")] = None,
    as_json: JsonOption = False,
    tenant: TenantOption = None,
    data: DataOption = None,
) -> None:
    """Make a client and print its id and secret, this once. Without --grant it acts for itself, in test data."""
    wanted = _read(
        CreateClient,
        settings,
        name=name,
        kind=kind,
        mode=mode,
        grants=_whole_grants(grant) or ["client_credentials"],
        redirect_uris=redirect_uri,
        scopes=scope,
        web_origins=origin,
        secret_expires_at=expires_at,
    )

    async def work(application: Application) -> IssuedClient:
        owner = await get_tenant(application, tenant)
        now_ms = application.clock.now_ms()
        return await application.oauth.clients.create(owner.id, mode, wanted, actor=OPERATOR, now_ms=now_ms)

    issued = act(data, work)
    _print_issued(issued, as_json=as_json)
    _warn(issued.client)


def list_clients(
    *,
    tenant: TenantOption = None,
    limit: LimitOption = LIST_LIMIT,
    after: AfterOption = "",
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """List a tenant's clients in the order of their making, disabled ones too."""

    async def work(application: Application) -> list[Row]:
        owner = await get_tenant(application, tenant)
        clients = await application.oauth.clients.list(owner.id, limit=limit, after=after)
        return [_row(listed_answer(client)) for client in clients]

    show_rows(act(data, work), as_json=as_json, empty="No OAuth clients.", columns=_COLUMNS)


def show(
    client_id: ClientArgument, *, tenant: TenantOption = None, as_json: JsonOption = False, data: DataOption = None
) -> None:
    """Show all that is known of a client, with the last characters and ends of its secrets."""

    async def work(application: Application, owner: Tenant) -> ClientAnswer:
        read = await application.oauth.clients.get(owner.id, client_id)
        return read_answer(read, application.clock.now_ms())

    row = _row(act_on_client(data, tenant, client_id, work))
    if as_json:
        show_json(row)
        return
    for name, value in row.items():
        say(f"{name:<36}{value if isinstance(value, str) else msgspec.json.encode(value).decode()}")


def change(
    client_id: ClientArgument,
    *,
    name: Annotated[str | None, typer.Option("--name", help="New name.")] = None,
    grant: GrantOption = None,
    redirect_uri: RedirectOption = None,
    scope: ScopeOption = None,
    origin: OriginOption = None,
    settings: SetOption = None,
    tenant: TenantOption = None,
    data: DataOption = None,
) -> None:
    """Change a client, in force on its next request; a list that is named is replaced, what is not named stays."""
    wanted = _read(
        ChangeClient,
        settings,
        name=name,
        grants=_whole_grants(grant),
        redirect_uris=redirect_uri,
        scopes=scope,
        web_origins=origin,
    )
    client = _change(client_id, wanted, tenant, data)
    note(f"{client_id} is changed.")
    _warn(client)


def disable(client_id: ClientArgument, tenant: TenantOption = None, data: DataOption = None) -> None:
    """Refuse a client and every code, token and refresh that it was given, at once."""
    _change(client_id, ChangeClient(disabled=True), tenant, data)
    note(f"{client_id} is disabled.")


def enable(client_id: ClientArgument, tenant: TenantOption = None, data: DataOption = None) -> None:
    """Let a disabled client in again; what it was given before and has not ended counts again."""
    client = _change(client_id, ChangeClient(disabled=False), tenant, data)
    note(f"{client_id} is enabled.")
    _warn(client)


def delete(client_id: ClientArgument, tenant: TenantOption = None, data: DataOption = None) -> None:
    """Delete a client with its secrets, grants and tokens, for ever."""

    async def work(application: Application, owner: Tenant) -> None:
        now_ms = application.clock.now_ms()
        await application.oauth.clients.delete(owner.id, client_id, actor=OPERATOR, now_ms=now_ms)

    act_on_client(data, tenant, client_id, work)
    note(f"{client_id} is deleted.")


def _change(client_id: str, wanted: ChangeClient, tenant: str | None, data: str | None) -> OAuthClient:
    async def work(application: Application, owner: Tenant) -> OAuthClient:
        now_ms = application.clock.now_ms()
        return await application.oauth.clients.change(owner.id, client_id, wanted, actor=OPERATOR, now_ms=now_ms)

    return act_on_client(data, tenant, client_id, work)


def _read(struct: type[Wanted], settings: list[str] | None, **options: object) -> Wanted:
    """Read options and further fields as the endpoint reads its body, so that the same faults are named."""
    fields = {name: value for name, value in options.items() if value is not None}
    for setting in settings or ():
        name, separator, text = setting.partition("=")
        if not separator or name in fields:
            raise CommandError(f"--set {name}: give FIELD=VALUE, and each field once")
        fields[name] = _json_or_text(text)
    return decode_struct(msgspec.json.encode(fields), struct)


def _json_or_text(text: str) -> Any:  # noqa: ANN401 - whatever was typed
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _whole_grants(grants: list[str] | None) -> list[str] | None:
    return None if grants is None else [_WHOLE_GRANTS.get(grant, grant) for grant in grants]


def _print_issued(issued: IssuedClient, *, as_json: bool) -> None:
    secret = None if issued.secret is None else issued.secret.text
    if as_json:
        show_json({"clientId": issued.client.id, "clientSecret": secret})
        return
    say(f"client_id={issued.client.id}")
    if secret is not None:
        say(f"client_secret={secret}")
        note("Keep the secret now, it is shown this once.")


def _warn(client: OAuthClient) -> None:
    for weakness in weaknesses_of(client):
        note(f"Warning: {client.id} is weakened by {weakness}.")


def _row(answer: ClientAnswer) -> Row:
    row: Row = msgspec.to_builtins(answer)
    return row
