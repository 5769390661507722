"""What clients that registered by themselves may do with their registration afterwards (RFC 7592), and nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from browser import Browser
from oauth_pages_world import authorize_path
from oauth_registration import REGISTER, WANTED, bearer, register, require_refused
from oauth_tenants import allow
from oauth_world import basic, disable_client
from support import SetClock
from watchword.limits.policies import ATTEMPTS
from world import Api, World, open_api


async def test_a_client_manages_itself(registering: Api) -> None:
    """With its own token a client reads, replaces and deletes what it registered (RFC 7592 §2)."""
    client = (await register(registering, scope="products:read")).json()
    token = bearer(client["registration_access_token"])
    uri = client["registration_client_uri"].removeprefix(registering.application.settings.url)
    assert (await registering.call("GET", uri, headers=token)).json() == client
    wanted = {**WANTED, "client_id": client["client_id"], "client_name": "Renamed"}
    changed = (await registering.call("PUT", uri, json=wanted, headers=token)).json()
    assert changed["client_name"] == "Renamed"
    assert "scope" not in changed
    assert (await registering.call("DELETE", uri, headers=token)).status_code == 204
    require_refused(await registering.call("GET", uri, headers=token), 401, "invalid_token")


async def test_nobody_else_manages_a_client(registering: Api) -> None:
    """Unknown, closed, another's and another tenant's get one answer, whatever is presented (RFC 7592 §2)."""
    client, other = [(await register(registering)).json() for _ in range(2)]
    own, others = (bearer(one["registration_access_token"]) for one in (client, other))
    uri = f"{REGISTER}/{client['client_id']}"
    elsewhere = uri.replace("tenant-a", "tenant-b")
    unknown = f"{REGISTER}/cli_00000000000000000000000000"
    session = {"authorization": f"Bearer {registering.world.tokens['admin_a']}"}
    attempts: list[tuple[str, dict[str, str]]] = [(uri, {}), (uri, others), (uri, session), (elsewhere, own)]
    attempts += [(unknown, own), (uri, basic(client["client_id"])), (uri, bearer(""))]
    for path, headers in attempts:
        for method in ("GET", "DELETE", "PUT"):
            body = {**WANTED, "client_id": client["client_id"]} if method == "PUT" else None
            require_refused(await registering.call(method, path, json=body, headers=headers), 401, "invalid_token")
    await disable_client(registering.application, client["client_id"])
    require_refused(await registering.call("GET", uri, headers=own), 401, "invalid_token")


async def test_a_client_of_an_administrator_has_no_token(registering: Api, client_id: str) -> None:
    """A client that did not register by itself is not managed by itself, not with an empty token either."""
    for token in ("", "x"):
        answer = await registering.call("GET", f"{REGISTER}/{client_id}", headers=bearer(token))
        require_refused(answer, 401, "invalid_token")


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": "cli_00000000000000000000000000"},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"grant_types": ["client_credentials"]},
    ],
    ids=str,
)
async def test_a_change_is_no_way_around(registering: Api, changes: dict[str, Any]) -> None:
    """A change is held to the rules of a registration, and changes neither the id nor whether there is a secret."""
    client = (await register(registering)).json()
    wanted = {**WANTED, "client_id": client["client_id"], **changes}
    answer = await registering.call(
        "PUT",
        f"{REGISTER}/{client['client_id']}",
        json={name: value for name, value in wanted.items() if value is not None},
        headers=bearer(client["registration_access_token"]),
    )
    require_refused(answer, 400, "invalid_client_metadata")


@pytest.mark.parametrize(
    ("method", "is_own", "status"),
    [("client_secret_basic", True, 200), ("client_secret_basic", False, 400), ("none", False, 400)],
    ids=["its own", "one of its choice", "none to say"],
)
async def test_a_secret_is_said_and_never_chosen(registering: Api, method: str, *, is_own: bool, status: int) -> None:
    """A secret in a change has to be the client's own, which goes on as it is (RFC 7592 §2.2)."""
    client = (await register(registering, token_endpoint_auth_method=method)).json()
    secret = client["client_secret"] if is_own else "one-that-the-client-has-thought-of-by-itself"
    wanted = {**WANTED, "token_endpoint_auth_method": method, "client_id": client["client_id"], "client_secret": secret}
    uri, token = f"{REGISTER}/{client['client_id']}", bearer(client["registration_access_token"])
    answer = await registering.call("PUT", uri, json=wanted, headers=token)
    assert answer.status_code == status
    assert "client_secret" not in answer.json()
    if status != 200:
        require_refused(answer, 400, "invalid_client_metadata")


@pytest.fixture
async def narrow_api(
    template: tuple[Path, World], clock: SetClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Api]:
    """The same door, where an address may register twice in an hour."""
    twice = msgspec.structs.replace(ATTEMPTS["client_registration"], count=2)
    monkeypatch.setitem(ATTEMPTS, "client_registration", twice)
    directory, world = template
    async with open_api(directory, world, tmp_path / "data", "fast", clock) as door:
        await allow(door, client_registration="open")
        yield door


async def test_a_flood_of_changes_is_bounded_by_address(narrow_api: Api) -> None:
    """A change of what was registered counts as a registration: a stranger's, too, is stored and told to listeners."""
    client = (await register(narrow_api)).json()
    uri = f"{REGISTER}/{client['client_id']}"
    token = bearer(client["registration_access_token"])
    changes = [
        await narrow_api.call("PUT", uri, json={**WANTED, "client_id": client["client_id"]}, headers=token)
        for _ in range(2)
    ]
    assert [change.status_code for change in changes] == [200, 429]
    assert (await narrow_api.call("GET", uri, headers=token)).status_code == 200


async def test_an_administrator_bounds_what_a_registered_client_may_have(registering: Api) -> None:
    """Scopes that an administrator set hold, also after the client has registered anew for more (RFC 7592 §2.2)."""
    made = (await register(registering, scope="products:read orders:read")).json()
    path = f"/api/clients/{made['client_id']}"
    bounded = await registering.call("PATCH", path, who="admin_a", json={"scopes": ["products:read"]})
    assert bounded.status_code == 200, bounded.text
    wanted = {**WANTED, "client_id": made["client_id"], "scope": "products:write"}
    token = bearer(made["registration_access_token"])
    own = f"{REGISTER}/{made['client_id']}"
    changed = await registering.call("PUT", own, json=wanted, headers=token)
    assert (changed.status_code, changed.json()["scope"]) == (200, "products:read")
    for scope in ("products:write", "orders:read", "openid"):
        answer = await Browser(registering).get(authorize_path(made["client_id"], scope=scope))
        assert "error=invalid_scope" in answer.text
