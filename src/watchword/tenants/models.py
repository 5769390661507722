"""What tenants, members and invitations look like, stored and on the wire."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from watchword.concealed import Concealed
from watchword.tenants.email_address import EMAIL_LENGTH_MAX
from watchword.tenants.names import NAME_CHARACTERS_MAX, NAME_PATTERN
from watchword.tenants.web_origins import ORIGINS_MAX

Plan = Literal["free", "starter", "basic", "pro", "enterprise"]
ClientRegistration = Literal["off", "token", "open"]
"""Who may register OAuth clients by themselves: nobody, whoever holds a key for it, or everybody (RFC 7591 §3)."""

TenantRole = Literal["tenant-viewer", "tenant-editor", "tenant-admin"]

Name = Annotated[str, Meta(min_length=1, max_length=NAME_CHARACTERS_MAX, extra_json_schema={"pattern": NAME_PATTERN})]
"""``names.py`` checks it; the pattern is told to readers and checked nowhere else."""

Slug = Annotated[str, Meta(pattern="^[a-z0-9-]{2,63}$")]
WebOrigin = Annotated[str, Meta(extra_json_schema={"format": "web-origin", "examples": ["https://shop.example"]})]
"""As browsers write it; ``web_origins.py`` checks it. The format is told to readers and checked nowhere else."""

LogoUrl = Annotated[
    str, Meta(extra_json_schema={"format": "picture-url", "examples": ["https://cdn.example/logo.png"]})
]
"""``web_origins.py`` checks it; the format is told to readers, as that of web origins."""

WebOrigins = Annotated[list[WebOrigin], Meta(extra_json_schema={"maxItems": ORIGINS_MAX})]
EmailAddress = Annotated[str, Meta(extra_json_schema={"format": "email", "maxLength": EMAIL_LENGTH_MAX})]

REQUESTS_PER_MINUTE_MAX: Final = 1_000_000
REQUESTS_PER_HOUR_MAX: Final = 60 * REQUESTS_PER_MINUTE_MAX
"""More than a machine can serve: who wants no limit takes a plan without one."""

RequestsPerMinute = Annotated[int, Meta(ge=1, le=REQUESTS_PER_MINUTE_MAX)]
RequestsPerHour = Annotated[int, Meta(ge=1, le=REQUESTS_PER_HOUR_MAX)]


class TenantSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant decides for itself; stored as JSON beside the tenant, in these very names.

    Shapes: ``allowed_origins`` are web origins as browsers write them; ``requests_per_minute`` and
    ``requests_per_hour`` replace the plan's limits where they are not None; ``logo_url`` is an https address that the
    pages for people show.
    """

    allowed_origins: tuple[str, ...] = ()
    registration: bool = False
    session_cookie: bool = False
    require_verified_email: bool = False
    client_registration: ClientRegistration = "off"
    client_metadata_documents: bool = False
    dpop_nonces: bool = False
    requests_per_minute: int | None = None
    requests_per_hour: int | None = None
    logo_url: str | None = None


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """A stored tenant; times are Unix milliseconds."""

    id: str
    slug: str
    name: str
    plan: Plan
    settings: TenantSettings
    created_at_ms: int
    updated_at_ms: int
    disabled_at_ms: int | None

    @property
    def context_words(self) -> tuple[str, ...]:
        """What an attacker would try first as a password here (ASVS 5.0 V6.2.11)."""
        return (self.slug, self.name, self.name.replace(" ", ""))


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """A user's role in one tenant; ``user_disabled_at_ms`` is None while the account is open."""

    tenant_id: str
    user_id: str
    email: str
    name: str
    role: TenantRole
    created_at_ms: int
    user_disabled_at_ms: int | None


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """A stored invitation; its code is stored as a hash only and never read back."""

    id: str
    tenant_id: str
    email: str
    role: TenantRole
    invited_by: str
    created_at_ms: int
    expires_at_ms: int
    accepted_at_ms: int | None


# What comes in


class SettingsChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The settings to change; what is left out stays."""

    registration: bool | UnsetType = UNSET
    session_cookie: bool | UnsetType = UNSET
    require_verified_email: bool | UnsetType = UNSET
    client_registration: ClientRegistration | UnsetType = UNSET
    client_metadata_documents: bool | UnsetType = UNSET
    dpop_nonces: bool | UnsetType = UNSET
    requests_per_minute: RequestsPerMinute | UnsetType | None = UNSET
    requests_per_hour: RequestsPerHour | UnsetType | None = UNSET
    logo_url: LogoUrl | UnsetType | None = UNSET


class CreateTenant(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A new tenant."""

    name: Name
    slug: Slug
    plan: Plan = "free"
    allowed_origins: WebOrigins = []
    settings: SettingsChange = SettingsChange()


class ChangeTenant(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The fields of a tenant to change; what is left out stays."""

    name: Name | UnsetType = UNSET
    slug: Slug | UnsetType = UNSET
    plan: Plan | UnsetType = UNSET
    allowed_origins: WebOrigins | UnsetType = UNSET
    settings: SettingsChange | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET


class AddMember(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An existing user who becomes a member without an invitation."""

    email: EmailAddress
    role: TenantRole


class ChangeMember(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A member's new role."""

    role: TenantRole


class CreateInvitation(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Whom to invite, as what."""

    email: EmailAddress
    role: TenantRole = "tenant-viewer"


class AcceptInvitation(Concealed, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The mailed code, and what proves or makes the account it was mailed to."""

    code: Annotated[str, Meta(min_length=1, max_length=200)]
    password: str | None = None
    name: Name | None = None


class PageQuery(msgspec.Struct, kw_only=True):
    """Which part of a list: at most ``limit`` entries behind the one named ``after``."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 10
    after: Annotated[str, Meta(max_length=64)] = ""


# What goes out


class SettingsAnswer(msgspec.Struct, rename="camel", kw_only=True):
    """A tenant's settings."""

    registration: bool
    session_cookie: bool
    require_verified_email: bool
    client_registration: ClientRegistration
    client_metadata_documents: bool
    dpop_nonces: bool
    requests_per_minute: int | None
    requests_per_hour: int | None
    logo_url: str | None


class TenantAnswer(msgspec.Struct, rename="camel", kw_only=True):
    """A tenant; times are ISO 8601."""

    id: str
    slug: str
    name: str
    plan: Plan
    disabled: bool
    allowed_origins: tuple[str, ...]
    settings: SettingsAnswer
    created_at: str
    updated_at: str


class TenantSummary(msgspec.Struct, rename="camel", kw_only=True):
    """A tenant as any of its members sees it; ``role`` is None where a super-admin is no member."""

    id: str
    slug: str
    name: str
    plan: Plan
    disabled: bool
    role: TenantRole | None
    created_at: str


class MemberAnswer(msgspec.Struct, rename="camel", kw_only=True):
    """A member; ``disabled`` says that the account is closed."""

    user_id: str
    email: str
    name: str
    role: TenantRole
    disabled: bool
    created_at: str


class InvitationAnswer(msgspec.Struct, rename="camel", kw_only=True):
    """An invitation; its code went to the invited mailbox and nowhere else."""

    id: str
    email: str
    role: TenantRole
    invited_by: str
    created_at: str
    expires_at: str


class JoinedAnswer(msgspec.Struct, rename="camel", kw_only=True):
    """What an accepted invitation brought."""

    tenant_id: str
    user_id: str
    email: str
    role: TenantRole


class TenantDone(msgspec.Struct):
    """A tenant was made or changed."""

    message: str
    doc: TenantAnswer


class MemberDone(msgspec.Struct):
    """A membership was made or changed."""

    message: str
    doc: MemberAnswer


class InvitationDone(msgspec.Struct):
    """An invitation was sent."""

    message: str
    doc: InvitationAnswer


class JoinedDone(msgspec.Struct):
    """An invitation was accepted."""

    message: str
    doc: JoinedAnswer


class Removed(msgspec.Struct):
    """Something is gone."""

    message: str
    id: str


class TenantPage(msgspec.Struct, rename="camel", kw_only=True):
    """Some tenants in the order of their ids; ``next_after`` continues, None at the end."""

    docs: list[TenantSummary]
    limit: int
    has_next_page: bool
    next_after: str | None


class MemberPage(msgspec.Struct, rename="camel", kw_only=True):
    """Some members in the order of their user ids; ``next_after`` continues, None at the end."""

    docs: list[MemberAnswer]
    limit: int
    has_next_page: bool
    next_after: str | None


class InvitationPage(msgspec.Struct, rename="camel", kw_only=True):
    """Some open invitations in the order of their ids; ``next_after`` continues, None at the end."""

    docs: list[InvitationAnswer]
    limit: int
    has_next_page: bool
    next_after: str | None
