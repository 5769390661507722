"""People through the HTTP door: sign in and out, one's own account, and what strangers are told."""

from __future__ import annotations

import msgspec
import pytest

from support import SetClock
from watchword.db.database import Statement, Transaction
from world import PASSWORD, SHOP_ORIGIN, Api

pytestmark = pytest.mark.anyio

ANN = "admin.a@example.com"
NEW_PASSWORD = "an entirely different phrase"
TTL_MS = 604_800_000
FORM = {"content-type": "application/x-www-form-urlencoded"}
TEXT = {"content-type": "text/plain"}


class Scenario(msgspec.Struct, kw_only=True):
    """One row: a request, and what must and must not come of it."""

    name: str
    method: str = "POST"
    path: str
    who: str = "nobody"
    json: object = None
    content: bytes | None = None
    headers: dict[str, str] = {}
    status: int
    wanted: str = ""
    unwanted: str = "argon2"
    event: str = ""


LOGIN = {"email": ANN, "password": PASSWORD}

SCENARIOS = [
    Scenario(name="login", path="/api/users/login", json=LOGIN, status=200, wanted='"token":"eyJhbGciOiJIUzI1NiIs', event="user.logged_in"),
    Scenario(name="login in other letters", path="/api/users/login", json={**LOGIN, "email": ANN.upper()}, status=200),
    Scenario(name="login beside a publishable key", path="/api/users/login", who="pk_live_a", json=LOGIN, status=200, wanted='"role":"tenant-admin"'),
    Scenario(name="login beside a secret key", path="/api/users/login", who="sk_live_a", json=LOGIN, status=200),
    Scenario(name="login with the cookie", path="/api/users/login?cookie=true", json=LOGIN, status=200, unwanted="eyJ"),
    Scenario(name="wrong password", path="/api/users/login", json={**LOGIN, "password": "wrong"}, status=401, wanted='"code":"UNAUTHORIZED"', unwanted="token", event="user.login_failed"),
    Scenario(name="unknown address", path="/api/users/login", json={**LOGIN, "email": "nobody@example.com"}, status=401, wanted='"code":"UNAUTHORIZED"', unwanted="token"),
    Scenario(name="login as a form", path="/api/users/login", content=b"email=a&password=b", headers=FORM, status=415),
    Scenario(name="login as text", path="/api/users/login", content=b'{"email":"a","password":"b"}', headers=TEXT, status=415),
    Scenario(name="login without a body", path="/api/users/login", content=b"", status=400),
    Scenario(name="broken JSON", path="/api/users/login", content=b'{"email":', status=400, wanted='"code":"BAD_REQUEST"'),
    Scenario(name="a key twice", path="/api/users/login", content=b'{"email":"a","email":"b","password":"c"}', status=400),
    Scenario(name="a NUL character", path="/api/users/login", content=b'{"email":"a\\u0000","password":"b"}', status=400),
    Scenario(name="half a surrogate pair", path="/api/users/login", content=b'{"email":"\\ud800","password":"b"}', status=400),
    Scenario(name="an object for a password", path="/api/users/login", json={**LOGIN, "password": {"$ne": ""}}, status=400, wanted='"path":"password"'),
    Scenario(name="a field too many", path="/api/users/login", json={**LOGIN, "role": "super-admin"}, status=400, wanted="VALIDATION_ERROR"),
    Scenario(name="login by GET", method="GET", path="/api/users/login", status=405),
    Scenario(name="a switch that is none", path="/api/users/login?cookie=maybe", json=LOGIN, status=400),
    Scenario(name="me", method="GET", path="/api/users/me", who="admin_a", status=200, wanted='"role":"tenant-admin"'),
    Scenario(name="me as a viewer", method="GET", path="/api/users/me", who="viewer_b", status=200, wanted='"role":"tenant-viewer"'),
    Scenario(name="me as the super-admin", method="GET", path="/api/users/me", who="super", status=200, wanted='"role":"super-admin"'),
    Scenario(name="me of no tenant", method="GET", path="/api/users/me", who="outsider", status=200, wanted='"role":"user","tenants":[]'),
    Scenario(name="me of a stranger", method="GET", path="/api/users/me", status=401, wanted='"code":"UNAUTHORIZED"'),
    Scenario(name="me by secret key", method="GET", path="/api/users/me", who="sk_live_a", status=403, wanted='"code":"FORBIDDEN"'),
    Scenario(name="me by publishable key", method="GET", path="/api/users/me", who="pk_live_a", status=403),
    Scenario(name="me in another's tenant", method="GET", path="/api/users/me", who="admin_a", headers={"x-tenant-id": "tenant-b"}, status=403, wanted="NOT_A_MEMBER"),
    Scenario(name="refresh", path="/api/users/refresh-token", who="admin_a", status=200, wanted='"refreshedToken":"eyJ'),
    Scenario(name="refresh of nothing", path="/api/users/refresh-token", status=401),
    Scenario(name="refresh of a key", path="/api/users/refresh-token", who="sk_live_a", status=401),
    Scenario(name="logout", path="/api/users/logout", who="admin_a", status=200, wanted="Logout successful", event="user.logged_out"),
    Scenario(name="logout everywhere", path="/api/users/logout?allSessions=true", who="admin_a", status=200),
    Scenario(name="logout of a stranger", path="/api/users/logout", status=401),
    Scenario(name="logout of a key", path="/api/users/logout", who="sk_live_a", status=403),
    Scenario(name="sessions", method="GET", path="/api/users/sessions", who="admin_a", status=200, wanted='"current":true', unwanted="eyJ"),
    Scenario(name="sessions of a stranger", method="GET", path="/api/users/sessions", status=401),
    Scenario(name="sessions of a key", method="GET", path="/api/users/sessions", who="sk_live_a", status=403),
    Scenario(name="end a session", method="DELETE", path="/api/users/sessions/{session_admin_a}", who="admin_a", status=200, event="session.ended"),
    Scenario(name="end a colleague's session", method="DELETE", path="/api/users/sessions/{session_editor_a}", who="admin_a", status=404),
    Scenario(name="end another tenant's session", method="DELETE", path="/api/users/sessions/{session_admin_b}", who="admin_a", status=404),
    Scenario(name="end a session as super-admin", method="DELETE", path="/api/users/sessions/{session_admin_b}", who="super", status=404),
    Scenario(name="a new name", method="PATCH", path="/api/users/me", who="viewer_a", json={"name": "안"}, status=200, wanted='"name":"안"'),
    Scenario(name="a new password", method="PATCH", path="/api/users/me", who="admin_a", json={"password": NEW_PASSWORD, "currentPassword": PASSWORD}, status=200, event="user.password_changed"),
    Scenario(name="a new password unproved", method="PATCH", path="/api/users/me", who="admin_a", json={"password": NEW_PASSWORD}, status=400, wanted="currentPassword"),
    Scenario(name="a new role", method="PATCH", path="/api/users/me", who="viewer_a", json={"role": "tenant-admin"}, status=400, wanted='"path":"role"'),
    Scenario(name="a new id", method="PATCH", path="/api/users/me", who="viewer_a", json={"id": "usr_1"}, status=400),
    Scenario(name="a stranger's name", method="PATCH", path="/api/users/me", json={"name": "x"}, status=401),
    Scenario(name="a key's name", method="PATCH", path="/api/users/me", who="sk_live_a", json={"name": "x"}, status=403),
    Scenario(name="register where closed", path="/api/users/register", json={"email": "new@example.com", "password": PASSWORD}, headers={"x-tenant-id": "tenant-a"}, status=403, wanted="REGISTRATION_CLOSED"),
    Scenario(name="register nowhere", path="/api/users/register", json={"email": "new@example.com", "password": PASSWORD}, status=403, wanted="REGISTRATION_CLOSED"),
    Scenario(name="forgot", path="/api/users/forgot-password", json={"email": ANN}, status=200, wanted="If an account"),
    Scenario(name="forgot, unknown", path="/api/users/forgot-password", json={"email": "nobody@example.com"}, status=200, wanted="If an account"),
    Scenario(name="forgot nothing", path="/api/users/forgot-password", json={}, status=400, wanted='"path":"email"'),
    Scenario(name="reset with a made-up code", path="/api/users/reset-password", json={"token": "x" * 43, "password": NEW_PASSWORD}, status=400, wanted="INVALID_CODE"),
    Scenario(name="reset without a code", path="/api/users/reset-password", json={"password": NEW_PASSWORD}, status=400, wanted='"path":"token"'),
    Scenario(name="verify a made-up code", path="/api/users/verify/made-up", status=400, wanted="INVALID_CODE"),
    Scenario(name="verify nothing", path="/api/users/verify/", status=404),
]  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_scenario(api: Api, scenario: Scenario) -> None:
    """Each row gets its status, says what it must, keeps what it must, and never logs what was sent."""
    response = await api.call(
        scenario.method,
        scenario.path,
        who=scenario.who,
        json=scenario.json,
        content=scenario.content,
        headers=scenario.headers,
    )
    assert response.status_code == scenario.status, response.text
    assert scenario.wanted in response.text
    assert scenario.unwanted not in response.text
    assert response.headers["cache-control"] == "no-store"
    if scenario.event:
        assert scenario.event in [event["event"] for event in api.events()]
    log = api.log_text()
    for secret in (PASSWORD, NEW_PASSWORD, "eyJ", ANN, "made-up", *api.world.keys.values()):
        assert secret not in log


async def test_the_cookie_alone_needs_the_own_site(api: Api) -> None:
    """With the cookie as proof a change from a listed origin passes, and one from elsewhere or nowhere does not."""
    cookie = {"cookie": f"__Host-watchword={api.world.tokens['admin_a']}"}
    for proof in ({}, {"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        response = await api.call("PATCH", "/api/users/me", json={"name": "x"}, headers={**cookie, **proof})
        assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (
            403,
            "CROSS_SITE_REQUEST",
        )
    for proof in ({"origin": SHOP_ORIGIN}, {"sec-fetch-site": "same-origin"}):
        response = await api.call("PATCH", "/api/users/me", json={"name": "x"}, headers={**cookie, **proof})
        assert response.status_code == 200


@pytest.mark.parametrize(("moved_ms", "status"), [(TTL_MS - 1000, 200), (TTL_MS - 1, 200), (TTL_MS, 419)])
async def test_a_token_ends_at_its_second(api: Api, clock: SetClock, moved_ms: int, status: int) -> None:
    """Just before its end a token is good, at its end it is 419, for ``me`` and for a refresh."""
    clock.advance(moved_ms)
    assert (await api.call("GET", "/api/users/me", who="admin_a")).status_code == status
    assert (await api.call("POST", "/api/users/refresh-token", who="admin_a")).status_code == status


@pytest.mark.parametrize("how", ["ended", "expired", "forged"])
async def test_a_dead_cookie_does_not_keep_its_user_out(api: Api, clock: SetClock, how: str) -> None:
    """A browser that still sends the cookie of a session that is over can sign in, and ask for a new password."""
    cookie = {"cookie": f"__Host-watchword={api.world.tokens['admin_a']}", "sec-fetch-site": "same-origin"}
    if how == "ended":
        assert (await api.call("POST", "/api/users/logout", who="admin_a")).status_code == 200
    elif how == "expired":
        clock.advance(TTL_MS)
    else:
        cookie["cookie"] += "x"
    assert (await api.call("GET", "/api/users/me", headers=cookie)).status_code in {401, 419}
    response = await api.call("POST", "/api/users/login?cookie=true", json=LOGIN, headers=cookie)
    assert response.status_code == 200
    response = await api.call("POST", "/api/users/forgot-password", json={"email": ANN}, headers=cookie)
    assert response.status_code == 200


async def test_registration_by_publishable_key(api: Api) -> None:
    """A browser registers its user with the tenant's publishable key, and the user can sign in."""

    async def open_registration(tx: Transaction) -> None:
        settings = '{"allowed_origins":["https://shop.example"],"registration":true}'
        await tx.execute(Statement("UPDATE tenants SET settings = $1 WHERE slug = 'tenant-a'"), settings)
        tx.withdraw(f"tenant:{api.world.tenants['a']}")

    await api.application.database.transaction(open_registration)
    body = {"email": "new@example.com", "password": NEW_PASSWORD}
    headers = {"origin": SHOP_ORIGIN}
    response = await api.call("POST", "/api/users/register", who="pk_live_a", json=body, headers=headers)
    assert response.status_code == 201
    assert response.headers["access-control-allow-origin"] == SHOP_ORIGIN
    assert "user.registered" in [event["event"] for event in api.events()]
    response = await api.call("POST", "/api/users/login", json=body)
    assert (response.status_code, response.json()["user"]["role"]) == (200, "tenant-viewer")
