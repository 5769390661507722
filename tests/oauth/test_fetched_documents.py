"""Documents of clients, fetched when they are needed: from where, how long each counts, and how many anybody may name."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from browser import Browser
from https_site import Site
from oauth_documents import FORM, PATH, authorize, code_for, publish, redeem
from oauth_tenants import allow
from support import SetClock
from watchword.db.database import Statement
from watchword.limits.policies import ATTEMPTS
from watchword.oauth import fetched_documents, unused_clients
from watchword.oauth.unused_clients import Room
from world import Api, World, open_api


@pytest.fixture
def site(site: Site) -> Site:
    """The client's own site, with its document."""
    publish(site)
    return site


@pytest.fixture
async def api(fetching: Api) -> Api:
    """The door of an installation that may fetch from this machine, whose tenant a takes documents."""
    await allow(fetching, client_metadata_documents=True)
    return fetching


async def test_private_addresses_are_not_asked(
    template: tuple[Path, World], clock: SetClock, site: Site, tmp_path: Path
) -> None:
    """Without the operator's leave no name of a client reaches this machine or its networks (SSRF)."""
    directory, world = template
    changes = {"WATCHWORD_FETCH_CA_FILE": str(site.ca_file)}
    async with open_api(directory, world, tmp_path / "closed", "fast", clock, **changes) as door:
        await allow(door, client_metadata_documents=True)
        for host in ("localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]"):
            assert (await Browser(door).get(authorize(site.url(PATH, host=host)))).status_code == 400
    assert site.asked == []


async def test_a_document_is_kept_and_renewed(api: Api, site: Site, clock: SetClock) -> None:
    """A document is fetched again when it is over, and what it says then is in force, for its old codes too."""
    publish(site, headers=("cache-control: max-age=600",))
    client_id = site.url(PATH)
    code = await code_for(api, client_id)
    publish(site, client_name="Renamed", redirect_uris=["https://other.example/cb"])
    clock.advance(599_999)
    page = await Browser(api).get(authorize(client_id))
    assert (page.status_code, len(site.asked)) == (200, 1)
    clock.advance(1)
    assert (await Browser(api).get(authorize(client_id))).status_code == 400
    page = await Browser(api).get(authorize(client_id, redirect_uri="https://other.example/cb"))
    assert "Renamed" in page.text
    assert len(site.asked) == 2
    assert (await redeem(api, client_id, code)).status_code == 400


async def test_a_document_that_is_gone_counts_for_a_day(api: Api, site: Site, clock: SetClock) -> None:
    """A client's bad day is bridged with what was known of it; after that it is nobody."""
    client_id = site.url(PATH)
    await code_for(api, client_id)
    site.answers.clear()
    clock.advance(23 * 3_600_000)
    assert (await Browser(api).get(authorize(client_id))).status_code == 200
    clock.advance(3_600_000)
    assert (await Browser(api).get(authorize(client_id))).status_code == 400


async def test_many_at_once_are_one_client(api: Api, site: Site) -> None:
    """People who come at one time with a client that is new make one client, after one fetch."""
    site.delay_seconds = 0.2
    path = authorize(site.url(PATH))
    pages = await asyncio.gather(*(Browser(api).get(path) for _ in range(10)))
    assert [page.status_code for page in pages] == [200] * 10
    row = await api.application.database.fetch_row(Statement("SELECT count(*) FROM oauth_client_documents"))
    assert row is not None
    assert (row[0], len(site.asked)) == (1, 1)


async def test_a_flood_of_documents_is_bounded(api: Api, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many clients of documents wait for their first user in a tenant; while people decide about all, no more come."""
    monkeypatch.setattr(unused_clients, "ROOM", Room(tenant=2))
    statuses = []
    for number in range(3):
        publish(site, f"/agent{number}.json")
        statuses.append((await Browser(api).get(authorize(site.url(f"/agent{number}.json")))).status_code)
    assert statuses == [200, 200, 429]


async def test_each_address_names_so_many_new_documents(api: Api) -> None:
    """Who has named too many is told when to come again; whoever asks from elsewhere is served."""
    tried = [await seen_from(api, "198.51.100.7").call("GET", authorize(nobody(n))) for n in range(21)]
    assert [answer.status_code for answer in tried] == [400] * 20 + [429]
    assert 0 < int(tried[-1].headers["retry-after"]) <= 60
    form = urlencode({"grant_type": "authorization_code", "code": "x", "client_id": nobody(99)}).encode()
    path = "/t/tenant-a/oauth/token"
    refused = await seen_from(api, "198.51.100.7").call("POST", path, content=form, headers=FORM)
    assert (refused.status_code, refused.json()["error"]) == (429, "temporarily_unavailable")
    assert "retry-after" in refused.headers
    elsewhere = await seen_from(api, "203.0.113.9").call("POST", path, content=form, headers=FORM)
    assert (elsewhere.status_code, elsewhere.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("doors", ["sqlite"], indirect=True)
async def test_processes_hold_one_share_together(doors: tuple[Api, Api]) -> None:
    """Whoever asks several processes in turn has one share at all of them."""
    await allow(doors[0], client_metadata_documents=True)
    both = [seen_from(api, "198.51.100.7") for api in doors]
    tried = [await both[number % 2].call("GET", authorize(nobody(number))) for number in range(22)]
    assert [answer.status_code for answer in tried] == [400] * 20 + [429] * 2


async def test_an_exhausted_address_still_uses_what_is_known(api: Api, site: Site, clock: SetClock) -> None:
    """Where an address has used up its share, clients that are known here serve its users on, also past their hour."""
    client_id = site.url(PATH)
    await code_for(api, client_id)
    clock.advance(3_600_000)
    for number in range(20):
        await api.call("GET", authorize(nobody(number)))
    assert (await api.call("GET", authorize(nobody(99)))).status_code == 429
    assert (await Browser(api).get(authorize(client_id))).status_code == 200


def nobody(number: int) -> str:
    """Return an address where no document stands: at a port that nothing listens on."""
    return f"https://127.0.0.1:1/{number}"


def test_networks_around_an_address_share_less_than_a_process_fetches() -> None:
    """No provider's customers together, however many /64s they hold, use up what all fetch in a minute."""
    counts = [ATTEMPTS[f"client_document{width}"].count for width in ("", "_near", "_far")]
    assert counts == sorted(counts)
    assert counts[-1] < fetched_documents._FETCHES_PER_MINUTE


async def test_many_small_networks_are_counted_as_one(api: Api) -> None:
    """An IPv6 /48 has one share, and a /32 has, from however many /64s their holder asks."""
    addresses = [f"2001:db8:0:{number:x}::1" for number in range(32)]
    site_of_one = [await named_from(api, address, number) for number, address in enumerate(addresses)]
    assert site_of_one == [400] * 30 + [429] * 2
    further = [await named_from(api, f"2001:db8:{number:x}::1", 100 + number) for number in range(1, 12)]
    assert further == [400] * 10 + [429]
    assert await named_from(api, "2001:db9::1", 200) == 400


async def named_from(api: Api, address: str, number: int) -> int:
    return (await seen_from(api, address).call("GET", authorize(nobody(number)))).status_code


def seen_from(api: Api, address: str) -> Api:
    """Return the same door as somebody at another address comes through it."""
    transport = httpx.ASGITransport(app=api.application, client=(address, 1))
    client = httpx.AsyncClient(transport=transport, base_url="https://api.example")
    return Api(api.application, api.world, client, io.BytesIO())
