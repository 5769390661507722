"""The SQL of orders beyond that of documents."""

from __future__ import annotations

from typing import Final

from watchword.callers.caller import Mode
from watchword.db.database import Database, Statement

_FIND_ID: Final = Statement(
    "SELECT id FROM documents WHERE tenant_id = $1 AND mode = $2 AND collection = 'orders' "
    "AND ((document ->> 'orderNumber') COLLATE \"C\") = $3",
    # SQLite keeps no statistics here: named, so that a read in the event loop cannot take a worse way.
    sqlite='SELECT id FROM documents INDEXED BY "documents_orders_orderNumber" WHERE tenant_id = $1 AND mode = $2 '
    "AND collection = 'orders' AND (document ->> '$.orderNumber') = $3",
)


async def find_order_id(database: Database, tenant_id: str, mode: Mode, number: str) -> str | None:
    """Read the id of the order with a number."""
    row = await database.fetch_row(_FIND_ID, tenant_id, mode, number)
    return None if row is None else str(row[0])
