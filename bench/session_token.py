"""How long it takes to prove or refuse a credential, in microseconds: ``python bench/session_token.py``.

Fresh means signature and database; remembered means proved before and not withdrawn. Each figure is the best of
several rounds on one SQLite file, less what calling an empty coroutine costs; the ratio to SHA-256 of 1 KiB makes
machines alike.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from watchword.credentials.api_key import ApiKeyProver, hash_key, make_key
from watchword.credentials.key_ring import KeyRing
from watchword.credentials.session_token import IssuedToken, SessionTokens
from watchword.credentials.verified import VerifiedCache
from watchword.db.database import Statement, Transaction
from watchword.db.generations import Generations
from watchword.db.migrate import migrate
from watchword.db.sqlite import SqliteDatabase
from watchword.errors import WatchwordError

NOW_MS = 1_767_780_000_000
ROUNDS = 15
CALLS = 2000

SETUP = (
    Statement(
        "INSERT INTO tenants (id, slug, name, plan, settings, created_at, updated_at)"
        " VALUES ('ten_1', 'demo', 'Demo', 'free', '{}', 1, 1)"
    ),
    Statement(
        "INSERT INTO users (id, email, email_folded, name, password_hash, is_super_admin, created_at, updated_at)"
        " VALUES ('usr_1', 'mina@example.com', 'mina@example.com', 'Mina', '', 0, 1, 1)"
    ),
    Statement(
        "INSERT INTO memberships (user_id, tenant_id, role, created_at) VALUES ('usr_1', 'ten_1', 'tenant-admin', 1)"
    ),
)
INSERT_KEY = Statement(
    "INSERT INTO api_keys (id, tenant_id, kind, mode, name, key_hash, first_characters, last_characters,"
    " allowed_origins, allowed_networks, created_by, created_at, updated_at)"
    " VALUES ('key_1', 'ten_1', 'secret_key', 'live', 'bench', $1, '', '', '[]', '[]', 'usr_1', 1, 1)"
)


async def main() -> None:
    """Build a small installation, measure and print."""
    with tempfile.TemporaryDirectory() as directory:
        generations = Generations(Path(directory) / "generations")
        database = SqliteDatabase(Path(directory) / "main.db", generations=generations, synchronous="OFF")
        await migrate(database, "main")
        key = make_key("secret_key", "live")

        async def set_up(tx: Transaction) -> None:
            for statement in SETUP:
                await tx.execute(statement)
            await tx.execute(INSERT_KEY, hash_key(key))

        await database.transaction(set_up)
        tokens, forgetful = await _session_tokens(database, generations)
        issued: IssuedToken = await database.transaction(
            lambda tx: tokens.begin(tx, "usr_1", now_ms=NOW_MS, address="192.0.2.1", user_agent="bench")
        )
        keys = ApiKeyProver(database, VerifiedCache(generations, entries_max=100), generations)
        forgetful_keys = ApiKeyProver(database, _nothing_remembered(generations), generations)
        token, forged = issued.token, issued.token[:-2] + "AA"
        unknown, mistyped = make_key("secret_key", "live"), key[:-1] + ("0" if key[-1] != "0" else "1")
        empty = await _microseconds(_nothing)
        unit = await _microseconds(_hash_kib) - empty
        for name, call in (
            ("session token, remembered", lambda: tokens.prove(token, NOW_MS)),
            ("session token, fresh", lambda: forgetful.prove(token, NOW_MS)),
            ("session token, signature and claims only", lambda: _signature_only(forgetful, token)),
            ("session token, expired and remembered", lambda: tokens.prove(token, issued.expires_at_s * 1000)),
            ("session token, forged", lambda: tokens.prove(forged, NOW_MS)),
            ("session token, other header", lambda: tokens.prove("eyJhbGciOiJub25lIn0" + token[19:], NOW_MS)),
            ("API key, remembered", lambda: keys.prove(key, NOW_MS)),
            ("API key, fresh", lambda: forgetful_keys.prove(key, NOW_MS)),
            ("API key, unknown", lambda: keys.prove(unknown, NOW_MS)),
            ("API key, mistyped", lambda: keys.prove(mistyped, NOW_MS)),
        ):
            figure = await _microseconds(call) - empty
            sys.stdout.write(f"{name:45} {figure:8.2f} us {figure / unit:8.1f} x SHA-256 of 1 KiB\n")
        await database.close()
        generations.close()


async def _session_tokens(database: SqliteDatabase, generations: Generations) -> tuple[SessionTokens, SessionTokens]:
    """Make two provers, one that remembers and one that does not."""
    key_ring = await KeyRing.open(database, generations, b"m" * 32, NOW_MS)
    remembering, forgetful = (
        SessionTokens(
            database,
            generations,
            key_ring,
            cache,
            issuer="https://localhost:8443",
            ttl_seconds=604_800,
            absolute_ttl_seconds=2_592_000,
        )
        for cache in (VerifiedCache(generations, entries_max=100), _nothing_remembered(generations))
    )
    return remembering, forgetful


class _NothingRemembered(VerifiedCache):
    """A cache that keeps what it is given and never finds it, so that each proof is fresh and pays for keeping."""

    def find(self, digest: bytes, kind: type[object]) -> None:
        """Find nothing."""


def _nothing_remembered(generations: Generations) -> VerifiedCache:
    return _NothingRemembered(generations, entries_max=100)


async def _signature_only(tokens: SessionTokens, token: str) -> None:
    tokens._require_claims(token.encode(), NOW_MS)  # noqa: SLF001 - the part without the database


async def _nothing() -> None:
    """Do nothing."""


async def _hash_kib() -> None:
    sha256(b"x" * 1024).digest()


async def _microseconds(call: Callable[[], Awaitable[object]]) -> float:
    rounds = []
    for _ in range(ROUNDS):
        begin = time.perf_counter_ns()
        for _ in range(CALLS):
            with suppress(WatchwordError):
                await call()
        rounds.append((time.perf_counter_ns() - begin) / CALLS / 1000)
    return min(rounds)


if __name__ == "__main__":
    asyncio.run(main())
