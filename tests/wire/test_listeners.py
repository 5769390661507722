"""The listeners: sockets, TLS versions, a certificate that changes, and how a server ends."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from support import START_MS
from watchword.clock import SystemClock
from watchword.config import SettingError, Settings, load_settings
from watchword.observe import Log
from watchword.wire import listeners
from watchword.wire.asgi import Message, Receive, Send
from watchword.wire.certificate import prepare_certificate
from watchword.wire.certificate_files import AUTHORITY_NAME, CertificateFiles
from watchword.wire.listeners import (
    Sockets,
    bind_sockets,
    make_tls_context,
    run,
    serve,
    sockets_from_descriptors,
)
from watchword.wire.tls import ensure_development_certificate

REQUEST = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"


def settings_of(directory: Path, **texts: str) -> Settings:
    return load_settings({}, directory, {"WATCHWORD_PORT": "0", **texts})


def certificate_in(directory: Path) -> CertificateFiles:
    directory.mkdir(exist_ok=True)
    return ensure_development_certificate(directory, (), SystemClock().now_ms())


class Hello:
    """Answers ``ok``, or waits for ``gate`` first where the path asks for it."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.entered = asyncio.Event()

    async def __call__(self, scope: Message, _receive: Receive, send: Send, /) -> None:
        if scope["path"] == "/slow":
            self.entered.set()
            await self.gate.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": scope["scheme"][-1:].encode() + b"k"})


class Served:
    """A server in this process's loop, and a client's ways to it."""

    def __init__(
        self, directory: Path, application: Hello, *, tls: bool = True, http: bool = False, **changes: str
    ) -> None:
        texts = {"WATCHWORD_TLS": "on" if tls else "off", **changes} | ({"WATCHWORD_HTTP_PORT": "0"} if http else {})
        settings = settings_of(directory, **texts)
        self.log_lines = io.BytesIO()
        self.log = Log(self.log_lines)
        self.sockets = bind_sockets(settings)
        self.port, self.http_port = self.sockets.port, self.sockets.http_port
        self.directory = directory
        self.ready = asyncio.Event()
        self.task = asyncio.create_task(
            serve(
                application,
                settings,
                self.sockets,
                certificate=certificate_in(directory) if tls else None,
                log=self.log,
                clock=SystemClock(),
                on_ready=self.ready.set,
                protocol=HttpToolsProtocol,
            )
        )

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = ssl.create_default_context(cafile=str(self.directory / AUTHORITY_NAME))
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=context, server_hostname="localhost")

    async def serial(self) -> str:
        _, writer = await self.connect()
        certificate = writer.get_extra_info("ssl_object").getpeercert()
        writer.close()
        return str(certificate["serialNumber"])

    async def stop(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await self.task
        self.log.close()


async def until(happened: Callable[[], bool]) -> None:
    while not happened():  # noqa: ASYNC110 - what is waited for tells nobody when it happens
        await asyncio.sleep(0.01)


async def answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    return head + await reader.readexactly(2)


def test_both_listeners_in_one_process(tmp_path: Path) -> None:
    """The main listener speaks TLS, the loopback one plain HTTP, and no answer names the server."""

    async def story() -> None:
        served = Served(tmp_path, Hello(), http=True)
        await served.ready.wait()
        reader, writer = await served.connect()
        writer.write(REQUEST)
        over_tls = await answer(reader)
        plain_reader, plain_writer = await asyncio.open_connection("127.0.0.1", served.http_port)
        plain_writer.write(REQUEST)
        plain = await answer(plain_reader)
        writer.close()
        plain_writer.close()
        await served.stop()
        assert over_tls.endswith(b"sk")
        assert plain.endswith(b"pk")
        assert b"server:" not in over_tls.lower() + plain.lower()

    run(story())


@pytest.mark.parametrize("start", [b"", b"\x16\x03\x01"])
def test_handshake_is_bounded(tmp_path: Path, start: bytes) -> None:
    """Whoever connects and does not go on with the handshake is hung up on, as for headers that do not come."""

    async def story() -> None:
        served = Served(tmp_path, Hello(), WATCHWORD_HEADER_TIMEOUT_SECONDS="1")
        await served.ready.wait()
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(start)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
        await served.stop()

    run(story())


def test_loop_is_uvloop() -> None:
    """The server runs on uvloop."""

    async def loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    assert isinstance(run(loop()), uvloop.Loop)


def test_stop_finishes_what_is_in_flight(tmp_path: Path) -> None:
    """After SIGTERM no new connection is taken, the request in flight is answered, and the process lives on."""

    async def story() -> None:
        application = Hello()
        served = Served(tmp_path, application)
        await served.ready.wait()
        reader, writer = await served.connect()
        writer.write(REQUEST.replace(b"/ ", b"/slow "))
        await application.entered.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        await until(lambda: served.sockets.main.fileno() == -1)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", served.port)
        application.gate.set()
        assert (await answer(reader)).endswith(b"sk")
        writer.close()
        await served.task
        served.log.close()

    run(story())


def test_stop_cuts_off_who_holds_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that does not end is cut off when the time for stopping is over."""
    monkeypatch.setattr(listeners, "STOP_SECONDS", 0)

    async def story() -> None:
        application = Hello()
        served = Served(tmp_path, application)
        await served.ready.wait()
        reader, writer = await served.connect()
        writer.write(REQUEST.replace(b"/ ", b"/slow "))
        await application.entered.wait()
        await served.stop()
        assert await reader.read() == b""
        writer.close()

    run(story())


def test_changed_certificate_is_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new certificate is in force for new connections; a broken one leaves the old in force and is logged."""
    monkeypatch.setattr(listeners, "_RELOAD_EVERY_SECONDS", 0.01)

    async def story() -> None:
        served = Served(tmp_path, Hello())
        path = tmp_path / "server.pem"
        await served.ready.wait()
        first = await served.serial()
        good = path.read_bytes()
        path.write_bytes(good[: len(good) // 3])
        await until(lambda: b"certificate.refused" in served.log_lines.getvalue())
        kept = await served.serial()
        path.unlink()
        certificate_in(tmp_path)
        await until(lambda: b"certificate.reloaded" in served.log_lines.getvalue())
        renewed = await served.serial()
        path.unlink()
        await asyncio.sleep(0.05)
        gone = await served.serial()
        await served.stop()
        assert kept == first
        assert renewed != first
        assert gone == renewed
        assert b"PRIVATE" not in served.log_lines.getvalue()

    run(story())


def handshake(context: ssl.SSLContext, directory: Path, version: ssl.TLSVersion) -> ssl.SSLObject:
    client = ssl.create_default_context(cafile=str(directory / AUTHORITY_NAME))
    client.set_alpn_protocols(["h2", "http/1.1"])
    client.minimum_version = client.maximum_version = version
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    far = context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(5):
        for side in (near, far):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    far.write(b"x")
    assert near.read(1) == b"x"
    return near


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions_and_tickets(tmp_path: Path, version: ssl.TLSVersion) -> None:
    """TLS 1.2 and 1.3 are spoken with forward secrecy, HTTP/1.1 is agreed on, and no session ticket is given."""
    near = handshake(make_tls_context(certificate_in(tmp_path)), tmp_path, version)
    assert near.selected_alpn_protocol() == "http/1.1"
    assert near.session is None or not near.session.has_ticket
    cipher = near.cipher()
    assert cipher is not None
    assert cipher[0].startswith(("ECDHE-", "TLS_"))


def test_old_versions_are_refused(tmp_path: Path) -> None:
    """Nothing older than TLS 1.2 is offered."""
    assert make_tls_context(certificate_in(tmp_path)).minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("content", [b"", b"no pem"])
def test_wrong_certificate_is_refused(tmp_path: Path, content: bytes) -> None:
    """A file that is no certificate ends the start with a sentence that names both files."""
    path = tmp_path / "c.pem"
    path.write_bytes(content)
    with pytest.raises(SettingError, match=r"WATCHWORD_TLS_CERT is \".*c\.pem\" with WATCHWORD_TLS_KEY"):
        make_tls_context(CertificateFiles(path, path))


def test_missing_or_foreign_key_is_refused(tmp_path: Path) -> None:
    """A certificate with another's key, or with none, is refused."""
    mine, other = certificate_in(tmp_path / "a"), certificate_in(tmp_path / "b")
    for key in (other.key, tmp_path / "none"):
        with pytest.raises(SettingError):
            make_tls_context(CertificateFiles(mine.certificate, key))


def test_encrypted_key_is_refused_without_asking(tmp_path: Path) -> None:
    """A key under a passphrase is refused; nobody is asked for the passphrase on a terminal."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - this one test makes such a key

    files = certificate_in(tmp_path)
    key = serialization.load_pem_private_key(files.key.read_bytes(), password=None)
    sealed = tmp_path / "sealed.pem"
    sealed.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"passphrase"),
        )
    )
    with pytest.raises(SettingError):
        make_tls_context(CertificateFiles(files.certificate, sealed))


def test_taken_port_is_refused(tmp_path: Path) -> None:
    """A port in use ends the start with one sentence, and the other socket is let go."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(SettingError, match=f'WATCHWORD_PORT is "{port}" and 127.0.0.1 cannot be listened on'):
            bind_sockets(settings_of(tmp_path, WATCHWORD_PORT=port))
        with pytest.raises(SettingError, match=f'WATCHWORD_HTTP_PORT is "{port}"'):
            bind_sockets(settings_of(tmp_path, WATCHWORD_HTTP_PORT=port))


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_foreign_address_is_refused(tmp_path: Path, host: str) -> None:
    """An address that is not this machine's ends the start with one sentence."""
    with pytest.raises(SettingError, match="cannot be listened on"):
        bind_sockets(settings_of(tmp_path, WATCHWORD_HOST=host))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]"])
def test_free_ports(tmp_path: Path, host: str) -> None:
    """Port 0 takes a free port and tells which; the plain listener is on loopback only."""
    sockets = bind_sockets(settings_of(tmp_path, WATCHWORD_HOST=host, WATCHWORD_HTTP_PORT="0"))
    assert sockets.port
    assert sockets.http_port
    assert sockets.http is not None
    assert sockets.http.getsockname()[0] == "127.0.0.1"
    sockets.close()


def test_sockets_passed_on(tmp_path: Path) -> None:
    """A worker takes up the very sockets its parent bound."""
    sockets = bind_sockets(settings_of(tmp_path, WATCHWORD_HTTP_PORT="0"))
    assert sockets.http is not None
    taken = sockets_from_descriptors(os.dup(sockets.main.fileno()), os.dup(sockets.http.fileno()))
    alone = sockets_from_descriptors(os.dup(sockets.main.fileno()), None)
    assert (taken.port, taken.http_port, alone.http_port) == (sockets.port, sockets.http_port, None)
    for each in (taken, alone, sockets):
        each.close()
    assert isinstance(alone, Sockets)


def names_in(files: CertificateFiles | None) -> set[str]:
    assert files is not None
    pem = files.certificate.read_bytes()
    leaf = x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERTIFICATE") :])
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in names}


def test_certificate_of_the_settings(tmp_path: Path) -> None:
    """The operator's files are served as they are; without them one is made for the names clients will use."""
    data = {"WATCHWORD_DATA": str(tmp_path)}
    given = settings_of(tmp_path, WATCHWORD_TLS_CERT="c.pem", WATCHWORD_TLS_KEY="k.pem", **data)
    assert prepare_certificate(given, START_MS) == CertificateFiles(Path("c.pem"), Path("k.pem"))
    assert prepare_certificate(settings_of(tmp_path, WATCHWORD_TLS="off", **data), START_MS) is None
    own = {"localhost", "127.0.0.1", "::1"}
    assert names_in(prepare_certificate(settings_of(tmp_path, **data), START_MS)) == own
    named = settings_of(tmp_path, WATCHWORD_HOST="10.1.2.3", WATCHWORD_PUBLIC_URL="https://auth.internal:8443", **data)
    assert names_in(prepare_certificate(named, START_MS)) == own | {"10.1.2.3", "auth.internal"}
    everywhere = settings_of(tmp_path, WATCHWORD_HOST="0.0.0.0", **data)
    assert names_in(prepare_certificate(everywhere, START_MS)) >= own | {socket.gethostname()}
