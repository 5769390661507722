"""What users allowed clients: seen and taken back by them, seen and ended by the tenant's administrator, and then gone."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from support import SetClock
from watchword.db.database import Transaction
from watchword.oauth.issue import TokenIssuer, Wanted
from watchword.oauth.models import OAuthClient
from world import Api

DAY_MS = 86_400_000


async def client_of(api: Api, tenant: str = "a") -> OAuthClient:
    read = await api.application.oauth.clients.get(api.world.tenants[tenant], api.world.clients[tenant])
    return read.listed.client


async def allow(api: Api, who: str = "editor_a", *, scopes: tuple[str, ...] = ("products:read",)) -> str:
    """Let a user allow the tenant's client something, as the consent page does, and return the grant's id."""
    client = await client_of(api, who.rpartition("_")[2])
    grants, user_id, now_ms = api.application.oauth.grants, api.world.users[who], api.application.clock.now_ms()

    async def work(tx: Transaction) -> str:
        await grants.keep_consent(tx, client, user_id=user_id, scopes=scopes, resources=(), now_ms=now_ms)
        grant = await grants.start(
            tx,
            client,
            user_id=user_id,
            session_id=None,
            scopes=scopes,
            resources=(),
            authenticated_at_ms=now_ms,
            now_ms=now_ms,
        )
        return grant.id

    return await api.application.database.transaction(work)


async def token_of(api: Api, grant_id: str, form: str, who: str = "editor_a") -> str:
    """Make an access token of a grant, as the token endpoint does."""
    client = await client_of(api)
    settings = msgspec.structs.replace(client.settings, token_format=form)
    tokens = api.application._foundation.access_tokens
    wanted = Wanted(
        subject=api.world.users[who],
        scopes=("products:read",),
        audience=(tokens.names.resource(client.tenant_slug),),
        grant_id=grant_id,
    )
    issuer = TokenIssuer(tokens, tokens.names)
    now_ms = api.application.clock.now_ms()
    return (await issuer.make(msgspec.structs.replace(client, settings=settings), wanted, now_ms=now_ms)).text


async def reads(api: Api, token: str) -> int:
    answer = await api.call("GET", "/api/products", headers={"authorization": f"Bearer {token}"})
    return answer.status_code


async def ids_of(api: Api, path: str, who: str) -> list[str]:
    answer = await api.call("GET", path, who=who)
    assert answer.status_code == 200, answer.text
    return [doc["id"] for doc in answer.json()["docs"]]


async def test_a_user_sees_what_was_allowed(api: Api) -> None:
    """Client, tenant, scopes and times of each grant stand in the user's own list, the youngest first."""
    later = await allow(api)
    docs = (await api.call("GET", "/api/users/grants", who="editor_a")).json()["docs"]
    assert {doc["id"] for doc in docs} == {later, api.world.grants["a"]}
    [doc] = [doc for doc in docs if doc["id"] == later]
    assert (doc["clientName"], doc["tenantName"], doc["scopes"]) == ("Partner of a", "Tenant a", ["products:read"])
    assert doc["email"] == "editor.a@example.com"
    assert doc["createdAt"] == "2026-01-07T10:00:00.000Z"


@pytest.mark.parametrize("who", ["viewer_a", "admin_a", "editor_b", "outsider", "super"])
async def test_nobody_sees_or_ends_anothers_in_the_own_list(shared: Api, who: str) -> None:
    """What one user allowed is not in another's list, and not to be taken back there, not even by an administrator."""
    assert shared.world.grants["a"] not in await ids_of(shared, "/api/users/grants", who)
    refused = await shared.call("DELETE", "/api/users/grants/{grant_a}", who=who)
    nobodys = await shared.call("DELETE", "/api/users/grants/grt_00000000000000000000000000", who=who)
    assert (refused.status_code, refused.content) == (404, nobodys.content)
    assert shared.world.grants["a"] in await ids_of(shared, "/api/users/grants", "editor_a")


async def test_an_administrator_sees_every_grant_of_the_tenant(api: Api) -> None:
    """The tenant's list holds all its users' grants and no other tenant's; it can be asked by client and by user."""
    other = await allow(api, "viewer_a")
    theirs = await allow(api, "viewer_b")
    own = api.world.grants["a"]
    assert set(await ids_of(api, "/api/grants", "admin_a")) == {own, other}
    assert set(await ids_of(api, "/api/grants", "admin_b")) == {api.world.grants["b"], theirs}
    assert set(await ids_of(api, "/api/grants?client={client_a}", "admin_a")) == {own, other}
    assert await ids_of(api, "/api/grants?user={user_viewer_a}", "admin_a") == [other]
    assert await ids_of(api, "/api/grants?client={client_a}&user={user_editor_a}", "admin_a") == [own]
    assert await ids_of(api, "/api/grants?client={client_b}", "admin_a") == []
    assert await ids_of(api, "/api/grants?user={user_viewer_b}", "admin_a") == []


async def test_pages_of_grants(api: Api, clock: SetClock) -> None:
    """Grants are listed page by page, the youngest first."""
    made = [api.world.grants["a"]]
    for _ in range(3):
        clock.advance(1)
        made.append(await allow(api))
    for path, who in (("/api/grants", "admin_a"), ("/api/users/grants", "editor_a")):
        first = (await api.call("GET", f"{path}?limit=3", who=who)).json()
        assert [doc["id"] for doc in first["docs"]] == made[:0:-1]
        assert first["hasNextPage"] is True
        rest = (await api.call("GET", f"{path}?limit=3&after={first['nextAfter']}", who=who)).json()
        assert ([doc["id"] for doc in rest["docs"]], rest["nextAfter"]) == ([made[0]], None)


@pytest.mark.parametrize("form", ["jwt", "opaque"])
@pytest.mark.parametrize(("path", "who"), [("/api/users/grants", "editor_a"), ("/api/grants", "admin_a")])
async def test_what_is_taken_back_is_refused_at_once(api: Api, form: str, path: str, who: str) -> None:
    """The next request with a token of an ended grant is refused, the consent is forgotten, and the event recorded."""
    grant_id = await allow(api)
    token = await token_of(api, grant_id, form)
    assert await reads(api, token) == 200
    ended = await api.call("DELETE", f"{path}/{grant_id}", who=who)
    assert (ended.status_code, set(ended.json()["ended"])) == (200, {grant_id, api.world.grants["a"]})
    assert await reads(api, token) == 401
    grants = api.application.oauth.grants
    world = api.world
    assert await grants.find_consent(world.tenants["a"], world.users["editor_a"], world.clients["a"]) is None
    assert await ids_of(api, "/api/users/grants", "editor_a") == []
    assert await ids_of(api, "/api/grants", "admin_a") == []
    [event] = [event for event in api.events() if event["event"] == "grant.ended"]
    assert (event["subject"], event["user"]) == (world.users[who], world.users["editor_a"])
    assert grant_id in event["grants"]
    assert (await api.call("DELETE", f"{path}/{grant_id}", who=who)).status_code == 404


async def test_only_the_same_clients_grants_of_the_same_user_end(api: Api) -> None:
    """What others allowed the same client stays."""
    other = await allow(api, "viewer_a")
    token = await token_of(api, other, "jwt", "viewer_a")
    assert (await api.call("DELETE", "/api/users/grants/{grant_a}", who="editor_a")).status_code == 200
    assert await ids_of(api, "/api/grants", "admin_a") == [other]
    assert await reads(api, token) == 200


async def test_every_process_refuses_an_ended_grant(doors: tuple[Api, Api]) -> None:
    """What one process ends, the other refuses on its next request, though it remembered the token."""
    first, second = doors
    token = await token_of(first, first.world.grants["a"], "jwt")
    assert await reads(second, token) == 200
    assert (await first.call("DELETE", "/api/grants/{grant_a}", who="admin_a")).status_code == 200
    assert await reads(second, token) == 401


async def test_of_parallel_wishes_to_end_one_ends_it(stored_api: Api) -> None:
    """However many take a grant back at once, it ends once, and nobody is told of a fault."""
    answers = await asyncio.gather(
        *(stored_api.call("DELETE", "/api/users/grants/{grant_a}", who="editor_a") for _ in range(10))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [404] * 9
    [ended] = [answer.json()["ended"] for answer in answers if answer.status_code == 200]
    assert ended == [stored_api.world.grants["a"]]


@pytest.mark.parametrize("form", ["jwt", "opaque"])
async def test_a_disabled_users_tokens_are_refused_at_once(api: Api, form: str) -> None:
    """When a user is disabled, or is no member any more, what the user allowed is refused on the next request."""
    token = await token_of(api, api.world.grants["a"], form)
    assert await reads(api, token) == 200
    await api.application.users.disable_user(api.world.users["editor_a"], now_ms=api.application.clock.now_ms())
    assert await reads(api, token) == 401


async def test_a_removed_members_tokens_are_refused_at_once(api: Api) -> None:
    """A user who left the tenant left nothing behind that reads it."""
    token = await token_of(api, api.world.grants["a"], "jwt")
    assert await reads(api, token) == 200
    path = "/api/tenants/{tenant_a}/members/{user_editor_a}"
    assert (await api.call("DELETE", path, who="admin_a")).status_code == 200
    assert await reads(api, token) == 401


@pytest.mark.parametrize("what", ["client", "tenant"])
async def test_a_users_token_ends_with_client_and_tenant(api: Api, what: str) -> None:
    """When the client or its tenant is disabled, the tokens that users allowed it are refused at once."""
    token = await token_of(api, api.world.grants["a"], "opaque")
    assert await reads(api, token) == 200
    path, who = ("/api/clients/{client_a}", "admin_a") if what == "client" else ("/api/tenants/{tenant_a}", "super")
    assert (await api.call("PATCH", path, who=who, json={"disabled": True})).status_code == 200
    assert await reads(api, token) == 401


async def test_a_grant_past_its_end_is_not_listed(api: Api, clock: SetClock) -> None:
    """What ended by itself is no grant any more."""
    clock.advance(366 * DAY_MS)
    listed = await api.application.oauth.grant_overview.list_of_tenant(api.world.tenants["a"], now_ms=clock.now_ms())
    assert listed == []


async def test_a_deleted_clients_grants_are_gone(api: Api) -> None:
    """With a client everything that users allowed it is deleted."""
    assert (await api.call("DELETE", "/api/clients/{client_a}", who="admin_a")).status_code == 200
    assert await ids_of(api, "/api/users/grants", "editor_a") == []
