"""The stock that orders take: told by the product, never more than there is, and by one of any number at once."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from orders_rig import OrderShop, line
from support import START_MS


async def test_stock_is_taken_and_the_product_tells(shop: OrderShop) -> None:
    """What was ordered is gone from the stock: a new version of the product, with its time; nothing else changes."""
    tea = await shop.product(stock=5, sku="TEA")
    await shop.placed(line(tea, 2), line(tea, 1, variant="green"), now_ms=START_MS + 1500)
    answer = await shop.send("GET", f"/api/products/{tea['id']}")
    assert answer.json == {**tea, "stock": 2, "updatedAt": "2026-01-07T10:00:01.500Z"}
    assert answer.headers[b"etag"] == b'"2"'
    assert await shop.counters_agree()


async def test_stock_that_nobody_counts_is_not_touched(sqlite_shop: OrderShop) -> None:
    """A product without a stock can be ordered in any number and stays as it is."""
    tea = await sqlite_shop.product()
    await sqlite_shop.placed(line(tea, 1_000_000))
    answer = await sqlite_shop.send("GET", f"/api/products/{tea['id']}")
    assert (answer.json, answer.headers[b"etag"]) == (tea, b'"1"')


@pytest.mark.parametrize(
    ("stock", "quantities", "faults"),
    [
        (0, [1], {"orderProducts[0].quantity": "none are left"}),
        (1, [2], {"orderProducts[0].quantity": "is more than the 1 that are left"}),
        (
            3,
            [2, 2],
            {
                "orderProducts[0].quantity": "is more than the 3 that are left",
                "orderProducts[1].quantity": "is more than the 3 that are left",
            },
        ),
    ],
)
async def test_more_than_there_is_cannot_be_ordered(
    sqlite_shop: OrderShop, stock: int, quantities: list[int], faults: dict[str, str]
) -> None:
    """An order for more than the stock, also in several lines, takes nothing, not even of its other products."""
    tea, pot = await sqlite_shop.product(stock=stock), await sqlite_shop.product(stock=7)
    answer = await sqlite_shop.order(*(line(tea, quantity) for quantity in quantities), line(pot))
    assert (answer.status, answer.error["extensions"]["code"]) == (409, "OUT_OF_STOCK")
    assert answer.fields == faults
    assert await sqlite_shop.is_untouched(tea, stock=stock)
    assert await sqlite_shop.stock_of(pot) == 7


async def test_of_fifty_orders_for_the_last_piece_one_gets_it(shop: OrderShop) -> None:
    """Fifty at once: one order, forty-nine refusals with one code, and a stock of zero."""
    tea = await shop.product(stock=1)
    answers = await asyncio.gather(*(shop.order(line(tea)) for _ in range(50)))
    assert Counter(answer.status for answer in answers) == {201: 1, 409: 49}
    codes = {answer.error["extensions"]["code"] for answer in answers if answer.status == 409}
    assert codes == {"OUT_OF_STOCK"}
    assert await shop.stock_of(tea) == 0
    assert (await shop.send("GET", "/api/orders/count")).json == {"totalDocs": 1}
    assert await shop.counters_agree(collection="orders")


async def test_orders_that_name_products_in_any_order_never_wait_for_each_other_forever(shop: OrderShop) -> None:
    """Forty orders at once over the same products in opposite orders are all placed, and every piece is accounted for."""
    tea, pot = await shop.product(stock=40), await shop.product(stock=100)
    both = [line(tea), line(pot, 2)]
    answers = await asyncio.gather(*(shop.order(*(both if n % 2 else both[::-1])) for n in range(40)))
    assert {answer.status for answer in answers} == {201}
    assert (await shop.stock_of(tea), await shop.stock_of(pot)) == (0, 20)
