"""The paths that are measured: what is asked of us and of each peer."""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Callable, Iterator

import httpx
import msgspec

from fill import PASSWORD, Manifest
from pocketbase import PocketBase
from rounds import Load, always, get, post
from servers import Server
from watchword.credentials.api_key import make_key

ME = "me"
PRODUCT = "one product"
PRODUCT_BY_KEY = "one product, API key"
TEN = "ten products with total"
TEN_WITHOUT_TOTAL = "ten products"
FORGED, EXPIRED, UNKNOWN_KEY = "refused: forged", "refused: expired", "refused: unknown key"
CREATE = "create a product, durable"
LOGIN = "login"
CEILING = "ceiling"

HELLO, NGINX, POCKETBASE = "hello", "nginx", "pocketbase"
FASTAPI_USERS, FASTAPI_USERS_POSTGRES = "fastapi-users", "fastapi-users postgres"
WATCHWORD, HTTPS, POSTGRES, LARGE = "watchword", "watchword https", "watchword postgres", "watchword large"

CREATE_CONNECTIONS = 16
BODIES = 60_000
"""Different bodies for one run of creations, more than any server takes in it."""

REFUSED_KEYS = 500

Loads = dict[str, Load]


class Measured(msgspec.Struct):
    """The servers of this run, each with what it takes to call it; None where it is not here."""

    hello: Server
    watchword: Server
    manifest: Manifest
    nginx: Server | None = None
    postgres: Server | None = None
    postgres_manifest: Manifest | None = None
    large: Server | None = None
    large_manifest: Manifest | None = None
    pocketbase: PocketBase | None = None
    fastapi_users: Server | None = None
    fastapi_users_postgres: Server | None = None


def make_paths(measured: Measured) -> dict[str, Loads]:
    """Make every path's loads, by path and server."""
    paths: dict[str, Loads] = {name: {} for name in (CEILING, ME, PRODUCT, PRODUCT_BY_KEY, TEN, TEN_WITHOUT_TOTAL)}
    paths |= {name: {} for name in (FORGED, EXPIRED, UNKNOWN_KEY, CREATE, LOGIN)}
    paths[CEILING][HELLO] = Load(server=measured.hello, requests=always([get("/")]))
    if measured.nginx is not None:
        paths[CEILING][NGINX] = Load(server=measured.nginx, requests=always([get("/product.json")]))
    ours: tuple[tuple[str, Server | None, Manifest | None], ...] = (
        (WATCHWORD, measured.watchword, measured.manifest),
        (POSTGRES, measured.postgres, measured.postgres_manifest),
        (LARGE, measured.large, measured.large_manifest),
    )
    for name, server, manifest in ours:
        if server is not None and manifest is not None:
            _add_watchword(paths, name, server, manifest)
    for path in (ME, PRODUCT, PRODUCT_BY_KEY, TEN):
        plain = paths[path][WATCHWORD]
        paths[path][HTTPS] = Load(server=plain.server, requests=plain.requests, tls=True)
    if measured.pocketbase is not None:
        _add_pocketbase(paths, measured.pocketbase)
    for name, server in (
        (FASTAPI_USERS, measured.fastapi_users),
        (FASTAPI_USERS_POSTGRES, measured.fastapi_users_postgres),
    ):
        if server is not None:
            _add_fastapi_users(paths, name, server)
    return paths


def _add_watchword(paths: dict[str, Loads], name: str, server: Server, manifest: Manifest) -> None:
    bearers = [f"Authorization: Bearer {token}" for token in manifest.tokens]
    keys = [f"X-API-Key: {key}" for key in manifest.keys]
    products = [f"/api/products/{product_id}" for product_id in manifest.product_ids]
    forged = [f"{bearer[:-4]}{'AAAA' if not bearer.endswith('AAAA') else 'BBBB'}" for bearer in bearers]
    unknown = [f"X-API-Key: {make_key('secret_key', 'live')}" for _ in range(REFUSED_KEYS)]

    def add(path: str, requests: Callable[[], list[bytes]], expect: int = 200, **more: int) -> None:
        paths[path][name] = Load(server=server, requests=requests, expect=expect, **more)

    add(ME, always(get("/api/users/me", bearer) for bearer in bearers))
    add(PRODUCT, always(get(path, bearer) for path, bearer in zip(products, itertools.cycle(bearers), strict=False)))
    add(PRODUCT_BY_KEY, always(get(path, key) for path, key in zip(products, itertools.cycle(keys), strict=False)))
    ten = always(get("/api/products", bearer) for bearer in bearers)
    add(TEN, ten)
    add(TEN_WITHOUT_TOTAL, ten)
    add(FORGED, always(get("/api/users/me", bearer) for bearer in forged), 401)
    add(EXPIRED, always([get("/api/users/me", f"Authorization: Bearer {manifest.expired_token}")]), 419)
    add(UNKNOWN_KEY, always(get(path, key) for path, key in zip(products, itertools.cycle(unknown), strict=False)), 401)
    add(
        CREATE,
        lambda: [post("/api/products", body, bearer) for body, bearer in zip(make_bodies(), itertools.cycle(bearers))],
        201,
        connections=CREATE_CONNECTIONS,
    )
    logins = [
        post("/api/users/login", json.dumps({"email": email, "password": PASSWORD}).encode())
        for email in manifest.emails
    ]
    paths[LOGIN][name] = Load(server=server, requests=always(logins), connections=8, many_addresses=True)


def _add_pocketbase(paths: dict[str, Loads], peer: PocketBase) -> None:
    records = "/api/collections/products/records"
    token = f"Authorization: {peer.user_token}"

    def add(path: str, requests: Callable[[], list[bytes]], expect: int = 200, connections: int = 32) -> None:
        paths[path][POCKETBASE] = Load(server=peer.server, requests=requests, expect=expect, connections=connections)

    one = always(get(f"{records}/{product_id}", token) for product_id in peer.product_ids)
    add(ME, always([get(f"/api/collections/users/records/{peer.user_id}", token)]))
    add(PRODUCT, one)
    # It has no API keys; what its documentation puts in their place is a superuser's long-lived token.
    superuser = f"Authorization: {peer.admin_token}"
    add(PRODUCT_BY_KEY, always(get(f"{records}/{product_id}", superuser) for product_id in peer.product_ids))
    add(TEN, always([get(f"{records}?perPage=10", token)]))
    add(TEN_WITHOUT_TOTAL, always([get(f"{records}?perPage=10&skipTotal=1", token)]))
    add(FORGED, always([get(f"/api/collections/users/records/{peer.user_id}", f"{token[:-4]}AAAA")]), 404)
    add(CREATE, lambda: [post(records, body, token) for body in make_bodies()], 200, CREATE_CONNECTIONS)
    credentials = json.dumps({"identity": "user@example.com", "password": PASSWORD}).encode()
    login = always([post("/api/collections/users/auth-with-password", credentials)])
    paths[LOGIN][POCKETBASE] = Load(server=peer.server, requests=login, connections=8)


def _add_fastapi_users(paths: dict[str, Loads], name: str, server: Server) -> None:
    form = httpx.Request("POST", "http://peer/", data={"username": "bench@example.com", "password": PASSWORD}).content
    answer = httpx.post(
        f"http://127.0.0.1:{server.port}/auth/login",
        content=form,
        headers={"content-type": "application/x-www-form-urlencoded"},
        timeout=30,
    )
    token = f"Authorization: Bearer {answer.raise_for_status().json()['access_token']}"
    numbers = [secrets.randbelow(100_000) + 1 for _ in range(2_000)]
    reads = {
        ME: [get("/users/me", token)],
        PRODUCT: [get(f"/products/{number}", token) for number in numbers],
        TEN: [get("/products", token)],
        TEN_WITHOUT_TOTAL: [get("/products?total=false", token)],
    }
    for path, requests in reads.items():
        paths[path][name] = Load(server=server, requests=always(requests))
    refused = always([get("/users/me", f"{token[:-4]}AAAA")])
    paths[FORGED][name] = Load(server=server, requests=refused, expect=401)
    login = always([post("/auth/login", form, media_type="application/x-www-form-urlencoded")])
    paths[LOGIN][name] = Load(server=server, requests=login, connections=8)


def make_bodies() -> Iterator[bytes]:
    """Make bodies of new products that no run before has sent."""
    run = secrets.token_hex(6)
    for number in range(BODIES):
        yield (
            f'{{"name":"New product {number}","price":{100 + number},"currency":"KRW","sku":"{run}-{number}",'
            f'"description":"Made by the benchmark.","stock":{number % 100},"status":"published"}}'
        ).encode()
