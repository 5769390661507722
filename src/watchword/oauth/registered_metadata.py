"""What a client says of itself, in the words of RFC 7591 §2: read for a registration or a metadata document, and told.

Which settings go together is ``client_metadata.py``'s to say; here is only what a client may not give itself.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from watchword.concealed import Concealed
from watchword.errors import InvalidFieldsError
from watchword.oauth.client_metadata import DEVICE_CODE_GRANT, ClientDraft, require_scope_list, require_settings
from watchword.oauth.models import ClientSettings, ClientSource, OAuthClient
from watchword.oauth.scopes import is_known_scope
from watchword.oauth_errors import InvalidClientMetadataError, UnregistrableRedirectUriError
from watchword.tenants.names import require_name

GRANTS: Final = frozenset({"authorization_code", "refresh_token", DEVICE_CODE_GRANT})
"""Those in which a user decides: a client that nobody vouched for never acts for itself."""

_METHODS: Final = ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")
_UNSAID: Final = (
    "audiences",
    "web_origins",
    "token_format",
    "access_ttl_seconds",
    "refresh_ttl_seconds",
    "refresh_absolute_seconds",
    "pkce_exempt",
    "profile",
    "document_uri",
)
"""Settings that no metadata speak of: what an administrator made of them stays when the client says something else."""

_SCOPE_CHARACTERS_MAX: Final = 2_000
_UNNAMED: Final = "Unnamed client"


class ClientMetadata(msgspec.Struct, kw_only=True):
    """The metadata of RFC 7591 §2, RFC 9126 §6, RFC 9449 §5.2 and OpenID Connect that we know; the rest is ignored."""

    client_id: str | None = None
    client_name: str | None = None
    redirect_uris: list[str] | None = None
    token_endpoint_auth_method: str | None = None
    grant_types: list[str] | None = None
    response_types: list[str] | None = None
    scope: str | None = None
    jwks: dict[str, Any] | None = None
    jwks_uri: str | None = None
    client_uri: str | None = None
    logo_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None
    post_logout_redirect_uris: list[str] | None = None
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool | None = None
    dpop_bound_access_tokens: bool | None = None
    require_pushed_authorization_requests: bool | None = None
    id_token_signed_response_alg: str | None = None


class ChangedMetadata(ClientMetadata, kw_only=True):
    """What a client puts in place of its metadata; it says its secret at most, and chooses none (RFC 7592 §2.2)."""

    client_secret: str | None = None

    def __repr__(self) -> str:
        return "ChangedMetadata(…)"


class NamedDraft(msgspec.Struct, frozen=True):
    """A client as its metadata describe it, checked."""

    name: str
    draft: ClientDraft


class RegisteredClient(Concealed, frozen=True, kw_only=True, omit_defaults=True):
    """What is told of a registered client (RFC 7591 §3.2.1, RFC 7592 §3); ``client_secret`` is told once."""

    client_id: str
    client_id_issued_at: int
    client_name: str
    redirect_uris: tuple[str, ...]
    token_endpoint_auth_method: str
    grant_types: tuple[str, ...]
    response_types: tuple[str, ...]
    client_secret: str | None = None
    client_secret_expires_at: int | None = None
    registration_access_token: str | None = None
    registration_client_uri: str | None = None
    scope: str | None = None
    jwks: dict[str, Any] | None = None
    jwks_uri: str | None = None
    client_uri: str | None = None
    logo_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool = False
    dpop_bound_access_tokens: bool = False
    require_pushed_authorization_requests: bool = False
    id_token_signed_response_alg: str = ""


def require_metadata(metadata: ClientMetadata, source: ClientSource) -> NamedDraft:
    """Return the client that metadata describe.

    Raises:
        UnregistrableRedirectUriError: a redirect URI is not one that may be registered.
        InvalidClientMetadataError: something else is wrong, or more than a client may give itself.
    """
    try:
        draft = require_settings(_draft_of(metadata, source))
        return NamedDraft(_name_of(metadata), draft)
    except InvalidFieldsError as error:
        if any(path.startswith("redirect_uris") for path in error.faults):
            raise UnregistrableRedirectUriError(_sentence(error)) from None
        raise InvalidClientMetadataError(_sentence(error)) from None


def renew_client(stored: OAuthClient, wanted: NamedDraft, now_ms: int) -> OAuthClient:
    """Return a stored client as its other metadata make it, within what an administrator has set of it.

    Raises:
        InvalidClientMetadataError: the two do not go together.
    """
    unsaid = {name: getattr(stored.settings, name) for name in _UNSAID}
    settings = msgspec.structs.replace(wanted.draft.settings, **unsaid)
    # What of it is more than a client may give itself, an administrator has given.
    draft = msgspec.structs.replace(wanted.draft, source="administrator", scopes=stored.scopes, settings=settings)
    try:
        draft = require_settings(draft)
    except InvalidFieldsError as error:
        raise InvalidClientMetadataError(_sentence(error)) from None
    return msgspec.structs.replace(
        stored, name=wanted.name, kind=draft.kind, grants=draft.grants, settings=draft.settings, updated_at_ms=now_ms
    )


def describe_client(client: OAuthClient) -> RegisteredClient:
    """Return what is told of a client, without what only its registration tells."""
    settings = client.settings
    method = settings.authentication_method
    return RegisteredClient(
        client_id=client.id,
        client_id_issued_at=client.created_at_ms // 1000,
        client_name=client.name,
        redirect_uris=settings.redirect_uris,
        token_endpoint_auth_method=method or ("none" if client.kind == "public" else "client_secret_basic"),
        grant_types=client.grants,
        response_types=("code",) if "authorization_code" in client.grants else (),
        scope=" ".join(client.scopes or settings.default_scopes) or None,
        jwks=settings.jwks,
        jwks_uri=settings.jwks_uri,
        client_uri=settings.client_uri,
        logo_uri=settings.logo_uri,
        policy_uri=settings.policy_uri,
        tos_uri=settings.tos_uri,
        post_logout_redirect_uris=settings.post_logout_redirect_uris,
        backchannel_logout_uri=settings.backchannel_logout_uri,
        backchannel_logout_session_required=settings.backchannel_logout_session_required,
        dpop_bound_access_tokens=settings.dpop_bound,
        require_pushed_authorization_requests=settings.require_pushed_requests,
        id_token_signed_response_alg=settings.signing_algorithm,
    )


def _draft_of(metadata: ClientMetadata, source: ClientSource) -> ClientDraft:
    method = metadata.token_endpoint_auth_method or "client_secret_basic"
    grants = tuple(metadata.grant_types) if metadata.grant_types is not None else ("authorization_code",)
    faults: dict[str, str] = {}
    if method not in _METHODS:
        faults["token_endpoint_auth_method"] = f"must be one of {', '.join(_METHODS)}"
    if not grants or not GRANTS.issuperset(grants):
        faults["grant_types"] = f"must be some of {', '.join(sorted(GRANTS))}"
    if not set(metadata.response_types or ()) <= {"code"}:
        faults["response_types"] = "must be code"
    if len(metadata.scope or "") > _SCOPE_CHARACTERS_MAX:
        faults["scope"] = f"must have at most {_SCOPE_CHARACTERS_MAX} characters"
    if faults:
        raise InvalidFieldsError(faults)
    return ClientDraft(
        kind="public" if method == "none" else "confidential",
        source=source,
        grants=grants,
        # What it may have, its users say each time (RFC 6750 §3.1 lets it ask for more): an administrator may bound it.
        scopes=None,
        settings=_settings_of(metadata, method),
    )


def _settings_of(metadata: ClientMetadata, method: str) -> ClientSettings:
    values = {
        "authentication_method": method,
        # Scopes of other servers are left out, as the answer then says (RFC 7591 §2, §3.2.1).
        "default_scopes": require_scope_list(filter(is_known_scope, (metadata.scope or "").split())),
        "redirect_uris": tuple(metadata.redirect_uris or ()),
        "post_logout_redirect_uris": tuple(metadata.post_logout_redirect_uris or ()),
        "jwks": metadata.jwks,
        "jwks_uri": metadata.jwks_uri,
        "client_uri": metadata.client_uri,
        "logo_uri": metadata.logo_uri,
        "policy_uri": metadata.policy_uri,
        "tos_uri": metadata.tos_uri,
        "backchannel_logout_uri": metadata.backchannel_logout_uri,
        "backchannel_logout_session_required": bool(metadata.backchannel_logout_session_required),
        "dpop_bound": bool(metadata.dpop_bound_access_tokens),
        "require_pushed_requests": bool(metadata.require_pushed_authorization_requests),
        "signing_algorithm": metadata.id_token_signed_response_alg or "EdDSA",
    }
    try:
        return msgspec.convert(values, ClientSettings)
    except msgspec.ValidationError:
        raise InvalidFieldsError({"id_token_signed_response_alg": "must be EdDSA, ES256 or RS256"}) from None


def _name_of(metadata: ClientMetadata) -> str:
    if metadata.client_name is not None:
        return require_name(metadata.client_name, field="client_name")
    host = urlsplit((metadata.redirect_uris or [""])[0]).hostname
    return host or _UNNAMED


def _sentence(error: InvalidFieldsError) -> str:
    return "; ".join(f"{path} {sentence}" for path, sentence in error.faults.items())
