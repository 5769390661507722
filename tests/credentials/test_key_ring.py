"""The guarantees of ``credentials/key_ring.py``."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from credentials.world import MASTER_SECRET, Run, World
from support import START_MS
from watchword.credentials.key_ring import KeyRing, SigningKey
from watchword.db.database import Statement
from watchword.errors import UnavailableError, WrongMasterSecretError

KEYS = Statement("SELECT id, sealed FROM signing_keys")


def test_same_keys_after_a_restart(each_world: World, run: Run[Any]) -> None:
    """A second start finds the first one's key and makes none."""

    async def scenario() -> None:
        first = each_world.key_ring.current_session_key()
        again = await KeyRing.open(each_world.database, MASTER_SECRET, START_MS + 1)
        assert again.current_session_key().id == first.id
        assert again.current_session_key().secret == first.secret
        assert again.find_session_key(first.id) is again.current_session_key()
        assert len(await each_world.database.fetch_rows(KEYS)) == 1

    run(scenario())


def test_processes_that_start_together_share_one_key(each_world: World, run: Run[Any]) -> None:
    """Of many first starts at once, all sign with one and the same key."""

    async def scenario() -> None:
        await each_world.change("DELETE FROM signing_keys")
        rings = await asyncio.gather(*(KeyRing.open(each_world.database, MASTER_SECRET, START_MS) for _ in range(10)))
        assert len({ring.current_session_key().secret for ring in rings}) == 1
        assert len(await each_world.database.fetch_rows(KEYS)) == 1

    run(scenario())


@pytest.mark.parametrize("secret", [b"w" * 32, MASTER_SECRET + b"m", b"", MASTER_SECRET[:-1]])
def test_wrong_master_secret_is_refused(each_world: World, run: Run[Any], secret: bytes) -> None:
    """Another master secret, or a short one, opens nothing and makes no second key."""

    async def scenario() -> None:
        with pytest.raises(WrongMasterSecretError):
            await KeyRing.open(each_world.database, secret, START_MS)
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
            await KeyRing.open(world.database, MASTER_SECRET, START_MS)

    run(scenario())


def test_key_is_stored_sealed(each_world: World, run: Run[Any]) -> None:
    """The database holds neither the signing key nor anything that repeats when it is sealed again."""

    async def scenario() -> None:
        secret = each_world.key_ring.current_session_key().secret
        [first] = await each_world.database.fetch_rows(KEYS)
        assert len(secret) == 32
        assert secret not in first[1]
        await each_world.change("DELETE FROM signing_keys")
        await KeyRing.open(each_world.database, MASTER_SECRET, START_MS)
        [second] = await each_world.database.fetch_rows(KEYS)
        assert second[0] == first[0]
        assert second[1][1:13] != first[1][1:13]

    run(scenario())


def test_retired_key_proves_but_does_not_sign(each_world: World, run: Run[Any]) -> None:
    """When the only key is retired a new one signs, and the old one is still found, with its end."""

    async def scenario() -> None:
        old = each_world.key_ring.current_session_key()
        await each_world.change("UPDATE signing_keys SET retired_at = 5")
        ring = await KeyRing.open(each_world.database, MASTER_SECRET, START_MS + 1)
        assert ring.current_session_key().id != old.id
        found = ring.find_session_key(old.id)
        assert found is not None
        assert (found.secret, found.retired_at_ms) == (old.secret, 5)
        again = await KeyRing.open(each_world.database, MASTER_SECRET, START_MS + 2)
        assert again.current_session_key().id == ring.current_session_key().id

    run(scenario())


def test_deleted_keys_do_not_stop_a_start(world: World, run: Run[Any]) -> None:
    """When old keys were deleted and the rest is retired, a start makes a new key."""

    async def scenario() -> None:
        await world.change("UPDATE signing_keys SET retired_at = 5")
        second = (await KeyRing.open(world.database, MASTER_SECRET, START_MS + 1)).current_session_key()
        await world.change("DELETE FROM signing_keys WHERE id <> $1", second.id)
        await world.change("UPDATE signing_keys SET retired_at = 6")
        third = (await KeyRing.open(world.database, MASTER_SECRET, START_MS + 2)).current_session_key()
        assert third.secret != second.secret
        assert third.id != second.id

    run(scenario())


@pytest.mark.parametrize("kid", ["", "sig_0", "../../dev/null", "' OR 1=1 --"])
def test_unknown_kid_finds_nothing(world: World, kid: str) -> None:
    """Only the exact id of a stored key finds one."""
    assert world.key_ring.find_session_key(kid) is None


def test_dead_database_is_no_success(each_world: World, run: Run[Any]) -> None:
    """Without the database there are no keys to start with."""

    async def scenario() -> None:
        await each_world.database.close()
        with pytest.raises(UnavailableError):
            await KeyRing.open(each_world.database, MASTER_SECRET, START_MS)

    run(scenario())


def test_secret_is_hidden_in_logs() -> None:
    """Printing a key does not print its secret."""
    assert "abcdef" not in repr(SigningKey("sig_1", b"abcdef"))
