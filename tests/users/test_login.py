"""Signing in: who gets a session, who does not, and what a stranger learns."""

from __future__ import annotations

import asyncio
import threading

import pytest

from users_rig import OTHER_PASSWORD, PASSWORD, TTL_SECONDS, House
from watchword.credentials.password import Passwords
from watchword.db.database import Transaction
from watchword.users import queries

pytestmark = pytest.mark.anyio


async def test_the_answer_has_the_documents_fields_and_payloads(house: House) -> None:
    """A sign-in answers token, user and exp as the document prints them, and Payload's fields beside them."""
    tenant = await house.make_tenant()
    user = await house.make_user("Ann@Example.com")
    await house.join(tenant, user)
    answer = await house.login("ann@example.COM")
    assert answer.status == 200
    assert answer.body.pop("token").startswith("eyJhbGciOiJIUzI1NiIs")
    assert answer.body == {
        "message": "Login successful.",
        "user": {
            "id": user.id,
            "email": "Ann@Example.com",
            "name": "",
            "role": "tenant-admin",
            "tenants": [tenant.id],
            "collection": "users",
        },
        "exp": house.clock.now_ms() // 1000 + TTL_SECONDS,
        "collection": "users",
        "strategy": "local-jwt",
    }
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers


async def test_unknown_wrong_and_closed_answer_alike(house: House) -> None:
    """An unknown address, a wrong password and a closed account cannot be told apart."""
    await house.make_user()
    closed = await house.make_user("closed@example.com")
    await house.users.disable_user(closed.id, house.clock.now_ms())
    answers = [
        await house.login("nobody@example.com"),
        await house.login(password=OTHER_PASSWORD),
        await house.login("closed@example.com"),
        await house.login("'; DROP TABLE users; --"),
    ]
    assert {(a.status, a.code, str(a.body), str(a.headers)) for a in answers} == {
        (401, "UNAUTHORIZED", "{}", str(answers[0].headers))
    }


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "ann@example.com"},
        {"email": "ann@example.com", "password": ""},
        {"email": "", "password": PASSWORD},
        {"email": ["ann@example.com"], "password": PASSWORD},
        {"email": "ann@example.com", "password": {"$ne": ""}},
        {"email": "ann@example.com", "password": None},
        {"email": "ann@example.com", "password": "p" * 1025},
        {"email": "ann@example.com", "password": PASSWORD, "role": "super-admin"},
    ],
)
async def test_a_body_that_is_no_login_is_refused(house: House, body: object) -> None:
    """Missing, empty, overlong, wrongly typed and unknown fields are refused before anything is counted."""
    answer = await house.call("POST", "login", body)
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    assert await house.count("login_attempts") == 0


async def test_the_cookie_holds_the_token_and_nothing_else_does(house: House) -> None:
    """Asked for the cookie, the token goes into it alone."""
    await house.make_user()
    answer = await house.call("POST", "login?cookie=true", {"email": "ann@example.com", "password": PASSWORD})
    name, _, rest = answer.headers["set-cookie"].partition("=")
    token, _, attributes = rest.partition("; ")
    assert name == "__Host-watchword"
    assert attributes == f"Max-Age={TTL_SECONDS}; Path=/; Secure; HttpOnly; SameSite=Strict"
    assert "token" not in answer.body
    assert token not in str(answer.body)
    me = await house.call("GET", "me", cookie=token)
    assert me.status == 200
    assert token not in str(me.body)


@pytest.mark.parametrize(("query", "in_cookie"), [("", True), ("?cookie=false", False), ("?cookie=true", True)])
async def test_the_tenants_setting_gives_the_cookie_unless_refused(
    house: House,
    query: str,
    in_cookie: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """A tenant whose setting is the cookie gets it without asking, and its other clients can refuse it."""
    tenant = await house.make_tenant(session_cookie=True)
    await house.join(tenant, await house.make_user())
    answer = await house.call("POST", f"login{query}", {"email": "ann@example.com", "password": PASSWORD})
    assert ("set-cookie" in answer.headers, "token" in answer.body) == (in_cookie, not in_cookie)


async def test_the_role_is_the_one_in_the_named_tenant(house: House) -> None:
    """A user of two tenants is shown the role in the one that the request names by id or slug, else in the first."""
    first, second = await house.make_tenant("first"), await house.make_tenant("second")
    user = await house.make_user()
    await house.join(first, user, "tenant-viewer")
    house.clock.advance(1)
    await house.join(second, user, "tenant-editor")
    assert (await house.login()).body["user"]["role"] == "tenant-viewer"
    assert (await house.login(tenant="second")).body["user"]["role"] == "tenant-editor"
    assert (await house.login(tenant=second.id)).body["user"]["role"] == "tenant-editor"
    assert (await house.login(tenant="unknown")).body["user"]["role"] == "tenant-viewer"


async def test_an_unconfirmed_address_is_refused_where_a_tenant_wants_it_confirmed(house: House) -> None:
    """A right password without a confirmed address gets no session and a new letter, whichever tenant is named."""
    strict, lax = await house.make_tenant("strict", require_verified_email=True), await house.make_tenant("lax")
    user = await house.make_user(verified=False)
    await house.join(strict, user)
    await house.join(lax, user)
    answer = await house.login(tenant="lax")
    assert (answer.status, answer.code) == (403, "EMAIL_NOT_VERIFIED")
    assert (await house.login(password=OTHER_PASSWORD)).status == 401
    assert await house.count("sessions") == 0
    code = await house.mailed_code()
    assert (await house.call("POST", f"verify/{code}")).status == 200
    assert (await house.login()).status == 200


async def test_a_new_sign_in_ends_the_session_it_was_made_from(house: House) -> None:
    """Signing in again with a session at hand leaves one session, and other devices alone."""
    await house.make_user()
    elsewhere, before = await house.token(), await house.token()
    assert (await house.login(token=before)).status == 200
    assert (await house.call("GET", "me", token=before)).status == 401
    assert (await house.call("GET", "me", token=elsewhere)).status == 200


async def test_an_outdated_hash_is_renewed_and_parallel_sign_ins_still_succeed(house: House) -> None:
    """A hash with outdated parameters is replaced at the next sign-in, without failing those beside it."""
    user = await house.make_user()
    other = Passwords(time_cost=2, memory_cost_kib=16, threads=1, queue_max=5)
    outdated = await other.hash(PASSWORD)
    other.close()

    async def work(tx: Transaction) -> None:
        await queries.update_password(tx, user.id, outdated, house.clock.now_ms())

    await house.database.transaction(work)
    answers = await asyncio.gather(*(house.login() for _ in range(4)))
    assert [answer.status for answer in answers] == [200] * 4
    stored = await queries.find_user(house.database, user.id)
    assert stored is not None
    assert stored.password_hash != outdated
    assert (await house.login()).status == 200


async def test_sign_ins_and_failures_are_recorded_without_credentials(house: House) -> None:
    """The audit log names the user and the address, and holds neither password, token nor e-mail address."""
    user = await house.make_user()
    await house.login(password=OTHER_PASSWORD)
    token = await house.token()
    lines = house.recorded()
    assert "user.login_failed" in lines
    assert "user.logged_in" in lines
    assert user.id in lines
    for secret in (PASSWORD, OTHER_PASSWORD, token, "ann@example.com"):
        assert secret not in lines


async def test_a_dead_database_refuses(house: House) -> None:
    """Without a database to count in, not even the right password gets in."""
    await house.make_user()
    await house.database.close()
    assert (await house.login()).status == 503


async def test_a_full_hashing_queue_costs_no_attempt(house: House) -> None:
    """A sign-in that could not be tried for want of a hashing thread is not counted as a failure."""
    await house.make_user()
    full = Passwords(time_cost=1, memory_cost_kib=8, threads=1, queue_max=0)
    crowded = House(house.database, house.generations, house.key_ring, house.clock, full)
    may_end = threading.Event()
    occupant = asyncio.create_task(full._run(may_end.wait))
    await asyncio.sleep(0)
    answers = await asyncio.gather(*(crowded.login(password=OTHER_PASSWORD) for _ in range(12)))
    assert {answer.status for answer in answers} == {503}
    may_end.set()
    await occupant
    statuses = [(await house.login(password=OTHER_PASSWORD)).status for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    full.close()
    crowded.log.close()


async def test_success_after_failures_is_told_by_letter(house: House) -> None:
    """A sign-in after five wrong passwords is told to the user, one after four is not."""
    await house.make_user()
    for _ in range(4):
        await house.login(password=OTHER_PASSWORD)
    await house.login()
    assert await house.letters() == []
    for _ in range(5):
        await house.login(password=OTHER_PASSWORD)
    await house.login()
    assert [letter.subject for letter in await house.letters()] == ["A sign-in after wrong passwords"]
