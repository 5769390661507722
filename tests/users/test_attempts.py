"""The lock-out: how many guesses there are, for whom, and for how long."""

from __future__ import annotations

import asyncio

import pytest

from users_rig import OTHER_PASSWORD, House
from watchword.users.attempts import account_subject, address_subject

pytestmark = pytest.mark.anyio

MINUTE_MS = 60_000


async def fail(house: House, times: int, email: str = "ann@example.com", address: str = "192.0.2.1") -> list[int]:
    return [(await house.login(email, OTHER_PASSWORD, address=address)).status for _ in range(times)]


@pytest.mark.parametrize("email", ["ann@example.com", "nobody@example.com"])
async def test_ten_guesses_pass_and_the_eleventh_waits(house: House, email: str) -> None:
    """Ten wrong passwords are answered as such and the next is refused, for unknown addresses as for known ones."""
    await house.make_user()
    assert await fail(house, 12, email) == [401] * 10 + [429] * 2
    answer = await house.login(email)
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (429, {"retryAfter": 60}, "60")


async def test_the_lock_ends_to_the_millisecond(house: House) -> None:
    """The right password is refused just before the wait is over and taken at its end."""
    await house.make_user()
    await fail(house, 10)
    house.clock.advance(MINUTE_MS - 1)
    assert (await house.login()).headers["retry-after"] == "1"
    house.clock.advance(1)
    assert (await house.login()).status == 200


async def test_the_wait_doubles_up_to_an_hour(house: House) -> None:
    """Each further failure doubles the wait, to an hour at most."""
    await house.make_user()
    await fail(house, 10)
    waits = []
    for _ in range(9):
        wait = int((await house.login()).headers["retry-after"])
        waits.append(wait)
        house.clock.advance(wait * 1000)
        await fail(house, 1)
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


@pytest.mark.parametrize("right", [0, 1])
async def test_fifty_parallel_guesses_get_ten(house: House, right: int) -> None:
    """Of fifty wrong passwords at once exactly ten are tried, whether the account exists or not."""
    await house.make_user()
    email = ["nobody@example.com", "ann@example.com"][right]
    answers = await asyncio.gather(*(house.login(email, OTHER_PASSWORD) for _ in range(50)))
    statuses = sorted(answer.status for answer in answers)
    assert statuses == [401] * 10 + [429] * 40


async def test_parallel_right_passwords_lock_nobody_out(house: House) -> None:
    """Forty sign-ins at once with the right password all succeed."""
    await house.make_user()
    answers = await asyncio.gather(*(house.login() for _ in range(40)))
    assert {answer.status for answer in answers} == {200}
    assert (await house.login()).status == 200


async def test_too_many_waiting_for_one_account_are_refused(house: House) -> None:
    """A storm on one account holds a bounded number of requests."""
    answers = await asyncio.gather(*(house.login("nobody@example.com") for _ in range(150)))
    assert sorted(answer.status for answer in answers) == [401] * 10 + [429] * 140


async def test_success_forgets_the_failures(house: House) -> None:
    """After a success the count begins anew."""
    await house.make_user()
    assert await fail(house, 9) == [401] * 9
    assert (await house.login()).status == 200
    assert await fail(house, 11) == [401] * 10 + [429]


async def test_a_day_without_failures_forgets_them(house: House) -> None:
    """Failures count together within a day and not beyond."""
    await house.make_user()
    await fail(house, 9)
    house.clock.advance(24 * 60 * MINUTE_MS + 1)
    assert await fail(house, 2) == [401] * 2


async def test_an_address_is_locked_after_a_hundred_failures_on_any_accounts(house: House) -> None:
    """One client's guesses on many accounts are bounded, and other clients are not concerned."""
    await house.make_user()
    for number in range(20):
        await fail(house, 5, f"user{number}@example.com")
    assert (await house.login()).status == 429
    assert (await house.login(address="192.0.2.2")).status == 200
    house.clock.advance(15 * MINUTE_MS)
    assert (await house.login()).status == 200


async def test_an_own_account_does_not_clear_the_address(house: House) -> None:
    """An attacker who signs in to an account of his own between guesses stays bounded."""
    await house.make_user()
    statuses = []
    for number in range(26):
        statuses += await fail(house, 4, f"user{number}@example.com")
        await house.login()
    assert statuses == [401] * 100 + [429] * 4


async def test_ipv6_clients_are_counted_by_their_network(house: House) -> None:
    """Addresses of one /64 count as one, those of another do not."""
    for number in range(100):
        await fail(house, 1, f"user{number}@example.com", f"2001:db8::{number + 1:x}")
    assert await fail(house, 1, "x@example.com", "2001:db8::ffff:1") == [429]
    assert await fail(house, 1, "x@example.com", "2001:db8:0:1::1") == [401]


async def test_a_restart_lifts_nothing(house: House) -> None:
    """Another process on the same database refuses what this one refuses."""
    await house.make_user()
    await fail(house, 10)
    restarted = House(house.database, house.generations, house.key_ring, house.clock, house.passwords)
    assert (await restarted.login()).status == 429
    restarted.log.close()


async def test_the_lock_is_recorded_once(house: House) -> None:
    """The tenth failure leaves one event of the lock-out, with the user's id."""
    user = await house.make_user()
    await fail(house, 15)
    lines = [line for line in house.recorded().splitlines() if "user.locked_out" in line]
    assert len(lines) == 1
    assert user.id in lines[0]


async def test_pruning_deletes_what_no_longer_counts(house: House) -> None:
    """The clean-up keeps locks and fresh failures and deletes the rest."""
    await house.make_user()
    await fail(house, 1, "old@example.com")
    house.clock.advance(24 * 60 * MINUTE_MS + 1)
    await fail(house, 10)
    assert await house.attempts.prune(house.clock.now_ms()) == 1
    assert (await house.login()).status == 429


def test_subjects_hide_what_was_typed() -> None:
    """What a stranger typed is stored as a digest, the same for every spelling."""
    assert account_subject(" ANN@example.com ") == account_subject("ann@EXAMPLE.com")
    assert "ann" not in account_subject("ann@example.com")
    assert len(account_subject("\ud800" * 100_000)) < 80


def test_mapped_addresses_are_ipv4() -> None:
    """An IPv4 client of a dual-stack listener counts as that client."""
    assert address_subject("::ffff:192.0.2.1") == address_subject("192.0.2.1") == "address:192.0.2.1"
