"""One's own account: seeing it, and changing name, password and e-mail address."""

from __future__ import annotations

import pytest

from users_rig import OTHER_PASSWORD, PASSWORD, TTL_SECONDS, House
from watchword.users import queries

pytestmark = pytest.mark.anyio


async def test_me_shows_the_user_as_documented(house: House) -> None:
    """``me`` answers id, e-mail, role and tenants, and Payload's fields and the session's id beside them."""
    tenant = await house.make_tenant()
    user = await house.make_user()
    await house.join(tenant, user, "tenant-editor")
    token = await house.token()
    answer = await house.call("GET", "me", token=token)
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.body.pop("session").startswith("ses_")
    assert answer.body == {
        "user": {
            "id": user.id,
            "email": "ann@example.com",
            "name": "",
            "role": "tenant-editor",
            "tenants": [tenant.id],
            "collection": "users",
        },
        "exp": house.clock.now_ms() // 1000 + TTL_SECONDS,
        "token": token,
        "collection": "users",
        "strategy": "local-jwt",
        "message": "Account",
    }


async def test_me_shows_the_role_of_now(house: House) -> None:
    """Without a tenant the role is user; a membership shows at once; a super-admin is one everywhere."""
    user = await house.make_user()
    token = await house.token()
    assert (await house.call("GET", "me", token=token)).body["user"]["role"] == "user"
    await house.join(await house.make_tenant(), user, "tenant-viewer")
    assert (await house.call("GET", "me", token=token)).body["user"]["role"] == "tenant-viewer"
    await house.users.create_user("root@example.com", PASSWORD, is_super_admin=True, now_ms=house.clock.now_ms())
    me = await house.call("GET", "me", token=await house.token("root@example.com"))
    assert me.body["user"]["role"] == "super-admin"


async def test_me_needs_a_living_session(house: House) -> None:
    """No token is 401, an expired one 419, a closed account 401 at once."""
    user = await house.make_user()
    token = await house.token()
    assert (await house.call("GET", "me")).status == 401
    await house.users.disable_user(user.id, house.clock.now_ms())
    assert (await house.call("GET", "me", token=token)).status == 401
    await house.users.enable_user(user.id, house.clock.now_ms())
    assert (await house.call("GET", "me", token=token)).status == 401
    token = await house.token()
    house.clock.advance(TTL_SECONDS * 1000)
    assert (await house.call("GET", "me", token=token)).status == 419


async def test_a_name_changes_without_a_password(house: House) -> None:
    """The name alone needs no password and shows in the next ``me``."""
    await house.make_user()
    token = await house.token()
    assert (await house.call("GET", "me", token=token)).body["user"]["name"] == ""
    answer = await house.call("PATCH", "me", {"name": "Ann 안"}, token=token)
    assert (answer.status, answer.body["user"]["name"]) == (200, "Ann 안")
    assert (await house.call("GET", "me", token=token)).body["user"]["name"] == "Ann 안"


@pytest.mark.parametrize("field", ["current_password", "currentPassword"])
async def test_a_password_changes_with_the_current_one(house: House, field: str) -> None:
    """A new password ends every other session, kills mailed codes, and is told by letter."""
    await house.make_user()
    other, token = await house.token(), await house.token()
    await house.call("POST", "forgot-password", {"email": "ann@example.com"})
    code = await house.mailed_code()
    answer = await house.call("PATCH", "me", {"password": OTHER_PASSWORD, field: PASSWORD}, token=token)
    assert answer.status == 200
    assert (await house.call("GET", "me", token=other)).status == 401
    assert (await house.call("GET", "me", token=token)).status == 200
    assert (await house.login()).status == 401
    assert (await house.login(password=OTHER_PASSWORD)).status == 200
    assert (await house.letters())[-1].subject == "Your password was changed"
    reset = await house.call("POST", "reset-password", {"token": code, "password": "yet another long phrase"})
    assert (reset.status, reset.code) == (400, "INVALID_CODE")


@pytest.mark.parametrize(
    "body",
    [
        {"password": OTHER_PASSWORD},
        {"password": OTHER_PASSWORD, "current_password": OTHER_PASSWORD},
        {"password": OTHER_PASSWORD, "current_password": ""},
        {"password": "short", "current_password": PASSWORD},
        {"password": "ann@example.com", "current_password": PASSWORD},
        {"password": "password123", "current_password": PASSWORD},
        {"password": None, "current_password": PASSWORD},
        {"password": 12345678901234, "current_password": PASSWORD},
        {"email": "new@example.com"},
        {"email": "new@example.com", "current_password": OTHER_PASSWORD},
        {"email": "no address", "current_password": PASSWORD},
        {"email": "a@example.com, b@example.com", "current_password": PASSWORD},
        {"email": "a@example.com\r\nBcc: b@example.com", "current_password": PASSWORD},
        {"email": ["new@example.com"], "current_password": PASSWORD},
        {"name": ""},
        {"name": "x" * 101},
        {"name": "two\nlines"},
        {"name": 5},
        {"role": "super-admin"},
        {"is_super_admin": True},
        {"id": "usr_1"},
        {"tenants": []},
    ],
)
async def test_other_changes_are_refused(house: House, body: object) -> None:
    """A change without the current password, of a wrong type or of a field that is not one's own changes nothing."""
    user = await house.make_user()
    token = await house.token()
    answer = await house.call("PATCH", "me", body, token=token)
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    assert await queries.find_user(house.database, user.id) == user
    assert await house.letters() == []


async def test_a_stolen_session_cannot_guess_the_password(house: House) -> None:
    """Wrong current passwords count toward the lock-out like wrong sign-ins."""
    await house.make_user()
    token = await house.token()
    body = {"password": "yet another long phrase", "current_password": OTHER_PASSWORD}
    statuses = [(await house.call("PATCH", "me", body, token=token)).status for _ in range(11)]
    assert statuses == [400] * 10 + [429]
    assert (await house.login()).status == 429


async def test_a_change_needs_a_session(house: House) -> None:
    """Nobody without proof changes anything."""
    assert (await house.call("PATCH", "me", {"name": "x"})).status == 401


async def test_a_new_address_takes_effect_once_confirmed(house: House) -> None:
    """The new address gets a code and the old one a warning; only the code changes anything, and is told as well."""
    await house.make_user()
    token = await house.token()
    answer = await house.call("PATCH", "me", {"email": "New@example.com", "current_password": PASSWORD}, token=token)
    assert (answer.status, answer.body["user"]["email"]) == (200, "ann@example.com")
    assert {(letter.to, letter.subject) for letter in await house.letters()} == {
        ("New@example.com", "Confirm your new email address"),
        ("ann@example.com", "Your email address is about to change"),
    }
    assert (await house.login("new@example.com")).status == 401
    assert (await house.call("POST", f"verify/{await house.mailed_code()}")).status == 200
    assert (await house.call("GET", "me", token=token)).body["user"]["email"] == "New@example.com"
    assert (await house.login("new@example.com")).status == 200
    assert (await house.login("ann@example.com")).status == 401
    letter = (await house.letters())[-1]
    assert (letter.to, letter.subject) == ("ann@example.com", "Your email address was changed")


async def test_a_taken_address_is_told_to_its_reader_alone(house: House) -> None:
    """Asking for somebody's address answers as for any other; the conflict shows with the code that was sent there."""
    await house.make_user()
    await house.make_user("bob@example.com")
    token = await house.token()
    free, taken = [
        await house.call("PATCH", "me", {"email": email, "current_password": PASSWORD}, token=token)
        for email in ("free@example.com", "Bob@Example.com")
    ]
    assert (free.status, free.body, free.headers) == (taken.status, taken.body, taken.headers)
    answer = await house.call("POST", f"verify/{await house.mailed_code()}")
    assert (answer.status, answer.code) == (409, "CONFLICT")
    assert (await house.call("GET", "me", token=token)).body["user"]["email"] == "ann@example.com"


async def test_a_new_password_stops_a_change_of_address(house: House) -> None:
    """An owner who resets the password thereby stops the address change an intruder has begun."""
    await house.make_user()
    token = await house.token()
    await house.call("PATCH", "me", {"email": "evil@example.com", "current_password": PASSWORD}, token=token)
    evil_code = await house.mailed_code()
    await house.call("POST", "forgot-password", {"email": "ann@example.com"})
    body = {"token": await house.mailed_code(), "password": OTHER_PASSWORD}
    assert (await house.call("POST", "reset-password", body)).status == 200
    assert (await house.call("POST", f"verify/{evil_code}")).code == "INVALID_CODE"
    assert (await house.login(password=OTHER_PASSWORD)).status == 200


async def test_nobody_is_flooded_with_letters_through_an_account(house: House) -> None:
    """A user can have a handful of letters sent to an address, then none for a while, and nothing else changes."""
    await house.make_user()
    token = await house.token()
    body = {"email": "victim@example.com", "current_password": PASSWORD, "name": "Eve"}
    statuses = [(await house.call("PATCH", "me", body, token=token)).status for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    assert len([letter for letter in await house.letters() if letter.to == "victim@example.com"]) == 5


async def test_a_closed_account_changes_nothing(house: House) -> None:
    """An account closed while its change was on its way refuses the change."""
    user = await house.make_user()
    token = await house.token()
    await house.users.disable_user(user.id, house.clock.now_ms())
    answer = await house.call("PATCH", "me", {"name": "x"}, token=token)
    assert answer.status == 401
