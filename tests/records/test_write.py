"""Creating, changing and deleting documents: checked, counted, all or nothing."""

from __future__ import annotations

import asyncio
import json

import pytest

from records_rig import ACME, OTHER, Shop, publishable_key, secret_key, user
from support import START_MS
from watchword.callers.caller import Caller, Role
from watchword.ids import is_id, make_id


async def test_a_product_is_created_with_its_defaults(shop: Shop) -> None:
    """Name and price are enough: the rest is filled in, and the answer is 201 with message, document and tag."""
    answer = await shop.send("POST", "/api/products", body={"name": "사과", "price": 1000})
    doc = answer.json["doc"]
    assert answer.status == 201
    assert answer.json["message"] == "Product successfully created."
    assert is_id(doc.pop("id"), "product")
    assert doc == {
        "name": "사과",
        "price": 1000,
        "currency": "KRW",
        "status": "draft",
        "createdAt": "2026-01-07T10:00:00.000Z",
        "updatedAt": "2026-01-07T10:00:00.000Z",
    }
    assert answer.headers[b"etag"] == b'"1"'
    assert answer.headers[b"cache-control"] == b"no-store"
    assert await shop.counters_agree()


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"name": "is required", "price": "is required"}),
        ({"name": None, "price": 1}, {"name": "must be text"}),
        ({"name": "", "price": 1}, {"name": "must have 1 or more characters"}),
        ({"name": "  ", "price": 1}, {"name": "must hold more than spaces"}),
        ({"name": "x" * 201, "price": 1}, {"name": "must have at most 200 characters"}),
        ({"name": ["x"], "price": 1}, {"name": "must be text"}),
        ({"name": {"$ne": 1}, "price": 1}, {"name": "must be text"}),
        ({"name": "a", "price": "1"}, {"price": "must be an integer"}),
        ({"name": "a", "price": True}, {"price": "must be an integer"}),
        ({"name": "a", "price": 1.5}, {"price": "must be an integer, written without a fraction"}),
        ({"name": "a", "price": 1.0}, {"price": "must be an integer, written without a fraction"}),
        ({"name": "a", "price": -1}, {"price": "must be 0 or more"}),
        ({"name": "a", "price": 1, "currency": "krw"}, {"currency": "must be three capital letters (ISO 4217)"}),
        ({"name": "a", "price": 1, "currency": "WONS"}, {"currency": "must have at most 3 characters"}),
        ({"name": "a", "price": 1, "stock": -1}, {"stock": "must be 0 or more"}),
        ({"name": "a", "price": 1, "stock": "1"}, {"stock": "must be an integer or null"}),
        ({"name": "a", "price": 1, "sku": ""}, {"sku": "must have 1 or more characters"}),
        ({"name": "a", "price": 1, "sku": " a"}, {"sku": "must begin and end with something other than a space, on one line"}),
        ({"name": "a", "price": 1, "status": "sold"}, {"status": "must be one of draft, published, archived"}),
        ({"name": "a", "price": 1, "colour": "red", "size": 1}, {"colour": "is not a field of this collection", "size": "is not a field of this collection"}),
        ({"name": "a", "price": 1, "id": "prd_1"}, {"id": "is set by the server"}),
        ({"name": "a", "price": 1, "createdAt": "2020-01-01"}, {"createdAt": "is set by the server"}),
        ({"name": "a", "price": 1, "updatedAt": None}, {"updatedAt": "is set by the server"}),
        ({"name": "a", "price": 1, "tenant_id": OTHER}, {"tenant_id": "is not a field of this collection"}),
        ({"name": "a", "price": 1, "x" * 500: 1}, {"x" * 63 + "…": "is not a field of this collection"}),
    ],
)  # fmt: skip
async def test_a_wrong_field_is_refused_by_its_name(
    sqlite_shop: Shop, body: dict[str, object], fields: dict[str, str]
) -> None:
    """Every wrong, missing or unknown field is named with a sentence, and nothing is stored."""
    answer = await sqlite_shop.send("POST", "/api/products", body=body)
    assert answer.status == 400
    assert answer.error["extensions"]["code"] == "VALIDATION_ERROR"
    assert answer.fields == fields
    assert (await sqlite_shop.send("GET", "/api/products/count")).json == {"totalDocs": 0}


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b'"x"', b"{", b'{"name":"a","name":"b","price":1}', b"[" * 9999])
async def test_a_body_that_is_no_object_is_refused(sqlite_shop: Shop, raw: bytes) -> None:
    """Broken JSON, repeated names and everything but an object are a 400."""
    assert (await sqlite_shop.send("POST", "/api/products", raw=raw)).status == 400


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
@pytest.mark.parametrize(("method", "target"), [("POST", "/api/products"), ("PATCH", f"/api/products/prd_{'0' * 26}")])
async def test_a_body_of_another_media_type_is_refused(
    sqlite_shop: Shop, method: str, target: str, content_type: str
) -> None:
    """What a form of a foreign page can send without asking is refused with 415."""
    answer = await sqlite_shop.send(
        method, target, body={"name": "a", "price": 1}, headers={"content-type": content_type}
    )
    assert answer.status == 415


async def test_one_error_answer_stays_small(sqlite_shop: Shop) -> None:
    """A body with thousands of wrong fields does not make a large answer."""
    answer = await sqlite_shop.send("POST", "/api/products", body={f"field{n}": n for n in range(5000)})
    assert answer.status == 400
    assert len(answer.body) < 10_000


async def test_null_and_absent_are_the_same(shop: Shop) -> None:
    """A field sent as null is left out, or takes its default."""
    doc = await shop.create(sku=None, stock=None, description=None, currency=None, status=None)
    assert set(doc) == {"id", "name", "price", "currency", "status", "createdAt", "updatedAt"}


async def test_a_second_product_with_a_sku_conflicts(shop: Shop) -> None:
    """A sku is unique in its tenant and mode, on creation and on change; the refusal names the field."""
    await shop.create(sku="A-1")
    other = await shop.create(sku="A-2")
    answer = await shop.send("POST", "/api/products", body={"name": "b", "price": 1, "sku": "A-1"})
    assert answer.status == 409
    assert answer.error["message"] == "A product with this sku exists already"
    assert answer.fields == {"sku": "is taken"}
    assert (await shop.send("PATCH", f"/api/products/{other['id']}", body={"sku": "A-1"})).status == 409
    assert (await shop.send("GET", f"/api/products/{other['id']}")).json == other
    await shop.create(sku="A-1", caller=secret_key(mode="test"))
    await shop.create(sku="A-1", caller=secret_key(OTHER))
    await shop.create(sku=None)
    await shop.create(sku=None)
    assert await shop.counters_agree()


async def test_a_change_replaces_the_fields_it_names(shop: Shop) -> None:
    """PATCH changes what is sent, null takes a field away, and version and time move on."""
    doc = await shop.create(sku="A-1", stock=3, status="published")
    answer = await shop.send(
        "PATCH", f"/api/products/{doc['id']}", body={"price": 7, "sku": None, "status": None}, now_ms=START_MS + 1500
    )
    wanted = {**doc, "price": 7, "status": "draft", "updatedAt": "2026-01-07T10:00:01.500Z"}
    del wanted["sku"]
    assert answer.status == 200
    assert answer.json == {"message": "Updated successfully.", "doc": wanted}
    assert answer.headers[b"etag"] == b'"2"'
    assert (await shop.send("GET", f"/api/products/{doc['id']}")).json == wanted
    assert await shop.counters_agree()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": None}, "name"),
        ({"price": -1}, "price"),
        ({"id": "prd_1"}, "id"),
        ({"createdAt": "2020-01-01"}, "createdAt"),
        ({"colour": 1}, "colour"),
    ],
)
async def test_a_change_is_checked_as_a_whole(sqlite_shop: Shop, body: dict[str, object], field: str) -> None:
    """A change that would leave a wrong document is refused and changes nothing."""
    doc = await sqlite_shop.create()
    answer = await sqlite_shop.send("PATCH", f"/api/products/{doc['id']}", body=body)
    assert answer.status == 400
    assert list(answer.fields) == [field]
    assert (await sqlite_shop.send("GET", f"/api/products/{doc['id']}")).json == doc


async def test_the_time_of_change_never_runs_backwards(shop: Shop) -> None:
    """A clock that was set back cannot make a later change look older."""
    doc = await shop.create(now_ms=START_MS + 5000)
    answer = await shop.send("PATCH", f"/api/products/{doc['id']}", body={"price": 2}, now_ms=START_MS)
    assert answer.json["doc"]["updatedAt"] == doc["updatedAt"]


async def test_a_deleted_product_is_gone(shop: Shop) -> None:
    """DELETE answers with what was there; afterwards nothing is, not even in the totals."""
    doc = await shop.create(status="published")
    answer = await shop.send("DELETE", f"/api/products/{doc['id']}")
    assert answer.json == {"message": "Deleted successfully.", "id": doc["id"], "doc": doc}
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        assert (await shop.send(method, f"/api/products/{doc['id']}", body=body)).status == 404
    assert (await shop.send("GET", "/api/products/count")).json == {"totalDocs": 0}
    assert await shop.counters_agree()


@pytest.mark.parametrize(
    "document_id", ["x", "prd_", f"prd_{'0' * 26}", f"usr_{'0' * 26}", "prd_%00", "prd_" + "9" * 5000, "%27%20OR%201=1--"]
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_an_unknown_id_is_not_found(sqlite_shop: Shop, method: str, document_id: str) -> None:
    """What is no id, or no document's, is a 404 for every method."""
    answer = await sqlite_shop.send(method, f"/api/products/{document_id}", body={} if method == "PATCH" else None)
    assert (answer.status, answer.error["extensions"]["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("stranger", [secret_key(OTHER), secret_key(mode="test"), user(Role.SUPER_ADMIN, OTHER)])
async def test_another_tenant_and_the_other_mode_find_nothing(shop: Shop, stranger: Caller) -> None:
    """A document exists for its own tenant and mode only: others cannot read, change, delete, list or count it."""
    doc = await shop.create(status="published")
    target = f"/api/products/{doc['id']}"
    for method, body in (("GET", None), ("PATCH", {"price": 9}), ("DELETE", None)):
        answer = await shop.send(method, target, caller=stranger, body=body)
        assert answer.status == 404
        assert doc["name"].encode() not in answer.body
    assert (await shop.send("GET", "/api/products", caller=stranger)).json["docs"] == []
    assert (await shop.send("GET", "/api/products/count", caller=stranger)).json == {"totalDocs": 0}
    assert (await shop.send("GET", target)).json == doc


@pytest.mark.parametrize("caller", [publishable_key(), user(Role.TENANT_VIEWER), secret_key(scopes=("products:read",))])
async def test_readers_never_write(shop: Shop, caller: Caller) -> None:
    """A publishable key, a viewer and a key with reading scopes get 403 on every write."""
    doc = await shop.create(status="published")
    for method, target in (
        ("POST", "/api/products"),
        ("PATCH", f"/api/products/{doc['id']}"),
        ("DELETE", f"/api/products/{doc['id']}"),
    ):
        assert (await shop.send(method, target, caller=caller, body={"name": "x", "price": 1})).status == 403
    assert (await shop.send("GET", "/api/products/count")).json == {"totalDocs": 1}


@pytest.mark.parametrize("tag", ['"2"', 'W/"1"', "1", '""', '"1', "nonsense", '"3", "2"'])
async def test_a_change_meant_for_another_version_is_refused(shop: Shop, tag: str) -> None:
    """If-Match with any tag but the strong one of the stored version is a 412, and nothing changes."""
    doc = await shop.create()
    for method, body in (("PATCH", {"price": 5}), ("DELETE", None)):
        answer = await shop.send(method, f"/api/products/{doc['id']}", body=body, headers={"if-match": tag})
        assert (answer.status, answer.error["extensions"]["code"]) == (412, "PRECONDITION_FAILED")
    assert (await shop.send("GET", f"/api/products/{doc['id']}")).json == doc


@pytest.mark.parametrize("tag", ['"1"', "*", '"7", "1"', ' "1" '])
async def test_a_change_meant_for_this_version_is_made(sqlite_shop: Shop, tag: str) -> None:
    """If-Match with the stored version's tag, or a star, lets the change through."""
    doc = await sqlite_shop.create()
    target = f"/api/products/{doc['id']}"
    assert (await sqlite_shop.send("PATCH", target, body={"price": 5}, headers={"if-match": tag})).status == 200


async def test_of_parallel_changes_of_one_version_one_wins(shop: Shop) -> None:
    """Fifty changes that all name the same version: one is made, the others hear that it has changed."""
    doc = await shop.create()
    answers = await asyncio.gather(
        *(
            shop.send("PATCH", f"/api/products/{doc['id']}", body={"price": n}, headers={"if-match": '"1"'})
            for n in range(50)
        )
    )
    assert sorted(answer.status for answer in answers) == [200] + [412] * 49
    [won] = [answer.json["doc"] for answer in answers if answer.status == 200]
    assert (await shop.send("GET", f"/api/products/{doc['id']}")).json == won


async def test_no_parallel_change_is_lost(shop: Shop) -> None:
    """Changes of different fields at once all arrive, each a version of its own."""
    doc = await shop.create()
    bodies: list[dict[str, object]] = [
        {"price": 5},
        {"stock": 6},
        {"sku": "A-7"},
        {"description": "eight"},
        {"status": "published"},
    ]
    await asyncio.gather(*(shop.send("PATCH", f"/api/products/{doc['id']}", body=body) for body in bodies))
    answer = await shop.send("GET", f"/api/products/{doc['id']}")
    assert answer.json.items() >= {key: value for body in bodies for key, value in body.items()}.items()
    assert answer.headers[b"etag"] == b'"6"'


async def test_of_parallel_products_with_one_sku_one_is_made(shop: Shop) -> None:
    """Thirty products with the same sku at once: one is stored, the others conflict, the totals are right."""
    answers = await asyncio.gather(
        *(shop.send("POST", "/api/products", body={"name": "a", "price": 1, "sku": "A-1"}) for _ in range(30))
    )
    assert sorted(answer.status for answer in answers) == [201] + [409] * 29
    assert (await shop.send("GET", "/api/products/count")).json == {"totalDocs": 1}
    assert await shop.counters_agree()


async def test_totals_stay_right_under_mixed_writes(shop: Shop) -> None:
    """Creations, changes of status and deletions at once leave totals that counting the documents gives too."""
    docs = [await shop.create(status="draft") for _ in range(12)]

    async def write(number: int) -> None:
        target = f"/api/products/{docs[number % 12]['id']}"
        match number % 4:
            case 0:
                await shop.create(status=("published", "archived")[number % 8 // 4])
            case 1:
                await shop.send("DELETE", target)
            case _:
                await shop.send("PATCH", target, body={"status": ("published", "archived", "draft")[number % 3]})

    await asyncio.gather(*(write(number) for number in range(60)))
    assert await shop.counters_agree()


async def test_a_document_is_served_as_it_was_sent(shop: Shop) -> None:
    """Whatever characters the texts hold, they come back unchanged, and the bytes are the same alone and in a list."""
    name = 'quote " back \\ slash / emoji \N{RED APPLE} </script> \u2028 \x7f é 사과'
    doc = await shop.create(name=name)
    one = await shop.send("GET", f"/api/products/{doc['id']}")
    page = await shop.send("GET", "/api/products")
    assert one.json["name"] == name
    assert one.body in page.body
    assert json.loads(one.body) == doc == page.json["docs"][0]


async def test_the_keys_of_one_tenant_say_nothing_of_another(shop: Shop) -> None:
    """An id that another tenant's document has is answered exactly as one that nobody's has."""
    doc = await shop.create(caller=secret_key(OTHER))
    theirs = await shop.send("GET", f"/api/products/{doc['id']}", caller=secret_key(ACME))
    nobodys = await shop.send("GET", f"/api/products/{make_id('product', START_MS)}", caller=secret_key(ACME))
    assert (theirs.status, theirs.body, theirs.headers) == (nobodys.status, nobodys.body, nobodys.headers)
