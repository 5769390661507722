"""The statements of documents: answered by indexes, alike on both backends."""

from __future__ import annotations

from typing import Any

import pytest

from explained import ExplainedDatabase
from records_rig import ACME, Shop, secret_key
from support import START_MS
from watchword.db.database import Database, Statement
from watchword.db.sqlite import SqliteDatabase
from watchword.records.definitions import PRODUCTS, AccessRules, Collection
from watchword.records.load import load_documents
from watchword.records.routes import make_routes
from watchword.wire.routes import RouteTable

MISCELLANY = Collection(
    name="miscellany",
    singular="Miscellany",
    id_kind="document",
    schema={
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "price": {"type": ["string", "number", "boolean", "array"]},
            "stock": {"type": "string"},
            "name": {"type": ["object", "integer"]},
        },
    },
    access=AccessRules(read="member", create="editor", update="editor", delete="editor"),
)


async def test_fields_of_one_name_may_hold_anything_elsewhere(database: Database) -> None:
    """What another collection keeps under a product's field names fails no read of products, and no statistics."""
    shop = Shop(database, (PRODUCTS, MISCELLANY))
    for price in ("free", 1.5, True, [1], "9" * 30, ""):
        body = {"price": price, "stock": "many", "name": {"first": "x"}}
        assert (await shop.send("POST", "/api/miscellany", body=body)).status == 201
    doc = await shop.create(price=7, stock=3)
    await database.transaction(lambda tx: tx.execute(Statement("ANALYZE documents")))
    for query in ("where[price][equals]=7", "where[stock][less_than]=4", "sort=price", "sort=stock,name"):
        assert (await shop.send("GET", f"/api/products?{query}")).json["docs"] == [doc]


async def _explain(database: Database, query: str) -> list[str]:
    explained = ExplainedDatabase(database)
    shop = Shop(database)
    shop.table = RouteTable(make_routes(explained))
    answer = await shop.send("GET", f"/api/products{query}")
    assert answer.status == 200
    return explained.plans


async def _stock(database: Database, count: int = 4000) -> None:
    products: list[dict[str, Any]] = [
        {"name": f"P {n}", "price": n, "sku": f"S-{n}", "status": ("draft", "published")[n % 2]} for n in range(count)
    ]
    await load_documents(database, ACME, "live", PRODUCTS, products, START_MS)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("", "PRIMARY KEY"),
        ("?where[status][equals]=published", "documents_counted"),
        ("?where[price][equals]=7", "documents_products_price"),
        ("?where[price][less_than]=7", "documents_products_price"),
        ("?where[name][equals]=P 7", "documents_products_name"),
        ("?where[sku][equals]=S-7", "documents_products_sku"),
        ("?where[sku][in]=S-7,S-8", "documents_products_sku"),
        ("?where[and][0][sku][equals]=S-7", "documents_products_sku"),
        ("?where[status][in]=draft,archived", "documents_counted"),
        ("?where[updatedAt][greater_than]=2027-01-01", "documents_updated"),
        ("?where[createdAt][greater_than]=2027-01-01", "PRIMARY KEY"),
        ("?sort=price", "documents_products_price"),
        ("?sort=-name", "documents_products_name"),
        ("?sort=sku", "documents_products_sku"),
        ("?sort=-updatedAt", "documents_updated"),
        ("?sort=price&where[status][equals]=published", "documents_products_price"),
    ],
)
async def test_sqlite_answers_by_index(sqlite_database: SqliteDatabase, query: str, index: str) -> None:
    """Each indexed field is found and sorted by its index: no read walks through all documents."""
    await _stock(sqlite_database, 50)
    plans = await _explain(sqlite_database, query.replace(" ", "%20"))
    assert any(index in plan for plan in plans), plans
    assert not any("SCAN documents" in plan for plan in plans), plans


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("", "documents_pkey"),
        ("?where[status][equals]=archived", "documents_counted"),
        ("?where[price][equals]=7", "documents_products_price"),
        ("?where[price][less_than]=7", "documents_products_price"),
        ("?where[name][equals]=P 7", "documents_products_name"),
        ("?where[name][greater_than]=P 998", "documents_products_name"),
        ("?where[sku][equals]=S-7", "documents_products_sku"),
        ("?sort=price", "documents_products_price"),
        ("?sort=-price", "documents_products_price"),
        ("?sort=name", "documents_products_name"),
        ("?sort=sku", "documents_products_sku"),
        ("?sort=-sku", "documents_products_sku"),
        ("?sort=-updatedAt", "documents_updated"),
    ],
)
async def test_postgres_answers_by_index(postgres_database: Database, query: str, index: str) -> None:
    """PostgreSQL finds the same indexes by the words of our statements."""
    await _stock(postgres_database)
    plans = await _explain(postgres_database, query.replace(" ", "%20"))
    assert any(index in plan for plan in plans), plans
    assert not any("Seq Scan on documents " in plan for plan in plans), plans


async def test_postgres_reads_one_document_by_its_key(postgres_database: Database) -> None:
    """After a load the server knows the table: one document comes by the primary key."""
    await _stock(postgres_database)
    doc = await Shop(postgres_database).create()
    [plan] = await _explain(postgres_database, f"/{doc['id']}")
    assert "documents_pkey" in plan


async def test_loaded_documents_are_as_created_ones(database: Database) -> None:
    """Documents loaded by thousands are listed, counted, changed and held unique as any other, in their order."""
    shop = Shop(database)
    reported: list[int] = []
    products = ({"name": f"P {n}", "price": n, "sku": f"S-{n}", "status": "published"} for n in range(2500))
    loaded = await load_documents(database, ACME, "live", PRODUCTS, products, START_MS, on_progress=reported.append)
    assert (loaded, reported) == (2500, [2000, 2500])
    page = (await shop.send("GET", "/api/products?limit=3&where[status][equals]=published")).json
    assert ([doc["price"] for doc in page["docs"]], page["totalDocs"]) == ([2499, 2498, 2497], 2500)
    assert await shop.counters_agree()
    doc = page["docs"][0]
    assert (await shop.send("GET", f"/api/products/{doc['id']}")).headers[b"etag"] == b'"1"'
    assert (await shop.send("PATCH", f"/api/products/{doc['id']}", body={"status": "draft"})).status == 200
    clash = await shop.send("POST", "/api/products", body={"name": "x", "price": 1, "sku": "S-5"})
    assert clash.status == 409
    assert await shop.counters_agree()


async def test_a_batch_is_loaded_whole_or_not_at_all(database: Database) -> None:
    """A repeated sku loses its batch with its totals, and nothing of it stays."""
    shop = Shop(database)
    products = [{"name": "P", "price": 1, "sku": "same"} for _ in range(3)]
    with pytest.raises(Exception, match="conflicts"):
        await load_documents(database, ACME, "live", PRODUCTS, products, START_MS)
    assert (await shop.send("GET", "/api/products", caller=secret_key())).json["totalDocs"] == 0
    assert await shop.counters_agree()
