"""The SQL of proving OAuth clients and tokens.

A credential is what finds its tenant, so the look-ups of tokens and clients begin with what was presented.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from watchword.credentials.queries import Reader, ServedSettings
from watchword.db.database import Statement, Transaction

_FIND_FACTS: Final = Statement("""
    SELECT c.tenant_id, c.mode, c.disabled_at, c.settings, t.slug, t.plan, t.settings, t.disabled_at,
        g.id, g.ended_at, g.user_id, u.disabled_at, m.role, g.derived_from, c.scopes,
        (SELECT count(*) FROM oauth_revoked_tokens r WHERE r.jti = $3)
    FROM oauth_clients c
    JOIN tenants t ON t.id = c.tenant_id
    LEFT JOIN oauth_grants g ON g.id = $2 AND g.client_id = c.id
    LEFT JOIN users u ON u.id = g.user_id
    LEFT JOIN memberships m ON m.user_id = g.user_id AND m.tenant_id = c.tenant_id
    WHERE c.id = $1
""")
_ORIGIN_FACTS: Final = (
    "SELECT (SELECT count(*) FROM oauth_grants WHERE id {among_1} AND ended_at IS NULL)"
    " + (SELECT count(*) FROM oauth_clients WHERE id {among_1} AND disabled_at IS NULL)"
    " + (SELECT count(*) FROM sessions WHERE id {among_1} AND ended_at IS NULL)"
    " + (SELECT count(*) FROM api_keys WHERE id {among_1} AND revoked_at IS NULL AND disabled_at IS NULL"
    " AND (expires_at IS NULL OR expires_at > $3)"
    # What comes out of a key could be sent from anywhere, and as often as its client may.
    " AND CAST(allowed_networks AS TEXT) = '[]' AND rate_limit_per_minute IS NULL),"
    " (SELECT count(*) FROM oauth_revoked_tokens WHERE jti {among_2}),"
    " (SELECT min(expires_at) FROM api_keys WHERE id {among_1})"
)
_LIST_ORIGIN_SCOPES: Final = (
    "SELECT scopes FROM oauth_clients WHERE id {among_1} AND scopes IS NOT NULL"
    " UNION ALL SELECT scopes FROM api_keys WHERE id {among_1} AND scopes IS NOT NULL"
)


def _among(text: str) -> Statement:
    """Make a statement whose parameters 1 and 2 are lists in JSON."""
    return Statement(
        text.format(
            among_1="= ANY (ARRAY(SELECT json_array_elements_text($1::json)))",
            among_2="= ANY (ARRAY(SELECT json_array_elements_text($2::json)))",
        ),
        sqlite=text.format(
            among_1="IN (SELECT value FROM json_each($1))", among_2="IN (SELECT value FROM json_each($2))"
        ),
    )


_FIND_ORIGIN_FACTS: Final = _among(_ORIGIN_FACTS)
_FIND_ORIGIN_SCOPES: Final = _among(_LIST_ORIGIN_SCOPES)
_FIND_OPAQUE: Final = Statement("SELECT claims FROM oauth_access_tokens WHERE token_hash = $1")
_INSERT_OPAQUE: Final = Statement(
    "INSERT INTO oauth_access_tokens (token_hash, jti, client_id, grant_id, claims, expires_at)"
    " VALUES ($1, $2, $3, $4, $5, $6)"
)
_INSERT_REVOKED: Final = Statement(
    "INSERT INTO oauth_revoked_tokens (jti, expires_at) VALUES ($1, $2) ON CONFLICT (jti) DO NOTHING"
)
_END_GRANTS_OF_SESSION: Final = Statement(
    "UPDATE oauth_grants SET ended_at = $2 WHERE session_id = $1 AND ended_at IS NULL"
    " AND CAST(scopes AS TEXT) NOT LIKE '%\"offline_access\"%' RETURNING id"
)


class _ClientOrigins(msgspec.Struct, frozen=True):
    web_origins: tuple[str, ...] = ()


class TokenFacts(msgspec.Struct, frozen=True):
    """What the database has now of an access token's client, tenant, grant and user.

    Shapes: ``grant_id`` is None where the token names none or the grant is gone; ``role`` is the user's in the tenant;
    ``derived_from`` are the subjects that the grant was made from by token exchange; ``client_scopes`` is None where
    nothing narrows the client.
    """

    tenant_id: str
    mode: str
    client_disabled_at_ms: int | None
    web_origins: tuple[str, ...]
    tenant_slug: str
    plan: str
    tenant_settings: ServedSettings
    tenant_disabled_at_ms: int | None
    grant_id: str | None
    grant_ended_at_ms: int | None
    user_id: str | None
    user_disabled_at_ms: int | None
    role: str | None
    derived_from: tuple[str, ...]
    client_scopes: tuple[str, ...] | None
    is_revoked: bool


class StoredOpaqueToken(NamedTuple):
    """An opaque access token as it is stored; ``token_key`` holds the hash of its text, ``claims`` is JSON."""

    token_key: bytes
    jti: str
    client_id: str
    grant_id: str | None
    claims: str
    expires_at_ms: int


class OriginFacts(msgspec.Struct, frozen=True):
    """Whether all that a grant was made from still counts, when the first of it ends by itself, and what narrows it."""

    are_living: bool = True
    ends_at_ms: int | None = None
    limits: tuple[tuple[str, ...], ...] = ()


async def find_token_facts(reader: Reader, client_id: str, *, grant_id: str | None, jti: str) -> TokenFacts | None:
    """Return what stands behind a token in one consistent read, or None without such a client."""
    row = await reader.fetch_row(_FIND_FACTS, client_id, grant_id or "", jti)
    if row is None:
        return None
    return TokenFacts(
        tenant_id=row[0],
        mode=row[1],
        client_disabled_at_ms=row[2],
        web_origins=msgspec.json.decode(row[3], type=_ClientOrigins).web_origins,
        tenant_slug=row[4],
        plan=row[5],
        tenant_settings=msgspec.json.decode(row[6], type=ServedSettings),
        tenant_disabled_at_ms=row[7],
        grant_id=row[8],
        grant_ended_at_ms=row[9],
        user_id=row[10],
        user_disabled_at_ms=row[11],
        role=row[12],
        derived_from=() if row[13] is None else msgspec.json.decode(row[13], type=tuple[str, ...]),
        client_scopes=None if row[14] is None else msgspec.json.decode(row[14], type=tuple[str, ...]),
        is_revoked=row[15] > 0,
    )


async def find_origin_facts(reader: Reader, subjects: tuple[str, ...], now_ms: int) -> OriginFacts:
    """Return what is now of the grants, clients, sessions, keys and tokens that a grant was made from.

    They are named as in withdrawals: ``grant:…``, ``client:…``, ``session:…``, ``key:…``, ``token:…``.
    """
    tokens = {subject.removeprefix("token:") for subject in subjects if subject.startswith("token:")}
    others = {subject.partition(":")[2] for subject in subjects if not subject.startswith("token:")}
    texts = [msgspec.json.encode(sorted(ids)).decode() for ids in (others, tokens)]
    row = await reader.fetch_row(_FIND_ORIGIN_FACTS, *texts, now_ms)
    living, revoked, ends_at_ms = row or (0, 0, None)
    narrowed = await reader.fetch_rows(_FIND_ORIGIN_SCOPES, texts[0])
    return OriginFacts(
        are_living=(living, revoked) == (len(others), 0),
        ends_at_ms=ends_at_ms,
        limits=tuple(msgspec.json.decode(one[0], type=tuple[str, ...]) for one in narrowed),
    )


async def find_opaque_claims(reader: Reader, token_key: bytes) -> str | None:
    """Return the stored claims of an opaque access token as JSON, or None."""
    row = await reader.fetch_row(_FIND_OPAQUE, token_key)
    return None if row is None else str(row[0])


async def insert_opaque_tokens(tx: Transaction, tokens: Sequence[StoredOpaqueToken]) -> None:
    """Store opaque access tokens."""
    await tx.execute_many(_INSERT_OPAQUE, tokens)


async def insert_revoked_token(tx: Transaction, jti: str, expires_at_ms: int) -> bool:
    """Note that an access token ended before its time; False when that was noted before."""
    return await tx.execute(_INSERT_REVOKED, jti, expires_at_ms) == 1


async def end_grants_of_session(tx: Transaction, session_id: str, now_ms: int) -> tuple[str, ...]:
    """Mark the grants that were allowed in a session, but for those with ``offline_access``, and return their ids."""
    return tuple(row[0] for row in await tx.fetch_rows(_END_GRANTS_OF_SESSION, session_id, now_ms))
