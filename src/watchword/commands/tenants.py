"""``watchword tenants``: whom the installation serves."""

from __future__ import annotations

from typing import Annotated, Literal

import typer
from msgspec import UNSET, UnsetType

from watchword.app import Application
from watchword.commands.acting import (
    LIST_LIMIT,
    AfterOption,
    CommandError,
    DataOption,
    JsonOption,
    LimitOption,
    act,
    get_tenant,
)
from watchword.commands.output import Row, moment, note, say, show_rows
from watchword.tenants.actor import OPERATOR
from watchword.tenants.models import (
    REQUESTS_PER_HOUR_MAX,
    REQUESTS_PER_MINUTE_MAX,
    ChangeTenant,
    ClientRegistration,
    CreateTenant,
    Plan,
    SettingsChange,
    Tenant,
)

NumberOption = Annotated[int | None, typer.Option(min=0, metavar="N", help="Requests; 0 is the plan's number.")]
VerifiedOption = Annotated[
    bool | None, typer.Option("--verified/--no-verified", help="Log in with a confirmed address only.")
]
ClientsOption = Annotated[
    ClientRegistration | None, typer.Option("--client-registration", metavar="WHO", help="off, token or open.")
]
DocumentsOption = Annotated[
    Literal["on", "off"] | None,
    typer.Option("--client-documents", metavar="WHETHER", help="on or off: clients by metadata document."),
]
NoncesOption = Annotated[
    Literal["on", "off"] | None,
    typer.Option("--dpop-nonces", metavar="WHETHER", help="on or off: DPoP proofs need our nonce."),
]
LogoOption = Annotated[str | None, typer.Option("--logo", metavar="URL", help="Picture on the pages; '' for none.")]
OriginOption = Annotated[
    list[str] | None, typer.Option("--origin", metavar="URL", help="Web origin that may call; repeatable.")
]
PlanOption = Annotated[
    Plan | None, typer.Option("--plan", metavar="PLAN", help="free, starter, basic, pro or enterprise.")
]

_COLUMNS = ("id", "slug", "name", "plan", "disabled", "allowedOrigins")


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    tenants = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    tenants.command("create", epilog="Example: watchword tenants create shop --name 'The Shop' --plan pro")(create)
    tenants.command("list", epilog="Example: watchword tenants list --json")(list_tenants)
    tenants.command("change", epilog="Example: watchword tenants change shop --origin https://shop.example.com")(change)
    app.add_typer(tenants, name="tenants", help="Make, list and change tenants.")


def create(
    slug: Annotated[str, typer.Argument(metavar="SLUG", show_default=False)],
    name: Annotated[str | None, typer.Option("--name", help="Its name; the slug when left out.")] = None,
    plan: PlanOption = None,
    origin: OriginOption = None,
    data: DataOption = None,
) -> None:
    """Make a tenant without members; prints its id."""
    wanted = CreateTenant(name=name or slug, slug=slug, plan=plan or "free", allowed_origins=origin or [])

    async def work(application: Application) -> Tenant:
        return await application.tenants.create(wanted, actor=OPERATOR, now_ms=application.clock.now_ms())

    say(act(data, work).id)


def list_tenants(
    *, limit: LimitOption = LIST_LIMIT, after: AfterOption = "", as_json: JsonOption = False, data: DataOption = None
) -> None:
    """List tenants in the order of their ids."""

    async def work(application: Application) -> list[Tenant]:
        return await application.tenants.list_all(limit=limit, after=after)

    rows = [_row(tenant) for tenant in act(data, work)]
    show_rows(rows, as_json=as_json, empty="No tenants.", columns=_COLUMNS)


def change(  # noqa: PLR0913 - each is an option
    tenant: Annotated[str, typer.Argument(metavar="SLUG_OR_ID", show_default=False, hidden=True)],
    *,
    name: Annotated[str | None, typer.Option("--name", help="New name.")] = None,
    slug: Annotated[str | None, typer.Option("--slug", help="New slug.")] = None,
    plan: PlanOption = None,
    origin: OriginOption = None,
    no_origins: Annotated[bool, typer.Option("--no-origins", help="Let no web origin call.")] = False,
    disabled: Annotated[bool | None, typer.Option("--disable/--enable", help="Close or open it.")] = None,
    registration: Annotated[
        bool | None, typer.Option("--register/--no-register", help="Let strangers register.")
    ] = None,
    cookie: Annotated[bool | None, typer.Option("--cookie/--no-cookie", help="Log in with the cookie.")] = None,
    verified: VerifiedOption = None,
    clients: ClientsOption = None,
    documents: DocumentsOption = None,
    nonces: NoncesOption = None,
    per_minute: NumberOption = None,
    per_hour: NumberOption = None,
    logo: LogoOption = None,
    data: DataOption = None,
) -> None:
    """Change a tenant, in force at once; what is not named stays."""
    if origin and no_origins:
        raise CommandError("Give either --origin or --no-origins")
    settings = SettingsChange(
        registration=_or_unset(registration),
        session_cookie=_or_unset(cookie),
        require_verified_email=_or_unset(verified),
        client_registration=clients or UNSET,
        client_metadata_documents=UNSET if documents is None else documents == "on",
        dpop_nonces=UNSET if nonces is None else nonces == "on",
        requests_per_minute=_limit(per_minute, "--per-minute", REQUESTS_PER_MINUTE_MAX),
        requests_per_hour=_limit(per_hour, "--per-hour", REQUESTS_PER_HOUR_MAX),
        logo_url=UNSET if logo is None else logo or None,
    )
    wanted = ChangeTenant(
        name=name or UNSET,
        slug=slug or UNSET,
        plan=plan or UNSET,
        allowed_origins=origin or ([] if no_origins else UNSET),
        settings=settings,
        disabled=_or_unset(disabled),
    )

    async def work(application: Application) -> Tenant:
        found = await get_tenant(application, tenant)
        return await application.tenants.change(found.id, wanted, actor=OPERATOR, now_ms=application.clock.now_ms())

    note(f"{act(data, work).slug} is changed.")


def _or_unset(value: bool | None) -> bool | UnsetType:  # noqa: FBT001 - a value on its way, not an option
    return UNSET if value is None else value


def _limit(value: int | None, option: str, most: int) -> int | UnsetType | None:
    if value is None:
        return UNSET
    if value > most:
        raise CommandError(f"{option} is {value}; it must be at most {most}, or 0 for the plan's number")
    return value or None


def _row(tenant: Tenant) -> Row:
    settings = tenant.settings
    return {
        "id": tenant.id,
        "slug": tenant.slug,
        "name": tenant.name,
        "plan": tenant.plan,
        "disabled": tenant.disabled_at_ms is not None,
        "allowedOrigins": settings.allowed_origins,
        "registration": settings.registration,
        "sessionCookie": settings.session_cookie,
        "requireVerifiedEmail": settings.require_verified_email,
        "clientRegistration": settings.client_registration,
        "clientMetadataDocuments": settings.client_metadata_documents,
        "dpopNonces": settings.dpop_nonces,
        "requestsPerMinute": settings.requests_per_minute,
        "requestsPerHour": settings.requests_per_hour,
        "logoUrl": settings.logo_url,
        "createdAt": moment(tenant.created_at_ms),
        "updatedAt": moment(tenant.updated_at_ms),
    }
