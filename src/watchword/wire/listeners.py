"""The sockets the server listens on, TLS on them, and the loop that serves until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import msgspec
import uvicorn
import uvloop

from watchword.clock import Clock
from watchword.config import SettingError, Settings
from watchword.observe import Log
from watchword.wire.asgi import Message, Receive, Send
from watchword.wire.certificate_files import CertificateFiles
from watchword.wire.fast_lane import FastLaneProtocol

HTTP_HOST: Final = "127.0.0.1"
"""The listener without TLS is on this address and no other."""

STOP_SECONDS: Final = 8
"""What is in flight has so long to finish; with closing the stores a stop stays under ten seconds."""

_RELOAD_EVERY_SECONDS: Final = 2.0
"""How often the certificate's files are looked at: two stat calls."""

_CIPHERS_OF_TLS_1_2: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Forward secrecy and authenticated encryption only; TLS 1.3 has nothing else."""

Result = TypeVar("Result")


class AsgiApplication(Protocol):
    """What is served."""

    async def __call__(self, scope: Message, receive: Receive, send: Send, /) -> None:
        """Answer one request."""
        ...


class Sockets(msgspec.Struct, frozen=True):
    """The listening sockets: the main one, and the loopback one without TLS where there is one."""

    main: socket.socket
    http: socket.socket | None

    @property
    def port(self) -> int:
        """The port of the main listener, also when the settings asked for a free one."""
        return _port(self.main)

    @property
    def http_port(self) -> int | None:
        """The port of the listener without TLS."""
        return None if self.http is None else _port(self.http)

    def close(self) -> None:
        """Close both."""
        self.main.close()
        if self.http is not None:
            self.http.close()


def bind_sockets(settings: Settings) -> Sockets:
    """Bind what the settings ask for.

    Raises:
        SettingError: an address cannot be had.
    """
    main = _bind(settings.host.removeprefix("[").removesuffix("]"), settings.port, settings, "WATCHWORD_PORT")
    if settings.http_port is None:
        return Sockets(main, None)
    try:
        return Sockets(main, _bind(HTTP_HOST, settings.http_port, settings, "WATCHWORD_HTTP_PORT"))
    except SettingError:
        main.close()
        raise


def sockets_from_descriptors(main: int, http: int | None) -> Sockets:
    """Take up sockets that the parent process bound and passed on."""
    return Sockets(socket.socket(fileno=main), None if http is None else socket.socket(fileno=http))


def make_tls_context(files: CertificateFiles) -> ssl.SSLContext:
    """Make the server's context: TLS 1.2 or 1.3, HTTP/1.1, no session tickets.

    Without tickets every connection proves the certificate that is in force now, and no ticket key has to be rotated
    or shared between workers; a full handshake with a P-256 key costs well under a millisecond.

    Raises:
        SettingError: the files are no certificate and its key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS_OF_TLS_1_2)
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    _load(context, files)
    return context


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end on the server's event loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


async def serve(
    application: AsgiApplication,
    settings: Settings,
    sockets: Sockets,
    *,
    certificate: CertificateFiles | None,
    log: Log,
    clock: Clock,
    on_ready: Callable[[], None] = lambda: None,
    on_stopping: Callable[[], None] = lambda: None,
    protocol: type[asyncio.Protocol] = FastLaneProtocol,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is in flight and return.

    ``certificate`` is None where the main listener speaks plain HTTP; ``on_ready`` is called once when connections
    are accepted, ``on_stopping`` once before what is in flight is waited for; ``protocol`` is a protocol of uvicorn, for applications that have no fast lane.
    """
    context = None if certificate is None else make_tls_context(certificate)
    server = _Server(
        _uvicorn_config(application, settings, protocol),
        sockets,
        context,
        on_ready,
        on_stopping,
        handshake_seconds=float(settings.header_timeout_seconds),
    )
    if context is None or certificate is None:
        await server.serve()
        return
    watching = asyncio.create_task(_reload_when_changed(context, certificate, log, clock))
    try:
        await server.serve()
    finally:
        watching.cancel()


class _Server(uvicorn.Server):
    """uvicorn's server with a context for each listener, and signals that end it without ending the process."""

    def __init__(
        self,
        config: uvicorn.Config,
        sockets: Sockets,
        context: ssl.SSLContext | None,
        on_ready: Callable[[], None],
        on_stopping: Callable[[], None],
        *,
        handshake_seconds: float,
    ) -> None:
        super().__init__(config)
        self._handshake_seconds = handshake_seconds
        self._sockets = sockets
        self._context = context
        self._on_ready = on_ready
        self._on_stopping = on_stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - ours are typed
        await self.lifespan.startup()
        loop = asyncio.get_running_loop()
        self.servers = [await self._listen(loop, self._sockets.main, self._context)]
        if self._sockets.http is not None:
            self.servers.append(await self._listen(loop, self._sockets.http, None))
        self.started = True
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stopping()
        await super().shutdown(sockets)
        # Whoever holds a connection open past the time for stopping is cut off.
        for connection in list(self.server_state.connections):
            transport: asyncio.Transport = connection.transport
            transport.abort()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    async def _listen(
        self, loop: asyncio.AbstractEventLoop, listening: socket.socket, context: ssl.SSLContext | None
    ) -> asyncio.Server:
        # A handshake comes before the headers and gets no more time than they do.
        return await loop.create_server(
            self._make_protocol,
            sock=listening,
            ssl=context,
            backlog=self.config.backlog,
            ssl_handshake_timeout=None if context is None else self._handshake_seconds,
            ssl_shutdown_timeout=None if context is None else self._handshake_seconds,
        )

    def _make_protocol(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self.config.http_protocol_class(
            config=self.config,  # type: ignore[call-arg] # uvicorn's protocols take these, asyncio's type does not say
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        return made


def protocol_config(application: AsgiApplication, protocol: type[asyncio.Protocol], **more: Any) -> uvicorn.Config:  # noqa: ANN401 - as uvicorn takes them
    """Configure uvicorn to be the protocol's ground and nothing more: no log, no header, no proxy of its own."""
    return uvicorn.Config(
        application,
        http=protocol,
        ws="none",
        interface="asgi3",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # wire/client_address.py alone decides whom to believe
        **more,
    )


def _uvicorn_config(
    application: AsgiApplication, settings: Settings, protocol: type[asyncio.Protocol]
) -> uvicorn.Config:
    return protocol_config(
        application,
        protocol,
        backlog=settings.backlog,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=STOP_SECONDS,
    )


def _bind(host: str, port: int, settings: Settings, variable: str) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(settings.backlog)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise SettingError(
            f'{variable} is "{port}" and {host} cannot be listened on: {error.strerror or error}; '
            "it must be a free port of an address of this machine."
        ) from None
    listening.settimeout(0)
    return listening


def _port(listening: socket.socket) -> int:
    port: int = listening.getsockname()[1]
    return port


def _load(context: ssl.SSLContext, files: CertificateFiles) -> None:
    try:
        # An encrypted key would make OpenSSL ask for its passphrase on the terminal: the empty one ends that.
        context.load_cert_chain(files.certificate, files.key, password="")
    except (OSError, ValueError) as error:
        raise SettingError(
            f'WATCHWORD_TLS_CERT is "{files.certificate}" with WATCHWORD_TLS_KEY "{files.key}"; they must be a '
            "readable certificate chain and its unencrypted private key, both in PEM.",
            cause=str(error),
        ) from None


async def _reload_when_changed(context: ssl.SSLContext, files: CertificateFiles, log: Log, clock: Clock) -> None:
    """Take the certificate up again when its files change; a pair that does not fit leaves the old one in force."""
    seen = _signature(files)
    while True:
        await asyncio.sleep(_RELOAD_EVERY_SECONDS)
        now = _signature(files)
        if now == seen:
            continue
        try:
            # Tried on a context of its own first: half a pair loaded into the one in use would break each handshake.
            make_tls_context(files)
            _load(context, files)
        except SettingError as error:
            log.event("error", "certificate.refused", clock.now_ms(), message=error.message, cause=error.cause)
        else:
            log.event("info", "certificate.reloaded", clock.now_ms(), file=str(files.certificate))
        seen = now


def _signature(files: CertificateFiles) -> tuple[tuple[int, int, int] | None, ...]:
    return tuple(_file_signature(path) for path in (files.certificate, files.key))


def _file_signature(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size, status.st_ino)
