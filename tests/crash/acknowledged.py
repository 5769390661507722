"""What a server has acknowledged, written down by those who were told, and the questions that hold it to its word.

Each writer owns what it made, so that it knows what the server must hold. Whatever was asked and not answered is in
doubt: it may have happened or not, but not by half.
"""

from __future__ import annotations

import http.client
import os
import random
import threading
from collections.abc import Callable
from typing import Any, Protocol

from crash.order_writer import OrderWriter
from served import Answer, Connection, Served

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "20"))
SEED = int(os.environ.get("CRASH_SEED", "1"))

STORED = "SELECT tenant_id, mode, collection, facet, total FROM document_counts WHERE total <> 0"
COUNTED = (
    "SELECT tenant_id, mode, collection, '', count(*) FROM documents GROUP BY 1, 2, 3 UNION ALL"
    " SELECT tenant_id, mode, collection, counted_value, count(*) FROM documents WHERE counted_value IS NOT NULL"
    " GROUP BY 1, 2, 3, 4"
)
"""The kept counters, and what counting gives: on both databases the same."""

LIVING_MAX = 8
"""Sessions and keys that a writer keeps; beyond it, it ends some."""

REASKED_MAX = 40
"""Ended things of earlier rounds that are asked for again each time; the last round asks for all."""

REFUSED_SECONDS = 0.05
"""How long a writer lets a server be that has refused it: its database may be away."""


class Account:
    """Whose sessions, keys and products they are."""

    def __init__(self, env: dict[str, str], admin_token: str) -> None:
        self.email = env["WATCHWORD_EMAIL"]
        self.password = env["WATCHWORD_PASSWORD"]
        self.secret_key = env["WATCHWORD_SECRET_KEY"]
        self.admin_token = admin_token

    @classmethod
    def sign_in(cls, server: Served) -> Account:
        """Begin the session that manages keys; no writer ends it."""
        env = server.env()
        body = {"email": env["WATCHWORD_EMAIL"], "password": env["WATCHWORD_PASSWORD"]}
        return cls(env, server.call("POST", "/api/users/login", body=body).json["token"])


class Writer(Protocol):
    """One who changes things of its own and knows how they must stand."""

    def step(self, connection: Connection) -> bool:
        """Ask for one change; True when it was acknowledged."""
        ...

    def check(self, connection: Connection, *, thorough: bool) -> None:
        """Require the server to hold what it acknowledged, and settle what was in doubt."""
        ...


class SessionWriter:
    """Signs in, refreshes and signs out. The server grants no grace, so a replaced token is dead at once."""

    def __init__(self, account: Account, seed: int) -> None:
        self._account = account
        self._random = random.Random(seed)
        self.living: list[str] = []
        self.dead: list[str] = []
        self.doubtful: list[str] = []

    def step(self, connection: Connection) -> bool:
        if len(self.living) < 2 or (len(self.living) < LIVING_MAX and self._random.random() < 0.2):
            return self._sign_in(connection)
        token = self.living.pop(self._random.randrange(len(self.living)))
        self.doubtful.append(token)
        is_refresh = self._random.random() < 0.6
        answer = connection.call("POST", f"/api/users/{'refresh-token' if is_refresh else 'logout'}", bearer=token)
        if answer.status == 200:
            self.doubtful.remove(token)
            self.dead.append(token)
            if is_refresh:
                self.living.append(answer.json["token"])
        elif answer.status < 500:
            assert answer.status == 429, answer
            self.doubtful.remove(token)
            self.living.append(token)
        return answer.status == 200

    def check(self, connection: Connection, *, thorough: bool) -> None:
        for token in self.living:
            answer = connection.call("GET", "/api/users/me", bearer=token)
            assert answer.status == 200, f"an acknowledged session is lost: {answer}"
        for token in _asked_again(self.dead, self._random, thorough=thorough):
            answer = connection.call("GET", "/api/users/me", bearer=token)
            assert answer.status == 401, f"an ended session or a replaced token is back: {answer}"
        for token in self.doubtful:
            answers = [connection.call("GET", "/api/users/me", bearer=token).status for _ in range(2)]
            assert answers in ([200, 200], [401, 401])
            (self.living if answers[0] == 200 else self.dead).append(token)
        self.doubtful.clear()

    def _sign_in(self, connection: Connection) -> bool:
        body = {"email": self._account.email, "password": self._account.password}
        answer = connection.call("POST", "/api/users/login", body=body)
        if answer.status == 200:
            self.living.append(answer.json["token"])
        return answer.status == 200


class KeyWriter:
    """Makes, rotates and revokes secret keys."""

    def __init__(self, account: Account, seed: int) -> None:
        self._account = account
        self._random = random.Random(seed)
        self.living: dict[str, str] = {}
        self.dead: list[str] = []
        self.doubtful: dict[str, str] = {}

    def step(self, connection: Connection) -> bool:
        token = self._account.admin_token
        if len(self.living) < 2 or (len(self.living) < LIVING_MAX and self._random.random() < 0.4):
            answer = connection.call("POST", "/api/keys", bearer=token, body={"name": "crash", "kind": "secret"})
            return self._keep(answer)
        key_id = self._random.choice(list(self.living))
        self.doubtful[key_id] = self.living.pop(key_id)
        if self._random.random() < 0.5:
            answer = connection.call("DELETE", f"/api/keys/{key_id}", bearer=token)
        else:
            body = {"overlap_seconds": 0}
            answer = connection.call("POST", f"/api/keys/{key_id}/rotate", bearer=token, body=body)
            self._keep(answer)
        if answer.status in {200, 201}:
            self.dead.append(self.doubtful.pop(key_id))
        else:
            assert answer.status >= 500, answer
        return answer.status in {200, 201}

    def check(self, connection: Connection, *, thorough: bool) -> None:
        for text in self.living.values():
            answer = connection.call("GET", "/api/products/count", key=text)
            assert answer.status == 200, f"an acknowledged key is lost: {answer}"
        for text in _asked_again(self.dead, self._random, thorough=thorough):
            answer = connection.call("GET", "/api/products/count", key=text)
            assert answer.status == 401, f"a revoked or replaced key is back: {answer}"
        for key_id, text in self.doubtful.items():
            answers = [connection.call("GET", "/api/products/count", key=text).status for _ in range(2)]
            assert answers in ([200, 200], [401, 401])
            if answers[0] == 200:
                self.living[key_id] = text
            else:
                self.dead.append(text)
        self.doubtful.clear()

    def _keep(self, answer: Answer) -> bool:
        if answer.status == 201:
            doc = answer.json["doc"]
            self.living[doc["id"]] = doc["key"]
        return answer.status == 201


class ProductWriter:
    """Makes products, each order under an ``Idempotency-Key``, changes and deletes them."""

    def __init__(self, account: Account, seed: int) -> None:
        self._account = account
        self._random = random.Random(seed)
        self._name = f"{seed}"
        self._count = 0
        self.living: dict[str, dict[str, Any]] = {}
        self.deleted: list[str] = []
        self.ordered: dict[str, tuple[dict[str, Any], str]] = {}
        self.unanswered_orders: dict[str, dict[str, Any]] = {}
        self.doubtful: dict[str, list[dict[str, Any] | None]] = {}

    def step(self, connection: Connection) -> bool:
        chance = self._random.random()
        if len(self.living) < 2 or chance < 0.5:
            return self._create(connection)
        product_id = self._random.choice(list(self.living))
        before = self.living.pop(product_id)
        return (self._change if chance < 0.8 else self._delete)(connection, product_id, before)

    def check(self, connection: Connection, *, thorough: bool) -> None:
        for product_id, wanted in self.living.items():
            found = self._find(connection, product_id)
            assert found == wanted, f"an acknowledged product is {found}, not {wanted}"
        for product_id in _asked_again(self.deleted, self._random, thorough=thorough):
            assert self._find(connection, product_id) is None, "a deleted product is back"
        for product_id, possible in self.doubtful.items():
            found = self._find(connection, product_id)
            assert found is None or _without_times(found) in [one and _without_times(one) for one in possible]
            assert found is not None or None in possible
            if found is not None:
                self.living[product_id] = found
        self.doubtful.clear()
        for key in _asked_again(list(self.ordered), self._random, thorough=thorough):
            body, product_id = self.ordered[key]
            answer = self._order(connection, key, body)
            assert answer.status == 201
            assert answer.json["doc"]["id"] == product_id, "an order was filled twice"
        self._settle_orders(connection)

    def _settle_orders(self, connection: Connection) -> None:
        """Send again what was not answered, as a client would: it is done once, whether it had been done or not."""
        for key, body in self.unanswered_orders.items():
            answers = [self._order(connection, key, body) for _ in range(2)]
            assert [answer.status for answer in answers] == [201, 201], answers
            doc = answers[0].json["doc"]
            assert answers[1].json["doc"] == doc
            found = connection.call("GET", f"/api/products?where[sku][equals]={body['sku']}", key=self._key())
            assert [one["id"] for one in found.json["docs"]] == [doc["id"]]
            self.ordered[key] = (body, doc["id"])
            self.living[doc["id"]] = doc
        self.unanswered_orders.clear()

    def _create(self, connection: Connection) -> bool:
        self._count += 1
        key = f"order-{self._name}-{self._count}"
        body = {"name": key, "price": self._count, "sku": key, "status": self._random.choice(["draft", "published"])}
        self.unanswered_orders[key] = body
        answer = self._order(connection, key, body)
        if answer.status == 201:
            doc = answer.json["doc"]
            self.ordered[key] = (self.unanswered_orders.pop(key), doc["id"])
            self.living[doc["id"]] = doc
        else:
            assert answer.status >= 500, answer
        return answer.status == 201

    def _change(self, connection: Connection, product_id: str, before: dict[str, Any]) -> bool:
        sent = {"stock": self._random.randrange(10_000), "status": self._random.choice(["draft", "archived"])}
        self.doubtful[product_id] = [before, {**before, **sent}]
        answer = connection.call("PATCH", f"/api/products/{product_id}", key=self._key(), body=sent)
        if answer.status == 200:
            del self.doubtful[product_id]
            self.living[product_id] = answer.json["doc"]
        else:
            assert answer.status >= 500, answer
        return answer.status == 200

    def _delete(self, connection: Connection, product_id: str, before: dict[str, Any]) -> bool:
        self.doubtful[product_id] = [before, None]
        answer = connection.call("DELETE", f"/api/products/{product_id}", key=self._key())
        if answer.status == 200:
            del self.doubtful[product_id]
            self.deleted.append(product_id)
        else:
            assert answer.status >= 500, answer
        return answer.status == 200

    def _order(self, connection: Connection, key: str, body: dict[str, Any]) -> Answer:
        return connection.call("POST", "/api/products", key=self._key(), body=body, headers={"Idempotency-Key": key})

    def _find(self, connection: Connection, product_id: str) -> dict[str, Any] | None:
        answer = connection.call("GET", f"/api/products/{product_id}", key=self._key())
        assert answer.status in {200, 404}, answer
        found: dict[str, Any] | None = answer.json if answer.status == 200 else None
        return found

    def _key(self) -> str:
        return self._account.secret_key


class Crowd:
    """All writers, each in a thread with a connection of its own, until they are told to stop or the server is gone."""

    def __init__(self, account: Account, seed: int) -> None:
        self.acknowledged = 0
        self.wrong: list[BaseException] = []
        self._writers: list[Writer] = [
            SessionWriter(account, seed * 100),
            SessionWriter(account, seed * 100 + 1),
            KeyWriter(account, seed * 100 + 2),
            ProductWriter(account, seed * 100 + 3),
            ProductWriter(account, seed * 100 + 4),
            ProductWriter(account, seed * 100 + 5),
            OrderWriter(account, seed * 100 + 6),
        ]
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def begin(self, connect: Callable[[], Connection]) -> None:
        """Let all of them write."""
        self._stopping.clear()
        self.acknowledged = 0
        self._threads = [threading.Thread(target=self._write, args=(writer, connect)) for writer in self._writers]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Wait until all have stopped, and raise what any of them found wrong."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        if self.wrong:
            raise self.wrong[0]

    def check(self, connection: Connection, *, thorough: bool) -> None:
        """Hold the server to all that it acknowledged to anyone."""
        for writer in self._writers:
            writer.check(connection, thorough=thorough)

    def _write(self, writer: Writer, connect: Callable[[], Connection]) -> None:
        connection = connect()
        try:
            while not self._stopping.is_set():
                if writer.step(connection):
                    self.acknowledged += 1
                else:
                    self._stopping.wait(REFUSED_SECONDS)
        except (OSError, http.client.HTTPException):
            pass  # the server is gone: what was asked last is in doubt
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            self.wrong.append(error)
        finally:
            connection.close()


def _asked_again(ended: list[str], chooser: random.Random, *, thorough: bool) -> list[str]:
    if thorough or len(ended) <= REASKED_MAX:
        return ended
    half = REASKED_MAX // 2
    return [*ended[-half:], *chooser.sample(ended[:-half], half)]


def _without_times(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != "updatedAt"}
