"""The SQL of API keys, and the rows under their names."""

# ruff: noqa: S608 - what is put into a statement's text is a column list from this file, never a value

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import msgspec

from watchword.api_keys.models import ApiKey
from watchword.callers.caller import Mode
from watchword.db.database import Database, Row, Statement, Transaction, Value


class Reader(Protocol):
    """What reads by key: a database, or a transaction that sees its own changes."""

    async def fetch_row(self, statement: Statement, *parameters: Value) -> Row | None:
        """Return the first row, or None."""
        ...

    async def fetch_rows(self, statement: Statement, *parameters: Value) -> Sequence[Row]:
        """Return all rows."""
        ...


_KEY: Final = (
    "id, tenant_id, kind, mode, name, first_characters, last_characters, scopes, allowed_origins, allowed_networks, "
    "rate_limit_per_minute, created_by, created_at, updated_at, expires_at, disabled_at, revoked_at, rotated_to, "
    "dpop_jkt"
)

_FIND_KEY: Final = Statement(f"SELECT {_KEY} FROM api_keys WHERE tenant_id = $1 AND id = $2")
_LIST_KEYS: Final = Statement(f"SELECT {_KEY} FROM api_keys WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3")
_LIST_KEYS_OF_MODE: Final = Statement(
    f"SELECT {_KEY} FROM api_keys WHERE tenant_id = $1 AND mode = $4 AND id > $2 ORDER BY id LIMIT $3"
)
_LOCK_KEY: Final = Statement(f"UPDATE api_keys SET updated_at = $3 WHERE tenant_id = $1 AND id = $2 RETURNING {_KEY}")
_INSERT_KEY: Final = Statement(
    "INSERT INTO api_keys (id, tenant_id, kind, mode, name, first_characters, last_characters, scopes, "
    "allowed_origins, allowed_networks, rate_limit_per_minute, created_by, created_at, updated_at, expires_at, "
    "dpop_jkt, key_hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
)
_UPDATE_KEY: Final = Statement(
    "UPDATE api_keys SET name = $3, scopes = $4, allowed_origins = $5, allowed_networks = $6, "
    "rate_limit_per_minute = $7, updated_at = $8, expires_at = $9, disabled_at = $10, revoked_at = $11, "
    "rotated_to = $12 WHERE tenant_id = $1 AND id = $2"
)
_REVOKE_BY_HASH: Final = Statement(
    "UPDATE api_keys SET revoked_at = $2, updated_at = $2 WHERE key_hash = $1 AND kind = 'secret_key' "
    f"AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2) RETURNING {_KEY}"
)
_LIST_LAST_USED: Final = Statement(
    "SELECT credential_id, last_used_at FROM credential_usage "
    "WHERE credential_id = ANY (ARRAY(SELECT json_array_elements_text($1::json)))",
    sqlite="SELECT credential_id, last_used_at FROM credential_usage "
    "WHERE credential_id IN (SELECT value FROM json_each($1))",
)


async def find_key(reader: Reader, tenant_id: str, key_id: str) -> ApiKey | None:
    """Return a key of this tenant, or None."""
    row = await reader.fetch_row(_FIND_KEY, tenant_id, key_id)
    return None if row is None else _api_key(row)


async def list_keys(reader: Reader, tenant_id: str, *, mode: Mode | None, after: str, limit: int) -> list[ApiKey]:
    """Return keys of this tenant in the order of their ids, of one mode or both, revoked ones too."""
    if mode is None:
        rows = await reader.fetch_rows(_LIST_KEYS, tenant_id, after, limit)
    else:
        rows = await reader.fetch_rows(_LIST_KEYS_OF_MODE, tenant_id, after, limit, mode)
    return [_api_key(row) for row in rows]


async def lock_key(transaction: Transaction, tenant_id: str, key_id: str, now_ms: int) -> ApiKey | None:
    """Return a key of this tenant and make other changes of it wait; None without such a key.

    A change of the row, not only a lock on it: so it holds at every isolation level of PostgreSQL.
    """
    row = await transaction.fetch_row(_LOCK_KEY, tenant_id, key_id, now_ms)
    return None if row is None else _api_key(row)


async def insert_key(transaction: Transaction, key: ApiKey, key_hash: bytes) -> None:
    """Store a new key with the hash of its text."""
    await transaction.execute(
        _INSERT_KEY,
        key.id,
        key.tenant_id,
        key.kind,
        key.mode,
        key.name,
        key.first_characters,
        key.last_characters,
        None if key.scopes is None else _text(key.scopes),
        _text(key.allowed_origins),
        _text(key.allowed_networks),
        key.rate_limit_per_minute,
        key.created_by,
        key.created_at_ms,
        key.updated_at_ms,
        key.expires_at_ms,
        key.dpop_jkt,
        key_hash,
    )


async def update_key(transaction: Transaction, key: ApiKey) -> None:
    """Store what may change of a key."""
    await transaction.execute(
        _UPDATE_KEY,
        key.tenant_id,
        key.id,
        key.name,
        None if key.scopes is None else _text(key.scopes),
        _text(key.allowed_origins),
        _text(key.allowed_networks),
        key.rate_limit_per_minute,
        key.updated_at_ms,
        key.expires_at_ms,
        key.disabled_at_ms,
        key.revoked_at_ms,
        key.rotated_to,
    )


async def revoke_secret_key_by_hash(transaction: Transaction, key_hash: bytes, now_ms: int) -> ApiKey | None:
    """Revoke the living secret key of a hash, whatever its tenant, and return it; None when there is none."""
    row = await transaction.fetch_row(_REVOKE_BY_HASH, key_hash, now_ms)
    return None if row is None else _api_key(row)


async def list_last_used(bookkeeping: Database, key_ids: Iterable[str]) -> dict[str, int]:
    """Return when each of these keys was last used, in Unix milliseconds, without those never used."""
    rows = await bookkeeping.fetch_rows(_LIST_LAST_USED, _text(tuple(key_ids)))
    return {row[0]: row[1] for row in rows}


def _text(texts: tuple[str, ...]) -> str:
    return msgspec.json.encode(texts).decode()


def _texts(text: str) -> tuple[str, ...]:
    return msgspec.json.decode(text, type=tuple[str, ...])


def _api_key(row: Row) -> ApiKey:
    return ApiKey(
        id=row[0],
        tenant_id=row[1],
        kind=row[2],
        mode=row[3],
        name=row[4],
        first_characters=row[5],
        last_characters=row[6],
        scopes=None if row[7] is None else _texts(row[7]),
        allowed_origins=_texts(row[8]),
        allowed_networks=_texts(row[9]),
        rate_limit_per_minute=row[10],
        created_by=row[11],
        created_at_ms=row[12],
        updated_at_ms=row[13],
        expires_at_ms=row[14],
        disabled_at_ms=row[15],
        revoked_at_ms=row[16],
        rotated_to=row[17],
        dpop_jkt=row[18],
    )
