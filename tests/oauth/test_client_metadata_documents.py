"""Clients that are named by the address of their own metadata document, and what must not pass for one."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import msgspec
import pytest

from browser import Browser, answer_in
from https_site import Site, answer_of, open_site
from oauth_keys import ASSERTION_TYPE, ClientKey
from oauth_pages_world import CALLBACK, REQUEST, VERIFIER, sign_in
from oauth_tenants import allow
from support import SetClock
from watchword.db.database import Statement
from watchword.limits.policies import ATTEMPTS
from watchword.oauth import fetched_documents, unused_clients
from watchword.oauth.client_metadata_documents import is_document_uri
from watchword.oauth.client_models import ChangeClient
from watchword.oauth.unused_clients import Room
from world import OPERATOR, Api, World, open_api

PATH = "/agent.json"
LEFT = "https://app.example/left"
FORM = {"content-type": "application/x-www-form-urlencoded"}
KEY = ClientKey("ES256", kid="one")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """The client's own site."""
    directory = tmp_path / "site"
    directory.mkdir()
    async with open_site(directory) as opened:
        publish(opened)
        yield opened


@pytest.fixture
async def api(template: tuple[Path, World], clock: SetClock, site: Site, tmp_path: Path) -> AsyncIterator[Api]:
    """The door of an installation that may fetch from this machine, whose tenant a takes documents."""
    directory, world = template
    changes = {"WATCHWORD_FETCH_NETWORKS": "127.0.0.0/8", "WATCHWORD_FETCH_CA_FILE": str(site.ca_file)}
    async with open_api(directory, world, tmp_path / "data", "fast", clock, **changes) as door:
        await allow(door, client_metadata_documents=True)
        yield door


def publish(site: Site, path: str = PATH, *, headers: tuple[str, ...] = (), **changes: Any) -> None:  # noqa: ANN401 - metadata of any shape
    """Put a document on the site; a change to None leaves a field out."""
    document = {
        "client_id": site.url(path),
        "client_name": "An agent",
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        **changes,
    }
    body = json.dumps({name: value for name, value in document.items() if value is not None}).encode()
    site.answers[path] = answer_of(body, headers=headers)


def authorize(client_id: str, *, tenant: str = "tenant-a", **changes: str) -> str:
    return f"/t/{tenant}/oauth/authorize?{urlencode({'client_id': client_id, **REQUEST, **changes})}"


async def code_for(api: Api, client_id: str) -> str:
    """Sign in, allow, and return the code."""
    browser = Browser(api)
    page = await sign_in(browser, await browser.get(authorize(client_id)))
    return answer_in(page if page.status_code == 303 else await browser.submit(page, decision="allow"))["code"]


async def redeem(api: Api, client_id: str, code: str, *, tenant: str = "tenant-a", **more: str) -> httpx.Response:
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    form = urlencode({**fields, "client_id": client_id, **more}).encode()
    return await api.call("POST", f"/t/{tenant}/oauth/token", content=form, headers=FORM)


async def test_a_client_nobody_registered_is_let_in_by_a_user(api: Api, site: Site) -> None:
    """A client is known by its address alone: the user is asked, and a token and ID token come of it."""
    client_id = site.url(PATH)
    answer = await redeem(api, client_id, await code_for(api, client_id))
    assert answer.status_code == 200, answer.text
    claims = json.loads(_decoded(answer.json()["id_token"].split(".")[1]))
    assert claims["aud"] == client_id
    header = {"authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await api.call("GET", "/api/products?limit=1", headers=header)).status_code == 200
    assert len(site.asked) == 1


def _decoded(text: str) -> bytes:
    import base64  # noqa: PLC0415 - for this line alone

    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def test_a_client_of_a_document_may_have_keys(api: Api, site: Site) -> None:
    """A client whose document has keys proves itself by them, and is nobody without."""
    client_id = site.url(PATH)
    publish(site, token_endpoint_auth_method="private_key_jwt", jwks={"keys": [KEY.jwk]})
    code = await code_for(api, client_id)
    assert (await redeem(api, client_id, code)).status_code == 401
    assertion = KEY.assertion(client_id, f"{api.application.settings.url}/t/tenant-a")
    proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
    assert (await redeem(api, client_id, code, **proof)).status_code == 200


async def test_a_tenant_takes_documents_only_if_it_says_so(api: Api, site: Site) -> None:
    """Documents are off by default, in metadata too, and nothing is fetched for a tenant without."""
    answer = await Browser(api).get(authorize(site.url(PATH), tenant="tenant-b"))
    assert answer.status_code == 400
    assert site.asked == []
    path = "/.well-known/oauth-authorization-server/t/tenant-"
    assert (await api.call("GET", f"{path}a")).json()["client_id_metadata_document_supported"] is True
    assert "client_id_metadata_document_supported" not in (await api.call("GET", f"{path}b")).json()


WRONG: dict[str, dict[str, Any]] = {
    "another's name": {"client_id": "https://bank.example/client.json"},
    "a name of its own site": {"client_id": "https://localhost/agent.json"},
    "no name": {"client_id": None},
    "no redirect URI": {"redirect_uris": []},
    "a script as redirect URI": {"redirect_uris": ["javascript:alert(1)"]},
    "a secret": {"client_secret": "x"},
    "a secret's end": {"client_secret_expires_at": 0},
    "proof by secret": {"token_endpoint_auth_method": "client_secret_basic"},
    "proof by a JWT of a secret": {"token_endpoint_auth_method": "client_secret_jwt"},
    "keys without key": {"token_endpoint_auth_method": "private_key_jwt"},
    "acting for itself": {"grant_types": ["client_credentials"]},
    "implicit": {"grant_types": ["implicit"]},
    "a list as name": {"client_name": ["x"]},
    "a name turned around": {"client_name": "Bank\u202e"},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
async def test_a_wrong_document_is_nobody(api: Api, site: Site, changes: dict[str, Any]) -> None:
    """A document names its own address, holds no secret and asks for nothing that it may not give itself."""
    publish(site, **changes)
    answer = await Browser(api).get(authorize(site.url(PATH)))
    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    "answer",
    [
        answer_of(b"<html>", media_type="text/html"),
        answer_of(b"{"),
        answer_of(b"[]"),
        answer_of(b"null"),
        answer_of(b"", status="302 Found", headers=("location: https://bank.example/client.json",)),
        answer_of(b"", status="500 Oh"),
        answer_of(b" " * 70_000),
    ],
    ids=["a page", "broken", "a list", "null", "a redirect", "an error", "too long"],
)
async def test_what_is_no_document_is_nobody(api: Api, site: Site, answer: bytes) -> None:
    """What does not come whole, at once and as JSON says nothing about anybody."""
    site.answers[PATH] = answer
    shown = await Browser(api).get(authorize(site.url(PATH)))
    assert (shown.status_code, "location" in shown.headers) == (400, False)


@pytest.mark.parametrize(
    "uri",
    [
        "https://example.com", "https://example.com/", "http://example.com/a", "https://example.com/a#b",
        "https://u@example.com/a", "https://example.com/../a", "https://example.com/a/./b", "https://example.com/%2e%2e/a",
        "https://example.com/%2E/a", "https://EXAMPLE.com/a", "https://example.com:0/a", f"https://example.com/{'a' * 500}",
        "https://2130706433/a", "https://127.1/a", "https://example.com\\a",
    ],
)  # fmt: skip
def test_an_address_that_is_none_of_a_document(uri: str) -> None:
    """An address is https with a path, and can be read in one way only."""
    assert not is_document_uri(uri)


@pytest.mark.parametrize(
    "uri", ["https://example.com/a", "https://example.com/a/b.json?v=1", "https://example.com:8443/a"]
)
def test_an_address_of_a_document(uri: str) -> None:
    """Plain addresses with a path are taken."""
    assert is_document_uri(uri)


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


async def test_one_document_is_one_client_in_each_tenant(api: Api, site: Site) -> None:
    """The same address is another client in another tenant, and a code of one is nothing in the other."""
    await allow(api, tenant="b", client_metadata_documents=True)
    client_id = site.url(PATH)
    code = await code_for(api, client_id)
    assert (await redeem(api, client_id, code, tenant="tenant-b")).status_code == 400
    assert (await redeem(api, client_id, code)).status_code == 200


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


def log_out(client_id: str, **more: str) -> str:
    query = {"client_id": client_id, "post_logout_redirect_uri": LEFT, **more}
    return f"/t/tenant-a/oauth/logout?{urlencode(query)}"


async def test_a_client_of_a_document_signs_its_user_out(api: Api, site: Site) -> None:
    """With the session's ID token, whose audience is the document's address, the browser goes on at once."""
    publish(site, post_logout_redirect_uris=[LEFT])
    client_id, browser = site.url(PATH), Browser(api)
    page = await sign_in(browser, await browser.get(authorize(client_id)))
    code = answer_in(await browser.submit(page, decision="allow"))["code"]
    hint = (await redeem(api, client_id, code)).json()["id_token"]
    left = await browser.get(log_out(client_id, id_token_hint=hint))
    assert (left.status_code, left.headers["location"]) == (303, LEFT)
    assert "<h1>Sign in</h1>" in (await browser.get(authorize(client_id))).text


async def test_a_document_alone_sends_nobody_anywhere(api: Api, site: Site) -> None:
    """Without that ID token the person is asked, and goes on by a click alone; and never to what the document lacks."""
    client_id, browser = site.url(PATH), Browser(api)
    assert (await browser.get(log_out(client_id))).status_code == 400
    publish(site, "/other.json", post_logout_redirect_uris=[LEFT])
    other = site.url("/other.json")
    await sign_in(browser, await browser.get(authorize(client_id)))
    asked = await browser.get(log_out(other))
    assert "<h1>Sign out?</h1>" in asked.text
    gone = await browser.submit(asked, decision="allow")
    assert (gone.status_code, "location" in gone.headers) == (200, False)
    assert f'href="{LEFT}"' in gone.text


async def test_a_client_whose_document_is_gone_signs_nobody_out(api: Api, site: Site, clock: SetClock) -> None:
    """An ID token of a client that nobody knows any more proves nothing: the user is asked, and stays here."""
    publish(site, post_logout_redirect_uris=[LEFT])
    client_id, browser = site.url(PATH), Browser(api)
    page = await sign_in(browser, await browser.get(authorize(client_id)))
    code = answer_in(await browser.submit(page, decision="allow"))["code"]
    hint = (await redeem(api, client_id, code)).json()["id_token"]
    site.answers.clear()
    clock.advance(86_400_000)
    assert (await browser.get(log_out(client_id, id_token_hint=hint))).status_code == 400
    asked = await browser.get(f"/t/tenant-a/oauth/logout?id_token_hint={hint}")
    assert "<h1>Sign out?</h1>" in asked.text


async def test_the_root_asks_for_the_tenant(api: Api, site: Site) -> None:
    """At the root a document's client names no tenant: nobody is fetched before a tenant is chosen."""
    query = urlencode({"client_id": site.url(PATH), **REQUEST})
    await Browser(api).get(f"/oauth/authorize?{query}")
    answer = await api.call(
        "POST",
        "/oauth/token",
        content=f"grant_type=authorization_code&code=x&client_id={quote(site.url(PATH))}".encode(),
        headers=FORM,
    )
    assert answer.status_code == 401
    assert site.asked == []


async def test_an_id_of_ours_is_no_way_around_the_document(api: Api, site: Site, clock: SetClock) -> None:
    """By the id that its tokens carry, a client is what its document says now, and nobody once that is gone for a day."""
    client_id = site.url(PATH)
    await code_for(api, client_id)
    own = await own_id(api)
    assert (await Browser(api).get(authorize(own))).status_code == 200
    publish(site, redirect_uris=["https://other.example/cb"])
    clock.advance(3_600_000)
    assert (await Browser(api).get(authorize(own))).status_code == 400
    publish(site)
    clock.advance(3_600_000)
    assert (await Browser(api).get(authorize(own))).status_code == 200
    site.answers.clear()
    clock.advance(86_400_000)
    assert (await Browser(api).get(authorize(own))).status_code == 400


async def test_a_tenant_that_takes_no_documents_any_more_knows_none_by_its_id(api: Api, site: Site) -> None:
    """Where documents are off again, their clients get nothing more, however they name themselves."""
    client_id = site.url(PATH)
    code = await code_for(api, client_id)
    own = await own_id(api)
    await allow(api, client_metadata_documents=False)
    assert (await Browser(api).get(f"/oauth/authorize?{urlencode({'client_id': own, **REQUEST})}")).status_code == 400
    assert (await redeem(api, own, code)).status_code == 401


@pytest.mark.parametrize("change", [{"disabled": True}, {"scopes": ["products:read"]}], ids=["disabled", "bounded"])
async def test_what_an_administrator_said_of_a_client_is_not_cleared_away(
    api: Api, site: Site, clock: SetClock, change: dict[str, Any]
) -> None:
    """A client of a document that nobody uses is forgotten, but not that it is to get nothing, or no more than this."""
    client_id = site.url(PATH)
    wide = authorize(client_id, scope="products:write")
    assert "<h1>Sign in</h1>" in (await Browser(api).get(wide)).text
    wanted = msgspec.convert(change, ChangeClient)
    own, now_ms = await own_id(api), clock.now_ms()
    await api.application.oauth.clients.change(api.world.tenants["a"], own, wanted, actor=OPERATOR, now_ms=now_ms)
    clock.advance(40 * 86_400_000)
    await api.application.oauth.registrations.prune(clock.now_ms())
    answer = await Browser(api).get(wide)
    assert "<h1>Sign in</h1>" not in answer.text


async def own_id(api: Api) -> str:
    """Return the id under which the one client of a document is stored."""
    row = await api.application.database.fetch_row(Statement("SELECT client_id FROM oauth_client_documents"))
    assert row is not None
    return str(row[0])
