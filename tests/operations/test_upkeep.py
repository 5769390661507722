"""What nobody may use any more is deleted, and nothing else."""

from __future__ import annotations

import io
import json
from functools import partial

from support import START_MS, SetClock
from tenancy import make_user
from watchword.credentials.expired import KEPT_MS, prune_codes, prune_sessions
from watchword.db.database import Database, Statement, Transaction
from watchword.errors import UnavailableError
from watchword.limits.policies import Policy
from watchword.limits.shares import Shares, prune_windows
from watchword.observe import Log
from watchword.operations.upkeep import Upkeep

_ADD_SESSION = Statement(
    "INSERT INTO sessions (id, sid_hash, user_id, current_jti, current_issued_at, current_expires_at, address,"
    " user_agent, created_at, refreshed_at, expires_at, ended_at) VALUES ($1, $2, $3, '', 0, $4, '', '', 0, 0, $5, $6)"
)
_ADD_CODE = Statement(
    "INSERT INTO one_time_codes (code_hash, purpose, user_id, email, created_at, expires_at, used_at)"
    " VALUES ($1, 'reset', $2, '', 0, $3, $4)"
)
_SESSIONS = Statement("SELECT id FROM sessions ORDER BY id")
_CODES = Statement("SELECT code_hash FROM one_time_codes")
_WINDOWS = Statement("SELECT COUNT(*) FROM limit_windows")
LATER = START_MS + 10**10


async def test_sessions_are_deleted_a_week_after_their_end(database: Database) -> None:
    """A living session stays; one that ended, or whose last token expired, goes a week later and not before."""
    user_id = await make_user(database, "ann@example.com")
    rows: dict[str, tuple[int, int, int | None]] = {
        "living": (LATER, LATER, None),
        "just ended": (LATER, LATER, START_MS - KEPT_MS),
        "long ended": (LATER, LATER, START_MS - KEPT_MS - 1),
        "long expired": (START_MS - KEPT_MS - 1, LATER, None),
        "absolutely over": (START_MS - KEPT_MS - 1, START_MS - KEPT_MS - 1, None),
    }
    for name, times in rows.items():
        await database.transaction(partial(_execute, _ADD_SESSION, (name, name.encode(), user_id, *times)))
    assert await prune_sessions(database, START_MS) == 3
    assert [row[0] for row in await database.fetch_rows(_SESSIONS)] == ["just ended", "living"]


async def test_codes_are_deleted_at_their_end(database: Database) -> None:
    """A used code stays until its end, so that its use is on record; then it goes."""
    user_id = await make_user(database, "ann@example.com")
    for name, expires, used in [(b"good", LATER, None), (b"used", LATER, START_MS), (b"over", START_MS - 1, None)]:
        await database.transaction(partial(_execute, _ADD_CODE, (name, user_id, expires, used)))
    assert await prune_codes(database, START_MS) == 1
    assert {bytes(row[0]) for row in await database.fetch_rows(_CODES)} == {b"good", b"used"}


async def test_windows_are_deleted_when_no_clock_is_in_them(database: Database) -> None:
    """A window's counters stay for a node whose clock is behind, then go."""
    shares = Shares(database)
    await shares.take(Policy("key", 5, 60), "key_1", START_MS)
    assert await prune_windows(database, START_MS + 3_600_000) == 0
    assert await prune_windows(database, START_MS + 8_000_000) == 1
    row = await database.fetch_row(_WINDOWS)
    assert row is not None
    assert row[0] == 0


async def test_a_store_that_is_down_keeps_nothing_else_from_its_turn() -> None:
    """One clean-up that fails is logged, and the next ones still run."""

    async def fail(_now_ms: int) -> int:
        raise UnavailableError(cause="down")

    async def count(now_ms: int) -> int:
        return now_ms - START_MS + 7

    stream = io.BytesIO()
    log = Log(stream)
    assert await Upkeep({"a": fail, "b": count}, clock=SetClock(), log=log).run_once() == {"b": 7}
    log.close()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["event"], line.get("kind")) for line in lines] == [("upkeep.failed", "a"), ("upkeep.done", None)]


async def _execute(statement: Statement, values: tuple[str | int | bytes | None, ...], tx: Transaction) -> int:
    return await tx.execute(statement, *values)
