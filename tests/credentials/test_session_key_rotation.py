"""New keys for session tokens: when they sign, what becomes of the old ones' tokens, and who knows of it when."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from credentials.world import MASTER_SECRET, Run, World, require_refused
from watchword.credentials.key_ring import KNOWN_AHEAD_MS, KeyRing, SigningKey
from watchword.credentials.session_key_queries import prune_signing_keys
from watchword.db.database import Statement
from watchword.errors import UnavailableError

KEYS = Statement("SELECT id, active_at, retired_at FROM signing_keys ORDER BY active_at")
LIFE_SECONDS = 3_600


async def other_process(world: World) -> KeyRing:
    """Open the keys as another process of the node does."""
    return await KeyRing.open(world.database, world.generations, MASTER_SECRET, world.now_ms)


async def signing(world: World, ring: KeyRing) -> SigningKey:
    """Return the key that a process signs with now."""
    return (await ring.look(world.database, world.now_ms)).signing_at(world.now_ms)


async def rotate(world: World) -> SigningKey:
    """Give the key a successor."""
    return await world.key_ring.rotate(world.now_ms, longest_life_seconds=LIFE_SECONDS)


def test_a_successor_is_known_before_it_signs(each_world: World, run: Run[Any]) -> None:
    """Every process changes over at one moment, two minutes after the rotation, and none before."""

    async def scenario() -> None:
        old, other = each_world.signing_key, await other_process(each_world)
        new = await rotate(each_world)
        assert new.active_at_ms == each_world.now_ms + KNOWN_AHEAD_MS
        each_world.clock.advance(KNOWN_AHEAD_MS - 1)
        assert {(await signing(each_world, ring)).id for ring in (each_world.key_ring, other)} == {old.id}
        each_world.clock.advance(1)
        assert {(await signing(each_world, ring)).id for ring in (each_world.key_ring, other)} == {new.id}

    run(scenario())


def test_a_process_without_news_looks_in_time(world: World, run: Run[Any]) -> None:
    """A process that hears nothing of a rotation knows the key before it signs: it looks each minute."""

    async def scenario() -> None:
        ring = await other_process(world)
        await world.change("UPDATE signing_keys SET retired_at = 1")
        assert not any(key.has_ended(world.now_ms) for key in (await ring.look(world.database, world.now_ms)).all)
        world.clock.advance(KNOWN_AHEAD_MS // 2)
        assert all(key.has_ended(world.now_ms) for key in (await ring.look(world.database, world.now_ms)).all)

    run(scenario())


def test_a_process_that_hears_nothing_looks_each_second(world: World, run: Run[Any]) -> None:
    """While no news arrives keys are believed for a second, and not asked for again within it."""

    async def scenario() -> None:
        ring = await other_process(world)
        await world.change("UPDATE signing_keys SET retired_at = 1")
        world.generations.set_trusted(False)
        world.clock.advance(999)
        assert not any(key.has_ended(world.now_ms) for key in (await ring.look(world.database, world.now_ms)).all)
        world.clock.advance(1)
        assert all(key.has_ended(world.now_ms) for key in (await ring.look(world.database, world.now_ms)).all)

    run(scenario())


def test_nobody_notices_a_rotation(each_world: World, run: Run[Any]) -> None:
    """Tokens of the old key stay good, and are refreshed to tokens of the new one."""

    async def scenario() -> None:
        issued = await each_world.begin(await each_world.user())
        new = await rotate(each_world)
        each_world.clock.advance(KNOWN_AHEAD_MS)
        await each_world.tokens.prove(issued.token, each_world.now_ms)
        newer = await each_world.tokens.refresh(issued.token, each_world.now_ms)
        assert newer.token.startswith(new.header.decode())
        for tokens in (each_world.tokens, each_world.session_tokens(key_ring=await other_process(each_world))):
            await tokens.prove(newer.token, each_world.now_ms)

    run(scenario())


def test_a_repeated_refresh_gives_one_token_across_the_change(world: World, run: Run[Any]) -> None:
    """A refresh just before the change and its repeat just after it give the same token."""

    async def scenario() -> None:
        issued = await world.begin(await world.user())
        await rotate(world)
        world.clock.advance(KNOWN_AHEAD_MS - 1_000)
        first = await world.tokens.refresh(issued.token, world.now_ms)
        world.clock.advance(2_000)
        assert (await world.tokens.refresh(issued.token, world.now_ms)).token == first.token

    run(scenario())


def test_the_old_key_ends_with_its_last_token(each_world: World, run: Run[Any]) -> None:
    """The old key is good until the longest session that it may have signed for has ended, and no longer."""

    async def scenario() -> None:
        old, new = each_world.signing_key, await rotate(each_world)
        rows = [tuple(row) for row in await each_world.database.fetch_rows(KEYS)]
        assert rows == [
            (old.id, old.active_at_ms, new.active_at_ms + LIFE_SECONDS * 1000), (new.id, new.active_at_ms, None)
        ]  # fmt: skip

    run(scenario())


def test_a_waiting_successor_is_not_followed_by_another(each_world: World, run: Run[Any]) -> None:
    """However many rotate at once, in however many processes, one key is made."""

    async def scenario() -> None:
        rings = [each_world.key_ring, *[await other_process(each_world) for _ in range(4)]]
        made = await asyncio.gather(
            *(ring.rotate(each_world.now_ms, longest_life_seconds=LIFE_SECONDS) for ring in rings)
        )
        assert len({key.id for key in made}) == 1
        assert len(await each_world.database.fetch_rows(KEYS)) == 2

    run(scenario())


def test_a_stolen_key_signs_nothing_any_more(each_world: World, run: Run[Any]) -> None:
    """What is replaced is refused at once in every process, remembered or not, also by one whose clock is behind."""

    async def scenario() -> None:
        old, other = each_world.signing_key, await other_process(each_world)
        issued = await each_world.begin(await each_world.user())
        elsewhere = each_world.session_tokens(key_ring=other)
        for tokens in (each_world.tokens, elsewhere):
            await tokens.prove(issued.token, each_world.now_ms)
        each_world.clock.advance(30_000)
        new = await each_world.key_ring.replace(each_world.now_ms)
        assert new.id != old.id
        for tokens in (each_world.tokens, elsewhere):
            await require_refused(tokens, issued.token, each_world.now_ms - 20_000)
        assert (await signing(each_world, other)).id == new.id
        again = await each_world.begin(await each_world.user())
        await elsewhere.prove(again.token, each_world.now_ms)

    run(scenario())


def test_a_waiting_successor_goes_with_the_stolen_key(each_world: World, run: Run[Any]) -> None:
    """Replacing ends every key that there was: whoever read the one may have read the other."""

    async def scenario() -> None:
        waiting = await rotate(each_world)
        new = await each_world.key_ring.replace(each_world.now_ms)
        each_world.clock.advance(2 * KNOWN_AHEAD_MS)
        assert new.id != waiting.id
        assert (await signing(each_world, each_world.key_ring)).id == new.id

    run(scenario())


def test_a_rotation_after_a_replacement_makes_a_key_of_its_own(world: World, run: Run[Any]) -> None:
    """A key that waited and was ended with the stolen one is nobody's successor."""

    async def scenario() -> None:
        ended = await rotate(world)
        new = await world.key_ring.replace(world.now_ms)
        next_one = await rotate(world)
        assert next_one.id not in {ended.id, new.id}
        world.clock.advance(KNOWN_AHEAD_MS)
        assert (await signing(world, world.key_ring)).id == next_one.id

    run(scenario())


def test_no_id_comes_twice(world: World, run: Run[Any]) -> None:
    """A key that was deleted at its end gives its id to no other."""

    async def scenario() -> None:
        ids = {world.signing_key.id}
        for number in range(1, 4):
            world.clock.advance(KNOWN_AHEAD_MS + 2 * LIFE_SECONDS * 1000)
            await prune_signing_keys(world.database, world.now_ms)
            ids.add((await rotate(world)).id)
            assert len(ids) == number + 1

    run(scenario())


def test_two_who_replace_at_once_leave_one_key(each_world: World, run: Run[Any]) -> None:
    """Of several replacements at once the last one's key alone is left."""

    async def scenario() -> None:
        rings = [each_world.key_ring, *[await other_process(each_world) for _ in range(3)]]
        await asyncio.gather(*(ring.replace(each_world.now_ms) for ring in rings))
        living = [row for row in await each_world.database.fetch_rows(KEYS) if row[2] is None]
        assert len(living) == 1
        assert {(await signing(each_world, ring)).id for ring in rings} == {living[0][0]}

    run(scenario())


def test_keys_are_not_used_blindly(each_world: World, run: Run[Any]) -> None:
    """When the keys may have changed and the database is gone, nothing is proved and nothing signed."""

    async def scenario() -> None:
        issued = await each_world.begin(await each_world.user())
        other = each_world.session_tokens()
        each_world.generations.bump(("session_keys",))
        await each_world.database.close()
        for call in (other.prove(issued.token, each_world.now_ms), other.refresh(issued.token, each_world.now_ms)):
            with pytest.raises(UnavailableError):
                await call

    run(scenario())
