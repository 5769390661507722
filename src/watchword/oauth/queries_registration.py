"""The SQL of clients that registered by themselves."""

# ruff: noqa: S608 - what is put into a statement's text is a column list from this room, never a value

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from watchword.credentials.queries import Reader
from watchword.db.database import Database, Row, Statement, Transaction
from watchword.oauth.models import ClientSource, OAuthClient
from watchword.oauth.queries import CLIENT_COLUMNS, CLIENT_TABLES, client_of

_USED: Final = (
    "(EXISTS (SELECT 1 FROM oauth_grants g WHERE g.client_id = c.id)"
    " OR EXISTS (SELECT 1 FROM oauth_consents s WHERE s.client_id = c.id))"
)
_UNUSED: Final = f"c.disabled_at IS NULL AND c.scopes IS NULL AND NOT {_USED}"
"""What an administrator disabled, or bounded by scopes, stays: it would come back by itself without that."""

_FIND: Final = Statement(
    f"SELECT {CLIENT_COLUMNS}, c.registration_hash FROM {CLIENT_TABLES} WHERE c.id = $1 AND c.source = 'registration'"
)
_PENDING: Final = (
    "(EXISTS (SELECT 1 FROM oauth_requests r WHERE r.client_id = c.id AND r.used_at IS NULL AND r.expires_at > {now})"
    " OR EXISTS (SELECT 1 FROM oauth_device_codes d WHERE d.client_id = c.id AND d.expires_at > {now}))"
)
"""Somebody is being asked about the client, or was sent to be."""

_LIST_WAITING: Final = Statement(
    f"SELECT c.id, c.came_from, {_PENDING.format(now='$3')} FROM oauth_clients c"
    f" WHERE c.tenant_id = $1 AND c.source = $2 AND c.came_from IS NOT NULL AND {_UNUSED} ORDER BY c.created_at, c.id"
)
_LOCK: Final = "SELECT id FROM oauth_clients WHERE id = $1"
_LOCK_AGAINST_USE: Final = Statement(f"{_LOCK} FOR UPDATE", sqlite=_LOCK)
"""Whatever names the client as its own waits for this, and this for what has just named it."""

_DELETE_WAITING: Final = Statement(
    "DELETE FROM oauth_clients WHERE id IN (SELECT c.id FROM oauth_clients c"
    f" WHERE c.id = $1 AND {_UNUSED} AND NOT {_PENDING.format(now='$2')}) RETURNING id"
)
_DELETE_UNUSED: Final = Statement(
    "DELETE FROM oauth_clients WHERE id IN (SELECT c.id FROM oauth_clients c WHERE c.source <> 'administrator'"
    f" AND c.updated_at < $1 AND {_UNUSED} AND NOT {_PENDING.format(now='$3')} LIMIT $2) RETURNING id"
)
_FORGET_ORIGINS: Final = Statement(
    f"UPDATE oauth_clients AS c SET came_from = NULL WHERE c.came_from IS NOT NULL AND {_USED}"
)

_AT_ONCE: Final = 200


class Registration:
    """A registered client, and the hash of the token by which it manages itself."""

    __slots__ = ("client", "token_hash")

    def __init__(self, client: OAuthClient, token_hash: bytes | None) -> None:
        self.client = client
        self.token_hash = token_hash


async def find_registration(reader: Reader, client_id: str) -> Registration | None:
    """Return a client that registered by itself, or None."""
    row = await reader.fetch_row(_FIND, client_id)
    return None if row is None else Registration(client_of(row), row[-1])


async def list_waiting(
    reader: Reader, tenant_id: str, source: ClientSource, now_ms: int
) -> list[tuple[str, str, bool]]:
    """Return the clients that nobody has allowed anything yet, where from and whether somebody is asked; oldest first."""
    rows = await reader.fetch_rows(_LIST_WAITING, tenant_id, source, now_ms)
    return [(row[0], row[1], bool(row[2])) for row in rows]


async def delete_waiting(tx: Transaction, client_id: str, now_ms: int) -> bool:
    """Delete such a client, if nobody uses it or is being asked about it now."""
    await tx.fetch_row(_LOCK_AGAINST_USE, client_id)
    return _withdraw(tx, await tx.fetch_rows(_DELETE_WAITING, client_id, now_ms)) > 0


async def forget_origins(database: Database) -> None:
    """Forget where clients came from that somebody uses."""
    await database.transaction(lambda tx: tx.execute(_FORGET_ORIGINS))


async def prune_unused_clients(database: Database, before_ms: int, now_ms: int) -> int:
    """Delete clients that came by themselves, were not touched since, and have nothing from anybody; return how many."""

    async def step(tx: Transaction) -> int:
        return _withdraw(tx, await tx.fetch_rows(_DELETE_UNUSED, before_ms, _AT_ONCE, now_ms))

    total = 0
    while deleted := await database.transaction(step):
        total += deleted
    return total


def _withdraw(tx: Transaction, deleted: Sequence[Row]) -> int:
    """Have deleted clients forgotten wherever they were proved a moment ago; return how many they are."""
    tx.withdraw(*(f"client:{row[0]}" for row in deleted))
    return len(deleted)
