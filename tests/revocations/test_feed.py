"""The feed of revocations over HTTP: who hears of what, when, and what a listener that was away is told."""

from __future__ import annotations

import asyncio
import base64
import json
import time

import pytest

from eventually import eventually
from oauth_keys import ClientKey
from oauth_users import end_grant
from oauth_world import add_client, basic
from revocations.listening import FEED, Heard, Listener, caught_up, listening
from support import START_MS, SetClock
from watchword.db.database import Transaction
from watchword.revocations import stream
from watchword.revocations.queries import prune_revocations
from watchword.tenants.models import ChangeTenant
from world import OPERATOR, PASSWORD, Api


def names(heard: list[Heard]) -> set[tuple[str, str, str]]:
    return {one.named for one in heard}


ENDS = [
    ("logout", "viewer_a", "POST /api/users/logout", None, ("ended", "session", "session_viewer_a")),
    ("session ended", "viewer_a", "DELETE /api/users/sessions/{session_viewer_a}", None, ("ended", "session", "session_viewer_a")),
    ("key revoked", "admin_a", "DELETE /api/keys/{key_pk_live_a}", None, ("ended", "key", "key_pk_live_a")),
    ("key disabled", "admin_a", "PATCH /api/keys/{key_pk_live_a}", {"disabled": True}, ("ended", "key", "key_pk_live_a")),
    ("key rotated out", "admin_a", "POST /api/keys/{key_pk_live_a}/rotate", {"overlap_seconds": 0}, ("ended", "key", "key_pk_live_a")),
    ("key rotated", "admin_a", "POST /api/keys/{key_pk_live_a}/rotate", {"overlap_seconds": 60}, ("changed", "key", "key_pk_live_a")),
    ("grant ended", "admin_a", "DELETE /api/grants/{grant_a}", None, ("ended", "grant", "grant_a")),
    ("client disabled", "admin_a", "PATCH /api/clients/{client_a}", {"disabled": True}, ("ended", "client", "client_a")),
    ("client deleted", "admin_a", "DELETE /api/clients/{client_a}", None, ("ended", "client", "client_a")),
    ("member removed", "admin_a", "DELETE /api/tenants/{tenant_a}/members/{user_viewer_a}", None, ("ended", "member", "user_viewer_a")),
    ("role changed", "admin_a", "PATCH /api/tenants/{tenant_a}/members/{user_editor_a}", {"role": "tenant-viewer"}, ("changed", "user", "user_editor_a")),
    ("all sessions", "viewer_a", "POST /api/users/logout?allSessions=true", None, ("ended", "session", "session_viewer_a")),
]  # fmt: skip


@pytest.mark.parametrize(("who", "request_", "body", "wanted"), [row[1:] for row in ENDS], ids=[row[0] for row in ENDS])
async def test_each_end_is_told(
    sqlite_api: Api, who: str, request_: str, body: object, wanted: tuple[str, str, str]
) -> None:
    """Whoever ends something of a tenant by HTTP, the tenant's services hear of it with its id."""
    method, path = request_.split(" ")
    last = (await caught_up(sqlite_api))[-1].id
    answer = await sqlite_api.call(method, path, who=who, json=body)
    assert answer.status_code in {200, 201, 204}, answer.text
    event, kind, name = wanted
    assert (event, kind, sqlite_api.world.names()[name]) in names(await caught_up(sqlite_api, last=last))


async def test_ends_at_the_command_line_are_told(stored_api: Api) -> None:
    """What an operator ends is told too: users, grants of theirs, tenants, and everybody's sessions."""
    application, world = stored_api.application, stored_api.world
    now_ms = application.clock.now_ms()
    last = (await caught_up(stored_api))[-1].id
    await application.users.disable_user(world.users["editor_a"], now_ms)
    await application.users.end_sessions_of_all(now_ms)
    told = names(await caught_up(stored_api, last=last))
    assert ("ended", "user", world.users["editor_a"]) in told
    assert ("ended", "grant", world.grants["a"]) in told
    assert ("ended", "session", world.sessions["editor_a"]) in told
    assert ("ended", "all_sessions", "") in told
    assert ("ended", "grant", world.grants["b"]) not in told


async def test_a_revoked_token_is_told_by_its_jti(sqlite_api: Api) -> None:
    """A token that its client gave back is named by its ``jti``; it is nowhere else in the feed."""
    world = sqlite_api.world
    client = (world.clients["a"], world.client_secrets["a"])
    form = {"grant_type": "client_credentials"}
    got = await sqlite_api.client.post("/t/tenant-a/oauth/token", auth=client, data=form)
    token = got.json()["access_token"]
    told = await sqlite_api.client.post("/t/tenant-a/oauth/introspect", auth=client, data={"token": token})
    revoked = await sqlite_api.client.post("/t/tenant-a/oauth/revoke", auth=client, data={"token": token})
    assert revoked.status_code == 200
    assert ("ended", "token", told.json()["jti"]) in names(await caught_up(sqlite_api))


@pytest.mark.parametrize(
    ("change", "event"), [({"scopes": ["products:read"]}, "changed"), ({"disabled": True}, "ended")]
)
async def test_what_was_made_from_a_key_is_told_with_it(sqlite_api: Api, change: dict[str, object], event: str) -> None:
    """A token that was exchanged from a key is told by its own grant when the key ends, and when it may do less."""
    tenant, key = sqlite_api.world.tenants["a"], sqlite_api.world.keys["sk_live_a"]
    client = await add_client(
        sqlite_api.application, tenant, grants=("urn:ietf:params:oauth:grant-type:token-exchange",)
    )
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": key,
        "subject_token_type": "urn:watchword:params:oauth:token-type:api_key",
    }
    answer = await sqlite_api.client.post("/t/tenant-a/oauth/token", data=form, headers=basic(client))
    assert answer.status_code == 200, answer.text
    payload = answer.json()["access_token"].split(".")[1]
    grant = json.loads(base64.urlsafe_b64decode(payload + "=="))["grant"]
    last = (await caught_up(sqlite_api, "admin_a"))[-1].id
    await sqlite_api.call("PATCH", "/api/keys/{key_sk_live_a}", who="admin_a", json=change)
    assert (event, "grant", grant) in names(await caught_up(sqlite_api, "admin_a", last=last))


async def test_a_disabled_tenant_is_told_to_its_last_listener(sqlite_api: Api) -> None:
    """Before the key that listens dies with its tenant, nothing; afterwards it is let in no more."""
    application, world = sqlite_api.application, sqlite_api.world
    async with listening(sqlite_api) as listener:
        await application.tenants.change(
            world.tenants["a"], ChangeTenant(disabled=True), actor=OPERATOR, now_ms=START_MS
        )
        with pytest.raises(EOFError):
            await listener.until("never")
    assert (await sqlite_api.call("GET", FEED, who="sk_live_a")).status_code == 401


async def test_nothing_of_another_tenant_is_told(sqlite_api: Api) -> None:
    """A tenant hears of its own members, keys, clients and grants, and of no other's."""
    world = sqlite_api.world
    await sqlite_api.call("POST", "/api/users/logout", who="viewer_b")
    await sqlite_api.call("DELETE", "/api/keys/{key_sk_test_b}", who="admin_b")
    await sqlite_api.call("DELETE", "/api/grants/{grant_b}", who="admin_b")
    await sqlite_api.call("DELETE", "/api/clients/{client_b}", who="admin_b")
    heard = await caught_up(sqlite_api) + await caught_up(sqlite_api, last="0")
    told = {one.data.get("id") for one in heard}
    assert not told & {world.sessions["viewer_b"], world.key_ids["sk_test_b"], world.grants["b"], world.clients["b"]}
    assert world.grants["b"] in {one.data.get("id") for one in await caught_up(sqlite_api, "sk_live_b")}


async def test_live_and_test_do_not_meet(sqlite_api: Api) -> None:
    """A test key hears of test keys and not of live ones; of people, who are of both, it hears."""
    world = sqlite_api.world
    last = (await caught_up(sqlite_api, "sk_test_a"))[-1].id
    await sqlite_api.call("DELETE", "/api/keys/{key_pk_live_a}", who="admin_a")
    await sqlite_api.call("DELETE", "/api/keys/{key_pk_test_a}", who="admin_a")
    await sqlite_api.call("POST", "/api/users/logout", who="viewer_a")
    told = names(await caught_up(sqlite_api, "sk_test_a", last=last))
    assert ("ended", "key", world.key_ids["pk_test_a"]) in told
    assert ("ended", "key", world.key_ids["pk_live_a"]) not in told
    assert ("ended", "session", world.sessions["viewer_a"]) in told


@pytest.mark.parametrize(
    ("who", "status"), [("nobody", 401), ("pk_live_a", 403), ("viewer_a", 403), ("editor_a", 403), ("outsider", 403)]
)
async def test_who_may_not_listen(sqlite_api: Api, who: str, status: int) -> None:
    """Publishable keys and members without the administrator's role hear nothing."""
    assert (await sqlite_api.call("GET", f"{FEED}?follow=false", who=who)).status_code == status


async def test_scopes_narrow_who_listens(sqlite_api: Api) -> None:
    """A secret key listens unless its scopes leave ``revocations:read`` out; an administrator listens."""
    await sqlite_api.call("PATCH", "/api/keys/{key_sk_live_a}", who="admin_a", json={"scopes": ["products:read"]})
    assert (await sqlite_api.call("GET", f"{FEED}?follow=false", who="sk_live_a")).status_code == 403
    await sqlite_api.call("PATCH", "/api/keys/{key_sk_live_a}", who="admin_a", json={"scopes": ["revocations:read"]})
    assert (await sqlite_api.call("GET", f"{FEED}?follow=false", who="sk_live_a")).status_code == 200
    assert (await sqlite_api.call("GET", f"{FEED}?follow=false", who="admin_a")).status_code == 200


async def test_both_lanes_stream(api: Api) -> None:
    """What there is comes in either lane, as events and never kept by a cache."""
    await api.call("DELETE", "/api/grants/{grant_a}", who="admin_a")
    answer = await api.call("GET", f"{FEED}?follow=false", who="sk_live_a")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"].startswith("req_")
    assert "content-length" not in answer.headers
    assert answer.text.startswith("event: ended\nid: ")
    head = await api.call("HEAD", FEED, who="sk_live_a")
    assert (head.status_code, head.content) == (200, b"")


async def test_a_listener_hears_within_a_second(doors: tuple[Api, Api]) -> None:
    """What another process ends reaches a listener within a second, on either database."""
    here, there = doors
    async with listening(here) as listener:
        began = time.monotonic()
        await there.call("POST", "/api/users/logout", who="viewer_a")
        heard = await listener.until("ended", "session", here.world.sessions["viewer_a"])
        assert time.monotonic() - began < 1.5
        assert heard.data["user"] == here.world.users["viewer_a"]


async def test_nothing_is_missed_between_two_connections(sqlite_api: Api) -> None:
    """A listener that comes back with the last id hears what ended meanwhile, once and in order."""
    async with listening(sqlite_api) as listener:
        await sqlite_api.call("POST", "/api/users/logout", who="viewer_a")
        last = await listener.until("ended", "session")
    await sqlite_api.call("POST", "/api/users/logout", who="editor_a")
    await sqlite_api.call("DELETE", "/api/keys/{key_pk_live_a}", who="admin_a")
    heard = await caught_up(sqlite_api, last=last.id)
    world = sqlite_api.world
    ends = [one.named for one in heard if one.event == "ended"]
    assert ends == [("ended", "session", world.sessions["editor_a"]), ("ended", "key", world.key_ids["pk_live_a"])]
    assert [int(one.id) for one in heard] == sorted(int(one.id) for one in heard)


async def test_a_new_listener_hears_what_tokens_could_outlive(sqlite_api: Api) -> None:
    """Who begins is told of ended grants, clients and users, and not of sessions and keys, of which it holds nothing."""
    await sqlite_api.call("POST", "/api/users/logout", who="viewer_a")
    await sqlite_api.call("DELETE", "/api/keys/{key_pk_live_a}", who="admin_a")
    await end_grant(sqlite_api, sqlite_api.world.grants["a"])
    heard = await caught_up(sqlite_api)
    assert {one.data.get("kind") for one in heard if one.event == "ended"} == {"grant"}
    assert heard[-1].event == "current"


@pytest.mark.parametrize("last", ["1", "99999999999999999", "9" * 5_000, "made up", "-1", "\uff11"])
async def test_an_unknown_place_begins_anew(sqlite_api: Api, last: str) -> None:
    """Who names a place that is not kept is told to forget everything, and then begins as if new."""
    await end_grant(sqlite_api, sqlite_api.world.grants["a"])
    answer = await sqlite_api.client.get(
        f"{FEED}?follow=false",
        headers=[
            *((name.encode(), value.encode()) for name, value in sqlite_api.world.credential("sk_live_a").items()),
            (b"last-event-id", last.encode()),
        ],
    )
    assert answer.text.startswith("event: reset\n")
    assert sqlite_api.world.grants["a"] in answer.text


async def test_old_lines_are_deleted_and_missed_loudly(sqlite_api: Api, clock: SetClock) -> None:
    """What no token can have outlived is deleted but for the last line, and who has read less begins anew."""
    await end_grant(sqlite_api, sqlite_api.world.grants["a"])
    old = (await caught_up(sqlite_api))[-1].id
    clock.advance(26 * 3_600_000)
    for _ in range(2):
        await sqlite_api.application.users.end_sessions_of_all(clock.now_ms())
    newest = (await caught_up(sqlite_api))[-1].id
    assert (await sqlite_api.application.upkeep.run_once())["revocations"] > 0
    assert (await caught_up(sqlite_api, last=old))[0].event == "reset"
    assert [one.event for one in await caught_up(sqlite_api, last=newest)] == ["current"]
    clock.advance(26 * 3_600_000)
    await prune_revocations(sqlite_api.application.database, clock.now_ms())
    assert [one.event for one in await caught_up(sqlite_api, last=newest)] == ["current"]


async def test_what_is_undone_is_not_told(sqlite_api: Api) -> None:
    """A transaction that fails behind its withdrawal leaves nothing in the feed."""
    last = (await caught_up(sqlite_api))[-1].id
    tokens = sqlite_api.application.session_tokens

    async def work(tx: Transaction) -> None:
        await tokens.end(tx, sqlite_api.world.sessions["viewer_a"], START_MS)
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        await sqlite_api.application.database.transaction(work)
    assert [one.event for one in await caught_up(sqlite_api, last=last)] == ["current"]


async def test_a_listener_is_cut_off_with_its_key(sqlite_api: Api) -> None:
    """When the key that opened the connection is revoked, the connection ends within a second or two."""
    async with listening(sqlite_api) as listener:
        await sqlite_api.call("DELETE", "/api/keys/{key_sk_live_a}", who="admin_a")
        with pytest.raises(EOFError):
            await listener.until("never")


async def test_a_bound_key_listens_on(sqlite_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof that opened the connection counts once; the key is proved again without it."""
    monkeypatch.setattr(stream, "_BEAT_SECONDS", 0.0)
    monkeypatch.setattr(stream, "_PROVE_SECONDS", 0.05)
    pair = ClientKey("ES256")
    body = {"name": "Till", "kind": "secret", "mode": "live", "dpop_jkt": pair.jkt}
    key = (await sqlite_api.call("POST", "/api/keys", who="admin_a", json=body)).json()["doc"]["key"]
    proof = pair.proof("GET", f"{sqlite_api.application.settings.url}{FEED}", token=key)
    headers = {"authorization": f"DPoP {key}", "dpop": proof}
    async with sqlite_api.client.stream("GET", FEED, headers=headers) as answer:
        listener = Listener(answer)
        for _ in range(4):
            await listener.until("current")
    assert (await sqlite_api.client.get(FEED, headers=headers)).status_code == 401


async def test_a_session_that_listens_ends_at_its_time(sqlite_api: Api, clock: SetClock) -> None:
    """An administrator's connection does not outlive the token that opened it."""
    async with listening(sqlite_api, "admin_a") as listener:
        clock.advance(8 * 24 * 3_600_000)
        with pytest.raises(EOFError):
            await listener.until("never")


async def test_listeners_are_bounded(sqlite_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """One tenant holds so many connections and no more; another's are not touched, and one that leaves makes room."""
    monkeypatch.setattr(stream, "LISTENERS_MAX", 1)
    watch = sqlite_api.application.revocation_watch
    async with listening(sqlite_api):
        refused = await sqlite_api.call("GET", FEED, who="sk_live_a")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
        async with listening(sqlite_api, "sk_live_b"):
            assert watch.count(sqlite_api.world.tenants["b"]) == 1
    await eventually(lambda: watch.count(sqlite_api.world.tenants["a"]) == 0, seconds=2)
    async with listening(sqlite_api):
        pass


async def test_listeners_who_come_at_once_are_bounded(sqlite_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many connections that come at the same moment no more are held than of those that come one by one."""
    monkeypatch.setattr(stream, "LISTENERS_MAX", 2)
    watch, most = sqlite_api.application.revocation_watch, 0

    async def follow() -> None:
        nonlocal most
        headers = sqlite_api.world.credential("sk_live_a")
        async with sqlite_api.client.stream("GET", FEED, headers=headers) as answer:
            if answer.status_code != 200:
                return
            async for _ in answer.aiter_lines():
                most = max(most, watch.count(sqlite_api.world.tenants["a"]))

    following = [asyncio.ensure_future(follow()) for _ in range(8)]
    await asyncio.wait(following, timeout=1)
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)
    assert most == 2


async def test_a_stopping_server_lets_listeners_go(sqlite_api: Api) -> None:
    """A stop ends each connection with a whole answer and lets nobody in any more."""
    async with listening(sqlite_api) as listener:
        sqlite_api.application.end_streams()
        with pytest.raises(EOFError):
            await listener.until("never")
    assert (await sqlite_api.call("GET", FEED, who="sk_live_a")).status_code == 503


async def test_silence_when_the_database_is_gone(sqlite_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the database cannot be asked no listener is told that it has everything."""
    monkeypatch.setattr(stream, "_BEAT_SECONDS", 0.0)
    async with listening(sqlite_api) as listener:
        await sqlite_api.application.database.close()
        with pytest.raises(TimeoutError):
            await listener.until("never", seconds=4)


async def test_many_ends_at_once_all_arrive(sqlite_api: Api) -> None:
    """More than one page of ends reaches a listener whole, in order, and a slow one too."""
    world, application = sqlite_api.world, sqlite_api.application
    tokens, count = application.session_tokens, 250

    async def begin(tx: Transaction) -> list[str]:
        issued = [
            await tokens.begin(tx, world.users["viewer_a"], now_ms=START_MS, address="", user_agent="")
            for _ in range(count)
        ]
        return [one.session_id for one in issued]

    sessions = await application.database.transaction(begin)
    async with listening(sqlite_api) as listener:
        await application.users.end_sessions(world.users["viewer_a"], START_MS)
        heard: list[str] = []
        while len(heard) < count + 1:
            one = await listener.next()
            if one.named[:2] == ("ended", "session"):
                heard.append(one.data["id"])
            await asyncio.sleep(0)
    assert set(heard) == {*sessions, world.sessions["viewer_a"]}
    assert PASSWORD not in str(heard)
