"""A secret that proved its client is remembered, and never longer than it proves it."""

from __future__ import annotations

import base64
import sys
from collections.abc import Awaitable, Callable
from types import FrameType

import httpx
import pytest

from oauth_world import SECRET, add_client, basic
from support import SetClock
from watchword.app import Application
from watchword.db.database import Statement
from watchword.oauth.models import ClientSettings
from watchword.oauth.queries_registration import prune_unused_clients
from world import Api

FORM = {"content-type": "application/x-www-form-urlencoded"}
ASK = b"grant_type=client_credentials"
HOUR_MS = 3_600_000
LOOKING = {"SqliteDatabase.fetch_row", "SqliteDatabase.fetch_rows", "is_client_secret"}
_SET_SOURCE = Statement("UPDATE oauth_clients SET source = 'registration' WHERE id = $1")


async def ask(api: Api, client_id: str, secret: str, *, path: str = "/oauth/token") -> httpx.Response:
    return await api.call("POST", path, content=ASK, headers={**FORM, **basic(client_id, secret)})


async def steps_of(asking: Awaitable[httpx.Response]) -> list[str]:
    """Return how a refused request looked: its reads of the database and its comparisons, in order."""
    called: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_qualname in LOOKING:
            called.append(frame.f_code.co_qualname)

    sys.setprofile(note)
    try:
        assert (await asking).status_code == 401
    finally:
        sys.setprofile(None)
    return called


async def ask_by_form(api: Api, client_id: str, secret: str) -> httpx.Response:
    content = ASK + f"&client_id={client_id}&client_secret={secret}".encode()
    return await api.call("POST", "/oauth/token", content=content, headers=FORM)


async def manage(api: Api, method: str, path: str, body: object = None, *, who: str = "admin_a") -> None:
    assert (await api.call(method, path, who=who, json=body)).status_code in {200, 201}


async def revoke_secret(api: Api) -> None:
    await manage(api, "DELETE", "/api/clients/{client_a}/secrets/{client_secret_a}")


async def rotate_secret(api: Api) -> None:
    await manage(api, "POST", "/api/clients/{client_a}/rotate", {"overlap_seconds": 0})


async def disable_client(api: Api) -> None:
    await manage(api, "PATCH", "/api/clients/{client_a}", {"disabled": True})


async def delete_client(api: Api) -> None:
    await manage(api, "DELETE", "/api/clients/{client_a}")


async def change_method(api: Api) -> None:
    await manage(api, "PATCH", "/api/clients/{client_a}", {"authentication_method": "client_secret_post"})


async def disable_tenant(api: Api) -> None:
    await manage(api, "PATCH", "/api/tenants/{tenant_a}", {"disabled": True}, who="super")


ENDS: dict[str, Callable[[Api], Awaitable[None]]] = {
    "secret revoked": revoke_secret,
    "secret rotated": rotate_secret,
    "client disabled": disable_client,
    "client deleted": delete_client,
    "another way chosen": change_method,
    "tenant disabled": disable_tenant,
}


@pytest.mark.parametrize("name", ENDS)
async def test_what_one_process_ends_the_other_refuses(doors: tuple[Api, Api], name: str) -> None:
    """Whatever ends a secret, its client or its tenant is in force for the next request of every process."""
    first, second = doors
    client_id, secret = first.world.clients["a"], first.world.client_secrets["a"]
    for _ in range(2):
        for door in doors:
            assert (await ask(door, client_id, secret)).status_code == 200
    await ENDS[name](first)
    for door in (first, second, second):
        answer = await ask(door, client_id, secret)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_a_remembered_secret_ends_when_it_ends(api: Api, clock: SetClock) -> None:
    """The end of a secret counts to the millisecond, however often it proved its client before."""
    tenant = api.world.tenants["a"]
    late = await add_client(api.application, tenant, secret_expires_at_ms=clock.now_ms() + HOUR_MS)
    for _ in range(2):
        assert (await ask(api, late, SECRET)).status_code == 200
    clock.advance(HOUR_MS - 1)
    assert (await ask(api, late, SECRET)).status_code == 200
    clock.advance(1)
    assert (await ask(api, late, SECRET)).status_code == 401


async def test_a_refused_secret_is_not_remembered(api: Api, client_id: str) -> None:
    """Wrong secrets prove nothing, before the right one and behind it, and the right one is good all the same."""
    for secret, status in (("wrong", 401), ("wrong", 401), (SECRET, 200), ("wrong", 401), (SECRET, 200), ("", 401)):
        assert (await ask(api, client_id, secret)).status_code == status


async def test_a_new_client_is_let_in_behind_its_refusal(api: Api) -> None:
    """A client that was disabled, refused, and enabled again is let in at once."""
    client_id, secret = api.world.clients["a"], api.world.client_secrets["a"]
    await disable_client(api)
    assert (await ask(api, client_id, secret)).status_code == 401
    await manage(api, "PATCH", "/api/clients/{client_a}", {"disabled": False})
    assert (await ask(api, client_id, secret)).status_code == 200


async def test_each_way_is_proved_for_itself(api: Api) -> None:
    """A secret that was good in the header is not for that in the form, where the client chose one way."""
    settings = ClientSettings(authentication_method="client_secret_basic")
    client_id = await add_client(api.application, api.world.tenants["a"], settings=settings)
    assert (await ask(api, client_id, SECRET)).status_code == 200
    assert (await ask_by_form(api, client_id, SECRET)).status_code == 401
    assert (await ask(api, client_id, SECRET)).status_code == 200


async def test_id_and_secret_do_not_run_into_each_other(api: Api, client_id: str) -> None:
    """What is proved is this id with this secret, and no other division of the same characters."""
    assert (await ask_by_form(api, client_id, SECRET)).status_code == 200
    assert (await ask_by_form(api, client_id + SECRET[:1], SECRET[1:])).status_code == 401
    assert (await ask_by_form(api, client_id[:-1], client_id[-1] + SECRET)).status_code == 401


async def test_a_remembered_client_stays_in_its_tenant(api: Api, client_id: str) -> None:
    """A client that was just proved is refused at another tenant's endpoint, and let in at its own."""
    assert (await ask(api, client_id, SECRET)).status_code == 200
    assert (await ask(api, client_id, SECRET, path="/t/tenant-b/oauth/token")).status_code == 401
    assert (await ask(api, client_id, SECRET, path="/t/tenant-a/oauth/token")).status_code == 200


@pytest.mark.parametrize("user", ["{}", "%63{}"])
async def test_the_form_has_to_agree_each_time(api: Api, client_id: str, user: str) -> None:
    """A form that names another client than the header is refused, behind good requests with the same header."""
    text = base64.b64encode(f"{user.format(client_id.removeprefix('c' if '%' in user else ''))}:{SECRET}".encode())
    headers = {**FORM, "authorization": f"Basic {text.decode()}"}
    for form, status in ((b"", 200), (b"&client_id=other", 400), (b"&client_secret=x", 400), (b"", 200)):
        answer = await api.call("POST", "/oauth/token", content=ASK + form, headers=headers)
        assert answer.status_code == status


async def test_a_pruned_client_is_forgotten(sqlite_api: Api, clock: SetClock) -> None:
    """A client that is deleted because nobody used it is refused at once, although it was just proved."""
    application: Application = sqlite_api.application
    client_id = await add_client(application, sqlite_api.world.tenants["a"])
    await application.database.transaction(lambda tx: tx.execute(_SET_SOURCE, client_id))
    assert (await ask(sqlite_api, client_id, SECRET)).status_code == 200
    assert await prune_unused_clients(application.database, clock.now_ms() + 1, clock.now_ms()) == 1
    assert (await ask(sqlite_api, client_id, SECRET)).status_code == 401


async def test_a_failing_store_is_no_refusal(sqlite_api: Api, client_id: str) -> None:
    """Without the database an unremembered secret is 503; nobody is told that it is wrong."""
    await sqlite_api.application.database.close()
    assert (await ask(sqlite_api, client_id, SECRET)).status_code == 503


@pytest.mark.parametrize("send", [ask, ask_by_form])
async def test_an_unknown_client_takes_the_steps_of_a_wrong_secret(
    sqlite_api: Api, send: Callable[[Api, str, str], Awaitable[httpx.Response]]
) -> None:
    """Neither answer nor time tells which clients there are: as many reads, and one comparison."""
    client_id = sqlite_api.world.clients["a"]
    await steps_of(send(sqlite_api, client_id, "warm"))
    wrong = await steps_of(send(sqlite_api, client_id, "wrong"))
    unknown = await steps_of(send(sqlite_api, f"{client_id[:-1]}0", "wrong"))
    assert wrong == unknown
    assert wrong[-1] == "is_client_secret"
    assert len(wrong) > 1
