"""The SQL of device codes; a code is what finds its tenant, so the look-ups begin with what was presented."""

# ruff: noqa: S608 - what is put into a statement's text is a column list from this file, never a value

from __future__ import annotations

from typing import Final, Literal

import msgspec

from watchword.credentials.queries import Reader
from watchword.db.database import Row, Statement, Transaction

_CODE: Final = "device_code_hash, tenant_id, client_id, scopes, resources, interval_seconds, polled_at, decision, expires_at, used_at"
_INSERT: Final = Statement(
    "INSERT INTO oauth_device_codes (device_code_hash, user_code_hash, tenant_id, client_id, scopes, resources,"
    " interval_seconds, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
)
_FIND: Final = Statement(f"SELECT {_CODE} FROM oauth_device_codes WHERE device_code_hash = $1 AND client_id = $2")
_FIND_PENDING: Final = Statement(
    f"SELECT {_CODE} FROM oauth_device_codes WHERE user_code_hash = $1 AND decision IS NULL AND expires_at > $2"
)
_DECIDE: Final = Statement(
    "UPDATE oauth_device_codes SET decision = $2, grant_id = $3"
    " WHERE device_code_hash = $1 AND decision IS NULL AND expires_at > $4"
)
_MARK_POLLED: Final = Statement(
    "UPDATE oauth_device_codes SET polled_at = $2, interval_seconds = $3 WHERE device_code_hash = $1"
)
_MARK_SPENT: Final = Statement(
    "UPDATE oauth_device_codes SET used_at = $2"
    " WHERE device_code_hash = $1 AND used_at IS NULL AND decision = 'allowed' AND expires_at > $2 RETURNING grant_id"
)


class NewDeviceCode(msgspec.Struct, frozen=True, kw_only=True):
    """A device's codes to be stored, as hashes; times are Unix milliseconds."""

    device_code_hash: bytes
    user_code_hash: bytes
    tenant_id: str
    client_id: str
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    interval_seconds: int
    created_at_ms: int
    expires_at_ms: int


class StoredDeviceCode(msgspec.Struct, frozen=True, kw_only=True):
    """What a device waits for; ``decision`` is None until a person has decided."""

    device_code_hash: bytes
    tenant_id: str
    client_id: str
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    interval_seconds: int
    polled_at_ms: int | None
    decision: Literal["allowed", "denied"] | None
    expires_at_ms: int
    used_at_ms: int | None


async def insert_device_code(tx: Transaction, code: NewDeviceCode) -> None:
    """Store a device's codes.

    Raises:
        DuplicateError: the user code is taken.
    """
    await tx.execute(
        _INSERT,
        code.device_code_hash,
        code.user_code_hash,
        code.tenant_id,
        code.client_id,
        msgspec.json.encode(code.scopes).decode(),
        msgspec.json.encode(code.resources).decode(),
        code.interval_seconds,
        code.created_at_ms,
        code.expires_at_ms,
    )


async def find_device_code(reader: Reader, device_code_hash: bytes, client_id: str) -> StoredDeviceCode | None:
    """Return a client's device code, or None."""
    row = await reader.fetch_row(_FIND, device_code_hash, client_id)
    return None if row is None else _code(row)


async def find_pending(reader: Reader, user_code_hash: bytes, now_ms: int) -> StoredDeviceCode | None:
    """Return what waits behind a user code for a person to decide, or None."""
    row = await reader.fetch_row(_FIND_PENDING, user_code_hash, now_ms)
    return None if row is None else _code(row)


async def decide(
    tx: Transaction,
    device_code_hash: bytes,
    *,
    decision: Literal["allowed", "denied"],
    grant_id: str | None,
    now_ms: int,
) -> bool:
    """Store a decision, if it is the first and comes in time; False when not."""
    return await tx.execute(_DECIDE, device_code_hash, decision, grant_id, now_ms) == 1


async def mark_polled(tx: Transaction, device_code_hash: bytes, *, interval_seconds: int, now_ms: int) -> None:
    """Note when the device asked, and how long it has to wait from then on."""
    await tx.execute(_MARK_POLLED, device_code_hash, now_ms, interval_seconds)


async def mark_spent(tx: Transaction, device_code_hash: bytes, now_ms: int) -> str | None:
    """Use up an allowed code and return its grant, if this caller is the first."""
    row = await tx.fetch_row(_MARK_SPENT, device_code_hash, now_ms)
    return None if row is None else str(row[0])


def _code(row: Row) -> StoredDeviceCode:
    return StoredDeviceCode(
        device_code_hash=row[0],
        tenant_id=row[1],
        client_id=row[2],
        scopes=msgspec.json.decode(row[3], type=tuple[str, ...]),
        resources=msgspec.json.decode(row[4], type=tuple[str, ...]),
        interval_seconds=row[5],
        polled_at_ms=row[6],
        decision=row[7],
        expires_at_ms=row[8],
        used_at_ms=row[9],
    )
