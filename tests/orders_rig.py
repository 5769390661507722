"""Orders behind the checks that the pipeline makes before a handler, on a real database, and what is in the shop."""

from __future__ import annotations

import io
import json
from typing import Any

from records_rig import Answer, Shop
from support import START_MS
from watchword.audit.writer import AuditWriter
from watchword.callers.caller import Caller
from watchword.commerce.routes import make_routes
from watchword.db.database import Database
from watchword.observe import Log


class OrderShop(Shop):
    """A shop that takes orders; ``events`` reads what was recorded."""

    def __init__(self, database: Database) -> None:
        self._stream = io.BytesIO()
        self.log = Log(self._stream)
        super().__init__(database, more=make_routes(database, audit=AuditWriter(log=self.log, bookkeeping=database)))

    def events(self) -> list[dict[str, Any]]:
        """Return the recorded events."""
        self.log.flush()
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]

    async def product(self, *, caller: Caller | None = None, **fields: object) -> dict[str, Any]:
        """Put a product on sale, at 1000 unless said otherwise."""
        made: dict[str, Any] = {"price": 1000, "status": "published", **fields}
        return await self.create(caller=caller, **made)

    async def order(
        self,
        *lines: dict[str, Any],
        caller: Caller | None = None,
        headers: dict[str, str] | None = None,
        now_ms: int = START_MS,
        **fields: Any,  # noqa: ANN401 - whatever a test sends
    ) -> Answer:
        """Send an order of these lines; the total is what their prices come to unless said otherwise."""
        total = sum(line.get("unitPrice", 1000) * line["quantity"] for line in lines)
        body = {"orderProducts": list(lines), "totalAmount": total, **fields}
        return await self.send("POST", "/api/orders", body=body, caller=caller, headers=headers, now_ms=now_ms)

    async def placed(
        self,
        *lines: dict[str, Any],
        now_ms: int = START_MS,
        **fields: Any,  # noqa: ANN401 - whatever a test sends
    ) -> dict[str, Any]:
        """Place an order and return it."""
        answer = await self.order(*lines, now_ms=now_ms, **fields)
        assert answer.status == 201, answer.body
        doc: dict[str, Any] = answer.json["doc"]
        return doc

    async def move(self, order: dict[str, Any], *statuses: str) -> dict[str, Any]:
        """Take an order through these statuses and return it."""
        for status in statuses:
            answer = await self.send("PATCH", f"/api/orders/{order['id']}", body={"status": status})
            assert answer.status == 200, answer.body
            order = answer.json["doc"]
        return order

    async def is_untouched(self, product: dict[str, Any], *, stock: int) -> bool:
        """Say whether no order is stored, and as many pieces are there."""
        total = (await self.send("GET", "/api/orders/count")).json
        return total == {"totalDocs": 0} and await self.stock_of(product) == stock

    async def stock_of(self, product: dict[str, Any]) -> int | None:
        """Return how many pieces there are."""
        stock: int | None = (await self.send("GET", f"/api/products/{product['id']}")).json.get("stock")
        return stock


def line(product: dict[str, Any] | str, quantity: int = 1, **fields: object) -> dict[str, Any]:
    """Write a line of an order."""
    return {"product": product if isinstance(product, str) else product["id"], "quantity": quantity, **fields}
