"""API keys, tenants, members and invitations through the HTTP door: the refusals, row by row, and what is shown."""

from __future__ import annotations

from typing import Any

import pytest

from scenario import Scenario, code_of, name_of, require_sound, run
from support import SetClock
from world import PASSWORD, Api

KEYS = "/api/keys"
SECRET = {"name": "Till", "kind": "secret"}
PUBLIC = {"name": "Shop", "kind": "publishable"}
UNKNOWN_KEY = "/api/keys/key_00000000000000000000000000"
TENANT = "/api/tenants/{tenant_a}"
OTHER = "/api/tenants/{tenant_b}"
UNKNOWN_TENANT = "/api/tenants/ten_00000000000000000000000000"


def wrong_key(what: str, path: str, /, **fields: object) -> Scenario:
    return Scenario(
        name=f"a key with {what}",
        method="POST",
        path=KEYS,
        who="admin_a",
        json={**SECRET, **fields},
        status=400,
        wanted=f'"path":"{path}"',
        unwanted="sk_live",
    )


KEY_ROWS = [
    wrong_key("no name", "name", name=""),
    wrong_key("a name of spaces", "name", name="  "),
    wrong_key("a name too long", "name", name="x" * 101),
    wrong_key("a name that breaks lines", "name", name="a\nb"),
    wrong_key("no kind", "kind", kind=None),
    wrong_key("an unknown kind", "kind", kind="root"),
    wrong_key("an unknown mode", "mode", mode="staging"),
    wrong_key("a scope without an action", "scopes[0]", scopes=["products"]),
    wrong_key("a scope of an unknown action", "scopes[1]", scopes=["products:read", "products:own"]),
    wrong_key("a scope that is a number", "scopes[0]", scopes=[1]),
    wrong_key("scopes that are a text", "scopes", scopes="products:read"),
    wrong_key("too many scopes", "scopes", scopes=[f"a{n}:read" for n in range(101)]),
    wrong_key("an end in the past", "expires_at", expires_at=1_700_000_000),
    wrong_key("an end that is now", "expires_at", expires_at="2026-01-07T10:00:00Z"),
    wrong_key("an end in milliseconds", "expires_at", expires_at=1_999_999_999_999),
    wrong_key("an end without a time zone", "expires_at", expires_at="2030-01-01T00:00:00"),
    wrong_key("an end that is no time", "expires_at", expires_at="soon"),
    wrong_key("origins on a secret key", "allowed_origins", allowed_origins=["https://a.example"]),
    wrong_key("a network with bits behind its prefix", "allowed_networks[0]", allowed_networks=["10.0.0.1/8"]),
    wrong_key("a network that is a name", "allowed_networks[0]", allowed_networks=["localhost"]),
    wrong_key("an origin with a path", "allowed_origins[0]", kind="publishable", allowed_origins=["https://a.example/x"]),
    wrong_key("an origin that is a star", "allowed_origins[0]", kind="publishable", allowed_origins=["*"]),
    wrong_key("an origin of nowhere", "allowed_origins[0]", kind="publishable", allowed_origins=["null"]),
    wrong_key("networks on a publishable key", "allowed_networks", kind="publishable", allowed_networks=["10.0.0.0/8"]),
    wrong_key("a limit of nothing", "rate_limit", rate_limit=0),
    wrong_key("a limit in words", "rate_limit", rate_limit="many"),
    wrong_key("a text of one's own", "key", key="sk_live_mine"),
    wrong_key("a tenant of one's own", "tenant_id", tenant_id="{tenant_b}"),
    wrong_key("names in the other spelling", "expiresAt", expiresAt=2_000_000_000),
    Scenario(name="a key of another tenant", path="/api/keys/{key_sk_live_b}", who="admin_a", status=404),
    Scenario(name="an unknown key", path=UNKNOWN_KEY, who="admin_a", status=404),
    Scenario(name="change a key of another tenant", method="PATCH", path="/api/keys/{key_sk_live_b}", who="admin_a", json={"name": "x"}, status=404),
    Scenario(name="rotate a key of another tenant", method="POST", path="/api/keys/{key_sk_live_b}/rotate", who="admin_a", status=404),
    Scenario(name="revoke a key of another tenant", method="DELETE", path="/api/keys/{key_sk_live_b}", who="admin_a", status=404),
    Scenario(name="change a key's kind", method="PATCH", path="/api/keys/{key_sk_live_a}", who="admin_a", json={"kind": "publishable"}, status=400, wanted='"path":"kind"'),
    Scenario(name="change a key's mode", method="PATCH", path="/api/keys/{key_sk_live_a}", who="admin_a", json={"mode": "test"}, status=400, wanted='"path":"mode"'),
    Scenario(name="an overlap of a year", method="POST", path="/api/keys/{key_sk_live_a}/rotate", who="admin_a", json={"overlap_seconds": 365 * 86400}, status=400, wanted='"path":"overlap_seconds"'),
    Scenario(name="a rotation with unknown fields", method="POST", path="/api/keys/{key_sk_live_a}/rotate", who="admin_a", json={"overlap": 1}, status=400, wanted='"path":"overlap"'),
    Scenario(name="keys show no key", path=KEYS, who="admin_a", status=200, wanted=('"firstCharacters":"sk_live_', '"lastCharacters":"'), unwanted=("{secret_sk_live_a}", "{secret_pk_live_a}", '"key"', "hash", "{key_sk_live_b}")),
    Scenario(name="one key shows no key", path="/api/keys/{key_sk_live_a}", who="admin_a", status=200, wanted=('"id":"{key_sk_live_a}"', '"status":"active"'), unwanted=("{secret_sk_live_a}", '"key"')),
    Scenario(name="a page of keys", path=KEYS + "?limit=2", who="admin_a", status=200, wanted=('"limit":2', '"hasNextPage":true', '"nextAfter":"')),
    Scenario(name="a page beyond the most", path=KEYS + "?limit=101", who="admin_a", status=400, wanted='"path":"limit"'),
    Scenario(name="a super-admin reads any tenant's keys", path=KEYS, who="super", headers={"x-tenant-id": "tenant-b"}, status=200, wanted="{key_sk_live_b}", unwanted="{key_sk_live_a}"),
    Scenario(name="stop nothing", method="POST", path="/api/keys/self-revoke", json={}, status=400, wanted='"path":"key"'),
    Scenario(name="stop without saying what", method="POST", path="/api/keys/self-revoke", status=400, wanted='"path":"key"'),
    Scenario(name="stop by session", method="POST", path="/api/keys/self-revoke", who="admin_a", status=400, wanted='"path":"key"'),
    Scenario(name="stop an unknown key", method="POST", path="/api/keys/self-revoke", json={"key": "sk_live_" + "a" * 24}, status=401),
    Scenario(name="stop a mistyped key", method="POST", path="/api/keys/self-revoke", json={"key": "sk_live_" + "a" * 36}, status=401),
    Scenario(name="stop a known publishable key", method="POST", path="/api/keys/self-revoke", json={"key": "{secret_pk_live_a}"}, status=403, unwanted="pk_live"),
    Scenario(name="stop an unknown publishable key", method="POST", path="/api/keys/self-revoke", json={"key": "pk_live_" + "a" * 24}, status=403),
    Scenario(name="verify one's own", method="POST", path="/api/keys/verify", who="sk_live_a", json={"key": "{secret_sk_live_a}"}, status=200, wanted=('"valid":true', '"code":"VALID"', '"keyId":"{key_sk_live_a}"')),
    Scenario(name="verify a publishable key for writing", method="POST", path="/api/keys/verify", who="sk_live_a", json={"key": "{secret_pk_live_a}", "scopes": ["products:write"]}, status=200, wanted=('"valid":false', "INSUFFICIENT_SCOPE")),
    Scenario(name="verify another tenant's", method="POST", path="/api/keys/verify", who="sk_live_a", json={"key": "{secret_sk_live_b}"}, status=200, wanted='{"valid":false,"code":"NOT_FOUND"}'),
    Scenario(name="verify what is no key", method="POST", path="/api/keys/verify", who="sk_live_a", json={"key": "x"}, status=200, wanted='{"valid":false,"code":"NOT_FOUND"}'),
    Scenario(name="verify for a wildcard", method="POST", path="/api/keys/verify", who="sk_live_a", json={"key": "x", "scopes": ["*:*"]}, status=400, wanted='"path":"scopes[0]"'),
]  # fmt: skip

TENANT_ROWS = [
    Scenario(name="another tenant", path=OTHER, who="admin_a", status=404),
    Scenario(name="a tenant that is none", path=UNKNOWN_TENANT, who="admin_a", status=404),
    Scenario(name="a tenant by slug", path="/api/tenants/tenant-a", who="admin_a", status=404),
    Scenario(name="another tenant named in the header too", path=OTHER, who="admin_a", headers={"x-tenant-id": "tenant-b"}, status=403, wanted="NOT_A_MEMBER"),
    Scenario(name="change another tenant", method="PATCH", path=OTHER, who="admin_a", json={"name": "x"}, status=404),
    Scenario(name="a super-admin asks for none", path=UNKNOWN_TENANT, who="super", status=404),
    Scenario(name="a super-admin reads any", path=OTHER, who="super", status=200, wanted='"slug":"tenant-b"'),
    Scenario(name="a super-admin lists all", path="/api/tenants", who="super", status=200, wanted=("tenant-a", "tenant-b")),
    Scenario(name="an administrator lists the own", path="/api/tenants", who="admin_a", status=200, wanted=("tenant-a", '"role":"tenant-admin"'), unwanted="tenant-b"),
    Scenario(name="a viewer lists the own", path="/api/tenants", who="viewer_a", status=200, wanted='"role":"tenant-viewer"', unwanted=("tenant-b", "settings")),
    Scenario(name="a member of none lists none", path="/api/tenants", who="outsider", status=200, wanted='"docs":[]'),
    Scenario(name="a slug in capitals", method="POST", path="/api/tenants", who="super", json={"name": "X", "slug": "Tenant"}, status=400, wanted='"path":"slug"'),
    Scenario(name="a slug of one letter", method="POST", path="/api/tenants", who="super", json={"name": "X", "slug": "x"}, status=400, wanted='"path":"slug"'),
    Scenario(name="a slug like an id", method="POST", path="/api/tenants", who="super", json={"name": "X", "slug": "ten_00000000000000000000000000"}, status=400, wanted='"path":"slug"'),
    Scenario(name="an unknown plan", method="POST", path="/api/tenants", who="super", json={"name": "X", "slug": "xx", "plan": "gold"}, status=400, wanted='"path":"plan"'),
    Scenario(name="origins that are a star", method="POST", path="/api/tenants", who="super", json={"name": "X", "slug": "xx", "allowed_origins": ["*"]}, status=400, wanted='"path":"allowed_origins[0]"'),
    Scenario(name="a slug taken", method="POST", path="/api/tenants", who="super", json={"name": "X", "slug": "tenant-b"}, status=409),
    Scenario(name="one's own plan", method="PATCH", path=TENANT, who="admin_a", json={"plan": "enterprise"}, status=403),
    Scenario(name="one's own limits", method="PATCH", path=TENANT, who="admin_a", json={"settings": {"requests_per_minute": 1_000_000}}, status=403),
    Scenario(name="one's own limits taken away", method="PATCH", path=TENANT, who="admin_a", json={"settings": {"requests_per_hour": None}}, status=403),
    Scenario(name="one's own slug", method="PATCH", path=TENANT, who="admin_a", json={"slug": "other"}, status=403),
    Scenario(name="one's own end", method="PATCH", path=TENANT, who="admin_a", json={"disabled": True}, status=403),
    Scenario(name="an unknown setting", method="PATCH", path=TENANT, who="admin_a", json={"settings": {"open": True}}, status=400, wanted='"path":"settings.open"'),
    Scenario(name="a setting of another type", method="PATCH", path=TENANT, who="admin_a", json={"settings": {"registration": "yes"}}, status=400, wanted='"path":"settings.registration"'),
    Scenario(name="an origin with a path", method="PATCH", path=TENANT, who="admin_a", json={"allowed_origins": ["https://a.example/"]}, status=400, wanted='"path":"allowed_origins[0]"'),
    Scenario(name="an origin that is a list", method="PATCH", path=TENANT, who="admin_a", json={"allowed_origins": [[]]}, status=400, wanted='"path":"allowed_origins[0]"'),
    Scenario(name="members of another tenant", path=OTHER + "/members", who="admin_a", status=404),
    Scenario(name="a member of another tenant", path=OTHER + "/members/{user_admin_b}", who="admin_a", status=404),
    Scenario(name="another tenant's member in one's own", path=TENANT + "/members/{user_admin_b}", who="admin_a", status=404, unwanted="admin.b"),
    Scenario(name="members show no secrets", path=TENANT + "/members", who="admin_a", status=200, wanted=("admin.a@example.com", "viewer.a@example.com"), unwanted=("password", "hash", "admin.b@example.com")),
    Scenario(name="make another tenant's member one's own", method="PATCH", path=TENANT + "/members/{user_admin_b}", who="admin_a", json={"role": "tenant-viewer"}, status=404),
    Scenario(name="a role that is none", method="PATCH", path=TENANT + "/members/{user_viewer_a}", who="admin_a", json={"role": "super-admin"}, status=400, wanted='"path":"role"'),
    Scenario(name="the last administrator steps down", method="PATCH", path=TENANT + "/members/{user_admin_a}", who="admin_a", json={"role": "tenant-viewer"}, status=409),
    Scenario(name="remove another tenant's member", method="DELETE", path=OTHER + "/members/{user_viewer_b}", who="admin_a", status=404),
    Scenario(name="add someone without asking", method="POST", path=TENANT + "/members", who="admin_a", json={"email": "outsider@example.com", "role": "tenant-admin"}, status=403),
    Scenario(name="add someone unknown", method="POST", path=TENANT + "/members", who="super", json={"email": "nobody@example.com", "role": "tenant-admin"}, status=400, wanted='"path":"email"'),
    Scenario(name="add a member again", method="POST", path=TENANT + "/members", who="super", json={"email": "viewer.a@example.com", "role": "tenant-admin"}, status=409),
    Scenario(name="add to a tenant that is none", method="POST", path=UNKNOWN_TENANT + "/members", who="super", json={"email": "viewer.a@example.com", "role": "tenant-admin"}, status=404),
    Scenario(name="invite into another tenant", method="POST", path=OTHER + "/invitations", who="admin_a", json={"email": "x@example.com"}, status=404),
    Scenario(name="invite no address", method="POST", path=TENANT + "/invitations", who="admin_a", json={"email": "x"}, status=400, wanted='"path":"email"'),
    Scenario(name="invite two addresses at once", method="POST", path=TENANT + "/invitations", who="admin_a", json={"email": "x@example.com, y@example.com"}, status=400, wanted='"path":"email"'),
    Scenario(name="invite with a header of a letter", method="POST", path=TENANT + "/invitations", who="admin_a", json={"email": "x@example.com\r\nBcc: y@example.com"}, status=400, wanted='"path":"email"'),
    Scenario(name="invite a super-admin", method="POST", path=TENANT + "/invitations", who="admin_a", json={"email": "x@example.com", "role": "super-admin"}, status=400, wanted='"path":"role"'),
    Scenario(name="invite a member", method="POST", path=TENANT + "/invitations", who="admin_a", json={"email": "VIEWER.A@example.com"}, status=409),
    Scenario(name="invitations of another tenant", path=OTHER + "/invitations", who="admin_a", status=404),
    Scenario(name="take back an unknown invitation", method="DELETE", path=TENANT + "/invitations/inv_00000000000000000000000000", who="admin_a", status=404),
    Scenario(name="accept without a code", method="POST", path="/api/invitations/accept", json={"password": PASSWORD}, status=400, wanted='"path":"code"'),
    Scenario(name="accept a made-up code", method="POST", path="/api/invitations/accept", json={"code": "x" * 43, "password": PASSWORD}, status=400, wanted="INVALID_CODE"),
    Scenario(name="accept with a code of a megabyte", method="POST", path="/api/invitations/accept", json={"code": "x" * 100_000}, status=400, wanted='"path":"code"'),
]  # fmt: skip


@pytest.mark.parametrize("scenario", [*KEY_ROWS, *TENANT_ROWS], ids=name_of)
async def test_a_row_of_management(shared: Api, scenario: Scenario) -> None:
    """Each row gets its refusal or its reading, never a key's text, and leaves no event."""
    await run(shared, scenario)


async def change(api: Api, method: str, path: str, who: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
    response = await api.call(method, path, who=who, json=body)
    require_sound(response)
    assert response.status_code in {200, 201}, response.text
    return response.json()


async def test_each_change_leaves_its_event(api: Api) -> None:
    """Whoever changes keys, members or tenants is on record: who, by which session, from where, what."""
    made = await change(api, "POST", KEYS, "admin_a", {**SECRET, "scopes": ["products:read"], "rate_limit": 5})
    target = f"{KEYS}/{made['doc']['id']}"
    await change(api, "PATCH", target, "admin_a", {"name": "Other"})
    await change(api, "POST", f"{target}/rotate", "admin_a")
    await change(api, "DELETE", target, "admin_a")
    await change(api, "PATCH", TENANT, "admin_a", {"name": "Other"})
    await change(api, "PATCH", TENANT + "/members/{user_viewer_a}", "admin_a", {"role": "tenant-editor"})
    await change(api, "DELETE", TENANT + "/members/{user_viewer_a}", "admin_a")
    await change(api, "POST", TENANT + "/invitations", "admin_a", {"email": "x@example.com"})
    events = [event for event in api.events() if not event["event"].startswith("mail")]
    assert [event["event"] for event in events] == [
        "key.created", "key.changed", "key.rotated", "key.revoked",
        "tenant.changed", "member.changed", "member.removed", "member.invited",
    ]  # fmt: skip
    for event in events:
        assert event["subject"] == api.world.users["admin_a"]
        assert event["credential"] == api.world.sessions["admin_a"]
        assert event["tenant"] == api.world.tenants["a"]
        assert event["address"] == "127.0.0.1"
    assert made["doc"]["key"] not in api.log_text()


async def test_a_key_is_shown_once(api: Api) -> None:
    """The answer that makes a key shows it with its fields; no later answer does."""
    body = {**PUBLIC, "mode": "test", "allowed_origins": ["https://a.example"], "expires_at": "2030-01-01T00:00:00Z"}
    doc = (await change(api, "POST", KEYS, "admin_a", body))["doc"]
    key = doc.pop("key")
    assert (len(key), key[:8]) == (44, "pk_test_")
    assert (doc["firstCharacters"], doc["lastCharacters"]) == (key[:12], key[-4:])
    assert (doc["mode"], doc["kind"], doc["expiresAt"]) == ("test", "publishable", "2030-01-01T00:00:00.000Z")
    assert (doc["status"], doc["createdBy"]) == ("active", api.world.users["admin_a"])
    read = await api.call("GET", f"{KEYS}/{doc['id']}", who="admin_a")
    assert read.json() == {**doc, "lastUsedAt": None}
    assert key not in read.text
    changed = await api.call("PATCH", f"{KEYS}/{doc['id']}", who="admin_a", json={"name": "B"})
    assert key not in changed.text


async def test_an_ended_key_stays_as_it_ended(api: Api, clock: SetClock) -> None:
    """A revoked or expired key cannot be changed or rotated back to life; revoking it again is no error."""
    body = {**SECRET, "expires_at": clock.now_ms() // 1000 + 60}
    expired = (await change(api, "POST", KEYS, "admin_a", body))["doc"]["id"]
    revoked = (await change(api, "POST", KEYS, "admin_a", SECRET))["doc"]["id"]
    await change(api, "DELETE", f"{KEYS}/{revoked}", "admin_a")
    clock.advance(60_000)
    for key_id in (expired, revoked):
        target = f"{KEYS}/{key_id}"
        for method, path, sent in (
            ("PATCH", target, {"expires_at": None}),
            ("PATCH", target, {"disabled": False}),
            ("POST", f"{target}/rotate", None),
        ):
            response = await api.call(method, path, who="admin_a", json=sent)
            assert (response.status_code, code_of(response)) == (409, "CONFLICT")
        await change(api, "DELETE", target, "admin_a")


async def test_a_key_rotates_once(api: Api) -> None:
    """A rotated key is not rotated again, and its end can only come earlier."""
    target = "/api/keys/{key_sk_live_a}"
    rotated = await change(api, "POST", f"{target}/rotate", "admin_a")
    assert rotated["oldDoc"]["rotatedTo"] == rotated["doc"]["id"]
    assert "key" not in rotated["oldDoc"]
    assert rotated["oldDoc"]["expiresAt"] == "2026-01-08T10:00:00.000Z"
    assert (await api.call("POST", f"{target}/rotate", who="admin_a")).status_code == 409
    for end in (None, "2026-01-09T00:00:00Z"):
        assert (await api.call("PATCH", target, who="admin_a", json={"expires_at": end})).status_code == 409
    await change(api, "PATCH", target, "admin_a", {"expires_at": "2026-01-07T12:00:00Z"})


async def test_a_tenant_is_made_and_managed(api: Api) -> None:
    """A super-admin makes a tenant, gives it an administrator, and each then may what the table says."""
    doc = (await change(api, "POST", "/api/tenants", "super", {"name": "New", "slug": "new-one"}))["doc"]
    assert (doc["slug"], doc["plan"], doc["disabled"], doc["allowedOrigins"]) == ("new-one", "free", False, [])
    body = {"email": "outsider@example.com", "role": "tenant-admin"}
    await change(api, "POST", f"/api/tenants/{doc['id']}/members", "super", body)
    changed = await change(api, "PATCH", f"/api/tenants/{doc['id']}", "outsider", {"settings": {"registration": True}})
    assert changed["doc"]["settings"]["registration"] is True
    made = await change(api, "POST", KEYS, "outsider", SECRET)
    page = await api.call("GET", "/api/products", headers={"x-api-key": made["doc"]["key"]})
    assert page.json()["totalDocs"] == 0


async def test_an_invitation_can_be_taken_back_and_ends_after_a_week(api: Api, clock: SetClock) -> None:
    """A withdrawn invitation, and one a week old, is gone from the list and its code is spent."""
    path = TENANT + "/invitations"
    first = (await change(api, "POST", path, "admin_a", {"email": "one@example.com"}))["doc"]
    await change(api, "POST", path, "admin_a", {"email": "two@example.com", "role": "tenant-admin"})
    assert len((await change(api, "GET", path, "admin_a"))["docs"]) == 2
    await change(api, "DELETE", f"{path}/{first['id']}", "admin_a")
    assert (await api.call("DELETE", f"{path}/{first['id']}", who="admin_a")).status_code == 404
    # The session of who asks lives as long as an invitation, so that it is renewed on the way.
    clock.advance(3 * 86_400_000)
    renewed = await change(api, "POST", "/api/users/refresh-token", "admin_a")
    headers = {"authorization": f"Bearer {renewed['token']}"}
    clock.advance(4 * 86_400_000 - 1)
    assert len((await api.call("GET", path, headers=headers)).json()["docs"]) == 1
    clock.advance(1)
    assert (await api.call("GET", path, headers=headers)).json()["docs"] == []
