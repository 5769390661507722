"""ID tokens (OpenID Connect Core §2): who signed in, when and how, told to one client."""

from __future__ import annotations

from hashlib import sha256, sha512
from typing import Final

import msgspec

from watchword.credentials.access_token import IssuerNames
from watchword.credentials.compact_jws import encode_segment
from watchword.credentials.issuer_keys import IssuerKeys
from watchword.credentials.signed_jwt import open_old_jwt, sign_jwt
from watchword.credentials.signing import SigningAlgorithm
from watchword.errors import NotAuthenticatedError
from watchword.oauth.claims import UserClaims, claims_of
from watchword.oauth.models import OAuthClient, StoredGrant
from watchword.oauth_errors import InvalidOAuthRequestError
from watchword.users.models import User

ID_TOKEN_TYPE: Final = "JWT"  # noqa: S105 - a type, not a secret
ID_TOKEN_TTL_SECONDS: Final = 3_600
"""A client reads it on arrival; the hour is for clocks and slow starts, not for keeping anybody signed in."""

_BY_PASSWORD: Final = ("pwd",)
"""How every session here begins (RFC 8176 §2)."""


class IdClaims(UserClaims, frozen=True, kw_only=True, omit_defaults=True):
    """The claims of an ID token; ``sid`` is the session's public id, ``auth_time`` is in Unix seconds."""

    iss: str
    aud: str
    azp: str
    exp: int
    iat: int
    auth_time: int | None = None
    nonce: str | None = None
    at_hash: str | None = None
    sid: str | None = None
    amr: tuple[str, ...] = ()


class IdTokenHint(msgspec.Struct, frozen=True):
    """Whom an ID token of ours told whom of; it and its key may have ended meanwhile."""

    tenant_id: str
    issuer: str
    client_id: str
    user_id: str
    session_id: str | None


class IdTokens:
    """Make ID tokens, and read them as hints."""

    def __init__(self, keys: IssuerKeys, names: IssuerNames) -> None:
        self._keys = keys
        self._names = names

    async def make(
        self,
        client: OAuthClient,
        *,
        user: User,
        grant: StoredGrant,
        scopes: tuple[str, ...],
        nonce: str | None,
        access_token: str,
        now_ms: int,
    ) -> str:
        """Return the ID token that goes with an access token; ``nonce`` is the authorization request's.

        Raises:
            UnavailableError: the database cannot be asked.
        """
        algorithm = client.settings.signing_algorithm
        about = claims_of(user, scopes)
        now_s = now_ms // 1000
        claims = IdClaims(
            **msgspec.structs.asdict(about),
            iss=self._names.issuer(client.tenant_slug),
            aud=client.client_id,
            azp=client.client_id,
            exp=now_s + ID_TOKEN_TTL_SECONDS,
            iat=now_s,
            auth_time=None if grant.authenticated_at_ms is None else grant.authenticated_at_ms // 1000,
            nonce=nonce,
            at_hash=_half_hash(access_token, algorithm),
            sid=grant.session_id,
            amr=_BY_PASSWORD if grant.authenticated_at_ms is not None else (),
        )
        encoded = msgspec.json.encode(claims)
        return await sign_jwt(
            self._keys, client.tenant_id, encoded, token_type=ID_TOKEN_TYPE, algorithm=algorithm, now_ms=now_ms
        )

    async def read_hint(self, token: str, now_ms: int) -> IdTokenHint:
        """Return whom an ``id_token_hint`` names (OpenID Connect Core §3.1.2.1), also after it and its key have ended.

        Raises:
            InvalidOAuthRequestError: it is no ID token of ours, or its key was replaced.
            UnavailableError: the database cannot be asked.
        """
        try:
            opened = await open_old_jwt(self._keys, token, token_type=ID_TOKEN_TYPE, now_ms=now_ms)
            claims = msgspec.json.decode(opened.payload, type=IdClaims)
        except (NotAuthenticatedError, msgspec.DecodeError):
            raise InvalidOAuthRequestError("The id_token_hint is no ID token of this server") from None
        return IdTokenHint(opened.tenant_id, claims.iss, claims.aud, claims.sub, claims.sid)


def _half_hash(token: str, algorithm: SigningAlgorithm) -> str:
    """Return ``at_hash`` (OpenID Connect Core §3.1.3.6): the left half of the hash that the signature uses."""
    # Ed25519 hashes with SHA-512 (RFC 8032 §5.1).
    digest = (sha512 if algorithm == "EdDSA" else sha256)(token.encode("ascii")).digest()
    return encode_segment(digest[: len(digest) // 2]).decode()
