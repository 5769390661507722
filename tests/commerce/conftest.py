"""A shop that takes orders, on each backend."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orders_rig import OrderShop
from watchword.db.database import Database


@pytest.fixture
def shop(database: Database) -> Iterator[OrderShop]:
    shop = OrderShop(database)
    yield shop
    shop.log.close()


@pytest.fixture
def sqlite_shop(sqlite_database: Database) -> Iterator[OrderShop]:
    """A shop for what no backend decides."""
    shop = OrderShop(sqlite_database)
    yield shop
    shop.log.close()
