"""Secrets of OAuth clients: several beside each other, each with its end, rotated with an overlap, and bounded."""

from __future__ import annotations

import asyncio

import pytest

from oauth_managed_clients import OWN, fields_of, make, status_of
from support import SetClock
from world import Api

DAY_MS = 86_400_000


async def test_a_secret_belongs_to_its_client(shared: Api) -> None:
    """A secret is not revoked through another client, not even of the same tenant."""
    path = "/api/clients/{client_a}/secrets/{client_secret_b}"
    assert (await shared.call("DELETE", path, who="admin_a")).status_code == 404


async def test_secrets_live_beside_each_other(api: Api) -> None:
    """An added secret works at once and the first one goes on; each ends by itself."""
    doc = await make(api)
    target = f"/api/clients/{doc['id']}"
    added = (await api.call("POST", f"{target}/secrets", who="admin_a")).json()["doc"]
    assert await status_of(api, doc["id"], doc["clientSecret"]) == 200
    assert await status_of(api, doc["id"], added["clientSecret"]) == 200
    secrets = (await api.call("GET", target, who="admin_a")).json()["secrets"]
    [first] = [secret for secret in secrets if secret["id"] != added["id"]]
    revoked = await api.call("DELETE", f"{target}/secrets/{first['id']}", who="admin_a")
    assert revoked.json()["doc"]["status"] == "expired"
    assert await status_of(api, doc["id"], doc["clientSecret"]) == 401
    assert await status_of(api, doc["id"], added["clientSecret"]) == 200
    again = await api.call("DELETE", f"{target}/secrets/{first['id']}", who="admin_a")
    assert again.json()["doc"] == revoked.json()["doc"]


async def test_a_secret_ends_on_the_millisecond(api: Api, clock: SetClock) -> None:
    """A secret with an end proves its client until just before it, and not at it."""
    end_ms = clock.now_ms() + DAY_MS
    doc = await make(api, {**OWN, "secret_expires_at": end_ms // 1000})
    clock.set_now(end_ms - 1)
    assert await status_of(api, doc["id"], doc["clientSecret"]) == 200
    clock.set_now(end_ms)
    assert await status_of(api, doc["id"], doc["clientSecret"]) == 401


async def test_a_rotation_overlaps(api: Api, clock: SetClock) -> None:
    """After a rotation both secrets work, the old ones until the overlap ends, the new one on."""
    doc = await make(api)
    body = {"overlap_seconds": 3600}
    rotated = await api.call("POST", f"/api/clients/{doc['id']}/rotate", who="admin_a", json=body)
    assert rotated.status_code == 201
    new = rotated.json()["doc"]["clientSecret"]
    assert [old["expiresAt"] for old in rotated.json()["oldDocs"]] == ["2026-01-07T11:00:00.000Z"]
    clock.advance(3_599_999)
    assert await status_of(api, doc["id"], doc["clientSecret"]) == 200
    assert await status_of(api, doc["id"], new) == 200
    clock.advance(1)
    assert await status_of(api, doc["id"], doc["clientSecret"]) == 401
    assert await status_of(api, doc["id"], new) == 200


async def test_a_rotation_without_overlap_ends_the_old_secrets_now(api: Api) -> None:
    """With an overlap of 0 only the new secret is left, however many there were."""
    doc = await make(api)
    target = f"/api/clients/{doc['id']}"
    for _ in range(4):
        assert (await api.call("POST", f"{target}/secrets", who="admin_a")).status_code == 201
    rotated = await api.call("POST", f"{target}/rotate", who="admin_a", json={"overlap_seconds": 0})
    assert await status_of(api, doc["id"], doc["clientSecret"]) == 401
    assert await status_of(api, doc["id"], rotated.json()["doc"]["clientSecret"]) == 200
    assert [old["status"] for old in rotated.json()["oldDocs"]] == ["expired"] * 5


async def test_a_rotation_lengthens_no_secret(api: Api, clock: SetClock) -> None:
    """A secret that ends before the overlap does keeps its own end."""
    end_s = clock.now_ms() // 1000 + 60
    doc = await make(api, {**OWN, "secret_expires_at": end_s})
    rotated = await api.call("POST", f"/api/clients/{doc['id']}/rotate", who="admin_a")
    assert rotated.json()["oldDocs"][0]["expiresAt"] == "2026-01-07T10:01:00.000Z"


async def test_living_secrets_are_bounded(api: Api) -> None:
    """A client has five living secrets at most, since each is compared when it proves itself."""
    doc = await make(api)
    target = f"/api/clients/{doc['id']}"
    answers = [await api.call("POST", f"{target}/secrets", who="admin_a") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [201] * 4 + [409]
    assert (await api.call("POST", f"{target}/rotate", who="admin_a")).status_code == 409


async def test_secrets_made_in_parallel_stay_bounded(stored_api: Api) -> None:
    """Of twenty parallel wishes for a secret as many are granted as there is room for."""
    doc = await make(stored_api)
    path = f"/api/clients/{doc['id']}/secrets"
    answers = await asyncio.gather(*(stored_api.call("POST", path, who="admin_a") for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [201] * 4 + [409] * 16


@pytest.mark.parametrize("body", [{"overlap_seconds": -1}, {"overlap_seconds": 90 * 86_400 + 1}, {"overlap": 1}])
async def test_an_overlap_is_bounded(shared: Api, body: object) -> None:
    """A rotation ends: an overlap is neither negative nor longer than three months."""
    assert fields_of(await shared.call("POST", "/api/clients/{client_a}/rotate", who="admin_a", json=body))


async def test_it_is_seen_who_still_uses_the_old_secret(api: Api, clock: SetClock) -> None:
    """The last use of each secret stands beside it, so that a rotation can be finished."""
    doc = await make(api)
    target = f"/api/clients/{doc['id']}"
    clock.advance(1_000)
    await api.call("POST", f"{target}/rotate", who="admin_a")
    assert await status_of(api, doc["id"], doc["clientSecret"]) == 200
    await api.application.audit.flush()
    read = (await api.call("GET", target, who="admin_a")).json()
    assert [secret["lastUsedAt"] for secret in read["secrets"]] == ["2026-01-07T10:00:01.000Z", None]
    assert read["lastUsedAt"] == "2026-01-07T10:00:01.000Z"
