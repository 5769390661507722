"""Every route of the product as a request that would succeed for the right caller, generated from the routes table.

A route that is added must find its place here: ``require_complete`` fails until it is classified and can be called.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from watchword.app import Application
from watchword.db.database import Statement
from watchword.wire.routes import Route
from world import PASSWORD, Api, World

PUBLIC = {
    "GET /",
    "GET /health/live",
    "GET /health/ready",
    "GET /api/health",
    "GET /api/openapi.json",
    "GET /docs",
    "GET /docs/docs.css",
    "POST /api/users/login",
    "POST /api/users/register",
    "POST /api/users/forgot-password",
    "POST /api/users/reset-password",
    "POST /api/users/verify/{token}",
    "POST /api/invitations/accept",
    "POST /api/keys/self-revoke",
}
"""Routes that serve whoever asks; what they do needs a code, a password or a key in the request."""

OWN_PROOF = {"POST /api/users/refresh-token"}
"""Routes that let in everyone and read the credential themselves, because they take more, or less, than others."""

PROVED_BY_ENDPOINT = {"client", "page"}
"""Callers of the authorization server, whose endpoints have a table of their own (``tests/oauth/test_routes.py``)."""

NOBODYS = "ten_00000000000000000000000000"
PERSON = {"email": "nobody@example.com", "password": PASSWORD}
BODIES: dict[str, Any] = {
    "POST /api/users/login": PERSON,
    "POST /api/users/register": PERSON,
    "POST /api/users/forgot-password": {"email": "nobody@example.com"},
    "POST /api/users/reset-password": {"token": "made-up", "password": PASSWORD},
    "PATCH /api/users/me": {"name": "Taken"},
    "POST /api/tenants": {"name": "Taken", "slug": "taken"},
    "PATCH /api/tenants/{id}": {"name": "Taken"},
    "POST /api/tenants/{id}/members": {"email": "outsider@example.com", "role": "tenant-admin"},
    "PATCH /api/tenants/{id}/members/{user_id}": {"role": "tenant-viewer"},
    "POST /api/tenants/{id}/invitations": {"email": "new@example.com", "role": "tenant-admin"},
    "POST /api/invitations/accept": {"code": "made-up", "password": PASSWORD},
    "POST /api/keys": {"name": "Taken", "kind": "secret"},
    "PATCH /api/keys/{id}": {"name": "Taken"},
    "POST /api/keys/{id}/rotate": {"overlap_seconds": 0},
    "POST /api/keys/self-revoke": {"key": "sk_live_" + "0" * 36},
    "POST /api/keys/verify": {"key": "sk_live_" + "0" * 36},
    "POST /api/clients": {"name": "Taken", "grants": ["client_credentials"]},
    "PATCH /api/clients/{id}": {"name": "Taken"},
    "POST /api/clients/{id}/secrets": {},
    "POST /api/clients/{id}/rotate": {"overlap_seconds": 0},
    "POST /api/products": {"name": "Taken", "price": 1},
    "PATCH /api/products/{id}": {"name": "Taken"},
    "POST /api/orders": {"orderProducts": [{"product": "{product}", "quantity": 1}], "totalAmount": 100},
    "PATCH /api/orders/{id}": {"status": "paid"},
    "PATCH /api/orders/by-number/{order_number}": {"status": "paid"},
}

WITHOUT_BODY = {
    "POST /api/users/refresh-token",
    "POST /api/users/logout",
    "POST /api/users/verify/{token}",
    "POST /oauth/userinfo",
    "POST /t/{tenant}/oauth/userinfo",
}


QUERIES = {"GET /api/revocations": "?follow=false"}
"""What makes an answer end that would go on."""


class Victim(msgspec.Struct, frozen=True):
    """Whose things a caller asks for: a tenant and a mode by their short names."""

    tenant: str
    mode: str = "live"


class RouteCall(msgspec.Struct, frozen=True):
    """One route with its path filled in and a body that fits."""

    name: str
    route: Route
    path: str
    body: Any

    @property
    def is_public(self) -> bool:
        """Say whether anyone may call it."""
        return self.name in PUBLIC

    @property
    def is_write(self) -> bool:
        """Say whether it may change something."""
        return self.route.method not in {"GET", "HEAD"}

    @property
    def names_a_thing(self) -> bool:
        """Say whether its path names a thing of somebody."""
        return "{" in self.route.path

    @property
    def is_of_a_collection(self) -> bool:
        """Say whether it is about documents, which exist once per mode."""
        return (
            self.route.permission is not None
            and self.path.startswith(f"/api/{self.route.permission.partition(':')[0]}")
            and not self.path.startswith(("/api/keys", "/api/clients", "/api/tenants"))
        )


def name_of(route: Route) -> str:
    """Name a route by method and path."""
    return f"{route.method} {route.path}"


def calls_of(api: Api, victim: Victim) -> list[RouteCall]:
    """Return every route as a call for the victim's things, but for those that know their callers by themselves."""
    things = _things(api.world, victim)
    return [
        RouteCall(
            name_of(route),
            route,
            _fill(route.path, things) + QUERIES.get(name_of(route), ""),
            _body_of(route, things),
        )
        for route in api.application.routes
        if route.callers not in PROVED_BY_ENDPOINT
    ]


def require_complete(application: Application) -> None:
    """Fail for a route that is neither public nor protected by what it says of itself, or cannot be called from here."""
    routes = {name_of(route): route for route in application.routes if route.callers not in PROVED_BY_ENDPOINT}
    open_to_all = {name for name, route in routes.items() if route.callers == "anyone"}
    assert open_to_all == PUBLIC | OWN_PROOF, "classify each route that lets in everyone"
    assert all(routes[name].permission is None for name in open_to_all), "a permission needs a caller"
    writes = {name for name, route in routes.items() if route.method in {"POST", "PATCH", "PUT"}}
    assert writes == set(BODIES) | WITHOUT_BODY, "give each writing route a body that fits"
    for name, route in routes.items():
        # Whoever is let in without a permission acts on what is the caller's own, and the path says so.
        if name not in open_to_all and route.permission is None:
            own = route.path.startswith("/api/users/") or route.path.endswith("/oauth/userinfo")
            own = own or name in {"GET /api/tenants", "POST /api/keys/verify"}
            assert own, f"{name} asks for no permission"


def marks_of(world: World, tenant: str) -> list[str]:
    """Return texts that stand in a tenant's data and nowhere else."""
    ids = [value for name, value in world.names().items() if name.endswith(f"_{tenant}")]
    return [
        *ids,
        f"tenant-{tenant}",
        f"Tenant {tenant}",
        f".{tenant}@example.com",
        f"live {tenant} ",
        f"test {tenant} ",
    ]


async def dump_of(application: Application, marks: list[str]) -> list[str]:
    """Return every row of the main database that holds one of these texts."""
    rows: list[str] = []
    tables = await application.database.scan_rows(
        Statement("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
    )
    for (table,) in tables:
        for row in await application.database.scan_rows(Statement(f'SELECT * FROM "{table}"')):
            text = f"{table}: {list(row)}"
            if any(mark in text for mark in marks):
                rows.append(text)
    return sorted(rows)


def _things(world: World, victim: Victim) -> dict[str, str]:
    tenant, mode = victim.tenant, victim.mode
    return {
        "/t/{tenant}": f"tenant-{tenant}",
        "/api/users/sessions/{id}": world.sessions[f"admin_{tenant}"],
        "/api/users/verify/{token}": "made-up",
        "/api/tenants/{id}": world.tenants[tenant],
        "/api/tenants/{id}/members/{user_id}": world.users[f"editor_{tenant}"],
        "/api/tenants/{id}/invitations/{invitation_id}": "inv_00000000000000000000000000",
        "/api/keys/{id}": world.key_ids[f"sk_{mode}_{tenant}"],
        "/api/grants/{id}": world.grants[tenant],
        "/api/users/grants/{id}": world.grants[tenant],
        "/api/clients/{id}": world.clients[tenant],
        "/api/clients/{id}/secrets/{secret_id}": world.client_secret_ids[tenant],
        "/api/products/{id}": world.products[f"{mode}_{tenant}"],
        "/api/orders/{id}": world.orders[f"{mode}_{tenant}"],
        "/api/orders/by-number/{order_number}": world.order_numbers[f"{mode}_{tenant}"],
    }


def _body_of(route: Route, things: dict[str, str]) -> Any:  # noqa: ANN401 - whatever the route takes
    body: Any = BODIES.get(name_of(route))
    if name_of(route) == "POST /api/orders":
        lines = [{**line, "product": things["/api/products/{id}"]} for line in body["orderProducts"]]
        return {**body, "orderProducts": lines}
    return body


def _fill(path: str, things: dict[str, str]) -> str:
    filled = ""
    known = ""
    for part in path.split("/")[1:]:
        known += f"/{part}"
        filled += f"/{things[known]}" if re.fullmatch(r"\{\w+\}", part) else f"/{part}"
    return filled
