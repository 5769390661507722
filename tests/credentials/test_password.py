"""The guarantees of ``credentials/password.py``."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from watchword.credentials.password import (
    Passwords,
    _step_back,
    common_passwords,
    normalize_password,
    require_acceptable_password,
)
from watchword.errors import InvalidFieldsError, UnavailableError, WrongPasswordError

EMAIL = "mina.kim@example.com"


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(time_cost=1, memory_cost_kib=64, threads=2, queue_max=100)
    yield made
    made.close()


def test_right_password_matches(passwords: Passwords) -> None:
    """The password that was hashed is taken and needs no new hash."""

    async def scenario() -> None:
        stored = await passwords.hash("correct horse")
        assert stored.startswith("$argon2id$")
        assert await passwords.require_match("correct horse", stored) is False

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "typed",
    [
        "correct horsf",
        "Correct horse",
        " correct horse",
        "correct horse ",
        "correct hors",
        "correct horse\0",
        "correct\0horse",
        "",
        "\ud800",
        pytest.param("x" * 1_000_000, id="a megabyte"),
    ],
)
def test_wrong_password_is_refused(passwords: Passwords, typed: str) -> None:
    """A password that differs in anything, even in case or a space at its end, is refused."""

    async def scenario() -> None:
        stored = await passwords.hash("correct horse")
        with pytest.raises(WrongPasswordError):
            await passwords.require_match(typed, stored)

    asyncio.run(scenario())


@pytest.mark.parametrize("stored", [None, "", "!", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv", "plain text"])
def test_no_hash_matches_nothing(passwords: Passwords, stored: str | None) -> None:
    """An account that does not exist, or whose hash is none, takes no password at all, the empty one included."""

    async def scenario() -> None:
        for typed in ("", "correct horse", "plain text", stored or ""):
            with pytest.raises(WrongPasswordError):
                await passwords.require_match(typed, stored)

    asyncio.run(scenario())


def test_long_text_that_begins_with_the_password_is_refused(passwords: Passwords) -> None:
    """Nothing is cut off: a password followed by a megabyte of text is another password."""

    async def scenario() -> None:
        empty = await passwords.hash("")
        with pytest.raises(WrongPasswordError):
            await passwords.require_match("x" * 1_000_000, empty)

    asyncio.run(scenario())


def test_unknown_account_costs_what_a_known_one_costs() -> None:
    """Asking for an account that does not exist takes the processor as long as a wrong password does."""
    passwords = Passwords(time_cost=1, memory_cost_kib=8192, threads=1, queue_max=10)

    async def seconds(stored: str | None) -> float:
        fastest = 9.0
        for _ in range(7):
            begin = time.process_time()
            with pytest.raises(WrongPasswordError):
                await passwords.require_match("wrong password", stored)
            fastest = min(fastest, time.process_time() - begin)
        return fastest

    async def scenario() -> None:
        known = await seconds(await passwords.hash("right password"))
        # A path that hashes nothing takes a hundredth; the caches make two that hash alike differ a little.
        assert 0.4 < await seconds(None) / known < 2.5
        assert 0.4 < await seconds("") / known < 2.5

    asyncio.run(scenario())
    passwords.close()


def test_old_parameters_ask_for_a_new_hash(passwords: Passwords) -> None:
    """A password hashed with other parameters still matches, and the caller is told to hash it anew."""
    older = Passwords(time_cost=2, memory_cost_kib=128, threads=1, queue_max=1)

    async def scenario() -> None:
        stored = await older.hash("correct horse")
        assert await passwords.require_match("correct horse", stored) is True
        with pytest.raises(WrongPasswordError):
            await passwords.require_match("wrong horse", stored)

    asyncio.run(scenario())
    older.close()


def test_same_password_has_two_hashes(passwords: Passwords) -> None:
    """Two users with one password cannot be seen to have it."""

    async def scenario() -> None:
        assert await passwords.hash("correct horse") != await passwords.hash("correct horse")

    asyncio.run(scenario())


def test_keyboards_that_spell_differently_agree(passwords: Passwords) -> None:
    """A password typed as composed or as decomposed characters is one password (NFKC)."""
    assert normalize_password("e\u0301") == "\u00e9"

    async def scenario() -> None:
        stored = await passwords.hash("caf\u00e9 \u1112\u1161\u11ab\u1100\u1173\u11af")
        assert await passwords.require_match("cafe\u0301 \ud55c\uae00", stored) is False

    asyncio.run(scenario())


def test_too_many_at_once_are_refused_and_the_rest_served() -> None:
    """When the queue is full the next caller gets 503 at once, and places come back when work is done."""
    passwords = Passwords(time_cost=1, memory_cost_kib=64, threads=1, queue_max=3)

    async def scenario() -> None:
        for _ in range(2):
            gate = threading.Event()
            passwords._executor.submit(gate.wait)
            tasks = [asyncio.create_task(passwords.hash("correct horse")) for _ in range(20)]
            await asyncio.sleep(0)
            assert sum(task.done() and isinstance(task.exception(), UnavailableError) for task in tasks) == 16
            gate.set()
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            assert sum(isinstance(answer, str) for answer in answers) == 4

    asyncio.run(scenario())
    passwords.close()


def test_callers_who_go_away_give_their_place_back() -> None:
    """Cancelled callers do not use up the queue."""
    passwords = Passwords(time_cost=1, memory_cost_kib=1024, threads=1, queue_max=3)

    async def scenario() -> None:
        tasks = [asyncio.create_task(passwords.hash("correct horse")) for _ in range(4)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(answer, asyncio.CancelledError) for answer in answers)
        for _ in range(5):
            assert await passwords.hash("correct horse")

    asyncio.run(scenario())
    passwords.close()


def test_closed_pool_refuses() -> None:
    """After the end, and for those who waited for it, the answer is 503 and no success."""
    passwords = Passwords(time_cost=1, memory_cost_kib=4096, threads=1, queue_max=5)

    async def scenario() -> None:
        waiting = [asyncio.create_task(passwords.hash("correct horse")) for _ in range(4)]
        await asyncio.sleep(0)
        passwords.close()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert any(isinstance(answer, UnavailableError) for answer in answers)
        assert all(isinstance(answer, str | UnavailableError) for answer in answers)
        with pytest.raises(UnavailableError):
            await passwords.hash("correct horse")
        with pytest.raises(UnavailableError):
            await passwords.require_match("correct horse", None)

    asyncio.run(scenario())


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has a niceness of its own on Linux only")
def test_hashing_threads_step_back() -> None:
    """A hashing thread runs at niceness 10 and leaves the others where they were."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    seen: list[int] = []

    def run() -> None:
        _step_back()
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [10]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


@pytest.mark.parametrize(
    "password",
    [
        "hat-tower",
        "8letters"[:7] + "\u00e9",
        "x7" * 64,
        "\u1112\u1161\u11ab\u1100\u1173\u11af" * 4,
        "correct horse battery staple",
        "\U0001f40e\U0001f50b" * 4,
        "        !",
        "watchword horse battery",
    ],
)
def test_good_passwords_are_taken(password: str) -> None:
    """Any characters in any mix are taken between the two lengths."""
    require_acceptable_password(password, email=EMAIL, context_words=("Demo shop",))


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short-7",
        "e\u0301" * 7,
        "x7" * 64 + "x",
        pytest.param("x" * 1_000_000, id="a megabyte"),
        "password",
        "PassWord",
        "12345678",
        "\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18",
        "iloveyou",
        EMAIL,
        EMAIL.upper(),
        "mina.kim",
        "Mina.Kim",
        "watchword",
        "Watchword2026!",
        "demo shop 1",
        "my watchword",
        "good length \ud800",
    ],
)
def test_bad_passwords_are_refused(password: str) -> None:
    """Short, long, common, or the e-mail address, its first part, a name used here: refused however it is written."""
    with pytest.raises(InvalidFieldsError) as refusal:
        require_acceptable_password(password, email=EMAIL, context_words=("Demo Shop", "kr"), field="secret")
    assert "secret" in refusal.value.message


def test_refusal_names_the_callers_field() -> None:
    """The error names the field as the request spelled it."""
    with pytest.raises(InvalidFieldsError, match="newPassword"):
        require_acceptable_password("short", email=EMAIL, field="newPassword")


def test_list_is_large_enough() -> None:
    """At least 3,000 of the listed passwords would pass every other rule (ASVS 6.2.4)."""
    listed = common_passwords()
    assert sum(8 <= len(password) <= 128 for password in listed) >= 3000
    assert all(password == normalize_password(password).casefold() for password in listed)
    for password in ("password1", "qwertyuiop", "sunshine", "football"):
        assert password in listed
