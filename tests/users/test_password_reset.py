"""A new password by letter: who gets one, and how often a code works."""

from __future__ import annotations

import asyncio

import pytest

from users_rig import OTHER_PASSWORD, PASSWORD, House

pytestmark = pytest.mark.anyio


async def ask(house: House, email: str = "ann@example.com") -> str:
    await house.call("POST", "forgot-password", {"email": email})
    return await house.mailed_code()


async def test_a_reset_begins_a_session_and_ends_all_others(house: House) -> None:
    """The code of the letter gives a new password and a new session; the old password and sessions are gone."""
    tenant = await house.make_tenant()
    user = await house.make_user(verified=False)
    await house.join(tenant, user)
    old = await house.token()
    code = await ask(house)
    answer = await house.call("POST", "reset-password", {"token": code, "password": OTHER_PASSWORD})
    assert (answer.status, answer.body["message"]) == (200, "Password reset successfully.")
    assert answer.body["user"]["role"] == "tenant-admin"
    assert (await house.call("GET", "me", token=answer.body["token"])).status == 200
    assert (await house.call("GET", "me", token=old)).status == 401
    assert (await house.login()).status == 401
    assert (await house.login(password=OTHER_PASSWORD)).status == 200
    letter = (await house.letters())[-1]
    assert (letter.to, letter.subject) == ("ann@example.com", "Your password was changed")


async def test_the_cookie_can_be_asked_for(house: House) -> None:
    """Asked for the cookie, the reset gives its token there alone."""
    await house.make_user()
    body = {"token": await ask(house), "password": OTHER_PASSWORD}
    answer = await house.call("POST", "reset-password?cookie=true", body)
    assert "__Host-watchword=eyJ" in answer.headers["set-cookie"]
    assert "token" not in answer.body


async def test_known_unknown_and_closed_answer_alike(house: House) -> None:
    """Asking for a letter tells nobody whether an account exists; only the open account gets one."""
    await house.make_user()
    closed = await house.make_user("closed@example.com")
    await house.users.disable_user(closed.id, house.clock.now_ms())
    emails = ("ANN@example.com", "nobody@example.com", "closed@example.com", "no address")
    answers = [await house.call("POST", "forgot-password", {"email": email}) for email in emails]
    assert len({(answer.status, str(answer.body), str(answer.headers)) for answer in answers}) == 1
    assert answers[0].status == 200
    assert [letter.to for letter in await house.letters()] == ["ann@example.com"]


@pytest.mark.parametrize("email", ["ann@example.com", "nobody@example.com"])
async def test_nobody_is_flooded_with_letters(house: House, email: str) -> None:
    """An address gets five letters in a quarter of an hour, and the sixth is refused whether it is known or not."""
    await house.make_user()
    ask_again = {"email": email}
    statuses = [(await house.call("POST", "forgot-password", ask_again)).status for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    house.clock.advance(15 * 60_000)
    assert (await house.call("POST", "forgot-password", ask_again)).status == 200


async def test_a_code_dies_after_ten_minutes(house: House) -> None:
    """A code works a millisecond before its end and not at it (ASVS 5.0 V6.5.5)."""
    await house.make_user()
    first = await ask(house)
    house.clock.advance(599_999)
    assert (await house.call("POST", "reset-password", {"token": first, "password": OTHER_PASSWORD})).status == 200
    second = await ask(house)
    house.clock.advance(600_000)
    answer = await house.call("POST", "reset-password", {"token": second, "password": PASSWORD})
    assert (answer.status, answer.code) == (400, "INVALID_CODE")


async def test_of_fifty_parallel_spends_one_wins(house: House) -> None:
    """However many spend a code at once, one password is set and one session begins."""
    await house.make_user()
    code = await ask(house)
    bodies = [{"token": code, "password": f"a quite long phrase {number}"} for number in range(50)]
    answers = await asyncio.gather(*(house.call("POST", "reset-password", body) for body in bodies))
    winners = [number for number, answer in enumerate(answers) if answer.status == 200]
    assert len(winners) == 1
    assert {answer.code for answer in answers} == {"", "INVALID_CODE"}
    assert await house.count("sessions") == 1
    assert (await house.login(password=bodies[winners[0]]["password"])).status == 200


async def test_a_newer_letter_replaces_the_older(house: House) -> None:
    """Only the newest code works."""
    await house.make_user()
    older, newer = await ask(house), await ask(house)
    assert (
        await house.call("POST", "reset-password", {"token": older, "password": OTHER_PASSWORD})
    ).code == "INVALID_CODE"
    assert (await house.call("POST", "reset-password", {"token": newer, "password": OTHER_PASSWORD})).status == 200


async def test_a_weak_password_does_not_spend_the_code(house: House) -> None:
    """A refused password leaves the code good for a better one."""
    await house.make_user()
    code = await ask(house)
    for weak in ("short", "ann@example.com", "password1"):
        answer = await house.call("POST", "reset-password", {"token": code, "password": weak})
        assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    assert (await house.call("POST", "reset-password", {"token": code, "password": OTHER_PASSWORD})).status == 200


@pytest.mark.parametrize("code", ["x", "x" * 43, "x" * 200, "안", "'; --"])
async def test_made_up_codes_are_refused(house: House, code: str) -> None:
    """A code that was never mailed is refused, and says nothing else."""
    await house.make_user()
    answer = await house.call("POST", "reset-password", {"token": code, "password": OTHER_PASSWORD})
    assert (answer.status, answer.code, answer.body) == (400, "INVALID_CODE", {})


async def test_a_code_serves_its_purpose_only(house: House) -> None:
    """A reset code confirms no address, and a confirmation code resets no password."""
    await house.make_tenant(registration=True)
    body = {"email": "new@example.com", "password": PASSWORD}
    await house.call("POST", "register", body, tenant="acme")
    confirmation = await house.mailed_code()
    reset = await ask(house, "new@example.com")
    assert (await house.call("POST", f"verify/{reset}")).code == "INVALID_CODE"
    answer = await house.call("POST", "reset-password", {"token": confirmation, "password": OTHER_PASSWORD})
    assert answer.code == "INVALID_CODE"


async def test_a_closed_account_gets_no_new_password(house: House) -> None:
    """A code mailed before the account was closed is worthless after, also once it is open again."""
    user = await house.make_user()
    code = await ask(house)
    await house.users.disable_user(user.id, house.clock.now_ms())
    body = {"token": code, "password": OTHER_PASSWORD}
    assert (await house.call("POST", "reset-password", body)).code == "INVALID_CODE"
    await house.users.enable_user(user.id, house.clock.now_ms())
    assert (await house.call("POST", "reset-password", body)).code == "INVALID_CODE"


async def test_a_reset_lifts_the_lock_of_the_account(house: House) -> None:
    """An owner whom a stranger has locked out gets in again by letter."""
    await house.make_user()
    for _ in range(11):
        await house.login(password="wrong password", address="203.0.113.9")
    assert (await house.login()).status == 429
    body = {"token": await ask(house), "password": OTHER_PASSWORD}
    assert (await house.call("POST", "reset-password", body)).status == 200
    assert (await house.login(password=OTHER_PASSWORD)).status == 200


async def test_a_dead_database_is_told(house: House) -> None:
    """Without a database asking for a letter is 503, not a promise."""
    await house.database.close()
    assert (await house.call("POST", "forgot-password", {"email": "ann@example.com"})).status == 503


async def test_codes_are_stored_as_hashes(house: House) -> None:
    """The database file does not hold the code of a letter."""
    await house.make_user()
    code = await ask(house)
    assert house.lost == []
    assert await house.count(f"one_time_codes WHERE CAST(code_hash AS TEXT) LIKE '%{code}%'") == 0
    assert await house.count("one_time_codes") == 1


async def test_a_new_password_of_a_tenants_name_is_refused(house: House) -> None:
    """The names of the owner's tenants are no passwords, by letter or with the present one; the code stays good."""
    await house.join(await house.make_tenant("corner-shop"), await house.make_user())
    await house.call("POST", "forgot-password", {"email": "ann@example.com"})
    body = {"token": await house.mailed_code(), "password": "corner-shop2026"}
    assert (await house.call("POST", "reset-password", body)).status == 400
    change = {"password": "corner-shop2026", "currentPassword": PASSWORD}
    assert (await house.call("PATCH", "me", change, token=await house.token())).status == 400
    assert (await house.call("POST", "reset-password", {**body, "password": OTHER_PASSWORD})).status == 200
