"""Session tokens: HS256 JWTs of a known shape, and the stored session behind each.

The signature says that we made a token; the session says whether it still counts. The checks follow RFC 8725: one
algorithm, an exact header with an explicit ``typ``, the claims read only after the signature is proved.
"""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import Final

import msgspec

from watchword.credentials.compact_jws import open_compact, sign_compact
from watchword.credentials.key_ring import SESSION_TOKEN_TYPE, KeyRing, SessionKeys, SigningKey
from watchword.credentials.queries import (
    Membership,
    NewSession,
    SessionState,
    end_every_session,
    end_session,
    end_sessions,
    find_session,
    insert_session,
    lock_user,
    replace_token,
)
from watchword.credentials.session_end import end_with_all_sessions, end_with_session, end_with_sessions
from watchword.credentials.verified import VerifiedCache
from watchword.db.database import Database, Transaction
from watchword.db.generations import EVERYTHING, Generations
from watchword.errors import ExpiredSessionTokenError, NotAuthenticatedError
from watchword.ids import make_id

__all__ = [
    "SESSION_TOKEN_TYPE",
    "IssuedToken",
    "Membership",
    "SessionClaims",
    "SessionProof",
    "SessionTokens",
    "has_session_token_shape",
]

TOKEN_CHARACTERS_MAX: Final = 8192
"""Bounds what is hashed and decoded for a stranger; a token with all its tenants listed has some 2,500 characters."""

TENANTS_IN_TOKEN_MAX: Final = 50
"""Bounds the token's length; the claim informs clients only, the server asks the database."""

FUTURE_SECONDS_MAX: Final = 60
"""How far ahead of this machine's clock a token may have been issued: the skew of nodes, not a clock set wrong."""

_SID_BYTES: Final = 24
_JTI_BYTES: Final = 16
"""192 and 128 random bits (ASVS 7.2.3): a ``sid`` finds the session, a ``jti`` only tells its tokens apart."""

_USER_AGENT_CHARACTERS_MAX: Final = 300
"""Enough to tell a user's devices apart; what a client sends is otherwise unbounded."""


class IssuedToken(msgspec.Struct, frozen=True):
    """A token just signed. ``session_id`` is the session's public id, not the token's ``sid``."""

    token: str
    session_id: str
    issued_at_s: int
    expires_at_s: int

    def __repr__(self) -> str:
        """Name the session and hide the token."""
        return f"IssuedToken(session_id={self.session_id!r})"


class SessionProof(msgspec.Struct, frozen=True):
    """What a good session token proves, as the database has it now.

    Shapes: ``memberships`` are of living tenants, oldest first; ``issued_at_s`` and ``expires_at_s`` are the token's, in
    Unix seconds; the proof itself is good from ``good_from_ms`` until before ``good_until_ms``, in milliseconds, unless
    one of its ``subjects`` is withdrawn.
    """

    session_id: str
    user_id: str
    email: str
    name: str
    is_super_admin: bool
    memberships: tuple[Membership, ...]
    issued_at_s: int
    expires_at_s: int
    good_from_ms: int
    good_until_ms: int
    subjects: tuple[str, ...]


class SessionClaims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The claims of a session token (RFC 7519 §4); ``role`` is the role in the first tenant, or super-admin."""

    iss: str
    sub: str
    sid: str
    jti: str
    email: str
    role: str | None
    tenants: tuple[str, ...]
    iat: int
    exp: int


class _Remembered(msgspec.Struct, frozen=True):
    """A proof and when its token is retired, which may be before it expires."""

    proof: SessionProof
    retires_at_ms: int


_encode_json: Final = msgspec.json.Encoder().encode
_decode_claims: Final = msgspec.json.Decoder(SessionClaims).decode


class SessionTokens:
    """Begin, prove, refresh and end sessions."""

    def __init__(
        self,
        database: Database,
        generations: Generations,
        key_ring: KeyRing,
        cache: VerifiedCache,
        *,
        issuer: str,
        ttl_seconds: int,
        grace_seconds: int = 30,
        absolute_ttl_seconds: int,
    ) -> None:
        self._database = database
        self._generations = generations
        self._cache = cache
        self._issuer = issuer
        self._ttl_seconds = ttl_seconds
        self._grace_ms = grace_seconds * 1000
        self._absolute_ttl_seconds = absolute_ttl_seconds
        self._key_ring = key_ring

    async def prove(self, token: str, now_ms: int) -> SessionProof:
        """Return what the token proves.

        Raises:
            ExpiredSessionTokenError: the token is the current one of a living session and has expired.
            NotAuthenticatedError: anything else is wrong with it.
            UnavailableError: the database cannot be asked.
        """
        encoded = _require_bounded(token)
        digest = sha256(encoded).digest()
        remembered = self._cache.find(digest, _Remembered)
        if remembered is None:
            remembered = await self._look_up(encoded, digest, now_ms)
        proof = remembered.proof
        if now_ms >= remembered.retires_at_ms:
            raise NotAuthenticatedError(reason="the session has ended or the token was replaced")
        if now_ms < proof.good_from_ms:
            raise NotAuthenticatedError(reason="the token was issued in the future")
        # On or after the expiration time is too late (RFC 7519 §4.1.4).
        if now_ms >= proof.good_until_ms:
            raise ExpiredSessionTokenError(
                subjects=proof.subjects, from_ms=proof.good_until_ms, until_ms=remembered.retires_at_ms
            )
        return proof

    async def begin(self, tx: Transaction, user_id: str, *, now_ms: int, address: str, user_agent: str) -> IssuedToken:
        """Start a session for a user and return its first token.

        Raises:
            NotAuthenticatedError: the user was disabled meanwhile.
        """
        keys = await self._key_ring.look(tx, now_ms)
        sid = secrets.token_urlsafe(_SID_BYTES)
        issued_at_s = now_ms // 1000
        ends_at_s = issued_at_s + self._absolute_ttl_seconds
        await insert_session(
            tx,
            NewSession(
                session_id=make_id("session", now_ms),
                sid_hash=_hash_sid(sid),
                user_id=user_id,
                jti=secrets.token_urlsafe(_JTI_BYTES),
                created_at_ms=now_ms,
                issued_at_ms=issued_at_s * 1000,
                token_expires_at_ms=min(issued_at_s + self._ttl_seconds, ends_at_s) * 1000,
                expires_at_ms=ends_at_s * 1000,
                address=address,
                user_agent=_stored_user_agent(user_agent),
            ),
        )
        state = await find_session(tx, _hash_sid(sid))
        if state is None or state.user_disabled_at_ms is not None:
            raise NotAuthenticatedError(reason="the user is disabled")
        return self._issue(keys, state, sid)

    async def refresh(self, token: str, now_ms: int) -> IssuedToken:
        """Return a new token of the same session; the old one stays usable for the grace.

        A repeat with the old token inside the grace returns the same new token, so any number of parallel calls make
        one. A second refresh ends the grace of the token before last.

        Raises:
            ExpiredSessionTokenError: as ``prove``.
            NotAuthenticatedError: as ``prove``.
            UnavailableError: the database cannot be asked.
        """
        keys = await self._key_ring.look(self._database, now_ms)
        claims, _ = self._require_claims(keys, _require_bounded(token), now_ms)
        sid_hash = _hash_sid(claims.sid)

        async def work(tx: Transaction) -> IssuedToken:
            state = _require_living(await find_session(tx, sid_hash), claims, now_ms)
            if claims.jti != state.current_jti:
                return self._issue(keys, state, claims.sid)
            issued_at_s = now_ms // 1000
            if await replace_token(
                tx,
                state.session_id,
                old_jti=claims.jti,
                old_until_ms=now_ms + self._grace_ms,
                jti=secrets.token_urlsafe(_JTI_BYTES),
                issued_at_ms=issued_at_s * 1000,
                expires_at_ms=min((issued_at_s + self._ttl_seconds) * 1000, state.expires_at_ms),
                now_ms=now_ms,
            ):
                tx.withdraw(f"session:{state.session_id}")
                return self._issue(keys, _require_found(await find_session(tx, sid_hash)), claims.sid)
            # Another call was first: what it stored is the new token, if the old one still has its grace.
            state = _require_living(await find_session(tx, sid_hash), claims, now_ms)
            return self._issue(keys, state, claims.sid)

        return await self._database.transaction(work)

    async def end(self, tx: Transaction, session_id: str, now_ms: int) -> bool:
        """End a session with all its tokens and what hangs on it; False when it had ended already."""
        ended = await end_session(tx, session_id, now_ms)
        if ended:
            await end_with_session(tx, session_id, now_ms)
        tx.withdraw(f"session:{session_id}")
        return ended

    async def end_all(self, tx: Transaction, user_id: str, now_ms: int, *, except_session_id: str | None = None) -> int:
        """End all sessions of a user, or all but one, with all that hangs on them; return how many."""
        await lock_user(tx, user_id)
        await end_with_sessions(tx, user_id, now_ms, except_session_id=except_session_id)
        ended = await end_sessions(tx, user_id, now_ms, except_session_id=except_session_id)
        tx.withdraw(f"user:{user_id}", *(f"session:{session_id}" for session_id in ended))
        return len(ended)

    async def end_everyones(self, tx: Transaction, now_ms: int) -> int:
        """End all sessions of all users (ASVS 5.0 V7.4.5), with all that hangs on them; return how many."""
        await end_with_all_sessions(tx, now_ms)
        count = await end_every_session(tx, now_ms)
        tx.withdraw(EVERYTHING)
        return count

    async def _look_up(self, encoded: bytes, digest: bytes, now_ms: int) -> _Remembered:
        mark = self._generations.read_any()
        claims, key = self._require_claims(await self._key_ring.look(self._database, now_ms), encoded, now_ms)
        state = _require_named(await find_session(self._database, _hash_sid(claims.sid)), claims)
        retires_at_ms = _retires_at_ms(state, claims)
        if key.retired_at_ms is not None:
            retires_at_ms = min(retires_at_ms, key.retired_at_ms)
        tenants = tuple(f"tenant:{tenant_id}" for tenant_id in state.tenant_ids)
        subjects = (f"session:{state.session_id}", f"user:{state.user_id}", *tenants)
        remembered = _Remembered(
            SessionProof(
                session_id=state.session_id,
                user_id=state.user_id,
                email=state.email,
                name=state.name,
                is_super_admin=state.is_super_admin,
                memberships=state.memberships,
                issued_at_s=claims.iat,
                expires_at_s=claims.exp,
                good_from_ms=(claims.iat - FUTURE_SECONDS_MAX) * 1000,
                good_until_ms=min(claims.exp * 1000, retires_at_ms),
                subjects=subjects,
            ),
            retires_at_ms,
        )
        if now_ms < retires_at_ms:
            self._cache.remember(digest, remembered, subjects, mark=mark)
        return remembered

    def _require_claims(self, keys: SessionKeys, encoded: bytes, now_ms: int) -> tuple[SessionClaims, SigningKey]:
        key = keys.find(encoded.partition(b".")[0])
        if key is None:
            raise NotAuthenticatedError(reason="the token's header is none of ours")
        if key.has_ended(now_ms):
            raise NotAuthenticatedError(reason="the token's key is retired")
        payload = open_compact(encoded, header=key.header, secret=key.secret)
        try:
            claims = _decode_claims(payload)
        except msgspec.DecodeError:
            raise NotAuthenticatedError(reason="the token's claims are not a session's") from None
        if claims.iss != self._issuer:
            raise NotAuthenticatedError(reason="the token is of another issuer")
        return claims, key

    def _issue(self, keys: SessionKeys, state: SessionState, sid: str) -> IssuedToken:
        """Sign the session's current token: the same one each time, in every process, while the stored facts stay."""
        claims = SessionClaims(
            iss=self._issuer,
            sub=state.user_id,
            sid=sid,
            jti=state.current_jti,
            email=state.email,
            role=_role_of(state),
            tenants=tuple(membership.tenant_id for membership in state.memberships[:TENANTS_IN_TOKEN_MAX]),
            iat=state.current_issued_at_ms // 1000,
            exp=state.current_expires_at_ms // 1000,
        )
        key = keys.signing_at(state.current_issued_at_ms)
        token = sign_compact(_encode_json(claims), header=key.header, secret=key.secret)
        return IssuedToken(token, state.session_id, claims.iat, claims.exp)


def has_session_token_shape(text: str) -> bool:
    """Say whether a credential looks like a compact JWT; not whether it is one, nor whose."""
    return text.startswith("eyJ") and text.count(".") == 2  # noqa: PLR2004 - RFC 7515 §7.1


def _require_bounded(token: str) -> bytes:
    if len(token) > TOKEN_CHARACTERS_MAX or not token.isascii():
        raise NotAuthenticatedError(reason="the token is too long or not ASCII")
    return token.encode("ascii")


def _require_found(state: SessionState | None) -> SessionState:
    if state is None:
        raise NotAuthenticatedError(reason="no such session")
    return state


def _require_named(state: SessionState | None, claims: SessionClaims) -> SessionState:
    """Require the session to live and to be the one that the token names; its times are left to the caller."""
    state = _require_found(state)
    if state.ended_at_ms is not None:
        raise NotAuthenticatedError(reason="the session has ended")
    if state.user_id != claims.sub or state.user_disabled_at_ms is not None:
        raise NotAuthenticatedError(reason="the user is disabled")
    return state


def _require_living(state: SessionState | None, claims: SessionClaims, now_ms: int) -> SessionState:
    """Require the token to be good for this session now, as ``prove`` does."""
    state = _require_named(state, claims)
    if now_ms >= _retires_at_ms(state, claims):
        raise NotAuthenticatedError(reason="the session has ended or the token was replaced")
    if claims.iat > now_ms // 1000 + FUTURE_SECONDS_MAX:
        raise NotAuthenticatedError(reason="the token was issued in the future")
    if now_ms >= claims.exp * 1000:
        raise ExpiredSessionTokenError
    return state


def _retires_at_ms(state: SessionState, claims: SessionClaims) -> int:
    """Return when the token ends for another reason than its own expiry; 0 for one that ended before."""
    if claims.jti == state.current_jti:
        return state.expires_at_ms
    if claims.jti == state.previous_jti and state.previous_until_ms is not None:
        return min(state.previous_until_ms, state.expires_at_ms)
    return 0


def _role_of(state: SessionState) -> str | None:
    if state.is_super_admin:
        return "super-admin"
    return state.memberships[0].role if state.memberships else None


def _hash_sid(sid: str) -> bytes:
    return sha256(sid.encode()).digest()


def _stored_user_agent(user_agent: str) -> str:
    return "".join(character for character in user_agent if character.isprintable())[:_USER_AGENT_CHARACTERS_MAX]
