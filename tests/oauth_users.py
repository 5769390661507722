"""Access tokens of users for tests: on a grant as a user would have given it, without the pages on the way."""

from __future__ import annotations

from hashlib import sha256

import msgspec

from watchword.credentials.access_token import AccessClaims, make_jti
from watchword.db.database import Statement, Transaction
from watchword.ids import make_id
from world import Api

_INSERT_GRANT = Statement(
    "INSERT INTO oauth_grants (id, tenant_id, mode, client_id, user_id, session_id, scopes, resources,"
    " authenticated_at, created_at, expires_at) VALUES ($1, $2, 'live', $3, $4, $5, $6, '[]', $7, $7, $8)"
)
_END_GRANT = Statement("UPDATE oauth_grants SET ended_at = $2 WHERE id = $1")
_DAY_MS = 86_400_000


class Granted(msgspec.Struct, frozen=True):
    """An access token, and the grant that it hangs on."""

    token: str
    grant_id: str

    @property
    def header(self) -> dict[str, str]:
        """Return the header that carries it."""
        return {"authorization": f"Bearer {self.token}"}


async def grant_to(
    api: Api,
    client_id: str,
    who: str,
    scopes: str,
    *,
    tenant: str = "a",
    audience: tuple[str, ...] | None = None,
    life_seconds: int = 600,
    session_id: str | None = None,
) -> Granted:
    """Let a user of the world allow a client some scopes, and return the access token that comes of it."""
    application, user_id = api.application, api.world.users[who]
    now_ms, tenant_id = application.clock.now_ms(), api.world.tenants[tenant]
    grant_id = make_id("grant", now_ms)
    stored_scopes = msgspec.json.encode(scopes.split()).decode()

    async def work(tx: Transaction) -> None:
        ends_at_ms = now_ms + _DAY_MS
        row = (grant_id, tenant_id, client_id, user_id, session_id, stored_scopes, now_ms, ends_at_ms)
        await tx.execute(_INSERT_GRANT, *row)

    await application.database.transaction(work)
    tokens = application._foundation.access_tokens
    url = application.settings.url
    claims = AccessClaims(
        iss=f"{url}/t/tenant-{tenant}",
        sub=user_id,
        aud=audience or (f"{url}/t/tenant-{tenant}/api",),
        client_id=client_id,
        jti=make_jti(),
        iat=now_ms // 1000,
        exp=now_ms // 1000 + life_seconds,
        scope=scopes,
        grant=grant_id,
        auth_time=now_ms // 1000,
    )
    return Granted(await tokens.sign(tenant_id, claims, algorithm="EdDSA", now_ms=now_ms), grant_id)


async def end_grant(api: Api, grant_id: str) -> None:
    """End a grant as its user does."""

    async def work(tx: Transaction) -> None:
        await tx.execute(_END_GRANT, grant_id, api.application.clock.now_ms())
        tx.withdraw(f"grant:{grant_id}")

    await api.application.database.transaction(work)


def stored_hash(token: str) -> bytes:
    """Return what is stored in place of a token or code."""
    return sha256(token.encode()).digest()
