"""The SQL of grants, remembered consents and authorization codes, and the rows under their names."""

# ruff: noqa: S608 - what is put into a statement's text is a column list from this file, never a value

from __future__ import annotations

from typing import Final

import msgspec

from watchword.credentials.queries import Reader
from watchword.db.database import Row, Statement, Transaction
from watchword.oauth.models import Consent, GrantState, StoredCode, StoredGrant

_GRANT: Final = (
    "g.id, g.tenant_id, g.mode, g.client_id, g.user_id, g.session_id, g.scopes, g.resources, g.authenticated_at, "
    "g.created_at, g.expires_at, g.ended_at"
)
_CONSENT: Final = "tenant_id, user_id, client_id, scopes, resources, allowed, created_at, updated_at"
_CODE: Final = "grant_id, client_id, redirect_uri, code_challenge, nonce, dpop_jkt"

_INSERT_GRANT: Final = Statement(
    "INSERT INTO oauth_grants (id, tenant_id, mode, client_id, user_id, session_id, scopes, resources, "
    "authenticated_at, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
)
_FIND_GRANT: Final = Statement(
    f"SELECT {_GRANT}, u.disabled_at, m.role, s.ended_at, s.current_expires_at FROM oauth_grants g"
    " LEFT JOIN users u ON u.id = g.user_id"
    " LEFT JOIN memberships m ON m.user_id = g.user_id AND m.tenant_id = g.tenant_id"
    " LEFT JOIN sessions s ON s.id = g.session_id"
    " WHERE g.tenant_id = $1 AND g.id = $2"
)
_END_GRANT: Final = Statement(
    "UPDATE oauth_grants SET ended_at = $3 WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL"
)
_END_GRANTS_OF_CONSENT: Final = Statement(
    "UPDATE oauth_grants SET ended_at = $4"
    " WHERE tenant_id = $1 AND user_id = $2 AND client_id = $3 AND ended_at IS NULL RETURNING id"
)

_FIND_CONSENT: Final = Statement(
    f"SELECT {_CONSENT} FROM oauth_consents WHERE tenant_id = $1 AND user_id = $2 AND client_id = $3"
)
_PUT_CONSENT: Final = Statement(
    f"INSERT INTO oauth_consents ({_CONSENT}) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)"
    " ON CONFLICT (tenant_id, user_id, client_id)"
    " DO UPDATE SET scopes = $4, resources = $5, allowed = $6, updated_at = $7"
)
_DELETE_CONSENT: Final = Statement(
    "DELETE FROM oauth_consents WHERE tenant_id = $1 AND user_id = $2 AND client_id = $3"
)

_INSERT_CODE: Final = Statement(
    f"INSERT INTO oauth_codes (code_hash, {_CODE}, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
)
_MARK_CODE_USED: Final = Statement(
    "UPDATE oauth_codes SET used_at = $3"
    f" WHERE code_hash = $1 AND client_id = $2 AND used_at IS NULL AND expires_at > $3 RETURNING {_CODE}"
)
_FIND_USED_CODE: Final = Statement(
    f"SELECT {_CODE} FROM oauth_codes WHERE code_hash = $1 AND client_id = $2 AND used_at IS NOT NULL"
)


# Grants


async def insert_grant(tx: Transaction, grant: StoredGrant) -> None:
    """Store a new grant."""
    await tx.execute(
        _INSERT_GRANT,
        grant.id,
        grant.tenant_id,
        grant.mode,
        grant.client_id,
        grant.user_id,
        grant.session_id,
        _json(grant.scopes),
        _json(grant.resources),
        grant.authenticated_at_ms,
        grant.created_at_ms,
        grant.expires_at_ms,
    )


async def find_grant(reader: Reader, tenant_id: str, grant_id: str) -> GrantState | None:
    """Return a grant with what stands behind it now, in one consistent read, or None."""
    row = await reader.fetch_row(_FIND_GRANT, tenant_id, grant_id)
    if row is None:
        return None
    grant = _grant(row)
    if grant.hangs_on_session:
        # A session of which no row is left was over long ago.
        ends_at_ms = row[15] or 0
        grant = msgspec.structs.replace(grant, session_ends_at_ms=min(row[14] or ends_at_ms, ends_at_ms))
    return GrantState(grant=grant, user_disabled_at_ms=row[12], role=row[13])


async def end_grant(tx: Transaction, tenant_id: str, grant_id: str, now_ms: int) -> bool:
    """Mark a grant as ended; False when there is none or it had ended."""
    return await tx.execute(_END_GRANT, tenant_id, grant_id, now_ms) == 1


async def end_grants_of_consent(
    tx: Transaction, tenant_id: str, user_id: str, client_id: str, now_ms: int
) -> tuple[str, ...]:
    """Mark every grant of a user to a client as ended and return their ids."""
    rows = await tx.fetch_rows(_END_GRANTS_OF_CONSENT, tenant_id, user_id, client_id, now_ms)
    return tuple(row[0] for row in rows)


# Consents


async def find_consent(reader: Reader, tenant_id: str, user_id: str, client_id: str) -> Consent | None:
    """Return what a user allowed a client, or None."""
    row = await reader.fetch_row(_FIND_CONSENT, tenant_id, user_id, client_id)
    if row is None:
        return None
    scopes, resources = _texts(row[3]), _texts(row[4])
    allowed = msgspec.json.decode(row[5], type=dict[str, tuple[str, ...]])
    return Consent(
        tenant_id=row[0],
        user_id=row[1],
        client_id=row[2],
        scopes=scopes,
        resources=resources,
        # A row from before has none, and was given for every scope at every resource.
        allowed=allowed or dict.fromkeys(resources, scopes),
        created_at_ms=row[6],
        updated_at_ms=row[7],
    )


async def put_consent(tx: Transaction, consent: Consent) -> None:
    """Store a consent in place of an earlier one."""
    await tx.execute(
        _PUT_CONSENT,
        consent.tenant_id,
        consent.user_id,
        consent.client_id,
        _json(consent.scopes),
        _json(consent.resources),
        msgspec.json.encode(consent.allowed).decode(),
        consent.updated_at_ms,
    )


async def delete_consent(tx: Transaction, tenant_id: str, user_id: str, client_id: str) -> bool:
    """Forget a consent; False when there was none."""
    return await tx.execute(_DELETE_CONSENT, tenant_id, user_id, client_id) == 1


# Authorization codes


async def insert_code(tx: Transaction, code_hash: bytes, code: StoredCode, *, now_ms: int, expires_at_ms: int) -> None:
    """Store a new code as its hash."""
    await tx.execute(
        _INSERT_CODE,
        code_hash,
        code.grant_id,
        code.client_id,
        code.redirect_uri,
        code.code_challenge,
        code.nonce,
        code.jkt,
        now_ms,
        expires_at_ms,
    )


async def mark_code_used(tx: Transaction, code_hash: bytes, client_id: str, now_ms: int) -> StoredCode | None:
    """Use up a client's living code, if this caller is the first, and return what it stood for."""
    row = await tx.fetch_row(_MARK_CODE_USED, code_hash, client_id, now_ms)
    return None if row is None else _code(row)


async def find_used_code(tx: Transaction, code_hash: bytes, client_id: str) -> StoredCode | None:
    """Return what a client's code stood for that was used before, or None."""
    row = await tx.fetch_row(_FIND_USED_CODE, code_hash, client_id)
    return None if row is None else _code(row)


def _grant(row: Row) -> StoredGrant:
    return StoredGrant(
        id=row[0],
        tenant_id=row[1],
        mode=row[2],
        client_id=row[3],
        user_id=row[4],
        session_id=row[5],
        scopes=_texts(row[6]),
        resources=_texts(row[7]),
        authenticated_at_ms=row[8],
        created_at_ms=row[9],
        expires_at_ms=row[10],
        ended_at_ms=row[11],
    )


def _code(row: Row) -> StoredCode:
    return StoredCode(
        grant_id=row[0], client_id=row[1], redirect_uri=row[2], code_challenge=row[3], nonce=row[4], jkt=row[5]
    )


def _texts(text: str) -> tuple[str, ...]:
    return msgspec.json.decode(text, type=tuple[str, ...])


def _json(texts: tuple[str, ...]) -> str:
    return msgspec.json.encode(texts).decode()
