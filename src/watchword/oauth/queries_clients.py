"""The SQL of managing OAuth clients and their secrets."""

# ruff: noqa: S608 - what is put into a statement's text is a column list from this file, never a value

from __future__ import annotations

from typing import Final

import msgspec

from watchword.callers.caller import Mode
from watchword.credentials.queries import Reader
from watchword.db.database import Statement, Transaction
from watchword.oauth.models import ClientSecret, OAuthClient
from watchword.oauth.queries import CLIENT_COLUMNS, CLIENT_TABLES, client_of

_SECRET: Final = "id, secret_hash, last_characters, created_at, expires_at"  # noqa: S105 - columns

_FIND_CLIENT: Final = Statement(
    f"SELECT {CLIENT_COLUMNS} FROM {CLIENT_TABLES} WHERE c.tenant_id = $1 AND c.id = $2",
)
_LIST_CLIENTS: Final = Statement(
    f"SELECT {CLIENT_COLUMNS} FROM {CLIENT_TABLES} WHERE c.tenant_id = $1 AND c.id > $2 ORDER BY c.id LIMIT $3"
)
_LIST_CLIENTS_OF_MODE: Final = Statement(
    f"SELECT {CLIENT_COLUMNS} FROM {CLIENT_TABLES} "
    "WHERE c.tenant_id = $1 AND c.mode = $4 AND c.id > $2 ORDER BY c.id LIMIT $3"
)
_LOCK_CLIENT: Final = Statement("UPDATE oauth_clients SET updated_at = $3 WHERE tenant_id = $1 AND id = $2")
_INSERT_CLIENT: Final = Statement(
    "INSERT INTO oauth_clients (id, tenant_id, mode, name, kind, source, grants, scopes, settings, created_at, "
    "updated_at, registration_hash, came_from) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
)
_UPDATE_CLIENT: Final = Statement(
    "UPDATE oauth_clients SET name = $3, grants = $4, scopes = $5, settings = $6, updated_at = $7, disabled_at = $8 "
    "WHERE tenant_id = $1 AND id = $2"
)
_DELETE_CLIENT: Final = Statement("DELETE FROM oauth_clients WHERE tenant_id = $1 AND id = $2")
_INSERT_SECRET: Final = Statement(
    "INSERT INTO oauth_client_secrets (id, client_id, secret_hash, last_characters, created_at, expires_at) "
    "VALUES ($1, $2, $3, $4, $5, $6)"
)
_END_SECRET: Final = Statement(
    "UPDATE oauth_client_secrets SET expires_at = $3 "
    f"WHERE client_id = $1 AND id = $2 AND (expires_at IS NULL OR expires_at > $3) RETURNING {_SECRET}"
)
_FIND_SECRET: Final = Statement(f"SELECT {_SECRET} FROM oauth_client_secrets WHERE client_id = $1 AND id = $2")
_DELETE_ENDED_SECRETS: Final = Statement(
    "DELETE FROM oauth_client_secrets WHERE client_id = $1 AND expires_at < $2",
)


async def find_client(reader: Reader, tenant_id: str, client_id: str) -> OAuthClient | None:
    """Return a client of this tenant, or None."""
    row = await reader.fetch_row(_FIND_CLIENT, tenant_id, client_id)
    return None if row is None else client_of(row)


async def list_clients(
    reader: Reader, tenant_id: str, *, mode: Mode | None, after: str, limit: int
) -> list[OAuthClient]:
    """Return clients of this tenant in the order of their ids, of one mode or both, disabled ones too."""
    if mode is None:
        rows = await reader.fetch_rows(_LIST_CLIENTS, tenant_id, after, limit)
    else:
        rows = await reader.fetch_rows(_LIST_CLIENTS_OF_MODE, tenant_id, after, limit, mode)
    return [client_of(row) for row in rows]


async def lock_client(tx: Transaction, tenant_id: str, client_id: str, now_ms: int) -> OAuthClient | None:
    """Return a client of this tenant and make other changes of it wait; None without such a client.

    A change of the row, not only a lock on it: so it holds at every isolation level of PostgreSQL.
    """
    await tx.execute(_LOCK_CLIENT, tenant_id, client_id, now_ms)
    return await find_client(tx, tenant_id, client_id)


async def insert_client(
    tx: Transaction, client: OAuthClient, *, registration_hash: bytes | None = None, came_from: str | None = None
) -> None:
    """Store a new client.

    ``registration_hash`` is that of the token by which it manages itself (RFC 7592 §3); ``came_from`` is the network that
    one came from which nobody has asked in.
    """
    await tx.execute(
        _INSERT_CLIENT,
        client.id,
        client.tenant_id,
        client.mode,
        client.name,
        client.kind,
        client.source,
        _text(client.grants),
        None if client.scopes is None else _text(client.scopes),
        msgspec.json.encode(client.settings).decode(),
        client.created_at_ms,
        client.updated_at_ms,
        registration_hash,
        came_from,
    )


async def update_client(tx: Transaction, client: OAuthClient) -> None:
    """Store what may change of a client."""
    await tx.execute(
        _UPDATE_CLIENT,
        client.tenant_id,
        client.id,
        client.name,
        _text(client.grants),
        None if client.scopes is None else _text(client.scopes),
        msgspec.json.encode(client.settings).decode(),
        client.updated_at_ms,
        client.disabled_at_ms,
    )


async def delete_client(tx: Transaction, tenant_id: str, client_id: str) -> bool:
    """Delete a client with all its secrets, grants, codes and tokens; False without such a client."""
    return await tx.execute(_DELETE_CLIENT, tenant_id, client_id) > 0


async def insert_secret(tx: Transaction, client_id: str, secret: ClientSecret) -> None:
    """Store a new secret of a client."""
    await tx.execute(
        _INSERT_SECRET,
        secret.id,
        client_id,
        secret.secret_hash,
        secret.last_characters,
        secret.created_at_ms,
        secret.expires_at_ms,
    )


async def end_secret(tx: Transaction, client_id: str, secret_id: str, ends_at_ms: int) -> ClientSecret | None:
    """Give a secret an end and return it; None, and nothing changed, when it has an earlier one or is not there."""
    row = await tx.fetch_row(_END_SECRET, client_id, secret_id, ends_at_ms)
    return None if row is None else ClientSecret(*row)


async def find_secret(reader: Reader, client_id: str, secret_id: str) -> ClientSecret | None:
    """Return a secret of this client, ended or not, or None."""
    row = await reader.fetch_row(_FIND_SECRET, client_id, secret_id)
    return None if row is None else ClientSecret(*row)


async def delete_ended_secrets(tx: Transaction, client_id: str, before_ms: int) -> None:
    """Delete the secrets of a client that ended before a time."""
    await tx.execute(_DELETE_ENDED_SECRETS, client_id, before_ms)


def _text(texts: tuple[str, ...]) -> str:
    return msgspec.json.encode(texts).decode()
