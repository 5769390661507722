"""Place an order: products, prices and stock are checked and taken in the one transaction that stores it."""

from __future__ import annotations

from typing import Any

import msgspec

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.callers.call import Call
from watchword.callers.caller import Mode
from watchword.commerce.life_cycle import FIRST
from watchword.commerce.models import CreateOrder, read_email, write_customer, write_shipping_address
from watchword.commerce.order_lines import (
    WantedLine,
    count_pieces,
    read_line,
    require_on_sale,
    require_prices,
    require_stock,
    write_line,
)
from watchword.commerce.order_numbers import ATTEMPTS_MAX, make_order_number
from watchword.commerce.stock import HeldProduct, Stock
from watchword.db.database import Database, Transaction
from watchword.errors import ConflictError, DuplicateError, UnavailableError
from watchword.ids import make_id
from watchword.records.definitions import CollectionType
from watchword.records.idempotency import KeyedRequest, keep_answer, read_key, take_key
from watchword.records.queries import DocumentQueries
from watchword.records.write import REPLAYED, make_stored, written_response
from watchword.wire.response import Response


class WantedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it was sent, its words for one thing read into one; ``details`` are stored as they are."""

    lines: tuple[WantedLine, ...]
    total_amount: int
    number: str | None
    details: dict[str, Any]


class PlacedOrder(msgspec.Struct, frozen=True):
    """The answer's body; ``was_placed_before`` says that the same request had it placed."""

    body: str
    was_placed_before: bool = False


def read_order(sent: CreateOrder) -> WantedOrder:
    """Read what was sent.

    Raises:
        InvalidFieldsError: the e-mail address is none, or two words for one thing say two.
    """
    email = read_email(sent.email, sent.customer_snapshot)
    return WantedOrder(
        lines=tuple(read_line(line, number) for number, line in enumerate(sent.order_products)),
        total_amount=sent.total_amount,
        number=sent.order_number,
        details={
            "email": email,
            "customerSnapshot": write_customer(sent.customer_snapshot, email),
            "shippingAddress": write_shipping_address(sent.shipping_address),
            "paymentId": sent.payment_id,
            "notes": sent.notes,
        },
    )


class OrderCreator:
    """Places orders."""

    def __init__(self, database: Database, orders: CollectionType, stock: Stock, *, audit: AuditWriter) -> None:
        self._database = database
        self._orders = orders
        self._queries = DocumentQueries(database, orders)
        self._stock = stock
        self._audit = audit

    async def create(self, call: Call) -> Response:
        """Place an order; with an ``Idempotency-Key``, once however often it is sent."""
        wanted = read_order(call.body)
        keyed = read_key(
            call.request.header(b"idempotency-key"), self._orders.name.encode(), msgspec.json.encode(call.body)
        )
        order_id = make_id(self._orders.data.id_kind, call.now_ms)
        placed = await self.place(call.tenant_id, call.mode, order_id, wanted, keyed=keyed, now_ms=call.now_ms)
        if placed.was_placed_before:
            return written_response(201, placed.body, version=1, lines=REPLAYED)
        self._audit.record(
            Event.ORDER_CREATED,
            now_ms=call.now_ms,
            tenant_id=call.tenant_id,
            subject=call.known.subject,
            credential_id=call.known.credential_id,
            address=call.request.client_address,
            detail={"order": order_id, "mode": call.mode},
        )
        return written_response(201, placed.body, version=1)

    async def place(
        self,
        tenant_id: str,
        mode: Mode,
        order_id: str,
        wanted: WantedOrder,
        *,
        keyed: KeyedRequest | None = None,
        now_ms: int,
    ) -> PlacedOrder:
        """Check and store an order under an id; a number that is made for it and happens to be taken is made anew.

        Raises:
            ConflictError: the number that was sent is taken, or the order does not fit the products.
            UnavailableError: no free number was found; nothing was stored.
        """
        for _ in range(ATTEMPTS_MAX):
            number = make_order_number(now_ms) if wanted.number is None else wanted.number

            async def place(tx: Transaction, number: str = number) -> PlacedOrder:
                return await self._place(tx, tenant_id, mode, order_id, number, wanted, keyed=keyed, now_ms=now_ms)

            try:
                return await self._database.transaction(place)
            except DuplicateError as error:
                if wanted.number is not None:
                    raise _number_is_taken(error) from error
        raise UnavailableError("No free order number was found; try again", cause="order numbers of this day run out")

    async def _place(
        self,
        tx: Transaction,
        tenant_id: str,
        mode: Mode,
        order_id: str,
        number: str,
        wanted: WantedOrder,
        *,
        keyed: KeyedRequest | None,
        now_ms: int,
    ) -> PlacedOrder:
        if keyed is not None:
            # Taken before the products are looked at: the same request sent again finds fewer of them.
            given_before = await take_key(tx, tenant_id, mode, keyed, status=201, body="", now_ms=now_ms)
            if given_before is not None:
                return PlacedOrder(given_before, was_placed_before=True)
        pieces = count_pieces(wanted.lines)
        held = await self._stock.hold(tenant_id, mode, pieces, tx=tx)
        require_on_sale(wanted.lines, held)
        require_prices(wanted.lines, held, total_amount=wanted.total_amount)
        require_stock(wanted.lines, held)
        await self._stock.take(tenant_id, mode, pieces, held, now_ms=now_ms, tx=tx)
        made = make_stored(self._orders, order_id, self._write(number, wanted, held), now_ms)
        await self._queries.insert(tenant_id, mode, order_id, made, tx=tx)
        body = f'{{"message":"Order successfully created.","doc":{made.text}}}'
        if keyed is not None:
            await keep_answer(tx, tenant_id, mode, keyed, body)
        return PlacedOrder(body)

    def _write(self, number: str, wanted: WantedOrder, held: dict[str, HeldProduct]) -> dict[str, Any]:
        return self._orders.checker.complete(
            {
                "orderNumber": number,
                "status": FIRST,
                "currency": held[wanted.lines[0].product_id].facts.currency,
                "totalAmount": wanted.total_amount,
                "orderProducts": [write_line(line, held[line.product_id]) for line in wanted.lines],
                **wanted.details,
            }
        )


def _number_is_taken(error: DuplicateError) -> ConflictError:
    return ConflictError(
        "An order with this orderNumber exists already",
        cause=error.cause,
        extensions={"fields": [{"path": "orderNumber", "message": "is taken"}]},
    )
