"""What API keys look like, stored and on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from watchword.api_keys.fields import NETWORKS_MAX, SCOPES_MAX
from watchword.callers.permissions import SCOPE_PATTERN
from watchword.credentials.api_key import KeyKind, KeyMode
from watchword.credentials.foreign_jwt import JWT_CHARACTERS_MAX
from watchword.tenants.models import Name, RequestsPerMinute, WebOrigins

KindName = Literal["secret", "publishable"]
"""How a kind is written in answers."""

WantedKind = Literal["secret", "publishable", "secret_key", "publishable_key"]
Status = Literal["active", "disabled", "expired", "revoked"]

Scope = Annotated[str, Meta(extra_json_schema={"pattern": f"^(?:{SCOPE_PATTERN.pattern})$"})]
Scopes = Annotated[list[Scope], Meta(extra_json_schema={"maxItems": SCOPES_MAX})]
WantedScope = Annotated[str, Meta(extra_json_schema={"pattern": "^[a-z][a-z0-9_-]{0,62}:(?:read|write)$"})]
Network = Annotated[str, Meta(extra_json_schema={"format": "cidr", "examples": ["198.51.100.0/24"]})]
Networks = Annotated[list[Network], Meta(extra_json_schema={"maxItems": NETWORKS_MAX})]
IsoTime = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Thumbprint = Annotated[str, Meta(extra_json_schema={"pattern": "^[A-Za-z0-9_-]{43}$"})]
PublicJwk = dict[str, Any]
"""What these say is for readers; ``fields.py`` checks it and names what is wrong."""

VerdictCode = Literal[
    "VALID",
    "NOT_FOUND",
    "DISABLED",
    "EXPIRED",
    "RATE_LIMITED",
    "USAGE_EXCEEDED",
    "INSUFFICIENT_SCOPE",
    "ORIGIN_NOT_ALLOWED",
    "NETWORK_NOT_ALLOWED",
    "KEY_NOT_PROVED",
]

OVERLAP_SECONDS_DEFAULT = 24 * 3600
OverlapSeconds = Annotated[int, Meta(ge=0, le=90 * 24 * 3600)]
"""Bounded so that a rotation ends: a key that nobody moved off within three months was forgotten."""


ENDS_SOON_MS: Final = 14 * 86_400_000
"""Time enough to rotate a key that somebody else has to put into place."""


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A stored key, without the key.

    Shapes: times are Unix milliseconds; ``scopes`` is None when nothing narrows the key, an empty tuple leaves it
    nothing; ``rotated_to`` is the id of the key that takes over; ``dpop_jkt`` is the thumbprint (RFC 7638) of the
    public key that it is bound to, None for a key that is good by itself.
    """

    id: str
    tenant_id: str
    kind: KeyKind
    mode: KeyMode
    name: str
    first_characters: str
    last_characters: str
    scopes: tuple[str, ...] | None
    allowed_origins: tuple[str, ...]
    allowed_networks: tuple[str, ...]
    rate_limit_per_minute: int | None
    created_by: str
    created_at_ms: int
    updated_at_ms: int
    expires_at_ms: int | None
    disabled_at_ms: int | None
    revoked_at_ms: int | None
    rotated_to: str | None
    dpop_jkt: str | None = None

    def status(self, now_ms: int) -> Status:
        """Say what has become of the key."""
        if self.revoked_at_ms is not None:
            return "revoked"
        if self.expires_at_ms is not None and self.expires_at_ms <= now_ms:
            return "expired"
        return "active" if self.disabled_at_ms is None else "disabled"

    def ends_soon(self, now_ms: int) -> bool:
        """Say whether a key in use is about to end and nothing takes over (ASVS 5.0 V6.4.5)."""
        if self.expires_at_ms is None or self.rotated_to is not None or self.status(now_ms) != "active":
            return False
        return self.expires_at_ms < now_ms + ENDS_SOON_MS


class IssuedKey(msgspec.Struct, frozen=True):
    """A new key with its text, which is stored nowhere and shown once."""

    text: str
    record: ApiKey

    def __repr__(self) -> str:
        return f"IssuedKey({self.record.id})"


class ListedKey(msgspec.Struct, frozen=True):
    """A stored key and when it was last used, within a second or two; None for never."""

    record: ApiKey
    last_used_at_ms: int | None


class PresentedProof(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The DPoP proof that came along with a key, and the request of it: method and full URL, as the caller sent it."""

    proof: Annotated[str, Meta(max_length=JWT_CHARACTERS_MAX)]
    method: Annotated[str, Meta(max_length=40)]
    url: Annotated[str, Meta(max_length=2000)]

    def __repr__(self) -> str:
        return f"PresentedProof({self.method!r})"


class KeyToVerify(msgspec.Struct, frozen=True, kw_only=True):
    """A key that a tenant's own service was given, and what it is wanted for.

    Shapes: ``origin`` and ``address`` are those of the service's own caller; a key that is bound to origins or
    networks is refused without them. ``dpop`` is there where the key came as DPoP: one that is bound to a public key
    is refused without it, every other with it.
    """

    key: str
    scopes: tuple[str, ...] = ()
    origin: str | None = None
    address: str | None = None
    dpop: PresentedProof | None = None

    def __repr__(self) -> str:
        return "KeyToVerify()"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said of a key; all but ``code`` stand only where the key is the asking tenant's."""

    code: VerdictCode
    key_id: str | None = None
    kind: KindName | None = None
    mode: KeyMode | None = None
    scopes: tuple[str, ...] | None = None
    expires_at_ms: int | None = None


# What comes in


class CreateKey(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A new key.

    Shapes: ``mode`` left out is the caller's; ``scopes`` are ``resource:action``, None narrows nothing; ``expires_at``
    is ISO 8601 with a time zone, or Unix seconds; ``allowed_origins`` are for publishable keys, ``allowed_networks``
    (CIDR) for secret ones; ``rate_limit`` is requests per minute; ``dpop_jkt`` (the thumbprint, RFC 7638) or
    ``dpop_jwk`` (the public key itself) binds a secret key to a key pair.
    """

    name: Name
    kind: WantedKind
    mode: KeyMode | UnsetType = UNSET
    scopes: Scopes | None = None
    expires_at: int | IsoTime | None = None
    allowed_origins: WebOrigins = []
    allowed_networks: Networks = []
    rate_limit: RequestsPerMinute | None = None
    dpop_jkt: Thumbprint | None = None
    dpop_jwk: PublicJwk | None = None


class ChangeKey(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The fields of a key to change, in the shapes of ``CreateKey``; what is left out stays."""

    name: Name | UnsetType = UNSET
    scopes: Scopes | UnsetType | None = UNSET
    expires_at: int | IsoTime | UnsetType | None = UNSET
    allowed_origins: WebOrigins | UnsetType = UNSET
    allowed_networks: Networks | UnsetType = UNSET
    rate_limit: RequestsPerMinute | UnsetType | None = UNSET
    disabled: bool | UnsetType = UNSET


class RotateKey(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How long the old key goes on beside the new one; 0 ends it now.

    Shapes: ``dpop_jkt`` or ``dpop_jwk`` binds the new key to another key pair; without them it is bound as the old one.
    """

    overlap_seconds: OverlapSeconds = OVERLAP_SECONDS_DEFAULT
    dpop_jkt: Thumbprint | None = None
    dpop_jwk: PublicJwk | None = None


class RevokeOwnKey(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The key to stop."""

    key: Annotated[str, Meta(min_length=1, max_length=200)]

    def __repr__(self) -> str:
        return "RevokeOwnKey()"


class VerifyKey(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The key to verify, and what it is wanted for."""

    key: Annotated[str, Meta(max_length=1000)]
    scopes: Annotated[list[WantedScope], Meta(max_length=100)] = []
    origin: Annotated[str, Meta(max_length=300)] | None = None
    address: Annotated[str, Meta(max_length=64)] | None = None
    dpop: PresentedProof | None = None

    def __repr__(self) -> str:
        return "VerifyKey()"


# What goes out


class KeyAnswer(msgspec.Struct, rename="camel", kw_only=True):
    """A key; ``key`` is there only in the answer that made it, ``lastUsedAt`` only where keys are read."""

    id: str
    name: str
    kind: KindName
    mode: KeyMode
    status: Status
    disabled: bool
    key: str | UnsetType = UNSET
    first_characters: str
    last_characters: str
    scopes: tuple[str, ...] | None
    allowed_origins: tuple[str, ...]
    allowed_networks: tuple[str, ...]
    rate_limit: int | None
    created_by: str
    created_at: str
    updated_at: str
    expires_at: str | None
    revoked_at: str | None
    rotated_to: str | None
    dpop_jkt: str | None
    last_used_at: str | UnsetType | None = UNSET

    def __repr__(self) -> str:
        return f"KeyAnswer({self.id})"


class KeyDone(msgspec.Struct):
    """A key was made or changed."""

    message: str
    doc: KeyAnswer


class KeyRotated(msgspec.Struct, rename="camel"):
    """The new key, and the old one with its end."""

    message: str
    doc: KeyAnswer
    old_doc: KeyAnswer


class KeyRevoked(msgspec.Struct):
    """A key was revoked, now or before."""

    message: str
    id: str
    doc: KeyAnswer


class OwnKeyRevoked(msgspec.Struct):
    """The key that was sent is revoked."""

    message: str


class KeyPage(msgspec.Struct, rename="camel", kw_only=True):
    """Some keys in the order of their making; ``next_after`` continues, None at the end."""

    docs: list[KeyAnswer]
    limit: int
    has_next_page: bool
    next_after: str | None


class VerdictAnswer(msgspec.Struct, rename="camel", kw_only=True):
    """What is to be said of a key; the fields behind ``code`` stand only where the key is the caller's tenant's."""

    valid: bool
    code: VerdictCode
    key_id: str | UnsetType = UNSET
    kind: KindName | UnsetType = UNSET
    mode: KeyMode | UnsetType = UNSET
    scopes: tuple[str, ...] | UnsetType | None = UNSET
    expires_at: str | UnsetType | None = UNSET
