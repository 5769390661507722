"""Collections as data: another definition is another set of endpoints, and a wrong one stops the program."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from records_rig import Shop, publishable_key, secret_key, user
from watchword.callers.caller import Caller, Role
from watchword.db.database import Database
from watchword.records.definitions import PRODUCTS, AccessRules, Collection, CollectionType

MEASUREMENTS = Collection(
    name="measurements",
    singular="Measurement",
    id_kind="document",
    schema={
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "value": {"type": "number", "exclusiveMinimum": -100, "multipleOf": 0.25},
            "isGood": {"type": "boolean"},
            "tags": {"type": "array", "maxItems": 3, "items": {"type": "string", "maxLength": 5}},
            "place": {"type": "object", "additionalProperties": False, "properties": {"room": {"type": "string"}}},
            "either": {"type": ["string", "integer"]},
        },
    },
    access=AccessRules(read="member", create="editor", update="admin", delete="nobody"),
)


@pytest.fixture
def lab(database: Database) -> Shop:
    return Shop(database, (PRODUCTS, MEASUREMENTS))


async def _measure(lab: Shop, **fields: object) -> dict[str, Any]:
    answer = await lab.send("POST", "/api/measurements", body=fields)
    assert answer.status == 201, answer.body
    doc: dict[str, Any] = answer.json["doc"]
    return doc


async def test_another_collection_is_data(lab: Shop) -> None:
    """A definition alone gives endpoints with checks, totals, filters and sorts of its own fields."""
    docs = [
        await _measure(lab, value=value, isGood=good, tags=["a"], place={"room": "x"})
        for value, good in ((1, True), (2.5, False), (-3.25, True))
    ]
    none = await _measure(lab)
    assert none["id"].startswith("doc_")
    listed = (await lab.send("GET", "/api/measurements?sort=value")).json
    assert [doc.get("value") for doc in listed["docs"]] == [None, -3.25, 1, 2.5]
    assert listed["totalDocs"] == 4
    good = (await lab.send("GET", "/api/measurements?where[isGood][equals]=true&sort=-value")).json
    assert good["docs"] == [docs[0], docs[2]]
    for query, total in (
        ("where[value][greater_than]=1e0", 1),
        ("where[value][in]=2.5,-3.25", 2),
        ("where[isGood][not_equals]=false", 3),
        ("where[tags][exists]=true", 3),
        ("where[place][exists]=false", 1),
    ):
        assert (await lab.send("GET", f"/api/measurements/count?{query}")).json == {"totalDocs": total}
    assert await lab.counters_agree(collection="measurements")
    assert (await lab.send("GET", "/api/products/count")).json == {"totalDocs": 0}
    assert (await lab.send("GET", f"/api/products/{none['id']}")).status == 404


@pytest.mark.parametrize("sort", ["isGood,value", "-isGood", "-value,isGood"])
async def test_truth_values_and_numbers_are_paged_through(lab: Shop, sort: str) -> None:
    """A cursor carries truth values and fractions as well, equal and missing ones included."""
    for n in range(8):
        fields: dict[str, object] = {"value": n % 3 + 0.5} if n % 4 else {}
        await _measure(lab, **fields, **({"isGood": n % 2 == 0} if n % 3 else {}))
    wanted = (await lab.send("GET", f"/api/measurements?sort={sort}")).json["docs"]
    page = (await lab.send("GET", f"/api/measurements?sort={sort}&limit=3")).json
    found = page["docs"]
    while page["nextCursor"]:
        page = (await lab.send("GET", f"/api/measurements?sort={sort}&limit=3&after={page['nextCursor']}")).json
        found += page["docs"]
    assert found == wanted
    assert len(found) == 8


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("where[tags][equals]=a", "where[tags][equals]"),
        ("where[either][equals]=a", "where[either][equals]"),
        ("where[place][room][equals]=x", "where[place][room]"),
        ("where[value][equals]=NaN", "where[value][equals]"),
        ("where[value][equals]=1e999", "where[value][equals]"),
        ("where[value][equals]=" + "1" * 500, "where[value][equals]"),
        ("where[isGood][equals]=1", "where[isGood][equals]"),
        ("sort=tags", "sort"),
    ],
)
async def test_a_list_or_object_is_asked_for_existence_only(lab: Shop, query: str, parameter: str) -> None:
    """Comparisons of what cannot be compared, and values of another type, are refused by name."""
    answer = await lab.send("GET", f"/api/measurements?{query}")
    assert (answer.status, list(answer.fields)) == (400, [parameter])


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"value": -100}, {"value": "must be more than -100"}),
        ({"value": 0.3}, {"value": "is not valid"}),
        ({"tags": ["a", "b", "c", "d"]}, {"tags": "must have at most 3 items"}),
        ({"tags": ["a", 1]}, {"tags[1]": "must be text"}),
        ({"tags": ["abcdef"]}, {"tags[0]": "must have at most 5 characters"}),
        ({"place": {"room": 1}}, {"place.room": "must be text"}),
        ({"place": {"roof": 1}}, {"place.roof": "is not a field of this collection"}),
        ({"isGood": "true"}, {"isGood": "must be true or false"}),
    ],
)
async def test_a_fault_inside_is_named_by_its_path(lab: Shop, body: dict[str, object], fields: dict[str, str]) -> None:
    """A fault in a list or object carries the way to it."""
    answer = await lab.send("POST", "/api/measurements", body=body)
    assert (answer.status, answer.fields) == (400, fields)


@pytest.mark.parametrize(
    ("caller", "statuses"),
    [
        (publishable_key(), {"GET": 403, "POST": 403, "PATCH": 403, "DELETE": 403}),
        (user(Role.TENANT_VIEWER), {"GET": 200, "POST": 403, "PATCH": 403, "DELETE": 403}),
        (user(Role.TENANT_EDITOR), {"GET": 200, "POST": 201, "PATCH": 403, "DELETE": 403}),
        (secret_key(), {"GET": 200, "POST": 201, "PATCH": 403, "DELETE": 403}),
        (user(Role.TENANT_ADMIN), {"GET": 200, "POST": 201, "PATCH": 200, "DELETE": 403}),
        (user(Role.SUPER_ADMIN), {"GET": 200, "POST": 201, "PATCH": 200, "DELETE": 403}),
    ],
)
async def test_the_definition_says_who_may(lab: Shop, caller: Caller, statuses: dict[str, int]) -> None:
    """Each action is for those whom the definition names: members, editors, admins, nobody."""
    doc = await _measure(lab, value=1)
    for method, status in statuses.items():
        target = "/api/measurements" if method == "POST" else f"/api/measurements/{doc['id']}"
        answer = await lab.send(method, target, caller=caller, body=None if method == "GET" else {"value": 2})
        assert answer.status == status, method


async def test_what_is_not_public_is_kept_by_no_cache(lab: Shop) -> None:
    """Documents of a collection for members are answered with no-store, public ones for the caller's own cache."""
    doc = await _measure(lab, value=1)
    product = await lab.create()
    private = await lab.send("GET", f"/api/measurements/{doc['id']}")
    public = await lab.send("GET", f"/api/products/{product['id']}")
    assert private.headers[b"cache-control"] == b"no-store"
    assert public.headers[b"cache-control"] == b"private, no-cache"


def _with(**changes: object) -> Collection:
    return msgspec.structs.replace(PRODUCTS, **changes)


def _with_field(name: str, **schema: object) -> Collection:
    return _with(schema={**PRODUCTS.schema, "properties": {**PRODUCTS.schema["properties"], name: schema}})


@pytest.mark.parametrize(
    "wrong",
    [
        _with(name="Products"),
        _with(name="products' OR 1=1 --"),
        _with(name=""),
        _with(schema={**PRODUCTS.schema, "additionalProperties": True}),
        _with(indexed=("colour",)),
        _with(unique=("colour",)),
        _with(counted_field="name"),
        _with(counted_field="colour"),
        _with(public_value="sold"),
        _with(counted_field=None),
        _with_field("id", type="string"),
        _with_field("createdAt", type="string"),
        _with_field("and", type="string"),
        _with_field("a'b", type="string"),
        _with_field("a.b", type="string"),
        _with_field("status", enum=["", "published"]),
    ],
)
def test_a_definition_that_contradicts_itself_stops_the_program(wrong: Collection) -> None:
    """Names that SQL or paths cannot carry, and references to nothing, are refused when the collection is built."""
    with pytest.raises(ValueError, match=r"\w"):
        CollectionType(wrong)
