"""Clients that are named by the address of their own metadata document, and what must not pass for one."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest

from browser import Browser, answer_in
from https_site import Site, answer_of
from oauth_documents import FORM, PATH, authorize, code_for, publish, redeem
from oauth_keys import ASSERTION_TYPE, ClientKey
from oauth_pages_world import REQUEST, sign_in
from oauth_tenants import allow
from support import SetClock
from watchword.db.database import Statement
from watchword.oauth.client_metadata_documents import is_document_uri
from watchword.oauth.client_models import ChangeClient
from world import OPERATOR, Api

LEFT = "https://app.example/left"
KEY = ClientKey("ES256", kid="one")


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


async def test_one_document_is_one_client_in_each_tenant(api: Api, site: Site) -> None:
    """The same address is another client in another tenant, and a code of one is nothing in the other."""
    await allow(api, tenant="b", client_metadata_documents=True)
    client_id = site.url(PATH)
    code = await code_for(api, client_id)
    assert (await redeem(api, client_id, code, tenant="tenant-b")).status_code == 400
    assert (await redeem(api, client_id, code)).status_code == 200


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
