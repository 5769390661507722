"""A small inhabited installation for tests through the HTTP door: two tenants, people of each role, keys of each kind.

Built once for a test process and copied for each test, since building it hashes passwords.
"""

from __future__ import annotations

import io
import json
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from support import SetClock
from watchword.api_keys.models import CreateKey
from watchword.app import Application
from watchword.callers.caller import Mode
from watchword.commerce.definitions import ORDERS
from watchword.config import Settings, load_settings
from watchword.credentials.password import Passwords
from watchword.db.database import Statement
from watchword.oauth.client_models import CreateClient
from watchword.observe import Log
from watchword.records.definitions import PRODUCTS
from watchword.records.load import load_documents
from watchword.tenants.actor import Actor
from watchword.tenants.models import CreateTenant
from watchword_client.testing import serve_application

OPERATOR = Actor(subject="operator", is_super_admin=True)
PASSWORD = "correct horse battery staple 7"
SHOP_ORIGIN = "https://shop.example"

ROLES = {"admin": "tenant-admin", "editor": "tenant-editor", "viewer": "tenant-viewer"}
KEYS = ("sk_live", "sk_test", "pk_live", "pk_test")
TENANTS = ("a", "b")
MODES: tuple[Mode, ...] = ("live", "test")

_FIRST = Statement(
    "SELECT id FROM documents WHERE tenant_id = $1 AND mode = $2 AND collection = $3 ORDER BY id LIMIT 1"
)


class World(msgspec.Struct, kw_only=True):
    """Who and what stands in the installation, by short names: ``admin_a``, ``sk_live_b``, ``product_live_a``."""

    tenants: dict[str, str]
    users: dict[str, str]
    keys: dict[str, str]
    key_ids: dict[str, str]
    tokens: dict[str, str]
    sessions: dict[str, str]
    products: dict[str, str]
    orders: dict[str, str]
    order_numbers: dict[str, str]
    clients: dict[str, str]
    client_secret_ids: dict[str, str]
    client_secrets: dict[str, str]
    grants: dict[str, str]

    def credential(self, who: str) -> dict[str, str]:
        """Return the header that a caller of this short name sends; none for ``nobody``."""
        if who == "nobody":
            return {}
        if who in self.tokens:
            return {"authorization": f"Bearer {self.tokens[who]}"}
        return {"x-api-key": self.keys[who]}

    def names(self) -> dict[str, str]:
        """Return every id by a name that a scenario's path may hold in braces."""
        return {
            **{f"tenant_{name}": value for name, value in self.tenants.items()},
            **{f"user_{name}": value for name, value in self.users.items()},
            **{f"key_{name}": value for name, value in self.key_ids.items()},
            **{f"session_{name}": value for name, value in self.sessions.items()},
            **{f"product_{name}": value for name, value in self.products.items()},
            **{f"order_{name}": value for name, value in self.orders.items()},
            **{f"number_{name}": value for name, value in self.order_numbers.items()},
            **{f"client_{name}": value for name, value in self.clients.items()},
            **{f"grant_{name}": value for name, value in self.grants.items()},
            **{f"client_secret_{name}": value for name, value in self.client_secret_ids.items()},
        }


def make_settings(directory: Path, **changes: str) -> Settings:
    """Load settings for a test: its own directory, limits out of the way unless the test is about them."""
    texts = {
        "WATCHWORD_DATA": str(directory),
        "WATCHWORD_REQUESTS_PER_MINUTE_PER_ADDRESS": "100000",
        "WATCHWORD_PASSWORD_THREADS": "2",
        "WATCHWORD_LOG_LEVEL": "debug",
        "WATCHWORD_PAGES_URL": "https://app.example",
        **changes,
    }
    return load_settings({}, directory, texts)


async def open_application(settings: Settings, clock: SetClock, log: Log) -> Application:
    """Open the product with the cheapest Argon2 there is: what a real one costs is asked for by tests of its own."""
    cheap = Passwords(
        time_cost=1, memory_cost_kib=8, threads=settings.password_threads, queue_max=settings.password_queue_max
    )
    return await Application.open(settings, clock=clock, log=log, passwords=cheap)


async def build_world(directory: Path, clock: SetClock, **changes: str) -> World:
    """Make the installation in an empty directory."""
    application = await open_application(make_settings(directory, **changes), clock, Log(io.BytesIO()))
    try:
        return await _inhabit(application, clock)
    finally:
        await application.close()
        application.log.close()


async def _inhabit(application: Application, clock: SetClock) -> World:
    world = World(**{name: {} for name in World.__struct_fields__})
    for name in TENANTS:
        tenant = await application.tenants.create(
            CreateTenant(
                name=f"Tenant {name}", slug=f"tenant-{name}", plan="enterprise", allowed_origins=[SHOP_ORIGIN]
            ),
            actor=OPERATOR,
            now_ms=clock.now_ms(),
        )
        world.tenants[name] = tenant.id
        await _add_people(application, world, name, clock)
        await _add_keys(application, world, name, clock)
        await _add_client(application, world, name, clock)
        for mode in MODES:
            documents: list[dict[str, Any]] = [
                {"name": f"{mode} {name} {number}", "price": 100 * number, "status": "published", "sku": f"S{number}"}
                for number in range(1, 13)
            ]
            await load_documents(application.database, tenant.id, mode, PRODUCTS, documents, clock.now_ms())
            product = world.products[f"{mode}_{name}"] = await _first_id(application, tenant.id, mode, "products")
            number = world.order_numbers[f"{mode}_{name}"] = f"260107-{mode}-{name}"
            order = _make_order(number, product, f"{mode} {name} 1")
            await load_documents(application.database, tenant.id, mode, ORDERS, [order], clock.now_ms())
            world.orders[f"{mode}_{name}"] = await _first_id(application, tenant.id, mode, "orders")
    await _add_person(application, world, "super", clock, is_super_admin=True)
    await _add_person(application, world, "outsider", clock)
    return world


def _make_order(number: str, product: str, name: str) -> dict[str, Any]:
    line = {"product": product, "name": name, "quantity": 1, "unitPrice": 100, "totalPrice": 100, "stockTaken": False}
    return {
        "orderNumber": number,
        "status": "pending",
        "currency": "KRW",
        "totalAmount": 100,
        "orderProducts": [line],
    }


async def _first_id(application: Application, tenant_id: str, mode: Mode, collection: str) -> str:
    first = await application.database.fetch_row(_FIRST, tenant_id, mode, collection)
    assert first is not None
    return str(first[0])


async def _add_people(application: Application, world: World, tenant: str, clock: SetClock) -> None:
    for short, role in ROLES.items():
        name = f"{short}_{tenant}"
        await _add_person(application, world, name, clock)
        await application.members.add(
            world.tenants[tenant],
            f"{name.replace('_', '.')}@example.com",
            role=role,  # type: ignore[arg-type] # one of the three roles above
            actor=OPERATOR,
            now_ms=clock.now_ms(),
        )


async def _add_person(
    application: Application, world: World, name: str, clock: SetClock, *, is_super_admin: bool = False
) -> None:
    user = await application.users.create_user(
        f"{name.replace('_', '.')}@example.com",
        PASSWORD,
        name=name,
        is_super_admin=is_super_admin,
        verified=True,
        now_ms=clock.now_ms(),
    )
    tokens = application.session_tokens
    issued = await application.database.transaction(
        lambda tx: tokens.begin(tx, user.id, now_ms=clock.now_ms(), address="127.0.0.1", user_agent="tests")
    )
    world.users[name] = user.id
    world.tokens[name] = issued.token
    world.sessions[name] = issued.session_id


async def _add_keys(application: Application, world: World, tenant: str, clock: SetClock) -> None:
    for short in KEYS:
        kind, mode = short.split("_")
        issued = await application.api_keys.create(
            world.tenants[tenant],
            mode,  # type: ignore[arg-type] # live or test
            CreateKey(name=f"{short} of {tenant}", kind="secret" if kind == "sk" else "publishable"),
            actor=OPERATOR,
            now_ms=clock.now_ms(),
        )
        world.keys[f"{short}_{tenant}"] = issued.text
        world.key_ids[f"{short}_{tenant}"] = issued.record.id


async def _add_client(application: Application, world: World, tenant: str, clock: SetClock) -> None:
    issued = await application.oauth.clients.create(
        world.tenants[tenant],
        "live",
        CreateClient(
            name=f"Partner of {tenant}",
            grants=["client_credentials", "authorization_code", "refresh_token"],
            redirect_uris=[f"https://partner-{tenant}.example/callback"],
        ),
        actor=OPERATOR,
        now_ms=clock.now_ms(),
    )
    assert issued.secret is not None
    world.clients[tenant] = issued.client.id
    world.client_secrets[tenant] = issued.secret.text
    world.client_secret_ids[tenant] = issued.secret.record.id
    grant = await application.database.transaction(
        lambda tx: application.oauth.grants.start(
            tx,
            issued.client,
            user_id=world.users[f"editor_{tenant}"],
            session_id=None,
            scopes=("products:read", "offline_access"),
            resources=(),
            authenticated_at_ms=None,
            now_ms=clock.now_ms(),
        )
    )
    world.grants[tenant] = grant.id


class Api:
    """The HTTP door of a running installation, in one of the two lanes."""

    def __init__(self, application: Application, world: World, client: httpx.AsyncClient, logged: io.BytesIO) -> None:
        self.application = application
        self.world = world
        self.client = client
        self._logged = logged

    async def call(
        self,
        method: str,
        path: str,
        *,
        who: str = "nobody",
        json: object = None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Send one request as a caller of the world; the path may name its ids in braces."""
        sent = {**self.world.credential(who), **(headers or {})}
        filled = path.format_map(self.world.names()) if "{" in path else path
        if content is not None:
            sent.setdefault("content-type", "application/json")
            return await self.client.request(method, filled, content=content, headers=sent)
        return await self.client.request(method, filled, json=json, headers=sent)

    def log_text(self) -> str:
        """Return everything that was logged so far."""
        self.application.log.flush()
        return self._logged.getvalue().decode()

    def events(self) -> list[dict[str, Any]]:
        """Return the logged events that are no request lines."""
        lines = [json.loads(line) for line in self.log_text().splitlines()]
        return [line for line in lines if line["event"] != "request"]


@asynccontextmanager
async def open_api(
    template: Path, world: World, directory: Path, lane: str, clock: SetClock, **changes: str
) -> AsyncIterator[Api]:
    """Open a copy of the installation and its door: ``fast`` is a real server on a port, ``asgi`` the bare application."""
    shutil.copytree(template, directory, dirs_exist_ok=True)
    async with open_door(world, directory, lane, clock, **changes) as door:
        yield door


@asynccontextmanager
async def open_door(world: World, directory: Path, lane: str, clock: SetClock, **changes: str) -> AsyncIterator[Api]:
    """Open the installation that is in a directory, also while another door to it is open."""
    logged = io.BytesIO()
    application = await open_application(make_settings(directory, **changes), clock, Log(logged))
    try:
        if lane == "asgi":
            transport = httpx.ASGITransport(app=application, client=("127.0.0.1", 1))
            async with httpx.AsyncClient(transport=transport, base_url="https://api.example") as client:
                yield Api(application, world, client, logged)
        else:
            async with serve_fast(application) as url, make_client(url) as client:
                yield Api(application, world, client, logged)
    finally:
        await application.close()
        application.log.close()


def make_client(url: str) -> httpx.AsyncClient:
    """Make a client of a server that is reached in the clear: a context that verifies would cost ten times the rest.

    It waits as long as a busy machine may take, and gives up a connection before the server does.
    """
    return httpx.AsyncClient(base_url=url, verify=False, timeout=60, limits=httpx.Limits(keepalive_expiry=2))


@asynccontextmanager
async def serve_fast(
    application: Application, *, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve an application on a loopback port, a free one unless named, through the product's own protocol; the URL comes out."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        async with serve_application(application, listening, tls=tls):
            yield f"{'http' if tls is None else 'https'}://127.0.0.1:{listening.getsockname()[1]}"
