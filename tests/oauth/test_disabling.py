"""What is taken away is gone at once: codes, refresh and access tokens, at every process, however it was taken away."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

import pytest

from oauth_flow import Flow, require_refused
from watchword.db.database import Transaction
from watchword.errors import ConflictError
from watchword.tenants.actor import OPERATOR
from world import Api

OFFLINE = ("openid", "offline_access", "products:read")


async def disable_client(api: Api, flow: Flow) -> None:
    """An administrator disables the client."""
    answer = await api.call("PATCH", f"/api/clients/{flow.client.id}", who="admin_a", json={"disabled": True})
    assert answer.status_code == 200


async def delete_client(api: Api, flow: Flow) -> None:
    """An administrator deletes the client."""
    assert (await api.call("DELETE", f"/api/clients/{flow.client.id}", who="admin_a")).status_code == 200


async def disable_tenant(api: Api, _flow: Flow) -> None:
    """A super-admin disables the tenant."""
    answer = await api.call("PATCH", "/api/tenants/{tenant_a}", who="super", json={"disabled": True})
    assert answer.status_code == 200


async def disable_user(api: Api, _flow: Flow) -> None:
    """The operator disables the user."""
    await api.application.users.disable_user(api.world.users["editor_a"], now_ms=api.application.clock.now_ms())


async def remove_member(api: Api, _flow: Flow) -> None:
    """An administrator removes the member."""
    path = "/api/tenants/{tenant_a}/members/{user_editor_a}"
    assert (await api.call("DELETE", path, who="admin_a")).status_code == 200


async def end_as_administrator(api: Api, flow: Flow) -> None:
    """An administrator ends one of the grants, and the consent with it."""
    listed = await api.call("GET", f"/api/grants?client={flow.client.id}", who="admin_a")
    path = f"/api/grants/{listed.json()['docs'][0]['id']}"
    assert (await api.call("DELETE", path, who="admin_a")).status_code == 200


async def withdraw_as_user(api: Api, flow: Flow) -> None:
    """The user takes one of the grants back, and the consent with it."""
    docs = (await api.call("GET", "/api/users/grants", who="editor_a")).json()["docs"]
    own = next(doc["id"] for doc in docs if doc["clientId"] == flow.client.id)
    assert (await api.call("DELETE", f"/api/users/grants/{own}", who="editor_a")).status_code == 200


async def remove_as_operator(api: Api, _flow: Flow) -> None:
    """The operator removes the member."""
    world = api.world
    await api.application.members.remove(
        world.tenants["a"], world.users["editor_a"], actor=OPERATOR, now_ms=api.application.clock.now_ms()
    )


async def consent_to(api: Api, flow: Flow) -> None:
    """Let the server remember what the editor allowed the client."""

    async def keep(tx: Transaction) -> None:
        await api.application.oauth.grants.keep_consent(
            tx,
            flow.client,
            user_id=api.world.users["editor_a"],
            scopes=OFFLINE,
            resources=(flow.resource,),
            now_ms=api.application.clock.now_ms(),
        )

    await api.application.database.transaction(keep)


LEAVING: dict[str, Callable[[Api, Flow], Awaitable[None]]] = {
    "user disabled": disable_user,
    "member removed": remove_member,
    "member removed by the operator": remove_as_operator,
}

WAYS: dict[str, tuple[Callable[[Api, Flow], Awaitable[None]], tuple[str, int]]] = {
    "client disabled": (disable_client, ("invalid_client", 401)),
    "client deleted": (delete_client, ("invalid_client", 401)),
    "tenant disabled": (disable_tenant, ("invalid_client", 401)),
    "user disabled": (disable_user, ("invalid_grant", 400)),
    "member removed": (remove_member, ("invalid_grant", 400)),
    "grant ended": (end_as_administrator, ("invalid_grant", 400)),
    "grant withdrawn": (withdraw_as_user, ("invalid_grant", 400)),
}


@pytest.mark.parametrize("form", ["jwt", "opaque"])
@pytest.mark.parametrize("way", WAYS)
async def test_what_is_taken_away_is_refused_at_once(doors: tuple[Api, Api], way: str, form: str) -> None:
    """Another process that remembers the tokens refuses each of them, and the code, on the very next request."""
    first, second = doors
    take_away, (error, status) = WAYS[way]
    flow = await Flow.begin(first, token_format=form)
    there = flow.at(second)
    given = await there.tokens(scopes=OFFLINE)
    spare = await flow.code(scopes=OFFLINE)
    assert await there.reads(given["access_token"]) == 200
    await take_away(first, flow)
    assert await there.reads(given["access_token"]) == 401
    userinfo = {"authorization": f"Bearer {given['access_token']}"}
    assert (await second.call("GET", "/oauth/userinfo", headers=userinfo)).status_code == 401
    require_refused(await there.refresh(given["refresh_token"]), error, status)
    require_refused(await there.exchange(spare), error, status)


@pytest.mark.parametrize("way", ["client disabled", "tenant disabled", "user disabled", "member removed"])
async def test_what_stays_untouched_goes_on(api: Api, way: str) -> None:
    """Another tenant's client and user lose nothing."""
    take_away, _ = WAYS[way]
    flow, other = await Flow.begin(api), await Flow.begin(api, tenant="b")
    kept = await other.tokens("editor_b")
    await take_away(api, flow)
    assert await other.reads(kept["access_token"]) == 200
    assert (await other.refresh(kept["refresh_token"])).status_code == 200


async def test_an_ended_grant_does_not_come_back(api: Api) -> None:
    """A client that is disabled and enabled again has what it had; a grant that was ended stays ended for ever."""
    flow = await Flow.begin(api)
    given = await flow.tokens(scopes=OFFLINE)
    target = f"/api/clients/{flow.client.id}"
    await disable_client(api, flow)
    assert await flow.reads(given["access_token"]) == 401
    assert (await api.call("PATCH", target, who="admin_a", json={"disabled": False})).status_code == 200
    assert await flow.reads(given["access_token"]) == 200
    await withdraw_as_user(api, flow)
    for disabled in (True, False):
        assert (await api.call("PATCH", target, who="admin_a", json={"disabled": disabled})).status_code == 200
    assert await flow.reads(given["access_token"]) == 401
    require_refused(await flow.refresh(given["refresh_token"]))


async def test_a_grant_that_a_client_lost_gives_nothing_more(api: Api) -> None:
    """When an administrator takes a grant type or scopes from a client, its refresh tokens give no more than is left."""
    flow = await Flow.begin(api)
    given = await flow.tokens(scopes=("openid", "offline_access", "products:read", "products:write"))
    target = f"/api/clients/{flow.client.id}"
    body = {"scopes": ["openid", "products:read"]}
    assert (await api.call("PATCH", target, who="admin_a", json=body)).status_code == 200
    narrowed = await flow.refresh(given["refresh_token"])
    assert "products:write" not in narrowed.json()["scope"].split()
    assert (await api.call("PATCH", target, who="admin_a", json={"grants": []})).status_code == 200
    require_refused(await flow.refresh(narrowed.json()["refresh_token"]), "unauthorized_client")


async def take_in_again(api: Api) -> None:
    """The operator opens the account, and an administrator makes its owner a member, as far as either is needed."""
    now_ms = api.application.clock.now_ms()
    await api.application.users.enable_user(api.world.users["editor_a"], now_ms=now_ms)
    email = (await api.application.users.find_user(api.world.users["editor_a"])).email  # type: ignore[union-attr]
    with contextlib.suppress(ConflictError):
        await api.application.members.add(
            api.world.tenants["a"], email, role="tenant-editor", actor=OPERATOR, now_ms=now_ms
        )


@pytest.mark.parametrize("way", ["user disabled", "member removed", "member removed by the operator"])
async def test_who_is_taken_in_again_allows_anew(doors: tuple[Api, Api], way: str) -> None:
    """What somebody allowed before leaving stays ended, codes not yet spent too, and consent is asked for again."""
    first, second = doors
    flow = await Flow.begin(first)
    there = flow.at(second)
    given = await there.tokens(scopes=OFFLINE)
    spare = await flow.code(scopes=OFFLINE)
    await consent_to(first, flow)
    await LEAVING[way](first, flow)
    await take_in_again(first)
    assert await there.reads(given["access_token"]) == 401
    require_refused(await there.refresh(given["refresh_token"]))
    require_refused(await there.exchange(spare))
    grants = first.application.oauth.grants
    assert await grants.find_consent(flow.client.tenant_id, first.world.users["editor_a"], flow.client.id) is None


async def test_who_leaves_one_tenant_keeps_the_other(api: Api) -> None:
    """Removed from one tenant, a member of two keeps what was allowed in the other."""
    flow, other = await Flow.begin(api), await Flow.begin(api, tenant="b")
    who = api.world.users["editor_a"]
    email = (await api.application.users.find_user(who)).email  # type: ignore[union-attr]
    now_ms = api.application.clock.now_ms()
    await api.application.members.add(
        api.world.tenants["b"], email, role="tenant-viewer", actor=OPERATOR, now_ms=now_ms
    )
    kept = await other.tokens(scopes=OFFLINE)
    await consent_to(api, other)
    await remove_member(api, flow)
    assert await other.reads(kept["access_token"]) == 200
    assert (await other.refresh(kept["refresh_token"])).status_code == 200
    assert await api.application.oauth.grants.find_consent(api.world.tenants["b"], who, other.client.id) is not None
