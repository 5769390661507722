"""Lists, counts and single documents: what a caller sees, in which order, with which totals."""

from __future__ import annotations

from typing import Any

import pytest

from records_rig import ACME, Shop, publishable_key, secret_key, user
from support import START_MS
from watchword.callers.caller import Role
from watchword.db.sqlite import SqliteDatabase
from watchword.records.definitions import PRODUCTS
from watchword.records.load import load_documents

Stocked = tuple[Shop, list[dict[str, Any]]]


async def test_an_empty_list_has_all_its_fields(shop: Shop) -> None:
    """A list without documents is a page like any other."""
    answer = await shop.send("GET", "/api/products")
    assert answer.json == {
        "docs": [],
        "totalDocs": 0,
        "limit": 10,
        "totalPages": 1,
        "page": 1,
        "pagingCounter": 1,
        "hasPrevPage": False,
        "hasNextPage": False,
        "prevPage": None,
        "nextPage": None,
        "nextCursor": None,
    }


async def test_a_list_is_newest_first_with_exact_totals(stocked: Stocked) -> None:
    """Without a query: the ten newest documents of the own tenant and mode, and how many there are."""
    shop, documents = stocked
    page = (await shop.send("GET", "/api/products")).json
    assert [doc["createdAt"] for doc in documents] == sorted((doc["createdAt"] for doc in documents), reverse=True)
    assert page["docs"] == documents[:10]
    assert (page["totalDocs"], page["totalPages"], page["limit"]) == (36, 4, 10)
    assert (page["page"], page["pagingCounter"]) == (1, 1)
    assert (page["hasPrevPage"], page["prevPage"], page["hasNextPage"], page["nextPage"]) == (False, None, True, 2)


async def test_a_page_in_the_middle_knows_its_neighbours(stocked: Stocked) -> None:
    """Page 2 of 3: counting goes on where the page before ended."""
    shop, documents = stocked
    page = (await shop.send("GET", "/api/products?limit=12&page=2")).json
    assert page["docs"] == documents[12:24]
    assert (page["pagingCounter"], page["prevPage"], page["nextPage"], page["totalPages"]) == (13, 1, 3, 3)


async def test_a_page_behind_the_end_is_empty(stocked: Stocked) -> None:
    """A page that does not exist has no documents, and still the right total, however far it lies."""
    shop, _ = stocked
    for page_number in (5, 1000, 1_000_000_000):
        page = (await shop.send("GET", f"/api/products?page={page_number}")).json
        assert (page["docs"], page["totalDocs"], page["hasNextPage"], page["nextPage"]) == ([], 36, False, None)


@pytest.mark.parametrize(("limit", "taken"), [("1", 1), ("100", 100), ("101", 100), ("0", 100), ("1000000000", 100)])
async def test_a_limit_is_at_most_a_hundred(shop: Shop, limit: str, taken: int) -> None:
    """A limit beyond the largest, or 0 for all, gives the largest, and the answer says so."""
    assert (await shop.send("GET", f"/api/products?limit={limit}")).json["limit"] == taken


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=", "limit"),
        ("limit=1.5", "limit"),
        ("limit=%EF%BC%91", "limit"),
        ("limit=1_0", "limit"),
        ("limit=%2B1", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("limit=0000000000000" + "9" * 5000, "limit"),
        ("limit=1&limit=2", "limit"),
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=1000000001", "page"),
        ("page=1&after=x", "after"),
        ("after=x", "after"),
        ("after=" + "x" * 9000, "after"),
        ("after=%F0%9F%8D%8E", "after"),
        ("sort=", "sort"),
        ("sort=colour", "sort"),
        ("sort=-", "sort"),
        ("sort=--price", "sort"),
        ("sort=description", "sort"),
        ("sort=name,price,stock,sku", "sort"),
        ("sort=price)%3BDROP TABLE documents--", "sort"),
        ("limt=5", "limt"),
        ("limit[a]=5", "limit[a]"),
        ("were[status][equals]=draft", "were[status][equals]"),
        ("[status]=draft", "[status]"),
        ("=1", "query"),
        ("select[colour]=true", "select[colour]"),
        ("select[name]=yes", "select[name]"),
        ("select[name]=true&select[price]=false", "select"),
        ("select[name]=true&select=price", "select"),
        ("select[name]=true&select[name]=true", "select[name]"),
        ("select[name][en]=true", "select[name.en]"),
        ("select=" + ",".join(f"f{n}" for n in range(5000)), "select[f0]"),
        ("where=1", "where"),
    ],
)
async def test_a_wrong_parameter_is_refused_by_its_name(sqlite_shop: Shop, query: str, parameter: str) -> None:
    """A list answers 400 for a parameter it does not know, cannot read or got twice, and names it."""
    answer = await sqlite_shop.send("GET", f"/api/products?{query.replace(' ', '%20')}")
    assert answer.status == 400
    assert list(answer.fields) == [parameter]


@pytest.mark.parametrize("query", ["&".join(f"a{n}=1" for n in range(201)), "where[name][equals]=%00", "sort=%ff"])
async def test_a_query_that_cannot_be_read_is_refused(sqlite_shop: Shop, query: str) -> None:
    """Too many parameters, NUL characters and broken UTF-8 are a 400."""
    assert (await sqlite_shop.send("GET", f"/api/products?{query}")).status == 400


@pytest.mark.parametrize("query", ["depth=0&draft=false&locale=ko", "populate[a][b]=true&joins=false", "&&"])
async def test_what_payload_clients_send_along_is_left_alone(sqlite_shop: Shop, query: str) -> None:
    """Parameters that Payload's clients always send, and have no meaning here, do not hinder."""
    assert (await sqlite_shop.send("GET", f"/api/products?{query}")).status == 200


async def test_a_publishable_key_sees_published_products_only(stocked: Stocked) -> None:
    """In lists, counts and single reads a draft does not exist for a publishable key."""
    shop, documents = stocked
    published = [doc for doc in documents if doc["status"] == "published"]
    page = (await shop.send("GET", "/api/products?limit=100", caller=publishable_key())).json
    assert page["docs"] == published
    assert page["totalDocs"] == len(published) == 12
    count = await shop.send("GET", "/api/products/count", caller=publishable_key())
    assert count.json == {"totalDocs": 12}
    for doc in documents:
        answer = await shop.send("GET", f"/api/products/{doc['id']}", caller=publishable_key())
        assert answer.status == (200 if doc["status"] == "published" else 404)


@pytest.mark.parametrize(
    "where",
    [
        "where[status][equals]=draft",
        "where[status][in]=draft,archived",
        "where[status][not_equals]=published",
        "where[or][0][status][equals]=draft&where[or][1][status][equals]=archived",
        "where[and][0][status][equals]=published&where[and][1][status][equals]=draft",
        "where[or][0][or][0][status][equals]=draft",
        "where[status][not_in]=published",
        "where[status][greater_than]=published",
        "where[status][contains]=dra",
    ],
)
async def test_no_filter_widens_what_a_publishable_key_sees(stocked: Stocked, where: str) -> None:
    """A filter for other states gives a publishable key nothing, in documents and in totals."""
    shop, _ = stocked
    page = (await shop.send("GET", f"/api/products?{where}", caller=publishable_key())).json
    assert (page["docs"], page["totalDocs"]) == ([], 0)
    count = await shop.send("GET", f"/api/products/count?{where}", caller=publishable_key())
    assert count.json == {"totalDocs": 0}


async def test_an_alternative_does_not_widen_either(stocked: Stocked) -> None:
    """An ``or`` with a condition that always holds still leaves published products only."""
    shop, _ = stocked
    where = "where[or][0][status][equals]=draft&where[or][1][price][greater_than_equal]=0"
    page = (await shop.send("GET", f"/api/products?{where}&limit=100", caller=publishable_key())).json
    assert {doc["status"] for doc in page["docs"]} == {"published"}
    assert page["totalDocs"] == 12


async def test_a_tag_of_a_hidden_document_gives_nothing_away(shop: Shop) -> None:
    """If-None-Match with the right tag of a draft is a 404 for a publishable key, not a 304."""
    doc = await shop.create()
    answer = await shop.send(
        "GET", f"/api/products/{doc['id']}", caller=publishable_key(), headers={"if-none-match": "*"}
    )
    assert answer.status == 404


@pytest.mark.parametrize("role", [Role.TENANT_VIEWER, Role.TENANT_EDITOR, Role.TENANT_ADMIN, Role.SUPER_ADMIN])
async def test_members_see_every_state(stocked: Stocked, role: Role) -> None:
    """Whoever belongs to the tenant reads drafts too."""
    shop, documents = stocked
    page = (await shop.send("GET", "/api/products?limit=100", caller=user(role))).json
    assert page["docs"] == documents


async def test_a_user_of_no_tenant_reads_nothing(sqlite_shop: Shop) -> None:
    """A user without a role here is refused, whatever the collection's own rule says."""
    assert (await sqlite_shop.send("GET", "/api/products", caller=user(None, ""))).status == 403


async def test_a_held_version_is_not_sent_again(shop: Shop) -> None:
    """If-None-Match with the current tag, weak or strong, gives 304 without a body; an older one gives the document."""
    doc = await shop.create()
    target = f"/api/products/{doc['id']}"
    for tag in ('"1"', 'W/"1"', '"0", "1"', "*"):
        answer = await shop.send("GET", target, headers={"if-none-match": tag})
        assert (answer.status, answer.body, answer.headers[b"etag"]) == (304, b"", b'"1"')
        assert b"content-type" not in answer.headers
    await shop.send("PATCH", target, body={"price": 2})
    for tag in ('"1"', "2", '"22"', ""):
        answer = await shop.send("GET", target, headers={"if-none-match": tag})
        assert (answer.status, answer.headers[b"etag"]) == (200, b'"2"')


async def test_select_cuts_documents_down(stocked: Stocked) -> None:
    """Chosen fields come alone, the id with them; fields left out are missing; both for lists and single documents."""
    shop, documents = stocked
    wanted = [{"id": doc["id"], "name": doc["name"], "price": doc["price"]} for doc in documents[:10]]
    for query in ("select[name]=true&select[price]=true", "select=name,price"):
        assert (await shop.send("GET", f"/api/products?{query}")).json["docs"] == wanted
    one = await shop.send("GET", f"/api/products/{documents[0]['id']}?select[name]=true&select[price]=true")
    assert one.json == wanted[0]
    assert b"etag" not in one.headers
    rest = (await shop.send("GET", "/api/products?select[id]=false&select[name]=false&limit=1")).json["docs"][0]
    assert rest == {name: value for name, value in documents[0].items() if name != "name"}


@pytest.mark.parametrize(("target", "parameter"), [("count?limit=1", "limit"), ("count?select=name", "select")])
async def test_a_count_takes_a_filter_only(sqlite_shop: Shop, target: str, parameter: str) -> None:
    """Paging and cutting parameters of a count are refused."""
    answer = await sqlite_shop.send("GET", f"/api/products/{target}")
    assert (answer.status, list(answer.fields)) == (400, [parameter])


async def test_a_single_document_takes_no_filter(sqlite_shop: Shop) -> None:
    """A filter on a single document is refused rather than ignored."""
    doc = await sqlite_shop.create()
    answer = await sqlite_shop.send("GET", f"/api/products/{doc['id']}?where[price][equals]=7")
    assert (answer.status, list(answer.fields)) == (400, ["where"])


async def test_a_filtered_total_is_counted_up_to_its_bound(sqlite_database: SqliteDatabase) -> None:
    """At the bound a total is exact, above it the answer says that there are this many or more, also far behind it."""
    shop = Shop(sqlite_database)
    many = ({"name": "n", "price": 1} for _ in range(10_000))
    await load_documents(sqlite_database, ACME, "live", PRODUCTS, many, START_MS)
    target = "/api/products/count?where[price][equals]=1"
    assert (await shop.send("GET", target)).json == {"totalDocs": 10_000}
    await shop.create(price=1)
    assert (await shop.send("GET", target)).json == {"totalDocs": 10_000, "totalDocsIsBound": True}
    page = (await shop.send("GET", "/api/products?where[price][equals]=1&limit=100")).json
    assert (page["totalDocs"], page["totalDocsIsBound"], page["hasNextPage"]) == (10_000, True, True)
    last = (await shop.send("GET", "/api/products?where[price][equals]=1&limit=100&page=101")).json
    assert (last["totalDocs"], last["totalDocsIsBound"], last["hasNextPage"]) == (10_001, True, False)
    assert len(last["docs"]) == 1
    assert (await shop.send("GET", "/api/products/count")).json == {"totalDocs": 10_001}


async def test_the_default_list_never_leaves_the_event_loop(sqlite_database: SqliteDatabase) -> None:
    """One product and a plain list are answered without waiting: the fast lane can serve them."""
    shop = Shop(sqlite_database)
    doc = await shop.create(status="published")
    for caller in (secret_key(), publishable_key()):
        for target in (
            "/api/products",
            "/api/products?limit=5&page=2",
            "/api/products?where[status][equals]=published",
            "/api/products?sort=createdAt",
            "/api/products/count",
            f"/api/products/{doc['id']}",
        ):
            steps = shop.send("GET", target, caller=caller)
            with pytest.raises(StopIteration) as finished:
                steps.send(None)
            assert finished.value.value.status == 200
