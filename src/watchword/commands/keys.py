"""``watchword keys``: a tenant's API keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from watchword.api_keys.manage import Rotation
from watchword.api_keys.models import (
    CreateKey,
    IssuedKey,
    KeyToVerify,
    KindName,
    ListedKey,
    PresentedProof,
    RotateKey,
    Verdict,
)
from watchword.app import Application
from watchword.commands.acting import (
    LIST_LIMIT,
    AfterOption,
    CommandError,
    DataOption,
    JsonOption,
    LimitOption,
    TenantOption,
    act,
    get_tenant,
    named_if_missing,
    read_secret,
)
from watchword.commands.output import Row, moment, note, say, show_json, show_rows
from watchword.commands.scan_rules import scan_rules
from watchword.credentials.api_key import KeyMode
from watchword.tenants.actor import OPERATOR

IdArgument = Annotated[str, typer.Argument(metavar="KEY_ID", show_default=False)]
ScopeOption = Annotated[list[str] | None, typer.Option("--scope", metavar="SCOPE", help="Like products:read.")]
JktOption = Annotated[
    str | None, typer.Option("--dpop-jkt", metavar="THUMBPRINT", help="Bind it to the public key of this thumbprint.")
]
JwkOption = Annotated[
    Path | None, typer.Option("--dpop-jwk", metavar="FILE", help="Bind it to the public JWK in this file.")
]

_COLUMNS = ("id", "name", "kind", "mode", "status", "endsSoon", "key", "lastUsedAt")
_OVERLAP_SECONDS: Final = 24 * 3600
_OVERLAP_SECONDS_MAX: Final = 90 * 24 * 3600


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    keys = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    keys.command("create", epilog="Example: watchword keys create --name web --kind publishable --mode live")(create)
    keys.command("list", epilog="Example: watchword keys list --tenant shop --json")(list_keys)
    keys.command("rotate", epilog="Example: watchword keys rotate key_01kb… --overlap-seconds 3600")(rotate)
    keys.command("revoke", epilog="Example: watchword keys revoke key_01kb…")(revoke)
    keys.command("verify", epilog="Example: echo $KEY | watchword keys verify --scope products:write")(verify)
    keys.command("scan-rules", epilog="Example: watchword keys scan-rules > .gitleaks.toml")(scan_rules)
    app.add_typer(keys, name="keys", help="Make, list, rotate, revoke and verify API keys.")


def create(  # noqa: PLR0913 - each is an option
    *,
    name: Annotated[str, typer.Option("--name", help="What it is for.", show_default=False)],
    kind: Annotated[KindName, typer.Option("--kind", help="Publishable keys read only.")] = "secret",
    mode: Annotated[KeyMode, typer.Option("--mode", help="Which data it reaches.")] = "test",
    scope: ScopeOption = None,
    origin: Annotated[list[str] | None, typer.Option("--origin", metavar="URL", help="Publishable: from here.")] = None,
    network: Annotated[list[str] | None, typer.Option("--network", metavar="CIDR", help="Secret: from here.")] = None,
    expires_at: Annotated[str | None, typer.Option("--expires-at", metavar="TIME", help="ISO 8601.")] = None,
    rate_limit: Annotated[int | None, typer.Option("--rate-limit", min=1, help="Requests a minute.")] = None,
    dpop_jkt: JktOption = None,
    dpop_jwk: JwkOption = None,
    tenant: TenantOption = None,
    data: DataOption = None,
) -> None:
    """Make a key and print it, this once. It is for test data unless --mode live is given."""
    wanted = CreateKey(
        name=name,
        kind=kind,
        mode=mode,
        scopes=scope or None,
        expires_at=expires_at,
        allowed_origins=origin or [],
        allowed_networks=network or [],
        rate_limit=rate_limit,
        dpop_jkt=dpop_jkt,
        dpop_jwk=_read_jwk(dpop_jwk),
    )

    async def work(application: Application) -> IssuedKey:
        owner = await get_tenant(application, tenant)
        return await application.api_keys.create(
            owner.id, mode, wanted, actor=OPERATOR, now_ms=application.clock.now_ms()
        )

    issued = act(data, work)
    say(issued.text)
    note(f"{issued.record.id}: keep the key now, it is shown this once.")


def list_keys(
    *,
    tenant: TenantOption = None,
    limit: LimitOption = LIST_LIMIT,
    after: AfterOption = "",
    as_json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """List a tenant's keys in the order of their making, ended ones too; endsSoon is within 14 days."""

    async def work(application: Application) -> list[Row]:
        owner = await get_tenant(application, tenant)
        now_ms = application.clock.now_ms()
        return [_row(key, now_ms) for key in await application.api_keys.list(owner.id, limit=limit, after=after)]

    show_rows(act(data, work), as_json=as_json, empty="No keys.", columns=_COLUMNS)


def rotate(
    key_id: IdArgument,
    overlap_seconds: Annotated[
        int, typer.Option("--overlap-seconds", min=0, max=_OVERLAP_SECONDS_MAX, help="How long the old key goes on.")
    ] = _OVERLAP_SECONDS,
    dpop_jkt: JktOption = None,
    dpop_jwk: JwkOption = None,
    tenant: TenantOption = None,
    data: DataOption = None,
) -> None:
    """Make a key that takes over, print it, and give the old one an end."""
    wanted = RotateKey(overlap_seconds=overlap_seconds, dpop_jkt=dpop_jkt, dpop_jwk=_read_jwk(dpop_jwk))

    async def work(application: Application) -> Rotation:
        owner = await get_tenant(application, tenant)
        with named_if_missing(owner, f"key {key_id}"):
            return await application.api_keys.rotate(
                owner.id,
                key_id,
                wanted,
                actor=OPERATOR,
                now_ms=application.clock.now_ms(),
            )

    rotation = act(data, work)
    say(rotation.issued.text)
    note(f"{rotation.issued.record.id} takes over; {key_id} ends at {moment(rotation.old.expires_at_ms)}.")


def revoke(key_id: IdArgument, tenant: TenantOption = None, data: DataOption = None) -> None:
    """End a key for ever; its next request is refused."""

    async def work(application: Application) -> None:
        owner = await get_tenant(application, tenant)
        with named_if_missing(owner, f"key {key_id}"):
            await application.api_keys.revoke(owner.id, key_id, actor=OPERATOR, now_ms=application.clock.now_ms())

    act(data, work)
    note(f"{key_id} is revoked.")


def verify(
    *,
    scope: ScopeOption = None,
    origin: Annotated[str | None, typer.Option("--origin", metavar="URL", help="Where it is used.")] = None,
    address: Annotated[str | None, typer.Option("--address", metavar="IP", help="Who uses it.")] = None,
    dpop: Annotated[
        str | None, typer.Option("--dpop", metavar="PROOF", help="The DPoP proof that came with it, which counts once.")
    ] = None,
    request: Annotated[
        str | None, typer.Option("--request", metavar="'METHOD URL'", help="The request that the proof is for.")
    ] = None,
    as_json: JsonOption = False,
    tenant: TenantOption = None,
    data: DataOption = None,
) -> None:
    """Say whether a key is good and if not, why; exit code 1 if not. The key is asked for, or read from input."""
    proof = _read_proof(dpop, request)
    wanted = KeyToVerify(key=read_secret("Key"), scopes=tuple(scope or ()), origin=origin, address=address, dpop=proof)

    async def work(application: Application) -> Verdict:
        owner = await get_tenant(application, tenant)
        return await application.key_verifier.verify(owner.id, None, wanted, now_ms=application.clock.now_ms())

    verdict = act(data, work)
    if as_json:
        show_json(
            {
                "code": verdict.code,
                "keyId": verdict.key_id,
                "kind": verdict.kind,
                "mode": verdict.mode,
                "scopes": verdict.scopes,
                "expiresAt": moment(verdict.expires_at_ms),
            }
        )
    else:
        say(verdict.code)
    if verdict.code != "VALID":
        raise typer.Exit(1)


def _read_proof(dpop: str | None, request: str | None) -> PresentedProof | None:
    if dpop is None and request is None:
        return None
    method, _, url = (request or "").partition(" ")
    if dpop is None or not url:
        raise CommandError("give --dpop PROOF and --request 'METHOD URL' together")
    return PresentedProof(proof=dpop, method=method, url=url)


def _read_jwk(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        jwk = json.loads(path.read_bytes())
    except (OSError, ValueError):
        jwk = None
    if not isinstance(jwk, dict):
        raise CommandError(f"--dpop-jwk: {path} holds no JSON object that can be read")
    return jwk


def _row(listed: ListedKey, now_ms: int) -> Row:
    record = listed.record
    return {
        "id": record.id,
        "name": record.name,
        "kind": "secret" if record.kind == "secret_key" else "publishable",
        "mode": record.mode,
        "status": record.status(now_ms),
        "endsSoon": record.ends_soon(now_ms),
        "key": f"{record.first_characters}…{record.last_characters}",
        "scopes": record.scopes,
        "allowedOrigins": record.allowed_origins,
        "allowedNetworks": record.allowed_networks,
        "rateLimit": record.rate_limit_per_minute,
        "createdAt": moment(record.created_at_ms),
        "expiresAt": moment(record.expires_at_ms),
        "revokedAt": moment(record.revoked_at_ms),
        "rotatedTo": record.rotated_to,
        "dpopJkt": record.dpop_jkt,
        "lastUsedAt": moment(listed.last_used_at_ms),
    }
