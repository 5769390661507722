"""Clients that register by themselves (RFC 7591)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from browser import Browser, answer_in
from oauth_keys import ClientKey
from oauth_pages_world import CALLBACK, VERIFIER, authorize_path, sign_in
from oauth_registration import REGISTER, bearer, register, require_refused
from oauth_tenants import allow
from support import SetClock
from watchword.api_keys.models import CreateKey
from watchword.callers.caller import Mode
from watchword.limits.policies import ATTEMPTS
from watchword.oauth import registration, unused_clients
from watchword.oauth.queries import find_client_by_id
from watchword.oauth.unused_clients import Room
from world import OPERATOR, Api


async def test_a_registered_client_is_let_in_by_a_user(registering: Api) -> None:
    """A client that nobody here knew registers, sends a user, and gets a token for what the user allowed."""
    answer = await register(registering)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    client = answer.json()
    assert "client_secret" not in client
    assert client["grant_types"] == ["authorization_code"]
    assert client["response_types"] == ["code"]
    browser = Browser(registering)
    page = await sign_in(browser, await browser.get(authorize_path(client["client_id"])))
    assert "An agent asks for access" in page.text
    code = answer_in(await browser.submit(page, decision="allow"))["code"]
    form = f"grant_type=authorization_code&code={code}&redirect_uri={CALLBACK}&code_verifier={VERIFIER}&client_id={client['client_id']}"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await registering.call("POST", "/oauth/token", content=form.encode(), headers=headers)
    assert answer.status_code == 200, answer.text
    read = await registering.call("GET", "/api/products?limit=1", headers=bearer(answer.json()["access_token"]))
    assert read.status_code == 200


@pytest.mark.parametrize("method", [None, "client_secret_basic", "client_secret_post"])
async def test_a_secret_is_told_once(registering: Api, method: str | None) -> None:
    """A confidential client gets a secret, without an end, and never hears of it again (RFC 7591 §3.2.1)."""
    client = (await register(registering, token_endpoint_auth_method=method)).json()
    assert client["token_endpoint_auth_method"] == (method or "client_secret_basic")
    assert (len(client["client_secret"]), client["client_secret_expires_at"]) == (43, 0)
    read = await registering.call(
        "GET", f"{REGISTER}/{client['client_id']}", headers=bearer(client["registration_access_token"])
    )
    assert read.status_code == 200
    assert "client_secret" not in read.json()
    assert client["client_secret"] not in registering.log_text()
    assert client["registration_access_token"] not in registering.log_text()


async def test_a_client_registers_with_its_key(registering: Api) -> None:
    """A client of private_key_jwt registers its public keys and gets no secret."""
    jwks = {"keys": [ClientKey("ES256", kid="a").jwk]}
    client = (await register(registering, token_endpoint_auth_method="private_key_jwt", jwks=jwks)).json()
    assert client["jwks"] == jwks
    assert "client_secret" not in client


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no redirect URI": ({"redirect_uris": None}, "invalid_redirect_uri"),
    "a script": ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
    "plain http": ({"redirect_uris": ["http://app.example/cb"]}, "invalid_redirect_uri"),
    "a fragment": ({"redirect_uris": [f"{CALLBACK}#a"]}, "invalid_redirect_uri"),
    "a wildcard": ({"redirect_uris": ["https://*.example/cb"]}, "invalid_redirect_uri"),
    "one wrong of two": ({"redirect_uris": [CALLBACK, "data:text/html,x"]}, "invalid_redirect_uri"),
    "a broken one": ({"redirect_uris": ["https://["], "client_name": None}, "invalid_redirect_uri"),
    "client credentials": ({"grant_types": ["client_credentials"]}, "invalid_client_metadata"),
    "implicit": ({"grant_types": ["implicit"], "response_types": ["token"]}, "invalid_client_metadata"),
    "token exchange": ({"grant_types": ["urn:ietf:params:oauth:grant-type:token-exchange"]}, "invalid_client_metadata"),
    "passwords": ({"grant_types": ["password"]}, "invalid_client_metadata"),
    "no grant": ({"grant_types": []}, "invalid_client_metadata"),
    "refresh alone": ({"grant_types": ["refresh_token"]}, "invalid_client_metadata"),
    "tokens in the URL": ({"response_types": ["token"]}, "invalid_client_metadata"),
    "a hybrid": ({"response_types": ["code id_token"]}, "invalid_client_metadata"),
    "another method": ({"token_endpoint_auth_method": "tls_client_auth"}, "invalid_client_metadata"),
    "a JWT of a secret": ({"token_endpoint_auth_method": "client_secret_jwt"}, "invalid_client_metadata"),
    "no key": ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
    "a private key": (
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [ClientKey().private_jwk]}},
        "invalid_client_metadata",
    ),
    "a vast scope": ({"scope": "a:read " * 1000}, "invalid_client_metadata"),
    "a logo by script": ({"logo_uri": "javascript:alert(1)"}, "invalid_client_metadata"),
    "a page in the clear": ({"client_uri": "http://app.example/"}, "invalid_client_metadata"),
    "a name turned around": ({"client_name": "Bank\u202e"}, "invalid_client_metadata"),
    "a vast name": ({"client_name": "x" * 101}, "invalid_client_metadata"),
    "another algorithm": ({"id_token_signed_response_alg": "none"}, "invalid_client_metadata"),
    "secret algorithm": ({"id_token_signed_response_alg": "HS256"}, "invalid_client_metadata"),
}


@pytest.mark.parametrize(("changes", "error"), WRONG.values(), ids=WRONG)
async def test_what_a_client_may_not_give_itself(registering: Api, changes: dict[str, Any], error: str) -> None:
    """Nobody registers more than a user decides about, or an address that leads astray (RFC 7591 §5, RFC 9700 §4.1)."""
    require_refused(await register(registering, **changes), 400, error)


async def test_what_an_administrator_gives_cannot_be_asked_for(registering: Api) -> None:
    """Fields of ours that weaken a client, or widen it, are no metadata: they are ignored (RFC 7591 §2)."""
    answer = await register(
        registering,
        pkce_exempt=True,
        profile="x",
        audiences=["https://other.example"],
        web_origins=["https://other.example"],
        access_ttl_seconds=86_400,
        mode="test",
        source="administrator",
        client_id="cli_00000000000000000000000000",
        client_secret="mine",
    )
    client = await find_client_by_id(registering.application.database, answer.json()["client_id"])
    assert client is not None
    assert client.id != "cli_00000000000000000000000000"
    assert (client.source, client.mode, client.settings.pkce_exempt) == ("registration", "live", False)
    assert (client.settings.audiences, client.settings.web_origins) == ((), ())
    assert client.settings.access_ttl_seconds == 600


async def test_a_tenant_lets_nobody_register_unless_it_says_so(api: Api) -> None:
    """Registration is off by default, in metadata too; another tenant's choice changes nothing."""
    await allow(api, tenant="b", client_registration="open")
    require_refused(await register(api), 403, "access_denied")
    path = "/.well-known/oauth-authorization-server/t/tenant-"
    assert "registration_endpoint" not in (await api.call("GET", f"{path}a")).json()
    served = (await api.call("GET", f"{path}b")).json()["registration_endpoint"]
    assert served == f"{api.application.settings.url}/t/tenant-b/oauth/register"
    assert (await register(api, path="/t/tenant-b/oauth/register")).status_code == 201


@pytest.mark.parametrize("path", ["/oauth/register", "/t/nobody/oauth/register"])
async def test_a_tenant_must_be_named(registering: Api, path: str) -> None:
    """Where no tenant is named, or one that is not there, nobody registers."""
    assert (await register(registering, path=path)).status_code == 404


async def make_key(
    api: Api,
    scopes: list[str] | None,
    *,
    tenant: str = "a",
    mode: Mode = "live",
    **narrowed: Any,  # noqa: ANN401 - fields of any kind
) -> str:
    """Make a secret key with these scopes."""
    issued = await api.application.api_keys.create(
        api.world.tenants[tenant],
        mode,
        CreateKey(name="registrations", kind="secret", scopes=scopes, **narrowed),
        actor=OPERATOR,
        now_ms=api.application.clock.now_ms(),
    )
    return issued.text


async def test_a_tenant_may_want_a_token(api: Api) -> None:
    """With the setting token only a key of this tenant registers, whose scopes name just that (RFC 7591 §3)."""
    await allow(api, client_registration="token")
    wrong = (
        None,
        "x",
        api.world.keys["sk_live_a"],
        api.world.keys["pk_live_a"],
        api.world.tokens["admin_a"],
        await make_key(api, None),
        await make_key(api, ["*:*"]),
        await make_key(api, ["clients:*"]),
        await make_key(api, ["clients:read"]),
        await make_key(api, ["clients:write"], tenant="b"),
        await make_key(api, ["clients:write"], dpop_jkt=ClientKey("ES256").jkt),
        await make_key(api, ["clients:write"], mode="test"),
        await make_key(api, ["clients:write"], allowed_networks=["192.0.2.0/24"]),
    )
    for token in wrong:
        answer = await register(api, token=token)
        require_refused(answer, 401, "invalid_token")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert (await register(api, token=await make_key(api, ["clients:write"]))).status_code == 201


async def test_a_flood_is_bounded_by_address(registering: Api, clock: SetClock) -> None:
    """One address registers so many in an hour and no more (RFC 7591 §5)."""
    most = ATTEMPTS["client_registration"].count
    for _ in range(most):
        assert (await register(registering)).status_code == 201
    answer = await register(registering)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    clock.advance(3_600_000)
    assert (await register(registering)).status_code == 201


async def test_a_flood_is_bounded_by_tenant(registering: Api, monkeypatch: pytest.MonkeyPatch, clock: SetClock) -> None:
    """So many clients wait for their first user in a tenant and no more; after a month they are gone."""
    monkeypatch.setattr(unused_clients, "ROOM", Room(tenant=2))
    answers = [await register(registering) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    clock.advance(registration.UNUSED_KEPT_MS + 1)
    assert await registering.application.oauth.registrations.prune(clock.now_ms()) == 2
    assert (await register(registering)).status_code == 201


async def test_a_client_that_somebody_uses_stays(registering: Api, clock: SetClock) -> None:
    """A registered client that a user has allowed something is not deleted for its age."""
    client = (await register(registering)).json()
    browser = Browser(registering)
    page = await sign_in(browser, await browser.get(authorize_path(client["client_id"])))
    await browser.submit(page, decision="allow")
    clock.advance(registration.UNUSED_KEPT_MS + 1)
    assert await registering.application.oauth.registrations.prune(clock.now_ms()) == 0


async def test_parallel_registrations_are_each_their_own(stored_api: Api) -> None:
    """Registrations at one time are as many clients, on either database."""
    await allow(stored_api, client_registration="open")
    answers = await asyncio.gather(*(register(stored_api) for _ in range(20)))
    assert [answer.status_code for answer in answers] == [201] * 20
    assert len({answer.json()["client_id"] for answer in answers}) == 20


async def test_the_registered_scope_is_where_a_client_begins(registering: Api) -> None:
    """Without a scope the user is asked for the registered one, and later for more, as step-up has it (RFC 6750 §3.1)."""
    client_id = (await register(registering, scope="products:read")).json()["client_id"]
    browser = Browser(registering)
    page = await sign_in(browser, await browser.get(authorize_path(client_id, scope=None)))
    assert "Read products" in page.text
    assert "Change products" not in page.text
    assert "Everything" not in page.text
    page = await browser.get(authorize_path(client_id, scope="products:read products:write"))
    assert "asks for access" in page.text


@pytest.mark.parametrize(("scope", "kept"), [("claudeai", None), ('groups openid orders:* "', "openid orders:*")])
async def test_scopes_of_other_servers_are_left_out(registering: Api, scope: str, kept: str | None) -> None:
    """A client that names scopes which are none here is registered without them, and told so (RFC 7591 §3.2.1)."""
    made = await register(registering, scope=scope)
    assert (made.status_code, made.json().get("scope")) == (201, kept)
