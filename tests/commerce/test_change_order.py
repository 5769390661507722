"""The life of an order: its steps, what its status leaves open, and the stock that comes back."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from orders_rig import OrderShop, line
from records_rig import ACME, OTHER, publishable_key, secret_key, user
from support import START_MS
from watchword.callers.caller import Caller, Role
from watchword.commerce.life_cycle import NEXT, STATUSES, OrderStatus
from watchword.ids import make_id

WAY_TO: dict[OrderStatus, tuple[OrderStatus, ...]] = {
    "pending": (),
    "paid": ("paid",),
    "preparing": ("paid", "preparing"),
    "shipped": ("paid", "preparing", "shipped"),
    "delivered": ("paid", "preparing", "shipped", "delivered"),
    "confirmed": ("paid", "preparing", "shipped", "delivered", "confirmed"),
    "failed": ("failed",),
    "canceled": ("paid", "canceled"),
    "return_requested": ("paid", "preparing", "shipped", "delivered", "return_requested"),
    "return_processing": ("paid", "preparing", "shipped", "delivered", "return_requested", "return_processing"),
    "returned": ("paid", "preparing", "shipped", "delivered", "return_requested", "return_processing", "returned"),
}


@pytest.mark.parametrize("status", STATUSES)
async def test_only_the_documented_steps_are_taken(sqlite_shop: OrderShop, status: OrderStatus) -> None:
    """From each status every step but the documented ones is a 409 that names those, and changes nothing."""
    tea = await sqlite_shop.product(stock=50)
    order = await sqlite_shop.move(await sqlite_shop.placed(line(tea)), *WAY_TO[status])
    assert order["status"] == status
    path = f"/api/orders/{order['id']}"
    for wanted in STATUSES:
        if wanted in NEXT[status]:
            continue
        answer = await sqlite_shop.send("PATCH", path, body={"status": wanted, "notes": "x"})
        assert (answer.status, answer.error["extensions"]) == (
            409,
            {"code": "STATUS_JUMP", "status": status, "allowed": list(NEXT[status])},
        )
    assert (await sqlite_shop.send("GET", path)).json == order
    for wanted in NEXT[status]:
        other = await sqlite_shop.move(await sqlite_shop.placed(line(tea)), *WAY_TO[status])
        assert (await sqlite_shop.move(other, wanted))["status"] == wanted


async def test_a_step_is_a_version_of_the_order(shop: OrderShop) -> None:
    """A step answers with the whole order, its new tag and its time; totals by status follow; it is recorded once."""
    order = await shop.placed(line(await shop.product()))
    answer = await shop.send(
        "PATCH", f"/api/orders/{order['id']}", body={"status": "paid", "paymentId": "p"}, now_ms=START_MS + 1500
    )
    assert answer.json == {
        "message": "Updated successfully.",
        "doc": {**order, "status": "paid", "paymentId": "p", "updatedAt": "2026-01-07T10:00:01.500Z"},
    }
    assert answer.headers[b"etag"] == b'"2"'
    assert (await shop.send("GET", "/api/orders/count?where[status][equals]=paid")).json == {"totalDocs": 1}
    assert (await shop.send("GET", "/api/orders/count?where[status][equals]=pending")).json == {"totalDocs": 0}
    assert await shop.counters_agree(collection="orders")
    await shop.send("PATCH", f"/api/orders/{order['id']}", body={"notes": "x"})
    [event] = [event for event in shop.events() if event["event"] != "order.created"]
    assert (
        event.items()
        >= {
            "event": "order.status_changed",
            "tenant": ACME,
            "order": order["id"],
            "before": "pending",
            "after": "paid",
        }.items()
    )


async def test_an_order_is_changed_by_its_number_too(shop: OrderShop) -> None:
    """The path by number does what the path by id does, conditions included."""
    order = await shop.placed(line(await shop.product()), orderNumber="A-1.b_2")
    path = "/api/orders/by-number/A-1.b_2"
    refused = await shop.send("PATCH", path, body={"status": "paid"}, headers={"if-match": '"2"'})
    assert (refused.status, refused.error["extensions"]["code"]) == (412, "PRECONDITION_FAILED")
    done = await shop.send("PATCH", path, body={"status": "paid"}, headers={"if-match": '"1"'})
    assert (done.status, done.json["doc"]["id"]) == (200, order["id"])


@pytest.mark.parametrize("sent", ["canceled", "cancelled", "failed"])
async def test_an_order_that_ends_unshipped_gives_its_stock_back_once(shop: OrderShop, sent: str) -> None:
    """Canceled in either spelling, or failed, an order gives back what it took, and a second time nothing."""
    tea, pot = await shop.product(stock=5), await shop.product(stock=1)
    order = await shop.placed(line(tea, 2), line(pot), line(tea, 1))
    path = f"/api/orders/{order['id']}"
    doc = (await shop.send("PATCH", path, body={"status": sent})).json["doc"]
    assert doc["status"] == ("failed" if sent == "failed" else "canceled")
    assert [one["stockTaken"] for one in doc["orderProducts"]] == [False, False, False]
    assert (await shop.stock_of(tea), await shop.stock_of(pot)) == (5, 1)
    assert (await shop.send("PATCH", path, body={"status": sent})).status == 409
    assert (await shop.stock_of(tea), await shop.stock_of(pot)) == (5, 1)
    product = await shop.send("GET", f"/api/products/{tea['id']}")
    assert product.headers[b"etag"] == b'"3"'
    assert await shop.counters_agree()


async def test_fifty_cancellations_at_once_give_stock_back_once(shop: OrderShop) -> None:
    """Of fifty at once one is made, the others hear that the order is canceled, and the stock is what it was."""
    tea = await shop.product(stock=3)
    order = await shop.placed(line(tea, 2))
    answers = await asyncio.gather(
        *(shop.send("PATCH", f"/api/orders/{order['id']}", body={"status": "canceled"}) for _ in range(50))
    )
    assert Counter(answer.status for answer in answers) == {200: 1, 409: 49}
    assert await shop.stock_of(tea) == 3


async def test_of_two_different_steps_at_once_one_is_taken(shop: OrderShop) -> None:
    """An order that is paid and declared failed at once is one of the two, and its stock agrees with it."""
    for _ in range(10):
        tea = await shop.product(stock=1)
        order = await shop.placed(line(tea))
        path = f"/api/orders/{order['id']}"
        answers = await asyncio.gather(
            *(shop.send("PATCH", path, body={"status": status}) for status in ("paid", "failed"))
        )
        assert sorted(answer.status for answer in answers) == [200, 409]
        status = (await shop.send("GET", path)).json["status"]
        assert await shop.stock_of(tea) == (1 if status == "failed" else 0)


async def test_orders_and_cancellations_at_once_lose_no_piece(shop: OrderShop) -> None:
    """While orders come and go over the same products in opposite orders, every piece is in an order or in the stock."""
    tea, pot = await shop.product(stock=30), await shop.product(stock=30)
    orders = [await shop.placed(line(tea), line(pot)) for _ in range(10)]

    async def act(number: int) -> None:
        if number % 2:
            await shop.move(orders[number // 2], "canceled")
        else:
            assert (await shop.order(line(pot), line(tea))).status == 201

    await asyncio.gather(*(act(number) for number in range(20)))
    assert (await shop.stock_of(tea), await shop.stock_of(pot)) == (20, 20)


async def test_stock_comes_back_to_what_still_counts(sqlite_shop: OrderShop) -> None:
    """A product that is gone, or that nobody counts any more, gets nothing back; one that was not counted then neither."""
    gone, uncounted, counted = [await sqlite_shop.product(stock=5) for _ in range(3)]
    late = await sqlite_shop.product()
    order = await sqlite_shop.placed(*(line(product) for product in (gone, uncounted, counted, late)))
    await sqlite_shop.send("DELETE", f"/api/products/{gone['id']}")
    await sqlite_shop.send("PATCH", f"/api/products/{uncounted['id']}", body={"stock": None})
    await sqlite_shop.send("PATCH", f"/api/products/{late['id']}", body={"stock": 9})
    await sqlite_shop.move(order, "canceled")
    stocks = [await sqlite_shop.stock_of(product) for product in (uncounted, counted, late)]
    assert stocks == [None, 5, 9]


async def test_what_is_returned_stays_out_of_stock(sqlite_shop: OrderShop) -> None:
    """Goods that came back are looked at by a person before they can be sold again."""
    tea = await sqlite_shop.product(stock=5)
    await sqlite_shop.move(await sqlite_shop.placed(line(tea, 2)), *WAY_TO["returned"])
    assert await sqlite_shop.stock_of(tea) == 3


async def test_the_same_change_gives_the_same_answer(shop: OrderShop) -> None:
    """With its Idempotency-Key a step is taken once and answered alike, also when the order has gone on since."""
    tea = await shop.product(stock=3)
    order = await shop.placed(line(tea))
    path, key = f"/api/orders/{order['id']}", {"idempotency-key": "k"}
    body = {"status": "paid"}
    answers = await asyncio.gather(*(shop.send("PATCH", path, body=body, headers=key) for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert sum(b"idempotent-replayed" not in answer.headers for answer in answers) == 1
    await shop.move(order, "canceled")
    again = await shop.send("PATCH", path, body=body, headers={**key, "if-match": '"1"'})
    assert (again.status, again.body, again.headers.get(b"etag")) == (200, answers[0].body, None)
    other = await shop.send("PATCH", path, body={"status": "failed"}, headers=key)
    assert (other.status, other.error["extensions"]["code"]) == (409, "CONFLICT")
    refused = await shop.send("PATCH", path, body=body, headers={"idempotency-key": "other"})
    assert (refused.status, refused.error["extensions"]["code"]) == (409, "STATUS_JUMP")
    assert await shop.stock_of(tea) == 3


async def test_fields_that_are_open_are_changed_and_taken_away(sqlite_shop: OrderShop) -> None:
    """Before shipping, notes, payment, customer and address take new values in both spellings; null takes them away."""
    order = await sqlite_shop.placed(line(await sqlite_shop.product()), customerSnapshot={"name": "Kim"}, notes="x")
    path = f"/api/orders/{order['id']}"
    sent: dict[str, Any] = {
        "email": "lee@example.com",
        "shippingAddress": {"address": "Jong-ro 1", "zipCode": "03154"},
        "paymentId": "p",
        "notes": None,
    }
    doc = (await sqlite_shop.send("PATCH", path, body=sent)).json["doc"]
    assert doc["customerSnapshot"] == {"name": "Kim", "email": "lee@example.com"}
    assert (doc["email"], doc["paymentId"], doc.get("notes")) == ("lee@example.com", "p", None)
    assert doc["shippingAddress"] == {"postalCode": "03154", "address1": "Jong-ro 1"}
    sent = {"email": None, "shippingAddress": None, "paymentId": None}
    doc = (await sqlite_shop.send("PATCH", path, body=sent)).json["doc"]
    assert doc["customerSnapshot"] == {"name": "Kim"}
    assert not {"email", "shippingAddress", "paymentId"} & set(doc)


@pytest.mark.parametrize(
    ("status", "field", "value"),
    [
        ("paid", "paymentId", "p2"),
        ("failed", "paymentId", None),
        ("shipped", "shippingAddress", {"address1": "x"}),
        ("delivered", "shippingAddress", None),
        ("canceled", "shippingAddress", {"address1": "x"}),
        ("shipped", "email", "a@example.com"),
        ("returned", "customerSnapshot", {"name": "x"}),
    ],
)
async def test_fields_that_are_fixed_are_refused(
    sqlite_shop: OrderShop, status: OrderStatus, field: str, value: object
) -> None:
    """What the status has fixed is a 409 that names the field, and nothing changes; notes stay open."""
    order = await sqlite_shop.placed(line(await sqlite_shop.product()), paymentId="p1")
    order = await sqlite_shop.move(order, *WAY_TO[status])
    path = f"/api/orders/{order['id']}"
    answer = await sqlite_shop.send("PATCH", path, body={field: value, "notes": "x"})
    assert (answer.status, answer.error["extensions"]["code"]) == (409, "ORDER_FIXED")
    assert answer.fields == {field: f"is fixed once an order is {status}"}
    assert (await sqlite_shop.send("GET", path)).json == order
    assert (await sqlite_shop.send("PATCH", path, body={"notes": "x"})).status == 200


async def test_a_payment_that_is_known_late_is_noted_once(sqlite_shop: OrderShop) -> None:
    """An order that was paid before its payment's id was known takes the id, and no other after it."""
    order = await sqlite_shop.move(await sqlite_shop.placed(line(await sqlite_shop.product())), "paid", "preparing")
    path = f"/api/orders/{order['id']}"
    assert (await sqlite_shop.send("PATCH", path, body={"paymentId": "p1"})).json["doc"]["paymentId"] == "p1"
    assert (await sqlite_shop.send("PATCH", path, body={"paymentId": "p2"})).status == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"totalAmount": 1}, "totalAmount"),
        ({"orderProducts": []}, "orderProducts"),
        ({"orderNumber": "B-1"}, "orderNumber"),
        ({"currency": "USD"}, "currency"),
        ({"id": "ord_1"}, "id"),
        ({"createdAt": "2020-01-01"}, "createdAt"),
        ({"status": "lost"}, "status"),
        ({"status": None}, "status"),
        ({"status": 1}, "status"),
        ({"email": "nobody"}, "email"),
        ({"email": ""}, "email"),
        ({"notes": 1}, "notes"),
        ({"shippingAddress": {"zipCode": "1", "postalCode": "2"}}, "shippingAddress.zipCode"),
    ],
)
async def test_a_wrong_change_is_refused_by_its_field(
    sqlite_shop: OrderShop, body: dict[str, object], field: str
) -> None:
    """What can never be changed, or has no such value, is named, and nothing changes."""
    order = await sqlite_shop.placed(line(await sqlite_shop.product()))
    answer = await sqlite_shop.send("PATCH", f"/api/orders/{order['id']}", body=body)
    assert (answer.status, list(answer.fields)) == (400, [field])
    assert (await sqlite_shop.send("GET", f"/api/orders/{order['id']}")).json == order


@pytest.mark.parametrize("stranger", [secret_key(OTHER), secret_key(mode="test"), user(Role.SUPER_ADMIN, OTHER)])
async def test_another_tenant_and_the_other_mode_find_nothing(shop: OrderShop, stranger: Caller) -> None:
    """An order exists for its own tenant and mode only, by id and by number, and is answered as one that nobody has."""
    order = await shop.placed(line(await shop.product()), orderNumber="A-1")
    nobodys = make_id("order", START_MS)
    for path, other in (
        (f"/api/orders/{order['id']}", f"/api/orders/{nobodys}"),
        ("/api/orders/by-number/A-1", "/api/orders/by-number/A-2"),
    ):
        for method, body in (("GET", None), ("PATCH", {"status": "paid"})):
            answers = [await shop.send(method, at, caller=stranger, body=body) for at in (path, other)]
            assert [answer.status for answer in answers] == [404, 404]
            assert answers[0].body == answers[1].body
    assert (await shop.send("GET", "/api/orders", caller=stranger)).json["docs"] == []
    assert (await shop.send("GET", f"/api/orders/{order['id']}")).json == order


@pytest.mark.parametrize("number", ["%00", "%2f", "x" * 65, "-1", "%27%20OR%201=1--", "count", "by-number"])
async def test_what_is_no_number_is_not_found(sqlite_shop: OrderShop, number: str) -> None:
    """A text that can be no order's number is a 404 for every method."""
    for method, body in (("GET", None), ("PATCH", {})):
        assert (await sqlite_shop.send(method, f"/api/orders/by-number/{number}", body=body)).status == 404


@pytest.mark.parametrize("caller", [publishable_key(), secret_key(scopes=("orders:write",)), user(None)])
async def test_who_may_not_read_orders_sees_none(sqlite_shop: OrderShop, caller: Caller) -> None:
    """A publishable key, a key without the scope and a user without a role get 403 on every read."""
    order = await sqlite_shop.placed(line(await sqlite_shop.product()), orderNumber="A-1")
    for path in ("", "/count", f"/{order['id']}", "/by-number/A-1"):
        answer = await sqlite_shop.send("GET", f"/api/orders{path}", caller=caller)
        assert answer.status == 403
        assert order["id"].encode() not in answer.body


@pytest.mark.parametrize("caller", [publishable_key(), user(Role.TENANT_VIEWER), secret_key(scopes=("orders:read",))])
async def test_readers_never_change(sqlite_shop: OrderShop, caller: Caller) -> None:
    """A publishable key, a viewer and a key that may only read get 403 on every change."""
    order = await sqlite_shop.placed(line(await sqlite_shop.product()), orderNumber="A-1")
    for path in (order["id"], "by-number/A-1"):
        answer = await sqlite_shop.send("PATCH", f"/api/orders/{path}", caller=caller, body={"status": "paid"})
        assert answer.status == 403
    assert (await sqlite_shop.send("GET", f"/api/orders/{order['id']}")).json == order


async def test_orders_are_listed_as_any_collection(shop: OrderShop) -> None:
    """Filters, sorts, cuts, pages and exact totals hold for orders, on both backends alike."""
    tea = await shop.product()
    for number in range(1, 13):
        order = await shop.placed(line(tea, number), orderNumber=f"A-{number:02}", email=f"c{number % 3}@example.com")
        if number % 4 == 0:
            await shop.move(order, "paid")
    page = (await shop.send("GET", "/api/orders?sort=-totalAmount&limit=5&select=orderNumber")).json
    assert [doc["orderNumber"] for doc in page["docs"]] == ["A-12", "A-11", "A-10", "A-09", "A-08"]
    assert (page["totalDocs"], page["totalPages"]) == (12, 3)
    for query, numbers in (
        ("where[status][equals]=paid&sort=orderNumber", ["A-04", "A-08", "A-12"]),
        ("where[email][equals]=c1@example.com&sort=-orderNumber", ["A-10", "A-07", "A-04", "A-01"]),
        ("where[email][in]=c0@example.com&where[totalAmount][less_than]=9000&sort=totalAmount", ["A-03", "A-06"]),
        ("where[orderNumber][equals]=A-05", ["A-05"]),
        ("where[shippingAddress][exists]=true", []),
        ("sort=email,orderNumber&limit=4", ["A-03", "A-06", "A-09", "A-12"]),
    ):
        found = (await shop.send("GET", f"/api/orders?{query}")).json["docs"]
        assert [doc["orderNumber"] for doc in found] == numbers, query
