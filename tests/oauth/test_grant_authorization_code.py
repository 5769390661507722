"""The authorization code grant, from the code to the API, and everything that must not pass on the way."""

from __future__ import annotations

import pytest

from grants_rig import CALLBACK, VERIFIER, change
from oauth_flow import SCOPES, Flow, require_refused
from oauth_world import disable_client
from support import SetClock
from watchword.oauth.models import TokenFormat
from world import Api


@pytest.mark.parametrize("token_format", ["jwt", "opaque"])
@pytest.mark.parametrize("kind", ["confidential", "public"])
async def test_a_code_gives_tokens_that_read_as_the_user(api: Api, kind: str, token_format: TokenFormat) -> None:
    """A client of either kind gets an access token for the user who allowed it, and the API serves it (RFC 6749 §4.1)."""
    flow = await Flow.begin(api, kind=kind, token_format=token_format)
    answer = await flow.exchange(await flow.code())
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 600, " ".join(SCOPES))
    assert body["refresh_token"].startswith("rt_")
    assert body["id_token"].count(".") == 2
    assert await flow.reads(body["access_token"]) == 200


@pytest.mark.parametrize("mode", ["live", "test"])
async def test_a_token_reads_in_its_clients_mode(api: Api, mode: str) -> None:
    """A client of test mode reaches test data through whoever allowed it, and live data never."""
    flow = await Flow.begin(api, mode=mode)
    bearer = {"authorization": f"Bearer {(await flow.tokens())['access_token']}"}
    for other in ("live", "test"):
        answer = await api.call("GET", f"/api/products/{{product_{other}_a}}", headers=bearer)
        assert answer.status_code == (200 if other == mode else 404)


async def test_no_refresh_token_without_the_grant(api: Api) -> None:
    """A client that may not refresh gets no refresh token."""
    flow = await Flow.begin(api, grants=("authorization_code",))
    assert "refresh_token" not in await flow.tokens()


async def test_no_id_token_without_openid(api: Api) -> None:
    """Who did not ask who the user is is not told (OpenID Connect Core §3.1.2.1)."""
    flow = await Flow.begin(api)
    assert "id_token" not in await flow.tokens(scopes=("products:read",))


async def test_a_token_is_as_narrow_as_what_was_allowed(api: Api) -> None:
    """The scopes are those of the consent, whatever the token request says."""
    flow = await Flow.begin(api)
    answer = await flow.exchange(await flow.code(scopes=("products:read",)), scope="products:write")
    assert answer.json()["scope"] == "products:read"
    bearer = {"authorization": f"Bearer {answer.json()['access_token']}"}
    write = await api.call("POST", "/api/products", json={"name": "x", "price": 1}, headers=bearer)
    assert write.status_code == 403


async def test_scopes_taken_from_the_client_meanwhile_are_left_out(api: Api) -> None:
    """What an administrator took from the client between consent and token is not given."""
    flow = await Flow.begin(api)
    code = await flow.code()
    narrowed = '["openid","products:read"]'
    await change(api.application.database, "UPDATE oauth_clients SET scopes = $1", narrowed)
    assert (await flow.exchange(code)).json()["scope"] == "openid products:read"


async def test_a_second_use_ends_what_the_first_gave(api: Api) -> None:
    """Access and refresh token of the first use are dead, on the next request, and an event says why (RFC 6749 §4.1.2)."""
    flow = await Flow.begin(api)
    code = await flow.code()
    body = (await flow.exchange(code)).json()
    assert await flow.reads(body["access_token"]) == 200
    require_refused(await flow.exchange(code))
    assert await flow.reads(body["access_token"]) == 401
    require_refused(await flow.refresh(body["refresh_token"]))
    assert "oauth.code_reused" in [event["event"] for event in api.events()]


async def test_a_code_in_another_clients_hands(api: Api) -> None:
    """Another client of the tenant, confidential or public, or one of another tenant gets nothing for it."""
    flow = await Flow.begin(api)
    code = await flow.code()
    for other in (await Flow.begin(api), await Flow.begin(api, kind="public"), await Flow.begin(api, tenant="b")):
        require_refused(await other.exchange(code))
    assert (await flow.exchange(code)).status_code == 200


async def test_a_confidential_clients_code_needs_its_secret(api: Api) -> None:
    """With the code and the verifier but without the secret nobody gets anything (RFC 6749 §3.2.1)."""
    flow = await Flow.begin(api)
    code = await flow.code()
    form = f"grant_type=authorization_code&code={code}&redirect_uri={CALLBACK}&code_verifier={VERIFIER}"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    content = f"{form}&client_id={flow.client.id}".encode()
    require_refused(await api.call("POST", "/oauth/token", content=content, headers=headers), "invalid_client", 401)
    assert (await flow.exchange(code)).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"code_verifier": None},
        {"code_verifier": "A" * 43},
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": CALLBACK.replace("https", "http")},
        {"code": "ac_unknown"},
        {"code": "x" * 5_000},
    ],
    ids=str,
)
async def test_what_does_not_fit_is_refused(api: Api, wrong: dict[str, str | None]) -> None:
    """Each gets the one answer, and the code is left for its client."""
    flow = await Flow.begin(api)
    code = await flow.code()
    others = {name: value for name, value in wrong.items() if name != "code"}
    require_refused(await flow.exchange(wrong.get("code") or code, **others))
    assert (await flow.exchange(code)).status_code == 200


async def test_a_token_request_without_a_code(api: Api) -> None:
    """A missing code is a malformed request, not a wrong one."""
    flow = await Flow.begin(api)
    require_refused(await flow.send("/oauth/token", {"grant_type": "authorization_code"}), "invalid_request")


async def test_a_code_twice_in_one_request(api: Api) -> None:
    """A parameter that comes twice is refused before anything is spent (RFC 6749 §3.1)."""
    flow = await Flow.begin(api)
    code = await flow.code()
    form = f"grant_type=authorization_code&code={code}&code={code}&code_verifier={VERIFIER}&redirect_uri={CALLBACK}"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    content = f"{form}&client_id={flow.client.id}".encode()
    require_refused(await api.call("POST", "/oauth/token", content=content, headers=headers), "invalid_request")
    assert (await flow.exchange(code)).status_code == 200


async def test_a_client_without_the_grant(api: Api) -> None:
    """A client that may not use codes cannot, even with a good one."""
    flow = await Flow.begin(api, grants=("client_credentials",))
    require_refused(await flow.exchange(await flow.code()), "unauthorized_client")


@pytest.mark.parametrize(
    ("asked", "status"),
    [("{api}", 200), ("https://elsewhere.example", 400), ("https://localhost/t/tenant-b/api", 400), ("relative", 400)],
)
async def test_a_token_is_for_no_resource_that_was_not_allowed(api: Api, asked: str, status: int) -> None:
    """A resource beyond the consent is refused, and the code stays good (RFC 8707 §2.2)."""
    flow = await Flow.begin(api)
    code = await flow.code()
    answer = await flow.exchange(code, resource=asked.replace("{api}", flow.resource))
    assert answer.status_code == status
    if status == 400:
        require_refused(answer, "invalid_target")
        assert (await flow.exchange(code)).status_code == 200


async def test_a_disabled_client_gets_nothing(api: Api) -> None:
    """A client disabled between consent and token is refused like an unknown one."""
    flow = await Flow.begin(api)
    code = await flow.code()
    await disable_client(api.application, flow.client.id)
    require_refused(await flow.exchange(code), "invalid_client", 401)


async def test_a_user_who_signed_out_gives_nothing(api: Api) -> None:
    """A code of a session that has ended is no good, unless offline access was allowed."""
    flow = await Flow.begin(api)
    code = await flow.code()
    offline = await flow.code(scopes=("openid", "offline_access"))
    assert (await api.call("POST", "/api/users/logout", who="editor_a")).status_code == 200
    require_refused(await flow.exchange(code))
    assert (await flow.exchange(offline)).status_code == 200


async def test_a_code_at_its_end(api: Api, clock: SetClock) -> None:
    """A minute after it was made a code is no good."""
    flow = await Flow.begin(api)
    code = await flow.code()
    clock.advance(60_000)
    require_refused(await flow.exchange(code))


async def test_neither_codes_nor_tokens_reach_the_log(api: Api) -> None:
    """Nothing that could be spent stands in the log, whether it was accepted or refused."""
    flow = await Flow.begin(api)
    code = await flow.code()
    body = (await flow.exchange(code)).json()
    await flow.exchange(code)
    await flow.refresh(body["refresh_token"])
    logged = api.log_text()
    for secret in (code, VERIFIER, body["access_token"], body["refresh_token"], body["id_token"]):
        assert secret not in logged
