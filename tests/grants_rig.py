"""OAuth clients for tests, made straight in a real database, and a small tenancy whose people allow them things."""

from __future__ import annotations

from typing import Any

import msgspec

from oauth_world import store_client
from support import START_MS
from tenancy import make_member, make_tenant
from watchword.callers.caller import Mode
from watchword.db.database import Database, Statement, Transaction, Value
from watchword.db.generations import EVERYTHING
from watchword.ids import make_id
from watchword.oauth.authorization_codes import AuthorizationCodes, Authorized
from watchword.oauth.grants import Grants
from watchword.oauth.models import ClientKind, ClientSettings, OAuthClient, StoredGrant
from watchword.oauth.pkce import make_code_challenge
from watchword.oauth.queries import find_client_by_id

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
"""The verifier of RFC 7636's appendix B."""

CALLBACK = "https://client.example/callback"
GRANTS = ("client_credentials", "authorization_code", "refresh_token")
API = "https://localhost:8443/t/acme/api"


async def make_client(
    database: Database,
    tenant_id: str,
    *,
    kind: ClientKind = "confidential",
    mode: Mode = "live",
    grants: tuple[str, ...] = GRANTS,
    scopes: tuple[str, ...] | None = None,
    **settings: Any,  # noqa: ANN401 - the fields of ClientSettings
) -> OAuthClient:
    """Store a client and return it."""
    client_id = await store_client(
        database,
        tenant_id,
        mode=mode,
        kind=kind,
        grants=grants,
        scopes=scopes,
        settings=ClientSettings(redirect_uris=(CALLBACK,), **settings),
        now_ms=START_MS,
    )
    client = await find_client_by_id(database, client_id)
    assert client is not None
    return client


async def change(database: Database, statement: str, *values: Value) -> None:
    """Change what stands behind a grant, as another room or process would; nothing remembered outlives it."""

    async def work(tx: Transaction) -> None:
        await tx.execute(Statement(statement), *values)
        tx.withdraw(EVERYTHING)

    await database.transaction(work)


class GrantsRig:
    """A tenant with a member and clients, and what makes grants and codes."""

    tenant_id: str
    user_id: str
    client: OAuthClient
    other_client: OAuthClient

    def __init__(self, database: Database) -> None:
        self.database = database
        self.grants = Grants(database)
        self.codes = AuthorizationCodes(database, self.grants)

    @classmethod
    async def build(cls, database: Database) -> GrantsRig:
        """Fill an empty database."""
        rig = cls(database)
        tenant = await make_tenant(database)
        rig.tenant_id = tenant.id
        rig.user_id = await make_member(database, tenant, "ann@example.com", "tenant-editor")
        rig.client = await make_client(database, tenant.id)
        rig.other_client = await make_client(database, tenant.id)
        return rig

    def authorized(self, **changes: object) -> Authorized:
        """Return what the member has just allowed the client."""
        authorized = Authorized(
            user_id=self.user_id,
            session_id=None,
            scopes=("openid", "products:read"),
            resources=(API,),
            authenticated_at_ms=START_MS,
            redirect_uri=CALLBACK,
            code_challenge=make_code_challenge(VERIFIER),
        )
        return msgspec.structs.replace(authorized, **changes)

    async def add_session(self, *, user_id: str | None = None, ends_at_ms: int = START_MS + 86_400_000) -> str:
        """Store a session of the member, or of another user, and return its id."""
        session_id = make_id("session", START_MS)
        await change(
            self.database,
            "INSERT INTO sessions (id, sid_hash, user_id, current_jti, current_issued_at, current_expires_at, address,"
            " user_agent, created_at, refreshed_at, expires_at) VALUES ($1, $2, $3, '', $4, $5, '', '', $4, $4, $5)",
            session_id,
            session_id.encode(),
            user_id or self.user_id,
            START_MS,
            ends_at_ms,
        )
        return session_id

    async def start(self, client: OAuthClient | None = None, **changes: object) -> StoredGrant:
        """Start a grant of the member."""
        given: dict[str, Any] = {
            "user_id": self.user_id,
            "session_id": None,
            "scopes": ("openid", "products:read"),
            "resources": (API,),
            "authenticated_at_ms": START_MS,
            "now_ms": START_MS,
            **changes,
        }
        return await self.database.transaction(lambda tx: self.grants.start(tx, client or self.client, **given))
