"""One who places orders and takes them on, and knows how many pieces must be left."""

from __future__ import annotations

import random
from typing import Protocol

from served import Answer, Connection
from watchword.commerce.life_cycle import GIVES_STOCK_BACK, NEXT, OrderStatus

STOCK = 1_000_000
PRICE = 100


class KeyHolder(Protocol):
    """Whose orders they are."""

    secret_key: str


class OrderWriter:
    """Orders a product of its own under Idempotency-Keys; a status that was asked for and not answered is in doubt."""

    def __init__(self, account: KeyHolder, seed: int) -> None:
        self._account = account
        self._random = random.Random(seed)
        self._name = f"{seed}"
        self._count = 0
        self._product = ""
        self.orders: dict[str, OrderStatus] = {}
        self.quantities: dict[str, int] = {}
        self.unanswered: dict[str, int] = {}
        self.doubtful: dict[str, OrderStatus] = {}

    def step(self, connection: Connection) -> bool:
        if not self._product:
            return self._stock(connection)
        movable = [order for order, status in self.orders.items() if NEXT[status] and order not in self.doubtful]
        if len(movable) < 2 or self._random.random() < 0.5:
            return self._place(connection)
        return self._move(connection, self._random.choice(movable))

    def check(self, connection: Connection, *, thorough: bool) -> None:
        if not self._product:
            return
        for key, quantity in self.unanswered.items():
            answers = [self._send(connection, key, quantity) for _ in range(2)]
            assert [answer.status for answer in answers] == [201, 201], answers
            assert answers[0].json == answers[1].json, "an order was placed twice"
            self._keep(answers[0], quantity)
        self.unanswered.clear()
        for order, wanted in self.doubtful.items():
            status = self._status(connection, order)
            assert status in {self.orders[order], wanted}
            self.orders[order] = status
        self.doubtful.clear()
        known = list(self.orders)
        for order in known if thorough or len(known) < 40 else known[-40:]:
            assert self._status(connection, order) == self.orders[order], "an acknowledged step is lost"
        taken = sum(self.quantities[order] for order, status in self.orders.items() if status not in GIVES_STOCK_BACK)
        found = connection.call("GET", f"/api/products/{self._product}", key=self._account.secret_key)
        assert found.json["stock"] == STOCK - taken, "orders and stock disagree"

    def _stock(self, connection: Connection) -> bool:
        body = {"name": self._name, "price": PRICE, "stock": STOCK, "status": "published"}
        headers = {"Idempotency-Key": f"stock-{self._name}"}
        answer = connection.call("POST", "/api/products", key=self._account.secret_key, body=body, headers=headers)
        if answer.status == 201:
            self._product = answer.json["doc"]["id"]
        return answer.status == 201

    def _place(self, connection: Connection) -> bool:
        self._count += 1
        key, quantity = f"place-{self._name}-{self._count}", self._random.randrange(1, 9)
        self.unanswered[key] = quantity
        answer = self._send(connection, key, quantity)
        if answer.status == 201:
            self._keep(answer, self.unanswered.pop(key))
        else:
            assert answer.status >= 500, answer
        return answer.status == 201

    def _move(self, connection: Connection, order: str) -> bool:
        wanted = self._random.choice(NEXT[self.orders[order]])
        self.doubtful[order] = wanted
        path = f"/api/orders/{order}"
        answer = connection.call("PATCH", path, key=self._account.secret_key, body={"status": wanted})
        if answer.status == 200:
            self.orders[order] = self.doubtful.pop(order)
        else:
            assert answer.status >= 500, answer
        return answer.status == 200

    def _send(self, connection: Connection, key: str, quantity: int) -> Answer:
        lines = [{"product": self._product, "quantity": quantity, "unitPrice": PRICE}]
        body = {"orderProducts": lines, "totalAmount": PRICE * quantity}
        headers = {"Idempotency-Key": key}
        return connection.call("POST", "/api/orders", key=self._account.secret_key, body=body, headers=headers)

    def _keep(self, answer: Answer, quantity: int) -> None:
        doc = answer.json["doc"]
        self.orders[doc["id"]] = "pending"
        self.quantities[doc["id"]] = quantity

    def _status(self, connection: Connection, order: str) -> OrderStatus:
        status: OrderStatus = connection.call("GET", f"/api/orders/{order}", key=self._account.secret_key).json[
            "status"
        ]
        return status
