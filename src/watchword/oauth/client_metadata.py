"""What may be set of a client, and what of it weakens it: the same rules for administrators and for registrations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, get_args
from urllib.parse import urlsplit

import msgspec

from watchword.callers.permissions import SCOPE_PATTERN
from watchword.errors import InvalidFieldsError
from watchword.oauth.models import ClientKind, ClientSettings, ClientSource, GrantType, OAuthClient
from watchword.oauth.redirect_uris import URI_CHARACTERS_MAX, URIS_MAX, require_https_uri, require_redirect_uris
from watchword.oauth.scopes import IDENTITY_SCOPES
from watchword.tenants.web_origins import require_web_origins

SCOPES_MAX: Final = 50
"""As many as one request may name."""

KEYS_MAX: Final = 10
"""A client's own public keys: the living one, those it rotates from and to, and room for a few machines."""

KEY_CHARACTERS_MAX: Final = 4096

DEVICE_CODE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"

_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""What a public key never has (RFC 7518 §6)."""

_KEY_TYPES: Final = frozenset({"EC", "RSA", "OKP"})
_REDIRECTED: Final = frozenset({"authorization_code", "implicit"})
_REFRESHABLE: Final = frozenset({"authorization_code", DEVICE_CODE_GRANT})
_SHOWN_URIS: Final = ("client_uri", "logo_uri", "policy_uri", "tos_uri", "backchannel_logout_uri", "jwks_uri")


class ClientDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A client as somebody wants it."""

    kind: ClientKind
    source: ClientSource
    grants: tuple[str, ...]
    scopes: tuple[str, ...] | None
    settings: ClientSettings


def require_settings(draft: ClientDraft) -> ClientDraft:
    """Return the client with every field checked and what its profile asks for filled in.

    Raises:
        InvalidFieldsError: fields are wrong, or do not go together.
    """
    draft = _with_profile(draft)
    settings = draft.settings
    checked = msgspec.structs.replace(
        draft,
        grants=tuple(dict.fromkeys(draft.grants)),
        scopes=None if draft.scopes is None else require_scope_list(draft.scopes),
        settings=msgspec.structs.replace(
            settings,
            redirect_uris=require_redirect_uris(settings.redirect_uris),
            post_logout_redirect_uris=require_redirect_uris(
                settings.post_logout_redirect_uris, field="post_logout_redirect_uris"
            ),
            audiences=require_audiences(settings.audiences),
            web_origins=require_web_origins(settings.web_origins, field="web_origins"),
        ),
    )
    for field in _SHOWN_URIS:
        uri = getattr(settings, field)
        if uri is not None:
            require_https_uri(uri, field=field)
    faults = {**_grant_faults(checked), **_proof_faults(checked), **_profile_faults(checked)}
    if settings.refresh_absolute_seconds < settings.refresh_ttl_seconds:
        faults["refresh_absolute_seconds"] = "must not be less than refresh_ttl_seconds"
    if faults:
        raise InvalidFieldsError(faults)
    return checked


def require_scope_list(scopes: Iterable[str]) -> tuple[str, ...]:
    """Return scopes, each once, in their order.

    Raises:
        InvalidFieldsError: one is unknown.
    """
    kept = tuple(dict.fromkeys(scopes))
    if len(kept) > SCOPES_MAX:
        raise InvalidFieldsError({"scopes": f"must not list more than {SCOPES_MAX} scopes"})
    faults = {
        f"scopes[{index}]": f"must be resource:action with read, write or *, or one of {', '.join(IDENTITY_SCOPES)}"
        for index, scope in enumerate(kept)
        if scope not in IDENTITY_SCOPES and SCOPE_PATTERN.fullmatch(scope) is None
    }
    if faults:
        raise InvalidFieldsError(faults)
    return kept


def require_audiences(audiences: Iterable[str]) -> tuple[str, ...]:
    """Return the resources of a client, each once: absolute URIs without a fragment (RFC 8707 §2).

    Raises:
        InvalidFieldsError: one is not.
    """
    kept: dict[str, None] = {}
    faults: dict[str, str] = {}
    for index, audience in enumerate(audiences):
        if index >= URIS_MAX:
            faults["audiences"] = f"must not list more than {URIS_MAX}"
            break
        if not _is_resource(audience):
            faults[f"audiences[{index}]"] = "must be an absolute URI without fragment"
        kept[audience.removesuffix("/")] = None
    if faults:
        raise InvalidFieldsError(faults)
    return tuple(kept)


def weaknesses_of(client: OAuthClient) -> tuple[str, ...]:
    """Say what of a client an operator has to know, one sentence each (RFC 9700 §2.1)."""
    settings = client.settings
    found = []
    if "implicit" in client.grants:
        found.append(
            "implicit: access tokens come in the URL, where histories, logs and scripts find them; "
            "use authorization_code (RFC 9700 §2.1.2)"
        )
    if settings.pkce_exempt:
        found.append("pkce_exempt: whoever gets at a code can use it; give the client PKCE (RFC 9700 §2.1.1)")
    return tuple(found)


def _with_profile(draft: ClientDraft) -> ClientDraft:
    if draft.settings.profile != "fapi2":
        return draft
    # FAPI 2.0 Security Profile §5.3.2: sender-constrained tokens, pushed requests, and a key instead of a secret.
    settings = msgspec.structs.replace(
        draft.settings,
        dpop_bound=True,
        require_pushed_requests=True,
        authentication_method=draft.settings.authentication_method or "private_key_jwt",
    )
    return msgspec.structs.replace(draft, settings=settings)


def _grant_faults(draft: ClientDraft) -> dict[str, str]:
    grants, settings = set(draft.grants), draft.settings
    faults = {}
    if not grants <= set(get_args(GrantType)):
        faults["grants"] = f"must be some of {', '.join(get_args(GrantType))}"
    if draft.kind == "public" and "client_credentials" in grants:
        faults["grants"] = "must not hold client_credentials: a public client proves nothing (RFC 6749 §4.4)"
    if "refresh_token" in grants and not grants & _REFRESHABLE:
        faults["grants"] = "must hold authorization_code or the device code grant beside refresh_token"
    if "implicit" in grants and draft.source != "administrator":
        faults["grants"] = "must not hold implicit: only an administrator gives it"
    if grants & _REDIRECTED and not settings.redirect_uris:
        faults["redirect_uris"] = "must list at least one for these grants"
    if settings.pkce_exempt and draft.source != "administrator":
        faults["pkce_exempt"] = "must not be set: only an administrator gives it"
    if settings.pkce_exempt and draft.kind == "public":
        faults["pkce_exempt"] = "must not be set for a public client: it has nothing else that protects its codes"
    return faults


def _proof_faults(draft: ClientDraft) -> dict[str, str]:
    settings = draft.settings
    method = settings.authentication_method
    faults = {}
    if draft.kind == "public" and method not in {None, "none"}:
        faults["authentication_method"] = "must be none, or left out, for a public client"
    if draft.kind == "confidential" and method == "none":
        faults["authentication_method"] = "must not be none for a confidential client"
    has_keys = settings.jwks is not None or settings.jwks_uri is not None
    if method == "private_key_jwt" and not has_keys:
        faults["jwks"] = "is required for private_key_jwt, or jwks_uri in its place"
    if method != "private_key_jwt" and has_keys:
        faults["jwks"] = "must be left out, and jwks_uri too: they are for private_key_jwt"
    if settings.jwks is not None and settings.jwks_uri is not None:
        faults["jwks_uri"] = "must be left out beside jwks (RFC 7591 §2)"
    if settings.jwks is not None and not _is_public_jwks(settings.jwks):
        faults["jwks"] = f"must hold 1 to {KEYS_MAX} public keys of type EC, RSA or OKP, and nothing private"
    return faults


def _profile_faults(draft: ClientDraft) -> dict[str, str]:
    settings = draft.settings
    if settings.profile != "fapi2":
        return {}
    faults = {}
    if draft.kind != "confidential":
        faults["kind"] = "must be confidential for fapi2"
    if "implicit" in draft.grants:
        faults["grants"] = "must not hold implicit with fapi2"
    if settings.pkce_exempt:
        faults["pkce_exempt"] = "must not be set with fapi2"
    if settings.authentication_method != "private_key_jwt":
        faults["authentication_method"] = "must be private_key_jwt for fapi2"
    if settings.signing_algorithm == "RS256":
        faults["signing_algorithm"] = "must be EdDSA or ES256 for fapi2"
    return faults


def _is_resource(text: str) -> bool:
    if not 1 <= len(text) <= URI_CHARACTERS_MAX or not text.isascii() or not text.isprintable():
        return False
    if "#" in text or " " in text:
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and (parts.netloc or parts.path))


def _is_public_jwks(jwks: dict[str, Any]) -> bool:
    keys = jwks.get("keys")
    if not isinstance(keys, list) or not 1 <= len(keys) <= KEYS_MAX:
        return False
    return all(_is_public_key(key) for key in keys)


def _is_public_key(key: object) -> bool:
    if not isinstance(key, dict) or len(msgspec.json.encode(key)) > KEY_CHARACTERS_MAX:
        return False
    kty = key.get("kty")
    return isinstance(kty, str) and kty in _KEY_TYPES and not _PRIVATE_MEMBERS & set(key)
