"""The SQL of everything a caller can prove itself with.

A credential is what finds its tenant, so these look-ups begin with the credential's hash and not with a tenant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from watchword.db.database import Row, Statement, Transaction, Value
from watchword.errors import InternalError

FIND_SESSION: Final = Statement("""
    SELECT s.id, s.user_id, s.current_jti, s.current_issued_at, s.current_expires_at, s.previous_jti,
        s.previous_until, s.expires_at, s.ended_at, u.email, u.name, u.is_super_admin, u.disabled_at,
        m.tenant_id, m.role, t.slug, t.plan, t.settings, t.disabled_at
    FROM sessions s
    JOIN users u ON u.id = s.user_id
    LEFT JOIN memberships m ON m.user_id = u.id
    LEFT JOIN tenants t ON t.id = m.tenant_id
    WHERE s.sid_hash = $1
    ORDER BY m.created_at, m.tenant_id
""")

INSERT_SESSION: Final = Statement("""
    INSERT INTO sessions (id, sid_hash, user_id, current_jti, current_issued_at, current_expires_at, address,
        user_agent, created_at, refreshed_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
""")

REPLACE_TOKEN: Final = Statement("""
    UPDATE sessions
    SET previous_jti = current_jti, previous_until = $3, current_jti = $4, current_issued_at = $5,
        current_expires_at = $6, refreshed_at = $7
    WHERE id = $1 AND current_jti = $2 AND ended_at IS NULL
""")

END_SESSION: Final = Statement("UPDATE sessions SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL")

END_SESSIONS: Final = Statement(
    "UPDATE sessions SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL AND id <> $3 RETURNING id"
)

END_EVERY_SESSION: Final = Statement("UPDATE sessions SET ended_at = $1 WHERE ended_at IS NULL")

FIND_KEY: Final = Statement(
    """
    SELECT k.id, k.tenant_id, k.kind, k.mode, k.scopes, k.allowed_origins, k.allowed_networks,
        k.rate_limit_per_minute, k.expires_at, k.disabled_at, k.revoked_at, t.plan, t.settings, t.disabled_at,
        t.slug, k.dpop_jkt
    FROM api_keys k
    JOIN tenants t ON t.id = k.tenant_id
    WHERE k.key_hash = $1
""",
    may_be_kept=True,
)

LOCK_USER: Final = Statement(
    "SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE", sqlite="SELECT id FROM users WHERE id = $1"
)

DELETE_CODES: Final = Statement("DELETE FROM one_time_codes WHERE user_id = $1 AND purpose = $2")

INSERT_CODE: Final = Statement("""
    INSERT INTO one_time_codes (code_hash, purpose, user_id, email, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6)
""")

MARK_CODE_USED: Final = Statement("""
    UPDATE one_time_codes SET used_at = $3
    WHERE code_hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3
    RETURNING user_id, email
""")


class Reader(Protocol):
    """What a look-up needs: a database or a transaction."""

    async def fetch_row(self, statement: Statement, *parameters: Value) -> Row | None:
        """Return the first row, or None."""
        ...

    async def fetch_rows(self, statement: Statement, *parameters: Value) -> Sequence[Row]:
        """Return all rows."""
        ...


class ServedSettings(msgspec.Struct, frozen=True):
    """What of a tenant's stored settings is needed to serve its callers; the two numbers are None for the plan's."""

    allowed_origins: tuple[str, ...] = ()
    requests_per_minute: int | None = None
    requests_per_hour: int | None = None
    dpop_nonces: bool = False


class Membership(msgspec.Struct, frozen=True):
    """A user's place in one tenant, and what of the tenant is needed to serve the user there.

    Shapes: ``requests_per_minute`` and ``requests_per_hour`` are the tenant's own numbers, None for its plan's.
    """

    tenant_id: str
    slug: str
    role: str
    plan: str
    allowed_origins: tuple[str, ...]
    requests_per_minute: int | None = None
    requests_per_hour: int | None = None


class SessionState(msgspec.Struct, frozen=True):
    """A session as stored, with its user and the user's tenants.

    Shapes: ``memberships`` are of living tenants, oldest first; ``tenant_ids`` are of all, for withdrawal.
    """

    session_id: str
    user_id: str
    current_jti: str
    current_issued_at_ms: int
    current_expires_at_ms: int
    previous_jti: str | None
    previous_until_ms: int | None
    expires_at_ms: int
    ended_at_ms: int | None
    email: str
    name: str
    is_super_admin: bool
    user_disabled_at_ms: int | None
    memberships: tuple[Membership, ...]
    tenant_ids: tuple[str, ...]


class NewSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session that begins, with its first token; ``expires_at_ms`` is the session's own end."""

    session_id: str
    sid_hash: bytes
    user_id: str
    jti: str
    issued_at_ms: int
    token_expires_at_ms: int
    address: str
    user_agent: str
    created_at_ms: int
    expires_at_ms: int


class StoredKey(msgspec.Struct, frozen=True):
    """An API key as stored, with what of its tenant is needed to serve it; ``networks`` are not parsed yet."""

    key_id: str
    tenant_id: str
    kind: str
    mode: str
    scopes: tuple[str, ...] | None
    allowed_origins: tuple[str, ...]
    networks: tuple[str, ...]
    rate_limit_per_minute: int | None
    expires_at_ms: int | None
    disabled_at_ms: int | None
    revoked_at_ms: int | None
    plan: str
    tenant_disabled_at_ms: int | None
    tenant_slug: str
    tenant_settings: ServedSettings
    dpop_jkt: str | None = None


async def find_session(reader: Reader, sid_hash: bytes) -> SessionState | None:
    """Return the session of a ``sid``, ended or not, with its user and tenants in one consistent read."""
    rows = await reader.fetch_rows(FIND_SESSION, sid_hash)
    if not rows:
        return None
    first = rows[0]
    return SessionState(
        session_id=first[0],
        user_id=first[1],
        current_jti=first[2],
        current_issued_at_ms=first[3],
        current_expires_at_ms=first[4],
        previous_jti=first[5],
        previous_until_ms=first[6],
        expires_at_ms=first[7],
        ended_at_ms=first[8],
        email=first[9],
        name=first[10],
        is_super_admin=bool(first[11]),
        user_disabled_at_ms=first[12],
        memberships=tuple(_membership(row) for row in rows if row[13] is not None and row[18] is None),
        tenant_ids=tuple(row[13] for row in rows if row[13] is not None),
    )


async def find_key(reader: Reader, key_hash: bytes) -> StoredKey | None:
    """Return the API key of a hash, in whatever state it is, or None."""
    row = await reader.fetch_row(FIND_KEY, key_hash)
    if row is None:
        return None
    return StoredKey(
        key_id=row[0],
        tenant_id=row[1],
        kind=row[2],
        mode=row[3],
        scopes=None if row[4] is None else _texts(row[4]),
        allowed_origins=_texts(row[5]),
        networks=_texts(row[6]),
        rate_limit_per_minute=row[7],
        expires_at_ms=row[8],
        disabled_at_ms=row[9],
        revoked_at_ms=row[10],
        plan=row[11],
        tenant_settings=_served_settings(row[12]),
        tenant_disabled_at_ms=row[13],
        tenant_slug=row[14],
        dpop_jkt=row[15],
    )


async def insert_session(tx: Transaction, session: NewSession) -> None:
    """Store a new session with its first token."""
    await tx.execute(
        INSERT_SESSION,
        session.session_id,
        session.sid_hash,
        session.user_id,
        session.jti,
        session.issued_at_ms,
        session.token_expires_at_ms,
        session.address,
        session.user_agent,
        session.created_at_ms,
        session.created_at_ms,
        session.expires_at_ms,
    )


async def replace_token(
    tx: Transaction,
    session_id: str,
    *,
    old_jti: str,
    old_until_ms: int,
    jti: str,
    issued_at_ms: int,
    expires_at_ms: int,
    now_ms: int,
) -> bool:
    """Put a new token in place of the session's current one; False when another call was first."""
    return (
        await tx.execute(REPLACE_TOKEN, session_id, old_jti, old_until_ms, jti, issued_at_ms, expires_at_ms, now_ms)
        == 1
    )


async def end_session(tx: Transaction, session_id: str, now_ms: int) -> bool:
    """Mark a session as ended; False when it was already, or never was."""
    return await tx.execute(END_SESSION, session_id, now_ms) == 1


async def end_sessions(tx: Transaction, user_id: str, now_ms: int, *, except_session_id: str | None) -> list[str]:
    """Mark a user's living sessions as ended, all or all but one; return their ids."""
    rows = await tx.fetch_rows(END_SESSIONS, user_id, now_ms, except_session_id or "")
    return [row[0] for row in rows]


async def end_every_session(tx: Transaction, now_ms: int) -> int:
    """Mark everybody's living sessions as ended; return how many."""
    return await tx.execute(END_EVERY_SESSION, now_ms)


async def lock_user(tx: Transaction, user_id: str) -> None:
    """Let only one transaction at a time go on for this user (SQLite has one writer anyway)."""
    await tx.fetch_row(LOCK_USER, user_id)


async def delete_codes(tx: Transaction, user_id: str, purpose: str) -> None:
    """Delete a user's codes of a purpose, used or not."""
    await tx.execute(DELETE_CODES, user_id, purpose)


async def insert_code(
    tx: Transaction, *, code_hash: bytes, purpose: str, user_id: str, email: str, now_ms: int, expires_at_ms: int
) -> None:
    """Store a one-time code."""
    await tx.execute(INSERT_CODE, code_hash, purpose, user_id, email, now_ms, expires_at_ms)


async def mark_code_used(tx: Transaction, code_hash: bytes, purpose: str, now_ms: int) -> Row | None:
    """Use up a living code and return its user's id and e-mail address, or None when there is none."""
    return await tx.fetch_row(MARK_CODE_USED, code_hash, purpose, now_ms)


def _membership(row: Row) -> Membership:
    settings = _served_settings(row[17])
    return Membership(
        tenant_id=row[13],
        role=row[14],
        slug=row[15],
        plan=row[16],
        allowed_origins=settings.allowed_origins,
        requests_per_minute=settings.requests_per_minute,
        requests_per_hour=settings.requests_per_hour,
    )


def _served_settings(text: str) -> ServedSettings:
    try:
        return msgspec.json.decode(text, type=ServedSettings)
    except msgspec.DecodeError as error:
        raise InternalError(cause=f"stored tenant settings cannot be read: {error}") from None


def _texts(text: str) -> tuple[str, ...]:
    try:
        return msgspec.json.decode(text, type=tuple[str, ...])
    except msgspec.DecodeError as error:
        raise InternalError(cause=f"a stored list of an API key cannot be read: {error}") from None
