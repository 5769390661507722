"""The SQL of clients that registered by themselves."""

# ruff: noqa: S608 - what is put into a statement's text is a column list from this room, never a value

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from watchword.credentials.queries import Reader
from watchword.db.database import Database, Row, Statement, Transaction
from watchword.oauth.models import ClientSource, OAuthClient
from watchword.oauth.queries import CLIENT_COLUMNS, CLIENT_TABLES, client_of

_UNUSED: Final = (
    "c.disabled_at IS NULL AND c.scopes IS NULL AND NOT EXISTS (SELECT 1 FROM oauth_grants g WHERE g.client_id = c.id)"
)
"""What an administrator disabled, or bounded by scopes, stays: it would come back by itself without that."""

_FIND: Final = Statement(
    f"SELECT {CLIENT_COLUMNS}, c.registration_hash FROM {CLIENT_TABLES} WHERE c.id = $1 AND c.source = 'registration'"
)
_COUNT_UNUSED: Final = Statement(
    f"SELECT count(*) FROM oauth_clients c WHERE c.tenant_id = $1 AND c.source = $2 AND {_UNUSED}"
)
_DELETE_UNUSED: Final = Statement(
    "DELETE FROM oauth_clients WHERE id IN (SELECT c.id FROM oauth_clients c"
    f" WHERE c.source <> 'administrator' AND c.updated_at < $1 AND {_UNUSED} LIMIT $2) RETURNING id"
)

_DELETE_UNUSED_OF: Final = Statement(
    "DELETE FROM oauth_clients WHERE id IN (SELECT c.id FROM oauth_clients c"
    f" WHERE c.tenant_id = $1 AND c.source = $2 AND c.updated_at < $3 AND {_UNUSED} LIMIT $4) RETURNING id"
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


async def count_unused(reader: Reader, tenant_id: str, source: ClientSource) -> int:
    """Return how many clients of this kind nobody has allowed anything yet."""
    row = await reader.fetch_row(_COUNT_UNUSED, tenant_id, source)
    return 0 if row is None else int(row[0])


async def delete_unused_of(tx: Transaction, tenant_id: str, source: ClientSource, before_ms: int) -> int:
    """Delete some such clients of a tenant that were not touched since; return how many."""
    return _withdraw(tx, await tx.fetch_rows(_DELETE_UNUSED_OF, tenant_id, source, before_ms, _AT_ONCE))


async def prune_unused_clients(database: Database, before_ms: int) -> int:
    """Delete clients that came by themselves, were not touched since, and have nothing from anybody; return how many."""

    async def step(tx: Transaction) -> int:
        return _withdraw(tx, await tx.fetch_rows(_DELETE_UNUSED, before_ms, _AT_ONCE))

    total = 0
    while deleted := await database.transaction(step):
        total += deleted
    return total


def _withdraw(tx: Transaction, deleted: Sequence[Row]) -> int:
    """Have deleted clients forgotten wherever they were proved a moment ago; return how many they are."""
    tx.withdraw(*(f"client:{row[0]}" for row in deleted))
    return len(deleted)
