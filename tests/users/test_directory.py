"""The operator's side of accounts."""

from __future__ import annotations

import pytest

from users_rig import OTHER_PASSWORD, PASSWORD, House
from watchword.db.database import Transaction
from watchword.errors import (
    ConflictError,
    InvalidFieldsError,
    NotFoundError,
    RateLimitExceededError,
    WrongPasswordError,
)
from watchword.users import queries

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("email", ["ann@example.com", "ANN@EXAMPLE.COM", " ann@example.com "])
async def test_an_address_is_taken_however_it_is_spelt(house: House, email: str) -> None:
    """A second account with the same address in other letters is refused."""
    await house.make_user()
    with pytest.raises(ConflictError):
        await house.users.create_user(email, PASSWORD, now_ms=house.clock.now_ms())


@pytest.mark.parametrize(("email", "password"), [("no address", PASSWORD), ("ann@example.com", "short")])
async def test_bad_accounts_are_refused(house: House, email: str, password: str) -> None:
    """The operator's accounts keep the same rules as everybody's."""
    with pytest.raises(InvalidFieldsError):
        await house.users.create_user(email, password, now_ms=house.clock.now_ms())


async def test_users_are_found_and_listed(house: House) -> None:
    """Accounts are found by id and by address, and listed for one tenant or for all."""
    ann, bob = await house.make_user(), await house.make_user("bob@example.com")
    tenant = await house.make_tenant()
    await house.join(tenant, bob)
    assert await house.users.find_user(ann.id) == ann
    assert await house.users.find_user("Bob@Example.com") == bob
    assert await house.users.find_user("usr_unknown") is None
    assert await house.users.find_user("nobody@example.com") is None
    assert await house.users.list_users(tenant.id) == [bob]
    everybody = await house.users.list_users(None)
    assert {user.id for user in everybody} == {ann.id, bob.id}
    assert await house.users.list_users(None, limit=1, after=everybody[0].id) == everybody[1:]


async def test_closing_and_opening_an_account(house: House) -> None:
    """Closing ends all sessions and keeps the user out; opening lets them sign in again; twice changes nothing."""
    user = await house.make_user()
    token = await house.token()
    for _ in range(2):
        await house.users.disable_user(user.id, house.clock.now_ms())
    assert (await house.call("GET", "me", token=token)).status == 401
    assert (await house.login()).status == 401
    for _ in range(2):
        await house.users.enable_user(user.id, house.clock.now_ms())
    assert (await house.call("GET", "me", token=token)).status == 401
    assert (await house.login()).status == 200
    assert house.recorded().count("user.disabled") == 1


async def test_an_unknown_account_cannot_be_closed_or_opened(house: House) -> None:
    """A wrong id is told."""
    with pytest.raises(NotFoundError):
        await house.users.disable_user("usr_unknown", house.clock.now_ms())
    with pytest.raises(NotFoundError):
        await house.users.enable_user("usr_unknown", house.clock.now_ms())


async def test_a_prepared_user_is_stored_by_the_transaction_that_wants_it(house: House) -> None:
    """A prepared account exists once its transaction commits, and not when that fails."""
    insert = await house.users.prepare_user(
        email="ann@example.com", name="Ann", password=PASSWORD, now_ms=house.clock.now_ms()
    )

    async def fail(transaction: Transaction) -> None:
        await insert(transaction)
        raise NotFoundError

    with pytest.raises(NotFoundError):
        await house.database.transaction(fail)
    assert await house.count("users") == 0
    user_id = await house.database.transaction(insert)
    stored = await queries.find_user(house.database, user_id)
    assert stored is not None
    assert (stored.name, stored.is_super_admin, stored.email_verified_at_ms) == ("Ann", False, None)
    with pytest.raises(InvalidFieldsError):
        await house.users.prepare_user(email="x@example.com", name="", password="short", now_ms=house.clock.now_ms())
    with pytest.raises(InvalidFieldsError):
        await house.users.prepare_user(
            email="x@example.com",
            name="",
            password="acme-shop-2026",
            context_words=("acme-shop",),
            now_ms=house.clock.now_ms(),
        )


async def test_the_operator_ends_the_sessions_of_one_or_of_all(house: House) -> None:
    """Sessions of one user end and spare the others; those of everyone end all; the accounts stay open."""
    ann = await house.make_user()
    await house.make_user("bob@example.com")
    anns, bobs = [await house.token(), await house.token()], await house.token("bob@example.com")
    assert await house.users.end_sessions(ann.id, house.clock.now_ms()) == 2
    assert {(await house.call("GET", "me", token=token)).status for token in anns} == {401}
    assert (await house.call("GET", "me", token=bobs)).status == 200
    fresh = await house.token()
    assert await house.users.end_sessions_of_all(house.clock.now_ms()) == 2
    assert {(await house.call("GET", "me", token=token)).status for token in (bobs, fresh)} == {401}
    assert (await house.login()).status == 200
    assert await house.users.end_sessions_of_all(house.clock.now_ms()) == 1
    assert house.recorded().count('"session.ended"') == 3


async def test_proving_a_password_is_bounded_like_a_sign_in(house: House) -> None:
    """A wrong password, an unknown address and a closed account are refused, and guesses are counted."""
    user = await house.make_user()

    async def prove(email: str, password: str) -> None:
        await house.users.prove_password(email, password, address="192.0.2.1", now_ms=house.clock.now_ms())

    await prove("ANN@example.com", PASSWORD)
    with pytest.raises(WrongPasswordError):
        await prove("nobody@example.com", PASSWORD)
    for _ in range(10):
        with pytest.raises(WrongPasswordError):
            await prove("ann@example.com", OTHER_PASSWORD)
    with pytest.raises(RateLimitExceededError):
        await prove("ann@example.com", PASSWORD)
    house.clock.advance(60_000)
    await prove("ann@example.com", PASSWORD)
    await house.users.disable_user(user.id, house.clock.now_ms())
    with pytest.raises(WrongPasswordError):
        await prove("ann@example.com", PASSWORD)


async def test_a_users_repr_holds_no_hash(house: House) -> None:
    """What may reach a trace does not name the password's hash or the address."""
    assert repr(await house.make_user()).count("argon2") == 0
