"""The SQL of clients that are named by the address of their metadata document."""

# ruff: noqa: S608 - what is put into a statement's text is a column list from this room, never a value

from __future__ import annotations

from typing import Final

from watchword.credentials.queries import Reader
from watchword.db.database import Statement, Transaction
from watchword.oauth.models import OAuthClient
from watchword.oauth.queries import CLIENT_COLUMNS, CLIENT_TABLES, client_of

_FIND: Final = Statement(
    f"SELECT {CLIENT_COLUMNS}, d.fetched_at, d.expires_at FROM {CLIENT_TABLES}"
    " JOIN oauth_client_documents d ON d.client_id = c.id WHERE d.tenant_id = $1 AND d.document_uri = $2"
)
_INSERT: Final = Statement(
    "INSERT INTO oauth_client_documents (tenant_id, document_uri, client_id, fetched_at, expires_at)"
    " VALUES ($1, $2, $3, $4, $5)"
)
_UPDATE: Final = Statement("UPDATE oauth_client_documents SET fetched_at = $2, expires_at = $3 WHERE client_id = $1")


class DocumentClient:
    """A client of a document, when that was fetched and until when it is believed."""

    __slots__ = ("client", "expires_at_ms", "fetched_at_ms")

    def __init__(self, client: OAuthClient, fetched_at_ms: int, expires_at_ms: int) -> None:
        self.client = client
        self.fetched_at_ms = fetched_at_ms
        self.expires_at_ms = expires_at_ms


async def find_document_client(reader: Reader, tenant_id: str, document_uri: str) -> DocumentClient | None:
    """Return the client that a document stands for in this tenant, or None."""
    row = await reader.fetch_row(_FIND, tenant_id, document_uri)
    return None if row is None else DocumentClient(client_of(row), row[-2], row[-1])


async def insert_document(
    tx: Transaction, tenant_id: str, document_uri: str, client_id: str, *, now_ms: int, expires_at_ms: int
) -> None:
    """Note that a client stands for a document.

    Raises:
        DuplicateError: another does already.
    """
    await tx.execute(_INSERT, tenant_id, document_uri, client_id, now_ms, expires_at_ms)


async def update_document(tx: Transaction, client_id: str, *, now_ms: int, expires_at_ms: int) -> None:
    """Note that a document was fetched again."""
    await tx.execute(_UPDATE, client_id, now_ms, expires_at_ms)
