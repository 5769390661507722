"""Registration: where, by whom, and what it tells strangers."""

from __future__ import annotations

import asyncio

import pytest

from users_rig import OTHER_PASSWORD, PASSWORD, House
from watchword.users import queries

pytestmark = pytest.mark.anyio

BODY = {"email": "New@example.com", "password": PASSWORD, "name": "Nu"}


@pytest.mark.parametrize("by", ["slug", "id"])
async def test_a_registered_user_is_a_viewer_and_can_sign_in(house: House, by: str) -> None:
    """A registration makes a viewer of the named tenant, who can sign in, and mails a code to confirm."""
    tenant = await house.make_tenant(registration=True)
    answer = await house.call("POST", "register", BODY, tenant=getattr(tenant, by))
    assert answer.status == 201
    user = (await house.login("new@example.com")).body["user"]
    assert (user["role"], user["tenants"], user["name"]) == ("tenant-viewer", [tenant.id], "Nu")
    assert [letter.to for letter in await house.letters()] == ["New@example.com"]
    assert (await house.call("POST", f"verify/{await house.mailed_code()}")).status == 200
    stored = await queries.find_user(house.database, user["id"])
    assert stored is not None
    assert stored.email_verified_at_ms == house.clock.now_ms()


async def test_a_password_of_the_tenants_name_is_refused(house: House) -> None:
    """A password that is the tenant's name with something around it makes no account."""
    await house.make_tenant("corner-shop", registration=True)
    answer = await house.call("POST", "register", {**BODY, "password": "Corner-Shop2026!"}, tenant="corner-shop")
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    assert await house.count("users") == 0


async def test_a_taken_address_answers_the_same_and_is_told_by_letter(house: House) -> None:
    """Registering a taken address answers like a new one, changes nothing, and is told to the stored address."""
    tenant = await house.make_tenant(registration=True)
    known = await house.make_user("Ann@example.com")
    fresh = await house.call("POST", "register", BODY, tenant="acme")
    taken = await house.call("POST", "register", {**BODY, "email": "aNN@example.com"}, tenant="acme")
    assert (fresh.status, fresh.body, fresh.headers) == (taken.status, taken.body, taken.headers)
    letter = (await house.letters())[-1]
    assert (letter.to, letter.subject) == ("Ann@example.com", "You already have an account")
    assert "#code=" not in letter.text
    assert await queries.find_user(house.database, known.id) == known
    assert await queries.list_user_memberships(house.database, known.id) == []
    assert (await house.login("ann@example.com", PASSWORD)).status == 200
    assert len(await queries.list_users(house.database, tenant.id, after="", limit=10)) == 1


async def test_fifty_parallel_registrations_make_one_account(house: House) -> None:
    """One address registered many times at once is one account, and every answer is one that tells nothing."""
    await house.make_tenant(registration=True)
    answers = await asyncio.gather(*(house.call("POST", "register", BODY, tenant="acme") for _ in range(50)))
    assert {answer.status for answer in answers} == {201, 429}
    assert await house.count("users") == 1
    subjects = [letter.subject for letter in await house.letters()]
    assert subjects.count("Confirm your email address") == 1


@pytest.mark.parametrize("named", ["", "closed", "unknown", "disabled"])
async def test_registration_is_closed_unless_opened(house: House, named: str) -> None:
    """No tenant, an unknown one, one that does not allow it: one answer, and no account."""
    await house.make_tenant("closed")
    await house.make_tenant("open", registration=True)
    answer = await house.call("POST", "register", BODY, tenant=named)
    assert (answer.status, answer.code) == (403, "REGISTRATION_CLOSED")
    assert await house.count("users") == 0


@pytest.mark.parametrize(
    "change",
    [
        {"email": "no address"},
        {"email": "two@example.com, three@example.com"},
        {"email": "a@example.com\nBcc: b@example.com"},
        {"email": None},
        {"password": "short"},
        {"password": "password1"},
        {"password": "new@example.com"},
        {"password": "x" * 129},
        {"password": ""},
        {"name": "line\nbreak"},
        {"name": 7},
        {"role": "tenant-admin"},
        {"verified": True},
    ],
)
async def test_bad_registrations_are_refused_by_field(house: House, change: dict[str, object]) -> None:
    """What cannot be an account is refused before anything is stored or mailed."""
    await house.make_tenant(registration=True)
    answer = await house.call("POST", "register", {**BODY, **change}, tenant="acme")
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    assert await house.count("users") == 0
    assert await house.letters() == []


async def test_a_squatter_loses_the_account_to_its_address(house: House) -> None:
    """Whoever reads the address of an account that a stranger registered takes it with a reset, sessions included."""
    await house.make_tenant(registration=True)
    await house.call("POST", "register", BODY, tenant="acme")
    squatter = await house.token("new@example.com")
    await house.call("POST", "forgot-password", {"email": "new@example.com"})
    body = {"token": await house.mailed_code(), "password": OTHER_PASSWORD}
    assert (await house.call("POST", "reset-password", body)).status == 200
    assert (await house.call("GET", "me", token=squatter)).status == 401
    assert (await house.login("new@example.com", PASSWORD)).status == 401
