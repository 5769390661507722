"""``watchword serve`` over TLS with the inhabited installation, and clients registered at it."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec

from clients.person import Person
from inhabited import inhabit
from served import Served, fleet
from world import PASSWORD, World

SLUGS = {"a": "tenant-a", "b": "tenant-b"}

CALLBACK = "https://app.example/callback"
"""Where clients of these tests are called back; nothing listens there, a person's way ends on it."""


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
        self._people: list[Person] = []
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
        return httpx.Client(verify=self.trust, base_url=self.url, timeout=60)

    def person(self, who: str, *, allows: bool = True) -> Person:
        """Return someone of the installation (``viewer_a``) with a browser of their own."""
        email = f"{who.replace('_', '.')}@example.com"
        person = Person(self.url, self.trust, email, PASSWORD, allows=allows)
        self._people.append(person)
        return person

    def set(self, tenant: str, **settings: object) -> None:
        """Have the tenant's administrator change its settings."""
        with self.open() as http:
            bearer = {"authorization": f"Bearer {self.world.tokens[f'admin_{tenant}']}"}
            path = f"/api/tenants/{self.world.tenants[tenant]}"
            answer = http.patch(path, json={"settings": settings}, headers=bearer)
        assert answer.status_code == 200, answer.text

    def make_key(self, tenant: str, *scopes: str) -> str:
        """Have the tenant's administrator make a secret key of these scopes."""
        wanted = {"name": "A key", "kind": "secret", "mode": "live", "scopes": scopes}
        with self.open() as http:
            bearer = {"authorization": f"Bearer {self.world.tokens[f'admin_{tenant}']}"}
            answer = http.post("/api/keys", json=wanted, headers=bearer)
        assert answer.status_code == 201, answer.text
        key: str = answer.json()["doc"]["key"]
        return key

    def clear(self) -> None:
        """Close the browsers of everybody who was here."""
        for person in self._people:
            person.close()
        self._people.clear()

    def register(
        self,
        tenant: str = "a",
        *,
        kind: str = "confidential",
        grants: tuple[str, ...] = ("client_credentials",),
        scopes: tuple[str, ...] | None = None,
        **settings: Any,  # noqa: ANN401 - settings of a client, as JSON has them
    ) -> Registered:
        """Have the tenant's administrator register a client, and return what it has to know."""
        wanted = {"name": "A client", "kind": kind, "mode": "live", "grants": grants, "scopes": scopes, **settings}
        with self.open() as http:
            bearer = {"authorization": f"Bearer {self.world.tokens[f'admin_{tenant}']}"}
            answer = http.post("/api/clients", json=wanted, headers=bearer)
        assert answer.status_code == 201, answer.text
        made = answer.json()["doc"]
        return Registered(made["id"], made.get("clientSecret", ""))


@contextlib.contextmanager
def open_instance(directory: Path) -> Iterator[Instance]:
    """Serve the inhabited installation until the block ends."""
    world = inhabit(directory)
    with fleet() as servers:
        server = servers(
            directory,
            WATCHWORD_DEFAULT_TENANT=SLUGS["a"],
            WATCHWORD_REQUESTS_PER_MINUTE_PER_ADDRESS="100000",
            WATCHWORD_LOGINS_PER_MINUTE_PER_ADDRESS="0",
            # What clients publish and want to be told stands on this machine too, with the same authority.
            WATCHWORD_FETCH_NETWORKS="127.0.0.0/8,::1/128",
            WATCHWORD_FETCH_CA_FILE=str(directory / "ca.pem"),
        )
        yield Instance(server.start(), world)
