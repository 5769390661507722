"""From the credential headers of one request to its Caller; the only place that does.

What the headers carry, and how its kinds are told apart, is ``presented.py``'s; each credential goes to the one
resolver for its shape. A publishable key beside a proof only names tenant and mode.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Final, cast

import msgspec

from watchword.callers.caller import Caller, CallerKind, Mode, Role
from watchword.callers.presented import Presented, read_credentials, read_only_header
from watchword.callers.tenant import TenantChooser
from watchword.credentials.access_token import AccessProof, AccessTokens
from watchword.credentials.api_key import ApiKeyProver, KeyProof
from watchword.credentials.dpop import DpopProofs, ProvedRequest
from watchword.credentials.session_token import SessionProof, SessionTokens
from watchword.credentials.verified import VerifiedCache
from watchword.db.database import Database
from watchword.errors import (
    ExpiredSessionTokenError,
    KeyNonceMissingError,
    KeyNotProvedError,
    NetworkNotAllowedError,
    NotAuthenticatedError,
    OriginNotAllowedError,
    SecretKeyInBrowserError,
    TenantMismatchError,
)
from watchword.limits.limiter import Limited
from watchword.oauth_errors import DpopNonceMissingError, InvalidDpopProofError
from watchword.wire.request import Request

_NEVER_MS: Final = 2**63 - 1


class Identity(msgspec.Struct, frozen=True):
    """A proved caller and the web origins that may read its answers.

    Shapes: ``limited`` is what limits count the caller by; ``session`` and ``token`` stand for users who signed in,
    ``key`` for keys, ``access`` for OAuth clients and for users through one.
    """

    caller: Caller
    allowed_origins: tuple[str, ...]
    limited: Limited
    session: SessionProof | None = None
    token: str | None = None
    key: KeyProof | None = None
    access: AccessProof | None = None


Refusal = NotAuthenticatedError | ExpiredSessionTokenError
"""An error that was raised a moment ago and is answered again. It is not raised again: it would keep what it passed."""


class _Remembered(msgspec.Struct, frozen=True):
    """What one header alone gave, an identity or its refusal, and when that holds, in Unix milliseconds."""

    outcome: Identity | ExpiredSessionTokenError
    from_ms: int
    until_ms: int


_Provable = AccessProof | KeyProof
"""What may be bound to a public key, its ``jkt``, that has to be proved too."""

_RequireKey = Callable[[Request, Presented, _Provable, int], Awaitable[None]]


class Identifier:
    """Proves callers; holds the resolvers, and remembers whom a single header named."""

    def __init__(
        self,
        database: Database,
        *,
        session_tokens: SessionTokens,
        access_tokens: AccessTokens,
        dpop_proofs: DpopProofs,
        api_keys: ApiKeyProver,
        tenants: TenantChooser,
        remembered: VerifiedCache,
    ) -> None:
        self._database = database
        self._session_tokens = session_tokens
        self._access_tokens = access_tokens
        self._dpop_proofs = dpop_proofs
        self._api_keys = api_keys
        self._tenants = tenants
        self._remembered = remembered

    def recall(self, request: Request, now_ms: int) -> Identity | Refusal | None:
        """Return what this request's one deciding header gave a moment ago, or None: then ``identify`` has to look.

        That is whom it named, that it proves nobody and nothing has come that could change it, or that it named a
        session whose token has expired.
        """
        only = read_only_header(request)
        if only.digest is None:
            return None
        if only.refused is not None and (only.refused_at is None or only.refused_at == self._database.commits()):
            return only.refused
        remembered = self._remembered.find(only.digest, _Remembered)
        if remembered is None or not remembered.from_ms <= now_ms < remembered.until_ms:
            return None
        return remembered.outcome

    async def identify(self, request: Request, now_ms: int) -> Identity | None:
        """Return who is calling, or None when the request carries no credential at all.

        Raises:
            NotAuthenticatedError: a credential is there and does not prove itself.
            ExpiredSessionTokenError: it is a session token that was good until it expired.
            TwoCredentialsError: two different proofs, or two different publishable keys.
            ForbiddenError: a living proof that may not be used from here, or for this tenant.
        """
        only = read_only_header(request)
        digest = only.digest
        mark, commits = self._remembered.mark(), self._database.commits()
        try:
            identity = await self._prove(request, now_ms, self._require_key)
        except NotAuthenticatedError as error:
            if digest is not None and (error.is_final or (error.is_of_store and commits is not None)):
                only.refused = NotAuthenticatedError(reason=error.cause)
                only.refused_at = None if error.is_final else commits
            raise
        except ExpiredSessionTokenError as error:
            if digest is not None:
                kept = _Remembered(ExpiredSessionTokenError(), error.from_ms, error.until_ms)
                self._remembered.remember(digest, kept, error.subjects, mark=mark)
            raise
        if identity is not None and digest is not None:
            self._remember(digest, identity, mark)
        return identity

    async def identify_again(self, request: Request, now_ms: int) -> Identity | None:
        """Return whom a request names now whose answer still goes on, as ``identify`` did before it began.

        A proof of a public key counts once (RFC 9449 §11.1), and did then.
        """
        recalled = self.recall(request, now_ms)
        return recalled if isinstance(recalled, Identity) else await self._prove(request, now_ms, _believe_shown)

    async def _prove(self, request: Request, now_ms: int, require_key: _RequireKey) -> Identity | None:
        presented = read_credentials(request)
        if presented.secret_key is not None:
            return await self._by_secret_key(request, presented, now_ms, require_key)
        if presented.session_token is not None:
            return await self._by_session(request, presented, now_ms)
        if presented.access_token is not None:
            return await self._by_access_token(request, presented, now_ms, require_key)
        if presented.publishable_key is not None:
            key = await self._prove_publishable(request, presented.publishable_key, now_ms)
            self._tenants.require_same_tenant(request, key)
            return _key_identity(key, key.allowed_origins or key.tenant_origins)
        return None

    def _remember(self, digest: bytes, identity: Identity, mark: int) -> None:
        session, caller = identity.session, identity.caller
        subjects: tuple[str, ...]
        if session is not None:
            subjects = session.subjects
            kept = _Remembered(identity, session.good_from_ms, session.good_until_ms)
        elif identity.access is not None:
            subjects = identity.access.subjects
            kept = _Remembered(identity, identity.access.good_from_ms, identity.access.good_until_ms)
        elif identity.key is not None and not identity.key.allowed_networks and not identity.key.allowed_origins:
            subjects = (f"key:{caller.credential_id}", f"tenant:{caller.tenant_id}")
            kept = _Remembered(identity, 0, identity.key.expires_at_ms or _NEVER_MS)
        else:
            # Where the request comes from decides too: each one is looked at.
            return
        self._remembered.remember(digest, kept, subjects, mark=mark)

    async def _by_secret_key(
        self, request: Request, presented: Presented, now_ms: int, require_key: _RequireKey
    ) -> Identity:
        key = await self._api_keys.prove(presented.secret_key or "", now_ms)
        _require_server(request, key)
        _require_network(request, key)
        self._tenants.require_same_tenant(request, key)
        if presented.is_bound or key.jkt is not None:
            await require_key(request, presented, key, now_ms)
        if presented.publishable_key is not None:
            beside = await self._prove_publishable(request, presented.publishable_key, now_ms)
            self._tenants.require_agreement(key, beside)
        return _key_identity(key, key.tenant_origins)

    async def _by_session(self, request: Request, presented: Presented, now_ms: int) -> Identity:
        session = await self._session_tokens.prove(presented.session_token or "", now_ms)
        key = None
        if presented.publishable_key is not None:
            key = await self._prove_publishable(request, presented.publishable_key, now_ms)
        chosen = await self._tenants.choose(request, session, key)
        caller = Caller(
            CallerKind.USER,
            chosen.tenant_id,
            chosen.mode,
            session.user_id,
            chosen.role,
            None,
            session.session_id,
            presented.from_cookie,
        )
        limited = Limited(
            chosen.tenant_id or session.user_id,
            chosen.plan,
            session.user_id,
            None,
            chosen.requests_per_minute,
            chosen.requests_per_hour,
            "user",
        )
        return Identity(caller, chosen.allowed_origins, limited, session, presented.session_token)

    async def _by_access_token(
        self, request: Request, presented: Presented, now_ms: int, require_key: _RequireKey
    ) -> Identity:
        proof = await self._access_tokens.prove_for_api(presented.access_token or "", now_ms)
        if presented.is_bound or proof.jkt is not None:
            await require_key(request, presented, proof, now_ms)
        named = request.header(b"x-tenant-id")
        if named is not None and named not in {proof.tenant_id, proof.tenant_slug}:
            raise TenantMismatchError
        if presented.publishable_key is not None:
            beside = await self._prove_publishable(request, presented.publishable_key, now_ms)
            if (beside.tenant_id, beside.mode) != (proof.tenant_id, proof.mode):
                raise TenantMismatchError
        return _access_identity(proof)

    async def _require_key(self, request: Request, presented: Presented, bound: _Provable, now_ms: int) -> None:
        # What is bound counts under its own scheme alone, and what is not never there (RFC 9449 §7.1, §7.2).
        if bound.jkt is None:
            raise NotAuthenticatedError(reason="the credential is bound to no public key")
        proof = request.header(b"dpop")
        if not presented.is_bound or proof is None:
            raise KeyNotProvedError(cause="a bound credential came without a proof of its public key")
        credential = presented.access_token or presented.secret_key
        proved = ProvedRequest(
            request.method, request.addressed_path, credential, wants_nonce=bound.tenant_wants_nonces
        )
        try:
            await self._dpop_proofs.require(proof, proved, now_ms, jkt=bound.jkt)
        except DpopNonceMissingError as error:
            refused = KeyNonceMissingError(cause="the DPoP proof lacks a nonce of ours")
            refused.headers = error.headers
            raise refused from None
        except InvalidDpopProofError as error:
            raise KeyNotProvedError(cause=error.cause) from None

    async def _prove_publishable(self, request: Request, text: str, now_ms: int) -> KeyProof:
        key = await self._api_keys.prove(text, now_ms)
        if key.allowed_origins and request.header(b"origin") not in key.allowed_origins:
            raise OriginNotAllowedError
        return key


async def _believe_shown(_request: Request, _presented: Presented, _bound: _Provable, _now_ms: int) -> None:
    """Believe that the proof of the public key was good, as it was when the request came."""


def _require_server(request: Request, key: KeyProof) -> None:
    if b"origin" in request.headers or b"sec-fetch-site" in request.headers:
        raise SecretKeyInBrowserError(tenant_id=key.tenant_id, key_id=key.key_id)


def _require_network(request: Request, key: KeyProof) -> None:
    if not key.allowed_networks:
        return
    try:
        address = ip_address(request.client_address)
    except ValueError:
        raise NetworkNotAllowedError(cause="the client has no address") from None
    if not any(address.version == network.version and address in network for network in key.allowed_networks):
        raise NetworkNotAllowedError


def _access_identity(proof: AccessProof) -> Identity:
    is_user = proof.user_id is not None
    caller = Caller(
        CallerKind.USER if is_user else CallerKind.CLIENT,
        proof.tenant_id,
        cast("Mode", proof.mode),
        proof.user_id or proof.client_id,
        Role(proof.role) if proof.role is not None else None,
        proof.scopes,
        proof.client_id,
        client_id=proof.client_id,
    )
    limited = Limited(
        proof.tenant_id,
        proof.plan,
        proof.user_id or proof.client_id,
        None,
        proof.requests_per_minute,
        proof.requests_per_hour,
        "user" if is_user else "client",
    )
    return Identity(caller, proof.allowed_origins, limited, access=proof)


def _key_identity(key: KeyProof, allowed_origins: tuple[str, ...]) -> Identity:
    caller = Caller(CallerKind(key.kind), key.tenant_id, key.mode, key.key_id, None, key.scopes, key.key_id)
    limited = Limited(
        key.tenant_id,
        key.plan,
        key.key_id,
        key.rate_limit_per_minute,
        key.requests_per_minute,
        key.requests_per_hour,
    )
    return Identity(caller, allowed_origins, limited, key=key)
