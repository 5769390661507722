"""Idempotency-Key: a request sent again is done once."""

from __future__ import annotations

import asyncio

import pytest

from records_rig import OTHER, Shop, secret_key, user
from support import START_MS
from watchword.callers.caller import Caller, Role
from watchword.db.database import Statement
from watchword.records.idempotency import VALID_MS

_KEYS = Statement("SELECT count(*) FROM idempotency_keys")
_BODY = {"name": "Thing", "price": 1}


async def _total(shop: Shop) -> int:
    return int((await shop.send("GET", "/api/products/count")).json["totalDocs"])


async def test_the_same_request_gives_the_same_answer(shop: Shop) -> None:
    """Sent again with its key, a creation answers as it did and says that it is a repetition."""
    first = await shop.send("POST", "/api/products", body=_BODY, headers={"idempotency-key": "k"})
    again = await shop.send(
        "POST", "/api/products", raw=b'{ "price": 1, "name": "Thing" }', headers={"idempotency-key": "k"}
    )
    assert (again.status, again.body, again.headers[b"etag"]) == (201, first.body, b'"1"')
    assert (first.headers.get(b"idempotent-replayed"), again.headers[b"idempotent-replayed"]) == (None, b"true")
    assert await _total(shop) == 1


async def test_another_request_with_the_key_conflicts(shop: Shop) -> None:
    """A key that came with another body is refused, and nothing is made."""
    await shop.send("POST", "/api/products", body=_BODY, headers={"idempotency-key": "k"})
    answer = await shop.send("POST", "/api/products", body={**_BODY, "price": 2}, headers={"idempotency-key": "k"})
    assert (answer.status, answer.error["extensions"]["code"]) == (409, "CONFLICT")
    assert await _total(shop) == 1


async def test_fifty_parallel_requests_make_one_document(shop: Shop) -> None:
    """Of fifty at once with one key, one makes the document and all get its answer."""
    answers = await asyncio.gather(
        *(shop.send("POST", "/api/products", body=_BODY, headers={"idempotency-key": "k"}) for _ in range(50))
    )
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body for answer in answers}) == 1
    assert sum(b"idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert await _total(shop) == 1
    assert await shop.counters_agree()


@pytest.mark.parametrize("stranger", [secret_key(OTHER), secret_key(mode="test"), user(Role.TENANT_ADMIN, OTHER)])
async def test_a_key_belongs_to_its_tenant_and_mode(shop: Shop, stranger: Caller) -> None:
    """The same key elsewhere is another key: it makes a document of its own and gives nothing away."""
    first = await shop.send("POST", "/api/products", body=_BODY, headers={"idempotency-key": "k"})
    other = await shop.send("POST", "/api/products", caller=stranger, body=_BODY, headers={"idempotency-key": "k"})
    assert other.status == 201
    assert other.json["doc"]["id"] != first.json["doc"]["id"]


async def test_a_refused_request_leaves_no_key(shop: Shop) -> None:
    """What failed may be sent again, mended, with the same key."""
    await shop.create(sku="A-1")
    headers = {"idempotency-key": "k"}
    assert (await shop.send("POST", "/api/products", body={**_BODY, "sku": "A-1"}, headers=headers)).status == 409
    assert (await shop.send("POST", "/api/products", body={"name": ""}, headers=headers)).status == 400
    assert (await shop.send("POST", "/api/products", body={**_BODY, "sku": "A-2"}, headers=headers)).status == 201


@pytest.mark.parametrize(("later_ms", "documents"), [(VALID_MS - 1, 1), (VALID_MS, 2), (VALID_MS + 1, 2)])
async def test_a_key_is_remembered_for_a_day(shop: Shop, later_ms: int, documents: int) -> None:
    """Just before its end a key still gives the first answer; at its end it is free."""
    for now_ms in (START_MS, START_MS + later_ms):
        answer = await shop.send("POST", "/api/products", body=_BODY, headers={"idempotency-key": "k"}, now_ms=now_ms)
        assert answer.status == 201
    assert await _total(shop) == documents


async def test_a_freed_key_serves_another_request(shop: Shop) -> None:
    """After its end a key may come with another body, and is then held to that one."""
    headers = {"idempotency-key": "k"}
    await shop.send("POST", "/api/products", body=_BODY, headers=headers)
    later_ms = START_MS + VALID_MS
    other = {**_BODY, "price": 2}
    assert (await shop.send("POST", "/api/products", body=other, headers=headers, now_ms=later_ms)).status == 201
    assert (await shop.send("POST", "/api/products", body=_BODY, headers=headers, now_ms=later_ms)).status == 409


async def test_keys_past_their_end_are_cleared_away(shop: Shop) -> None:
    """Each new key removes old ones, so that the table does not grow for ever."""
    for n in range(5):
        await shop.send("POST", "/api/products", body=_BODY, headers={"idempotency-key": f"k{n}"})
    await shop.send("POST", "/api/products", body=_BODY, headers={"idempotency-key": "new"}, now_ms=START_MS + VALID_MS)
    [row] = await shop.database.scan_rows(_KEYS)
    assert row[0] == 1


@pytest.mark.parametrize("key", ["", "a b", "k" * 256, "schlüssel", "\t"])
async def test_what_is_no_key_is_refused(sqlite_shop: Shop, key: str) -> None:
    """A key is 1 to 255 visible ASCII characters; others are a 400 and make nothing."""
    answer = await sqlite_shop.send("POST", "/api/products", body=_BODY, headers={"idempotency-key": key})
    assert answer.status == 400
    assert await _total(sqlite_shop) == 0
