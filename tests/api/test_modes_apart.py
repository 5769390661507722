"""Live and test never meet in what manages them: who is held to one mode finds nothing of the other."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from oauth_flow import Flow
from world import Api

MODES = ("live", "test")
LISTS = ("/api/keys", "/api/clients", "/api/grants")


class Manager(msgspec.Struct, frozen=True):
    """An administrator who is held to a mode: by an OAuth client of it, or by a publishable key beside the session."""

    mode: str
    headers: dict[str, str]


class Inventory(msgspec.Struct, frozen=True):
    """What tenant a has of each list, by mode."""

    ids: dict[str, dict[str, str]]


async def inventory(api: Api) -> Inventory:
    """Let tenant a have keys, clients and grants of both modes, and return one id of each."""
    ids: dict[str, dict[str, str]] = {
        "/api/keys": {mode: api.world.key_ids[f"sk_{mode}_a"] for mode in MODES},
        "/api/clients": {},
        "/api/grants": {},
    }
    for mode in MODES:
        flow = await Flow.begin(api, mode=mode)
        await flow.tokens()
        ids["/api/clients"][mode] = flow.client.id
        listed = await api.call("GET", f"/api/grants?client={flow.client.id}", who="admin_a")
        ids["/api/grants"][mode] = listed.json()["docs"][0]["id"]
    return Inventory(ids)


async def manager(api: Api, how: str, mode: str) -> Manager:
    """Return an administrator of tenant a who is held to the mode."""
    if how == "key":
        session = {"authorization": f"Bearer {api.world.tokens['admin_a']}"}
        return Manager(mode, {**session, "x-publishable-key": api.world.keys[f"pk_{mode}_a"]})
    flow = await Flow.begin(api, mode=mode)
    given = await flow.tokens("admin_a", scopes=("*:*",))
    return Manager(mode, {"authorization": f"Bearer {given['access_token']}"})


async def modes_listed(api: Api, path: str, headers: dict[str, str]) -> set[str]:
    answer = await api.call("GET", f"{path}?limit=100", headers=headers)
    assert answer.status_code == 200, answer.text
    docs: list[dict[str, Any]] = answer.json()["docs"]
    return {str(doc["mode"]) for doc in docs}


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(("how", "mode"), [("client", "live"), ("client", "test"), ("key", "test")])
async def test_a_list_holds_one_mode(api: Api, path: str, how: str, mode: str) -> None:
    """Through an OAuth client, or with a publishable key of test, an administrator lists what is of that mode."""
    await inventory(api)
    held = await manager(api, how, mode)
    assert await modes_listed(api, path, held.headers) == {mode}


@pytest.mark.parametrize("path", LISTS)
async def test_the_own_session_lists_both(api: Api, path: str) -> None:
    """An administrator at work in the own session manages both modes."""
    await inventory(api)
    assert await modes_listed(api, path, {"authorization": f"Bearer {api.world.tokens['admin_a']}"}) == set(MODES)


@pytest.mark.parametrize("path", ["/api/keys", "/api/clients"])
@pytest.mark.parametrize(("how", "mode"), [("client", "live"), ("client", "test"), ("key", "test")])
async def test_one_of_the_other_mode_is_not_found(api: Api, path: str, how: str, mode: str) -> None:
    """Read by its id, a thing of the other mode does not exist; one of the own mode does."""
    kept = await inventory(api)
    held = await manager(api, how, mode)
    for one in MODES:
        answer = await api.call("GET", f"{path}/{kept.ids[path][one]}", headers=held.headers)
        assert answer.status_code == (200 if one == mode else 404), one


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(("how", "mode"), [("client", "live"), ("client", "test"), ("key", "test")])
async def test_nothing_of_the_other_mode_is_ended(api: Api, path: str, how: str, mode: str) -> None:
    """A thing of the other mode is not revoked, deleted or ended, and lives on."""
    kept = await inventory(api)
    held = await manager(api, how, mode)
    for one in MODES:
        answer = await api.call("DELETE", f"{path}/{kept.ids[path][one]}", headers=held.headers)
        assert answer.status_code == (200 if one == mode else 403), one


async def test_a_user_sees_all_that_acts_in_the_own_name(api: Api) -> None:
    """One's own list of what was allowed is one person's, of both modes: nothing may act unseen."""
    kept = await inventory(api)
    docs = (await api.call("GET", "/api/users/grants?limit=100", who="editor_a")).json()["docs"]
    assert set(kept.ids["/api/grants"].values()) <= {doc["id"] for doc in docs}
