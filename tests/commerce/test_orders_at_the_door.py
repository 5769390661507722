"""Orders through the HTTP door: every credential, what is told and what is not, and two processes for the last piece."""

from __future__ import annotations

import asyncio
from collections import Counter
from urllib.parse import urlencode

import pytest

from scenario import Scenario, code_of, name_of, run
from world import Api

LINES = [{"product": "{product_live_a}", "quantity": 2, "unitPrice": 100}]
ORDER = {"orderProducts": LINES, "totalAmount": 200, "orderNumber": "A-1"}
CREATED = ("order.created",)
MOVED = ("order.status_changed",)
BY_NUMBER = "/api/orders/by-number/{number_live_a}"
BY_ID = "/api/orders/{order_live_a}"
OF_TEST_KEY = {"x-publishable-key": "{secret_pk_test_a}"}

ROWS = [
    Scenario(name="a secret key places an order", method="POST", path="/api/orders", who="sk_live_a", json=ORDER, status=201, wanted=('"status":"pending"', '"totalAmount":200', '"name":"live a 1"'), headers_wanted={"etag": '"1"', "cache-control": "no-store"}, events=CREATED),
    Scenario(name="an editor places an order", method="POST", path="/api/orders", who="editor_a", json=ORDER, status=201, events=CREATED),
    Scenario(name="a viewer does not", method="POST", path="/api/orders", who="viewer_a", json=ORDER, status=403, wanted='"code":"FORBIDDEN"'),
    Scenario(name="a publishable key does not", method="POST", path="/api/orders", who="pk_live_a", json=ORDER, status=403, wanted='"code":"FORBIDDEN"'),
    Scenario(name="a publishable key does not, whatever is wrong", method="POST", path="/api/orders", who="pk_live_a", content=b"{", status=403),
    Scenario(name="nobody does not", method="POST", path="/api/orders", json=ORDER, status=401),
    Scenario(name="a product of another tenant", method="POST", path="/api/orders", who="sk_live_b", json=ORDER, status=409, wanted="PRODUCT_NOT_ON_SALE", unwanted="live a"),
    Scenario(name="a live product in test mode", method="POST", path="/api/orders", who="sk_test_a", json=ORDER, status=409, wanted="PRODUCT_NOT_ON_SALE", unwanted="live a"),
    Scenario(name="a live product by an editor in test mode", method="POST", path="/api/orders", who="editor_a", headers=OF_TEST_KEY, json=ORDER, status=409, wanted="PRODUCT_NOT_ON_SALE"),
    Scenario(name="a number that is taken", method="POST", path="/api/orders", who="sk_live_a", json={**ORDER, "orderNumber": "{number_live_a}"}, status=409, wanted=('"code":"CONFLICT"', '"path":"orderNumber"')),
    Scenario(name="a number that is taken in test mode", method="POST", path="/api/orders", who="sk_live_a", json={**ORDER, "orderNumber": "{number_test_a}"}, status=201, events=CREATED),
    Scenario(name="a wrong total", method="POST", path="/api/orders", who="sk_live_a", json={**ORDER, "totalAmount": 199}, status=409, wanted=('"code":"TOTAL_MISMATCH"', '"totalAmount":200')),
    Scenario(name="an unknown field", method="POST", path="/api/orders", who="sk_live_a", json={**ORDER, "status": "paid"}, status=400, wanted=('"path":"status"', "is not a field of this request")),
    Scenario(name="a form", method="POST", path="/api/orders", who="sk_live_a", content=b"a=b", headers={"content-type": "application/x-www-form-urlencoded"}, status=415),
    Scenario(name="a secret key in a browser", method="POST", path="/api/orders", who="sk_live_a", json=ORDER, headers={"origin": "https://shop.example"}, status=403, wanted="SECRET_KEY_IN_BROWSER", events=("secret_key.in_browser",)),
    Scenario(name="a cookie without its site", method="POST", path="/api/orders", headers={"cookie": "__Host-watchword={token_editor_a}"}, json=ORDER, status=403, wanted="CROSS_SITE_REQUEST"),
    Scenario(name="a secret key reads an order", path=BY_ID, who="sk_live_a", status=200, wanted='"orderNumber":"{number_live_a}"', headers_wanted={"etag": '"1"', "cache-control": "no-store"}),
    Scenario(name="a viewer reads an order", path=BY_NUMBER, who="viewer_a", status=200, wanted='"id":"{order_live_a}"'),
    Scenario(name="an order that is held already", path=BY_NUMBER, who="viewer_a", headers={"if-none-match": '"1"'}, status=304),
    Scenario(name="a publishable key reads none", path=BY_ID, who="pk_live_a", status=403, unwanted="{number_live_a}"),
    Scenario(name="a publishable key reads none by number", path=BY_NUMBER, who="pk_live_a", status=403),
    Scenario(name="a publishable key lists none", path="/api/orders", who="pk_live_a", status=403),
    Scenario(name="a publishable key counts none", path="/api/orders/count", who="pk_live_a", status=403),
    Scenario(name="another tenant finds none", path=BY_ID, who="sk_live_b", status=404),
    Scenario(name="another tenant finds none by number", path=BY_NUMBER, who="sk_live_b", status=404),
    Scenario(name="test mode finds none", path=BY_ID, who="sk_test_a", status=404),
    Scenario(name="an editor in test mode finds none", path=BY_NUMBER, who="editor_a", headers=OF_TEST_KEY, status=404),
    Scenario(name="a list holds the own orders", path="/api/orders", who="sk_live_a", status=200, wanted=('"totalDocs":1', "{number_live_a}"), unwanted=("{number_live_b}", "{number_test_a}")),
    Scenario(name="a filter by number", path="/api/orders?where[orderNumber][equals]={number_live_a}", who="sk_live_a", status=200, wanted='"totalDocs":1'),
    Scenario(name="a filter by an unknown status", path="/api/orders?where[status][equals]=lost", who="sk_live_a", status=400, wanted="must be one of pending"),
    Scenario(name="a step", method="PATCH", path=BY_NUMBER, who="sk_live_a", json={"status": "paid"}, status=200, wanted='"status":"paid"', headers_wanted={"etag": '"2"'}, events=MOVED),
    Scenario(name="a cancellation in British spelling", method="PATCH", path=BY_ID, who="editor_a", json={"status": "cancelled"}, status=200, wanted='"status":"canceled"', events=MOVED),
    Scenario(name="a change that is no step", method="PATCH", path=BY_ID, who="editor_a", json={"notes": "x"}, status=200, wanted='"notes":"x"'),
    Scenario(name="a jump", method="PATCH", path=BY_ID, who="sk_live_a", json={"status": "delivered"}, status=409, wanted=('"code":"STATUS_JUMP"', '"status":"pending"', '"allowed":["paid","failed","canceled"]')),
    Scenario(name="a step meant for another version", method="PATCH", path=BY_ID, who="sk_live_a", headers={"if-match": '"2"'}, json={"status": "paid"}, status=412),
    Scenario(name="a step of a viewer", method="PATCH", path=BY_ID, who="viewer_a", json={"status": "paid"}, status=403),
    Scenario(name="a step of a publishable key", method="PATCH", path=BY_NUMBER, who="pk_live_a", json={"status": "paid"}, status=403),
    Scenario(name="a step of another tenant", method="PATCH", path=BY_NUMBER, who="admin_b", json={"status": "paid"}, status=404),
    Scenario(name="a step of test mode", method="PATCH", path=BY_ID, who="sk_test_a", json={"status": "paid"}, status=404),
    Scenario(name="orders are not deleted", method="DELETE", path=BY_ID, who="admin_a", status=405, headers_wanted={"allow": "GET, PATCH, HEAD, OPTIONS"}),
    Scenario(name="orders are not put", method="PUT", path="/api/orders", who="admin_a", status=405),
]  # fmt: skip


@pytest.mark.parametrize("scenario", ROWS, ids=name_of)
async def test_a_row(sqlite_api: Api, scenario: Scenario) -> None:
    """Each request gets its answer and leaves its events, and nothing else."""
    await run(sqlite_api, scenario)


async def test_the_last_piece_is_sold_once_by_two_processes(doors: tuple[Api, Api]) -> None:
    """Of fifty orders for the last piece, half of them through each of two processes, one is placed."""
    one, other = doors
    made = {"name": "Last", "price": 100, "stock": 1, "status": "published"}
    product = (await one.call("POST", "/api/products", who="sk_live_a", json=made)).json()["doc"]["id"]
    body = {"orderProducts": [{"product": product, "quantity": 1}], "totalAmount": 100}
    answers = await asyncio.gather(
        *(doors[number % 2].call("POST", "/api/orders", who="sk_live_a", json=body) for number in range(50))
    )
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 49}
    assert {code_of(answer) for answer in answers if answer.status_code == 409} == {"OUT_OF_STOCK"}
    assert (await other.call("GET", f"/api/products/{product}", who="sk_live_a")).json()["stock"] == 0
    assert (await other.call("GET", "/api/orders/count", who="sk_live_a")).json() == {"totalDocs": 2}


@pytest.mark.parametrize(("scope", "status"), [("orders:write", 201), ("orders:*", 201), ("orders:read", 403)])
async def test_an_access_token_does_what_its_scope_says(sqlite_api: Api, scope: str, status: int) -> None:
    """An OAuth client of the tenant places orders with a token for that, and with no other."""
    world = sqlite_api.world
    form = urlencode(
        {
            "grant_type": "client_credentials",
            "scope": scope,
            "client_id": world.clients["a"],
            "client_secret": world.client_secrets["a"],
        }
    )
    content_type = {"content-type": "application/x-www-form-urlencoded"}
    given = await sqlite_api.call("POST", "/oauth/token", content=form.encode(), headers=content_type)
    bearer = {"authorization": f"Bearer {given.json()['access_token']}"}
    lines = [{"product": world.products["live_a"], "quantity": 1}]
    body = {"orderProducts": lines, "totalAmount": 100}
    answer = await sqlite_api.call("POST", "/api/orders", headers=bearer, json=body)
    assert answer.status_code == status, answer.text


async def test_the_scopes_of_orders_are_told_to_clients(sqlite_api: Api) -> None:
    """What clients find out about the API names the scopes that orders need."""
    told = await sqlite_api.call("GET", "/.well-known/oauth-protected-resource/t/tenant-a/api")
    assert {"orders:read", "orders:write"} <= set(told.json()["scopes_supported"])


async def test_a_key_that_may_only_read_orders(sqlite_api: Api) -> None:
    """Scopes narrow a secret key: it reads orders, is told which scope it lacks to write them, and sees no product."""
    key = {"name": "Reader", "kind": "secret", "scopes": ["orders:read"]}
    made = await sqlite_api.call("POST", "/api/keys", who="admin_a", json=key)
    headers = {"x-api-key": made.json()["doc"]["key"]}
    assert (await sqlite_api.call("GET", "/api/orders", headers=headers)).status_code == 200
    for method, path in (("POST", "/api/orders"), ("PATCH", BY_ID), ("GET", "/api/products")):
        body = {"status": "paid"} if method == "PATCH" else ORDER if method == "POST" else None
        answer = await sqlite_api.call(method, path, headers=headers, json=body)
        assert (answer.status_code, code_of(answer)) == (403, "INSUFFICIENT_SCOPE")
