"""``watchword serve`` over TLS with the inhabited installation, and clients registered at it."""

from __future__ import annotations

import contextlib
import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import httpx
import msgspec

from inhabited import inhabit
from served import Served, fleet
from watchword.credentials.client_secret import hash_client_secret, make_client_secret
from watchword.ids import make_id
from world import World

SLUGS = {"a": "tenant-a", "b": "tenant-b"}


class Registered(msgspec.Struct, frozen=True):
    """A client of the instance; ``secret`` is empty for a public one."""

    id: str
    secret: str


class Instance:
    """A running server, who lives in it, and how to reach it."""

    def __init__(self, server: Served, world: World) -> None:
        self.server = server
        self.world = world
        self.url = server.url
        self.authority = server.data / "ca.pem"
        self.trust = ssl.create_default_context(cafile=str(self.authority))

    @property
    def token_url(self) -> str:
        """The token endpoint as the document prints it, for every tenant."""
        return f"{self.url}/oauth/token"

    def issuer(self, tenant: str) -> str:
        """Return a tenant's issuer: the bare address for the default one."""
        return self.url if tenant == "a" else f"{self.url}/t/{SLUGS[tenant]}"

    def open(self) -> httpx.Client:
        """Return an HTTP client that trusts the development authority."""
        return httpx.Client(verify=self.trust, base_url=self.url)

    def register(
        self,
        tenant: str = "a",
        *,
        kind: str = "confidential",
        grants: tuple[str, ...] = ("client_credentials",),
        scopes: tuple[str, ...] | None = None,
        **settings: Any,  # noqa: ANN401 - settings of a client, as JSON has them
    ) -> Registered:
        """Register a client and return what it has to know."""
        now_ms = time.time_ns() // 1_000_000
        client_id, secret = make_id("oauth_client", now_ms), make_client_secret()
        with contextlib.closing(apsw.Connection(str(self.server.data / "watchword.db"))) as connection:
            connection.set_busy_timeout(10_000)
            connection.execute(
                "INSERT INTO oauth_clients"
                " (id, tenant_id, mode, name, kind, grants, scopes, settings, created_at, updated_at)"
                " VALUES (?, ?, 'live', 'A client', ?, ?, ?, ?, ?, ?)",
                (
                    client_id,
                    self.world.tenants[tenant],
                    kind,
                    json.dumps(grants),
                    None if scopes is None else json.dumps(scopes),
                    json.dumps(settings),
                    now_ms,
                    now_ms,
                ),
            )
            if kind == "confidential":
                connection.execute(
                    "INSERT INTO oauth_client_secrets (id, client_id, secret_hash, last_characters, created_at)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (make_id("client_secret", now_ms), client_id, hash_client_secret(secret), secret[-4:], now_ms),
                )
        return Registered(client_id, secret if kind == "confidential" else "")


@contextlib.contextmanager
def open_instance(directory: Path) -> Iterator[Instance]:
    """Serve the inhabited installation until the block ends."""
    world = inhabit(directory)
    with fleet() as servers:
        server = servers(
            directory, WATCHWORD_DEFAULT_TENANT=SLUGS["a"], WATCHWORD_REQUESTS_PER_MINUTE_PER_ADDRESS="100000"
        )
        yield Instance(server.start(), world)
