"""A disk that is full and a database that is gone: refused as unavailable, nothing half written, over when it is over."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from route_calls import RouteCall, Victim, calls_of, dump_of
from scenario import code_of
from support import SetClock
from world import PASSWORD, Api

NEEDS_NO_STORE = {"GET /", "GET /health/live", "GET /api/openapi.json", "GET /docs", "GET /docs/docs.css"}

REFUSED_BEFORE_WRITING = {
    "POST /api/users/register",
    "POST /api/users/reset-password",
    "POST /api/users/verify/{token}",
    "POST /api/invitations/accept",
    "POST /api/keys/self-revoke",
    "POST /api/keys/verify",
    "DELETE /api/tenants/{id}/invitations/{invitation_id}",
    "POST /oauth/userinfo",
    "POST /t/{tenant}/oauth/userinfo",
}
"""The generated calls carry made-up codes, keys and tokens, which a read alone refuses."""

LATER = {"POST /api/users/forgot-password"}
"""Answers everyone alike before anything is stored."""


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no byte be written to any file by this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def caller_of(call: RouteCall) -> str:
    """Return who may make this call."""
    if call.name in {"POST /api/tenants", "POST /api/tenants/{id}/members"}:
        return "super"
    if call.name == "DELETE /api/users/grants/{id}":
        return "editor_a"
    return "nobody" if call.is_public else "admin_a"


async def test_a_full_disk_writes_nothing_and_passes(api: Api) -> None:
    """While nothing can be written every write is 503 and leaves no trace, reads go on, and the first write after works."""
    everything = [""]
    before = await dump_of(api.application, everything)
    login = {"email": "viewer.b@example.com", "password": PASSWORD}
    with full_disk():
        for call in calls_of(api, Victim("a")):
            if not call.is_write or call.name in REFUSED_BEFORE_WRITING | LATER:
                continue
            body = login if call.path.endswith("/login") else call.body
            headers = {"x-tenant-id": "tenant-a"} if caller_of(call) == "super" else {}
            answer = await api.call(call.route.method, call.path, who=caller_of(call), json=body, headers=headers)
            assert (answer.status_code, code_of(answer)) == (503, "UNAVAILABLE"), call.name
            assert int(answer.headers["retry-after"]) >= 1
        for who in ("sk_live_a", "pk_live_a", "viewer_a"):
            assert (await api.call("GET", "/api/products", who=who)).status_code == 200
    assert await dump_of(api.application, everything) == before
    until = time.monotonic() + 10
    made = await api.call("POST", "/api/products", who="sk_live_a", json={"name": "after", "price": 1})
    while made.status_code == 503:
        assert time.monotonic() < until
        made = await api.call("POST", "/api/products", who="sk_live_a", json={"name": "after", "price": 1})
    assert made.status_code == 201
    assert (await api.call("POST", "/api/users/login", json=login)).status_code == 200


async def test_a_logout_that_was_not_stored_is_not_acknowledged(api: Api) -> None:
    """A revocation that the disk refused is 503, and holds once it is asked for again."""
    with full_disk():
        assert (await api.call("DELETE", "/api/keys/{key_sk_live_a}", who="admin_a")).status_code == 503
        assert (await api.call("POST", "/api/users/logout", who="editor_a")).status_code == 503
    assert (await api.call("GET", "/api/products", who="sk_live_a")).status_code == 200
    assert (await api.call("DELETE", "/api/keys/{key_sk_live_a}", who="admin_a")).status_code == 200
    assert (await api.call("POST", "/api/users/logout", who="editor_a")).status_code == 200
    assert (await api.call("GET", "/api/products", who="sk_live_a")).status_code == 401
    assert (await api.call("GET", "/api/users/me", who="editor_a")).status_code == 401


@pytest.mark.parametrize("who", ["nobody", "sk_live_a", "pk_live_a", "admin_a", "super"])
async def test_a_database_that_is_gone_serves_nobody(stored_api: Api, who: str) -> None:
    """Without its database the server lets nobody in who was not proved before, and never says that a thing was done."""
    await stored_api.application.database.close()
    assert (await stored_api.call("GET", "/health/live")).status_code == 200
    assert (await stored_api.call("GET", "/health/ready")).status_code == 503
    for call in calls_of(stored_api, Victim("a")):
        if call.name in NEEDS_NO_STORE | LATER:
            continue
        headers = {"x-tenant-id": "tenant-a"} if who == "super" else {}
        answer = await stored_api.call(call.route.method, call.path, who=who, json=call.body, headers=headers)
        # A stranger is told so without a look into any store, but for attempts that are counted first.
        wanted = {401, 403, 503} if who == "nobody" else {503}
        wanted |= {401} if call.name == "POST /api/keys/self-revoke" else set()  # the made-up key is mistyped
        assert answer.status_code in wanted, f"{call.name}: {answer.status_code} {answer.text}"


@pytest.mark.parametrize("days", [-1, 1])
async def test_a_clock_a_day_off_opens_nothing(api: Api, clock: SetClock, days: int) -> None:
    """What was refused at the right time is refused a day early and a day late: revoked, ended, locked, spent."""
    for number in range(10):
        wrong = {"email": "viewer.a@example.com", "password": f"wrong {number}"}
        assert (await api.call("POST", "/api/users/login", json=wrong)).status_code == 401
    assert (await api.call("DELETE", "/api/keys/{key_sk_live_a}", who="admin_a")).status_code == 200
    assert (await api.call("POST", "/api/users/logout", who="editor_a")).status_code == 200
    clock.set_now(clock.now_ms() + days * 86_400_000)
    assert (await api.call("GET", "/api/products", who="sk_live_a")).status_code == 401
    assert (await api.call("GET", "/api/users/me", who="editor_a")).status_code == 401
    assert (await api.call("GET", "/api/users/me", who="viewer_a")).status_code == (401 if days < 0 else 200)
    if days < 0:
        right = {"email": "viewer.a@example.com", "password": PASSWORD}
        assert (await api.call("POST", "/api/users/login", json=right)).status_code == 429
