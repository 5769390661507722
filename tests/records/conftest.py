"""A shop on each backend, and documents that hold every edge a filter or a sort can meet."""

from __future__ import annotations

from typing import Any

import pytest

from records_rig import ACME, Shop
from support import START_MS
from watchword.db.database import Database
from watchword.ids import make_id
from watchword.records.definitions import PRODUCTS, CollectionType
from watchword.records.load import load_documents

_NAMES = ("apple", "Apple", "사과", "100% juice", "it's", "a_b", "\N{RED APPLE}", '"quoted"', "zz")


def varied_products() -> list[dict[str, Any]]:
    """Return products with equal and missing values in every field, in the order of their creation."""
    return [
        {
            "name": _NAMES[number % len(_NAMES)],
            "price": number % 4,
            **({"sku": f"SKU-{number:02d}"} if number % 3 else {}),
            **({"stock": number % 5} if number % 2 else {}),
            **({"description": f"Line {number} of MANY words"} if number % 5 else {}),
            "currency": ("KRW", "USD")[number % 2],
            "status": ("draft", "published", "archived")[number % 3],
        }
        for number in range(36)
    ]


@pytest.fixture
def products() -> CollectionType:
    return CollectionType(PRODUCTS)


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)


@pytest.fixture
def sqlite_shop(sqlite_database: Database) -> Shop:
    """A shop for what no backend decides."""
    return Shop(sqlite_database)


@pytest.fixture
async def stocked(shop: Shop) -> tuple[Shop, list[dict[str, Any]]]:
    """A shop with varied products beside those of another tenant and the other mode, and the documents served."""
    for n in range(4):
        batch = varied_products()[n * 9 : n * 9 + 9]
        await load_documents(shop.database, ACME, "live", PRODUCTS, batch, START_MS + n * 1000)
    await load_documents(shop.database, ACME, "test", PRODUCTS, varied_products()[:5], START_MS)
    await load_documents(shop.database, make_id("tenant", START_MS), "live", PRODUCTS, varied_products(), START_MS)
    answer = await shop.send("GET", "/api/products?limit=100")
    documents: list[dict[str, Any]] = answer.json["docs"]
    assert len(documents) == 36
    return shop, documents
