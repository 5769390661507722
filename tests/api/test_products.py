"""Products through the HTTP door: reading, paging, filtering, writing, versions and repeats."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from scenario import Scenario, name_of, require_sound, run
from support import SetClock
from world import Api

LIST = "/api/products"
ONE = "/api/products/{product_live_a}"
UNKNOWN = "/api/products/prd_00000000000000000000000000"

READS = [
    Scenario(name="first page", path=LIST, who="viewer_a", status=200, wanted=('"totalDocs":12,"limit":10,"totalPages":2,"page":1,"pagingCounter":1,"hasPrevPage":false,"hasNextPage":true,"prevPage":null,"nextPage":2', "live a 12"), unwanted=('"live a 1"', "live b", "test a")),
    Scenario(name="last page", path=LIST + "?page=2", who="viewer_a", status=200, wanted=('"page":2,"pagingCounter":11,"hasPrevPage":true,"hasNextPage":false,"prevPage":1,"nextPage":null', '"live a 1"')),
    Scenario(name="page behind the last", path=LIST + "?page=3", who="viewer_a", status=200, wanted=('"docs":[]', '"totalDocs":12', '"hasNextPage":false')),
    Scenario(name="limit", path=LIST + "?limit=3", who="viewer_a", status=200, wanted='"limit":3,"totalPages":4'),
    Scenario(name="limit beyond the most", path=LIST + "?limit=1000", who="viewer_a", status=200, wanted='"limit":100'),
    Scenario(name="limit of none is the most", path=LIST + "?limit=0", who="viewer_a", status=200, wanted='"limit":100'),
    Scenario(name="limit below zero", path=LIST + "?limit=-1", who="viewer_a", status=400, wanted='"path":"limit"'),
    Scenario(name="limit in words", path=LIST + "?limit=ten", who="viewer_a", status=400, wanted='"path":"limit"'),
    Scenario(name="limit beyond 64 bits", path=LIST + "?limit=99999999999999999999", who="viewer_a", status=400, wanted='"path":"limit"'),
    Scenario(name="limit twice", path=LIST + "?limit=1&limit=2", who="viewer_a", status=400, wanted='"path":"limit"'),
    Scenario(name="page zero", path=LIST + "?page=0", who="viewer_a", status=400, wanted='"path":"page"'),
    Scenario(name="page of a fraction", path=LIST + "?page=1.5", who="viewer_a", status=400, wanted='"path":"page"'),
    Scenario(name="sort upwards", path=LIST + "?sort=price&limit=1", who="viewer_a", status=200, wanted='"live a 1"'),
    Scenario(name="sort downwards", path=LIST + "?sort=-price&limit=1", who="viewer_a", status=200, wanted='"live a 12"'),
    Scenario(name="sort by an unknown field", path=LIST + "?sort=secret", who="viewer_a", status=400, wanted='"path":"sort"'),
    Scenario(name="sort by SQL", path=LIST + "?sort=price;DROP%20TABLE%20documents", who="viewer_a", status=400, wanted='"path":"sort"'),
    Scenario(name="sort by too many", path=LIST + "?sort=" + ",".join(["price"] * 20), who="viewer_a", status=400),
    Scenario(name="equals", path=LIST + "?where[price][equals]=300", who="viewer_a", status=200, wanted=('"totalDocs":1', '"live a 3"')),
    Scenario(name="not equals", path=LIST + "?where[price][not_equals]=300", who="viewer_a", status=200, wanted='"totalDocs":11'),
    Scenario(name="in", path=LIST + "?where[price][in]=100,200,700", who="viewer_a", status=200, wanted='"totalDocs":3'),
    Scenario(name="comparisons", path=LIST + "?where[price][greater_than]=300&where[price][less_than_equal]=500", who="viewer_a", status=200, wanted='"totalDocs":2'),
    Scenario(name="exists", path=LIST + "?where[stock][exists]=false", who="viewer_a", status=200, wanted='"totalDocs":12'),
    Scenario(name="or", path=LIST + "?where[or][0][price][equals]=100&where[or][1][sku][equals]=S2", who="viewer_a", status=200, wanted='"totalDocs":2'),
    Scenario(name="encoded brackets", path=LIST + "?where%5Bprice%5D%5Bequals%5D=300", who="viewer_a", status=200, wanted='"totalDocs":1'),
    Scenario(name="a quote in a value", path=LIST + "?where[name][equals]=x'%20OR%201=1--", who="viewer_a", status=200, wanted='"totalDocs":0'),
    Scenario(name="an unknown field", path=LIST + "?where[tenant_id][equals]=x", who="viewer_a", status=400, wanted='"path":"where[tenant_id]"'),
    Scenario(name="an unknown operator", path=LIST + "?where[price][near]=1", who="viewer_a", status=400, wanted="is not an operator"),
    Scenario(name="no operator", path=LIST + "?where[price]=1", who="viewer_a", status=400),
    Scenario(name="no field", path=LIST + "?where=1", who="viewer_a", status=400),
    Scenario(name="where as JSON", path=LIST + '?where=%7B"price":1%7D', who="viewer_a", status=400),
    Scenario(name="a word for a number", path=LIST + "?where[price][equals]=cheap", who="viewer_a", status=400, wanted="where[price][equals]"),
    Scenario(name="a number beyond 64 bits", path=LIST + "?where[price][equals]=99999999999999999999", who="viewer_a", status=400),
    Scenario(name="a mistyped parameter", path=LIST + "?wher[price][equals]=1", who="viewer_a", status=400),
    Scenario(name="brackets left open", path=LIST + "?where[price[equals]=1", who="viewer_a", status=400),
    Scenario(name="what Payload's clients send", path=LIST + "?depth=0&draft=false&locale=en", who="viewer_a", status=200),
    Scenario(name="a NUL in a filter", path=LIST + "?where[name][equals]=%00", who="viewer_a", status=400, wanted="NUL"),
    Scenario(name="a filter that is no text", path=LIST + "?where[name][equals]=%ff", who="viewer_a", status=400, wanted="UTF-8"),
    Scenario(name="too many parameters", path=LIST + "?" + "&".join(f"a{n}=1" for n in range(500)), who="viewer_a", status=400, wanted="parameters"),
    Scenario(name="select", path=LIST + "?limit=1&select[name]=true", who="viewer_a", status=200, wanted='"name":"live a 12"', unwanted='"price"'),
    Scenario(name="select the rest", path=LIST + "?limit=1&select[name]=false", who="viewer_a", status=200, wanted='"price"', unwanted='"name"'),
    Scenario(name="select an unknown field", path=LIST + "?select[cost]=true", who="viewer_a", status=400, wanted="select[cost]"),
    Scenario(name="select maybe", path=LIST + "?select[name]=maybe", who="viewer_a", status=400),
    Scenario(name="a made-up cursor", path=LIST + "?after=AAAA", who="viewer_a", status=400, wanted='"path":"after"'),
    Scenario(name="count", path=LIST + "/count", who="viewer_a", status=200, wanted='{"totalDocs":12}'),
    Scenario(name="count some", path=LIST + "/count?where[price][less_than]=300", who="viewer_a", status=200, wanted='{"totalDocs":2}'),
    Scenario(name="count a page", path=LIST + "/count?page=1", who="viewer_a", status=400),
    Scenario(name="one", path=ONE, who="viewer_a", status=200, wanted='"id":"{product_live_a}"', headers_wanted={"etag": '"1"'}),
    Scenario(name="one with its tag", path=ONE, who="viewer_a", headers={"if-none-match": '"1"'}, status=304, unwanted="id", headers_wanted={"etag": '"1"', "content-type": None}),
    Scenario(name="one with a weak tag", path=ONE, who="viewer_a", headers={"if-none-match": 'W/"1"'}, status=304),
    Scenario(name="one with any tag", path=ONE, who="viewer_a", headers={"if-none-match": "*"}, status=304),
    Scenario(name="one with another tag", path=ONE, who="viewer_a", headers={"if-none-match": '"2", "3"'}, status=200),
    Scenario(name="one with no tag at all", path=ONE, who="viewer_a", headers={"if-none-match": "1"}, status=200),
    Scenario(name="one cut down", path=ONE + "?select[price]=true", who="viewer_a", status=200, wanted='"price"', unwanted='"name"', headers_wanted={"etag": None}),
    Scenario(name="one with a filter", path=ONE + "?where[price][equals]=1", who="viewer_a", status=400),
    Scenario(name="an unknown one", path=UNKNOWN, who="viewer_a", status=404, wanted='"code":"NOT_FOUND"'),
    Scenario(name="no id", path=LIST + "/1", who="viewer_a", status=404),
    Scenario(name="an id in capitals", path=LIST + "/PRD_00000000000000000000000000", who="viewer_a", status=404),
    Scenario(name="an id with a wildcard", path=LIST + "/%25", who="viewer_a", status=404),
    Scenario(name="another tenant's", path="/api/products/{product_live_b}", who="admin_a", status=404, unwanted="live b"),
    Scenario(name="another tenant's by key", path="/api/products/{product_live_b}", who="sk_live_a", status=404),
    Scenario(name="another mode's", path="/api/products/{product_test_a}", who="sk_live_a", status=404),
    Scenario(name="another mode's in a session", path="/api/products/{product_test_a}", who="admin_a", status=404),
    Scenario(name="another mode's with its key beside", path="/api/products/{product_test_a}", who="admin_a", headers={"x-client-key": "{secret_pk_test_a}"}, status=200),
    Scenario(name="another tenant's tag tells nothing", path="/api/products/{product_live_b}", who="admin_a", headers={"if-none-match": "*"}, status=404),
    Scenario(name="a collection that is none", path="/api/secrets", who="admin_a", status=404),
    Scenario(name="a trailing slash", path=LIST + "/", who="admin_a", status=404),
    Scenario(name="a stranger", path=ONE, status=401, unwanted="live"),
]  # fmt: skip

GOOD = {"name": "Mug", "price": 1200}

WRITES_REFUSED = [
    Scenario(name="nothing", method="POST", path=LIST, who="editor_a", json={}, status=400, wanted=('{"path":"name","message":"is required"}', '{"path":"price","message":"is required"}')),
    Scenario(name="no price", method="POST", path=LIST, who="editor_a", json={"name": "Mug"}, status=400, wanted=('"path":"price"', "The following field is invalid: price")),
    Scenario(name="an unknown field", method="POST", path=LIST, who="editor_a", json={**GOOD, "colour": "red"}, status=400, wanted=('"path":"colour"', "is not a field of this collection")),
    Scenario(name="two unknown fields", method="POST", path=LIST, who="editor_a", json={**GOOD, "colour": "red", "tenant_id": "x"}, status=400, wanted=('"path":"colour"', '"path":"tenant_id"')),
    Scenario(name="an id of one's own", method="POST", path=LIST, who="editor_a", json={**GOOD, "id": "prd_1"}, status=400, wanted=('"path":"id"', "is set by the server")),
    Scenario(name="a time of one's own", method="POST", path=LIST, who="editor_a", json={**GOOD, "createdAt": "2020-01-01"}, status=400, wanted='"path":"createdAt"'),
    Scenario(name="a price in words", method="POST", path=LIST, who="editor_a", json={**GOOD, "price": "12"}, status=400, wanted=('"path":"price"', "must be an integer")),
    Scenario(name="a price with a fraction", method="POST", path=LIST, who="editor_a", json={**GOOD, "price": 1.5}, status=400, wanted='"path":"price"'),
    Scenario(name="a price of 1.0", method="POST", path=LIST, who="editor_a", content=b'{"name":"Mug","price":1.0}', status=400, wanted='"path":"price"'),
    Scenario(name="a price below zero", method="POST", path=LIST, who="editor_a", json={**GOOD, "price": -1}, status=400, wanted="must be 0 or more"),
    Scenario(name="a price beyond 2**53", method="POST", path=LIST, who="editor_a", content=b'{"name":"Mug","price":9007199254740992}', status=400),
    Scenario(name="a price beyond 64 bits", method="POST", path=LIST, who="editor_a", content=b'{"name":"Mug","price":99999999999999999999}', status=400),
    Scenario(name="a price of true", method="POST", path=LIST, who="editor_a", json={**GOOD, "price": True}, status=400, wanted='"path":"price"'),
    Scenario(name="no price by null", method="POST", path=LIST, who="editor_a", json={**GOOD, "price": None}, status=400, wanted='"path":"price"'),
    Scenario(name="an empty name", method="POST", path=LIST, who="editor_a", json={**GOOD, "name": ""}, status=400, wanted='"path":"name"'),
    Scenario(name="a name of spaces", method="POST", path=LIST, who="editor_a", json={**GOOD, "name": "  "}, status=400, wanted="more than spaces"),
    Scenario(name="a name too long", method="POST", path=LIST, who="editor_a", json={**GOOD, "name": "x" * 201}, status=400, wanted="at most 200"),
    Scenario(name="a name that is a list", method="POST", path=LIST, who="editor_a", json={**GOOD, "name": ["x"]}, status=400, wanted="must be text"),
    Scenario(name="an unknown status", method="POST", path=LIST, who="editor_a", json={**GOOD, "status": "active"}, status=400, wanted="draft, published, archived"),
    Scenario(name="a currency in small letters", method="POST", path=LIST, who="editor_a", json={**GOOD, "currency": "krw"}, status=400, wanted="ISO 4217"),
    Scenario(name="a number taken", method="POST", path=LIST, who="editor_a", json={**GOOD, "sku": "S1"}, status=409, wanted=('"code":"CONFLICT"', '"path":"sku"')),
    Scenario(name="a list", method="POST", path=LIST, who="editor_a", json=[GOOD], status=400, wanted="must be a JSON object"),
    Scenario(name="a text", method="POST", path=LIST, who="editor_a", content=b'"x"', status=400),
    Scenario(name="an empty body", method="POST", path=LIST, who="editor_a", content=b"", status=400, wanted="empty"),
    Scenario(name="broken JSON", method="POST", path=LIST, who="editor_a", content=b'{"name":\n "x",}', status=400, wanted=('"line":2', '"column":')),
    Scenario(name="a name twice", method="POST", path=LIST, who="editor_a", content=b'{"name":"a","name":"b","price":1}', status=400, wanted="twice"),
    Scenario(name="not a number", method="POST", path=LIST, who="editor_a", content=b'{"name":"a","price":NaN}', status=400, wanted="NaN"),
    Scenario(name="infinity", method="POST", path=LIST, who="editor_a", content=b'{"name":"a","price":1e999}', status=400),
    Scenario(name="a NUL character", method="POST", path=LIST, who="editor_a", content=b'{"name":"a\\u0000","price":1}', status=400, wanted="NUL"),
    Scenario(name="half a surrogate pair", method="POST", path=LIST, who="editor_a", content=b'{"name":"\\udc00","price":1}', status=400, wanted="surrogate"),
    Scenario(name="bytes that are no text", method="POST", path=LIST, who="editor_a", content=b'{"name":"\xff","price":1}', status=400, wanted="UTF-8"),
    Scenario(name="nested ten thousand deep", method="POST", path=LIST, who="editor_a", content=b"[" * 10_000 + b"]" * 10_000, status=400, wanted="deeper"),
    Scenario(name="a form", method="POST", path=LIST, who="editor_a", content=b"name=x&price=1", headers={"content-type": "application/x-www-form-urlencoded"}, status=415),
    Scenario(name="a text body", method="POST", path=LIST, who="editor_a", content=b'{"name":"x","price":1}', headers={"content-type": "text/plain"}, status=415),
    Scenario(name="no type", method="POST", path=LIST, who="editor_a", content=b'{"name":"x","price":1}', headers={"content-type": ""}, status=415),
    Scenario(name="a body too large", method="POST", path=LIST, who="editor_a", content=b'{"name":"' + b"x" * 1_100_000 + b'"}', status=413, wanted='"code":"CONTENT_TOO_LARGE"'),
    Scenario(name="a key too long", method="POST", path=LIST, who="editor_a", json=GOOD, headers={"idempotency-key": "k" * 256}, status=400, wanted="Idempotency-Key"),
    Scenario(name="an empty key", method="POST", path=LIST, who="editor_a", json=GOOD, headers={"idempotency-key": ""}, status=400),
    Scenario(name="a key with a space", method="POST", path=LIST, who="editor_a", json=GOOD, headers={"idempotency-key": "a b"}, status=400),
    Scenario(name="change to nothing", method="PATCH", path=ONE, who="editor_a", json={"name": None}, status=400, wanted='"path":"name"'),
    Scenario(name="change an unknown field", method="PATCH", path=ONE, who="editor_a", json={"colour": "red"}, status=400, wanted='"path":"colour"'),
    Scenario(name="change the id", method="PATCH", path=ONE, who="editor_a", json={"id": "prd_1"}, status=400, wanted='"path":"id"'),
    Scenario(name="change to a number taken", method="PATCH", path=ONE, who="editor_a", json={"sku": "S5"}, status=409),
    Scenario(name="change an old version", method="PATCH", path=ONE, who="editor_a", json={"price": 1}, headers={"if-match": '"2"'}, status=412, wanted='"code":"PRECONDITION_FAILED"'),
    Scenario(name="change by a weak tag", method="PATCH", path=ONE, who="editor_a", json={"price": 1}, headers={"if-match": 'W/"1"'}, status=412),
    Scenario(name="change by no tag at all", method="PATCH", path=ONE, who="editor_a", json={"price": 1}, headers={"if-match": "1"}, status=412),
    Scenario(name="change an unknown one", method="PATCH", path=UNKNOWN, who="editor_a", json={"price": 1}, status=404),
    Scenario(name="change another tenant's", method="PATCH", path="/api/products/{product_live_b}", who="admin_a", json={"price": 1}, status=404),
    Scenario(name="change another tenant's with a tag", method="PATCH", path="/api/products/{product_live_b}", who="admin_a", json={"price": 1}, headers={"if-match": '"9"'}, status=404),
    Scenario(name="change another mode's", method="PATCH", path="/api/products/{product_test_a}", who="sk_live_a", json={"price": 1}, status=404),
    Scenario(name="change all", method="PATCH", path=LIST, who="editor_a", json={"price": 1}, status=405, headers_wanted={"allow": "GET, POST, HEAD, OPTIONS"}),
    Scenario(name="delete all", method="DELETE", path=LIST, who="editor_a", status=405),
    Scenario(name="put", method="PUT", path=ONE, who="editor_a", json=GOOD, status=405, headers_wanted={"allow": "DELETE, GET, PATCH, HEAD, OPTIONS"}),
    Scenario(name="delete an old version", method="DELETE", path=ONE, who="editor_a", headers={"if-match": '"2"'}, status=412),
    Scenario(name="delete an unknown one", method="DELETE", path=UNKNOWN, who="editor_a", status=404),
    Scenario(name="delete another tenant's", method="DELETE", path="/api/products/{product_live_b}", who="admin_a", status=404),
    Scenario(name="delete another mode's", method="DELETE", path="/api/products/{product_test_a}", who="sk_live_a", status=404),
]  # fmt: skip


@pytest.mark.parametrize("scenario", READS, ids=name_of)
async def test_a_read_gets_its_answer(shared: Api, scenario: Scenario) -> None:
    """Each row of the query language gets its page, count or document, or a fault that names the parameter."""
    await run(shared, scenario)


@pytest.mark.parametrize("scenario", WRITES_REFUSED, ids=name_of)
async def test_a_refused_write_changes_nothing(shared: Api, scenario: Scenario) -> None:
    """Each wrong write gets its refusal, with the field by its path, and every product stays as it is."""
    before = [(await shared.call("GET", LIST, who=who)).content for who in ("sk_live_a", "sk_test_a", "sk_live_b")]
    await run(shared, scenario)
    after = [(await shared.call("GET", LIST, who=who)).content for who in ("sk_live_a", "sk_test_a", "sk_live_b")]
    assert after == before


async def make(api: Api, who: str = "editor_a", **fields: object) -> httpx.Response:
    response = await api.call("POST", LIST, who=who, json={**GOOD, **fields})
    require_sound(response)
    assert response.status_code == 201, response.text
    return response


async def test_a_product_is_made_changed_and_deleted(api: Api, clock: SetClock) -> None:
    """A product goes its way with a new entity tag at each step, and its count with it."""
    made = await make(api, sku="M-1")
    doc = made.json()["doc"]
    assert made.json()["message"] == "Product successfully created."
    assert made.headers["etag"] == '"1"'
    assert doc == {
        "id": doc["id"],
        "name": "Mug",
        "price": 1200,
        "currency": "KRW",
        "sku": "M-1",
        "status": "draft",
        "createdAt": "2026-01-07T10:00:00.000Z",
        "updatedAt": "2026-01-07T10:00:00.000Z",
    }
    clock.advance(1500)
    target = f"{LIST}/{doc['id']}"
    changed = await api.call("PATCH", target, who="editor_a", json={"price": 1300}, headers={"if-match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert changed.json()["doc"] == {**doc, "price": 1300, "updatedAt": "2026-01-07T10:00:01.500Z"}
    stale = await api.call("DELETE", target, who="editor_a", headers={"if-match": '"1"'})
    assert stale.status_code == 412
    assert (await api.call("GET", LIST + "/count", who="viewer_a")).json() == {"totalDocs": 13}
    gone = await api.call("DELETE", target, who="editor_a", headers={"if-match": '"2"'})
    assert gone.json() == {"message": "Deleted successfully.", "id": doc["id"], "doc": changed.json()["doc"]}
    assert (await api.call("GET", target, who="editor_a")).status_code == 404
    assert (await api.call("DELETE", target, who="editor_a")).status_code == 404
    assert (await api.call("GET", LIST + "/count", who="viewer_a")).json() == {"totalDocs": 12}


async def test_a_repeat_is_done_once(api: Api, clock: SetClock) -> None:
    """A POST repeated with its Idempotency-Key gives the first answer and makes nothing, for a day."""
    headers = {"idempotency-key": "order-1"}
    first = await api.call("POST", LIST, who="sk_live_a", json=GOOD, headers=headers)
    clock.advance(24 * 3_600_000 - 1)
    again = await api.call("POST", LIST, who="sk_live_a", json=GOOD, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    other = await api.call("POST", LIST, who="sk_live_a", json={**GOOD, "price": 1}, headers=headers)
    assert (other.status_code, other.json()["errors"][0]["extensions"]["code"]) == (409, "CONFLICT")
    clock.advance(1)
    late = await api.call("POST", LIST, who="sk_live_a", json=GOOD, headers=headers)
    assert late.json()["doc"]["id"] != first.json()["doc"]["id"]
    assert (await api.call("GET", LIST + "/count", who="sk_live_a")).json() == {"totalDocs": 14}


async def test_an_idempotency_key_belongs_to_tenant_and_mode(api: Api) -> None:
    """The same key of another tenant or in the other mode is another key."""
    headers = {"idempotency-key": "order-1"}
    ids = set()
    for who in ("sk_live_a", "sk_test_a", "sk_live_b"):
        made = await api.call("POST", LIST, who=who, json=GOOD, headers=headers)
        assert "idempotent-replayed" not in made.headers
        ids.add(made.json()["doc"]["id"])
    assert len(ids) == 3


async def test_a_refused_write_leaves_its_idempotency_key_free(api: Api) -> None:
    """What failed can be mended and sent again with the same key."""
    headers = {"idempotency-key": "order-1"}
    for wrong, status in (({"name": "x"}, 400), ({**GOOD, "sku": "S1"}, 409)):
        refused = await api.call("POST", LIST, who="sk_live_a", json=wrong, headers=headers)
        assert refused.status_code == status
    assert (await api.call("POST", LIST, who="sk_live_a", json=GOOD, headers=headers)).status_code == 201


async def test_fifty_repeats_at_once_make_one(api: Api) -> None:
    """Of fifty parallel requests with one Idempotency-Key one makes the product and all get its answer."""
    headers = {"idempotency-key": "order-1"}
    calls = [api.call("POST", LIST, who="sk_live_a", json=GOOD, headers=headers) for _ in range(50)]
    answers = await asyncio.gather(*calls)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1


async def test_one_of_parallel_changes_of_a_version_wins(api: Api) -> None:
    """Of twenty changes that name the same version exactly one is made."""
    calls = [
        api.call("PATCH", ONE, who="editor_a", json={"price": price}, headers={"if-match": '"1"'})
        for price in range(20)
    ]
    statuses = [answer.status_code for answer in await asyncio.gather(*calls)]
    assert sorted(statuses) == [200] + [412] * 19


@pytest.mark.parametrize("status", ["draft", "archived"])
async def test_a_publishable_key_sees_published_products_only(api: Api, status: str) -> None:
    """What is not published is to a publishable key not there: in lists, counts, filters, by id and by tag."""
    doc = (await make(api, status=status, name="Secret mug", price=77)).json()["doc"]
    target = f"{LIST}/{doc['id']}"
    queries: tuple[str, ...] = (
        "",
        "?where[price][equals]=77",
        f"?where[status][equals]={status}",
        "?where[status][not_equals]=published",
    )
    queries += (
        f"?where[or][0][status][equals]={status}&where[or][1][price][equals]=100",
        "?sort=price",
        f"?where[id][equals]={doc['id']}",
    )
    for query in queries:
        page = await api.call("GET", LIST + query, who="pk_live_a")
        assert page.status_code == 200, page.text
        assert "Secret mug" not in page.text
        assert page.json()["totalDocs"] <= 12
        count = await api.call("GET", LIST + "/count" + query.replace("?sort=price", ""), who="pk_live_a")
        assert count.json()["totalDocs"] == page.json()["totalDocs"]
    for headers in ({}, {"if-none-match": "*"}, {"if-none-match": '"1"'}):
        assert (await api.call("GET", target, who="pk_live_a", headers=headers)).status_code == 404
    assert (await api.call("GET", target, who="sk_live_a")).status_code == 200
    assert (await api.call("PATCH", target, who="editor_a", json={"status": "published"})).status_code == 200
    assert (await api.call("GET", target, who="pk_live_a")).status_code == 200


async def test_a_cursor_walks_all_products_once(shared: Api) -> None:
    """Pages by cursor give each product once, in order, and end."""
    seen: list[str] = []
    after = ""
    while after is not None:
        query = f"?limit=5&sort=price&after={after}" if after else "?limit=5&sort=price"
        page = (await shared.call("GET", LIST + query, who="viewer_a")).json()
        seen += [doc["name"] for doc in page["docs"]]
        after = page["nextCursor"]
    assert seen == [f"live a {number}" for number in range(1, 13)]


async def test_a_body_may_be_anything_json_can_say(api: Api) -> None:
    """Letters of every script come back as they were sent."""
    name = '머그컵 ☕ 𝄞 \\ " / \u2028 é'
    doc = (await make(api, name=name)).json()["doc"]
    assert (await api.call("GET", f"{LIST}/{doc['id']}", who="viewer_a")).json()["name"] == name
