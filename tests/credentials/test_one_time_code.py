"""The guarantees of ``credentials/one_time_code.py``."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from credentials.world import Run, World
from watchword.credentials.one_time_code import SpentCode, hash_code, make_code, spend_code, store_code
from watchword.db.database import Statement
from watchword.errors import SpentCodeError, UnavailableError

TTL_SECONDS = 3600


async def _store(world: World, user_id: str, purpose: str = "reset", email: str = "mina@example.com") -> str:
    return await world.database.transaction(
        lambda tx: store_code(
            tx, purpose=purpose, user_id=user_id, email=email, now_ms=world.now_ms, ttl_seconds=TTL_SECONDS
        )
    )


async def _spend(world: World, code: str, purpose: str = "reset", now_ms: int | None = None) -> SpentCode:
    at_ms = world.now_ms if now_ms is None else now_ms
    return await world.database.transaction(lambda tx: spend_code(tx, code, purpose=purpose, now_ms=at_ms))


async def require_refused(world: World, code: str, purpose: str = "reset", now_ms: int | None = None) -> None:
    with pytest.raises(SpentCodeError) as refusal:
        await _spend(world, code, purpose, now_ms)
    assert refusal.value.message == SpentCodeError.sentence


def test_code_works_once(each_world: World, run: Run[Any]) -> None:
    """A code gives its user and address the first time, and nothing the second."""

    async def scenario() -> None:
        user_id = await each_world.user()
        code = await _store(each_world, user_id)
        assert await _spend(each_world, code) == SpentCode(user_id, "mina@example.com")
        await require_refused(each_world, code)

    run(scenario())


def test_fifty_parallel_spends_have_one_winner(each_world: World, run: Run[Any]) -> None:
    """Of 50 parallel spends of one code exactly one succeeds."""

    async def scenario() -> None:
        code = await _store(each_world, await each_world.user())
        answers = await asyncio.gather(*(_spend(each_world, code) for _ in range(50)), return_exceptions=True)
        assert sum(isinstance(answer, SpentCode) for answer in answers) == 1
        assert sum(isinstance(answer, SpentCodeError) for answer in answers) == 49

    run(scenario())


def test_code_ends_exactly_at_its_end(each_world: World, run: Run[Any]) -> None:
    """A code works until the millisecond before its end, and not at it or after it."""

    async def scenario() -> None:
        end_ms = each_world.now_ms + TTL_SECONDS * 1000
        late = await _store(each_world, await each_world.user())
        await require_refused(each_world, late, now_ms=end_ms)
        await require_refused(each_world, late, now_ms=end_ms + 1)
        await _spend(each_world, late, now_ms=end_ms - 1)

    run(scenario())


def test_code_serves_its_purpose_only(each_world: World, run: Run[Any]) -> None:
    """A code for one purpose is unknown for another, and is not used up by the attempt."""

    async def scenario() -> None:
        code = await _store(each_world, await each_world.user(), "verify")
        await require_refused(each_world, code, "reset")
        await _spend(each_world, code, "verify")

    run(scenario())


def test_newer_code_replaces_the_older(each_world: World, run: Run[Any]) -> None:
    """Only the last code of a user and purpose works; those of other purposes and users stay."""

    async def scenario() -> None:
        user_id, other_id = await each_world.user(), await each_world.user()
        older = await _store(each_world, user_id)
        verify, others = await _store(each_world, user_id, "verify"), await _store(each_world, other_id)
        newer = await _store(each_world, user_id)
        await require_refused(each_world, older)
        await _spend(each_world, newer)
        await _spend(each_world, verify, "verify")
        await _spend(each_world, others)

    run(scenario())


def test_parallel_requests_leave_one_code(each_world: World, run: Run[Any]) -> None:
    """However many codes are asked for at once, one of them works."""

    async def scenario() -> None:
        user_id = await each_world.user()
        codes = await asyncio.gather(*(_store(each_world, user_id) for _ in range(20)))
        answers = await asyncio.gather(*(_spend(each_world, code) for code in codes), return_exceptions=True)
        assert sum(isinstance(answer, SpentCode) for answer in answers) == 1

    run(scenario())


@pytest.mark.parametrize(
    "code",
    ["", "x", "\0", "\ud800", "' OR 1=1 --", pytest.param("A" * 43, id="guess"), pytest.param("A" * 10**6, id="long")],
)
def test_unknown_code_is_refused(each_world: World, run: Run[Any], code: str) -> None:
    """What was never given out is refused as a used code is."""

    async def scenario() -> None:
        await _store(each_world, await each_world.user())
        await require_refused(each_world, code)

    run(scenario())


def test_rolled_back_spend_leaves_the_code(each_world: World, run: Run[Any]) -> None:
    """When what the code was for fails, the code still works."""

    async def scenario() -> None:
        code = await _store(each_world, await each_world.user())

        async def work(tx: Any) -> None:  # noqa: ANN401 - the transaction of either backend
            await spend_code(tx, code, purpose="reset", now_ms=each_world.now_ms)
            raise RuntimeError

        with pytest.raises(RuntimeError):
            await each_world.database.transaction(work)
        await _spend(each_world, code)

    run(scenario())


def test_dead_database_is_no_success(each_world: World, run: Run[Any]) -> None:
    """Without the database no code is spent."""

    async def scenario() -> None:
        code = await _store(each_world, await each_world.user())
        await each_world.database.close()
        with pytest.raises(UnavailableError):
            await _spend(each_world, code)

    run(scenario())


def test_code_is_stored_as_a_hash_only(each_world: World, run: Run[Any]) -> None:
    """The row holds the code's hash and not the code."""

    async def scenario() -> None:
        code = await _store(each_world, await each_world.user())
        [row] = await each_world.database.fetch_rows(Statement("SELECT * FROM one_time_codes"))
        assert code not in str(row)
        assert hash_code(code) in list(row)

    run(scenario())


def test_codes_are_unguessable_and_url_safe() -> None:
    """A code has at least 128 bits and needs no quoting in an address."""
    made = {make_code() for _ in range(200)}
    assert len(made) == 200
    assert all(len(code) == 43 and code.replace("-", "").replace("_", "").isalnum() for code in made)
