"""Pages and cursors: every document once, in one order, at any depth."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from records_rig import Shop, publishable_key, secret_key
from watchword.errors import InvalidFieldsError
from watchword.records.definitions import CollectionType
from watchword.records.paging import NEWEST_FIRST, Cursor, parse_cursor, parse_order, write_cursor

Stocked = tuple[Shop, list[dict[str, Any]]]

_SORTABLE = ["name", "price", "sku", "stock", "status", "currency", "createdAt", "updatedAt", "id"]


def in_order(documents: list[dict[str, Any]], sort: str) -> list[dict[str, Any]]:
    """Sort served documents as a list should: missing values first ascending, the id last, in the first direction."""
    keys = sort.split(",")
    ordered = sorted(documents, key=lambda doc: str(doc["id"]), reverse=keys[0].startswith("-"))
    for key in reversed(keys):
        name = key.removeprefix("-")
        name = "id" if name == "createdAt" else name
        ordered.sort(
            key=lambda doc: (doc.get(name) is not None, doc.get(name, 0)),
            reverse=key.startswith("-"),
        )
    return ordered


def _sorts() -> st.SearchStrategy[str]:
    key = st.tuples(st.sampled_from(["", "-"]), st.sampled_from(_SORTABLE))
    keys = st.lists(key, min_size=1, max_size=3, unique_by=lambda pair: pair[1])
    return keys.map(lambda pairs: ",".join(minus + name for minus, name in pairs))


_WHERE = ["", "where[price][greater_than]=0", "where[stock][exists]=false", "where[status][equals]=published"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(sort=_sorts(), limit=st.integers(1, 15), where=st.sampled_from(_WHERE), public=st.booleans())
async def test_pages_and_cursors_visit_every_document_once(
    stocked: Stocked, *, sort: str, limit: int, where: str, public: bool
) -> None:
    """By page and by cursor a list gives each document once, in the order that plain Python gives too."""
    shop, documents = stocked
    caller = publishable_key() if public else secret_key()
    target = f"/api/products?sort={sort}&limit={limit}&{where}"
    every = (await shop.send("GET", f"/api/products?limit=100&{where}", caller=caller)).json["docs"]
    wanted = in_order(every, sort)
    by_page, by_cursor = await _walk_pages(shop, target, caller), await _walk_cursors(shop, target, caller)
    assert [doc["id"] for doc in by_page] == [doc["id"] for doc in wanted]
    assert by_cursor == by_page == wanted
    assert len(every) <= len(documents)


async def _walk_pages(shop: Shop, target: str, caller: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a caller
    found: list[dict[str, Any]] = []
    page: int | None = 1
    while page is not None:
        answer = (await shop.send("GET", f"{target}&page={page}", caller=caller)).json
        assert answer["pagingCounter"] == len(found) + 1
        assert answer["hasNextPage"] is (answer["nextPage"] is not None) is (answer["nextCursor"] is not None)
        found += answer["docs"]
        page = answer["nextPage"]
    assert answer["totalDocs"] == len(found)
    return found


async def _walk_cursors(shop: Shop, target: str, caller: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a caller
    answer = (await shop.send("GET", target, caller=caller)).json
    found = list(answer["docs"])
    while answer["nextCursor"] is not None:
        answer = (await shop.send("GET", f"{target}&after={answer['nextCursor']}", caller=caller)).json
        assert (answer["page"], answer["nextPage"], answer["hasPrevPage"]) == (None, None, True)
        found += answer["docs"]
    return found


async def test_a_cursor_holds_its_place_while_documents_come_and_go(shop: Shop) -> None:
    """What is added in front and removed behind neither repeats nor hides a document that stays."""
    docs = [await shop.create(price=n, now_ms=1_767_780_000_000 + n) for n in range(6)]
    first = (await shop.send("GET", "/api/products?limit=2")).json
    await shop.create(price=9, now_ms=1_767_780_009_000)
    await shop.send("DELETE", f"/api/products/{docs[4]['id']}")
    second = (await shop.send("GET", f"/api/products?limit=2&after={first['nextCursor']}")).json
    assert [doc["price"] for doc in second["docs"]] == [3, 2]


async def test_a_cursor_gives_no_right(stocked: Stocked) -> None:
    """A cursor from one caller's list shows another caller only what is its own to see."""
    shop, _ = stocked
    cursor = (await shop.send("GET", "/api/products?limit=1")).json["nextCursor"]
    page = (await shop.send("GET", f"/api/products?limit=100&after={cursor}", caller=publishable_key())).json
    assert {doc["status"] for doc in page["docs"]} == {"published"}
    stranger = secret_key("ten_00000000000000000000000000")
    assert (await shop.send("GET", f"/api/products?after={cursor}", caller=stranger)).json["docs"] == []


def _forge(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


_ID = "prd_01kebyc8800000000000000000"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=",
        "%%%",
        "사과",
        "x" * 9000,
        _forge(),
        _forge("price,id"),
        _forge("price,id", 1),
        _forge("price,id", 1, "x"),
        _forge("price,id", 1, "usr_01kebyc8800000000000000000"),
        _forge("price,id", 1, f"{_ID}' OR 1=1"),
        _forge("price,id", "1", _ID),
        _forge("price,id", {}, _ID),
        _forge("price,id", 1.0, _ID),
        _forge("price,id", None, _ID),
        _forge("price,id", 2**53, _ID),
        _forge("price,id", 2**80, _ID),
        _forge("price,id", [1], _ID),
        _forge("price,id", 1, 1, _ID),
        _forge("-price,-id", 1, _ID),
        _forge("-id", _ID),
        base64.urlsafe_b64encode(b"[" * 3000).decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_what_is_no_cursor_of_this_list_is_refused(products: CollectionType, text: str) -> None:
    """A cursor of another order, with values of other types, or made up, is a 400 that names ``after``."""
    with pytest.raises(InvalidFieldsError, match="after"):
        parse_cursor(text, parse_order("price", products.fields), products)


def test_text_in_a_cursor_holds_no_nul(products: CollectionType) -> None:
    """A NUL character, which PostgreSQL does not take, is refused before it gets there."""
    order = parse_order("name", products.fields)
    assert parse_cursor(_forge("name,id", "a", _ID), order, products)
    with pytest.raises(InvalidFieldsError, match="after"):
        parse_cursor(_forge("name,id", "a\x00", _ID), order, products)


@pytest.mark.parametrize("values", [("apple", None, 3), ("사과" * 100, "A-1", -3)])
def test_a_written_cursor_is_read_back(products: CollectionType, values: tuple[str | int | None, ...]) -> None:
    """What a page gives out as its cursor is taken again, texts of the greatest length included."""
    order = parse_order("name,-sku,stock", products.fields)
    cursor = Cursor(values, _ID)
    assert parse_cursor(write_cursor(order, cursor), order, products) == cursor


@pytest.mark.parametrize("sort", ["-createdAt", "-id", "-createdAt,price", "-id,-name"])
def test_the_order_of_ids_is_the_order_of_creation(products: CollectionType, sort: str) -> None:
    """Sorting by creation is sorting by id, whatever stands behind it."""
    assert parse_order(sort, products.fields) == NEWEST_FIRST


def test_a_field_named_again_cannot_matter(products: CollectionType) -> None:
    """A repeated field leaves the order as it is, in whichever direction it comes."""
    assert parse_order("price,-price,price", products.fields) == parse_order("price", products.fields)
