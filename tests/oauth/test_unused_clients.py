"""The room for clients that came by themselves and wait for their first user: whose turn it is to give way."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable

import httpx
import pytest

from browser import Browser
from oauth_pages_world import CALLBACK, authorize_path, sign_in
from oauth_tenants import allow
from support import SetClock
from watchword.api_keys.models import CreateKey
from watchword.audit.events import Event
from watchword.db.database import Statement, Transaction
from watchword.oauth import unused_clients
from watchword.oauth.queries_requests import insert_request
from watchword.oauth.unused_clients import Room, Waiting, find_crowd, in_order_of_giving_way
from world import OPERATOR, Api

REGISTER = "/t/tenant-a/oauth/register"
WANTED = {
    "redirect_uris": [CALLBACK],
    "token_endpoint_auth_method": "none",
    "grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
}
STRANGER, HONEST = "198.51.100.7", "203.0.113.9"
Ask = Callable[[Api, str], Awaitable[None]]
SMALL = Room(tenant=10, bucket=3, near=5, far=7)


def waiting(*origins: str, pending: frozenset[int] = frozenset()) -> list[Waiting]:
    """Return clients from these networks in the order in which they came; each is named by its place."""
    return [Waiting(str(place), origin, place in pending) for place, origin in enumerate(origins)]


@pytest.mark.parametrize(
    ("held", "newcomer", "crowd"),
    [
        ([], "192.0.2.1", None),
        (["192.0.2.1"] * 2, "192.0.2.1", None),
        (["192.0.2.1"] * 3, "192.0.2.1", 3),
        (["192.0.2.1"] * 3, "192.0.2.2", None),
        (["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"], "192.0.2.6", 5),
        (["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"], "192.0.3.6", None),
        ([f"192.0.{number}.1" for number in range(7)], "192.0.200.1", 7),
        ([f"192.0.{number}.1" for number in range(7)], "192.1.0.1", None),
        ([f"192.{number}.0.1" for number in range(10)], "198.51.100.1", 10),
        ([f"2001:db8:0:{number:x}::/64" for number in range(5)], "2001:db8:0:ffff::/64", 5),
        ([f"2001:db8:{number:x}::/64" for number in range(7)], "2001:db8:ffff::/64", 7),
        ([f"2001:db8:{number:x}::/64" for number in range(7)], "2001:db9::/64", None),
        ([""] * 3, "", 3),
        ([""] * 3, "192.0.2.1", None),
    ],
)
def test_each_network_has_its_share(held: list[str], newcomer: str, crowd: int | None) -> None:
    """An address, a site, a provider and the tenant are each a crowd at their bound, and none before it."""
    found = find_crowd(waiting(*held), newcomer, SMALL)
    assert (None if found is None else len(found)) == crowd


def test_the_oldest_of_whoever_holds_most_gives_way() -> None:
    """The largest provider loses first, in it the largest site, in it the largest address, and of that the oldest."""
    crowd = waiting(
        "203.0.113.9", "198.51.1.1", "198.51.100.8", "198.51.100.7", "198.51.100.7", "192.0.2.1", "192.0.2.1"
    )
    assert [one.id for one in in_order_of_giving_way(crowd)] == ["3", "4", "2", "1", "5", "6", "0"]


def test_a_holder_of_many_small_networks_is_one() -> None:
    """Whoever takes a new IPv6 /64 for each client of a /32 gives way before anybody who has one."""
    crowd = waiting("2001:db9::/64", "192.0.2.1", *(f"2001:db8:{number:x}::/64" for number in range(3)))
    assert [one.id for one in in_order_of_giving_way(crowd)] == ["2", "3", "4", "0", "1"]


def test_what_somebody_is_asked_about_never_gives_way() -> None:
    """A pending client is no candidate, however much its network holds."""
    crowd = waiting(STRANGER, STRANGER, HONEST, pending=frozenset({0, 1}))
    assert [one.id for one in in_order_of_giving_way(crowd)] == ["2"]


@pytest.fixture
async def door(sqlite_api: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    """A door whose tenant a lets everybody register, with room for three of each address and four in all."""
    monkeypatch.setattr(unused_clients, "ROOM", Room(tenant=4, bucket=3, near=4, far=4))
    await allow(sqlite_api, client_registration="open")
    return sqlite_api


def seen_from(api: Api, address: str) -> Api:
    """Return the same door as somebody at another address comes through it."""
    transport = httpx.ASGITransport(app=api.application, client=(address, 1))
    client = httpx.AsyncClient(transport=transport, base_url="https://api.example")
    return Api(api.application, api.world, client, io.BytesIO())


async def register(api: Api, address: str = STRANGER) -> httpx.Response:
    return await seen_from(api, address).call("POST", REGISTER, json=WANTED)


async def register_many(api: Api, number: int, address: str = STRANGER) -> list[str]:
    """Register so many clients from an address, a moment apart, and return their ids."""
    answers = []
    for _ in range(number):
        answers.append(await register(api, address))
        assert isinstance(api.application.clock, SetClock)
        api.application.clock.advance(1)
    assert [answer.status_code for answer in answers] == [201] * number
    return [answer.json()["client_id"] for answer in answers]


async def is_there(api: Api, client_id: str) -> bool:
    row = await api.application.database.fetch_row(Statement("SELECT 1 FROM oauth_clients WHERE id = $1"), client_id)
    return row is not None


async def test_a_flood_pushes_out_its_own(door: Api) -> None:
    """However many one address registers, nobody else's client gives way, and anybody may still register."""
    (honest,) = await register_many(door, 1, HONEST)
    flood = await register_many(door, 10)
    (later,) = await register_many(door, 1, "192.0.2.77")
    assert [await is_there(door, one) for one in (honest, later, *flood[-2:])] == [True] * 4
    assert not any([await is_there(door, one) for one in flood[:-2]])


async def test_whoever_holds_a_key_needs_no_share(door: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that registers with a key of the tenant's makes many clients from one address, up to the tenant's bound."""
    monkeypatch.setattr(unused_clients, "ROOM_WITH_KEY", Room(tenant=5, bucket=5, near=5, far=5))
    await allow(door, client_registration="token")
    issued = await door.application.api_keys.create(
        door.world.tenants["a"],
        "live",
        CreateKey(name="registrations", kind="secret", scopes=["clients:write"]),
        actor=OPERATOR,
        now_ms=door.application.clock.now_ms(),
    )
    headers = {"authorization": f"Bearer {issued.text}"}
    answers = [await door.call("POST", REGISTER, json=WANTED, headers=headers) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [201] * 6
    row = await door.application.database.fetch_row(
        Statement("SELECT count(*) FROM oauth_clients WHERE source = 'registration'")
    )
    assert row is not None
    assert row[0] == 5


async def test_who_gave_way_is_nobody_and_registers_again(door: Api) -> None:
    """A client that gave way gets the answer of any unknown one, at the pages and at the token endpoint."""
    gone, *_ = await register_many(door, 4)
    page = await Browser(door).get(authorize_path(gone))
    assert (page.status_code, "location" in page.headers) == (400, False)
    form = f"grant_type=authorization_code&code=x&client_id={gone}".encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    refused = await door.call("POST", "/oauth/token", content=form, headers=headers)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert (await register(door)).status_code == 201
    assert {"event": Event.CLIENT_DELETED.value, "subject": gone}.items() <= next(
        event for event in door.events() if event["event"] == Event.CLIENT_DELETED.value
    ).items()


async def test_a_client_that_somebody_uses_never_gives_way(door: Api, clock: SetClock) -> None:
    """What a user allowed stays through any flood of its own address, and takes none of its share any more."""
    (used,) = await register_many(door, 1)
    browser = Browser(door)
    await browser.submit(await sign_in(browser, await browser.get(authorize_path(used))), decision="allow")
    await register_many(door, 10)
    await door.application.oauth.registrations.prune(clock.now_ms())
    assert await is_there(door, used)
    origins = Statement("SELECT count(*) FROM oauth_clients WHERE came_from IS NOT NULL")
    row = await door.application.database.fetch_row(origins)
    assert row is not None
    assert row[0] == 3


async def ask_a_person(api: Api, client_id: str) -> None:
    assert "<h1>Sign in</h1>" in (await Browser(api).get(authorize_path(client_id))).text


async def ask_for_a_device(api: Api, client_id: str) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    path = "/oauth/device_authorization"
    answer = await api.call("POST", path, content=f"client_id={client_id}".encode(), headers=headers)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("ask", [ask_a_person, ask_for_a_device], ids=["a person", "a device"])
async def test_a_client_that_somebody_is_asked_about_never_gives_way(door: Api, clock: SetClock, ask: Ask) -> None:
    """While a person decides, the client stays; where all are such, the newcomer of that address is told when to come."""
    clients = await register_many(door, 3)
    for client_id in clients:
        await ask(door, client_id)
    refused = await register(door)
    assert (refused.status_code, refused.json()["error"]) == (429, "temporarily_unavailable")
    assert refused.headers["retry-after"] == "1800"
    await register_many(door, 1, HONEST)
    clock.advance(1_800_001)
    await register_many(door, 1)
    assert [await is_there(door, one) for one in clients] == [False, True, True]


async def test_what_an_administrator_looked_at_takes_no_room(door: Api) -> None:
    """A client that an administrator bounded or disabled stays through a flood."""
    kept, *_ = await register_many(door, 3)
    path = f"/api/clients/{kept}"
    assert (await door.call("PATCH", path, who="admin_a", json={"scopes": ["products:read"]})).status_code == 200
    await register_many(door, 10)
    assert await is_there(door, kept)


async def test_registrations_at_once_do_not_pass_the_bound(
    doors: tuple[Api, Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty that register at one time with two processes leave no more than there is room for, on either database."""
    monkeypatch.setattr(unused_clients, "ROOM", Room(bucket=5))
    await allow(doors[0], client_registration="open")
    both = [seen_from(api, STRANGER) for api in doors]
    answers = await asyncio.gather(*(both[number % 2].call("POST", REGISTER, json=WANTED) for number in range(50)))
    assert [answer.status_code for answer in answers] == [201] * 50
    row = await doors[0].application.database.fetch_row(
        Statement("SELECT count(*) FROM oauth_clients WHERE source = 'registration'")
    )
    assert row is not None
    assert row[0] == 5


async def test_nobody_is_asked_about_a_client_that_just_gave_way(
    stored_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person who comes at the moment of a flood either finds the client unknown, or keeps it."""
    monkeypatch.setattr(unused_clients, "ROOM", Room(bucket=3))
    await allow(stored_api, client_registration="open")
    clients = await register_many(stored_api, 3)
    coming = [stored_api.call("GET", authorize_path(client_id)) for client_id in clients]
    pages = (await asyncio.gather(*coming, *(register(stored_api) for _ in range(6))))[:3]
    for client_id, page in zip(clients, pages, strict=True):
        assert (page.status_code == 303) == await is_there(stored_api, client_id), page.text


_WAITS_FOR_A_LOCK = Statement(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


async def test_who_begins_just_before_keeps_the_client(
    postgres_api: Api, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that is being stored when its client should give way is waited for, and then keeps it."""
    monkeypatch.setattr(unused_clients, "ROOM", Room(bucket=1))
    await allow(postgres_api, client_registration="open")
    (client_id,) = await register_many(postgres_api, 1)
    database, tenant_id = postgres_api.application.database, postgres_api.world.tenants["a"]
    stored, go_on = asyncio.Event(), asyncio.Event()

    async def begin(tx: Transaction) -> None:
        now_ms, until_ms = clock.now_ms(), clock.now_ms() + 60_000
        names = {"tenant_id": tenant_id, "client_id": client_id, "parameters": "{}"}
        await insert_request(tx, b"h", "page", **names, now_ms=now_ms, expires_at_ms=until_ms)
        stored.set()
        await go_on.wait()

    async def until_it_waits() -> None:
        while True:
            row = await database.fetch_row(_WAITS_FOR_A_LOCK)
            if row is not None and row[0] > 0:
                return
            await asyncio.sleep(0.005)

    beginning = asyncio.create_task(database.transaction(begin))
    await stored.wait()
    newcomer = asyncio.create_task(register(postgres_api))
    await asyncio.wait_for(until_it_waits(), 30)
    go_on.set()
    await beginning
    assert (await newcomer).status_code == 429
    assert await is_there(postgres_api, client_id)
