"""OAuth clients for tests: stored as the product stores them, with a secret that the test knows."""

from __future__ import annotations

import base64

import msgspec

from watchword.app import Application
from watchword.credentials.client_secret import hash_client_secret
from watchword.db.database import Database, Statement, Transaction
from watchword.ids import make_id
from watchword.oauth.models import ClientSettings

SECRET = "a-secret-of-forty-three-characters-made-up1"

_INSERT_CLIENT = Statement(
    "INSERT INTO oauth_clients (id, tenant_id, mode, name, kind, grants, scopes, settings, created_at, updated_at)"
    " VALUES ($1, $2, $3, 'Test', $4, $5, $6, $7, $8, $8)"
)
_INSERT_SECRET = Statement(
    "INSERT INTO oauth_client_secrets (id, client_id, secret_hash, last_characters, created_at, expires_at)"
    " VALUES ($1, $2, $3, $4, $5, $6)"
)
_DISABLE = Statement("UPDATE oauth_clients SET disabled_at = 1 WHERE id = $1")


async def add_client(
    application: Application,
    tenant_id: str,
    *,
    mode: str = "live",
    kind: str = "confidential",
    grants: tuple[str, ...] = ("client_credentials",),
    scopes: tuple[str, ...] | None = None,
    settings: ClientSettings | None = None,
    secret_expires_at_ms: int | None = None,
) -> str:
    """Store a client and return its id; a confidential one has ``SECRET``."""
    return await store_client(
        application.database,
        tenant_id,
        mode=mode,
        kind=kind,
        grants=grants,
        scopes=scopes,
        settings=settings,
        secret_expires_at_ms=secret_expires_at_ms,
        now_ms=application.clock.now_ms(),
    )


async def store_client(
    database: Database,
    tenant_id: str,
    *,
    mode: str = "live",
    kind: str = "confidential",
    grants: tuple[str, ...],
    scopes: tuple[str, ...] | None = None,
    settings: ClientSettings | None = None,
    secret_expires_at_ms: int | None = None,
    now_ms: int,
) -> str:
    """Store a client in a database and return its id; a confidential one has ``SECRET``."""
    client_id = make_id("oauth_client", now_ms)

    async def work(tx: Transaction) -> None:
        await tx.execute(
            _INSERT_CLIENT,
            client_id,
            tenant_id,
            mode,
            kind,
            msgspec.json.encode(grants).decode(),
            None if scopes is None else msgspec.json.encode(scopes).decode(),
            msgspec.json.encode(settings or ClientSettings()).decode(),
            now_ms,
        )
        if kind == "confidential":
            secret_id = make_id("client_secret", now_ms)
            await tx.execute(
                _INSERT_SECRET,
                secret_id,
                client_id,
                hash_client_secret(SECRET),
                SECRET[-4:],
                now_ms,
                secret_expires_at_ms,
            )

    await database.transaction(work)
    return client_id


async def disable_client(application: Application, client_id: str) -> None:
    """Disable a client as an administrator does."""

    async def work(tx: Transaction) -> None:
        await tx.execute(_DISABLE, client_id)
        tx.withdraw(f"client:{client_id}")

    await application.database.transaction(work)


def basic(client_id: str, secret: str = SECRET) -> dict[str, str]:
    """Return the header by which a client proves itself (RFC 6749 §2.3.1)."""
    return {"authorization": f"Basic {base64.b64encode(f'{client_id}:{secret}'.encode()).decode()}"}
