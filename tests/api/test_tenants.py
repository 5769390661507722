"""Tenants and members through the HTTP door: what a change does to the next request of those it is about."""

from __future__ import annotations

import re

import pytest

from oauth_users import grant_to
from oauth_world import add_client
from world import PASSWORD, Api

NEW = "new.person@example.com"


def mailed_code(api: Api) -> str:
    found = re.findall(r"#code=([A-Za-z0-9_-]+)", api.log_text())
    assert found
    return str(found[-1])


async def test_a_new_role_is_in_force_at_once(api: Api) -> None:
    """A viewer who becomes editor writes on the next request with the same token, and no more after the way back."""
    body = {"name": "X", "price": 1}
    target = "/api/tenants/{tenant_a}/members/{user_viewer_a}"
    for role, status in (("tenant-viewer", 403), ("tenant-editor", 201), ("tenant-viewer", 403)):
        assert (await api.call("PATCH", target, who="admin_a", json={"role": role})).status_code == 200
        assert (await api.call("POST", "/api/products", who="viewer_a", json=body)).status_code == status


async def test_a_removed_member_is_out_at_once(api: Api) -> None:
    """A removed member's living session reads nothing of the tenant any more."""
    assert (await api.call("GET", "/api/products", who="editor_a")).status_code == 200
    gone = await api.call("DELETE", "/api/tenants/{tenant_a}/members/{user_editor_a}", who="admin_a")
    assert gone.status_code == 200
    headers = {"x-tenant-id": api.world.tenants["a"]}
    assert (await api.call("GET", "/api/products", who="editor_a", headers=headers)).status_code == 403
    assert (await api.call("GET", "/api/products", who="editor_a")).status_code == 403


async def test_the_last_administrator_stays(api: Api) -> None:
    """An administrator who is the last one cannot leave; a super-admin can remove them."""
    target = "/api/tenants/{tenant_a}/members/{user_admin_a}"
    assert (await api.call("DELETE", target, who="admin_a")).status_code == 409
    assert (await api.call("DELETE", target, who="super")).status_code == 200


async def test_a_disabled_tenant_is_closed_at_once(api: Api) -> None:
    """Keys and members of a disabled tenant are refused on their next request, and served again when it is enabled."""
    for who in ("sk_live_a", "pk_live_a", "admin_a"):
        assert (await api.call("GET", "/api/products", who=who)).status_code == 200
    assert (await api.call("PATCH", "/api/tenants/{tenant_a}", who="super", json={"disabled": True})).status_code == 200
    for who, status in (("sk_live_a", 401), ("pk_live_a", 401), ("admin_a", 403)):
        assert (await api.call("GET", "/api/products", who=who)).status_code == status
    assert (
        await api.call("PATCH", "/api/tenants/{tenant_a}", who="admin_a", json={"disabled": False})
    ).status_code == 403
    body = {"disabled": False}
    assert (await api.call("PATCH", "/api/tenants/{tenant_a}", who="super", json=body)).status_code == 200
    assert (await api.call("GET", "/api/products", who="sk_live_a")).status_code == 200


@pytest.mark.parametrize("path", ["", "/members", "/invitations"])
async def test_another_tenant_is_not_found(api: Api, path: str) -> None:
    """An administrator gets the same answer for another tenant as for one that does not exist."""
    other = await api.call("GET", f"/api/tenants/{{tenant_b}}{path}", who="admin_a")
    nothing = await api.call("GET", f"/api/tenants/ten_00000000000000000000000000{path}", who="admin_a")
    assert (other.status_code, other.content) == (nothing.status_code, nothing.content)
    assert other.status_code == 404


async def test_an_invitation_makes_a_member_who_signs_in(api: Api) -> None:
    """The mailed code makes an account with a membership once, and its owner signs in."""
    body = {"email": NEW, "role": "tenant-editor"}
    invited = await api.call("POST", "/api/tenants/{tenant_a}/invitations", who="admin_a", json=body)
    assert invited.status_code == 201, invited.text
    code = mailed_code(api)
    assert code not in invited.text
    weak = await api.call("POST", "/api/invitations/accept", json={"code": code, "password": "password"})
    assert weak.status_code == 400
    joined = await api.call("POST", "/api/invitations/accept", json={"code": code, "password": PASSWORD, "name": "New"})
    assert joined.status_code == 200, joined.text
    again = await api.call("POST", "/api/invitations/accept", json={"code": code, "password": PASSWORD})
    assert (again.status_code, again.json()["errors"][0]["extensions"]["code"]) == (400, "INVALID_CODE")
    signed_in = await api.call("POST", "/api/users/login", json={"email": NEW, "password": PASSWORD})
    assert signed_in.json()["user"]["tenants"] == [api.world.tenants["a"]]


async def test_an_invited_account_joins_with_its_own_proof_only(api: Api) -> None:
    """An existing account joins by its session or password, and not by the code alone or in someone else's session."""
    body = {"email": "outsider@example.com"}
    assert (await api.call("POST", "/api/tenants/{tenant_a}/invitations", who="admin_a", json=body)).status_code == 201
    accept = {"code": mailed_code(api)}
    assert (await api.call("POST", "/api/invitations/accept", json=accept)).status_code == 401
    assert (await api.call("POST", "/api/invitations/accept", who="admin_b", json=accept)).status_code == 403
    wrong = {**accept, "password": "not the password"}
    assert (await api.call("POST", "/api/invitations/accept", json=wrong)).status_code == 401
    assert (await api.call("POST", "/api/invitations/accept", who="outsider", json=accept)).status_code == 200
    assert (await api.call("GET", "/api/products", who="outsider")).status_code == 200


async def test_a_token_joins_no_tenant(sqlite_api: Api) -> None:
    """An invitation is accepted by its person, signed in: no client joins another tenant in a user's name."""
    client_id = await add_client(sqlite_api.application, sqlite_api.world.tenants["a"])
    granted = await grant_to(sqlite_api, client_id, "editor_a", "*:*")
    body = {"email": "editor.a@example.com"}
    assert (
        await sqlite_api.call("POST", "/api/tenants/{tenant_b}/invitations", who="admin_b", json=body)
    ).status_code == 201
    accept = {"code": mailed_code(sqlite_api)}
    assert (
        await sqlite_api.call("POST", "/api/invitations/accept", headers=granted.header, json=accept)
    ).status_code == 401
    assert (await sqlite_api.call("POST", "/api/invitations/accept", who="editor_a", json=accept)).status_code == 200
