"""Change an order: one step of its life, and the fields that its status still leaves open."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from msgspec import UNSET

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.callers.call import Call
from watchword.commerce.find_order import OrderFinder
from watchword.commerce.life_cycle import FIRST, GIVES_STOCK_BACK, NOT_SHIPPED, OrderStatus, read_status, require_step
from watchword.commerce.models import (
    ChangeOrder,
    CustomerSnapshot,
    read_email,
    write_customer,
    write_shipping_address,
)
from watchword.commerce.stock import Stock
from watchword.db.database import Database, Transaction
from watchword.errors import NotFoundError
from watchword.order_errors import OrderFixedError
from watchword.records.definitions import CollectionType
from watchword.records.etags import require_match
from watchword.records.idempotency import keep_answer, read_key, take_key
from watchword.records.queries import DocumentQueries, StoredDocument
from watchword.records.write import REPLAYED, rewrite_stored, written_response
from watchword.wire.response import Response


class StoredOrder(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a change asks of an order as it is stored."""

    status: OrderStatus
    order_products: list[dict[str, Any]]
    customer_snapshot: CustomerSnapshot | None = None
    payment_id: str | None = None


class ChangedOrder(msgspec.Struct, frozen=True):
    """An order before and after a change, and the answer's body."""

    before: StoredDocument
    after: StoredDocument
    body: str


class OrderChanger:
    """Changes orders."""

    def __init__(
        self, database: Database, orders: CollectionType, stock: Stock, finder: OrderFinder, *, audit: AuditWriter
    ) -> None:
        self._database = database
        self._orders = orders
        self._queries = DocumentQueries(database, orders)
        self._stock = stock
        self._finder = finder
        self._audit = audit

    async def change(self, call: Call) -> Response:
        """Change the order that the path names by its id; with an ``Idempotency-Key``, once however often it is sent."""
        return await self._change(call, call.parameters["id"])

    async def change_by_number(self, call: Call) -> Response:
        """Change the order that the path names by its number."""
        return await self._change(call, await self._finder.get_id(call))

    async def _change(self, call: Call, order_id: str) -> Response:
        if self._orders.id_pattern.fullmatch(order_id) is None:
            raise NotFoundError
        keyed = read_key(
            call.request.header(b"idempotency-key"),
            self._orders.name.encode(),
            order_id.encode(),
            msgspec.json.encode(call.body),
        )

        async def change(tx: Transaction) -> ChangedOrder | str:
            if keyed is not None:
                given_before = await take_key(
                    tx, call.tenant_id, call.mode, keyed, status=200, body="", now_ms=call.now_ms
                )
                if given_before is not None:
                    return given_before
            changed = await self._change_held(tx, call, order_id)
            if keyed is not None:
                await keep_answer(tx, call.tenant_id, call.mode, keyed, changed.body)
            return changed

        changed = await self._database.transaction(change)
        if isinstance(changed, str):
            # Without a tag: the order may have gone on since.
            return written_response(200, changed, lines=REPLAYED)
        self._record(call, order_id, changed)
        return written_response(200, changed.body, version=changed.after.version)

    async def _change_held(self, tx: Transaction, call: Call, order_id: str) -> ChangedOrder:
        before = await self._queries.find_locked(call.tenant_id, call.mode, order_id, tx=tx)
        if before is None:
            raise NotFoundError
        require_match(call.request.header(b"if-match"), before.version)
        order = msgspec.json.decode(before.text, type=StoredOrder)
        changes = read_changes(call.body, order)
        if changes.get("status") in GIVES_STOCK_BACK:
            changes["orderProducts"] = await self._give_back(tx, call, order)
        after = rewrite_stored(self._orders, order_id, before, changes, call.now_ms)
        await self._queries.update(call.tenant_id, call.mode, order_id, before=before, after=after, tx=tx)
        return ChangedOrder(before, after, f'{{"message":"Updated successfully.","doc":{after.text}}}')

    async def _give_back(self, tx: Transaction, call: Call, order: StoredOrder) -> list[dict[str, Any]]:
        pieces: Counter[str] = Counter()
        for line in order.order_products:
            if line["stockTaken"]:
                pieces[line["product"]] += line["quantity"]
        await self._stock.give_back(call.tenant_id, call.mode, pieces, now_ms=call.now_ms, tx=tx)
        return [{**line, "stockTaken": False} for line in order.order_products]

    def _record(self, call: Call, order_id: str, changed: ChangedOrder) -> None:
        before, after = changed.before.counted_value, changed.after.counted_value
        if before == after:
            return
        self._audit.record(
            Event.ORDER_STATUS_CHANGED,
            now_ms=call.now_ms,
            tenant_id=call.tenant_id,
            subject=call.known.subject,
            credential_id=call.known.credential_id,
            address=call.request.client_address,
            detail={"order": order_id, "mode": call.mode, "before": str(before), "after": str(after)},
        )


def read_changes(sent: ChangeOrder, order: StoredOrder) -> dict[str, Any]:
    """Return the stored fields that a change gives new values; None takes one away.

    Raises:
        StatusJumpError: the wanted status cannot follow.
        OrderFixedError: a field can no longer be changed.
        InvalidFieldsError: a value is none, or two words for one thing say two.
    """
    changes: dict[str, Any] = {}
    if sent.status is not UNSET:
        changes["status"] = read_status(sent.status)
        require_step(order.status, changes["status"])
    _require_open(sent, order)
    if sent.notes is not UNSET:
        changes["notes"] = sent.notes
    if sent.payment_id is not UNSET:
        changes["paymentId"] = sent.payment_id
    if sent.shipping_address is not UNSET:
        changes["shippingAddress"] = write_shipping_address(sent.shipping_address)
    return {**changes, **_read_customer(sent, order)}


def _require_open(sent: ChangeOrder, order: StoredOrder) -> None:
    faults, status = {}, order.status
    if status not in NOT_SHIPPED:
        for name, value in (
            ("shippingAddress", sent.shipping_address),
            ("customerSnapshot", sent.customer_snapshot),
            ("email", sent.email),
        ):
            if value is not UNSET:
                faults[name] = f"is fixed once an order is {status}"
    if status != FIRST and order.payment_id is not None and sent.payment_id is not UNSET:
        faults["paymentId"] = f"is fixed once an order is {status}"
    if faults:
        raise OrderFixedError(faults)


def _read_customer(sent: ChangeOrder, order: StoredOrder) -> dict[str, Any]:
    """Keep the e-mail address the same in its two places, whichever of them is changed."""
    if sent.customer_snapshot is UNSET and sent.email is UNSET:
        return {}
    given = None if sent.email is UNSET else sent.email
    if sent.customer_snapshot is UNSET:
        customer, email = order.customer_snapshot, read_email(given, None)
    else:
        customer, email = sent.customer_snapshot, read_email(given, sent.customer_snapshot)
    return {"email": email, "customerSnapshot": write_customer(customer, email)}
