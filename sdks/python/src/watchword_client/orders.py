"""Orders, for servers: placed, taken on step by step, and read, by their number."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from watchword_client.engine import Engine, Request, read_json
from watchword_client.flow import Flow
from watchword_client.models import Document, Result, result_of
from watchword_client.rooms import AsyncRoom, Awaiting, Blocking, BlockingRoom
from watchword_client.setup_checks import require_segment


class OrderCalls:
    """What servers may ask about orders; names are taken as Python or as JSON spells them, also inside of values."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create_order(
        self,
        *,
        order_products: Sequence[Mapping[str, Any]],
        total_amount: int,
        order_number: str | None = None,
        email: str | None = None,
        customer_snapshot: Mapping[str, Any] | None = None,
        shipping_address: Mapping[str, Any] | None = None,
        payment_id: str | None = None,
        notes: str | None = None,
        idempotency_key: str | None = None,
    ) -> Flow[Result[Document]]:
        """Place an order and take its stock, once however often it is sent.

        Each of ``order_products`` names a ``product`` by id and a ``quantity``; amounts are in the currency's minor
        unit. Without ``order_number`` the server makes one.
        """
        given = {
            "order_products": [dict(line) for line in order_products],
            "total_amount": total_amount,
            "order_number": order_number,
            "email": email,
            "customer_snapshot": customer_snapshot,
            "shipping_address": shipping_address,
            "payment_id": payment_id,
            "notes": notes,
        }
        return (yield from self._write("POST", "/api/orders", given, idempotency_key))

    def update_order(
        self,
        *,
        order_number: str,
        status: str | None = None,
        email: str | None = None,
        customer_snapshot: Mapping[str, Any] | None = None,
        shipping_address: Mapping[str, Any] | None = None,
        payment_id: str | None = None,
        notes: str | None = None,
        idempotency_key: str | None = None,
    ) -> Flow[Result[Document]]:
        """Take an order one step on, or change what its status leaves open; what is left out stays."""
        given = {
            "status": status,
            "email": email,
            "customer_snapshot": customer_snapshot,
            "shipping_address": shipping_address,
            "payment_id": payment_id,
            "notes": notes,
        }
        return (yield from self._write("PATCH", _by_number(order_number), given, idempotency_key))

    def get_order(self, *, order_number: str) -> Flow[Result[Document]]:
        """Get an order."""
        reply = yield from self._engine.perform(Request(method="GET", path=_by_number(order_number)))
        return result_of(read_json(reply), reply.headers)

    def _write(
        self, method: Literal["POST", "PATCH"], path: str, given: Mapping[str, Any], idempotency_key: str | None
    ) -> Flow[Result[Document]]:
        body = _camel({name: value for name, value in given.items() if value is not None})
        headers = {} if idempotency_key is None else {"idempotency-key": idempotency_key}
        reply = yield from self._engine.perform(Request(method=method, path=path, json=body, headers=headers))
        return result_of(read_json(reply)["doc"], reply.headers)


def generate_order_number() -> str:
    """Make an order number: today's date as six digits (UTC), and six more at random."""
    return f"{datetime.now(UTC):%y%m%d}{random.SystemRandom().randrange(10**6):06}"


def _by_number(order_number: str) -> str:
    return f"/api/orders/by-number/{require_segment(order_number)}"


def _camel(value: Any) -> Any:  # noqa: ANN401 - JSON in, JSON out
    if isinstance(value, Mapping):
        return {
            re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name): _camel(inner) for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_camel(inner) for inner in value]
    return value


class Orders(BlockingRoom[OrderCalls]):
    """Orders; each method blocks until it is answered."""

    create_order = Blocking(OrderCalls.create_order)
    update_order = Blocking(OrderCalls.update_order)
    get_order = Blocking(OrderCalls.get_order)


class AsyncOrders(AsyncRoom[OrderCalls]):
    """Orders; each method is awaited."""

    create_order = Awaiting(OrderCalls.create_order)
    update_order = Awaiting(OrderCalls.update_order)
    get_order = Awaiting(OrderCalls.get_order)
