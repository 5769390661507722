"""Introspection tells a tenant's own clients of its living tokens, and everybody else of nothing."""

from __future__ import annotations

from typing import Any

import pytest

from grants_rig import change
from oauth_flow import FORM, SCOPES, Flow, require_refused
from oauth_world import basic, disable_client
from support import SetClock
from watchword.oauth.models import TokenFormat
from world import Api

INACTIVE = {"active": False}


async def told(flow: Flow, token: str, **fields: str | None) -> dict[str, Any]:
    answer = await flow.send("/oauth/introspect", {"token": token, **fields})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body: dict[str, Any] = answer.json()
    return body


@pytest.fixture
async def flow(api: Api) -> Flow:
    """A confidential client of tenant a."""
    return await Flow.begin(api)


@pytest.mark.parametrize("token_format", ["jwt", "opaque"])
async def test_an_access_token_is_told_of(api: Api, clock: SetClock, token_format: TokenFormat) -> None:
    """An API of the tenant, as a client of its own, learns whose token it is, for what and until when (RFC 7662 §2.2)."""
    flow = await Flow.begin(api, token_format=token_format)
    token = (await flow.tokens())["access_token"]
    now_s = clock.now_ms() // 1000
    resource_server = await Flow.begin(api, grants=("client_credentials",))
    body = await told(resource_server, token)
    assert len(body.pop("jti")) == 22
    assert body == {
        "active": True,
        "scope": " ".join(SCOPES),
        "client_id": flow.client.id,
        "token_type": "Bearer",
        "exp": now_s + 600,
        "iat": now_s,
        "sub": api.world.users["editor_a"],
        "aud": [flow.resource],
        "iss": flow.resource.removesuffix("/api"),
        "auth_time": now_s - 5,
    }


@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "nonsense"])
async def test_the_hint_decides_nothing(flow: Flow, hint: str | None) -> None:
    """A wrong or unknown hint finds the token all the same (RFC 7662 §2.1)."""
    tokens = await flow.tokens()
    for token in (tokens["access_token"], tokens["refresh_token"]):
        assert (await told(flow, token, token_type_hint=hint))["active"] is True


async def test_a_refresh_token_is_told_of_to_its_client_alone(flow: Flow, clock: SetClock) -> None:
    """An API that was sent a refresh token in place of an access token hears that it is none."""
    token = (await flow.tokens())["refresh_token"]
    now_s = clock.now_ms() // 1000
    assert await told(flow, token) == {
        "active": True,
        "scope": " ".join(SCOPES),
        "client_id": flow.client.id,
        "sub": flow.api.world.users["editor_a"],
        "iat": now_s,
        "exp": now_s + 30 * 86_400,
    }
    assert await told(await Flow.begin(flow.api), token) == INACTIVE


async def test_a_used_refresh_token_is_inactive(flow: Flow) -> None:
    """Asking about a spent token ends nothing: only using it would."""
    first = await flow.tokens()
    second = (await flow.refresh(first["refresh_token"])).json()
    assert await told(flow, first["refresh_token"]) == INACTIVE
    assert (await told(flow, second["refresh_token"]))["active"] is True


async def test_an_expired_token_is_inactive(flow: Flow, clock: SetClock) -> None:
    """From its end on, and not a moment before."""
    tokens = await flow.tokens(scopes=("offline_access",))
    clock.advance(599_999)
    assert (await told(flow, tokens["access_token"]))["active"] is True
    clock.advance(1)
    assert await told(flow, tokens["access_token"]) == INACTIVE
    clock.advance(30 * 86_400_000)
    assert await told(flow, tokens["refresh_token"]) == INACTIVE


@pytest.mark.parametrize(
    "statement",
    ["UPDATE users SET disabled_at = 1", "DELETE FROM memberships", "UPDATE oauth_grants SET ended_at = 1"],
)
async def test_tokens_of_what_is_no_more_are_inactive(flow: Flow, statement: str) -> None:
    """A token without its user, membership or grant is told of as dead, whatever its signature says."""
    tokens = await flow.tokens()
    await change(flow.api.application.database, statement)
    assert await told(flow, tokens["access_token"]) == INACTIVE
    assert await told(flow, tokens["refresh_token"]) == INACTIVE


async def test_a_disabled_clients_token_is_inactive(flow: Flow) -> None:
    """Although it was told of as good a moment ago."""
    asking = await Flow.begin(flow.api)
    token = (await flow.tokens())["access_token"]
    assert (await told(asking, token))["active"] is True
    await disable_client(flow.api.application, flow.client.id)
    assert await told(asking, token) == INACTIVE


async def test_another_tenant_learns_nothing(flow: Flow) -> None:
    """To another tenant's client a good token is as none (RFC 7662 §2.2)."""
    tokens = await flow.tokens()
    foreign = await Flow.begin(flow.api, tenant="b")
    assert await told(foreign, tokens["access_token"]) == INACTIVE
    assert await told(foreign, tokens["refresh_token"]) == INACTIVE


async def test_test_mode_learns_nothing_of_live(flow: Flow) -> None:
    """A client of the other mode of the same tenant hears nothing either, in both directions."""
    testing = await Flow.begin(flow.api, mode="test")
    assert await told(testing, (await flow.tokens())["access_token"]) == INACTIVE
    assert await told(flow, (await testing.tokens())["access_token"]) == INACTIVE


async def test_a_test_token_is_told_of_as_one(flow: Flow) -> None:
    """Whoever asks learns that a token is of test mode; of a live one nothing is said, as in the tokens themselves."""
    testing = await Flow.begin(flow.api, mode="test")
    assert (await told(testing, (await testing.tokens())["access_token"]))["mode"] == "test"
    assert "mode" not in await told(flow, (await flow.tokens())["access_token"])


async def test_a_public_client_may_not_ask(api: Api) -> None:
    """Whoever can name a public client could try out tokens here (RFC 7662 §2.1)."""
    flow = await Flow.begin(api, kind="public")
    token = (await flow.tokens())["access_token"]
    require_refused(await flow.send("/oauth/introspect", {"token": token}), "invalid_client", 401)


async def test_nobody_may_ask(flow: Flow) -> None:
    """Without a client's proof, or with the token itself as the proof, nothing is told."""
    token = (await flow.tokens())["access_token"]
    for headers in ({}, {"authorization": f"Bearer {token}"}):
        sent = {"content-type": "application/x-www-form-urlencoded", **headers}
        answer = await flow.api.call("POST", "/oauth/introspect", content=f"token={token}".encode(), headers=sent)
        require_refused(answer, "invalid_client", 401)


async def test_another_tenants_path_is_refused(flow: Flow) -> None:
    """Under another tenant's path a client is none of its own."""
    token = (await flow.tokens())["access_token"]
    assert (await flow.send("/t/tenant-a/oauth/introspect", {"token": token})).json()["active"] is True
    require_refused(await flow.send("/t/tenant-b/oauth/introspect", {"token": token}), "invalid_client", 401)


async def test_a_request_without_a_token(flow: Flow) -> None:
    """A missing token is a malformed request, not an inactive one."""
    require_refused(await flow.send("/oauth/introspect", {}), "invalid_request")


@pytest.mark.parametrize("path", ["/oauth/introspect", "/oauth/revoke"])
async def test_a_parameter_that_comes_twice_is_refused(flow: Flow, path: str) -> None:
    """Which of two tokens is meant is read differently by every parser on the way (RFC 6749 §3.1)."""
    tokens = await flow.tokens()
    content = f"token={tokens['access_token']}&token={tokens['refresh_token']}".encode()
    headers = {**FORM, **basic(flow.client.id)}
    require_refused(await flow.api.call("POST", path, content=content, headers=headers), "invalid_request")
    assert await flow.reads(tokens["access_token"]) == 200


async def test_a_secret_in_the_url_is_refused(flow: Flow) -> None:
    """What stands in a URL ends in logs (RFC 6749 §2.3.1)."""
    require_refused(await flow.send("/oauth/introspect?client_secret=x", {"token": "x"}), "invalid_request")


@pytest.mark.parametrize("token", ["x", "at_", "at_" + "A" * 43, "rt_" + "A" * 43, "eyJ0eXAiOiJhdCtqd3Qi.e30.x", "é"])
async def test_what_is_no_token_is_inactive(flow: Flow, token: str) -> None:
    """Whatever it looks like."""
    assert await told(flow, token) == INACTIVE


async def test_the_metadata_says_who_may_ask(flow: Flow) -> None:
    """Clients find the endpoints, and that a name alone opens revocation and not introspection (RFC 8414 §2)."""
    metadata = (await flow.api.call("GET", "/t/tenant-a/.well-known/oauth-authorization-server")).json()
    issuer = flow.resource.removesuffix("/api")
    assert metadata["introspection_endpoint"] == f"{issuer}/oauth/introspect"
    assert metadata["revocation_endpoint"] == f"{issuer}/oauth/revoke"
    assert metadata["userinfo_endpoint"] == f"{issuer}/oauth/userinfo"
    assert "none" not in metadata["introspection_endpoint_auth_methods_supported"]
    assert "none" in metadata["revocation_endpoint_auth_methods_supported"]
    assert {"sub", "auth_time", "nonce", "at_hash", "email_verified"} <= set(metadata["claims_supported"])
