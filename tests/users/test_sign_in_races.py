"""Sign-ins and changes that meet on the way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from eventually import eventually
from users_rig import OTHER_PASSWORD, PASSWORD, Answer, House
from watchword.credentials.password import Passwords
from watchword.db.database import Statement, Transaction
from watchword.users import queries

pytestmark = pytest.mark.anyio


class Held(Passwords):
    """Passwords whose only thread is kept busy, so that whoever proves one stays where they are."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost_kib=8, threads=1, queue_max=10)
        self._may_go = threading.Event()
        self._occupant = asyncio.create_task(self._run(self._may_go.wait))

    async def wait_for_one(self) -> None:
        """Return once a proof waits behind the occupant."""
        await eventually(lambda: self._executor._work_queue.qsize() == 1, seconds=5)

    async def let_go(self) -> None:
        self._may_go.set()
        await self._occupant


@asynccontextmanager
async def held(house: House) -> AsyncIterator[tuple[House, Held]]:
    """Give a second process on the same database, whose proofs stand still."""
    passwords = Held()
    await asyncio.sleep(0)
    process = House(house.database, house.generations, house.key_ring, house.clock, passwords)
    yield process, passwords
    await process.outbound.close()
    process.log.close()
    passwords.close()


async def meet(house: House, first: str, meanwhile: str) -> Answer:
    """Let one request wait in the middle of its proof while another change is made, and return its answer."""
    user = await house.make_user()
    token = await house.token()
    change = {"password": "yet another long phrase", "currentPassword": PASSWORD}
    async with held(house) as (process, passwords):
        if first == "login":
            task = asyncio.create_task(process.login())
        else:
            task = asyncio.create_task(process.call("PATCH", "me", {"name": "x", **change}, token=token))
        await passwords.wait_for_one()
        if meanwhile == "password":
            new = {"password": OTHER_PASSWORD, "currentPassword": PASSWORD}
            assert (await house.call("PATCH", "me", new, token=token)).status == 200
        else:
            await house.users.disable_user(user.id, house.clock.now_ms())
        await passwords.let_go()
        return await task


@pytest.mark.parametrize("meanwhile", ["password", "closing"])
async def test_a_sign_in_under_way_gets_no_session_by_the_old_password(house: House, meanwhile: str) -> None:
    """A proof begun before the password was changed or the account closed begins no session after it."""
    answer = await meet(house, "login", meanwhile)
    assert answer.status == 401
    row = await house.count("sessions WHERE ended_at IS NULL")
    assert row == (1 if meanwhile == "password" else 0)


@pytest.mark.parametrize(("meanwhile", "status"), [("password", 400), ("closing", 401)])
async def test_a_change_under_way_does_not_undo_another(house: House, meanwhile: str, status: int) -> None:
    """A change proved with a password that is no longer the current one changes nothing, the name neither."""
    answer = await meet(house, "change", meanwhile)
    assert answer.status == status
    user = await queries.find_user_by_email(house.database, "ann@example.com")
    assert user is not None
    assert user.name == ""
    if meanwhile == "password":
        assert (await house.login(password=OTHER_PASSWORD)).status == 200


async def test_a_reset_code_does_not_outlive_the_address_it_went_to(house: House) -> None:
    """A code mailed to an address that is no longer the account's resets nothing."""
    await house.make_user()
    token = await house.token()
    await house.call("POST", "forgot-password", {"email": "ann@example.com"})
    reset_code = await house.mailed_code()
    body = {"email": "new@example.com", "currentPassword": PASSWORD}
    await house.call("PATCH", "me", body, token=token)
    assert (await house.call("POST", f"verify/{await house.mailed_code()}")).status == 200
    answer = await house.call("POST", "reset-password", {"token": reset_code, "password": OTHER_PASSWORD})
    assert (answer.status, answer.code) == (400, "INVALID_CODE")
    assert (await house.login("new@example.com")).status == 200


async def test_fifty_parallel_confirmations_have_one_winner(house: House) -> None:
    """A confirmation code works once, however many use it at once."""
    await house.make_tenant(registration=True)
    await house.call("POST", "register", {"email": "new@example.com", "password": PASSWORD}, tenant="acme")
    code = await house.mailed_code()
    answers = await asyncio.gather(*(house.call("POST", f"verify/{code}") for _ in range(50)))
    assert sorted(answer.status for answer in answers) == [200] + [400] * 49


async def test_unconfirmed_sign_ins_cause_few_letters(house: House) -> None:
    """Signing in again and again before the address is confirmed sends five letters in a quarter of an hour."""
    tenant = await house.make_tenant(require_verified_email=True)
    await house.join(tenant, await house.make_user(verified=False))
    for _ in range(7):
        assert (await house.login()).status == 403
        await house.letters()
    assert len(await house.letters()) == 5
    assert house.lost == []


async def test_a_disabled_tenant_names_nothing(house: House) -> None:
    """A tenant that was closed lets nobody register and shows in no sign-in."""
    tenant = await house.make_tenant(registration=True)
    await house.join(tenant, await house.make_user())

    async def close(tx: Transaction) -> None:
        await tx.execute(Statement("UPDATE tenants SET disabled_at = 1"))

    await house.database.transaction(close)
    body = {"email": "new@example.com", "password": PASSWORD}
    assert (await house.call("POST", "register", body, tenant="acme")).code == "REGISTRATION_CLOSED"
    assert (await house.login(tenant="acme")).body["user"]["tenants"] == []
