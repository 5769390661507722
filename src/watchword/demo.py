"""The demonstration data, made once and found again: a tenant, its administrator, keys, an OAuth client, products, orders.

What it gives away stands in ``demo.env`` alone: a first start that is cut short goes on where it stopped, and what it
made without writing it there is made anew.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from watchword.api_keys.models import CreateKey, KindName
from watchword.app import Application
from watchword.callers.caller import Mode
from watchword.commerce.definitions import ORDERS
from watchword.commerce.life_cycle import GIVES_STOCK_BACK, OrderStatus
from watchword.commerce.order_numbers import write_order_number
from watchword.credentials.api_key import KeyMode
from watchword.data_directory import only_one, write_private_file
from watchword.db.database import Statement
from watchword.errors import NotFoundError, WatchwordError
from watchword.oauth.client_models import ChangeClient, CreateClient
from watchword.oauth.models import GrantType, OAuthClient
from watchword.records.definitions import PRODUCTS
from watchword.records.load import load_documents
from watchword.tenants.actor import OPERATOR
from watchword.tenants.models import CreateTenant, Tenant
from watchword.users.models import User

DEMO_ENV_NAME: Final = "demo.env"
DEMO_SLUG: Final = "demo"
DEMO_EMAIL: Final = "admin@demo.example"

_PASSWORD_BYTES: Final = 12
"""96 random bits: nobody types it, so it need not be short."""

_HEAD: Final = (
    "# Written by `watchword serve --demo`: credentials of the demonstration tenant, for this machine only.\n"
)

_MODES: Final[tuple[Mode, ...]] = ("live", "test")

DEMO_REDIRECT_URI: Final = "http://127.0.0.1/callback"
"""Of a loopback address any port will do (RFC 8252 §7.3), so an example can listen where there is room."""

_GRANTS: Final[tuple[GrantType, ...]] = ("client_credentials", "authorization_code", "refresh_token")

_FIND_ONE: Final = Statement("SELECT id FROM documents WHERE tenant_id = $1 AND mode = $2 AND collection = $3 LIMIT 1")
_LIST_PUBLISHED: Final = Statement(
    "SELECT document FROM documents WHERE tenant_id = $1 AND mode = $2 AND collection = 'products' "
    "AND counted_value = 'published' ORDER BY id LIMIT $3"
)


class DemoLostError(WatchwordError):
    """The demonstration data is there, and what opened it is not."""

    name = "DemoLost"
    code = "DEMO_LOST"


class DemoKey(msgspec.Struct, frozen=True):
    """One of the four keys, and the name it has in ``demo.env``."""

    variable: str
    kind: KindName
    mode: KeyMode


DEMO_KEYS: Final = (
    DemoKey("WATCHWORD_CLIENT_KEY", "publishable", "live"),
    DemoKey("WATCHWORD_SECRET_KEY", "secret", "live"),
    DemoKey("WATCHWORD_TEST_CLIENT_KEY", "publishable", "test"),
    DemoKey("WATCHWORD_TEST_SECRET_KEY", "secret", "test"),
)


class Where(msgspec.Struct, frozen=True):
    """How clients reach the server: its URL, and the certificate authority they have to trust, if any."""

    url: str
    authority: Path | None


class DemoEnv:
    """The file: read once, written whole whenever something is added."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.values = dict(_read_pairs(path))

    def __repr__(self) -> str:
        return f"DemoEnv({str(self._path)!r})"

    def keep(self, **values: str) -> None:
        """Add or replace values; the file is left alone when it has them already."""
        if any(self.values.get(name) != value for name, value in values.items()):
            self.values.update(values)
            lines = "".join(f"{name}={value}\n" for name, value in self.values.items())
            write_private_file(self._path, f"{_HEAD}{lines}".encode())


async def ensure_demo(application: Application, where: Where) -> dict[str, str]:
    """Make what is missing of the demonstration data and return what ``demo.env`` holds.

    Of processes that start together on one directory, one makes it and the others wait for that and find it.

    Raises:
        DemoLostError: the administrator is there and ``demo.env`` with the password is not.
    """
    # What is made here is told by the banner; lines of the log above it would only hide that.
    with only_one(application.settings.data_directory), application.audit.quietly():
        return await _ensure_alone(application, where)


async def _ensure_alone(application: Application, where: Where) -> dict[str, str]:
    env = DemoEnv(application.settings.data_directory / DEMO_ENV_NAME)
    user = await _find_administrator(application, env)
    env.keep(
        WATCHWORD_URL=where.url,
        WATCHWORD_CA_FILE="" if where.authority is None else str(where.authority),
        WATCHWORD_EMAIL=DEMO_EMAIL,
        WATCHWORD_PASSWORD=env.values.get("WATCHWORD_PASSWORD") or secrets.token_urlsafe(_PASSWORD_BYTES),
    )
    tenant = await _ensure_tenant(application, env)
    await _ensure_administrator(application, tenant, user, env)
    for key in DEMO_KEYS:
        await _ensure_key(application, tenant, key, env)
    await _ensure_oauth_client(application, tenant, env)
    for mode in _MODES:
        await _ensure_products(application, tenant, mode)
        await _ensure_orders(application, tenant, mode)
    return env.values


async def _find_administrator(application: Application, env: DemoEnv) -> User | None:
    user = await application.users.find_user(DEMO_EMAIL)
    if user is not None and not env.values.get("WATCHWORD_PASSWORD"):
        directory = application.settings.data_directory
        raise DemoLostError(
            f"The demonstration data is here, but {directory / DEMO_ENV_NAME} with its password and keys is gone; "
            f"start with another --data directory, or remove {directory} and start again"
        )
    return user


async def _ensure_tenant(application: Application, env: DemoEnv) -> Tenant:
    tenant = await application.tenants.find_by_slug(DEMO_SLUG)
    if tenant is None:
        wanted = CreateTenant(name="Demo", slug=DEMO_SLUG, plan="pro")
        tenant = await application.tenants.create(wanted, actor=OPERATOR, now_ms=application.clock.now_ms())
    env.keep(WATCHWORD_TENANT_ID=tenant.id)
    return tenant


async def _ensure_administrator(application: Application, tenant: Tenant, user: User | None, env: DemoEnv) -> None:
    now_ms = application.clock.now_ms()
    if user is None:
        password = env.values["WATCHWORD_PASSWORD"]
        user = await application.users.create_user(DEMO_EMAIL, password, name="Demo", verified=True, now_ms=now_ms)
    if not await application.tenants.list_of_user(user.id, limit=1):
        await application.members.add(tenant.id, DEMO_EMAIL, role="tenant-admin", actor=OPERATOR, now_ms=now_ms)


async def _ensure_key(application: Application, tenant: Tenant, key: DemoKey, env: DemoEnv) -> None:
    if env.values.get(key.variable):
        return
    wanted = CreateKey(name=f"Demo {key.kind} {key.mode}", kind=key.kind)
    issued = await application.api_keys.create(
        tenant.id, key.mode, wanted, actor=OPERATOR, now_ms=application.clock.now_ms()
    )
    env.keep(**{key.variable: issued.text})


async def _ensure_oauth_client(application: Application, tenant: Tenant, env: DemoEnv) -> None:
    now_ms = application.clock.now_ms()
    client = await _find_oauth_client(application, tenant, env)
    if client is None:
        wanted = CreateClient(name="Demo", grants=list(_GRANTS), redirect_uris=[DEMO_REDIRECT_URI])
        issued = await application.oauth.clients.create(tenant.id, "live", wanted, actor=OPERATOR, now_ms=now_ms)
        if issued.secret is not None:
            env.keep(WATCHWORD_OAUTH_CLIENT_ID=issued.client.id, WATCHWORD_OAUTH_CLIENT_SECRET=issued.secret.text)
    elif not client.settings.redirect_uris:
        # It could act for itself only, until there was more to show.
        change = ChangeClient(grants=list(_GRANTS), redirect_uris=[DEMO_REDIRECT_URI])
        await application.oauth.clients.change(tenant.id, client.id, change, actor=OPERATOR, now_ms=now_ms)


async def _find_oauth_client(application: Application, tenant: Tenant, env: DemoEnv) -> OAuthClient | None:
    if not env.values.get("WATCHWORD_OAUTH_CLIENT_SECRET"):
        return None
    try:
        read = await application.oauth.clients.get(tenant.id, env.values.get("WATCHWORD_OAUTH_CLIENT_ID", ""))
    except NotFoundError:
        return None
    return read.listed.client


async def _ensure_products(application: Application, tenant: Tenant, mode: Mode) -> None:
    if await application.database.fetch_row(_FIND_ONE, tenant.id, mode, PRODUCTS.name) is None:
        now_ms = application.clock.now_ms()
        await load_documents(application.database, tenant.id, mode, PRODUCTS, make_products(mode), now_ms)


async def _ensure_orders(application: Application, tenant: Tenant, mode: Mode) -> None:
    """Load orders as if they had been placed: what is in stock is what they left."""
    if await application.database.fetch_row(_FIND_ONE, tenant.id, mode, ORDERS.name) is None:
        now_ms = application.clock.now_ms()
        rows = await application.database.fetch_rows(_LIST_PUBLISHED, tenant.id, mode, len(_STATUSES))
        products = [msgspec.json.decode(row[0]) for row in rows]
        await load_documents(application.database, tenant.id, mode, ORDERS, make_orders(products, now_ms), now_ms)


_MATERIALS: Final = ("Oak", "Linen", "Ceramic", "Steel", "Wool", "Glass", "Bamboo", "Leather", "Copper", "Cotton")
_THINGS: Final = ("mug", "lamp", "notebook", "chair", "blanket", "bowl", "clock", "bag", "tray", "frame")
_COLOURS: Final = ("white", "blue")


def make_products(mode: Mode) -> Iterator[dict[str, Any]]:
    """Make the products of a mode, the same each time: nine of ten published, so that the rest can be looked for."""
    number = 0
    for thing in _THINGS:
        for material in _MATERIALS:
            for colour in _COLOURS:
                number += 1
                status = {0: "archived", 10: "draft"}.get(number % 20, "published")
                yield {
                    "name": f"{material} {thing}, {colour}",
                    "price": 4_900 + (number * 1_700) % 90_000,
                    "currency": "KRW",
                    "sku": f"{'DEMO' if mode == 'live' else 'TEST'}-{number:04}",
                    "description": f"A {thing} of {material.lower()} in {colour}.",
                    "stock": number * 7 % 120,
                    "status": status,
                }


_STATUSES: Final[tuple[OrderStatus, ...]] = (
    *("confirmed", "confirmed", "confirmed", "returned", "canceled", "failed", "return_processing", "return_requested"),
    *("delivered", "delivered", "delivered", "shipped", "shipped", "shipped", "preparing", "preparing"),
    *("paid", "paid", "pending", "pending"),
)  # fmt: skip
_CUSTOMERS: Final = (
    ("Kim Minji", "minji@example.com"),
    ("Lee Junho", "junho@example.com"),
    ("Park Sora", "sora@example.com"),
    ("Alex Doe", "alex@example.com"),
)


def make_orders(products: list[dict[str, Any]], now_ms: int) -> Iterator[dict[str, Any]]:
    """Make one order for each of the statuses, the oldest first, over as many products as there are of them."""
    for number, (status, first) in enumerate(zip(_STATUSES, products, strict=False)):
        name, email = _CUSTOMERS[number % len(_CUSTOMERS)]
        chosen = [first, *([] if number % 3 else [products[-1 - number]])]
        lines = [_make_line(product, 1 + number % 2, status) for product in chosen]
        yield {
            "orderNumber": write_order_number(now_ms, number + 1),
            "status": status,
            "currency": first["currency"],
            "totalAmount": sum(line["totalPrice"] for line in lines),
            "email": email,
            "customerSnapshot": {"name": name, "email": email},
            "orderProducts": lines,
            "shippingAddress": {
                "recipientName": name,
                "postalCode": "04524",
                "address1": f"Sejong-daero {110 + number}",
            },
            "paymentId": None if status in {"pending", "failed"} else f"demo-{number + 1:04}",
        }


def _make_line(product: dict[str, Any], quantity: int, status: OrderStatus) -> dict[str, Any]:
    return {
        "product": product["id"],
        "name": product["name"],
        **({"sku": product["sku"]} if "sku" in product else {}),
        "quantity": quantity,
        "unitPrice": product["price"],
        "totalPrice": product["price"] * quantity,
        "stockTaken": status not in GIVES_STOCK_BACK,
    }


def _read_pairs(path: Path) -> Iterator[tuple[str, str]]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        name, separator, value = line.partition("=")
        if separator and not line.startswith("#"):
            yield name.strip(), value.strip()
