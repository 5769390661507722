"""Build a database to measure on: a tenant without limits, and as many keys, users and products as wanted.

Run: ``python bench/fill.py DIRECTORY [--count 1000000]``. The directory can then be served, and measured by
``python bench/compare.py --large DIRECTORY``. All users have one password; a few have sessions, a few keys are known,
and ``bench.json`` in the directory holds them.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import random
import secrets
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from watchword.app import Application
from watchword.config import load_settings
from watchword.credentials.api_key import hash_key, make_key
from watchword.db.database import Statement, Transaction
from watchword.ids import make_id
from watchword.observe import Log
from watchword.records.definitions import PRODUCTS
from watchword.records.load import load_documents
from watchword.tenants.actor import OPERATOR
from watchword.tenants.models import CreateTenant

MANIFEST_NAME = "bench.json"
PASSWORD = "correct horse battery staple 7"

KNOWN = 200
"""Users with a session, and keys whose text is kept: enough that no measurement is of one entry alone."""

SAMPLED = 2_000
"""Products whose ids are kept, from all over the table."""

ROWS_AT_ONCE = 5_000

_ADD_USERS = Statement(
    "INSERT INTO users (id, email, email_folded, name, password_hash, is_super_admin, email_verified_at, created_at,"
    " updated_at) SELECT d ->> 0, d ->> 1, d ->> 1, d ->> 2, $2, 0, $3, $3, $3 FROM json_array_elements($1::json) AS t(d)",
    sqlite="INSERT INTO users (id, email, email_folded, name, password_hash, is_super_admin, email_verified_at,"
    " created_at, updated_at) SELECT d.value ->> 0, d.value ->> 1, d.value ->> 1, d.value ->> 2, $2, 0, $3, $3, $3"
    " FROM json_each($1) AS d",
)
_ADD_MEMBERSHIPS = Statement(
    "INSERT INTO memberships (user_id, tenant_id, role, created_at)"
    " SELECT d ->> 0, $2, 'tenant-editor', $3 FROM json_array_elements($1::json) AS t(d)",
    sqlite="INSERT INTO memberships (user_id, tenant_id, role, created_at)"
    " SELECT d.value ->> 0, $2, 'tenant-editor', $3 FROM json_each($1) AS d",
)
_KEY_COLUMNS = (
    "id, tenant_id, kind, mode, name, key_hash, first_characters, last_characters, allowed_origins, allowed_networks,"
    " created_by, created_at, updated_at"
)
_ADD_KEYS = Statement(
    f"INSERT INTO api_keys ({_KEY_COLUMNS}) SELECT d ->> 0, $2, 'secret_key', 'live', d ->> 1, decode(d ->> 2, 'hex'),"
    " 'sk_live_', '0000', '[]', '[]', 'operator', $3, $3 FROM json_array_elements($1::json) AS t(d)",
    sqlite=f"INSERT INTO api_keys ({_KEY_COLUMNS}) SELECT d.value ->> 0, $2, 'secret_key', 'live', d.value ->> 1,"
    " unhex(d.value ->> 2), 'sk_live_', '0000', '[]', '[]', 'operator', $3, $3 FROM json_each($1) AS d",
)
_LIST_PRODUCTS = Statement(
    "SELECT id FROM documents WHERE tenant_id = $1 AND mode = 'live' AND collection = 'products' ORDER BY id"
)

Report = Callable[[int], None]


class Manifest(msgspec.Struct):
    """What a measurement knows of the database: who can call, and for what."""

    tenant_id: str
    emails: list[str]
    tokens: list[str]
    expired_token: str
    keys: list[str]
    product_ids: list[str]


async def fill(
    directory: Path, *, keys: int, users: int, products: int, database_url: str | None = None, bars: Progress
) -> Manifest:
    """Build the database and write the manifest beside it."""
    texts = {"WATCHWORD_DATA": str(directory)}
    if database_url is not None:
        texts["WATCHWORD_DATABASE_URL"] = database_url
    application = await Application.open(load_settings({}, directory, texts), log=Log(io.BytesIO()))
    try:
        manifest = await _Filler(application, bars).fill(keys, users, products)
    finally:
        await application.close()
        application.log.close()
    (directory / MANIFEST_NAME).write_bytes(msgspec.json.encode(manifest))
    return manifest


def read_manifest(directory: Path) -> Manifest:
    """Read what ``fill`` wrote."""
    return msgspec.json.decode((directory / MANIFEST_NAME).read_bytes(), type=Manifest)


class _Filler:
    def __init__(self, application: Application, bars: Progress) -> None:
        self._application = application
        self._database = application.database
        self._bars = bars
        self._now_ms = application.clock.now_ms()
        self._tenant_id = ""

    async def fill(self, keys: int, users: int, products: int) -> Manifest:
        tenant = await self._application.tenants.create(
            CreateTenant(name="Bench", slug="bench", plan="enterprise"), actor=OPERATOR, now_ms=self._now_ms
        )
        self._tenant_id = tenant.id
        user_ids, emails = await self._add_users(users)
        known_keys = await self._add_keys(keys)
        report = self._bar("products", products)
        await load_documents(
            self._database, tenant.id, "live", PRODUCTS, make_products(products), self._now_ms, on_progress=report
        )
        rows = await self._database.fetch_rows(_LIST_PRODUCTS, tenant.id)
        return Manifest(
            tenant_id=tenant.id,
            emails=emails,
            tokens=[await self._begin_session(user_id, self._now_ms) for user_id in user_ids],
            expired_token=await self._begin_session(user_ids[0], self._now_ms - 8 * 86_400_000),
            keys=known_keys,
            product_ids=[row[0] for row in random.sample(rows, min(SAMPLED, len(rows)))],
        )

    async def _add_users(self, count: int) -> tuple[list[str], list[str]]:
        """Add users and return the ids and addresses of the known ones, who are spread over all."""
        first = await self._application.users.create_user(
            "user0@example.com", PASSWORD, name="User 0", verified=True, now_ms=self._now_ms
        )
        row = await self._database.fetch_row(Statement("SELECT password_hash FROM users WHERE id = $1"), first.id)
        password_hash = "" if row is None else str(row[0])
        known: list[tuple[str, str]] = []

        async def add(tx: Transaction, numbers: range) -> None:
            rows = [(make_id("user", self._now_ms), f"user{n}@example.com", f"User {n}") for n in numbers if n]
            await tx.execute(_ADD_USERS, _json(rows), password_hash, self._now_ms)
            await tx.execute(_ADD_MEMBERSHIPS, _json(rows), self._tenant_id, self._now_ms)
            known.extend((user_id, email) for user_id, email, _ in random.sample(rows, min(len(rows), KNOWN)))

        await self._in_parts("users", count, add)
        chosen = random.sample(known, min(KNOWN, len(known)))
        return [user_id for user_id, _ in chosen], [email for _, email in chosen]

    async def _add_keys(self, count: int) -> list[str]:
        known = [make_key("secret_key", "live") for _ in range(min(KNOWN, count))]

        async def add(tx: Transaction, numbers: range) -> None:
            # The hashes of keys that nobody knows are as good as any 32 random bytes.
            rows = [
                (
                    make_id("api_key", self._now_ms),
                    f"Key {n}",
                    hash_key(known[n]).hex() if n < len(known) else secrets.token_hex(32),
                )
                for n in numbers
            ]
            await tx.execute(_ADD_KEYS, _json(rows), self._tenant_id, self._now_ms)

        await self._in_parts("keys", count, add)
        return known

    async def _begin_session(self, user_id: str, now_ms: int) -> str:
        tokens = self._application.session_tokens
        issued = await self._database.transaction(
            lambda tx: tokens.begin(tx, user_id, now_ms=now_ms, address="127.0.0.1", user_agent="bench")
        )
        return issued.token

    async def _in_parts(self, name: str, count: int, add: Callable[[Transaction, range], Awaitable[None]]) -> None:
        report = self._bar(name, count)
        for first in range(0, count, ROWS_AT_ONCE):
            numbers = range(first, min(first + ROWS_AT_ONCE, count))
            await self._database.transaction(lambda tx, numbers=numbers: add(tx, numbers))  # type: ignore[misc]
            report(numbers.stop)

    def _bar(self, name: str, total: int) -> Report:
        task = self._bars.add_task(name, total=total)
        return lambda done: self._bars.update(task, completed=done)


def make_products(count: int) -> Iterator[dict[str, Any]]:
    """Make products that are all alike in size."""
    for number in range(count):
        yield {
            "name": f"Product {number}",
            "price": 100 * (number % 900),
            "currency": "KRW",
            "sku": f"SKU-{number:09}",
            "description": f"The product with the number {number}.",
            "stock": number % 120,
            "status": "published",
        }


def make_bars() -> Progress:
    """Make the progress bars of a filling."""
    return Progress(
        TextColumn("{task.description:>10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )


def _json(rows: list[Any]) -> str:
    return msgspec.json.encode(rows).decode()


def main() -> None:
    """Build a large database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--count", type=int, default=1_000_000, help="keys, users and products, each")
    arguments = parser.parse_args()
    if (arguments.directory / MANIFEST_NAME).exists():
        parser.error(f"{arguments.directory} is filled already")
    with make_bars() as bars:
        asyncio.run(
            fill(
                arguments.directory,
                keys=arguments.count,
                users=arguments.count,
                products=arguments.count,
                bars=bars,
            )
        )


if __name__ == "__main__":
    main()
