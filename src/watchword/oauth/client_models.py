"""What managing OAuth clients and grants takes and gives."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from watchword.callers.caller import Mode
from watchword.credentials.signing import SigningAlgorithm
from watchword.oauth.client_metadata import SCOPES_MAX
from watchword.oauth.models import (
    ACCESS_TTL_SECONDS_DEFAULT,
    ACCESS_TTL_SECONDS_MAX,
    REFRESH_ABSOLUTE_SECONDS_DEFAULT,
    REFRESH_TTL_SECONDS_DEFAULT,
    AuthenticationMethod,
    ClientKind,
    ClientSecret,
    ClientSource,
    GrantType,
    OAuthClient,
    Profile,
    StoredGrant,
    TokenFormat,
)
from watchword.oauth.redirect_uris import URI_CHARACTERS_MAX, URIS_MAX
from watchword.tenants.models import Name, PageQuery, WebOrigins

OVERLAP_SECONDS_DEFAULT: Final = 24 * 3600
OVERLAP_SECONDS_MAX: Final = 90 * 24 * 3600
"""Bounded so that a rotation ends: a secret that nobody moved off within three months was forgotten."""

_YEAR_SECONDS: Final = 365 * 86_400

Uri = Annotated[str, Meta(extra_json_schema={"format": "uri", "maxLength": URI_CHARACTERS_MAX})]
Uris = Annotated[list[Uri], Meta(extra_json_schema={"maxItems": URIS_MAX})]
Scopes = Annotated[list[str], Meta(extra_json_schema={"maxItems": SCOPES_MAX})]
AccessTtl = Annotated[int, Meta(ge=30, le=ACCESS_TTL_SECONDS_MAX)]
RefreshTtl = Annotated[int, Meta(ge=60, le=10 * _YEAR_SECONDS)]
OverlapSeconds = Annotated[int, Meta(ge=0, le=OVERLAP_SECONDS_MAX)]
IsoTime = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""What these say is for readers where it is more than a bound; ``client_metadata.py`` checks it."""

SecretStatus = Literal["active", "expired"]


class IssuedSecret(msgspec.Struct, frozen=True):
    """A new secret with its text, which is stored nowhere and shown once."""

    text: str
    record: ClientSecret

    def __repr__(self) -> str:
        return f"IssuedSecret({self.record.id!r})"


class IssuedClient(msgspec.Struct, frozen=True):
    """A new client, and its first secret where it has one."""

    client: OAuthClient
    secret: IssuedSecret | None


class ListedClient(msgspec.Struct, frozen=True):
    """A stored client and when it last got a token, within a second or two; None for never."""

    client: OAuthClient
    last_used_at_ms: int | None


class ListedSecret(msgspec.Struct, frozen=True):
    """A stored secret and when it last proved its client; None for never."""

    record: ClientSecret
    last_used_at_ms: int | None


class ReadClient(msgspec.Struct, frozen=True):
    """All there is to know of one client."""

    listed: ListedClient
    secrets: tuple[ListedSecret, ...]


class SecretRotation(msgspec.Struct, frozen=True):
    """The new secret, and those that it takes over from with their ends."""

    client: OAuthClient
    issued: IssuedSecret
    old: tuple[ClientSecret, ...]


class ListedGrant(msgspec.Struct, frozen=True, kw_only=True):
    """A living grant with the names of its client, tenant and user; ``user_id`` and ``email`` are None for nobody's."""

    id: str
    client_id: str
    client_name: str
    tenant_id: str
    tenant_name: str
    mode: Mode
    user_id: str | None
    email: str | None
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    created_at_ms: int
    expires_at_ms: int


class EndedGrants(msgspec.Struct, frozen=True):
    """The grant that was to end, and the ids of all that ended with it."""

    grant: StoredGrant
    ids: tuple[str, ...]


# What comes in


class CreateClient(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A new client.

    Shapes: ``mode`` left out is the caller's; ``scopes`` None narrows nothing; ``jwks`` and ``jwks_uri`` hold the
    public keys of a client that proves itself with its own; lives are in seconds; ``secret_expires_at`` is ISO 8601
    with a time zone, or Unix seconds, for the first secret.
    """

    name: Name
    kind: ClientKind = "confidential"
    mode: Mode | UnsetType = UNSET
    grants: list[GrantType]
    scopes: Scopes | None = None
    redirect_uris: Uris = []
    post_logout_redirect_uris: Uris = []
    audiences: Uris = []
    web_origins: WebOrigins = []
    token_format: TokenFormat = "jwt"  # noqa: S105 - the name of a form
    signing_algorithm: SigningAlgorithm = "EdDSA"
    access_ttl_seconds: AccessTtl = ACCESS_TTL_SECONDS_DEFAULT
    refresh_ttl_seconds: RefreshTtl = REFRESH_TTL_SECONDS_DEFAULT
    refresh_absolute_seconds: RefreshTtl = REFRESH_ABSOLUTE_SECONDS_DEFAULT
    authentication_method: AuthenticationMethod | None = None
    jwks: dict[str, Any] | None = None
    jwks_uri: Uri | None = None
    pkce_exempt: bool = False
    dpop_bound: bool = False
    require_pushed_requests: bool = False
    profile: Profile = "oauth2.1"
    client_uri: Uri | None = None
    logo_uri: Uri | None = None
    policy_uri: Uri | None = None
    tos_uri: Uri | None = None
    backchannel_logout_uri: Uri | None = None
    backchannel_logout_session_required: bool = False
    secret_expires_at: int | IsoTime | None = None


class ChangeClient(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The fields of a client to change, in the shapes of ``CreateClient``; what is left out stays."""

    name: Name | UnsetType = UNSET
    grants: list[GrantType] | UnsetType = UNSET
    scopes: Scopes | UnsetType | None = UNSET
    redirect_uris: Uris | UnsetType = UNSET
    post_logout_redirect_uris: Uris | UnsetType = UNSET
    audiences: Uris | UnsetType = UNSET
    web_origins: WebOrigins | UnsetType = UNSET
    token_format: TokenFormat | UnsetType = UNSET
    signing_algorithm: SigningAlgorithm | UnsetType = UNSET
    access_ttl_seconds: AccessTtl | UnsetType = UNSET
    refresh_ttl_seconds: RefreshTtl | UnsetType = UNSET
    refresh_absolute_seconds: RefreshTtl | UnsetType = UNSET
    authentication_method: AuthenticationMethod | UnsetType | None = UNSET
    jwks: dict[str, Any] | UnsetType | None = UNSET
    jwks_uri: Uri | UnsetType | None = UNSET
    pkce_exempt: bool | UnsetType = UNSET
    dpop_bound: bool | UnsetType = UNSET
    require_pushed_requests: bool | UnsetType = UNSET
    profile: Profile | UnsetType = UNSET
    client_uri: Uri | UnsetType | None = UNSET
    logo_uri: Uri | UnsetType | None = UNSET
    policy_uri: Uri | UnsetType | None = UNSET
    tos_uri: Uri | UnsetType | None = UNSET
    backchannel_logout_uri: Uri | UnsetType | None = UNSET
    backchannel_logout_session_required: bool | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET


class AddSecret(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One more secret; ``expires_at`` is ISO 8601 with a time zone, or Unix seconds, None for no end."""

    expires_at: int | IsoTime | None = None


class RotateSecret(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How long the old secrets go on beside the new one, 0 ends them now; and the end of the new one."""

    overlap_seconds: OverlapSeconds = OVERLAP_SECONDS_DEFAULT
    expires_at: int | IsoTime | None = None


class GrantQuery(PageQuery, kw_only=True):
    """Which part of the grants: of one client, or of one user, or of both."""

    client: Annotated[str, Meta(max_length=64)] = ""
    user: Annotated[str, Meta(max_length=64)] = ""


# What goes out


class SecretAnswer(msgspec.Struct, rename="camel", kw_only=True):
    """A client's secret; ``clientSecret`` is there only in the answer that made it."""

    id: str
    status: SecretStatus
    client_secret: str | UnsetType = UNSET
    last_characters: str
    created_at: str
    expires_at: str | None
    last_used_at: str | UnsetType | None = UNSET

    def __repr__(self) -> str:
        return f"SecretAnswer({self.id})"


class ClientAnswer(msgspec.Struct, rename="camel", kw_only=True):
    """A client; ``id`` is its client_id, ``clientSecret`` is there only in the answer that made it."""

    id: str
    client_secret: str | UnsetType = UNSET
    name: str
    kind: ClientKind
    mode: Mode
    source: ClientSource
    disabled: bool
    grants: tuple[str, ...]
    scopes: tuple[str, ...] | None
    default_scopes: tuple[str, ...]
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    audiences: tuple[str, ...]
    web_origins: tuple[str, ...]
    token_format: TokenFormat
    signing_algorithm: SigningAlgorithm
    access_ttl_seconds: int
    refresh_ttl_seconds: int
    refresh_absolute_seconds: int
    authentication_method: AuthenticationMethod | None
    jwks: dict[str, Any] | None
    jwks_uri: str | None
    pkce_exempt: bool
    dpop_bound: bool
    require_pushed_requests: bool
    profile: Profile
    client_uri: str | None
    logo_uri: str | None
    policy_uri: str | None
    tos_uri: str | None
    backchannel_logout_uri: str | None
    backchannel_logout_session_required: bool
    document_uri: str | None
    warnings: tuple[str, ...]
    created_at: str
    updated_at: str
    last_used_at: str | UnsetType | None = UNSET
    secrets: list[SecretAnswer] | UnsetType = UNSET

    def __repr__(self) -> str:
        return f"ClientAnswer({self.id})"


class ClientDone(msgspec.Struct):
    """A client was made or changed; the ``warnings`` in it say what weakens it."""

    message: str
    doc: ClientAnswer


class ClientPage(msgspec.Struct, rename="camel", kw_only=True):
    """Some clients in the order of their making; ``next_after`` continues, None at the end."""

    docs: list[ClientAnswer]
    limit: int
    has_next_page: bool
    next_after: str | None


class SecretDone(msgspec.Struct):
    """A secret was added or revoked."""

    message: str
    doc: SecretAnswer


class SecretRotated(msgspec.Struct, rename="camel"):
    """The new secret, and the old ones with their ends."""

    message: str
    doc: SecretAnswer
    old_docs: list[SecretAnswer]


class GrantAnswer(msgspec.Struct, rename="camel", kw_only=True):
    """What a client was allowed; ``userId`` and ``email`` are None where it was nobody."""

    id: str
    client_id: str
    client_name: str
    tenant_id: str
    tenant_name: str
    mode: Mode
    user_id: str | None
    email: str | None
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    created_at: str
    expires_at: str


class GrantPage(msgspec.Struct, rename="camel", kw_only=True):
    """Some living grants, the youngest first; ``next_after`` continues, None at the end."""

    docs: list[GrantAnswer]
    limit: int
    has_next_page: bool
    next_after: str | None


class GrantEnded(msgspec.Struct):
    """A grant was ended, and with it all in ``ended``: whatever else its user allowed the same client."""

    message: str
    id: str
    ended: list[str]
