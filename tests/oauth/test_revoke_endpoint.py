"""Revocation ends a client's own tokens, at once and everywhere, and nobody else's."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest

from oauth_flow import Flow, require_refused, scalar
from support import SetClock
from watchword.db.database import Statement, Transaction
from watchword.oauth.models import TokenFormat
from world import Api

Doors = tuple[Api, Api]

TAKE_IN = (
    "INSERT INTO memberships (tenant_id, user_id, role, created_at)"
    " SELECT id, $1, 'tenant-editor', 1 FROM tenants WHERE slug = 'tenant-a'"
)


@pytest.fixture
async def flow(api: Api) -> Flow:
    """A confidential client of tenant a."""
    return await Flow.begin(api)


async def revoke(flow: Flow, token: str, **fields: str | None) -> httpx.Response:
    return await flow.send("/oauth/revoke", {"token": token, **fields})


async def revoked(flow: Flow, token: str, **fields: str | None) -> None:
    answer = await revoke(flow, token, **fields)
    assert (answer.status_code, answer.content) == (200, b""), answer.text
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("kind", ["confidential", "public"])
@pytest.mark.parametrize("token_format", ["jwt", "opaque"])
async def test_a_revoked_access_token_is_dead(api: Api, kind: str, token_format: TokenFormat) -> None:
    """On the next request, though it was remembered as good; others of its grant and its refresh token live on."""
    flow = await Flow.begin(api, kind=kind, token_format=token_format)
    first = await flow.tokens()
    second = (await flow.refresh(first["refresh_token"])).json()
    assert await flow.reads(first["access_token"]) == 200
    await revoked(flow, first["access_token"])
    assert await flow.reads(first["access_token"]) == 401
    assert await flow.reads(second["access_token"]) == 200
    assert (await flow.refresh(second["refresh_token"])).status_code == 200


@pytest.mark.parametrize("token_format", ["jwt", "opaque"])
@pytest.mark.parametrize(
    ("away", "back"),
    [
        ("DELETE FROM memberships WHERE user_id = $1", TAKE_IN),
        ("UPDATE users SET disabled_at = 1 WHERE id = $1", "UPDATE users SET disabled_at = NULL WHERE id = $1"),
    ],
    ids=["no member", "disabled"],
)
async def test_a_token_is_revoked_whatever_stands_behind_it(
    api: Api, token_format: TokenFormat, away: str, back: str
) -> None:
    """Given back while its user is no member, a token does not come back with the user; another one does."""
    flow = await Flow.begin(api, token_format=token_format)
    given, other = await flow.tokens(), await flow.tokens()
    user_id = api.world.users["editor_a"]
    await put(api, away, user_id)
    assert await flow.reads(given["access_token"]) == 401
    await revoked(flow, given["access_token"])
    await put(api, back, user_id)
    assert await flow.reads(given["access_token"]) == 401
    assert await flow.reads(other["access_token"]) == 200


async def test_a_token_is_revoked_while_what_it_was_exchanged_from_is_disabled(api: Api) -> None:
    """Given back while its key is disabled, an exchanged token does not come back with the key."""
    exchange = "urn:ietf:params:oauth:grant-type:token-exchange"
    flow = await Flow.begin(api, grants=(exchange,))
    fields: dict[str, str | None] = {
        "grant_type": exchange,
        "subject_token": api.world.keys["sk_live_a"],
        "subject_token_type": "urn:watchword:params:oauth:token-type:api_key",
    }
    token = (await flow.send("/oauth/token", fields)).json()["access_token"]
    for disabled, status in ((True, 401), (False, 200)):
        await api.call("PATCH", "/api/keys/{key_sk_live_a}", who="admin_a", json={"disabled": disabled})
        assert await flow.reads(token) == status
    await api.call("PATCH", "/api/keys/{key_sk_live_a}", who="admin_a", json={"disabled": True})
    await revoked(flow, token)
    await api.call("PATCH", "/api/keys/{key_sk_live_a}", who="admin_a", json={"disabled": False})
    assert await flow.reads(token) == 401


async def test_a_revocation_is_told_once(flow: Flow) -> None:
    """Given back again, a token is as dead as before, and the audit log has one line of it."""
    token = (await flow.tokens())["access_token"]
    for _ in range(3):
        await revoked(flow, token)
    assert [event["event"] for event in flow.api.events()].count("oauth.token_revoked") == 1


async def put(api: Api, statement: str, user_id: str) -> None:
    """Change what stands behind a user's tokens as another process would, which tells of it."""

    async def work(tx: Transaction) -> None:
        await tx.execute(Statement(statement), user_id)
        tx.withdraw(f"user:{user_id}")

    await api.application.database.transaction(work)


@pytest.mark.parametrize("kind", ["confidential", "public"])
async def test_a_revoked_refresh_token_takes_its_grant_along(api: Api, kind: str) -> None:
    """The access tokens that came of the same grant end with it (RFC 7009 §2.1), and no other grant's."""
    flow = await Flow.begin(api, kind=kind)
    first, other = await flow.tokens(), await flow.tokens()
    second = (await flow.refresh(first["refresh_token"])).json()
    await revoked(flow, second["refresh_token"])
    for token in (first["access_token"], second["access_token"]):
        assert await flow.reads(token) == 401
    require_refused(await flow.refresh(second["refresh_token"]))
    assert await flow.reads(other["access_token"]) == 200
    assert "oauth.token_revoked" in [event["event"] for event in api.events()]


async def test_a_used_refresh_token_revokes_too(flow: Flow) -> None:
    """A client that knows only an earlier token of the family can still end it."""
    first = await flow.tokens()
    second = (await flow.refresh(first["refresh_token"])).json()
    await revoked(flow, first["refresh_token"])
    require_refused(await flow.refresh(second["refresh_token"]))


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense"])
async def test_the_hint_decides_nothing(flow: Flow, hint: str) -> None:
    """A wrong or unknown hint keeps no token alive (RFC 7009 §2.1)."""
    tokens = await flow.tokens()
    await revoked(flow, tokens["access_token"], token_type_hint=hint)
    assert await flow.reads(tokens["access_token"]) == 401
    await revoked(flow, tokens["refresh_token"], token_type_hint=hint)
    require_refused(await flow.refresh(tokens["refresh_token"]))


async def test_another_client_revokes_nothing(flow: Flow) -> None:
    """It is refused and told so (RFC 7009 §2.1), and the tokens live on."""
    tokens = await flow.tokens()
    for other in (await Flow.begin(flow.api), await Flow.begin(flow.api, kind="public")):
        require_refused(await revoke(other, tokens["access_token"]))
        require_refused(await revoke(other, tokens["refresh_token"]))
    assert await flow.reads(tokens["access_token"]) == 200
    assert (await flow.refresh(tokens["refresh_token"])).status_code == 200


async def test_another_tenants_client_learns_and_revokes_nothing(flow: Flow) -> None:
    """To it a good token is as one that never was."""
    tokens = await flow.tokens()
    foreign = await Flow.begin(flow.api, tenant="b")
    await revoked(foreign, tokens["access_token"])
    await revoked(foreign, tokens["refresh_token"])
    assert await flow.reads(tokens["access_token"]) == 200
    assert (await flow.refresh(tokens["refresh_token"])).status_code == 200


async def test_a_confidential_client_needs_its_secret(flow: Flow) -> None:
    """Its name alone revokes nothing."""
    token = (await flow.tokens())["access_token"]
    headers = {"content-type": "application/x-www-form-urlencoded"}
    content = f"token={token}&client_id={flow.client.id}".encode()
    require_refused(
        await flow.api.call("POST", "/oauth/revoke", content=content, headers=headers), "invalid_client", 401
    )
    assert await flow.reads(token) == 200


async def test_another_tenants_path_is_refused(flow: Flow) -> None:
    """Under another tenant's path a client is none of its own."""
    token = (await flow.tokens())["access_token"]
    require_refused(await flow.send("/t/tenant-b/oauth/revoke", {"token": token}), "invalid_client", 401)
    assert (await flow.send("/t/tenant-a/oauth/revoke", {"token": token})).status_code == 200
    assert await flow.reads(token) == 401


@pytest.mark.parametrize("token", ["x", "at_" + "A" * 43, "rt_" + "A" * 43, "rt_", "eyJ0eXAiOiJhdCtqd3Qi.e30.x", "é"])
async def test_what_is_no_token_needs_no_revoking(flow: Flow, token: str) -> None:
    """An invalid token is no error: what the client wanted holds already (RFC 7009 §2.2)."""
    await revoked(flow, token)


async def test_a_request_without_a_token(flow: Flow) -> None:
    """A missing token is a malformed request."""
    require_refused(await flow.send("/oauth/revoke", {}), "invalid_request")


async def test_a_revoked_token_stays_dead(flow: Flow, clock: SetClock) -> None:
    """Revoking twice is as once, and neither time nor a forgotten memory brings the token back."""
    token = (await flow.tokens())["access_token"]
    await revoked(flow, token)
    await revoked(flow, token)
    flow.api.application._foundation.proofs.forget()
    assert await flow.reads(token) == 401
    assert await scalar(flow.api, "SELECT count(*) FROM oauth_revoked_tokens") == 1
    clock.advance(1_000)
    assert await flow.reads(token) == 401


async def test_a_revoked_token_is_dead_in_every_process(doors: Doors) -> None:
    """Another process, which remembered the token as good, refuses it on the next request, on PostgreSQL in a second."""
    flow = await Flow.begin(doors[0])
    other = flow.at(doors[1])
    tokens = await flow.tokens()
    assert await other.reads(tokens["access_token"]) == 200
    await revoked(flow, tokens["access_token"])
    until = time.monotonic() + 1
    while await other.reads(tokens["access_token"]) != 401:
        assert doors[1].application.database.dialect == "postgres"
        assert time.monotonic() < until
        await asyncio.sleep(0.02)
