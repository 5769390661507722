"""The Python driver of ``scenarios.py``: does the scenario that is named and prints what came of it.

``python python_driver.py NAME`` with the blocking client, whose parallel calls are threads; with ``async`` behind the
name with the asynchronous one.
"""
# ruff: noqa: ANN401 - one program for two clients, whose methods differ in nothing but whether they are awaited

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
import urllib.request
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import watchword_client as sdk

LIFE_SECONDS = 604_800
UNKNOWN_KEY = "pk_live_" + "a" * 36


class ScenarioClock:
    """A clock that does not sleep: it moves on, and the server's with it."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self._moved = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        return time.time() + self._moved

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.advance(seconds)

    async def sleep_async(self, seconds: float) -> None:
        await asyncio.to_thread(self.sleep, seconds)

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._moved += seconds
        control("/advance", seconds=seconds)


def control(message: str, **content: object) -> None:
    """Tell the server's control."""
    url = os.environ["SCENARIO_CONTROL"] + message
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(content).encode(), method="POST")):
        pass


class Driver:
    """The scenarios, written once for both clients: what either returns goes through ``got``."""

    def __init__(self, *, is_async: bool) -> None:
        self.is_async = is_async
        self.clock = ScenarioClock()
        self.told: list[str] = []
        self.ended: list[sdk.WatchwordError] = []
        self.threads = ThreadPoolExecutor(100)

    def client(self, key: str | None = None) -> Any:
        make: Any = sdk.create_async_client if self.is_async else sdk.create_client
        return make(
            client_key=os.environ["SCENARIO_CLIENT_KEY"] if key is None else key,
            on_token_refresh=self.told.append,
            on_session_end=self.ended.append,
            clock=self.clock,
        )

    def server_client(self, secret: str = "SCENARIO_SECRET_KEY") -> Any:
        make: Any = sdk.create_async_server_client if self.is_async else sdk.create_server_client
        keys = {"client_key": os.environ["SCENARIO_CLIENT_KEY"], "secret_key": os.environ[secret]}
        return make(**keys, clock=self.clock)

    async def signed_in(self) -> Any:
        client = self.client()
        await self.login(client, os.environ["SCENARIO_PASSWORD"])
        return client

    async def login(self, client: Any, password: str) -> None:
        await self.got(client.collections.users.login, email=os.environ["SCENARIO_EMAIL"], password=password)

    async def got(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a method of either client."""
        if self.is_async:
            return await method(*args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self.threads, lambda: method(*args, **kwargs))

    async def docs(self, client: Any) -> int:
        return len((await self.got(client.from_("products").find)).data.docs)

    async def at_once(self, times: int, call: Callable[[], Awaitable[Any]]) -> dict[str, Any]:
        """Call so many times at once; say how many were answered, and the error of the first that was not."""
        came = await asyncio.gather(*(call() for _ in range(times)), return_exceptions=True)
        errors = [error for error in came if isinstance(error, BaseException)]
        codes = sorted({described(error)["code"] for error in errors if isinstance(error, sdk.WatchwordError)})
        return {"answered": times - len(errors), "codes": codes}

    # The scenarios, in the order of their table.

    async def do_login(self) -> dict[str, Any]:
        client = await self.signed_in()
        user = (await self.got(client.collections.users.me)).data.user
        page = (await self.got(client.from_("products").find)).data
        return {"email": user.email, "role": user.role, "docs": len(page.docs), "total": page.pagination.total_docs}

    async def do_login_refused(self) -> dict[str, Any]:
        return await self.refused(self.login(self.client(), "quite wrong"))

    async def do_logout(self) -> dict[str, Any]:
        client = await self.signed_in()
        await self.got(client.collections.users.logout)
        return {"docs": await self.docs(client), "token": client.token is not None}

    async def do_renewed_in_time(self) -> dict[str, Any]:
        client = await self.signed_in()
        before = client.token
        self.clock.advance(LIFE_SECONDS * 0.95)
        docs = await self.docs(client)
        return {"docs": docs, "told": self.told.count(client.token), "changed": client.token != before}

    async def do_hundred_at_expiry(self) -> dict[str, Any]:
        client = await self.signed_in()
        self.clock.advance(LIFE_SECONDS * 0.95)
        came = await self.at_once(100, lambda: self.docs(client))
        return {"answered": came["answered"], "told": len(self.told)}

    async def do_expired(self) -> dict[str, Any]:
        client = await self.signed_in()
        self.clock.advance(LIFE_SECONDS * 1.01)
        came = await self.at_once(20, lambda: self.got(client.collections.users.me))
        ended = [described(error) for error in self.ended]
        return {"answered": came["answered"], "first": ended[0], "ended": len(ended), "docs": await self.docs(client)}

    async def do_expired_at_the_server(self) -> dict[str, Any]:
        client = await self.signed_in()
        control("/advance", seconds=LIFE_SECONDS * 1.01)
        refused = await self.refused(self.docs(client))
        return {"error": refused["error"], "ended": len(self.ended), "docs": await self.docs(client)}

    async def do_logged_out_elsewhere(self) -> dict[str, Any]:
        client = await self.signed_in()
        control("/log-out")
        refused = await self.refused(self.got(client.collections.users.me))
        return {"error": refused["error"], "ended": len(self.ended), "docs": await self.docs(client)}

    async def do_logged_out_elsewhere_at_once(self) -> dict[str, Any]:
        client = await self.signed_in()
        control("/log-out")
        came = await self.at_once(20, lambda: self.got(client.collections.users.me))
        return {"answered": came["answered"], "ended": len(self.ended)}

    async def do_limited(self) -> dict[str, Any]:
        client = self.client(os.environ["SCENARIO_LIMITED_KEY"])
        self.clock.advance(50)
        for _ in range(3):
            await self.docs(client)
        return {"answered": 3, "waited": int(sum(self.clock.waits))}

    async def do_limited_for_long(self) -> dict[str, Any]:
        client = self.client(os.environ["SCENARIO_LIMITED_KEY"])
        for _ in range(2):
            await self.docs(client)
        try:
            await self.docs(client)
        except sdk.WatchwordError as error:
            waits = len(self.clock.waits)
            return {"error": described(error), "retry_after": error.retry_after_seconds, "waits": waits}
        return {}

    async def do_restarted(self) -> dict[str, Any]:
        client = await self.signed_in()
        docs = [await self.docs(client)]
        control("/restart")
        docs.append(await self.docs(client))
        me = await self.got(client.collections.users.me)
        return {"docs": docs, "email": me.data.user.email, "ended": len(self.ended)}

    async def do_away_for_a_moment(self) -> dict[str, Any]:
        client = self.client()
        docs = [await self.docs(client)]
        control("/stop", until="advance")
        docs.append(await self.docs(client))
        return {"docs": docs, "waits": len(self.clock.waits)}

    async def do_offline(self) -> dict[str, Any]:
        control("/stop")
        return await self.refused(self.docs(self.client()))

    async def do_wrong_authority(self) -> dict[str, Any]:
        return await self.refused(self.docs(self.client()))

    async def do_wrong_key(self) -> dict[str, Any]:
        return await self.refused(self.docs(self.client(UNKNOWN_KEY)))

    async def do_missing_key(self) -> dict[str, Any]:
        return self.refused_at_once(lambda: self.client(""))

    async def do_misshapen_key(self) -> dict[str, Any]:
        return self.refused_at_once(lambda: self.client("undefined"))

    async def do_keys_of_two_modes(self) -> dict[str, Any]:
        return self.refused_at_once(lambda: self.server_client("SCENARIO_TEST_SECRET_KEY"))

    async def do_secret_in_browser(self) -> dict[str, Any]:
        return self.refused_at_once(lambda: self.client(os.environ["SCENARIO_SECRET_KEY"]))

    async def do_no_https(self) -> dict[str, Any]:
        os.environ["WATCHWORD_URL"] = "http://api.example.com"
        return self.refused_at_once(self.client)

    async def do_key_may_not_write(self) -> dict[str, Any]:
        return await self.refused(self.got(self.client().from_("products").create, {"name": "Tea", "price": 4500}))

    async def do_wrong_fields(self) -> dict[str, Any]:
        try:
            await self.got(self.server_client().from_("products").create, {})
        except sdk.WatchwordError as error:
            fields = sorted(fault.path for fault in error.fields)
            return {"error": described(error), "fields": fields, "request_id": bool(error.request_id)}
        return {}

    async def do_written(self) -> dict[str, Any]:
        products = self.server_client().from_("products")
        made = (await self.got(products.create, {"name": "Tea", "price": 4500})).data
        changed = (await self.got(products.update, made["id"], {"price": 5000})).data
        read = (await self.got(products.find_by_id, made["id"])).data
        counted = (await self.got(products.count, where={"price": {"equals": 5000}})).data.total_docs
        removed = (await self.got(products.remove, made["id"])).data
        found = (await self.got(products.find_by_id, made["id"])).data
        prices = [made["price"], changed["price"], read["price"]]
        return {"price": prices, "count": counted, "removed": removed["name"], "found": found}

    async def do_walked(self) -> dict[str, Any]:
        walk = self.server_client().from_("products").all(limit=5)
        documents = [document async for document in walk] if self.is_async else list(walk)
        return {"docs": len(documents), "ids": len({document["id"] for document in documents})}

    async def do_ordered(self) -> dict[str, Any]:
        client, number = self.server_client(), "260107482935"
        found = await self.got(client.from_("products").find, sort="createdAt", limit=1)
        product = found.data.docs[0]
        order = {
            "order_number": number,
            "order_products": [{"product": product["id"], "quantity": 2, "unit_price": product["price"]}],
            "total_amount": 2 * product["price"],
            "shipping_address": {"recipient_name": "Kim", "postal_code": "04524", "address1": "110 Sejong-daero"},
        }
        placed = (await self.got(client.api.create_order, **order)).data
        again = await self.refused(self.got(client.api.create_order, **order))
        paid = (await self.got(client.api.update_order, order_number=number, status="paid", payment_id="p")).data
        jump = await self.refused(self.got(client.api.update_order, order_number=number, status="delivered"))
        got = (await self.got(client.api.get_order, order_number=number)).data
        return {
            "placed": placed["status"],
            "again": again["error"],
            "paid": paid["status"],
            "jump": jump["error"],
            "got": [got["orderNumber"], got["status"], got["totalAmount"]],
        }

    async def do_person_may_not_order(self) -> dict[str, Any]:
        return await self.refused(self.got(self.client().from_("orders").find))

    async def refused(self, call: Awaitable[Any]) -> dict[str, Any]:
        """Print the error of a call."""
        try:
            await call
        except sdk.WatchwordError as error:
            return {"error": described(error), "waits": len(self.clock.waits)}
        return {}

    def refused_at_once(self, make: Callable[[], Any]) -> dict[str, Any]:
        """Print the error of making a client."""
        try:
            make()
        except sdk.WatchwordError as error:
            return {"error": described(error)}
        return {}


def described(error: sdk.WatchwordError) -> dict[str, Any]:
    """Describe an error as the table does."""
    return {"code": error.code, "status": error.status or 0}


if __name__ == "__main__":
    driver = Driver(is_async="async" in sys.argv[2:])
    print(json.dumps(asyncio.run(getattr(driver, f"do_{sys.argv[1]}")())))  # noqa: T201 - what it is called for
