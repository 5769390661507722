"""What is remembered of a caller never outlives a change: the very next request sees it, here and in a second process."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import httpx
import pytest

from remembered import ME, PRODUCTS, change
from support import SetClock
from watchword.db.database import Statement, Transaction
from watchword.observe import Log
from world import PASSWORD, Api, make_settings, open_application

TTL_MS = 604_800_000


class Reader:
    """Sends one request as one caller and remembers nothing itself."""

    def __init__(self, api: Api, client: httpx.AsyncClient) -> None:
        self._api = api
        self._client = client

    async def status(self, who: str, path: str = PRODUCTS, *, method: str = "GET", json: object = None) -> int:
        headers = self._api.world.credential(who)
        response = await self._client.request(method, path, headers=headers, json=json)
        return response.status_code

    async def body(self, who: str, path: str = ME) -> str:
        return (await self._client.get(path, headers=self._api.world.credential(who))).text


@pytest.fixture(params=["same process", "second process"])
async def reader(request: pytest.FixtureRequest, api: Api, clock: SetClock) -> AsyncIterator[Reader]:
    """Someone who reads through the door where the change is made, or through another one on the same data."""
    if request.param == "same process":
        yield Reader(api, api.client)
        return
    log = Log(io.BytesIO())
    second = await open_application(make_settings(api.application.settings.data_directory), clock, log)
    transport = httpx.ASGITransport(app=second, client=("127.0.0.1", 2))
    async with httpx.AsyncClient(transport=transport, base_url="https://api.example") as client:
        yield Reader(api, client)
    await second.close()
    log.close()


async def warm(reader: Reader, *callers: str, path: str = PRODUCTS) -> None:
    for who in callers:
        for _ in range(3):
            assert await reader.status(who, path) == 200


async def test_a_logout_is_seen(api: Api, reader: Reader) -> None:
    """A token is dead from the request after the logout of its session; a colleague's lives on."""
    await warm(reader, "admin_a", "viewer_a")
    await change(api, "POST", "/api/users/logout", "admin_a")
    assert await reader.status("admin_a") == 401
    assert await reader.status("admin_a", ME) == 401
    assert await reader.status("viewer_a") == 200


async def test_the_end_of_all_sessions_is_seen(api: Api, reader: Reader) -> None:
    """All tokens of a user are dead from the request after ``allSessions``."""
    login = await api.call("POST", "/api/users/login", json={"email": "admin.a@example.com", "password": PASSWORD})
    api.world.tokens["second"] = login.json()["token"]
    try:
        await warm(reader, "admin_a", "second")
        await change(api, "POST", "/api/users/logout?allSessions=true", "second")
        assert [await reader.status(who) for who in ("admin_a", "second")] == [401, 401]
    finally:
        del api.world.tokens["second"]


async def test_an_ended_session_is_seen(api: Api, reader: Reader) -> None:
    """A token is dead from the request after its session was ended from the list."""
    await warm(reader, "editor_a")
    await change(api, "DELETE", "/api/users/sessions/{session_editor_a}", "editor_a")
    assert await reader.status("editor_a") == 401


async def test_a_new_password_is_seen(api: Api, reader: Reader) -> None:
    """Other sessions of a user are dead from the request after a new password; the one that asked lives."""
    login = await api.call("POST", "/api/users/login", json={"email": "editor.a@example.com", "password": PASSWORD})
    await warm(reader, "editor_a")
    body = {"password": "an entirely different phrase", "currentPassword": PASSWORD}
    headers = {"authorization": f"Bearer {login.json()['token']}"}
    changed = await api.call("PATCH", "/api/users/me", headers=headers, json=body)
    assert changed.status_code == 200, changed.text
    assert await reader.status("editor_a") == 401
    assert (await api.call("GET", ME, headers=headers)).status_code == 200


@pytest.mark.parametrize("key", ["sk_live_a", "pk_live_a"])
async def test_a_revoked_key_is_seen(api: Api, reader: Reader, key: str) -> None:
    """A key is dead from the request after its revocation; its sister of the other mode lives."""
    sister = key.replace("live", "test")
    await warm(reader, key, sister)
    await change(api, "DELETE", f"/api/keys/{{key_{key}}}", "admin_a")
    assert await reader.status(key) == 401
    assert await reader.status(sister) == 200


async def test_a_disabled_key_and_its_return_are_seen(api: Api, reader: Reader) -> None:
    """A key is dead while it is disabled and good again from the request after."""
    await warm(reader, "sk_live_a")
    for disabled, status in ((True, 401), (False, 200), (True, 401)):
        await change(api, "PATCH", "/api/keys/{key_sk_live_a}", "admin_a", {"disabled": disabled})
        assert await reader.status("sk_live_a") == status


async def test_new_scopes_are_seen(api: Api, reader: Reader) -> None:
    """What is taken from a key's scopes is refused from the next request on."""
    await warm(reader, "sk_live_a")
    await change(api, "PATCH", "/api/keys/{key_sk_live_a}", "admin_a", {"scopes": ["orders:read"]})
    assert await reader.status("sk_live_a") == 403
    await change(api, "PATCH", "/api/keys/{key_sk_live_a}", "admin_a", {"scopes": None})
    assert await reader.status("sk_live_a") == 200


async def test_new_networks_and_origins_are_seen(api: Api, reader: Reader) -> None:
    """A list that a key is given binds it from the next request on, also where the key alone was remembered."""
    await warm(reader, "sk_live_a", "pk_live_a")
    await change(api, "PATCH", "/api/keys/{key_sk_live_a}", "admin_a", {"allowed_networks": ["10.0.0.0/8"]})
    await change(api, "PATCH", "/api/keys/{key_pk_live_a}", "admin_a", {"allowed_origins": ["https://one.example"]})
    assert [await reader.status(key) for key in ("sk_live_a", "pk_live_a")] == [403, 403]


async def test_a_key_made_to_expire_is_seen(api: Api, reader: Reader, clock: SetClock) -> None:
    """A key that is given an end dies at it, to the millisecond, though it was remembered without one."""
    await warm(reader, "sk_live_a")
    end_s = clock.now_ms() // 1000 + 60
    await change(api, "PATCH", "/api/keys/{key_sk_live_a}", "admin_a", {"expires_at": end_s})
    for moved_ms, status in ((59_999, 200), (1, 401), (1, 401)):
        clock.advance(moved_ms)
        assert await reader.status("sk_live_a") == status


async def test_a_rotated_key_ends_with_its_overlap(api: Api, reader: Reader, clock: SetClock) -> None:
    """The old key of a rotation is served through its overlap and refused from its last second on."""
    await warm(reader, "sk_live_a")
    await change(api, "POST", "/api/keys/{key_sk_live_a}/rotate", "admin_a", {"overlap_seconds": 60})
    for moved_ms, status in ((0, 200), (59_999, 200), (1, 401)):
        clock.advance(moved_ms)
        assert await reader.status("sk_live_a") == status


async def test_a_new_role_is_seen(api: Api, reader: Reader) -> None:
    """A member has a new role from the request after the change, and the old one again after the way back."""
    await warm(reader, "viewer_a")
    target = "/api/tenants/{tenant_a}/members/{user_viewer_a}"
    for role, status in (("tenant-editor", 400), ("tenant-viewer", 403), ("tenant-admin", 400)):
        await change(api, "PATCH", target, "admin_a", {"role": role})
        assert await reader.status("viewer_a", "/api/products", method="POST", json={}) == status
        assert f'"role":"{role}"' in await reader.body("viewer_a")


async def test_a_removed_member_is_seen(api: Api, reader: Reader) -> None:
    """A former member reads nothing from the next request on."""
    await warm(reader, "editor_a")
    await change(api, "DELETE", "/api/tenants/{tenant_a}/members/{user_editor_a}", "admin_a")
    assert await reader.status("editor_a") == 403
    assert '"tenants":[]' in await reader.body("editor_a")


async def test_a_new_membership_is_seen(api: Api, reader: Reader) -> None:
    """A user of no tenant reads the tenant's products from the request after joining."""
    assert [await reader.status("outsider") for _ in range(2)] == [403, 403]
    body = {"email": "outsider@example.com", "role": "tenant-viewer"}
    await change(api, "POST", "/api/tenants/{tenant_a}/members", "super", body)
    assert await reader.status("outsider") == 200


async def test_a_disabled_tenant_and_its_return_are_seen(api: Api, reader: Reader) -> None:
    """Everyone of a disabled tenant is out from the next request on, and in again when it is enabled."""
    callers = ("admin_a", "viewer_a", "sk_live_a", "pk_live_a")
    await warm(reader, *callers)
    for disabled, statuses in ((True, [403, 403, 401, 401]), (False, [200, 200, 200, 200])):
        await change(api, "PATCH", "/api/tenants/{tenant_a}", "super", {"disabled": disabled})
        for _ in range(2):
            assert [await reader.status(who) for who in callers] == statuses


async def test_a_disabled_user_is_seen(api: Api, reader: Reader, clock: SetClock) -> None:
    """A closed account's sessions are dead from the next request on."""
    await warm(reader, "editor_a")
    await api.application.users.disable_user(api.world.users["editor_a"], clock.now_ms())
    assert await reader.status("editor_a") == 401


async def test_a_new_super_admin_mark_is_seen(api: Api, reader: Reader) -> None:
    """Taking the super-admin's mark away, as the command line does it, ends the power on the next request."""
    await warm(reader, "super", path="/api/tenants")

    async def demote(tx: Transaction) -> None:
        await tx.execute(Statement("UPDATE users SET is_super_admin = FALSE WHERE id = $1"), api.world.users["super"])
        tx.withdraw(f"user:{api.world.users['super']}")

    await api.application.database.transaction(demote)
    assert await reader.status("super", "/api/tenants", method="POST", json={}) == 403


@pytest.mark.parametrize(("moved_ms", "status"), [(TTL_MS - 1, 200), (TTL_MS, 419), (TTL_MS + 1, 419)])
async def test_a_remembered_token_expires(reader: Reader, clock: SetClock, moved_ms: int, status: int) -> None:
    """A remembered token is good to the last millisecond before its end and 419 from there on."""
    await warm(reader, "admin_a", path=ME)
    clock.advance(moved_ms)
    assert [await reader.status("admin_a", ME) for _ in range(2)] == [status, status]


async def test_an_expired_token_is_refused_as_what_it_is_now(api: Api, reader: Reader, clock: SetClock) -> None:
    """It gets 419 each time, 401 from the request after its user was disabled, and counts again if the clock was wrong."""
    await warm(reader, "editor_a")
    now_ms = clock.now_ms()
    clock.set_now(now_ms + TTL_MS)
    assert [await reader.status("editor_a") for _ in range(3)] == [419, 419, 419]
    clock.set_now(now_ms)
    assert [await reader.status("editor_a") for _ in range(2)] == [200, 200]
    clock.set_now(now_ms + TTL_MS)
    assert [await reader.status("editor_a") for _ in range(2)] == [419, 419]
    await api.application.users.disable_user(api.world.users["editor_a"], clock.now_ms())
    assert [await reader.status("editor_a") for _ in range(2)] == [401, 401]


async def test_a_clock_that_goes_back_lets_no_future_token_in(reader: Reader, clock: SetClock) -> None:
    """A remembered token of the future is refused once the clock is set back before its making."""
    await warm(reader, "admin_a")
    clock.set_now(clock.now_ms() - 3_600_000)
    assert await reader.status("admin_a") == 401


async def test_a_replaced_token_ends_with_its_grace(api: Api, reader: Reader, clock: SetClock) -> None:
    """A remembered token that was refreshed is served for the grace of 30 s and not a millisecond longer."""
    await warm(reader, "admin_a")
    await change(api, "POST", "/api/users/refresh-token", "admin_a")
    for moved_ms, status in ((0, 200), (29_999, 200), (1, 401), (1, 401)):
        clock.advance(moved_ms)
        assert await reader.status("admin_a") == status


async def test_nothing_is_remembered_across_companions(reader: Reader, api: Api) -> None:
    """A token remembered alone is looked at anew when a header that decides stands beside it."""
    await warm(reader, "admin_a")
    world = api.world
    for beside, status in (
        ({"x-tenant-id": world.tenants["b"]}, 403),
        ({"x-client-key": world.keys["pk_live_b"]}, 403),
        ({"x-api-key": world.keys["sk_live_a"]}, 400),
        ({"x-client-key": world.keys["pk_test_a"]}, 200),
        ({}, 200),
    ):
        headers = {**world.credential("admin_a"), **beside}
        response = await reader._client.get(PRODUCTS, headers=headers)
        assert response.status_code == status
        assert status != 200 or ("test a 12" if beside else "live a 12") in response.text


async def test_a_remembered_secret_key_is_still_refused_in_a_browser(reader: Reader, api: Api) -> None:
    """A secret key remembered from a server is refused the moment it comes from a browser."""
    await warm(reader, "sk_live_a")
    for header in ("origin", "sec-fetch-site"):
        headers = {**api.world.credential("sk_live_a"), header: "https://shop.example"}
        assert (await reader._client.get(PRODUCTS, headers=headers)).status_code == 403


@pytest.mark.parametrize("who", ["sk_live_a", "admin_a"])
async def test_a_path_that_names_a_tenant_is_never_answered_by_memory(api: Api, who: str) -> None:
    """The same headers at another tenant's own path are looked at anew, whatever they opened a moment ago."""
    for path, status in (
        ("/api/products", 200),
        ("/api/products", 200),
        ("/t/tenant-b/api/products", 403),
        ("/t/tenant-a/api/products", 200),
        ("/api/products", 200),
        ("/t/tenant-b/api/products", 403),
    ):
        assert (await api.call("GET", path, who=who)).status_code == status
