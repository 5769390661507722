"""Order numbers: made of the day, or brought along; each given once."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from orders_rig import OrderShop, line
from records_rig import OTHER, secret_key


async def test_a_number_is_made_of_the_day(sqlite_shop: OrderShop) -> None:
    """Left out, the number is the day and six digits, and each order has its own."""
    tea = await sqlite_shop.product()
    numbers = [(await sqlite_shop.placed(line(tea)))["orderNumber"] for _ in range(20)]
    assert len(set(numbers)) == 20
    assert all(len(number) == 12 and number.isdigit() and number.startswith("260107") for number in numbers)


async def test_a_made_number_that_is_taken_is_made_anew(shop: OrderShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """An order without a number is not refused because chance gave it one that is taken; with none free it is a 503."""
    tea = await shop.product(stock=3)
    digits = iter([7, 7, 7, 8])
    monkeypatch.setattr("watchword.commerce.order_numbers.secrets.randbelow", lambda _: next(digits, 8))
    numbers = [(await shop.placed(line(tea)))["orderNumber"] for _ in range(2)]
    assert numbers == ["260107000007", "260107000008"]
    answer = await shop.order(line(tea), headers={"idempotency-key": "k"})
    assert (answer.status, answer.error["extensions"]["code"]) == (503, "UNAVAILABLE")
    assert await shop.stock_of(tea) == 1


async def test_a_repeated_number_conflicts(shop: OrderShop) -> None:
    """A number is given once in a tenant and mode; the refusal takes nothing, and elsewhere the number is free."""
    tea = await shop.product(stock=3)
    await shop.placed(line(tea), orderNumber="A-1")
    answer = await shop.order(line(tea), orderNumber="A-1")
    assert (answer.status, answer.error["extensions"]["code"]) == (409, "CONFLICT")
    assert answer.error["message"] == "An order with this orderNumber exists already"
    assert answer.fields == {"orderNumber": "is taken"}
    assert await shop.stock_of(tea) == 2
    for caller in (secret_key(OTHER), secret_key(mode="test")):
        theirs = await shop.product(caller=caller)
        assert (await shop.order(line(theirs), orderNumber="A-1", caller=caller)).status == 201


async def test_of_parallel_orders_with_one_number_one_is_placed(shop: OrderShop) -> None:
    """Thirty at once with one number: one order, and one piece taken."""
    tea = await shop.product(stock=30)
    answers = await asyncio.gather(*(shop.order(line(tea), orderNumber="A-1") for _ in range(30)))
    assert Counter(answer.status for answer in answers) == {201: 1, 409: 29}
    assert await shop.stock_of(tea) == 29
    assert await shop.counters_agree(collection="orders")
