"""Token exchange: what comes out can do less, ends no later, and says who acts; and what is not exchanged."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from oauth_exchange import (
    ACCESS_TOKEN,
    API_KEY,
    EXCHANGE,
    FORM,
    HELD,
    JWT,
    NOT_ACCEPTED,
    bearer,
    claims_of,
    exchange,
    exchanged,
    reads,
)
from oauth_users import grant_to
from oauth_world import add_client
from scenario import fill, filled_names
from support import SetClock
from watchword.oauth.models import ClientSettings
from world import Api

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # for the name Ed25519 (RFC 9864)


# What is given


async def test_a_session_becomes_a_short_token_for_less(api: Api, service: str) -> None:
    """A session gives a token of the asked scopes alone, as its user, by the client (RFC 8693 §2.2.1, §4.1)."""
    answer = await exchange(api, service, api.world.tokens["admin_a"], JWT, scope="products:read")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    body = answer.json()
    token = body.pop("access_token")
    assert body == {
        "token_type": "Bearer", "expires_in": 600, "scope": "products:read", "issued_token_type": ACCESS_TOKEN,
    }  # fmt: skip
    claims = await claims_of(api, token)
    assert claims["sub"] == api.world.users["admin_a"]
    assert claims["act"] == {"sub": service, "client_id": service}
    assert await reads(api, token) == 200
    for method, path in (("POST", "/api/products"), ("GET", "/api/keys"), ("GET", "/api/users/me")):
        assert (await api.call(method, path, headers=bearer(token), json={})).status_code == 403, path


async def test_a_secret_key_becomes_a_token(api: Api, service: str) -> None:
    """A secret key gives a token that does what the key may, without the key being shown to the next service."""
    token = await exchanged(api, service, api.world.keys["sk_live_a"], API_KEY, scope="products:read")
    claims = await claims_of(api, token)
    assert (claims["sub"], claims["act"]["sub"]) == (api.world.key_ids["sk_live_a"], service)
    assert await reads(api, token) == 200
    assert (await api.call("GET", "/api/keys", headers=bearer(token))).status_code == 403


@pytest.mark.parametrize("form", ["jwt", "opaque"])
async def test_an_access_token_becomes_a_narrower_one(api: Api, form: str) -> None:
    """A user's token through one client becomes a token through the next, and the chain tells of both (RFC 8693 §4.1)."""
    first = await add_client(api.application, api.world.tenants["a"])
    settings = ClientSettings(token_format=form)  # type: ignore[arg-type] # one of the two
    second = await add_client(api.application, api.world.tenants["a"], grants=(EXCHANGE,), settings=settings)
    granted = await grant_to(api, first, "editor_a", "products:*")
    token = await exchanged(api, second, granted.token, ACCESS_TOKEN, scope="products:read")
    assert await reads(api, token) == 200
    third = await add_client(api.application, api.world.tenants["a"], grants=(EXCHANGE,))
    claims = await claims_of(api, await exchanged(api, third, token, ACCESS_TOKEN))
    assert (claims["sub"], claims["scope"], claims["client_id"]) == (
        api.world.users["editor_a"],
        "products:read",
        third,
    )
    chain = {"sub": first, "client_id": first}
    assert claims["act"] == {
        "sub": third,
        "client_id": third,
        "act": {"sub": second, "client_id": second, "act": chain},
    }


async def test_an_actor_is_named(api: Api, service: str) -> None:
    """With an actor token it is its subject that acts, through the client (RFC 8693 §2.1, §4.1)."""
    more = {"actor_token": api.world.tokens["editor_a"], "actor_token_type": JWT, "scope": "products:read"}
    claims = await claims_of(api, await exchanged(api, service, api.world.tokens["admin_a"], JWT, **more))
    assert claims["act"] == {"sub": api.world.users["editor_a"], "client_id": service}


async def test_a_subject_hides_no_client_as_its_own_actor(sqlite_api: Api) -> None:
    """Who is acted for is no actor: a client that brings the same token twice stands in the chain all the same."""
    service = await add_client(sqlite_api.application, sqlite_api.world.tenants["a"], grants=(EXCHANGE,))
    session = sqlite_api.world.tokens["editor_a"]
    again = {"actor_token": session, "actor_token_type": JWT, "scope": "products:read"}
    token = await exchanged(sqlite_api, service, session, JWT, **again)
    assert (await claims_of(sqlite_api, token))["act"] == {"sub": service, "client_id": service}


async def test_the_audience_is_what_was_asked_for(api: Api) -> None:
    """A token for another service of the client's is for that alone (RFC 8693 §2.1, RFC 8707 §2)."""
    files = "https://files.example"
    settings = ClientSettings(audiences=(files,))
    client = await add_client(api.application, api.world.tenants["a"], grants=(EXCHANGE,), settings=settings)
    for name in ("resource", "audience"):
        token = await exchanged(api, client, api.world.tokens["viewer_a"], JWT, **{name: files})
        assert (await claims_of(api, token))["aud"] == [files]
        assert await reads(api, token) == 401


async def test_a_token_ends_no_later_than_what_it_was_made_from(api: Api, service: str, clock: SetClock) -> None:
    """Neither a longer life of the client's tokens nor a second exchange adds a second."""
    granted = await grant_to(api, service, "viewer_a", "products:read", life_seconds=60)
    answer = await exchange(api, service, granted.token, ACCESS_TOKEN)
    assert answer.json()["expires_in"] == 60
    clock.advance(59_000)
    again = await exchange(api, service, answer.json()["access_token"], ACCESS_TOKEN)
    assert again.json()["expires_in"] == 1
    clock.advance(1_000)
    assert await reads(api, again.json()["access_token"]) == 401


# What is refused


async def test_scopes_are_never_widened(api: Api) -> None:
    """What the subject token, or the client, does not have is not given (RFC 8693 §2.1, RFC 9700 §2.3)."""
    tenant = api.world.tenants["a"]
    client = await add_client(api.application, tenant, grants=(EXCHANGE,), scopes=("products:*", "keys:read"))
    granted = await grant_to(api, client, "admin_a", "products:read orders:read offline_access")
    for scope in ("products:write", "products:*", "*:*", "orders:read", "keys:read", "offline_access", "openid"):
        answer = await exchange(api, client, granted.token, ACCESS_TOKEN, scope=scope)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope"), scope
    answer = await exchange(api, client, granted.token, ACCESS_TOKEN)
    assert answer.json()["scope"] == "products:read"


async def test_a_keys_scopes_hold(api: Api, service: str) -> None:
    """A key of one scope gives no token of another."""
    body = {"name": "K", "kind": "secret", "scopes": ["products:read"]}
    key = (await api.call("POST", "/api/keys", who="admin_a", json=body)).json()["doc"]["key"]
    assert (await exchange(api, service, key, API_KEY)).json()["scope"] == "products:read"
    answer = await exchange(api, service, key, API_KEY, scope="products:write")
    assert answer.json()["error"] == "invalid_scope"


async def test_a_token_for_another_service_is_not_exchanged(api: Api, service: str) -> None:
    """A client cannot take to the API what was given for a service that it has nothing to do with."""
    granted = await grant_to(api, service, "admin_a", "*:*", audience=("https://files.example",))
    assert (await exchange(api, service, granted.token, ACCESS_TOKEN)).json()["error"] == "invalid_target"
    wrong = await exchange(api, service, api.world.tokens["admin_a"], JWT, resource="https://files.example")
    assert wrong.json()["error"] == "invalid_target"


async def test_credentials_are_taken_as_what_they_are(api: Api, service: str) -> None:
    """A token presented under another kind's type is refused with one answer (RFC 8693 §3, RFC 8725 §3.11)."""
    granted = await grant_to(api, service, "admin_a", "*:*")
    credentials = {ACCESS_TOKEN: granted.token, JWT: api.world.tokens["admin_a"], API_KEY: api.world.keys["sk_live_a"]}
    for token_type, token in credentials.items():
        for other in credentials:
            answer = await exchange(api, service, token, other)
            assert answer.status_code == (200 if other == token_type else 400), (token_type, other)
            if other != token_type:
                assert answer.json() == NOT_ACCEPTED


@pytest.mark.parametrize(
    ("token", "token_type"),
    [
        ("{token_admin_b}", JWT),
        ("{token_outsider}", JWT),
        ("{token_super}", JWT),
        ("{token_admin_a}x", JWT),
        ("eyJ.e30.AA", JWT),
        ("{secret_sk_live_b}", API_KEY),
        ("{secret_sk_test_a}", API_KEY),
        ("{secret_pk_live_a}", API_KEY),
        ("sk_live_nonsense", API_KEY),
        ("at_nonsense", ACCESS_TOKEN),
        ("eyJ0eXAiOiJhdCtqd3Qi.e30.AA", ACCESS_TOKEN),
        ("x" * 9000, ACCESS_TOKEN),
        ("é", ACCESS_TOKEN),
    ],
)
async def test_what_proves_nothing_here_gets_one_answer(api: Api, service: str, token: str, token_type: str) -> None:
    """Unknown, forged, another tenant's or the other mode's: the same words for all (RFC 8693 §2.2.2)."""
    answer = await exchange(api, service, fill(token, filled_names(api.world)), token_type)
    assert (answer.status_code, answer.json()) == (400, NOT_ACCEPTED)


@pytest.mark.parametrize("held", HELD)
async def test_a_key_that_is_held_is_not_exchanged(api: Api, service: str, held: dict[str, object]) -> None:
    """A token could be sent from anywhere and as often as its client may: a key which may not gives none."""
    body = {"name": "K", "kind": "secret", **held}
    key = (await api.call("POST", "/api/keys", who="admin_a", json=body)).json()["doc"]["key"]
    assert (await exchange(api, service, key, API_KEY)).json() == NOT_ACCEPTED


async def test_a_client_of_another_tenant_gets_nothing(api: Api) -> None:
    """What a tenant's credential opens is exchanged by that tenant's clients alone."""
    client = await add_client(api.application, api.world.tenants["b"], grants=(EXCHANGE,))
    granted = await grant_to(api, await add_client(api.application, api.world.tenants["a"]), "admin_a", "*:*")
    for token, token_type in (
        (granted.token, ACCESS_TOKEN), (api.world.tokens["admin_a"], JWT), (api.world.keys["sk_live_a"], API_KEY),
    ):  # fmt: skip
        assert (await exchange(api, client, token, token_type)).json() == NOT_ACCEPTED


async def test_a_client_of_the_other_mode_gets_nothing(api: Api, service: str) -> None:
    """A live token or key gives no test token, and the other way round."""
    client = await add_client(api.application, api.world.tenants["a"], mode="test", grants=(EXCHANGE,))
    granted = await grant_to(api, service, "admin_a", "*:*")
    assert (await exchange(api, client, granted.token, ACCESS_TOKEN)).json() == NOT_ACCEPTED
    assert (await exchange(api, client, api.world.keys["sk_live_a"], API_KEY)).json() == NOT_ACCEPTED
    assert (await exchange(api, client, api.world.keys["sk_test_a"], API_KEY)).status_code == 200


async def test_not_every_client_may_exchange(api: Api, client_id: str) -> None:
    """The grant is for clients that were given it, and for none that cannot prove itself."""
    token = api.world.tokens["admin_a"]
    assert (await exchange(api, client_id, token, JWT)).json()["error"] == "unauthorized_client"
    public = await add_client(api.application, api.world.tenants["a"], kind="public", grants=(EXCHANGE,))
    form = {"grant_type": EXCHANGE, "client_id": public, "subject_token": token, "subject_token_type": JWT}
    answer = await api.call("POST", "/oauth/token", content=urlencode(form).encode(), headers=FORM)
    assert answer.json()["error"] == "unauthorized_client"


@pytest.mark.parametrize(
    "change",
    [
        {"subject_token": ""},
        {"subject_token_type": ""},
        {"subject_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"},
        {"subject_token_type": "access_token"},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:id_token"},
        {"actor_token": "{token_editor_a}"},
        {"actor_token_type": JWT},
        {"actor_token": "at_nonsense", "actor_token_type": ACCESS_TOKEN},
        {"actor_token": "{token_editor_b}", "actor_token_type": JWT},
        {"actor_token": "{token_editor_a}", "actor_token_type": ACCESS_TOKEN},
    ],
)
async def test_a_malformed_exchange_is_refused(api: Api, service: str, change: dict[str, str]) -> None:
    """Types that are not taken, parameters that need each other, actors that prove nothing (RFC 8693 §2.1)."""
    token = api.world.tokens["admin_a"]
    names = filled_names(api.world)
    filled = {name: fill(value, names) for name, value in change.items()}
    answer = await exchange(api, service, **{"token": token, "token_type": JWT, **filled})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_a_chain_of_actors_has_an_end(api: Api) -> None:
    """Services that hand a token round do not make it grow without bound."""
    tenant = api.world.tenants["a"]
    clients = [await add_client(api.application, tenant, grants=(EXCHANGE,)) for _ in range(6)]
    token, token_type = api.world.tokens["viewer_a"], JWT
    for client in clients[:5]:
        token, token_type = await exchanged(api, client, token, token_type), ACCESS_TOKEN
    assert await reads(api, token) == 200
    assert (await exchange(api, clients[5], token, ACCESS_TOKEN)).json()["error"] == "invalid_request"


async def test_one_client_does_not_stand_behind_itself(api: Api, service: str) -> None:
    """Narrowing again by the same client adds no link to the chain, and comes to an end too."""
    token = await exchanged(api, service, api.world.tokens["viewer_a"], JWT)
    again = await exchanged(api, service, token, ACCESS_TOKEN)
    assert (await claims_of(api, again))["act"] == {"sub": service, "client_id": service}
    for _ in range(20):
        answer = await exchange(api, service, again, ACCESS_TOKEN)
        if answer.status_code != 200:
            break
        again = answer.json()["access_token"]
    assert answer.json()["error"] == "invalid_request"


async def test_an_exchange_leaves_its_trace(api: Api, service: str) -> None:
    """The log says whose credential was exchanged by whom, and holds neither token."""
    token = await exchanged(api, service, api.world.tokens["viewer_a"], JWT)
    (event,) = [event for event in api.events() if event["event"] == "oauth.token_exchanged"]
    assert event["subject"] == api.world.users["viewer_a"]
    assert api.world.sessions["viewer_a"] in str(event)
    assert token not in api.log_text()
    assert api.world.tokens["viewer_a"] not in api.log_text()


async def test_without_the_database_nothing_is_exchanged(api: Api, service: str) -> None:
    """With the database gone the answer is 503 and no token."""
    await api.application.database.close()
    assert (await exchange(api, service, api.world.tokens["viewer_a"], JWT)).status_code == 503
