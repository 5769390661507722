"""Clients whose keys stand at an address of their own (``jwks_uri``): fetched, kept for minutes, and never elsewhere."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from https_site import Site, answer_of
from oauth_keys import ASSERTION_TYPE, ClientKey
from oauth_world import add_client
from support import SetClock
from watchword.oauth.models import ClientSettings
from world import Api, World, open_api

KEY = ClientKey("ES256", kid="one")
NEXT = ClientKey("ES256", kid="two")
NOW_MS = SetClock().now_ms()


@pytest.fixture
def site(site: Site) -> Site:
    """The client's own site, with its keys."""
    publish(site, KEY)
    return site


@pytest.fixture
def api(fetching: Api) -> Api:
    """The door of an installation that may fetch from this machine."""
    return fetching


def publish(site: Site, *keys: ClientKey, headers: tuple[str, ...] = ()) -> None:
    body = json.dumps({"keys": [key.jwk for key in keys]}).encode()
    site.answers["/jwks"] = answer_of(body, media_type="application/jwk-set+json", headers=headers)


async def add(api: Api, uri: str) -> str:
    settings = ClientSettings(authentication_method="private_key_jwt", jwks_uri=uri)
    return await add_client(api.application, api.world.tenants["a"], settings=settings)


async def ask(api: Api, client: str, key: ClientKey = KEY, **changes: Any) -> httpx.Response:  # noqa: ANN401 - claims of any shape
    """Ask for a token with an assertion of the clock's time."""
    now_s = api.application.clock.now_ms() // 1000
    times = {"iat": now_s, "exp": now_s + 60}
    header = {"kid": key.jwk["kid"]}
    assertion = key.assertion(
        client, f"{api.application.settings.url}/t/tenant-a", header=header, **{**times, **changes}
    )
    form = f"grant_type=client_credentials&client_assertion_type={ASSERTION_TYPE}&client_assertion={assertion}"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return await api.call("POST", "/oauth/token", content=form.encode(), headers=headers)


async def test_keys_are_fetched_and_kept(api: Api, site: Site, clock: SetClock) -> None:
    """A client is proved by the keys at its address, which are fetched once in five minutes."""
    client = await add(api, site.url("/jwks"))
    for _ in range(3):
        assert (await ask(api, client)).status_code == 200
    assert len(site.asked) == 1
    clock.advance(300_000)
    assert (await ask(api, client)).status_code == 200
    assert len(site.asked) == 2


async def test_a_key_that_is_new_counts_soon(api: Api, site: Site, clock: SetClock) -> None:
    """A key that the client has just published is looked for, though not at each stranger's wish."""
    client = await add(api, site.url("/jwks"))
    assert (await ask(api, client)).status_code == 200
    publish(site, KEY, NEXT)
    assert (await ask(api, client, NEXT)).status_code == 401
    assert len(site.asked) == 1
    clock.advance(30_000)
    assert (await ask(api, client, NEXT)).status_code == 200
    assert len(site.asked) == 2


async def test_a_key_taken_back_counts_no_more(api: Api, site: Site, clock: SetClock) -> None:
    """A key that the client has taken away is refused when the kept set has ended, at the latest in 15 minutes."""
    publish(site, KEY, headers=("cache-control: max-age=86400",))
    client = await add(api, site.url("/jwks"))
    assert (await ask(api, client)).status_code == 200
    publish(site, NEXT)
    clock.advance(899_999)
    assert (await ask(api, client)).status_code == 200
    clock.advance(1)
    assert (await ask(api, client)).status_code == 401


async def test_a_site_that_is_gone_proves_nobody(api: Api, site: Site, clock: SetClock) -> None:
    """When the keys cannot be had any more the client is refused, and its site is asked again only after a while."""
    client = await add(api, site.url("/jwks"))
    assert (await ask(api, client)).status_code == 200
    site.answers.clear()
    clock.advance(300_000)
    for _ in range(3):
        assert (await ask(api, client)).status_code == 401
    assert len(site.asked) == 2
    publish(site, KEY)
    clock.advance(30_000)
    assert (await ask(api, client)).status_code == 200


async def test_many_at_once_are_one_fetch(api: Api, site: Site) -> None:
    """Requests at one time wait for one fetch."""
    site.delay_seconds = 0.2
    client = await add(api, site.url("/jwks"))
    answers = await asyncio.gather(*(ask(api, client) for _ in range(10)))
    assert [answer.status_code for answer in answers] == [200] * 10
    assert len(site.asked) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"keys": 1}', b"\xff", b'{"keys":[],"keys":[]}', b'{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}'],
    ids=["nothing", "a list", "no keys", "keys no list", "not UTF-8", "keys twice", "a secret"],
)
async def test_a_broken_set_proves_nobody(api: Api, site: Site, body: bytes) -> None:
    """What is no set of public keys has no key in it."""
    site.answers["/jwks"] = answer_of(body)
    assert (await ask(api, await add(api, site.url("/jwks")))).status_code == 401


async def test_no_redirect_leads_to_keys(api: Api, site: Site) -> None:
    """Keys stand at the very address that was registered (SSRF, RFC 9700 §4.11)."""
    site.answers["/moved"] = answer_of(b"", status="302 Found", headers=(f"location: {site.url('/jwks')}",))
    assert (await ask(api, await add(api, site.url("/moved")))).status_code == 401
    assert len(site.asked) == 1


async def test_private_addresses_are_not_asked(
    template: tuple[Path, World], clock: SetClock, site: Site, tmp_path: Path
) -> None:
    """Without the operator's leave a ``jwks_uri`` reaches nothing on this machine or its networks."""
    directory, world = template
    changes = {"WATCHWORD_FETCH_CA_FILE": str(site.ca_file)}
    async with open_api(directory, world, tmp_path / "closed", "fast", clock, **changes) as door:
        for host in ("localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f000001", "127.1"):
            assert (await ask(door, await add(door, site.url("/jwks", host=host)))).status_code == 401
    assert site.asked == []


async def test_strangers_cannot_aim_the_server(api: Api, site: Site, clock: SetClock) -> None:
    """A process fetches a bounded number of documents in a minute, whoever asks for them."""
    clients = [await add(api, site.url(f"/jwks?{number}")) for number in range(70)]
    for client in clients:
        assert (await ask(api, client)).status_code == 401
    assert len(site.asked) == 60
    clock.advance(60_000)
    await ask(api, clients[-1])
    assert len(site.asked) == 61
