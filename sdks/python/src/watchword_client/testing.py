"""A real server in the test's own process: with a tenant, keys and a clock to set. Needs the extra ``testing``.

It runs in a thread, through the embedding API of the package ``watchword``: that is how its clock can be set. A server
that was started by its command has no such way in.
"""

from __future__ import annotations

import asyncio
import io
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from uvicorn.server import ServerState

from watchword.api_keys.models import CreateKey, KindName
from watchword.app import Application
from watchword.config import Settings, load_settings
from watchword.credentials.api_key import KeyMode
from watchword.credentials.password import Passwords
from watchword.oauth.client_models import CreateClient
from watchword.observe import Log
from watchword.tenants.actor import OPERATOR
from watchword.tenants.models import CreateTenant
from watchword.wire.fast_lane import FastLaneProtocol
from watchword.wire.listeners import protocol_config

__all__ = [
    "AUDIENCE",
    "PASSWORD",
    "SLUG",
    "Names",
    "SetClock",
    "Template",
    "WatchwordServer",
    "make_template",
    "serve_application",
    "serving",
]

Answer = TypeVar("Answer")

PASSWORD = "correct horse battery staple"  # noqa: S105 - of people who exist in tests only
SLUG = "shop"
AUDIENCE = "https://orders.example/api"
"""How the API under test is named as a resource: the OAuth client may ask tokens for it."""

_HOST = "127.0.0.1"
_START_SECONDS = 30.0
_STOP_SECONDS = 30.0
_TURNS = 8
"""Turns of the loop at the end: a connection that was accepted just now is known, and then closed, some turns later."""


class SetClock:
    """A server's clock, which goes on from where it is set; safe to be used from any thread."""

    def __init__(self) -> None:
        self._ahead_ms = 0

    def now_ms(self) -> int:
        """Return the Unix time in milliseconds."""
        return time.time_ns() // 1_000_000 + self._ahead_ms

    def monotonic_ms(self) -> int:
        """Return milliseconds that never jump back."""
        return time.monotonic_ns() // 1_000_000 + max(0, self._ahead_ms)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._ahead_ms += int(seconds * 1000)

    def set(self, unix_seconds: float) -> None:
        """Set the wall clock."""
        self._ahead_ms = int(unix_seconds * 1000) - time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Names:
    """What stands in the tenant from the beginning; secrets stay out of ``repr``."""

    tenant_id: str
    admin_id: str
    client_id: str
    keys: dict[str, str] = field(repr=False)
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class Template:
    """A data directory to copy."""

    directory: Path
    names: Names


class WatchwordServer:
    """A running server with one tenant, ``shop``.

    Attributes:
        url: where it is; also the tenant's issuer, since ``shop`` is the default tenant.
        clock: its clock: ``advance(seconds)``, ``set(unix_seconds)``.
        client_key, secret_key, test_client_key, test_secret_key: keys of the tenant, live and test.
        client_id, client_secret: an OAuth client of the tenant, for ``client_credentials`` and introspection; it may ask
            tokens for ``audience``.
        email, password: of its administrator.
        application: the embedded product, for what its routes do not give; ask it by ``run``.
    """

    def __init__(self, url: str, names: Names, clock: SetClock, application: Application, run: _Run) -> None:
        self.url = url
        self.clock = clock
        self.tenant_id, self.admin_id = names.tenant_id, names.admin_id
        self.client_key, self.secret_key = names.keys["pk_live"], names.keys["sk_live"]
        self.test_client_key, self.test_secret_key = names.keys["pk_test"], names.keys["sk_test"]
        self.client_id, self.client_secret = names.client_id, names.client_secret
        self.audience = AUDIENCE
        self.email, self.password = f"admin@{SLUG}.example", PASSWORD
        self.application = application
        self._run = run

    def __repr__(self) -> str:
        return f"WatchwordServer({self.url!r})"

    def run(self, make: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """Run a coroutine on the server's event loop and return what it returns."""
        answer: Answer = self._run(make)
        return answer


_Run = Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]


def make_template(directory: Path) -> Template:
    """Make a data directory to copy, in an event loop of its own."""
    names: list[Names] = []
    thread = threading.Thread(target=lambda: names.append(asyncio.run(_fill(directory))))
    thread.start()
    thread.join()
    return Template(directory, names[0])


@contextmanager
def serving(directory: Path, names: Names) -> Iterator[WatchwordServer]:
    """Serve a data directory on a free port until the block ends."""
    clock = SetClock()
    with socket.socket() as listening:
        listening.bind((_HOST, 0))
        listening.listen(128)
        served = _Served(directory, clock, listening)
        served.start()
        try:
            yield WatchwordServer(served.url, names, clock, served.application, served.run)
        finally:
            served.stop()


class _Served:
    """A thread with an event loop, an application and a server in it."""

    def __init__(self, directory: Path, clock: SetClock, listening: socket.socket) -> None:
        self.url = f"http://{_HOST}:{listening.getsockname()[1]}"
        self.application: Application
        self._directory = directory
        self._clock = clock
        self._listening = listening
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="watchword server", daemon=True)

    def start(self) -> None:
        self._thread.start()
        if not self._ready.wait(_START_SECONDS) or self._fault is not None:
            raise RuntimeError("the server did not come up") from self._fault

    def run(self, make: Callable[[], Coroutine[Any, Any, Any]]) -> Any:  # noqa: ANN401 - whatever is asked for
        return asyncio.run_coroutine_threadsafe(make(), self._loop).result(_START_SECONDS)

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_STOP_SECONDS)
        if self._thread.is_alive() or self._fault is not None:
            raise RuntimeError("the server did not end as it should") from self._fault

    def _main(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:  # noqa: BLE001 - the test that waits has to hear of it
            self._fault = error
        finally:
            self._loop.close()
            self._ready.set()

    async def _serve(self) -> None:

        log = Log(io.BytesIO())
        settings = _settings(self._directory, WATCHWORD_PUBLIC_URL=self.url)
        self.application = await Application.open(settings, clock=self._clock, log=log, passwords=_cheap_passwords())
        async with serve_application(self.application, self._listening):
            self._ready.set()
            await self._stop.wait()
        await self.application.close()
        log.close()


@asynccontextmanager
async def serve_application(
    application: Application,
    listening: socket.socket,
    *,
    tls: ssl.SSLContext | None = None,
    keep_alive_seconds: float = 5.0,
) -> AsyncIterator[ServerState]:
    """Serve an application on a listening socket, on the running loop and through the product's own protocol.

    Gives uvicorn's record of the open connections. A connection without a request ends after ``keep_alive_seconds``.
    """
    config = protocol_config(application, FastLaneProtocol, timeout_keep_alive=keep_alive_seconds)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: FastLaneProtocol(config=config, server_state=state, app_state={}), sock=listening, ssl=tls
    )
    try:
        yield state
    finally:
        # asyncio forgets, and leaves open, a connection that it accepts in the turn in which its server is closed.
        loop.remove_reader(listening)
        await asyncio.sleep(0)
        server.close()
        application.end_streams()
        for _ in range(_TURNS):
            for connection in list(state.connections):
                connection.transport.abort()
            await asyncio.sleep(0)
        await asyncio.gather(*state.tasks, return_exceptions=True)


async def _fill(directory: Path) -> Names:

    log = Log(io.BytesIO())
    application = await Application.open(_settings(directory), log=log, passwords=_cheap_passwords())
    now_ms = application.clock.now_ms()
    tenant = await application.tenants.create(
        CreateTenant(name="The Shop", slug=SLUG, plan="enterprise"), actor=OPERATOR, now_ms=now_ms
    )
    admin = await application.users.create_user(
        f"admin@{SLUG}.example", PASSWORD, name="Admin", is_super_admin=False, verified=True, now_ms=now_ms
    )
    await application.members.add(tenant.id, admin.email, role="tenant-admin", actor=OPERATOR, now_ms=now_ms)
    keys = {}
    kinds: tuple[tuple[KindName, str], ...] = (("secret", "sk"), ("publishable", "pk"))
    modes: tuple[KeyMode, ...] = ("live", "test")
    for kind, prefix in kinds:
        for mode in modes:
            wanted = CreateKey(name=f"{mode} {kind}", kind=kind)
            issued = await application.api_keys.create(tenant.id, mode, wanted, actor=OPERATOR, now_ms=now_ms)
            keys[f"{prefix}_{mode}"] = issued.text
    client = await application.oauth.clients.create(
        tenant.id,
        "live",
        CreateClient(name="Partner", grants=["client_credentials"], audiences=[AUDIENCE]),
        actor=OPERATOR,
        now_ms=now_ms,
    )
    assert client.secret is not None  # noqa: S101 - a client of this grant has one
    await application.close()
    log.close()
    return Names(tenant.id, admin.id, client.client.id, keys, client.secret.text)


def _cheap_passwords() -> Passwords:
    """Take the cheapest Argon2 there is: whoever tests an API with it waits for no hash."""
    return Passwords(time_cost=1, memory_cost_kib=8, threads=1, queue_max=100)


def _settings(directory: Path, **changes: str) -> Settings:

    texts = {
        "WATCHWORD_DATA": str(directory),
        "WATCHWORD_TLS": "off",
        "WATCHWORD_HOST": _HOST,
        "WATCHWORD_DEFAULT_TENANT": SLUG,
        "WATCHWORD_REQUESTS_PER_MINUTE_PER_ADDRESS": "1000000",
        "WATCHWORD_LOGINS_PER_MINUTE_PER_ADDRESS": "100000",
        "WATCHWORD_TOKEN_REQUESTS_PER_MINUTE_PER_ADDRESS": "100000",
        **changes,
    }
    return load_settings({}, directory, texts)
