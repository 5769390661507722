"""People through the HTTP door: sign in and out, one's own account, and what strangers are told."""

from __future__ import annotations

import pytest

from scenario import Scenario, name_of, run
from support import SetClock
from watchword.db.database import Statement, Transaction
from world import PASSWORD, SHOP_ORIGIN, Api

pytestmark = pytest.mark.anyio

ANN = "admin.a@example.com"
NEW_PASSWORD = "an entirely different phrase"
TTL_MS = 604_800_000
FORM = {"content-type": "application/x-www-form-urlencoded"}
TEXT = {"content-type": "text/plain"}


LOGIN = {"email": ANN, "password": PASSWORD}

SCENARIOS = [
    Scenario(name="login", method="POST", path="/api/users/login", json=LOGIN, status=200, wanted='"token":"eyJhbGciOiJIUzI1NiIs', events=("user.logged_in",)),
    Scenario(name="login in other letters", method="POST", path="/api/users/login", json={**LOGIN, "email": ANN.upper()}, status=200, events=("user.logged_in",)),
    Scenario(name="login beside a publishable key", method="POST", path="/api/users/login", who="pk_live_a", json=LOGIN, status=200, wanted='"role":"tenant-admin"', events=("user.logged_in",)),
    Scenario(name="login beside a secret key", method="POST", path="/api/users/login", who="sk_live_a", json=LOGIN, status=200, events=("user.logged_in",)),
    Scenario(name="login with the cookie", method="POST", path="/api/users/login?cookie=true", json=LOGIN, status=200, unwanted="eyJ", events=("user.logged_in",)),
    Scenario(name="wrong password", method="POST", path="/api/users/login", json={**LOGIN, "password": "wrong"}, status=401, wanted='"code":"UNAUTHORIZED"', unwanted="token", events=("user.login_failed",)),
    Scenario(name="unknown address", method="POST", path="/api/users/login", json={**LOGIN, "email": "nobody@example.com"}, status=401, wanted='"code":"UNAUTHORIZED"', unwanted="token", events=("user.login_failed",)),
    Scenario(name="login as a form", method="POST", path="/api/users/login", content=b"email=a&password=b", headers=FORM, status=415),
    Scenario(name="login as text", method="POST", path="/api/users/login", content=b'{"email":"a","password":"b"}', headers=TEXT, status=415),
    Scenario(name="login without a body", method="POST", path="/api/users/login", content=b"", status=400),
    Scenario(name="broken JSON", method="POST", path="/api/users/login", content=b'{"email":', status=400, wanted='"code":"BAD_REQUEST"'),
    Scenario(name="a key twice", method="POST", path="/api/users/login", content=b'{"email":"a","email":"b","password":"c"}', status=400),
    Scenario(name="a NUL character", method="POST", path="/api/users/login", content=b'{"email":"a\\u0000","password":"b"}', status=400),
    Scenario(name="half a surrogate pair", method="POST", path="/api/users/login", content=b'{"email":"\\ud800","password":"b"}', status=400),
    Scenario(name="an object for a password", method="POST", path="/api/users/login", json={**LOGIN, "password": {"$ne": ""}}, status=400, wanted='"path":"password"'),
    Scenario(name="a field too many", method="POST", path="/api/users/login", json={**LOGIN, "role": "super-admin"}, status=400, wanted="VALIDATION_ERROR"),
    Scenario(name="login by GET", method="GET", path="/api/users/login", status=405),
    Scenario(name="a switch that is none", method="POST", path="/api/users/login?cookie=maybe", json=LOGIN, status=400),
    Scenario(name="me", method="GET", path="/api/users/me", who="admin_a", status=200, wanted='"role":"tenant-admin"'),
    Scenario(name="me as a viewer", method="GET", path="/api/users/me", who="viewer_b", status=200, wanted='"role":"tenant-viewer"'),
    Scenario(name="me as the super-admin", method="GET", path="/api/users/me", who="super", status=200, wanted='"role":"super-admin"'),
    Scenario(name="me of no tenant", method="GET", path="/api/users/me", who="outsider", status=200, wanted='"role":"user","tenants":[]'),
    Scenario(name="me of a stranger", method="GET", path="/api/users/me", status=401, wanted='"code":"UNAUTHORIZED"'),
    Scenario(name="me by secret key", method="GET", path="/api/users/me", who="sk_live_a", status=403, wanted='"code":"FORBIDDEN"'),
    Scenario(name="me by publishable key", method="GET", path="/api/users/me", who="pk_live_a", status=403),
    Scenario(name="me in another's tenant", method="GET", path="/api/users/me", who="admin_a", headers={"x-tenant-id": "tenant-b"}, status=403, wanted="NOT_A_MEMBER"),
    Scenario(name="refresh", method="POST", path="/api/users/refresh-token", who="admin_a", status=200, wanted='"refreshedToken":"eyJ'),
    Scenario(name="refresh of nothing", method="POST", path="/api/users/refresh-token", status=401),
    Scenario(name="refresh of a key", method="POST", path="/api/users/refresh-token", who="sk_live_a", status=401),
    Scenario(name="logout", method="POST", path="/api/users/logout", who="admin_a", status=200, wanted="Logout successful", events=("user.logged_out",)),
    Scenario(name="logout everywhere", method="POST", path="/api/users/logout?allSessions=true", who="admin_a", status=200, events=("user.logged_out",)),
    Scenario(name="logout of a stranger", method="POST", path="/api/users/logout", status=401),
    Scenario(name="logout of a key", method="POST", path="/api/users/logout", who="sk_live_a", status=403),
    Scenario(name="sessions", method="GET", path="/api/users/sessions", who="admin_a", status=200, wanted='"current":true', unwanted="eyJ"),
    Scenario(name="sessions of a stranger", method="GET", path="/api/users/sessions", status=401),
    Scenario(name="sessions of a key", method="GET", path="/api/users/sessions", who="sk_live_a", status=403),
    Scenario(name="end a session", method="DELETE", path="/api/users/sessions/{session_admin_a}", who="admin_a", status=200, events=("session.ended",)),
    Scenario(name="end a colleague's session", method="DELETE", path="/api/users/sessions/{session_editor_a}", who="admin_a", status=404),
    Scenario(name="end another tenant's session", method="DELETE", path="/api/users/sessions/{session_admin_b}", who="admin_a", status=404),
    Scenario(name="end a session as super-admin", method="DELETE", path="/api/users/sessions/{session_admin_b}", who="super", status=404),
    Scenario(name="a new name", method="PATCH", path="/api/users/me", who="viewer_a", json={"name": "안"}, status=200, wanted='"name":"안"'),
    Scenario(name="a new password", method="PATCH", path="/api/users/me", who="admin_a", json={"password": NEW_PASSWORD, "currentPassword": PASSWORD}, status=200, events=("user.password_changed",)),
    Scenario(name="a new password unproved", method="PATCH", path="/api/users/me", who="admin_a", json={"password": NEW_PASSWORD}, status=400, wanted="currentPassword"),
    Scenario(name="a new role", method="PATCH", path="/api/users/me", who="viewer_a", json={"role": "tenant-admin"}, status=400, wanted='"path":"role"'),
    Scenario(name="a new id", method="PATCH", path="/api/users/me", who="viewer_a", json={"id": "usr_1"}, status=400),
    Scenario(name="a stranger's name", method="PATCH", path="/api/users/me", json={"name": "x"}, status=401),
    Scenario(name="a key's name", method="PATCH", path="/api/users/me", who="sk_live_a", json={"name": "x"}, status=403),
    Scenario(name="register where closed", method="POST", path="/api/users/register", json={"email": "new@example.com", "password": PASSWORD}, headers={"x-tenant-id": "tenant-a"}, status=403, wanted="REGISTRATION_CLOSED"),
    Scenario(name="register nowhere", method="POST", path="/api/users/register", json={"email": "new@example.com", "password": PASSWORD}, status=403, wanted="REGISTRATION_CLOSED"),
    Scenario(name="forgot", method="POST", path="/api/users/forgot-password", json={"email": ANN}, status=200, wanted="If an account"),
    Scenario(name="forgot, unknown", method="POST", path="/api/users/forgot-password", json={"email": "nobody@example.com"}, status=200, wanted="If an account"),
    Scenario(name="forgot nothing", method="POST", path="/api/users/forgot-password", json={}, status=400, wanted='"path":"email"'),
    Scenario(name="reset with a made-up code", method="POST", path="/api/users/reset-password", json={"token": "x" * 43, "password": NEW_PASSWORD}, status=400, wanted="INVALID_CODE"),
    Scenario(name="reset without a code", method="POST", path="/api/users/reset-password", json={"password": NEW_PASSWORD}, status=400, wanted='"path":"token"'),
    Scenario(name="verify a made-up code", method="POST", path="/api/users/verify/made-up", status=400, wanted="INVALID_CODE"),
    Scenario(name="verify nothing", method="POST", path="/api/users/verify/", status=404),
]  # fmt: skip


MORE_REFUSED = [
    Scenario(name="login with an empty password", method="POST", path="/api/users/login", json={"email": ANN, "password": ""}, status=400, wanted='"path":"password"'),
    Scenario(name="login with a password of a megabyte", method="POST", path="/api/users/login", json={"email": ANN, "password": "x" * 100_000}, status=400, wanted='"path":"password"'),
    Scenario(name="login with a password of 1025", method="POST", path="/api/users/login", json={"email": ANN, "password": "x" * 1025}, status=400),
    Scenario(name="login with a number", method="POST", path="/api/users/login", json={"email": 1, "password": 1}, status=400, wanted=('"path":"email"', '"path":"password"')),
    Scenario(name="login with a list", method="POST", path="/api/users/login", json=[ANN, PASSWORD], status=400),
    Scenario(name="login with null", method="POST", path="/api/users/login", content=b"null", status=400),
    Scenario(name="login as multipart", method="POST", path="/api/users/login", content=b"--x--", headers={"content-type": "multipart/form-data; boundary=x"}, status=415),
    Scenario(name="login with a forged token", method="POST", path="/api/users/login", json=LOGIN, headers={"authorization": "Bearer eyJ.e30.x"}, status=401, unwanted="eyJ"),
    Scenario(name="login with an unknown key", method="POST", path="/api/users/login", json=LOGIN, headers={"x-client-key": "pk_live_" + "a" * 24}, status=401),
    Scenario(name="the cookie asked for twice", method="POST", path="/api/users/login?cookie=true&cookie=false", json=LOGIN, status=400),
    Scenario(name="refresh of a forged token", method="POST", path="/api/users/refresh-token", headers={"authorization": "Bearer eyJ.e30.x"}, status=401),
    Scenario(name="refresh by GET", path="/api/users/refresh-token", who="admin_a", status=405, headers_wanted={"allow": "POST, OPTIONS"}),
    Scenario(name="refresh by cookie from elsewhere", method="POST", path="/api/users/refresh-token", headers={"cookie": "__Host-watchword={token_admin_a}", "origin": "https://evil.example"}, status=403, wanted="CROSS_SITE_REQUEST"),
    Scenario(name="logout by cookie from elsewhere", method="POST", path="/api/users/logout", headers={"cookie": "__Host-watchword={token_admin_a}", "origin": "https://evil.example"}, status=403, wanted="CROSS_SITE_REQUEST"),
    Scenario(name="logout by cookie of another site", method="POST", path="/api/users/logout", headers={"cookie": "__Host-watchword={token_admin_a}", "sec-fetch-site": "same-site"}, status=403, wanted="CROSS_SITE_REQUEST"),
    Scenario(name="logout by cookie typed into the address bar", method="POST", path="/api/users/logout", headers={"cookie": "__Host-watchword={token_admin_a}", "sec-fetch-site": "none"}, status=403),
    Scenario(name="an Origin decides over Sec-Fetch-Site", method="POST", path="/api/users/logout", headers={"cookie": "__Host-watchword={token_admin_a}", "origin": "https://evil.example", "sec-fetch-site": "same-origin"}, status=403),
    Scenario(name="logout by cookie from nowhere", method="POST", path="/api/users/logout", headers={"cookie": "__Host-watchword={token_admin_a}", "origin": "null"}, status=403),
    Scenario(name="a product by cookie without proof", method="POST", path="/api/products", json={"name": "x", "price": 1}, headers={"cookie": "__Host-watchword={token_admin_a}"}, status=403, wanted="CROSS_SITE_REQUEST"),
    Scenario(name="a key by cookie without proof", method="POST", path="/api/keys", json={}, headers={"cookie": "__Host-watchword={token_admin_a}"}, status=403, wanted="CROSS_SITE_REQUEST"),
    Scenario(name="a deletion by cookie without proof", method="DELETE", path="/api/keys/{key_sk_live_a}", headers={"cookie": "__Host-watchword={token_admin_a}"}, status=403, wanted="CROSS_SITE_REQUEST"),
    Scenario(name="a read by cookie needs no such proof", path="/api/users/me", headers={"cookie": "__Host-watchword={token_admin_a}"}, status=200, unwanted="eyJ"),
    Scenario(name="a switch of logout that is none", method="POST", path="/api/users/logout?allSessions=maybe", who="admin_a", status=400, wanted='"path":"allSessions"'),
    Scenario(name="a session that is none", method="DELETE", path="/api/users/sessions/none", who="admin_a", status=404),
    Scenario(name="a session of someone unknown", method="DELETE", path="/api/users/sessions/ses_00000000000000000000000000", who="admin_a", status=404),
    Scenario(name="the session of a stranger", method="DELETE", path="/api/users/sessions/{session_admin_a}", status=401),
    Scenario(name="the session of a key", method="DELETE", path="/api/users/sessions/{session_admin_a}", who="sk_live_a", status=403),
    Scenario(name="sessions beyond the most", path="/api/users/sessions?limit=101", who="admin_a", status=400, wanted='"path":"limit"'),
    Scenario(name="me with Payload's fields", path="/api/users/me", who="admin_a", status=200, wanted=('"collection":"users"', '"strategy":"local-jwt"', '"message":', '"exp":', '"token":"eyJ')),
    Scenario(name="me with a test key beside", path="/api/users/me", who="admin_a", headers={"x-client-key": "{secret_pk_test_a}"}, status=200),
    Scenario(name="me with a key beside from another tenant", path="/api/users/me", who="admin_a", headers={"x-client-key": "{secret_pk_test_b}"}, status=403),
    Scenario(name="a weak new password", method="PATCH", path="/api/users/me", who="admin_a", json={"password": "password", "currentPassword": PASSWORD}, status=400, wanted='"path":"password"'),
    Scenario(name="a short new password", method="PATCH", path="/api/users/me", who="admin_a", json={"password": "ä8ß4z1k", "currentPassword": PASSWORD}, status=400, wanted='"path":"password"'),
    Scenario(name="a long new password", method="PATCH", path="/api/users/me", who="admin_a", json={"password": "x7" * 65, "currentPassword": PASSWORD}, status=400, wanted='"path":"password"'),
    Scenario(name="the e-mail as a new password", method="PATCH", path="/api/users/me", who="admin_a", json={"password": ANN.upper(), "currentPassword": PASSWORD}, status=400, wanted='"path":"password"'),
    Scenario(name="a new password with a wrong proof", method="PATCH", path="/api/users/me", who="editor_b", json={"password": NEW_PASSWORD, "currentPassword": "wrong"}, status=400, wanted='"path":"currentPassword"', events=("user.login_failed",)),
    Scenario(name="a new e-mail unproved", method="PATCH", path="/api/users/me", who="admin_a", json={"email": "new@example.com"}, status=400, wanted='"path":"currentPassword"'),
    Scenario(name="a new e-mail that is none", method="PATCH", path="/api/users/me", who="admin_a", json={"email": "new", "currentPassword": PASSWORD}, status=400, wanted='"path":"email"'),
    Scenario(name="super-admin by wish", method="PATCH", path="/api/users/me", who="admin_a", json={"isSuperAdmin": True}, status=400, wanted='"path":"isSuperAdmin"'),
    Scenario(name="tenants by wish", method="PATCH", path="/api/users/me", who="admin_a", json={"tenants": ["{tenant_b}"]}, status=400, wanted='"path":"tenants"'),
    Scenario(name="a verified address by wish", method="PATCH", path="/api/users/me", who="admin_a", json={"emailVerified": True}, status=400),
    Scenario(name="a name with a NUL", method="PATCH", path="/api/users/me", who="admin_a", json={"name": "a\u0000"}, status=400),
    Scenario(name="an empty name", method="PATCH", path="/api/users/me", who="admin_a", json={"name": ""}, status=400, wanted='"path":"name"'),
    Scenario(name="register as super-admin", method="POST", path="/api/users/register", json={"email": "n@example.com", "password": PASSWORD, "role": "super-admin"}, headers={"x-tenant-id": "tenant-a"}, status=400, wanted='"path":"role"'),
    Scenario(name="register in an unknown tenant", method="POST", path="/api/users/register", json={"email": "n@example.com", "password": PASSWORD}, headers={"x-tenant-id": "tenant-z"}, status=403, wanted="REGISTRATION_CLOSED"),
    Scenario(name="register without a password", method="POST", path="/api/users/register", json={"email": "n@example.com"}, status=400, wanted='"path":"password"'),
    Scenario(name="forgot with a list", method="POST", path="/api/users/forgot-password", json={"email": [ANN]}, status=400, wanted='"path":"email"'),
    Scenario(name="forgot as a form", method="POST", path="/api/users/forgot-password", content=b"email=a", headers=FORM, status=415),
    Scenario(name="reset with a code of a megabyte", method="POST", path="/api/users/reset-password", json={"token": "x" * 100_000, "password": NEW_PASSWORD}, status=400, wanted='"path":"token"'),
    Scenario(name="reset with a session token", method="POST", path="/api/users/reset-password", json={"token": "{secret_sk_live_a}", "password": NEW_PASSWORD}, status=400, wanted="INVALID_CODE"),
    Scenario(name="verify by GET, as a scanner of letters does", path="/api/users/verify/made-up", status=405),
    Scenario(name="unlock is nobody's", method="POST", path="/api/users/unlock", json={"email": ANN}, status=404),
    Scenario(name="the first register of Payload", method="POST", path="/api/users/first-register", json=LOGIN, status=404),
    Scenario(name="users are listed to nobody", path="/api/users", who="super", status=404),
]  # fmt: skip

CHANGES_NOTHING = [row for row in SCENARIOS if row.status >= 400 or row.method == "GET"] + MORE_REFUSED
CHANGES = [row for row in SCENARIOS if row not in CHANGES_NOTHING]


def require_secrets_kept(api: Api) -> None:
    # Letters in development stand in the log, and they say to whom they go.
    log = "".join(line for line in api.log_text().splitlines() if "mail.outbox" not in line)
    for secret in (PASSWORD, NEW_PASSWORD, ANN, "made-up"):
        assert secret not in log


@pytest.mark.parametrize("scenario", CHANGES_NOTHING, ids=name_of)
async def test_what_changes_nothing(shared: Api, scenario: Scenario) -> None:
    """Each refusal and each reading gets its status and body, leaves its events, and never logs what was sent."""
    response = await run(shared, scenario)
    assert response.headers["cache-control"] == "no-store"
    require_secrets_kept(shared)


@pytest.mark.parametrize("scenario", CHANGES, ids=name_of)
async def test_what_changes_something(api: Api, scenario: Scenario) -> None:
    """Each sign-in and change gets its status and body, leaves its events, and never logs what was sent."""
    response = await run(api, scenario)
    assert response.headers["cache-control"] == "no-store"
    require_secrets_kept(api)


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
