"""Placing orders: what is checked, what is stored, and who may."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from orders_rig import OrderShop, line
from records_rig import ACME, OTHER, publishable_key, secret_key, user
from support import START_MS
from watchword.callers.caller import Caller, Role
from watchword.ids import make_id
from watchword.wire.json_body import INTEGER_MAX

DETAILS: dict[str, Any] = {
    "orderNumber": "260107482935",
    "customerSnapshot": {"name": "Kim", "email": "kim@example.com", "phone": "010-0000-0000"},
    "shippingAddress": {
        "recipientName": "Kim",
        "phone": "010-0000-0000",
        "postalCode": "04524",
        "address1": "Sejong-daero 110",
        "address2": "5F",
        "deliveryMessage": "Ring",
    },
    "paymentId": "pay_1",
    "notes": "A gift",
}
"""What is stored of an order as it was sent."""


async def test_an_order_is_stored_as_it_was_placed(shop: OrderShop) -> None:
    """The answer holds the whole order, and reading it by id and by number gives the same bytes and tag."""
    tea = await shop.product(name="Tea", sku="TEA", stock=5)
    pot = await shop.product(name="Pot", price=20_000)
    green, blue = {"unitPrice": 1000, "variant": "green"}, {"unitPrice": 20_000, "option": "blue"}
    answer = await shop.order(line(tea, 2, **green), line(pot, 1, **blue), **DETAILS)
    assert (answer.status, answer.headers[b"etag"]) == (201, b'"1"')
    assert answer.json["message"] == "Order successfully created."
    doc = answer.json["doc"]
    assert doc == {
        **DETAILS,
        "id": doc["id"],
        "status": "pending",
        "currency": "KRW",
        "totalAmount": 22_000,
        "email": "kim@example.com",
        "orderProducts": [
            {**line(tea, 2, **green), "name": "Tea", "sku": "TEA", "totalPrice": 2000, "stockTaken": True},
            {**line(pot, 1, **blue), "name": "Pot", "totalPrice": 20_000, "stockTaken": False},
        ],
        "createdAt": "2026-01-07T10:00:00.000Z",
        "updatedAt": "2026-01-07T10:00:00.000Z",
    }
    by_id = await shop.send("GET", f"/api/orders/{doc['id']}")
    by_number = await shop.send("GET", "/api/orders/by-number/260107482935")
    assert by_id.json == doc
    assert (by_id.status, by_id.body, by_id.headers) == (by_number.status, by_number.body, by_number.headers)
    assert await shop.counters_agree(collection="orders")
    assert await shop.counters_agree()


async def test_the_older_words_are_taken_for_the_newer(sqlite_shop: OrderShop) -> None:
    """``price``, ``email``, ``address`` and ``zipCode`` make the same order as the words that are stored."""
    tea = await sqlite_shop.product()
    doc = await sqlite_shop.placed(
        line(tea, price=1000),
        email=" kim@example.com ",
        shippingAddress={"address": "Sejong-daero 110", "zipCode": "04524"},
    )
    assert doc["orderProducts"][0]["unitPrice"] == 1000
    assert doc["email"] == "kim@example.com"
    assert doc["customerSnapshot"] == {"email": "kim@example.com"}
    assert doc["shippingAddress"] == {"postalCode": "04524", "address1": "Sejong-daero 110"}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"email": "a@example.com", "customerSnapshot": {"email": "b@example.com"}}, "email"),
        ({"shippingAddress": {"zipCode": "1", "postalCode": "2"}}, "shippingAddress.zipCode"),
        ({"shippingAddress": {"address": "1", "address1": "2"}}, "shippingAddress.address"),
        ({"email": "nobody"}, "email"),
        ({"customerSnapshot": {"email": "nobody"}}, "customerSnapshot.email"),
        ({"orderNumber": ""}, "orderNumber"),
        ({"orderNumber": "a/b"}, "orderNumber"),
        ({"orderNumber": "-1"}, "orderNumber"),
        ({"orderNumber": "A-1\n"}, "orderNumber"),
        ({"orderNumber": "x" * 65}, "orderNumber"),
        ({"orderNumber": 260107482935}, "orderNumber"),
        ({"totalAmount": "1000"}, "totalAmount"),
        ({"totalAmount": 1000.0}, "totalAmount"),
        ({"totalAmount": -1}, "totalAmount"),
        ({"totalAmount": None}, "totalAmount"),
        ({"notes": "x" * 10_001}, "notes"),
        ({"orderProducts": []}, "orderProducts"),
        ({"orderProducts": {}}, "orderProducts"),
        ({"status": "paid"}, "status"),
        ({"discountCode": "X"}, "discountCode"),
        ({"customerSnapshot": {"age": 1}}, "customerSnapshot.age"),
        ({"shippingAddress": {"city": "Seoul"}}, "shippingAddress.city"),
    ],
)
async def test_a_wrong_field_is_refused_by_its_name(sqlite_shop: OrderShop, fields: dict[str, Any], path: str) -> None:
    """Every wrong, unknown or contradicting field is named, and nothing is stored or taken."""
    tea = await sqlite_shop.product(stock=1)
    answer = await sqlite_shop.order(line(tea), **fields)
    assert (answer.status, answer.error["extensions"]["code"]) == (400, "VALIDATION_ERROR")
    assert list(answer.fields) == [path]
    assert await sqlite_shop.is_untouched(tea, stock=1)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"quantity": 0}, "orderProducts[0].quantity"),
        ({"quantity": -1}, "orderProducts[0].quantity"),
        ({"quantity": 1_000_001}, "orderProducts[0].quantity"),
        ({"quantity": "1"}, "orderProducts[0].quantity"),
        ({"quantity": 1.0}, "orderProducts[0].quantity"),
        ({"unitPrice": 999.5}, "orderProducts[0].unitPrice"),
        ({"price": -1}, "orderProducts[0].price"),
        ({"price": 1000, "unitPrice": 1001}, "orderProducts[0].price"),
        ({"product": 7}, "orderProducts[0].product"),
        ({"product": ""}, "orderProducts[0].product"),
        ({"colour": "red"}, "orderProducts[0].colour"),
    ],
)
async def test_a_wrong_line_is_refused_by_its_place(sqlite_shop: OrderShop, fields: dict[str, Any], path: str) -> None:
    """A fault in a line is named with the line's number, and nothing is stored or taken."""
    tea = await sqlite_shop.product(stock=1)
    body = {"orderProducts": [{**line(tea), **fields}], "totalAmount": 1000}
    answer = await sqlite_shop.send("POST", "/api/orders", body=body)
    assert (answer.status, list(answer.fields)) == (400, [path])
    assert await sqlite_shop.is_untouched(tea, stock=1)


async def test_only_products_on_sale_can_be_ordered(shop: OrderShop) -> None:
    """A product that is unknown, a draft, archived, another tenant's or of the other mode gets one and the same answer."""
    tea = await shop.product(stock=9)
    strangers = [
        await shop.product(status="draft"),
        await shop.product(status="archived"),
        await shop.product(caller=secret_key(OTHER)),
        await shop.product(caller=secret_key(mode="test")),
    ]
    for product in (*(stranger["id"] for stranger in strangers), make_id("product", START_MS), "TEA-1"):
        answer = await shop.order(line(tea), line(product))
        assert (answer.status, answer.error["extensions"]["code"]) == (409, "PRODUCT_NOT_ON_SALE")
        assert answer.error["message"] == "The order names a product that is not on sale"
        assert answer.fields == {"orderProducts[1].product": "is not on sale"}
        assert await shop.is_untouched(tea, stock=9)


async def test_a_price_that_is_not_the_products_is_refused(sqlite_shop: OrderShop) -> None:
    """A price from yesterday, or from nowhere, is a 409 that tells the right one."""
    tea = await sqlite_shop.product(stock=3)
    answer = await sqlite_shop.order(line(tea), line(tea, unitPrice=1))
    assert (answer.status, answer.error["extensions"]["code"]) == (409, "PRICE_MISMATCH")
    assert answer.fields == {"orderProducts[1].unitPrice": "must be 1000"}
    assert await sqlite_shop.is_untouched(tea, stock=3)


@pytest.mark.parametrize("total", [0, 1, 1999, 2001, INTEGER_MAX])
async def test_a_wrong_total_is_refused_with_the_right_one(sqlite_shop: OrderShop, total: int) -> None:
    """A total that the products do not come to is a 409 that tells what they come to."""
    tea = await sqlite_shop.product(stock=3)
    answer = await sqlite_shop.order(line(tea, 2), totalAmount=total)
    assert (answer.status, answer.error["extensions"]["code"]) == (409, "TOTAL_MISMATCH")
    assert answer.error["extensions"]["totalAmount"] == 2000
    assert answer.fields == {"totalAmount": "must be 2000"}
    assert await sqlite_shop.is_untouched(tea, stock=3)


async def test_one_order_has_one_currency(sqlite_shop: OrderShop) -> None:
    """Products with prices in two currencies cannot be added up."""
    tea = await sqlite_shop.product(stock=3)
    pot = await sqlite_shop.product(currency="USD")
    answer = await sqlite_shop.order(line(tea), line(pot))
    assert (answer.status, answer.error["extensions"]["code"]) == (409, "MIXED_CURRENCIES")
    assert list(answer.fields) == ["orderProducts[1].product"]
    assert await sqlite_shop.is_untouched(tea, stock=3)


async def test_a_total_beyond_every_reader_is_refused(sqlite_shop: OrderShop) -> None:
    """Amounts that a reader of JSON would round are not stored."""
    mine = await sqlite_shop.product(price=INTEGER_MAX)
    assert (await sqlite_shop.order(line(mine), totalAmount=INTEGER_MAX)).status == 201
    answer = await sqlite_shop.order(line(mine, 2), totalAmount=INTEGER_MAX)
    assert (answer.status, list(answer.fields)) == (400, ["orderProducts"])


async def test_a_free_order_is_an_order(sqlite_shop: OrderShop) -> None:
    """Products that cost nothing can be ordered, without a payment."""
    sample = await sqlite_shop.product(price=0, stock=1)
    assert (await sqlite_shop.placed(line(sample), totalAmount=0))["totalAmount"] == 0


async def test_the_same_request_gives_the_same_answer(shop: OrderShop) -> None:
    """With its Idempotency-Key an order is placed once, even when it took the last piece and its price has changed."""
    tea = await shop.product(stock=1)
    key = {"idempotency-key": "k"}
    first = await shop.order(line(tea), headers=key)
    await shop.send("PATCH", f"/api/products/{tea['id']}", body={"price": 5, "status": "archived"})
    again = await shop.order(line(tea), headers=key)
    assert (again.status, again.body, again.headers[b"etag"]) == (201, first.body, b'"1"')
    assert (first.headers.get(b"idempotent-replayed"), again.headers[b"idempotent-replayed"]) == (None, b"true")
    assert (await shop.send("GET", "/api/orders/count")).json == {"totalDocs": 1}
    other = await shop.order(line(tea, 2), headers=key)
    assert (other.status, other.error["extensions"]["code"]) == (409, "CONFLICT")


async def test_fifty_parallel_requests_with_one_key_place_one_order(shop: OrderShop) -> None:
    """Of fifty at once for the last piece with one key all get the one order's answer."""
    tea = await shop.product(stock=1)
    answers = await asyncio.gather(*(shop.order(line(tea), headers={"idempotency-key": "k"}) for _ in range(50)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body for answer in answers}) == 1
    assert sum(b"idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert await shop.stock_of(tea) == 0


async def test_what_is_refused_leaves_no_key_behind(sqlite_shop: OrderShop) -> None:
    """After a refusal the same key places the order that was mended."""
    tea = await sqlite_shop.product(stock=1)
    key = {"idempotency-key": "k"}
    assert (await sqlite_shop.order(line(tea), totalAmount=1, headers=key)).status == 409
    assert (await sqlite_shop.order(line(tea), headers=key)).status == 201


@pytest.mark.parametrize(
    "caller",
    [
        publishable_key(),
        user(Role.TENANT_VIEWER),
        secret_key(scopes=("orders:read",)),
        secret_key(scopes=("products:*",)),
        secret_key(scopes=()),
    ],
)
async def test_who_may_not_write_orders_places_none(sqlite_shop: OrderShop, caller: Caller) -> None:
    """A publishable key, a viewer and a key without the scope get 403, and nothing is taken."""
    tea = await sqlite_shop.product(stock=1)
    assert (await sqlite_shop.order(line(tea), caller=caller)).status == 403
    assert await sqlite_shop.is_untouched(tea, stock=1)


@pytest.mark.parametrize(
    "caller", [secret_key(), secret_key(scopes=("orders:write",)), user(Role.TENANT_EDITOR), user(Role.TENANT_ADMIN)]
)
async def test_who_may_write_orders_places_one(sqlite_shop: OrderShop, caller: Caller) -> None:
    """A secret key, a key with the scope and an editor place orders, which is recorded under their name."""
    tea = await sqlite_shop.product(stock=1)
    answer = await sqlite_shop.order(line(tea), caller=caller)
    assert answer.status == 201
    [event] = sqlite_shop.events()
    assert (
        event.items()
        >= {
            "event": "order.created",
            "tenant": ACME,
            "subject": caller.subject,
            "order": answer.json["doc"]["id"],
            "mode": "live",
        }.items()
    )
