"""What is remembered under headers that came before as the same bytes: refusals until their reason ends, and the account shown."""

from __future__ import annotations

import io

import pytest

from remembered import ME, PRODUCTS, change
from support import SetClock
from watchword.app import Application
from watchword.callers.presented import read_only_header
from watchword.credentials.api_key import hash_key, make_key
from watchword.db.database import Statement, Transaction
from watchword.observe import Log
from watchword.wire.request import Head
from world import Api, make_settings, open_application

STORE_LIKE = Statement(
    "INSERT INTO api_keys (id, tenant_id, kind, mode, name, key_hash, first_characters, last_characters,"
    " allowed_origins, allowed_networks, created_by, created_at, updated_at) SELECT $2, tenant_id, kind, mode, name, $3,"
    " first_characters, last_characters, allowed_origins, allowed_networks, created_by, created_at, updated_at"
    " FROM api_keys WHERE id = $1"
)


def head_of(api: Api, who: str) -> Head:
    headers = [(name.lower().encode(), value.encode()) for name, value in api.world.credential(who).items()]
    return Head([(b"host", b"api.example"), *headers])


async def answered(api: Api, head: Head, path: bytes, *, application: Application | None = None) -> tuple[int, bytes]:
    """Send a request whose headers came before as the same bytes, to the world's application or another."""
    application = application or api.application
    request = application.make_request("GET", path, head, peer="127.0.0.1", scheme="https")
    response = await application.answer(request)
    return response.status, response.body


async def test_a_forged_token_is_refused_each_time_alike(api: Api) -> None:
    """What a token's own bytes refuse is remembered with them, changes no answer, and touches nobody else's headers."""
    good, forged = head_of(api, "admin_a"), refused_head(api, "forged")
    first = await answered(api, forged, ME.encode())
    assert first[0] == 401
    assert await answered(api, good, ME.encode()) == await answered(api, good, ME.encode())
    assert await answered(api, forged, ME.encode()) == first
    assert (await answered(api, forged, PRODUCTS.encode()))[0] == 401
    assert (await answered(api, good, ME.encode()))[0] == 200


def refused_head(api: Api, kind: str) -> Head:
    if kind == "unknown":
        return Head([(b"host", b"api.example"), (b"x-api-key", make_key("secret_key", "live").encode())])
    *before, (name, value) = head_of(api, "admin_a").pairs
    return Head([*before, (name, value[:-4] + (b"AAAA" if not value.endswith(b"AAAA") else b"BBBB"))])


@pytest.mark.parametrize("kind", ["forged", "unknown"])
async def test_a_refusal_is_the_same_in_full_when_it_is_said_again(api: Api, kind: str) -> None:
    """Status, body, challenge of the route and logged reason do not tell whether they were worked out anew."""
    head = refused_head(api, kind)

    async def refused(head: Head, path: str) -> tuple[int, bytes, bytes, str]:
        request = api.application.make_request("GET", path.encode(), head, peer="127.0.0.1", scheme="https")
        response = await api.application.answer(request)
        reason = api.log_text().rpartition('"reason":')[2]
        return response.status, response.body, response.lines.replace(request.id.encode(), b""), reason

    for path in (ME, PRODUCTS, ME, PRODUCTS):
        assert await refused(head, path) == await refused(Head(head.pairs), path)


@pytest.mark.parametrize("kind", ["forged", "unknown"])
async def test_a_kept_refusal_holds_nothing_of_the_request(api: Api, kind: str) -> None:
    """What is kept of a refusal was never raised, so it leads to no frame and to nothing that a frame knew."""
    head = refused_head(api, kind)
    for _ in range(2):
        assert (await answered(api, head, ME.encode()))[0] == 401
    error = read_only_header(api.application.make_request("GET", b"/", head, peer="", scheme="https")).refused
    assert error is not None
    assert (error.__traceback__, error.__context__) == (None, None)


async def test_a_refusal_ends_with_its_reason(api: Api, clock: SetClock) -> None:
    """A disabled key under headers that came before is let in with the request after it was enabled, anywhere."""
    log = Log(io.BytesIO())
    second = await open_application(make_settings(api.application.settings.data_directory), clock, log)
    heads = {api.application: head_of(api, "sk_live_a"), second: head_of(api, "sk_live_a")}

    async def statuses() -> list[int]:
        return [
            (await answered(api, head, PRODUCTS.encode(), application=application))[0]
            for application, head in heads.items()
            for _ in range(3)
        ]

    key = "/api/keys/{key_sk_live_a}"
    try:
        assert await statuses() == [200] * 6
        await change(api, "PATCH", key, "admin_a", {"disabled": True})
        assert await statuses() == [401] * 6
    finally:
        await change(api, "PATCH", key, "admin_a", {"disabled": False})
    assert await statuses() == [200] * 6
    await second.close()
    log.close()


async def test_an_unknown_key_is_good_from_the_commit_that_stores_it(api: Api) -> None:
    """That a key is unknown is said again only while nothing is stored, by whichever program."""
    key = make_key("secret_key", "live")
    head = Head([(b"host", b"api.example"), (b"x-api-key", key.encode())])

    async def store(tx: Transaction) -> None:
        await tx.execute(STORE_LIKE, api.world.key_ids["sk_live_a"], "key_like", hash_key(key))

    for _ in range(3):
        assert (await answered(api, head, PRODUCTS.encode()))[0] == 401
    await api.application.database.transaction(store)
    for _ in range(2):
        assert (await answered(api, head, PRODUCTS.encode()))[0] == 200


async def test_the_account_shown_follows_every_change(api: Api) -> None:
    """``me`` under headers that came before shows a name that was just changed, and no two callers the same."""
    head, other = head_of(api, "admin_a"), head_of(api, "viewer_a")
    before = await answered(api, head, ME.encode())
    assert before[0] == 200
    assert (await answered(api, other, ME.encode()))[1] != before[1]
    await change(api, "PATCH", ME, "admin_a", {"name": "Renamed"})
    assert b"Renamed" in (await answered(api, head, ME.encode()))[1]
