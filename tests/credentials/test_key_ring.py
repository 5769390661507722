"""The guarantees of ``credentials/key_ring.py``."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from credentials.world import MASTER_SECRET, Run, World
from support import START_MS
from watchword.credentials.key_ring import KeyRing, SessionKeys, SigningKey
from watchword.db.database import Statement
from watchword.errors import UnavailableError, WrongMasterSecretError

KEYS = Statement("SELECT id, sealed FROM signing_keys")


async def open_ring(world: World, secret: bytes, now_ms: int) -> KeyRing:
    """Open the keys as another process does."""
    return await KeyRing.open(world.database, world.generations, secret, now_ms)


async def seen(world: World, ring: KeyRing, now_ms: int) -> SessionKeys:
    """Return what a process knows of the keys at a time."""
    return await ring.look(world.database, now_ms)


def test_same_keys_after_a_restart(each_world: World, run: Run[Any]) -> None:
    """A second start finds the first one's key and makes none."""

    async def scenario() -> None:
        first = each_world.signing_key
        again = await seen(each_world, await open_ring(each_world, MASTER_SECRET, START_MS + 1), START_MS + 1)
        assert (again.signing_at(START_MS).id, again.signing_at(START_MS).secret) == (first.id, first.secret)
        assert again.find(first.header) is again.signing_at(START_MS)
        assert len(await each_world.database.fetch_rows(KEYS)) == 1

    run(scenario())


def test_processes_that_start_together_share_one_key(each_world: World, run: Run[Any]) -> None:
    """Of many first starts at once, all sign with one and the same key."""

    async def scenario() -> None:
        await each_world.change("DELETE FROM signing_keys")
        rings = await asyncio.gather(*(open_ring(each_world, MASTER_SECRET, START_MS) for _ in range(10)))
        known = [await seen(each_world, ring, START_MS) for ring in rings]
        assert len({keys.signing_at(START_MS).secret for keys in known}) == 1
        assert len(await each_world.database.fetch_rows(KEYS)) == 1

    run(scenario())


@pytest.mark.parametrize("secret", [b"w" * 32, MASTER_SECRET + b"m", b"", MASTER_SECRET[:-1]])
def test_wrong_master_secret_is_refused(each_world: World, run: Run[Any], secret: bytes) -> None:
    """Another master secret, or a short one, opens nothing and makes no second key."""

    async def scenario() -> None:
        with pytest.raises(WrongMasterSecretError):
            await open_ring(each_world, secret, START_MS)
        assert len(await each_world.database.fetch_rows(KEYS)) == 1

    run(scenario())


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE signing_keys SET id = 'sig_other'",
        "UPDATE signing_keys SET algorithm = 'HS512'",
        "UPDATE signing_keys SET sealed = $1",
    ],
)
@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x02" + b"s" * 60, b"\x01" + b"s" * 60])
def test_changed_row_does_not_open(world: World, run: Run[Any], change: str, sealed: bytes) -> None:
    """A sealed key that was altered, or moved to another id or algorithm, is refused."""

    async def scenario() -> None:
        await world.change(change, *((sealed,) if "$1" in change else ()))
        with pytest.raises(WrongMasterSecretError):
            await open_ring(world, MASTER_SECRET, START_MS)

    run(scenario())


def test_key_is_stored_sealed(each_world: World, run: Run[Any]) -> None:
    """The database holds neither the signing key nor anything that repeats when it is sealed again."""

    async def scenario() -> None:
        secret = each_world.signing_key.secret
        [first] = await each_world.database.fetch_rows(KEYS)
        assert len(secret) == 32
        assert secret not in first[1]
        await each_world.change("DELETE FROM signing_keys")
        await open_ring(each_world, MASTER_SECRET, START_MS)
        [second] = await each_world.database.fetch_rows(KEYS)
        assert second[0] == first[0]
        assert second[1][1:13] != first[1][1:13]

    run(scenario())


def test_a_key_of_before_the_upgrade_goes_on(each_world: World, run: Run[Any]) -> None:
    """A key stored by a version that knew no time of activation signs as before."""

    async def scenario() -> None:
        await each_world.change("UPDATE signing_keys SET active_at = 0")
        ring = await open_ring(each_world, MASTER_SECRET, START_MS + 1)
        assert (await seen(each_world, ring, START_MS + 1)).signing_at(START_MS + 1).id == each_world.signing_key.id

    run(scenario())


def test_a_start_makes_a_key_where_none_may_sign(each_world: World, run: Run[Any]) -> None:
    """When the only key is retired a new one signs, and one and the same after every start."""

    async def scenario() -> None:
        old = each_world.signing_key
        await each_world.change("UPDATE signing_keys SET retired_at = 5")
        second = await seen(each_world, await open_ring(each_world, MASTER_SECRET, START_MS + 1), START_MS + 1)
        assert second.signing_at(START_MS + 1).id != old.id
        third = await seen(each_world, await open_ring(each_world, MASTER_SECRET, START_MS + 2), START_MS + 2)
        assert third.signing_at(START_MS + 2).id == second.signing_at(START_MS + 1).id

    run(scenario())


def test_without_a_key_nothing_is_signed(world: World, run: Run[Any]) -> None:
    """When somebody deletes the keys under a running server, sign-ins are refused as unavailable."""

    async def scenario() -> None:
        user_id = await world.user()
        await world.change("DELETE FROM signing_keys")
        world.clock.advance(60_000)
        with pytest.raises(UnavailableError):
            await world.begin(user_id)

    run(scenario())


def test_dead_database_is_no_success(each_world: World, run: Run[Any]) -> None:
    """Without the database there are no keys to start with."""

    async def scenario() -> None:
        await each_world.database.close()
        with pytest.raises(UnavailableError):
            await open_ring(each_world, MASTER_SECRET, START_MS)

    run(scenario())


def test_secret_is_hidden_in_logs() -> None:
    """Printing a key does not print its secret."""
    assert "abcdef" not in repr(SigningKey("sig_1", b"abcdef"))
