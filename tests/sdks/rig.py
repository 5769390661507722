"""The server of a scenario: the inhabited installation over TLS with a clock that is set, and a control beside it."""

from __future__ import annotations

import asyncio
import io
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

from support import SetClock
from watchword.api_keys.models import CreateKey
from watchword.app import Application
from watchword.observe import Log
from watchword.wire.tls import ensure_development_certificate
from world import OPERATOR, PASSWORD, World, make_settings, open_application, serve_fast

T = TypeVar("T")

PERSON = "editor_a"


class Rig:
    """One server on one port, which may be stopped and started; what the control is sent is done here."""

    def __init__(self, directory: Path, world: World, *, speaks_tls: bool) -> None:
        self.directory = directory
        self.world = world
        self.clock = SetClock()
        self.limited_key = ""
        self.url = ""
        self.control = ""
        self._port = 0
        self._logged = io.BytesIO()
        self._open = AsyncExitStack()
        self._application: Application | None = None
        self._comes_back = False
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._tls = _make_tls(directory) if speaks_tls else None

    def environment(self, *, trusts: bool = True) -> dict[str, str]:
        """Return what a driver is told."""
        authority = str(self.directory / "ca.pem")
        trusted = {"WATCHWORD_CA_FILE": authority, "NODE_EXTRA_CA_CERTS": authority, "DENO_CERT": authority}
        return {
            "WATCHWORD_URL": self.url,
            "SCENARIO_CONTROL": self.control,
            "SCENARIO_CLIENT_KEY": self.world.keys["pk_live_a"],
            "SCENARIO_SECRET_KEY": self.world.keys["sk_live_a"],
            "SCENARIO_TEST_SECRET_KEY": self.world.keys["sk_test_a"],
            "SCENARIO_LIMITED_KEY": self.limited_key,
            "SCENARIO_EMAIL": f"{PERSON.replace('_', '.')}@example.com",
            "SCENARIO_PASSWORD": PASSWORD,
            **(trusted if trusts and self._tls is not None else {}),
        }

    def counted(self) -> Counter[str]:
        """Count the requests that were answered so far, by method and route."""
        if self._application is not None:
            self._application.log.flush()
        lines = [json.loads(line) for line in self._logged.getvalue().splitlines()]
        return Counter(f"{line['method']} {line['route']}" for line in lines if line["event"] == "request")

    def handle(self, message: str, content: dict[str, Any]) -> None:
        """Do what the control was sent."""
        with self._lock:
            if message == "/advance":
                self.clock.advance(int(content["seconds"] * 1000))
                if self._comes_back:
                    self.start()
            elif message == "/stop":
                self.stop()
                self._comes_back = content.get("until") == "advance"
            elif message == "/restart":
                self.stop()
                self.start()
            elif message == "/log-out":
                self._await(self._end_sessions())
            else:
                raise AssertionError(f"the control knows no {message}")

    def start(self) -> None:
        """Open the installation on the port that it had."""
        self._comes_back = False
        self._await(self._start())

    def stop(self) -> None:
        """Close it; connections break."""
        self._application = None
        self._await(self._open.aclose())

    def clean_up(self) -> None:
        """Leave no server and no thread behind."""
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _start(self) -> None:
        log = Log(self._logged)
        application = await open_application(make_settings(self.directory), self.clock, log)
        self._open.callback(log.close)
        self._open.push_async_callback(application.close)
        self.url = await self._open.enter_async_context(serve_fast(application, port=self._port, tls=self._tls))
        self._port = int(self.url.rpartition(":")[2])
        self._application = application
        if not self.limited_key:
            wanted = CreateKey(name="limited", kind="publishable", rate_limit=2)
            tenant = self.world.tenants["a"]
            issued = await application.api_keys.create(
                tenant, "live", wanted, actor=OPERATOR, now_ms=self.clock.now_ms()
            )
            self.limited_key = issued.text

    async def _end_sessions(self) -> None:
        assert self._application is not None
        tokens, user = self._application.session_tokens, self.world.users[PERSON]
        await self._application.database.transaction(lambda tx: tokens.end_all(tx, user, self.clock.now_ms()))


@contextmanager
def open_rig(directory: Path, world: World, *, speaks_tls: bool = True) -> Iterator[Rig]:
    """Serve an installation and its control until the block ends."""
    rig = Rig(directory, world, speaks_tls=speaks_tls)
    control = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(rig))
    listener = threading.Thread(target=control.serve_forever)
    listener.start()
    rig.control = f"http://127.0.0.1:{control.server_port}"
    try:
        rig.start()
        yield rig
    finally:
        control.shutdown()
        listener.join()
        control.server_close()
        rig.clean_up()


def _make_tls(directory: Path) -> ssl.SSLContext:
    files = ensure_development_certificate(directory, (), time.time_ns() // 1_000_000)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    return context


def _handler_of(rig: Rig) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
            rig.handle(self.path, content)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has where it is called
            """Say nothing."""

    return Handler
