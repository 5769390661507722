"""UserInfo tells what the scopes of a user's access token tell, and takes nothing else for one."""

from __future__ import annotations

import httpx
import pytest

from grants_rig import change
from oauth_flow import Flow
from support import SetClock
from watchword.oauth.models import TokenFormat
from world import Api


@pytest.fixture
async def flow(api: Api) -> Flow:
    """A confidential client of tenant a."""
    return await Flow.begin(api)


async def ask(
    flow: Flow, token: str, *, method: str = "GET", path: str = "/oauth/userinfo", scheme: str = "Bearer"
) -> httpx.Response:
    return await flow.api.call(method, path, headers={"authorization": f"{scheme} {token}"})


async def scoped(flow: Flow, *scopes: str) -> str:
    token: str = (await flow.tokens(scopes=scopes))["access_token"]
    return token


@pytest.mark.parametrize("path", ["/oauth/userinfo", "/t/tenant-a/oauth/userinfo"])
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("token_format", ["jwt", "opaque"])
async def test_a_token_tells_of_its_user(api: Api, token_format: TokenFormat, method: str, path: str) -> None:
    """By either method, at the root and under the tenant, with either form of token (OpenID Connect Core §5.3.1)."""
    flow = await Flow.begin(api, token_format=token_format)
    answer = await ask(flow, await scoped(flow, "openid", "profile", "email"), method=method, path=path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "sub": api.world.users["editor_a"],
        "name": "editor_a",
        "email": "editor.a@example.com",
        "email_verified": True,
    }


@pytest.mark.parametrize(
    ("scopes", "names"),
    [
        ("openid", "sub"),
        ("openid profile", "sub name"),
        ("openid email products:read", "sub email email_verified"),
    ],
)
async def test_a_scope_tells_its_claims_alone(flow: Flow, scopes: str, names: str) -> None:
    """What was not allowed is not told (OpenID Connect Core §5.4)."""
    assert set((await ask(flow, await scoped(flow, *scopes.split()))).json()) == set(names.split())


async def test_it_tells_the_same_subject_as_the_id_token(flow: Flow) -> None:
    """A client compares both (OpenID Connect Core §5.3.4), and what changed since is told as it is now."""
    token = await scoped(flow, "openid", "email", "profile")
    await change(flow.api.application.database, "UPDATE users SET email_verified_at = NULL, name = ''")
    body = (await ask(flow, token)).json()
    assert body["sub"] == flow.api.world.users["editor_a"]
    assert body["email_verified"] is False
    assert "name" not in body


async def test_without_openid_nothing_is_told(flow: Flow) -> None:
    """The refusal names the scope that is missing (RFC 6750 §3.1)."""
    answer = await ask(flow, await scoped(flow, "products:read", "email"))
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert 'scope="openid"' in answer.headers["www-authenticate"]


async def test_a_client_of_its_own_is_no_user(flow: Flow) -> None:
    """A token of client credentials is about nobody."""
    answer = await flow.send("/oauth/token", {"grant_type": "client_credentials"})
    assert (await ask(flow, answer.json()["access_token"])).status_code == 403


async def test_a_token_for_another_resource_is_not_for_this_one(api: Api) -> None:
    """An API that was sent a token cannot ask with it who the user is (RFC 8707 §2, RFC 9068 §4)."""
    flow = await Flow.begin(api, audiences=("https://reports.example",))
    token = (await flow.tokens(resources=("https://reports.example",)))["access_token"]
    answer = await ask(flow, token)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


async def test_another_tenants_path_is_refused(flow: Flow) -> None:
    """A token is its own issuer's business."""
    answer = await ask(flow, await scoped(flow, "openid"), path="/t/tenant-b/oauth/userinfo")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


async def test_nobody_is_told(flow: Flow) -> None:
    """Without a token the answer is a challenge."""
    answer = await flow.api.call("GET", "/oauth/userinfo")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("who", ["editor_a", "sk_live_a", "pk_live_a"])
async def test_other_credentials_are_no_access_token(flow: Flow, who: str) -> None:
    """A session or a key proves a caller elsewhere, and here nobody."""
    answer = await flow.api.call("GET", "/oauth/userinfo", who=who)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


async def test_an_expired_token_tells_nothing(flow: Flow, clock: SetClock) -> None:
    """From its end on."""
    token = await scoped(flow, "openid", "offline_access")
    clock.advance(600_000)
    assert (await ask(flow, token)).status_code == 401


@pytest.mark.parametrize("statement", ["UPDATE users SET disabled_at = 1", "DELETE FROM memberships"])
async def test_a_user_who_is_no_more_is_not_told_of(flow: Flow, statement: str) -> None:
    """Of a disabled user, or one who left the tenant, nothing is told any more."""
    token = await scoped(flow, "openid")
    await change(flow.api.application.database, statement)
    assert (await ask(flow, token)).status_code == 401


async def test_a_token_in_a_form_is_none(flow: Flow) -> None:
    """The header is the one place for a token, and the API's metadata says so (RFC 6750 §2.2, RFC 9728 §2)."""
    token = await scoped(flow, "openid")
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = await flow.api.call("POST", "/oauth/userinfo", content=f"access_token={token}".encode(), headers=form)
    assert (answer.status_code, answer.headers["www-authenticate"].partition(" ")[0]) == (401, "Bearer")
    path = "/.well-known/oauth-protected-resource/t/tenant-a/api"
    assert (await flow.api.call("GET", path)).json()["bearer_methods_supported"] == ["header"]


async def test_a_token_in_the_url_is_none(flow: Flow) -> None:
    """What stands in a URL ends in logs: a token there is not read (RFC 9700 §4.3.2)."""
    token = await scoped(flow, "openid")
    assert (await flow.api.call("GET", f"/oauth/userinfo?access_token={token}")).status_code == 401
