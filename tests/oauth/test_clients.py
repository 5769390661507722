"""OAuth clients through the HTTP door: made, changed, disabled and deleted, and what they get after each."""

from __future__ import annotations

from typing import Any

import pytest

from oauth_managed_clients import CODE, OWN, ask, fields_of, make, reads, status_of, token_of
from watchword.db.database import Statement
from watchword.errors import NotFoundError
from watchword.oauth.client_models import CreateClient
from world import OPERATOR, Api

UNKNOWN = "/api/clients/cli_00000000000000000000000000"


async def test_a_client_gets_tokens_from_its_making_on(api: Api) -> None:
    """A new client shows its secret once, in an answer that nobody keeps, and gets a token with it."""
    made = await api.call("POST", "/api/clients", who="admin_a", json=OWN)
    doc = made.json()["doc"]
    assert made.headers["cache-control"] == "no-store"
    assert await status_of(api, doc["id"], doc["clientSecret"]) == 200
    read = await api.call("GET", f"/api/clients/{doc['id']}", who="admin_a")
    listed = await api.call("GET", "/api/clients?limit=100", who="admin_a")
    assert "clientSecret" not in read.text + listed.text
    assert doc["clientSecret"] not in read.text + listed.text + api.log_text()
    [secret] = read.json()["secrets"]
    assert (secret["status"], secret["lastCharacters"]) == ("active", doc["clientSecret"][-4:])


async def test_what_was_set_is_what_is_read(api: Api) -> None:
    """Every field that can be set of a client stands in its answer as it was set."""
    wanted = {
        **CODE,
        "scopes": ["products:read", "openid"],
        "post_logout_redirect_uris": ["https://partner.example/bye"],
        "audiences": ["https://api.partner.example"],
        "web_origins": ["https://app.partner.example"],
        "token_format": "opaque",
        "signing_algorithm": "ES256",
        "access_ttl_seconds": 300,
        "refresh_ttl_seconds": 3600,
        "refresh_absolute_seconds": 7200,
        "authentication_method": "client_secret_post",
        "pkce_exempt": True,
        "dpop_bound": True,
        "require_pushed_requests": True,
        "client_uri": "https://partner.example",
        "logo_uri": "https://partner.example/logo.png",
        "policy_uri": "https://partner.example/policy",
        "tos_uri": "https://partner.example/terms",
        "backchannel_logout_uri": "https://partner.example/logout",
        "backchannel_logout_session_required": True,
    }
    doc = await make(api, {**wanted, "kind": "confidential", "mode": "test"})
    read = (await api.call("GET", f"/api/clients/{doc['id']}", who="admin_a")).json()
    for name, value in wanted.items():
        head, *rest = name.split("_")
        assert read[head + "".join(word.title() for word in rest)] == value, name
    assert (read["kind"], read["mode"], read["source"]) == ("confidential", "test", "administrator")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"kind": "trusted"}, "kind"),
        ({"mode": "staging"}, "mode"),
        ({"grants": ["password"]}, "grants[0]"),
        ({"grants": "client_credentials"}, "grants"),
        ({"grants": ["authorization_code"]}, "redirect_uris"),
        ({"redirect_uris": ["https://partner.example/cb#x"]}, "redirect_uris[0]"),
        ({"redirect_uris": ["https://partner.example/*"]}, "redirect_uris[0]"),
        ({"scopes": ["all"]}, "scopes[0]"),
        ({"access_ttl_seconds": 86_401}, "access_ttl_seconds"),
        ({"access_ttl_seconds": 29}, "access_ttl_seconds"),
        ({"refresh_ttl_seconds": 0}, "refresh_ttl_seconds"),
        ({"token_format": "saml"}, "token_format"),
        ({"signing_algorithm": "none"}, "signing_algorithm"),
        ({"signing_algorithm": "HS256"}, "signing_algorithm"),
        ({"authentication_method": "none"}, "authentication_method"),
        ({"authentication_method": "client_secret_jwt"}, "authentication_method"),
        ({"web_origins": ["*"]}, "web_origins[0]"),
        ({"logo_uri": "javascript:alert(1)"}, "logo_uri"),
        ({"secret_expires_at": 1_700_000_000}, "secret_expires_at"),
        ({"secret_expires_at": "2030-01-01T00:00:00"}, "secret_expires_at"),
        ({"source": "registration"}, "source"),
        ({"client_secret": "chosen"}, "client_secret"),
        ({"tenant_id": "ten_1"}, "tenant_id"),
        ({"redirectUris": []}, "redirectUris"),
    ],
)
async def test_a_client_with_a_wrong_field_is_not_made(shared: Api, changes: dict[str, Any], field: str) -> None:
    """A field that is wrong, unknown or not to be set is named, and nothing is made."""
    before = (await shared.call("GET", "/api/clients?limit=100", who="admin_a")).json()
    assert fields_of(await shared.call("POST", "/api/clients", who="admin_a", json={**OWN, **changes})) == [field]
    assert (await shared.call("GET", "/api/clients?limit=100", who="admin_a")).json() == before


async def test_a_public_client_has_no_secret(api: Api) -> None:
    """A public client is given no secret and can be given none (RFC 6749 §2.1)."""
    doc = await make(api, {**CODE, "kind": "public"})
    assert "clientSecret" not in doc
    for path in ("secrets", "rotate"):
        refused = await api.call("POST", f"/api/clients/{doc['id']}/{path}", who="admin_a")
        assert refused.status_code == 409
    assert await status_of(api, doc["id"], "") == 401


async def test_a_client_with_a_key_of_its_own_has_no_secret(api: Api) -> None:
    """Who proves itself by an assertion gets no secret that could be taken in its place (FAPI 2.0 §5.3.2.1)."""
    key = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    body = {**OWN, "authentication_method": "private_key_jwt", "jwks": {"keys": [key]}}
    doc = await make(api, body)
    assert "clientSecret" not in doc
    assert (await api.call("POST", f"/api/clients/{doc['id']}/secrets", who="admin_a")).status_code == 409


async def test_kind_and_mode_stay(shared: Api) -> None:
    """What a client is cannot be changed; what it may can."""
    for field in ("kind", "mode", "source", "id"):
        body = {field: "public"}
        assert fields_of(await shared.call("PATCH", "/api/clients/{client_a}", who="admin_a", json=body)) == [field]


async def test_a_change_is_checked_as_a_whole(api: Api) -> None:
    """A change that leaves fields which do not go together is refused, and the client stays as it was."""
    doc = await make(api, CODE)
    target = f"/api/clients/{doc['id']}"
    before = (await api.call("GET", target, who="admin_a")).json()
    rows: list[tuple[dict[str, Any], str]] = [
        ({"redirect_uris": []}, "redirect_uris"),
        ({"grants": ["refresh_token"]}, "grants"),
        ({"refresh_absolute_seconds": 60}, "refresh_absolute_seconds"),
        ({"authentication_method": "private_key_jwt"}, "jwks"),
    ]
    for body, field in rows:
        assert fields_of(await api.call("PATCH", target, who="admin_a", json=body)) == [field]
    assert (await api.call("GET", target, who="admin_a")).json() == before


async def test_a_change_is_in_force_on_the_next_request(api: Api) -> None:
    """Scopes, life and form of a token are those that the client has now."""
    doc = await make(api)
    target = f"/api/clients/{doc['id']}"
    body: dict[str, Any] = {"scopes": ["products:read"], "access_ttl_seconds": 60, "token_format": "opaque"}
    assert (await api.call("PATCH", target, who="admin_a", json=body)).status_code == 200
    answer = (await ask(api, doc["id"], doc["clientSecret"])).json()
    assert (answer["scope"], answer["expires_in"], answer["access_token"][:3]) == ("products:read", 60, "at_")
    assert (await api.call("PATCH", target, who="admin_a", json={"grants": []})).status_code == 200
    refused = await ask(api, doc["id"], doc["clientSecret"])
    assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")


@pytest.mark.parametrize("form", ["jwt", "opaque"])
async def test_a_disabled_client_is_refused_at_once(api: Api, form: str) -> None:
    """Disabled, a client gets no token, and those that it has read nothing any more; enabled, it goes on."""
    doc = await make(api, {**OWN, "token_format": form})
    target = f"/api/clients/{doc['id']}"
    token = await token_of(api, doc)
    assert await reads(api, token) == 200
    disabled = await api.call("PATCH", target, who="admin_a", json={"disabled": True})
    assert disabled.json()["doc"]["disabled"] is True
    refused = await ask(api, doc["id"], doc["clientSecret"])
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert await reads(api, token) == 401
    assert (await api.call("PATCH", target, who="admin_a", json={"disabled": False})).status_code == 200
    assert await status_of(api, doc["id"], doc["clientSecret"]) == 200


@pytest.mark.parametrize("form", ["jwt", "opaque"])
async def test_a_deleted_client_is_gone(api: Api, form: str) -> None:
    """Deleted, a client gets no token, its tokens read nothing, and nobody finds it again."""
    doc = await make(api, {**OWN, "token_format": form})
    target = f"/api/clients/{doc['id']}"
    token = await token_of(api, doc)
    assert await reads(api, token) == 200
    assert (await api.call("DELETE", target, who="admin_a")).json() == {
        "message": "Deleted successfully.",
        "id": doc["id"],
    }
    assert await status_of(api, doc["id"], doc["clientSecret"]) == 401
    assert await reads(api, token) == 401
    for method in ("GET", "PATCH", "DELETE"):
        body: dict[str, Any] | None = {} if method == "PATCH" else None
        assert (await api.call(method, target, who="admin_a", json=body)).status_code == 404


async def test_a_disabled_tenants_clients_are_refused_at_once(api: Api) -> None:
    """When a tenant is disabled, its clients get no token, and those that they have read nothing."""
    doc = await make(api)
    token = await token_of(api, doc)
    assert await reads(api, token) == 200
    answer = await api.call("PATCH", "/api/tenants/{tenant_a}", who="super", json={"disabled": True})
    assert answer.status_code == 200
    assert await status_of(api, doc["id"], doc["clientSecret"]) == 401
    assert await reads(api, token) == 401


async def test_every_process_refuses_a_disabled_client(doors: tuple[Api, Api]) -> None:
    """What one process disables, the other refuses on its next request, though it remembered the token."""
    first, second = doors
    doc = await make(first)
    token = await token_of(second, doc)
    assert await reads(second, token) == 200
    await first.call("PATCH", f"/api/clients/{doc['id']}", who="admin_a", json={"disabled": True})
    assert await reads(second, token) == 401
    assert await status_of(second, doc["id"], doc["clientSecret"]) == 401


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"name": "Taken"}),
        ("DELETE", "", None),
        ("POST", "/secrets", {}),
        ("POST", "/rotate", {}),
        ("DELETE", "/secrets/{client_secret_b}", None),
    ],
)
async def test_another_tenants_client_is_no_client(shared: Api, method: str, path: str, body: object) -> None:
    """Another tenant's client and one that nobody has get the same answer, byte for byte."""
    theirs = await shared.call(method, "/api/clients/{client_b}" + path, who="admin_a", json=body)
    nobodys = await shared.call(method, UNKNOWN + path, who="admin_a", json=body)
    assert (theirs.status_code, theirs.content) == (404, nobodys.content)


async def test_pages_of_clients(api: Api) -> None:
    """Clients are listed in the order of their making, page by page, of both modes and of the own tenant alone."""
    made = [(await make(api, {**OWN, "mode": mode}))["id"] for mode in ("live", "test", "live")]
    first = (await api.call("GET", "/api/clients?limit=2", who="admin_a")).json()
    assert (len(first["docs"]), first["hasNextPage"]) == (2, True)
    rest = (await api.call("GET", f"/api/clients?after={first['nextAfter']}", who="admin_a")).json()
    listed = [doc["id"] for doc in (*first["docs"], *rest["docs"])]
    assert set(listed) == {*made, api.world.clients["a"]}
    assert listed == sorted(listed)
    assert rest["nextAfter"] is None


# Weaknesses


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({**CODE, "grants": ["implicit"]}, "implicit"),
        ({**CODE, "pkce_exempt": True}, "pkce_exempt"),
    ],
)
async def test_what_weakens_a_client_is_told(api: Api, body: dict[str, Any], word: str) -> None:
    """Implicit and the exemption from PKCE come with a warning in the answer and in the log (RFC 9700 §2.1)."""
    doc = await make(api, body)
    [warning] = doc["warnings"]
    assert warning.startswith(word)
    [event] = [event for event in api.events() if event["event"] == "client.weakened"]
    assert (event["level"], event["by"], event["client"]) == ("warning", word, doc["id"])
    read = (await api.call("GET", f"/api/clients/{doc['id']}", who="admin_a")).json()
    assert read["warnings"] == [warning]


async def test_a_change_that_weakens_is_told_once(api: Api) -> None:
    """The warning comes with the change that weakens a client, and not with every later one."""
    doc = await make(api, CODE)
    target = f"/api/clients/{doc['id']}"
    assert doc["warnings"] == []
    for body in ({"pkce_exempt": True}, {"name": "Renamed"}):
        changed = await api.call("PATCH", target, who="admin_a", json=body)
        assert len(changed.json()["doc"]["warnings"]) == 1
    assert [event["event"] for event in api.events()].count("client.weakened") == 1


async def test_an_administrator_may_weaken_a_client_that_registered_itself(api: Api) -> None:
    """What a client cannot give itself an administrator can give it, with the same warning; it stays a registered one."""
    doc = await make(api, CODE)
    mark = Statement("UPDATE oauth_clients SET source = 'registration' WHERE id = $1")
    await api.application.database.transaction(lambda tx: tx.execute(mark, doc["id"]))
    changed = await api.call("PATCH", f"/api/clients/{doc['id']}", who="admin_a", json={"pkce_exempt": True})
    assert changed.status_code == 200
    assert (changed.json()["doc"]["source"], len(changed.json()["doc"]["warnings"])) == ("registration", 1)


async def test_each_change_leaves_an_event(api: Api) -> None:
    """Whatever is done to a client stands in the log, with who did it and no secret."""
    doc = await make(api)
    target = f"/api/clients/{doc['id']}"
    await api.call("PATCH", target, who="admin_a", json={"disabled": True})
    added = (await api.call("POST", f"{target}/secrets", who="admin_a")).json()["doc"]
    rotated = (await api.call("POST", f"{target}/rotate", who="admin_a")).json()["doc"]
    await api.call("DELETE", f"{target}/secrets/{added['id']}", who="admin_a")
    await api.call("DELETE", target, who="admin_a")
    events = [event for event in api.events() if event["event"].startswith("client.")]
    assert [event["event"] for event in events] == [
        "client.created", "client.changed", "client.secret_added", "client.secrets_rotated", "client.secret_revoked",
        "client.deleted",
    ]  # fmt: skip
    assert {event["subject"] for event in events} == {api.world.users["admin_a"]}
    assert {event["client"] for event in events} == {doc["id"]}
    for secret in (doc["clientSecret"], added["clientSecret"], rotated["clientSecret"]):
        assert secret not in api.log_text()


# Web origins


async def test_a_clients_origin_may_read(api: Api) -> None:
    """A page of an origin that a client lists passes the preflight, and stops when the client is disabled."""
    origin = "https://app.partner.example"
    asked = {"origin": origin, "access-control-request-method": "POST"}
    doc = await make(api, {**CODE, "kind": "public", "web_origins": [origin]})
    await api.application.origins.load()
    allowed = await api.call("OPTIONS", "/oauth/token", headers=asked)
    assert allowed.headers["access-control-allow-origin"] == origin
    refused = await api.call("POST", "/oauth/token", content=b"", headers={"origin": origin})
    assert refused.headers["access-control-allow-origin"] == origin
    await api.call("PATCH", f"/api/clients/{doc['id']}", who="admin_a", json={"disabled": True})
    await api.application.origins.load()
    assert "access-control-allow-origin" not in (await api.call("OPTIONS", "/oauth/token", headers=asked)).headers


async def test_a_token_is_read_from_its_clients_origin_alone(api: Api) -> None:
    """An answer to a client's token is readable for pages of its own and its tenant's origins, and for no others."""
    doc = await make(api, {**OWN, "web_origins": ["https://app.partner.example"]})
    other = await make(api, {**OWN, "web_origins": ["https://other.example"]})
    token = await token_of(api, doc)
    await api.application.origins.load()
    for origin, is_let_in in (("https://app.partner.example", True), ("https://other.example", False)):
        headers = {"authorization": f"Bearer {token}", "origin": origin}
        answer = await api.call("GET", "/api/products", headers=headers)
        assert ("access-control-allow-origin" in answer.headers) is is_let_in
    changed: dict[str, list[str]] = {"web_origins": []}
    await api.call("PATCH", f"/api/clients/{doc['id']}", who="admin_a", json=changed)
    headers = {"authorization": f"Bearer {token}", "origin": "https://app.partner.example"}
    assert "access-control-allow-origin" not in (await api.call("GET", "/api/products", headers=headers)).headers
    assert other["id"] != doc["id"]


async def test_the_manager_knows_no_other_tenant(api: Api) -> None:
    """A tenant that is none has no clients, and none is made for it."""
    clients = api.application.oauth.clients
    assert await clients.list("ten_0") == []
    with pytest.raises(NotFoundError):
        await clients.create("ten_0", "live", CreateClient(name="X", grants=[]), actor=OPERATOR, now_ms=1)
