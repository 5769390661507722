"""Handing letters over, to a real SMTP server on this machine and to the outbox."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from support import SetClock
from watchword.errors import UnavailableError
from watchword.mail.outbox import OutboxSender
from watchword.mail.sender import Letter
from watchword.mail.smtp import SmtpSender, _is_loopback

pytestmark = pytest.mark.anyio

LETTER = Letter("ann@example.com", "Choose a new password", "Open https://auth.example/reset-password#code=abc\n")


class SmtpServer:
    """Speaks enough SMTP to take one letter a connection; ``refused`` is a command answered with 554."""

    def __init__(self, *, refused: str = "", extensions: tuple[str, ...] = ("SMTPUTF8", "8BITMIME")) -> None:
        self.refused = refused
        self.extensions = extensions
        self.commands: list[str] = []
        self.messages: list[bytes] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listen(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._begin, "127.0.0.1", 0, ssl=tls)
        async with server:
            yield server.sockets[0].getsockname()[1]
            if self._tasks:
                await asyncio.wait(self._tasks)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example\r\n")
        while line := await reader.readline():
            command = line.decode().strip()
            self.commands.append(command)
            verb = command.partition(" ")[0].upper()
            if self.refused and verb == self.refused:
                writer.write(b"554 No\r\n")
            elif verb == "EHLO":
                lines = ["mail.example", *self.extensions, "HELP"]
                writer.write("".join(f"250-{name}\r\n" for name in lines[:-1]).encode() + b"250 HELP\r\n")
            elif verb == "AUTH":
                writer.write(b"235 Welcome\r\n")
            elif verb == "DATA":
                writer.write(b"354 Go on\r\n")
                self.messages.append(await reader.readuntil(b"\r\n.\r\n"))
                writer.write(b"250 Taken\r\n")
            elif verb == "QUIT":
                writer.write(b"221 Bye\r\n")
                break
            else:
                writer.write(b"250 OK\r\n")
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def sender(url: str, **options: object) -> SmtpSender:
    return SmtpSender(url, from_address="auth@example.com", clock=SetClock(), **options)  # type: ignore[arg-type]


async def test_a_letter_arrives_as_written() -> None:
    """Sender, recipient, subject, text and date are the letter's, and robots are told not to answer."""
    server = SmtpServer()
    async with server.listen() as port:
        await sender(f"smtp://127.0.0.1:{port}").send(LETTER)
    message = message_from_bytes(server.messages[0].removesuffix(b".\r\n"), policy=default)
    assert message["From"] == "auth@example.com"
    assert message["To"] == "ann@example.com"
    assert message["Subject"] == "Choose a new password"
    assert message["Date"] == "Wed, 07 Jan 2026 10:00:00 -0000"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@example.com>")
    assert message.get_content().replace("\r\n", "\n") == LETTER.text
    assert [command for command in server.commands if command.startswith("RCPT")] == ["RCPT TO:<ann@example.com>"]


async def test_an_address_beyond_ascii_arrives() -> None:
    """A letter to a Korean address goes out unchanged (RFC 6531)."""
    server = SmtpServer()
    async with server.listen() as port:
        await sender(f"smtp://127.0.0.1:{port}").send(Letter("안@예.kr", "x", "y"))
    assert any("안@예.kr" in command for command in server.commands)


async def test_the_login_of_the_url_is_used() -> None:
    """User and password of the URL are decoded and given to the server."""
    server = SmtpServer(extensions=("AUTH PLAIN",))
    async with server.listen() as port:
        await sender(f"smtp://us%40er:p%2Fw@127.0.0.1:{port}").send(LETTER)
    assert any(command.startswith("AUTH PLAIN") for command in server.commands)


@pytest.mark.parametrize("refused", ["MAIL", "RCPT", "DATA"])
async def test_a_refused_letter_is_told_without_its_content(refused: str) -> None:
    """Whatever the server refuses is one error, whose cause holds neither address nor text."""
    server = SmtpServer(refused=refused)
    async with server.listen() as port:
        with pytest.raises(UnavailableError) as caught:
            await sender(f"smtp://127.0.0.1:{port}").send(LETTER)
    assert "ann" not in caught.value.cause
    assert server.messages == []


async def test_no_server_is_told() -> None:
    """A server that is not there is one error."""
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(UnavailableError):
        await sender(f"smtp://127.0.0.1:{port}").send(LETTER)


async def test_a_server_elsewhere_must_offer_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without STARTTLS nothing is sent to a server that is not this machine, the login neither."""
    server = SmtpServer(extensions=("AUTH PLAIN",))
    monkeypatch.setattr("watchword.mail.smtp._is_loopback", lambda _host: False)
    async with server.listen() as port:
        with pytest.raises(UnavailableError):
            await sender(f"smtp://user:secret@127.0.0.1:{port}").send(LETTER)
    assert not any(command.startswith(("AUTH", "MAIL")) for command in server.commands)


async def test_an_untrusted_certificate_is_refused(tmp_path: Path) -> None:
    """A server with a certificate of its own making gets nothing, one whose authority is known does."""
    certificate, key = make_certificate(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    server = SmtpServer()
    async with server.listen(tls) as port:
        with pytest.raises(UnavailableError):
            await sender(f"smtps://127.0.0.1:{port}").send(LETTER)
        assert server.messages == []
        trusting = ssl.create_default_context(cafile=str(certificate))
        await sender(f"smtps://127.0.0.1:{port}", tls_context=trusting).send(LETTER)
    assert len(server.messages) == 1


def make_certificate(directory: Path) -> tuple[Path, Path]:
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415 - needed here alone
    from ipaddress import ip_address  # noqa: PLC0415

    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = directory / "certificate.pem", directory / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@pytest.mark.parametrize("url", ["http://mail.example", "mail.example:25", "smtp://", "smtps://:465", ""])
def test_an_url_of_no_mail_server_is_refused(url: str) -> None:
    """What is not smtp:// or smtps:// with a host is told at start."""
    with pytest.raises(ValueError, match="smtp"):
        sender(url)


async def test_the_outbox_keeps_letters_private_and_shows_them(tmp_path: Path) -> None:
    """In development a letter is a file of its owner alone, and its text stands in the log."""
    lines: list[str] = []
    outbox = OutboxSender(tmp_path / "outbox", clock=SetClock(), log=lines.append)
    await outbox.send(LETTER)
    await outbox.send(LETTER)
    files = list((tmp_path / "outbox").iterdir())
    assert len(files) == 2
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert (tmp_path / "outbox").stat().st_mode & 0o777 == 0o700
    assert files[0].read_text() == (
        f"Date: 2026-01-07T10:00:00.000Z\nTo: {LETTER.to}\nSubject: {LETTER.subject}\n\n{LETTER.text}"
    )
    assert LETTER.text in lines[0]


async def test_an_outbox_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A file in the folder's place is one error."""
    (tmp_path / "outbox").write_text("in the way")
    with pytest.raises(UnavailableError):
        await OutboxSender(tmp_path / "outbox", clock=SetClock(), log=print).send(LETTER)


def test_a_letters_repr_hides_its_text() -> None:
    """What may reach a trace holds no code and no address."""
    assert "abc" not in repr(LETTER)
    assert "ann" not in repr(LETTER)


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("mail.example", False),
        ("localhost.example", False),
        ("192.168.0.1", False),
        ("0.0.0.0", False),
    ],
)
def test_only_this_machine_is_trusted_without_tls(host: str, is_own: bool) -> None:  # noqa: FBT001 - a column
    """Loopback names and addresses are this machine; everything else must offer TLS."""
    assert _is_loopback(host) is is_own
