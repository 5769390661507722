"""Orders are found by indexes, alike on both backends, whatever else there is."""

from __future__ import annotations

from typing import Any

import pytest

from explained import ExplainedDatabase
from orders_rig import OrderShop
from records_rig import ACME, Shop
from support import START_MS
from watchword.audit.writer import AuditWriter
from watchword.commerce.definitions import ORDERS
from watchword.commerce.routes import make_routes
from watchword.db.database import Database
from watchword.records.definitions import PRODUCTS
from watchword.records.load import load_documents
from watchword.wire.routes import RouteTable

QUERIES = [
    ("/by-number/A-7", "documents_orders_orderNumber"),
    ("?where[orderNumber][equals]=A-7", "documents_orders_orderNumber"),
    ("?where[email][equals]=c7@example.com", "documents_orders_email"),
    ("?where[status][equals]=failed", "documents_counted"),
]


@pytest.mark.parametrize(("query", "index"), QUERIES)
async def test_orders_are_found_by_index(shop: OrderShop, query: str, index: str) -> None:
    """An order is found by its number, and those of a customer by their address, without a walk through the others."""
    await _fill(shop.database)
    explained = ExplainedDatabase(shop.database)
    reader = Shop(shop.database)
    reader.table = RouteTable(make_routes(explained, audit=AuditWriter(log=shop.log, bookkeeping=shop.database)))
    answer = await reader.send("GET", f"/api/orders{query}")
    assert answer.status == 200
    assert any(index in plan for plan in explained.plans), explained.plans
    assert not any("SCAN documents" in plan or "Seq Scan on documents " in plan for plan in explained.plans)


async def _fill(database: Database) -> None:
    products: list[dict[str, Any]] = [{"name": f"P {n}", "price": n} for n in range(2000)]
    await load_documents(database, ACME, "live", PRODUCTS, products, START_MS)
    line = {"product": "x", "name": "x", "quantity": 1, "unitPrice": 1, "totalPrice": 1, "stockTaken": False}
    orders: list[dict[str, Any]] = [
        {
            "orderNumber": f"A-{n}",
            "status": "paid" if n % 50 else "failed",
            "currency": "KRW",
            "totalAmount": n,
            "email": f"c{n}@example.com",
            "orderProducts": [line],
        }
        for n in range(2000)
    ]
    await load_documents(database, ACME, "live", ORDERS, orders, START_MS)
