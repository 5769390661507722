"""OAuth access tokens: signed (``at+jwt``, RFC 9068) or opaque, and what stands behind each in the database.

The signature or the stored hash says that we made a token; its client, grant, user and tenant say whether it still
counts. What a presented token claims is read only after it is proved (RFC 8725 §3).
"""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import Final

import msgspec

from watchword.credentials.ended_subject import EndedSubject
from watchword.credentials.issuer_keys import IssuerKeys
from watchword.credentials.oauth_queries import (
    OriginFacts,
    StoredOpaqueToken,
    TokenFacts,
    find_opaque_claims,
    find_origin_facts,
    find_token_facts,
    insert_revoked_token,
)
from watchword.credentials.opaque_tokens import OpaqueTokens
from watchword.credentials.scope_sets import narrow
from watchword.credentials.signed_jwt import TOKEN_CHARACTERS_MAX, open_jwt, sign_jwt
from watchword.credentials.signing import SigningAlgorithm
from watchword.credentials.verified import VerifiedCache
from watchword.db.database import Database, Transaction
from watchword.db.generations import Generations
from watchword.errors import NotAuthenticatedError
from watchword.ids import PREFIXES

ACCESS_TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - a type, not a secret
OPAQUE_PREFIX: Final = "at_"
_SIGNED_PREFIX: Final = "eyJ0eXAiOiJhdCtqd3Qi"
"""How the header of ours begins in base64url: ``{"typ":"at+jwt"``. No other token of ours begins so."""

_OPAQUE_BYTES: Final = 32
_TIME_CHARACTERS: Final = 12
"""An opaque token begins with its time, as hexadecimal milliseconds, so that rows stand in the order of their making: new
ones share a few pages of the index, where hashes alone would each change another."""

_JTI_BYTES: Final = 16
_FUTURE_SECONDS_MAX: Final = 60
"""How far ahead of this machine's clock a token may have been issued: the skew of nodes."""


class Confirmation(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the sender must hold (RFC 7800): ``jkt`` is the thumbprint of its DPoP key (RFC 9449 §6.1)."""

    jkt: str | None = None


class ActingParty(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who acts in the subject's place, and on whose behalf in turn (RFC 8693 §4.1)."""

    sub: str
    client_id: str | None = None
    act: ActingParty | None = None


class AccessClaims(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The claims of an access token (RFC 9068 §2.2); ``scope`` is space-separated, ``mode`` and ``grant`` are our own.

    Shapes: ``aud`` lists the resources it is for (RFC 8707), ``iat`` and ``exp`` are Unix seconds.
    """

    iss: str
    sub: str
    aud: tuple[str, ...]
    client_id: str
    jti: str
    iat: int
    exp: int
    scope: str = ""
    mode: str = "live"
    grant: str | None = None
    auth_time: int | None = None
    cnf: Confirmation | None = None
    act: ActingParty | None = None


class AccessProof(msgspec.Struct, frozen=True, kw_only=True):
    """What a good access token proves, as the database has it now.

    Shapes: ``user_id`` and ``role`` stand where a user allowed the client, None where the client acts for itself;
    ``scopes`` is what the token carries, as far as its client and what it was exchanged for still have it; ``jkt`` is
    the thumbprint of the key that must be proved with it, with a nonce of ours where ``tenant_wants_nonces``; the proof
    is good from ``good_from_ms`` until before ``good_until_ms`` unless one of its ``subjects`` is withdrawn; ``derived``
    is where others keep, under a name of their own, what follows from this proof alone.
    """

    claims: AccessClaims
    tenant_id: str
    tenant_slug: str
    mode: str
    client_id: str
    user_id: str | None
    role: str | None
    scopes: tuple[str, ...]
    jkt: str | None
    plan: str
    allowed_origins: tuple[str, ...]
    requests_per_minute: int | None
    requests_per_hour: int | None
    good_from_ms: int
    good_until_ms: int
    subjects: tuple[str, ...]
    derived: dict[str, object] = {}
    tenant_wants_nonces: bool = False


class MadeToken(msgspec.Struct, frozen=True):
    """Claims that we made; of a signed token also whose key signed it, and when that key ends."""

    claims: AccessClaims
    tenant_id: str | None = None
    key_ends_at_ms: int | None = None


class IssuerNames:
    """How tenants are named as issuers (RFC 8414 §2): ``{url}/t/{slug}``, and the bare URL for the default tenant."""

    def __init__(self, url: str, *, default_slug: str | None = None) -> None:
        self.url = url.rstrip("/")
        self.default_slug = default_slug

    def issuer(self, slug: str) -> str:
        """Return a tenant's ``iss``."""
        return self.url if slug == self.default_slug else f"{self.url}/t/{slug}"

    def resource(self, slug: str) -> str:
        """Return how a tenant's API is named as a resource (RFC 8707 §2, RFC 9728 §1.2)."""
        return f"{self.issuer(slug)}/api"

    def resource_metadata(self, slug: str) -> str:
        """Return where a tenant's API is described (RFC 9728 §3.1): the resource's path goes behind the well-known one."""
        path = "" if slug == self.default_slug else f"/t/{slug}"
        return f"{self.url}/.well-known/oauth-protected-resource{path}/api"

    def is_for_api(self, slug: str, audience: tuple[str, ...]) -> bool:
        """Say whether an audience names this tenant's API, by its own name or as the whole server's."""
        return self.resource(slug) in audience or f"{self.url}/api" in audience


class AccessTokens:
    """Sign, store, prove and revoke access tokens."""

    def __init__(
        self,
        database: Database,
        generations: Generations,
        keys: IssuerKeys,
        cache: VerifiedCache,
        names: IssuerNames,
    ) -> None:
        self._database = database
        self._generations = generations
        self._cache = cache
        self._opaque = OpaqueTokens(database)
        self.keys = keys
        self.names = names

    async def sign(self, tenant_id: str, claims: AccessClaims, *, algorithm: SigningAlgorithm, now_ms: int) -> str:
        """Return the claims as a signed token of the tenant."""
        encoded = msgspec.json.encode(claims)
        return await sign_jwt(
            self.keys, tenant_id, encoded, token_type=ACCESS_TOKEN_TYPE, algorithm=algorithm, now_ms=now_ms
        )

    async def store(self, claims: AccessClaims, *, now_ms: int) -> str:
        """Store the claims under a new opaque token and return it; every process knows it from then on."""
        token = f"{OPAQUE_PREFIX}{now_ms:0{_TIME_CHARACTERS}x}{secrets.token_urlsafe(_OPAQUE_BYTES)}"
        encoded = msgspec.json.encode(claims).decode()
        await self._opaque.store(
            StoredOpaqueToken(
                token_key=_stored_key(token, _hash(token)),
                jti=claims.jti,
                client_id=claims.client_id,
                grant_id=claims.grant,
                claims=encoded,
                expires_at_ms=claims.exp * 1000,
            )
        )
        return token

    async def revoke(self, tx: Transaction, tenant_id: str, mode: str, claims: AccessClaims) -> bool:
        """End a token before its time, whichever form it has; False when that was done before.

        ``tenant_id`` and ``mode`` are of the client in the claims.
        """
        is_first = await insert_revoked_token(tx, claims.jti, claims.exp * 1000)
        user_id = claims.sub if claims.sub.startswith(f"{PREFIXES['user']}_") else ""
        ended = EndedSubject(tenant_id, mode, "token", claims.jti, user_id)
        tx.withdraw(_token_subject(claims.jti), ended.text())
        return is_first

    def recall(self, token: str, now_ms: int) -> AccessProof | None:
        """Return what the token proved a moment ago if that holds now, else None: then it has to be proved."""
        proof = self._cache.find(_hash(token), AccessProof) if len(token) <= TOKEN_CHARACTERS_MAX else None
        return proof if proof is not None and proof.good_from_ms <= now_ms < proof.good_until_ms else None

    async def prove(self, token: str, now_ms: int) -> AccessProof:
        """Return what the token proves; whether its audience is this API is the caller's question.

        Raises:
            NotAuthenticatedError: forged, expired, revoked, or of a client, grant, user or tenant that is no more: one
                answer for all.
            UnavailableError: the database cannot be asked.
        """
        _require_bounded(token)
        digest = _hash(token)
        proof = self._cache.find(digest, AccessProof)
        if proof is None:
            proof = await self._look_up(token, digest, now_ms)
        if not proof.good_from_ms <= now_ms < proof.good_until_ms:
            raise NotAuthenticatedError(reason="the access token has expired, or was issued in the future")
        return proof

    async def prove_for_api(self, token: str, now_ms: int) -> AccessProof:
        """Return what a token proves that is meant for this server's API (RFC 8707 §2, RFC 9068 §4).

        Raises:
            NotAuthenticatedError: as ``prove``, or its audience is another resource.
            UnavailableError: the database cannot be asked.
        """
        proof = await self.prove(token, now_ms)
        if not self.names.is_for_api(proof.tenant_slug, proof.claims.aud):
            raise NotAuthenticatedError(reason="the access token is for another resource")
        return proof

    async def open(self, token: str, now_ms: int) -> MadeToken:
        """Return what we once put into a token, whatever has become of its client, its grant or its user since.

        Raises:
            NotAuthenticatedError: it is none of ours, or has expired.
            UnavailableError: the database cannot be asked.
        """
        _require_bounded(token)
        made = await self._read(token, _hash(token), now_ms)
        if made.claims.exp * 1000 <= now_ms:
            raise NotAuthenticatedError(reason="the access token has expired")
        return made

    async def _look_up(self, token: str, digest: bytes, now_ms: int) -> AccessProof:
        mark = self._cache.mark()
        made = await self._read(token, digest, now_ms)
        claims = made.claims
        found = await find_token_facts(self._database, claims.client_id, grant_id=claims.grant, jti=claims.jti)
        facts = _require_living(found, claims)
        proof = _proof_of(made, facts, await self._require_origins(facts, now_ms))
        if made.tenant_id not in {None, proof.tenant_id}:
            raise NotAuthenticatedError(reason="the access token's key is another tenant's")
        if claims.iss != self.names.issuer(proof.tenant_slug):
            raise NotAuthenticatedError(reason="the access token is of another issuer")
        self._cache.remember(digest, proof, proof.subjects, mark=mark)
        return proof

    async def _require_origins(self, facts: TokenFacts, now_ms: int) -> OriginFacts:
        """Require what a token was exchanged for to live, and return when that ends by itself and what narrows it."""
        if not facts.derived_from:
            return OriginFacts()
        origins = await find_origin_facts(self._database, facts.derived_from, now_ms)
        if not origins.are_living:
            raise NotAuthenticatedError(reason="what the access token was exchanged for has ended")
        return origins

    async def _read(self, token: str, digest: bytes, now_ms: int) -> MadeToken:
        if token.startswith(OPAQUE_PREFIX):
            return await self._find_claims(_stored_key(token, digest))
        return await self._verify(token, now_ms)

    async def _find_claims(self, token_key: bytes) -> MadeToken:
        stored = await find_opaque_claims(self._database, token_key)
        if stored is None:
            raise NotAuthenticatedError(reason="the opaque access token is unknown")
        return MadeToken(msgspec.json.decode(stored, type=AccessClaims))

    async def _verify(self, token: str, now_ms: int) -> MadeToken:
        opened = await open_jwt(self.keys, token, token_type=ACCESS_TOKEN_TYPE, now_ms=now_ms)
        try:
            claims = msgspec.json.decode(opened.payload, type=AccessClaims)
        except msgspec.DecodeError:
            raise NotAuthenticatedError(reason="the claims are not an access token's") from None
        return MadeToken(claims, opened.tenant_id, opened.key_ends_at_ms)


def has_access_token_shape(text: str) -> bool:
    """Say whether a credential is meant as an access token of ours; not whether it is one."""
    return text.startswith((_SIGNED_PREFIX, OPAQUE_PREFIX))


def make_jti() -> str:
    """Make a token's id: random, so that it tells nothing and never comes twice."""
    return secrets.token_urlsafe(_JTI_BYTES)


def _require_bounded(token: str) -> None:
    if len(token) > TOKEN_CHARACTERS_MAX or not token.isascii():
        raise NotAuthenticatedError(reason="the token is too long or not ASCII")


def _require_living(facts: TokenFacts | None, claims: AccessClaims) -> TokenFacts:
    if facts is None or facts.client_disabled_at_ms is not None or facts.tenant_disabled_at_ms is not None:
        raise NotAuthenticatedError(reason="the access token's client or tenant is gone or disabled")
    if facts.is_revoked:
        raise NotAuthenticatedError(reason="the access token was revoked")
    if claims.grant is None:
        return facts
    if facts.grant_id is None or facts.grant_ended_at_ms is not None:
        raise NotAuthenticatedError(reason="the grant behind the access token has ended")
    if facts.user_id is not None and (facts.user_disabled_at_ms is not None or facts.role is None):
        raise NotAuthenticatedError(reason="the user behind the access token is disabled or no member any more")
    return facts


def _proof_of(made: MadeToken, facts: TokenFacts, origins: OriginFacts) -> AccessProof:
    claims = made.claims
    limits = origins.limits if facts.client_scopes is None else (facts.client_scopes, *origins.limits)
    ends_ms = (claims.exp * 1000, made.key_ends_at_ms, origins.ends_at_ms)
    subjects = [f"client:{claims.client_id}", f"tenant:{facts.tenant_id}", _token_subject(claims.jti)]
    if claims.grant is not None:
        subjects.append(f"grant:{claims.grant}")
    if facts.user_id is not None:
        subjects.append(f"user:{facts.user_id}")
    subjects.extend(subject for subject in facts.derived_from if subject not in subjects)
    return AccessProof(
        claims=claims,
        tenant_id=facts.tenant_id,
        tenant_slug=facts.tenant_slug,
        mode=facts.mode,
        client_id=claims.client_id,
        user_id=facts.user_id,
        role=facts.role,
        scopes=narrow(tuple(claims.scope.split()), limits),
        jkt=None if claims.cnf is None else claims.cnf.jkt,
        plan=facts.plan,
        allowed_origins=facts.web_origins + facts.tenant_settings.allowed_origins,
        requests_per_minute=facts.tenant_settings.requests_per_minute,
        requests_per_hour=facts.tenant_settings.requests_per_hour,
        good_from_ms=(claims.iat - _FUTURE_SECONDS_MAX) * 1000,
        good_until_ms=min(end_ms for end_ms in ends_ms if end_ms is not None),
        subjects=tuple(subjects),
        tenant_wants_nonces=facts.tenant_settings.dpop_nonces,
    )


def _token_subject(jti: str) -> str:
    return f"token:{jti}"


def _stored_key(token: str, token_hash: bytes) -> bytes:
    """Return under what an opaque token is stored: its time, which is no secret, and the hash of all of it."""
    return token[len(OPAQUE_PREFIX) :][:_TIME_CHARACTERS].encode() + token_hash


def _hash(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
