"""A world to prove credentials in: a real database with tenants, users and keys, and all that proves them."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from support import START_MS, SetClock
from watchword.credentials.api_key import ApiKeyProver, KeyKind, KeyMode, hash_key, make_key
from watchword.credentials.compact_jws import encode_segment, sign_compact
from watchword.credentials.key_ring import KeyRing, SigningKey
from watchword.credentials.session_token import SESSION_TOKEN_TYPE, IssuedToken, SessionTokens
from watchword.credentials.verified import VerifiedCache
from watchword.db.database import Database, Statement, Transaction, Value
from watchword.db.generations import Generations
from watchword.errors import NotAuthenticatedError
from watchword.ids import make_id

MASTER_SECRET = b"m" * 32
ISSUER = "https://localhost:8443"
TTL_SECONDS = 604_800
GRACE_SECONDS = 30
ABSOLUTE_TTL_SECONDS = 2_592_000

Result = TypeVar("Result")
Run = Callable[[Coroutine[Any, Any, Result]], Result]

INSERT_TENANT = Statement(
    "INSERT INTO tenants (id, slug, name, plan, settings, created_at, updated_at) VALUES ($1, $2, $2, $3, $4, $5, $5)"
)
INSERT_USER = Statement("""
    INSERT INTO users (id, email, email_folded, name, password_hash, is_super_admin, created_at, updated_at)
    VALUES ($1, $2, $2, $3, '', $4, $5, $5)
""")
INSERT_MEMBERSHIP = Statement("INSERT INTO memberships (user_id, tenant_id, role, created_at) VALUES ($1, $2, $3, $4)")
INSERT_KEY = Statement("""
    INSERT INTO api_keys (id, tenant_id, kind, mode, name, key_hash, first_characters, last_characters, scopes,
        allowed_origins, allowed_networks, rate_limit_per_minute, created_by, created_at, updated_at, expires_at)
    VALUES ($1, $2, $3, $4, 'test', $5, $6, $7, $8, $9, $10, $11, 'usr_test', $12, $12, $13)
""")


class World:
    """One database, and one process's provers over it; ``prover`` makes those of another process."""

    def __init__(self, database: Database, generations: Generations, key_ring: KeyRing) -> None:
        self.database = database
        self.generations = generations
        self.key_ring = key_ring
        self.clock = SetClock()
        self.tokens = self.session_tokens()
        self.keys = ApiKeyProver(database, self.cache(), generations)
        self._made = 0

    @property
    def now_ms(self) -> int:
        return self.clock.now_ms()

    @property
    def signing_key(self) -> SigningKey:
        """The key that signs now."""
        return self.key_ring._seen.keys.signing_at(self.now_ms)

    def cache(self) -> VerifiedCache:
        return VerifiedCache(self.generations, entries_max=100)

    def session_tokens(
        self,
        *,
        issuer: str = ISSUER,
        ttl_seconds: int = TTL_SECONDS,
        grace_seconds: int = GRACE_SECONDS,
        absolute_ttl_seconds: int = ABSOLUTE_TTL_SECONDS,
        key_ring: KeyRing | None = None,
        database: Database | None = None,
    ) -> SessionTokens:
        return SessionTokens(
            database or self.database,
            self.generations,
            key_ring or self.key_ring,
            self.cache(),
            issuer=issuer,
            ttl_seconds=ttl_seconds,
            grace_seconds=grace_seconds,
            absolute_ttl_seconds=absolute_ttl_seconds,
        )

    async def change(self, text: str, *parameters: Value, withdraw: tuple[str, ...] = ()) -> int:
        """Run one change as another room would, naming what it withdraws."""

        async def work(tx: Transaction) -> int:
            tx.withdraw(*withdraw)
            return await tx.execute(Statement(text), *parameters)

        return await self.database.transaction(work)

    async def tenant(
        self,
        *,
        plan: str = "free",
        allowed_origins: tuple[str, ...] = (),
        requests_per_minute: int | None = None,
        requests_per_hour: int | None = None,
    ) -> str:
        tenant_id = make_id("tenant", START_MS)
        settings = msgspec.json.encode(
            {
                "allowed_origins": allowed_origins,
                "registration": True,
                "requests_per_minute": requests_per_minute,
                "requests_per_hour": requests_per_hour,
            }
        ).decode()
        await self._insert(INSERT_TENANT, tenant_id, tenant_id.replace("_", "-"), plan, settings, START_MS)
        return tenant_id

    async def user(self, *tenant_ids: str, role: str = "tenant-editor", is_super_admin: bool = False) -> str:
        user_id = make_id("user", START_MS)
        await self._insert(INSERT_USER, user_id, f"{user_id}@example.com", "Mina", int(is_super_admin), START_MS)
        for tenant_id in tenant_ids:
            await self.join(user_id, tenant_id, role)
        return user_id

    async def join(self, user_id: str, tenant_id: str, role: str = "tenant-editor") -> None:
        self._made += 1
        await self._insert(INSERT_MEMBERSHIP, user_id, tenant_id, role, START_MS + self._made)

    async def begin(self, user_id: str, tokens: SessionTokens | None = None) -> IssuedToken:
        async def work(tx: Transaction) -> IssuedToken:
            return await (tokens or self.tokens).begin(
                tx, user_id, now_ms=self.now_ms, address="192.0.2.1", user_agent="test"
            )

        return await self.database.transaction(work)

    async def end(self, session_id: str) -> bool:
        return await self.database.transaction(lambda tx: self.tokens.end(tx, session_id, self.now_ms))

    async def key(
        self,
        tenant_id: str,
        kind: KeyKind = "secret_key",
        mode: KeyMode = "live",
        *,
        text: str | None = None,
        scopes: tuple[str, ...] | None = None,
        allowed_origins: tuple[str, ...] = (),
        allowed_networks: tuple[str, ...] = (),
        rate_limit_per_minute: int | None = None,
        expires_at_ms: int | None = None,
    ) -> tuple[str, str]:
        """Store a key; return its id and text."""
        key_id = make_id("api_key", START_MS)
        text = text or make_key(kind, mode)
        await self._insert(
            INSERT_KEY,
            key_id,
            tenant_id,
            kind,
            mode,
            hash_key(text),
            text[:12],
            text[-4:],
            None if scopes is None else msgspec.json.encode(scopes).decode(),
            msgspec.json.encode(allowed_origins).decode(),
            msgspec.json.encode(allowed_networks).decode(),
            rate_limit_per_minute,
            START_MS,
            expires_at_ms,
        )
        return key_id, text

    async def _insert(self, statement: Statement, *parameters: Value) -> None:
        async def work(tx: Transaction) -> None:
            await tx.execute(statement, *parameters)

        await self.database.transaction(work)


def claims_of(token: str, world: World) -> dict[str, Any]:
    """Read a token's claims as joserfc does."""
    key = OctKey.import_key(world.signing_key.secret)
    return jwt.decode(token, key, algorithms=["HS256"]).claims


def signed(world: World, claims: object, **header: object) -> str:
    """Sign anything with the right key, under our header with changes."""
    key = world.signing_key
    members: dict[str, object] = {"alg": "HS256", "typ": SESSION_TOKEN_TYPE, "kid": key.id, **header}
    segment = encode_segment(json.dumps(members, separators=(",", ":")).encode())
    return sign_compact(json.dumps(claims).encode(), header=segment, secret=key.secret)


async def require_refused(tokens: SessionTokens, token: str, now_ms: int) -> None:
    """Require a token to be good for nothing."""
    with pytest.raises(NotAuthenticatedError):
        await tokens.prove(token, now_ms)
    with pytest.raises(NotAuthenticatedError):
        await tokens.refresh(token, now_ms)
