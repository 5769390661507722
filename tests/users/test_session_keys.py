"""What people who are signed in see while the keys of session tokens change, in two processes and on both databases."""

from __future__ import annotations

from joserfc import jws

from support import SetClock
from watchword.credentials.key_ring import KNOWN_AHEAD_MS, SigningKey
from watchword.db.database import Statement
from watchword.users.session_keys import SessionKeyRotation
from world import PASSWORD, Api

DAY_MS = 86_400_000
KEYS = Statement("SELECT id FROM signing_keys")


async def sign_in(door: Api) -> str:
    """Log in and return the token."""
    answer = await door.call("POST", "/api/users/login", json={"email": "editor.a@example.com", "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["token"]
    return token


async def me(door: Api, token: str) -> int:
    """Return how a token is met."""
    return (await door.call("GET", "/api/users/me", headers={"authorization": f"Bearer {token}"})).status_code


def kid_of(token: str) -> str:
    """Return the id of the key that signed a token."""
    kid: str = jws.extract_compact(token.encode()).headers()["kid"]
    return kid


async def current(door: Api, clock: SetClock) -> SigningKey:
    """Return the key that signs now."""
    return (await door.application.session_keys.list_all(clock.now_ms())).signing_at(clock.now_ms())


async def test_rotation_signs_nobody_out(doors: tuple[Api, Api], clock: SetClock) -> None:
    """Through a rotation tokens of both keys are met as before in each process, and sign-ins go on."""
    first, second = doors
    old = await sign_in(second)
    made = await first.application.session_keys.rotate(clock.now_ms())
    assert kid_of(await sign_in(second)) == kid_of(old) != made.id
    clock.advance(KNOWN_AHEAD_MS)
    new = await sign_in(second)
    assert kid_of(new) == made.id
    assert [await me(door, token) for door in doors for token in (old, new)] == [200] * 4
    assert "signing_key.rotated" in {event["event"] for event in first.events()}


async def test_replacing_the_key_signs_everyone_out(doors: tuple[Api, Api], clock: SetClock) -> None:
    """After a theft of the key every token is refused at once in each process, and its session has ended."""
    first, second = doors
    old = await sign_in(second)
    assert [await me(door, old) for door in doors] == [200, 200]
    await first.application.session_keys.replace(clock.now_ms())
    assert [await me(door, old) for door in doors] == [401, 401]
    new = await sign_in(second)
    assert [await me(door, new) for door in doors] == [200, 200]
    listed = await second.call("GET", "/api/users/sessions", headers={"authorization": f"Bearer {new}"})
    assert len(listed.json()["docs"]) == 1
    assert "signing_key.replaced" in {event["event"] for event in first.events()}


async def test_upkeep_rotates_a_key_of_age(doors: tuple[Api, Api], clock: SetClock) -> None:
    """The key gets its successor on the 90th day by the upkeep of whichever process comes first, and goes at its end."""
    first, second = doors
    old = await current(first, clock)
    clock.advance(90 * DAY_MS - KNOWN_AHEAD_MS - 1)
    assert (await first.application.upkeep.run_once())["session_keys"] == 0
    clock.advance(1)
    done = [(await door.application.upkeep.run_once())["session_keys"] for door in doors]
    assert done == [1, 0]
    clock.advance(KNOWN_AHEAD_MS)
    assert (await current(second, clock)).id != old.id
    for day, is_kept in ((89, True), (1, False)):
        clock.advance(day * DAY_MS)
        await second.application.upkeep.run_once()
        assert (old.id in {row[0] for row in await first.application.database.fetch_rows(KEYS)}) is is_kept


async def test_a_key_is_left_alone_where_that_is_wanted(api: Api, clock: SetClock) -> None:
    """With WATCHWORD_SIGNING_KEY_DAYS=0 no age is too high."""
    application = api.application
    rotation = SessionKeyRotation(
        application.database,
        key_ring=application._foundation.key_ring,
        tokens=application.session_tokens,
        audit=application.audit,
        days=0,
        session_seconds=60,
    )
    clock.advance(4_000 * DAY_MS)
    assert await rotation.rotate_aged(clock.now_ms()) == 0
    assert len(await application.database.fetch_rows(KEYS)) == 1
