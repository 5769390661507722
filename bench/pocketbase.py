"""A peer: PocketBase with a collection of products, a superuser and a user."""

from __future__ import annotations

import secrets
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import msgspec

from fill import PASSWORD, SAMPLED, make_products
from servers import CannotMeasureError, Server, find_pocketbase, free_port

ADMIN_EMAIL = "admin@example.com"
USER_EMAIL = "user@example.com"

_SIGNED_IN = "@request.auth.id != ''"


class PocketBase(msgspec.Struct):
    """The running peer, and who can call it for what."""

    server: Server
    user_id: str
    user_token: str
    admin_token: str
    product_ids: list[str]


def start_pocketbase(directory: Path, products: int, cores: set[int] | None, *, stack: ExitStack) -> PocketBase | None:
    """Start PocketBase with its own settings as they come, until the stack ends; None where it is not installed."""
    program = find_pocketbase()
    if program is None:
        return None
    data = directory / "pocketbase"
    subprocess.run(
        [program, "superuser", "upsert", ADMIN_EMAIL, PASSWORD, "--dir", data], check=True, capture_output=True
    )
    with _serve(program, data, directory, cores) as server:
        _make_collection(server)
        user_id = _make_user(server)
    product_ids = _add_products(data / "data.db", products)
    server = stack.enter_context(_serve(program, data, directory, cores))
    return PocketBase(
        server,
        user_id,
        _sign_in(server, "users", USER_EMAIL),
        _sign_in(server, "_superusers", ADMIN_EMAIL),
        product_ids,
    )


def _serve(program: Path, data: Path, directory: Path, cores: set[int] | None) -> Server:
    port = free_port()
    return Server(
        "pocketbase",
        [program, "serve", f"--http=127.0.0.1:{port}", "--dir", data],
        port,
        ready_path="/api/health",
        cores=cores,
        directory=directory,
    )


def _make_collection(server: Server) -> None:
    texts = [{"name": name, "type": "text"} for name in ("name", "currency", "sku", "description", "status")]
    numbers = [{"name": name, "type": "number"} for name in ("price", "stock")]
    times = [
        {"name": "created", "type": "autodate", "onCreate": True},
        {"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True},
    ]
    _post(
        server,
        "/api/collections",
        {
            "name": "products",
            "type": "base",
            "listRule": _SIGNED_IN,
            "viewRule": _SIGNED_IN,
            "createRule": _SIGNED_IN,
            "fields": [*texts, *numbers, *times],
            "indexes": ["CREATE UNIQUE INDEX products_sku ON products (sku)"],
        },
        token=_sign_in(server, "_superusers", ADMIN_EMAIL),
    )


def _make_user(server: Server) -> str:
    body = {"email": USER_EMAIL, "password": PASSWORD, "passwordConfirm": PASSWORD, "verified": True}
    token = _sign_in(server, "_superusers", ADMIN_EMAIL)
    return str(_post(server, "/api/collections/users/records", body, token=token)["id"])


def _sign_in(server: Server, collection: str, email: str) -> str:
    body = {"identity": email, "password": PASSWORD}
    return str(_post(server, f"/api/collections/{collection}/auth-with-password", body)["token"])


def _post(server: Server, path: str, body: dict[str, Any], *, token: str = "") -> Any:  # noqa: ANN401 - its JSON
    answer = httpx.post(f"http://127.0.0.1:{server.port}{path}", json=body, headers={"authorization": token})
    if answer.is_error:
        raise CannotMeasureError(f"PocketBase answered {path} with {answer.status_code}: {answer.text[:500]}")
    return answer.json()


def _add_products(path: Path, count: int) -> list[str]:
    """Fill the collection's table directly, as fast as SQLite goes, and return some of the ids."""

    def rows() -> Iterator[dict[str, Any]]:
        now = "2026-01-01 00:00:00.000Z"
        for product in make_products(count):
            yield {**product, "id": secrets.token_hex(8)[:15], "created": now, "updated": now}

    names = ("id", "name", "price", "currency", "sku", "description", "stock", "status", "created", "updated")
    with sqlite3.connect(path) as connection:
        connection.executemany(
            f"INSERT INTO products ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})", rows()
        )
        found = connection.execute("SELECT id FROM products ORDER BY random() LIMIT ?", (SAMPLED,)).fetchall()
    connection.close()
    return [row[0] for row in found]
