"""The endpoints of orders; they are read as any collection's documents."""

from __future__ import annotations

from watchword.audit.writer import AuditWriter
from watchword.commerce.change_order import OrderChanger
from watchword.commerce.create_order import OrderCreator
from watchword.commerce.definitions import ORDERS
from watchword.commerce.find_order import OrderFinder
from watchword.commerce.models import ChangeOrder, CreateOrder
from watchword.commerce.stock import Stock
from watchword.db.database import Database
from watchword.records.definitions import PRODUCTS, CollectionType
from watchword.records.models import cut_schema, select_parameter, written_schema
from watchword.records.read import DocumentReader
from watchword.records.routes import IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, make_read_routes
from watchword.wire.routes import Route

_TAG = "Orders"


def make_routes(database: Database, *, audit: AuditWriter) -> tuple[Route, ...]:
    """Return the routes of orders."""
    orders = CollectionType(ORDERS)
    stock = Stock(database, CollectionType(PRODUCTS))
    finder = OrderFinder(database, DocumentReader(database, orders))
    creator = OrderCreator(database, orders, stock, audit=audit)
    changer = OrderChanger(database, orders, stock, finder, audit=audit)
    return (
        *make_read_routes(database, orders),
        Route(
            method="GET",
            path="/api/orders/by-number/{order_number}",
            handler=finder.get,
            callers="any caller",
            summary="Read an order by its number",
            permission="orders:read",
            parameters=(select_parameter(orders), IF_NONE_MATCH),
            answer_schema=cut_schema(orders),
            tag=_TAG,
        ),
        Route(
            method="POST",
            path="/api/orders",
            handler=creator.create,
            callers="any caller",
            summary="Place an order and take its stock",
            permission="orders:write",
            parameters=(IDEMPOTENCY_KEY,),
            body=CreateOrder,
            answer_schema=written_schema(orders),
            status=201,
            tag=_TAG,
        ),
        Route(
            method="PATCH",
            path="/api/orders/{id}",
            handler=changer.change,
            callers="any caller",
            summary="Take an order one step on, or change what its status leaves open",
            permission="orders:write",
            parameters=(IF_MATCH, IDEMPOTENCY_KEY),
            body=ChangeOrder,
            answer_schema=written_schema(orders),
            tag=_TAG,
        ),
        Route(
            method="PATCH",
            path="/api/orders/by-number/{order_number}",
            handler=changer.change_by_number,
            callers="any caller",
            summary="The same for the order with a number",
            permission="orders:write",
            parameters=(IF_MATCH, IDEMPOTENCY_KEY),
            body=ChangeOrder,
            answer_schema=written_schema(orders),
            tag=_TAG,
        ),
    )
