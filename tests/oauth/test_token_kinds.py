"""No kind of token passes for another: each of them at every door that takes one (RFC 8725 §3.11, §3.12)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

import httpx
import pytest

from grants_rig import CALLBACK, GRANTS, VERIFIER
from oauth_exchange import EXCHANGE
from oauth_flow import SCOPES, Flow
from watchword.db.database import Transaction
from watchword.errors import WatchwordError
from watchword.oauth.models import TokenFormat
from watchword.oauth.pkce import make_code_challenge
from watchword.oauth.subject_token import ACCESS_TOKEN, API_KEY, JWT
from world import Api

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
CHALLENGE = {"code_challenge": make_code_challenge(VERIFIER), "code_challenge_method": "S256"}

Door = Callable[[Flow, str], Awaitable[bool]]


async def kinds_of(flow: Flow) -> dict[str, str]:
    """Return one living token of each kind, all of one user and client."""
    tokens = await flow.tokens()
    device_code, user_code = await allowed_device(flow)
    pushed = await flow.send("/oauth/par", {"response_type": "code", "redirect_uri": CALLBACK, **CHALLENGE})
    return {
        "access token": tokens["access_token"],
        "refresh token": tokens["refresh_token"],
        "ID token": tokens["id_token"],
        "code": await flow.code(),
        "session token": flow.api.world.tokens["editor_a"],
        "secret key": flow.api.world.keys["sk_live_a"],
        "publishable key": flow.api.world.keys["pk_live_a"],
        "client id": flow.client.id,
        "device code": device_code,
        "user code": user_code,
        "pushed request": pushed.json()["request_uri"],
        "state": "af0ifjsldkj",
    }


async def allowed_device(flow: Flow) -> tuple[str, str]:
    """Return a device's code and its user's, who has allowed it."""
    oauth, now_ms = flow.api.application.oauth, flow.api.application.clock.now_ms()
    scopes, resources = SCOPES, (flow.resource,)
    codes = await oauth.device_codes.issue(flow.client, scopes=scopes, resources=resources, now_ms=now_ms)
    waiting = await oauth.device_codes.find_pending(codes.user_code, now_ms)
    assert waiting is not None

    async def allow(tx: Transaction) -> bool:
        grant = await oauth.grants.start(
            tx,
            flow.client,
            user_id=flow.api.world.users["editor_a"],
            session_id=flow.api.world.sessions["editor_a"],
            scopes=scopes,
            resources=resources,
            authenticated_at_ms=now_ms,
            now_ms=now_ms,
        )
        return await oauth.device_codes.allow(tx, waiting, grant_id=grant.id, now_ms=now_ms)

    assert await flow.api.application.database.transaction(allow)
    return codes.device_code, codes.user_code


def _bearer(path: str) -> Door:
    async def door(flow: Flow, token: str) -> bool:
        answer = await flow.api.call("GET", path, headers={"authorization": f"Bearer {token}"})
        return answer.status_code == 200

    return door


async def _cookie(flow: Flow, token: str) -> bool:
    headers = {"cookie": f"__Host-watchword={token}"}
    return (await flow.api.call("GET", "/api/products?limit=1", headers=headers)).status_code == 200


async def _key_header(flow: Flow, token: str) -> bool:
    return (await flow.api.call("GET", "/api/products?limit=1", headers={"x-api-key": token})).status_code == 200


async def _session_refresh(flow: Flow, token: str) -> bool:
    headers = {"authorization": f"Bearer {token}"}
    return (await flow.api.call("POST", "/api/users/refresh-token", headers=headers)).status_code == 200


async def _code(flow: Flow, token: str) -> bool:
    return _given(await flow.exchange(token))


async def _refresh(flow: Flow, token: str) -> bool:
    return _given(await flow.refresh(token))


async def _device(flow: Flow, token: str) -> bool:
    return _given(await flow.send("/oauth/token", {"grant_type": DEVICE, "device_code": token}))


def _exchange(token_type: str) -> Door:
    async def door(flow: Flow, token: str) -> bool:
        fields: dict[str, str | None] = {
            "grant_type": EXCHANGE,
            "subject_token": token,
            "subject_token_type": token_type,
        }
        return _given(await flow.send("/oauth/token", fields))

    return door


async def _pushed(flow: Flow, token: str) -> bool:
    query = urlencode({"client_id": flow.client.id, "request_uri": token})
    answer = await flow.api.call("GET", f"/oauth/authorize?{query}")
    assert answer.status_code == 303, answer.text
    return "error=" not in answer.headers["location"]


async def _introspect(flow: Flow, token: str) -> bool:
    return bool((await flow.send("/oauth/introspect", {"token": token})).json()["active"])


async def _hint(flow: Flow, token: str) -> bool:
    try:
        await flow.api.application.oauth.id_tokens.read_hint(token, flow.api.application.clock.now_ms())
    except WatchwordError:
        return False
    return True


async def _client_secret(flow: Flow, token: str) -> bool:
    form = {"grant_type": "client_credentials", "client_id": flow.client.id, "client_secret": token}
    content = "&".join(f"{name}={value}" for name, value in form.items()).encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return _given(await flow.api.call("POST", "/oauth/token", content=content, headers=headers))


async def _client_assertion(flow: Flow, token: str) -> bool:
    form = {
        "grant_type": "client_credentials",
        "client_id": flow.client.id,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": token,
    }
    content = "&".join(f"{name}={value}" for name, value in form.items()).encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return _given(await flow.api.call("POST", "/oauth/token", content=content, headers=headers))


def _given(answer: httpx.Response) -> bool:
    assert answer.status_code in {200, 400, 401}, answer.text
    return answer.status_code == 200


DOORS: dict[str, tuple[Door, set[str]]] = {
    "the API": (_bearer("/api/products?limit=1"), {"access token", "session token", "secret key"}),
    "the tenant's API": (_bearer("/t/tenant-a/api/products?limit=1"), {"access token", "session token", "secret key"}),
    "the account": (_bearer("/api/users/me"), {"session token"}),
    "UserInfo": (_bearer("/oauth/userinfo"), {"access token"}),
    "the session's cookie": (_cookie, {"session token"}),
    "the key's header": (_key_header, {"secret key", "publishable key"}),
    "the session's refresh": (_session_refresh, {"session token"}),
    "the code": (_code, {"code"}),
    "the refresh token": (_refresh, {"refresh token"}),
    "the device code": (_device, {"device code"}),
    "the exchange of access tokens": (_exchange(ACCESS_TOKEN), {"access token"}),
    "the exchange of sessions": (_exchange(JWT), {"session token"}),
    "the exchange of keys": (_exchange(API_KEY), {"secret key"}),
    "the pushed request": (_pushed, {"pushed request"}),
    "introspection": (_introspect, {"access token", "refresh token"}),
    "the ID token hint": (_hint, {"ID token"}),
    "the client's secret": (_client_secret, set()),
    "the client's assertion": (_client_assertion, set()),
}


@pytest.mark.parametrize("token_format", ["jwt", "opaque"])
@pytest.mark.parametrize("name", DOORS)
async def test_a_door_takes_its_own_kinds_alone(api: Api, name: str, token_format: TokenFormat) -> None:
    """Of all kinds, each living and of the right user and client, only those that the door is for get in."""
    flow = await Flow.begin(api, token_format=token_format, grants=(*GRANTS, DEVICE, EXCHANGE))
    door, wanted = DOORS[name]
    taken = {kind for kind, token in (await kinds_of(flow)).items() if await door(flow, token)}
    assert taken == wanted


@pytest.mark.parametrize("token_format", ["jwt", "opaque"])
async def test_revocation_ends_its_own_kinds_alone(api: Api, token_format: TokenFormat) -> None:
    """Other kinds are none of an OAuth client's tokens: they are left as they were (RFC 7009 §2.1)."""
    flow = await Flow.begin(api, token_format=token_format)
    kinds = await kinds_of(flow)
    for kind in kinds.keys() - {"access token", "refresh token"}:
        assert (await flow.send("/oauth/revoke", {"token": kinds[kind]})).status_code == 200
    assert await _bearer("/api/users/me")(flow, kinds["session token"])
    assert await _key_header(flow, kinds["secret key"])
    assert await _key_header(flow, kinds["publishable key"])
    assert await _bearer("/api/products?limit=1")(flow, kinds["access token"])
    assert await _code(flow, kinds["code"])


async def test_a_token_with_two_names_is_one_kind(api: Api) -> None:
    """A prefix alone makes no token: what is one kind's secret under another's name is refused everywhere."""
    flow = await Flow.begin(api, token_format="opaque")
    kinds = await kinds_of(flow)
    secret = {kind: kinds[kind].partition("_")[2] for kind in ("access token", "refresh token", "code")}
    for prefix in ("at_", "rt_", "ac_"):
        for kind, rest in secret.items():
            if kinds[kind] == prefix + rest:
                continue
            renamed = prefix + rest
            assert not await _bearer("/api/products?limit=1")(flow, renamed)
            assert not await _refresh(flow, renamed)
            assert not await _code(flow, renamed)
            assert not await _introspect(flow, renamed)
