"""What strangers do who registered a client, or name one by its document, against those who were there before them."""

from __future__ import annotations

import json

import msgspec
import pytest

from https_site import Site, answer_of
from oauth_flow import Flow, scalar
from oauth_keys import ASSERTION_TYPE, ClientKey
from oauth_tenants import allow
from oauth_world import add_client
from support import SetClock
from watchword.app import Application
from watchword.db.database import Statement
from watchword.oauth import fetched_documents, unused_clients
from watchword.oauth.models import ClientSettings
from watchword.oauth.unused_clients import Room
from world import Api

KEY, STRANGERS = ClientKey("ES256", kid="one"), ClientKey("ES256", kid="none-of-these")
FORM = {"content-type": "application/x-www-form-urlencoded"}

_SET_SOURCE = Statement("UPDATE oauth_clients SET source = 'registration' WHERE id = $1")


async def make_a_stranger(application: Application, client_id: str) -> None:
    """Turn a client into one that registered itself."""
    await application.database.transaction(lambda tx: tx.execute(_SET_SOURCE, client_id))


async def test_a_self_registered_client_is_told_of_its_own_tokens_alone(api: Api) -> None:
    """Whoever let itself in cannot find out what tokens it came by are good for (RFC 7662 §4)."""
    stranger, honest = await Flow.begin(api), await Flow.begin(api)
    await make_a_stranger(api.application, stranger.client.id)
    own, others = (await stranger.tokens())["access_token"], (await honest.tokens())["access_token"]
    assert (await stranger.send("/oauth/introspect", {"token": own})).json()["active"] is True
    assert (await stranger.send("/oauth/introspect", {"token": others})).json() == {"active": False}
    assert (await honest.send("/oauth/introspect", {"token": own})).json()["active"] is True


async def ask(api: Api, client: str, key: ClientKey) -> int:
    now_s = api.application.clock.now_ms() // 1000
    audience = f"{api.application.settings.url}/t/tenant-a"
    assertion = key.assertion(client, audience, header={"kid": key.jwk["kid"]}, iat=now_s, exp=now_s + 60)
    form = f"grant_type=client_credentials&client_assertion_type={ASSERTION_TYPE}&client_assertion={assertion}"
    return (await api.call("POST", "/oauth/token", content=form.encode(), headers=FORM)).status_code


async def test_a_stranger_makes_no_keys_forgotten(fetching: Api, site: Site, clock: SetClock) -> None:
    """An unknown ``kid`` while the client's site is away leaves the keys in force that were fetched a moment ago."""
    site.answers["/jwks"] = answer_of(json.dumps({"keys": [KEY.jwk]}).encode(), media_type="application/jwk-set+json")
    settings = ClientSettings(authentication_method="private_key_jwt", jwks_uri=site.url("/jwks"))
    client = await add_client(fetching.application, fetching.world.tenants["a"], settings=settings)
    assert await ask(fetching, client, KEY) == 200
    site.answers.clear()
    clock.advance(31_000)
    assert await ask(fetching, client, STRANGERS) == 401
    assert await ask(fetching, client, KEY) == 200


async def test_strangers_use_up_no_fetch_of_an_administrators_client(
    fetching: Api, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many keys of clients that let themselves in are asked for, those of the others are fetched all the same."""
    monkeypatch.setattr(fetched_documents, "_FETCHES_PER_MINUTE", 1)
    settings = ClientSettings(authentication_method="private_key_jwt", jwks_uri=site.url("/jwks"))
    clients = [
        await add_client(
            fetching.application,
            fetching.world.tenants["a"],
            settings=msgspec.structs.replace(settings, jwks_uri=site.url(f"/{name}")),
        )
        for name in ("one", "two", "honest")
    ]
    for stranger in clients[:2]:
        await make_a_stranger(fetching.application, stranger)
    for name in ("one", "two", "honest"):
        jwks = json.dumps({"keys": [KEY.jwk]}).encode()
        site.answers[f"/{name}"] = answer_of(jwks, media_type="application/jwk-set+json")
    assert [await ask(fetching, client, KEY) for client in clients] == [200, 401, 200]


async def test_an_exhausted_address_is_refused_like_an_unknown_client(fetching: Api, site: Site) -> None:
    """Whose share of fetches is used up gets 401, as a 429 would tell that there is such a client; known ones are served."""
    application, tenant_id = fetching.application, fetching.world.tenants["a"]
    for name in ("stranger", "honest"):
        jwks = json.dumps({"keys": [KEY.jwk]}).encode()
        site.answers[f"/{name}"] = answer_of(jwks, media_type="application/jwk-set+json")
    uris = [*(f"https://127.0.0.1:1/{number}" for number in range(20)), site.url("/stranger"), site.url("/honest")]
    clients = []
    for uri in uris:
        settings = ClientSettings(authentication_method="private_key_jwt", jwks_uri=uri)
        clients.append(await add_client(application, tenant_id, settings=settings))
    for stranger in clients[:-1]:
        await make_a_stranger(application, stranger)
    assert [await ask(fetching, client, KEY) for client in clients] == [401] * 21 + [200]
    assert len(site.asked) == 1


async def test_a_flood_of_registrations_locks_nobody_out(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Registrations that nobody used make room for the next, once the bound is reached (RFC 7591 §5)."""
    monkeypatch.setattr(unused_clients, "ROOM", Room(tenant=2))
    await allow(api, client_registration="open")
    body = {"redirect_uris": ["https://client.example/callback"]}
    statuses = [(await api.call("POST", "/t/tenant-a/oauth/register", json=body)).status_code for _ in range(3)]
    assert statuses == [201, 201, 201]
    assert await scalar(api, "SELECT count(*) FROM oauth_clients WHERE source = 'registration'") == 2


async def test_a_client_lifts_no_bound_that_an_administrator_set(sqlite_api: Api) -> None:
    """Registering other metadata leaves alone what metadata cannot say: lives, form and profile are the administrator's."""
    await allow(sqlite_api, client_registration="open")
    register = "/t/tenant-a/oauth/register"
    metadata = {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [KEY.jwk]}}
    body = {"redirect_uris": ["https://client.example/callback"], **metadata}
    client = (await sqlite_api.call("POST", register, json=body)).json()
    path, bounds = f"/api/clients/{client['client_id']}", {"access_ttl_seconds": 60, "profile": "fapi2"}
    assert (await sqlite_api.call("PATCH", path, who="admin_a", json=bounds)).status_code == 200
    header = {"authorization": f"Bearer {client['registration_access_token']}"}
    again = {**body, "client_id": client["client_id"], "client_name": "Renamed"}
    renamed = await sqlite_api.call("PUT", f"{register}/{client['client_id']}", json=again, headers=header)
    assert (renamed.status_code, renamed.json()["client_name"]) == (200, "Renamed")
    stands = (await sqlite_api.call("GET", path, who="admin_a")).json()
    kept = [stands[name] for name in ("accessTtlSeconds", "profile", "dpopBound", "requirePushedRequests")]
    assert kept == [60, "fapi2", True, True]
    loose = {**again, "id_token_signed_response_alg": "RS256"}
    refused = await sqlite_api.call("PUT", f"{register}/{client['client_id']}", json=loose, headers=header)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_client_metadata")
