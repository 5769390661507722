"""No crossing: tenant to tenant, live to test, publishable to write, dead credential to anything; for every route."""

from __future__ import annotations

import pytest

from route_calls import NOBODYS, OWN_PROOF, Victim, calls_of, dump_of, marks_of, require_complete
from world import Api

CALLERS_A = (
    "nobody", "pk_live_a", "pk_test_a", "sk_live_a", "sk_test_a", "viewer_a", "editor_a", "admin_a", "outsider",
)  # fmt: skip
REFUSALS = {401, 403, 404}

A_TENANTS_LIST = "GET /api/tenants"


async def test_every_route_is_classified(shared: Api) -> None:
    """Each route is on the list of public ones or asks for a proof, and this suite knows how to call it."""
    require_complete(shared.application)


@pytest.mark.parametrize("who", CALLERS_A)
async def test_things_of_another_tenant_are_out_of_reach(shared: Api, who: str) -> None:
    """Whoever calls a route with another tenant's ids is refused, learns nothing of it and changes nothing."""
    marks = marks_of(shared.world, "b")
    before = await dump_of(shared.application, marks)
    assert len(before) > 30
    for call in calls_of(shared, Victim("b")):
        if call.is_public or not call.names_a_thing:
            continue
        answer = await shared.call(call.route.method, call.path, who=who, json=call.body)
        assert answer.status_code in REFUSALS, f"{call.name}: {answer.status_code} {answer.text}"
        assert not [mark for mark in marks if mark in answer.text], f"{call.name} tells of it"
    assert await dump_of(shared.application, marks) == before


@pytest.mark.parametrize("named", ["id", "slug", "path"])
@pytest.mark.parametrize("who", CALLERS_A)
async def test_another_tenant_cannot_be_named(shared: Api, who: str, named: str) -> None:
    """The header or the path that names another tenant gets every proved caller refused, whatever the route."""
    marks = marks_of(shared.world, "b")
    before = await dump_of(shared.application, marks)
    headers = {} if named == "path" else {"x-tenant-id": shared.world.tenants["b"] if named == "id" else "tenant-b"}
    for call in calls_of(shared, Victim("b")):
        if call.is_public and who == "nobody":
            continue
        if named == "path" and not call.path.startswith("/api/"):
            continue
        path = f"/t/tenant-b{call.path}" if named == "path" else call.path
        answer = await shared.call(call.route.method, path, who=who, json=call.body, headers=headers)
        wanted = {401} if who == "nobody" else {401, 403}
        assert answer.status_code in wanted, f"{call.name}: {answer.status_code} {answer.text}"
        assert not [mark for mark in marks if mark in answer.text], f"{call.name} tells of it"
    assert await dump_of(shared.application, marks) == before


@pytest.mark.parametrize("who", CALLERS_A)
async def test_a_foreign_publishable_key_opens_nothing(shared: Api, who: str) -> None:
    """A proof of one tenant beside another's publishable key is refused on every route that needs a proof."""
    if who == "nobody" or who.startswith("pk"):
        return
    headers = {"x-publishable-key": shared.world.keys["pk_live_b"]}
    for call in calls_of(shared, Victim("b")):
        answer = await shared.call(call.route.method, call.path, who=who, json=call.body, headers=headers)
        assert call.name in OWN_PROOF or answer.status_code in {401, 403}, f"{call.name}: {answer.status_code}"
        assert not [mark for mark in marks_of(shared.world, "b") if mark in answer.text]


@pytest.mark.parametrize("who", CALLERS_A)
async def test_own_lists_hold_own_things_only(shared: Api, who: str) -> None:
    """What a caller reads without naming anyone is the own tenant's, in the own mode."""
    marks = marks_of(shared.world, "b")
    if who in {"sk_live_a", "pk_live_a"} or "_" not in who or who.endswith(("admin_a", "editor_a", "viewer_a")):
        marks.append("test a ")
    else:
        marks.append("live a ")
    for call in calls_of(shared, Victim("a")):
        if call.route.method != "GET" or call.names_a_thing:
            continue
        query = (
            "?limit=100"
            if call.name in {"GET /api/products", "GET /api/orders", "GET /api/keys", A_TENANTS_LIST}
            else ""
        )
        answer = await shared.call("GET", call.path + query, who=who)
        hidden = [mark for mark in marks if mark in answer.text and not _is_a_key_name(call.name, mark)]
        assert not hidden, f"{call.name} shows {hidden}"


@pytest.mark.parametrize(
    ("who", "mode"),
    [("sk_live_a", "test"), ("pk_live_a", "test"), ("admin_a", "test"), ("sk_test_a", "live"), ("pk_test_a", "live")],
)
async def test_documents_of_the_other_mode_are_out_of_reach(shared: Api, who: str, mode: str) -> None:
    """Documents of the other mode do not exist for a caller of this one, and stay as they are."""
    marks = [f"{mode} a "]
    before = await dump_of(shared.application, marks)
    assert len(before) == 13
    calls = [call for call in calls_of(shared, Victim("a", mode)) if call.is_of_a_collection]
    assert calls
    for call in calls:
        if not call.names_a_thing:
            continue
        answer = await shared.call(call.route.method, call.path, who=who, json=call.body)
        assert answer.status_code in {403, 404}, f"{call.name}: {answer.status_code}"
        assert marks[0] not in answer.text
    assert await dump_of(shared.application, marks) == before


@pytest.mark.parametrize("who", ["pk_live_a", "pk_test_a"])
async def test_a_publishable_key_writes_nothing(shared: Api, who: str) -> None:
    """No writing route that needs a proof takes a publishable key for one, not even for things of its own tenant."""
    marks = marks_of(shared.world, "a")
    before = await dump_of(shared.application, marks)
    for call in calls_of(shared, Victim("a", who.split("_")[1])):
        if call.is_public or not call.is_write:
            continue
        answer = await shared.call(call.route.method, call.path, who=who, json=call.body)
        assert answer.status_code in {401, 403}, f"{call.name}: {answer.status_code}"
    assert await dump_of(shared.application, marks) == before


@pytest.mark.parametrize("method", ["HEAD", "PUT", "POST", "PATCH", "DELETE", "TRACE", "OPTIONS"])
async def test_other_methods_open_no_door(shared: Api, method: str) -> None:
    """Every path with every method gives nobody more than the routes table says."""
    methods: dict[str, set[str]] = {}
    for call in calls_of(shared, Victim("b")):
        methods.setdefault(call.path, set()).add(call.route.method)
    for call in calls_of(shared, Victim("b")):
        answer = await shared.call(method, call.path)
        served = method in methods[call.path] or (method == "HEAD" and "GET" in methods[call.path])
        if method == "OPTIONS":
            assert (answer.status_code, answer.content) == (204, b"")
        elif not served:
            assert answer.status_code == 405, f"{method} {call.path}: {answer.status_code}"
            assert call.route.method in answer.headers["allow"].split(", ")
        elif not call.is_public:
            assert answer.status_code in {400, 401}, f"{method} {call.path}: {answer.status_code}"


@pytest.mark.parametrize("spelling", ["{}/", "/{}", "{}//", "{}/.", "/.{}", "{};a", "{}%2f", "{}.json", "{}%20"])
async def test_other_spellings_of_a_path_open_no_door(shared: Api, spelling: str) -> None:
    """A path with something added is another path, which nobody is served."""
    for call in calls_of(shared, Victim("b")):
        answer = await shared.call(call.route.method, spelling.format(call.path), json=call.body)
        assert answer.status_code >= 400 or call.is_public, f"{call.name}: {answer.status_code}"
        assert not [mark for mark in marks_of(shared.world, "b") if mark in answer.text]


async def test_nobody_gets_what_needs_a_proof(shared: Api) -> None:
    """Without a credential every protected route answers 401 and says which one it wants."""
    marks = marks_of(shared.world, "b")
    before = await dump_of(shared.application, marks)
    for call in calls_of(shared, Victim("b")):
        if call.is_public:
            continue
        answer = await shared.call(call.route.method, call.path, json=call.body)
        assert answer.status_code == 401, f"{call.name}: {answer.status_code}"
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert await dump_of(shared.application, marks) == before


async def _refused_everywhere(api: Api, who: str, wanted: set[int], *, spares_the_own: bool = False) -> None:
    for call in calls_of(api, Victim("a")):
        if call.is_public or (spares_the_own and call.route.permission is None):
            continue
        answer = await api.call(call.route.method, call.path, who=who, json=call.body)
        assert answer.status_code in wanted, f"{who} {call.name}: {answer.status_code} {answer.text}"


@pytest.mark.parametrize("who", ["viewer_a", "editor_a", "admin_a", "outsider", "super"])
async def test_an_ended_session_opens_nothing(api: Api, who: str) -> None:
    """After logout the token is refused by every route that needs a proof."""
    assert (await api.call("GET", "/api/users/me", who=who)).status_code == 200
    assert (await api.call("POST", "/api/users/logout", who=who)).status_code == 200
    await _refused_everywhere(api, who, {401})


@pytest.mark.parametrize("who", ["sk_live_a", "sk_test_a", "pk_live_a", "pk_test_a"])
@pytest.mark.parametrize("how", ["revoked", "disabled"])
async def test_a_dead_key_opens_nothing(api: Api, who: str, how: str) -> None:
    """After its revocation, and while it is disabled, a key is refused by every route that needs a proof."""
    assert (await api.call("GET", "/api/products", who=who)).status_code == 200
    path = f"/api/keys/{{key_{who}}}"
    if how == "revoked":
        assert (await api.call("DELETE", path, who="admin_a")).status_code == 200
    else:
        assert (await api.call("PATCH", path, who="admin_a", json={"disabled": True})).status_code == 200
    await _refused_everywhere(api, who, {401})


async def test_a_disabled_tenant_opens_nothing(api: Api) -> None:
    """Keys of a disabled tenant prove nothing, and its members may do nothing in it."""
    marks = [mark for mark in marks_of(api.world, "a") if mark.startswith(("live", "test", "key"))]
    disabled = await api.call("PATCH", "/api/tenants/{tenant_a}", who="super", json={"disabled": True})
    assert disabled.status_code == 200
    before = await dump_of(api.application, marks)
    for who in ("sk_live_a", "sk_test_a", "pk_live_a", "pk_test_a"):
        await _refused_everywhere(api, who, {401})
    for who in ("viewer_a", "editor_a", "admin_a"):
        await _refused_everywhere(api, who, {403, 404}, spares_the_own=True)
    assert await dump_of(api.application, marks) == before


async def test_a_disabled_user_opens_nothing(api: Api) -> None:
    """The sessions of a disabled user prove nothing from then on."""
    assert (await api.call("GET", "/api/users/me", who="admin_a")).status_code == 200
    await api.application.users.disable_user(api.world.users["admin_a"], now_ms=api.application.clock.now_ms())
    await _refused_everywhere(api, "admin_a", {401})


async def test_a_tenant_that_does_not_exist_is_named_alike(shared: Api) -> None:
    """Another tenant's id and one that nobody has get the same answer, byte for byte."""
    for call in calls_of(shared, Victim("b")):
        if not call.path.startswith("/api/tenants/"):
            continue
        nothing = call.path.replace(shared.world.tenants["b"], NOBODYS)
        for who in ("admin_a", "viewer_a", "sk_live_a", "nobody"):
            theirs = await shared.call(call.route.method, call.path, who=who, json=call.body)
            nobodys = await shared.call(call.route.method, nothing, who=who, json=call.body)
            assert (theirs.status_code, theirs.content) == (nobodys.status_code, nobodys.content)


def _is_a_key_name(call_name: str, mark: str) -> bool:
    """Keys of both modes are managed together, and the world names them by their mode."""
    return call_name == "GET /api/keys" and mark in {"test a ", "live a "}
