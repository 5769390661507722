"""Collections and orders against a running server, by the blocking and the asynchronous client alike."""
# ruff: noqa: ANN401 - one course for two clients, whose methods differ in nothing but whether they are awaited

from __future__ import annotations

import contextlib
import inspect
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from clients.instance import Instance
from watchword_client import (
    WatchwordError,
    create_async_client,
    create_async_server_client,
    create_client,
    create_server_client,
    generate_order_number,
)
from world import PASSWORD


class Shop:
    """A server's client on test data and a person's on live data, of one kind; ``got`` awaits where it has to."""

    def __init__(self, instance: Instance, kind: str, told: list[str]) -> None:
        keys = instance.world.keys
        where: Any = {"base_url": instance.url, "ca_file": instance.authority}

        async def tell(token: str) -> None:
            told.append(token)

        self.server: Any
        self.person: Any
        if kind == "async":
            self.server = create_async_server_client(keys["pk_test_a"], keys["sk_test_a"], **where)
            self.person = create_async_client(keys["pk_live_a"], on_token_refresh=tell, **where)
        else:
            self.server = create_server_client(keys["pk_test_a"], keys["sk_test_a"], **where)
            self.person = create_client(keys["pk_live_a"], on_token_refresh=told.append, **where)
        self.products = self.server.from_("products")

    async def got(self, came: Any) -> Any:
        return await came if inspect.isawaitable(came) else came

    async def listed(self, walk: Any) -> list[Any]:
        return [item async for item in walk] if hasattr(walk, "__aiter__") else list(walk)

    async def refused(self, call: Any) -> WatchwordError:
        with pytest.raises(WatchwordError) as caught:
            await self.got(call())
        return caught.value

    async def close(self) -> None:
        for client in (self.server, self.person):
            with contextlib.suppress(AttributeError):
                client.close()
            with contextlib.suppress(AttributeError):
                await client.aclose()


@pytest.fixture
def told() -> list[str]:
    """The tokens that the application was told."""
    return []


@pytest.fixture(params=["blocking", "async"])
async def shop(request: pytest.FixtureRequest, instance: Instance, told: list[str]) -> AsyncIterator[Shop]:
    """The clients of both kinds in turn."""
    made = Shop(instance, request.param, told)
    yield made
    await made.close()


def tea(**fields: object) -> dict[str, object]:
    return {"name": "Tea", "price": 4500, "status": "published", **fields}


async def test_version_guards_a_change(shop: Shop) -> None:
    """A change or removal in a version that is no longer the stored one is refused."""
    made = (await shop.got(shop.products.create(tea()))).data
    read = await shop.got(shop.products.find_by_id(made["id"]))
    changed = await shop.got(shop.products.update(made["id"], {"price": 5000}, if_match=read.etag))
    assert changed.data["price"] == 5000
    stale = await shop.refused(lambda: shop.products.update(made["id"], {"price": 1}, if_match=read.etag))
    assert (stale.code, stale.status) == ("PRECONDITION_FAILED", 412)
    assert (await shop.refused(lambda: shop.products.remove(made["id"], if_match=read.etag))).status == 412
    assert (await shop.got(shop.products.remove(made["id"], if_match=changed.etag))).data["id"] == made["id"]
    assert (await shop.got(shop.products.find_by_id(made["id"]))).data is None


async def test_one_key_makes_one_document(shop: Shop) -> None:
    """What is created twice by one Idempotency-Key of the application's is there once."""
    key = uuid.uuid4().hex
    first = await shop.got(shop.products.create(tea(), idempotency_key=key))
    second = await shop.got(shop.products.create(tea(), idempotency_key=key))
    assert first.data == second.data
    other = await shop.refused(lambda: shop.products.create(tea(price=1), idempotency_key=key))
    assert other.code == "CONFLICT"
    await shop.got(shop.products.remove(first.data["id"]))


async def test_walks(shop: Shop) -> None:
    """All pages follow each other by cursor, from the page that is asked for, and end."""
    products = shop.person.collections.products
    names = [document["name"] for document in await shop.listed(products.all(sort="price", limit=5))]
    assert names == [f"live a {number}" for number in range(1, 13)]
    pages = await shop.listed(products.pages(sort="price", limit=5, page=2))
    assert [len(page.docs) for page in pages] == [5, 2]
    assert pages[0].pagination.total_docs == 12


async def test_options(shop: Shop) -> None:
    """Conditions nest, lists are any of, fields are taken or left out."""
    products = shop.person.from_("products")
    where = {"or": [{"price": {"equals": 100}}, {"and": [{"price": {"greater_than": 1100}}]}], "sku": {"exists": True}}
    found = (await shop.got(products.find(where=where, sort=["-price", "name"], select=["name"]))).data
    assert [sorted(document) for document in found.docs] == [["id", "name"]] * 2
    assert [document["name"] for document in found.docs] == ["live a 12", "live a 1"]
    some = {"sku": {"in": ["S1", "S2"]}}
    assert (await shop.got(products.count(where=some))).data.total_docs == 2
    left = (await shop.got(products.find(where=some, select={"price": False}, limit=1))).data.docs[0]
    assert "price" not in left
    one = (await shop.got(products.find_by_id(left["id"], select="sku"))).data
    assert sorted(one) == ["id", "sku"]


async def test_mistakes(shop: Shop) -> None:
    """A mistyped field, an unknown collection and an empty id are errors, and none reads as an empty list."""
    wrong = await shop.refused(lambda: shop.products.find(where={"prise": {"equals": 1}}))
    assert wrong.code == "VALIDATION_ERROR"
    assert [fault.path for fault in wrong.fields] == ["where[prise]"]
    assert (await shop.refused(lambda: shop.server.from_("no-such").find())).status == 404
    assert (await shop.refused(shop.server.collections.no_such.find)).status == 404
    for nothing in ("", ".", ".."):
        assert (await shop.refused(lambda text=nothing: shop.products.find_by_id(text))).code == "WRONG_ID"
        assert (await shop.refused(lambda text=nothing: shop.server.from_(text))).code == "WRONG_ID"
    assert (await shop.got(shop.products.find_by_id("../keys"))).data is None
    with pytest.raises(AttributeError):
        _ = shop.server.collections._hidden


async def test_course_of_an_order(shop: Shop) -> None:
    """An order is placed once by its key, walked on, and read; a jump names the steps that there are."""
    product = (await shop.got(shop.products.create(tea(stock=3)))).data
    number, key, api = generate_order_number(), uuid.uuid4().hex, shop.server.api
    order: dict[str, Any] = {
        "order_number": number,
        "order_products": [{"product": product["id"], "quantity": 2, "unit_price": 4500}],
        "total_amount": 9000,
        "customer_snapshot": {"name": "Kim", "email": "kim@example.com"},
        "shipping_address": {"recipientName": "Kim", "postal_code": "04524", "address_1": "110 Sejong-daero"},
        "idempotency_key": key,
    }
    placed = (await shop.got(api.create_order(**order))).data
    assert placed == (await shop.got(api.create_order(**order))).data
    assert placed["shippingAddress"] == {
        "recipientName": "Kim",
        "postalCode": "04524",
        "address1": "110 Sejong-daero",
    }
    paid = (await shop.got(api.update_order(order_number=number, status="paid", notes="A gift"))).data
    assert (paid["status"], paid["notes"]) == ("paid", "A gift")
    jump = await shop.refused(lambda: api.update_order(order_number=number, status="delivered"))
    assert jump.code == "STATUS_JUMP"
    assert jump.extensions == {"status": "paid", "allowed": ["preparing", "canceled"]}
    assert (await shop.got(api.get_order(order_number=number))).data["status"] == "paid"
    assert (await shop.refused(lambda: api.get_order(order_number="000000000000"))).status == 404


async def test_people_sign_in_and_are_told_new_tokens(shop: Shop, told: list[str]) -> None:
    """After a login the client acts for the person; a plain and an async listener are both told."""
    users = shop.person.collections.users
    await shop.got(users.login(email="admin.a@example.com", password=PASSWORD))
    assert (await shop.got(shop.person.request("GET", "/api/keys", query={"limit": 1}))).data["docs"]
    await shop.got(users.refresh())
    assert told == [shop.person.token]
    await shop.got(users.logout())
    assert shop.person.token is None


@pytest.mark.parametrize("path", ["@evil.example/", ".evil.example/", "api/keys", ":1/", "https://evil.example/", ""])
async def test_paths_stay_at_the_server(shop: Shop, path: str) -> None:
    """What is no path of the server is refused before a key could be sent elsewhere."""
    assert (await shop.refused(lambda: shop.server.request("GET", path))).code == "WRONG_PATH"


async def test_other_routes(shop: Shop) -> None:
    """Any route can be asked, with headers of one's own."""
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    made = await shop.got(shop.server.request("POST", "/api/products", json=tea(), headers=headers))
    again = await shop.got(shop.server.request("POST", "/api/products", json=tea(), headers=headers))
    assert made.data["doc"] == again.data["doc"]
    await shop.got(shop.server.request("DELETE", f"/api/products/{made.data['doc']['id']}"))
