"""Of OAuth's tables, what nobody may use any more is deleted, and nothing else; with the exact edge of each."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from support import START_MS
from watchword.credentials.expired import KEPT_MS, prune_grants, prune_proofs
from watchword.db.database import Database, Statement, Transaction, Value

pytestmark = pytest.mark.anyio

LATER = START_MS + 10**10
HOUR_MS = 3_600_000

TABLES: dict[str, tuple[str, dict[str, Value], int]] = {
    # Name of the key, what else a row must hold, and how long it is kept beyond its end.
    "oauth_requests": (
        "request_hash", {"purpose": "pushed", "tenant_id": "ten_1", "client_id": "cli_1", "parameters": "{}"}, 0,
    ),
    "oauth_codes": ("code_hash", {"grant_id": "grt_1", "client_id": "cli_1", "used_at": 1}, KEPT_MS),
    "oauth_device_codes": (
        "device_code_hash",
        {
            "user_code_hash": None, "tenant_id": "ten_1", "client_id": "cli_1", "scopes": "[]", "resources": "[]",
            "interval_seconds": 5,
        },
        KEPT_MS,
    ),
    "oauth_refresh_tokens": ("token_hash", {"grant_id": "grt_1", "client_id": "cli_1", "used_at": 1}, 0),
    "oauth_access_tokens": ("token_hash", {"jti": "j", "client_id": "cli_1", "claims": "{}"}, 0),
}  # fmt: skip


async def insert(database: Database, table: str, row: Mapping[str, Value]) -> None:
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    statement = Statement(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})")

    async def work(tx: Transaction) -> None:
        await tx.execute(statement, *row.values())

    await database.transaction(work)


async def left(database: Database, table: str, key: str) -> set[object]:
    rows = await database.fetch_rows(Statement(f"SELECT {key} FROM {table}"))
    return {bytes(row[0]) if isinstance(row[0], bytes | memoryview) else row[0] for row in rows}


@pytest.fixture
async def stored(database: Database) -> Database:
    """A database with a tenant, a client and a living grant."""
    times: dict[str, Value] = {"created_at": 1, "updated_at": 1}
    await insert(
        database, "tenants",
        {"id": "ten_1", "slug": "own", "name": "Own", "plan": "free", "settings": "{}", **times},
    )  # fmt: skip
    await insert(
        database, "oauth_clients",
        {"id": "cli_1", "tenant_id": "ten_1", "mode": "live", "name": "c", "grants": "[]", **times},
    )  # fmt: skip
    await insert(database, "oauth_grants", grant("grt_1"))
    return database


def grant(grant_id: str, **changes: Value) -> dict[str, Value]:
    return {
        "id": grant_id, "tenant_id": "ten_1", "mode": "live", "client_id": "cli_1", "scopes": "[]",
        "resources": "[]", "created_at": 1, "expires_at": LATER, **changes,
    }  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
async def test_each_table_is_pruned_at_its_edge(stored: Database, table: str) -> None:
    """A row goes when its time is over, not a millisecond sooner; one that lives stays."""
    key, rest, kept_ms = TABLES[table]
    for name, expires_at in ((b"over", START_MS - kept_ms - 1), (b"last", START_MS - kept_ms), (b"living", LATER)):
        row = {**rest, "user_code_hash": name} if "user_code_hash" in rest else rest
        created = {} if table == "oauth_access_tokens" else {"created_at": 1}
        await insert(stored, table, {key: name, "expires_at": expires_at, **created, **row})
    assert await prune_grants(stored, START_MS) == 1
    assert await left(stored, table, key) == {b"last", b"living"}


async def test_ended_grants_take_all_with_them(stored: Database) -> None:
    """A grant stays a week after its end, its own or by the clock, and then goes with its codes and tokens."""
    edges = {
        "grt_ended": {"ended_at": START_MS - KEPT_MS - 1},
        "grt_expired": {"expires_at": START_MS - KEPT_MS - 1},
        "grt_ended_lately": {"ended_at": START_MS - KEPT_MS},
        "grt_expired_lately": {"expires_at": START_MS - KEPT_MS},
    }
    for grant_id, changes in edges.items():
        await insert(stored, "oauth_grants", grant(grant_id, **changes))
        hanging: dict[str, Value] = {"grant_id": grant_id, "client_id": "cli_1", "expires_at": LATER}
        name = grant_id.encode()
        await insert(stored, "oauth_codes", {"code_hash": name, "created_at": 1, **hanging})
        await insert(stored, "oauth_refresh_tokens", {"token_hash": name, "created_at": 1, **hanging})
        await insert(stored, "oauth_access_tokens", {"token_hash": name, "jti": grant_id, "claims": "{}", **hanging})
    assert await prune_grants(stored, START_MS) == 2
    kept = {b"grt_ended_lately", b"grt_expired_lately"}
    assert await left(stored, "oauth_grants", "id") == {"grt_1", "grt_ended_lately", "grt_expired_lately"}
    for table, key in (
        ("oauth_codes", "code_hash"),
        ("oauth_refresh_tokens", "token_hash"),
        ("oauth_access_tokens", "token_hash"),
    ):
        assert await left(stored, table, key) == kept


async def test_revocations_outlive_clocks_that_are_ahead(stored: Database) -> None:
    """That a token was revoked is known for a week beyond its end: a node a day ahead brings nothing back."""
    for name, expires_at in (("over", START_MS - KEPT_MS - 1), ("last", START_MS - KEPT_MS)):
        await insert(stored, "oauth_revoked_tokens", {"jti": name, "expires_at": expires_at})
    assert await prune_grants(stored, START_MS) == 1
    assert await left(stored, "oauth_revoked_tokens", "jti") == {"last"}


async def test_ended_signing_keys_go(stored: Database) -> None:
    """A key that ended goes a week later; one without an end never does."""
    for number, (name, ends_at) in enumerate(
        {"over": START_MS - KEPT_MS - 1, "last": START_MS - KEPT_MS, "current": None}.items()
    ):
        await insert(
            stored, "oauth_signing_keys",
            {
                "id": name, "tenant_id": "ten_1", "algorithm": "EdDSA", "number": number, "sealed": b"",
                "public_jwk": "{}", "created_at": 1, "active_at": 1, "ends_at": ends_at,
            },
        )  # fmt: skip
    assert await prune_grants(stored, START_MS) == 1
    assert await left(stored, "oauth_signing_keys", "id") == {"last", "current"}


async def test_seen_proofs_are_forgotten(stored: Database) -> None:
    """A proof's first use is known two hours longer than the proof is good, for clocks that are behind."""
    for name, expires_at in ((b"over", START_MS - 2 * HOUR_MS - 1), (b"last", START_MS - 2 * HOUR_MS)):
        await insert(stored, "seen_proofs", {"proof_hash": name, "expires_at": expires_at})
    assert await prune_proofs(stored, START_MS) == 1
    assert await left(stored, "seen_proofs", "proof_hash") == {b"last"}


async def test_more_than_one_step(stored: Database) -> None:
    """What is too much for one transaction is deleted in several."""
    for number in range(120):
        await insert(stored, "oauth_grants", grant(f"grt_over_{number}", ended_at=1))
    assert await prune_grants(stored, START_MS) == 120


async def test_nothing_that_lives_goes(stored: Database) -> None:
    """Where everything lives, nothing is deleted."""
    assert await prune_grants(stored, START_MS) == 0
    assert await left(stored, "oauth_grants", "id") == {"grt_1"}
