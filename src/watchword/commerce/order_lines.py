"""What an order comes to: its products held against what was sent, each fault named by the field that it is in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from watchword.commerce.models import OrderLine, one_of
from watchword.commerce.stock import HeldProduct
from watchword.errors import InvalidFieldsError
from watchword.order_errors import (
    MixedCurrenciesError,
    OutOfStockError,
    PriceMismatchError,
    ProductNotOnSaleError,
    TotalMismatchError,
)
from watchword.records.definitions import PRODUCTS
from watchword.wire.json_body import INTEGER_MAX


class WantedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line as it was sent, its words for one thing read into one; ``unit_price`` is None where none was sent."""

    path: str
    product_id: str
    quantity: int
    unit_price: int | None
    chosen: dict[str, str]


def read_line(line: OrderLine, number: int) -> WantedLine:
    """Read one line of a request.

    Raises:
        InvalidFieldsError: its two words for the price say two prices.
    """
    path = f"orderProducts[{number}]"
    chosen = {"variant": line.variant, "option": line.option}
    return WantedLine(
        path=path,
        product_id=line.product,
        quantity=line.quantity,
        unit_price=one_of(line.unit_price, line.price, f"{path}.price", "unitPrice"),
        chosen={name: value for name, value in chosen.items() if value is not None},
    )


def count_pieces(lines: Sequence[WantedLine]) -> Counter[str]:
    """Count the pieces of each product, which may stand in several lines."""
    pieces: Counter[str] = Counter()
    for line in lines:
        pieces[line.product_id] += line.quantity
    return pieces


def require_on_sale(lines: Sequence[WantedLine], held: Mapping[str, HeldProduct]) -> None:
    """Refuse products that are unknown or not published, in one answer.

    Raises:
        ProductNotOnSaleError: naming their lines.
    """
    on_sale = {product_id for product_id, product in held.items() if product.facts.status == PRODUCTS.public_value}
    faults = {f"{line.path}.product": "is not on sale" for line in lines if line.product_id not in on_sale}
    if faults:
        raise ProductNotOnSaleError(faults)


def require_prices(lines: Sequence[WantedLine], held: Mapping[str, HeldProduct], *, total_amount: int) -> None:
    """Hold prices, currencies and total against the products.

    Raises:
        MixedCurrenciesError: there is more than one currency.
        PriceMismatchError: a sent price is not the product's.
        TotalMismatchError: the total is another.
        InvalidFieldsError: the total is beyond what a reader of JSON keeps exactly.
    """
    currency = held[lines[0].product_id].facts.currency
    others = {
        f"{line.path}.product": f"has its price in {held[line.product_id].facts.currency}, others in {currency}"
        for line in lines
        if held[line.product_id].facts.currency != currency
    }
    if others:
        raise MixedCurrenciesError(others)
    wrong = {
        f"{line.path}.unitPrice": f"must be {held[line.product_id].facts.price}"
        for line in lines
        if line.unit_price is not None and line.unit_price != held[line.product_id].facts.price
    }
    if wrong:
        raise PriceMismatchError(wrong)
    total = sum(held[line.product_id].facts.price * line.quantity for line in lines)
    if total > INTEGER_MAX:
        raise InvalidFieldsError({"orderProducts": f"come to more than {INTEGER_MAX}"})
    if total != total_amount:
        raise TotalMismatchError(total)


def require_stock(lines: Sequence[WantedLine], held: Mapping[str, HeldProduct]) -> None:
    """Refuse more pieces of a product than there are, where somebody counts them.

    Raises:
        OutOfStockError: naming its lines and how many are left.
    """
    pieces = count_pieces(lines)
    faults = {}
    for line in lines:
        left = held[line.product_id].facts.stock
        if left is not None and pieces[line.product_id] > left:
            faults[f"{line.path}.quantity"] = f"is more than the {left} that are left" if left else "none are left"
    if faults:
        raise OutOfStockError(faults)


def write_line(line: WantedLine, product: HeldProduct) -> dict[str, Any]:
    """Return a line as it is stored: with what the product was called and cost when it was ordered."""
    facts = product.facts
    return {
        "product": product.id,
        **line.chosen,
        "name": facts.name,
        **({} if facts.sku is None else {"sku": facts.sku}),
        "quantity": line.quantity,
        "unitPrice": facts.price,
        "totalPrice": facts.price * line.quantity,
        "stockTaken": facts.stock is not None,
    }
