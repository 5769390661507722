"""Letters by SMTP. Imported only where a mail server is set: its library is slow to load."""

from __future__ import annotations

import email.utils
import ipaddress
import secrets
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from urllib.parse import unquote, urlsplit

import aiosmtplib

from watchword.clock import Clock
from watchword.errors import UnavailableError
from watchword.mail.sender import Letter


class SmtpSender:
    """Delivers through an SMTP server, over verified TLS unless the server is this machine.

    ``url`` is ``smtps://user:password@host:465`` (TLS from the first byte, RFC 8314 §3.3) or
    ``smtp://user:password@host:587`` (STARTTLS, without which nothing is sent); user and password are percent-encoded.
    """

    def __init__(
        self,
        url: str,
        *,
        from_address: str,
        clock: Clock,
        timeout_seconds: float = 30,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            msg = "the mail server is given as smtp://host:port or smtps://host:port"
            raise ValueError(msg)
        self._host = parts.hostname
        self._use_tls = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._use_tls else 587)
        self._username = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._require_starttls = not self._use_tls and not _is_loopback(parts.hostname)
        self._from = Address(addr_spec=from_address)
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._tls_context = tls_context or ssl.create_default_context()

    async def send(self, letter: Letter) -> None:
        """Hand one letter to the server.

        Raises:
            UnavailableError: the server cannot be reached, has no trusted TLS, or refuses the letter.
        """
        try:
            await aiosmtplib.send(
                self._message(letter),
                sender=self._from.addr_spec,
                recipients=[letter.to],
                hostname=self._host,
                port=self._port,
                username=self._username,
                password=self._password,
                use_tls=self._use_tls,
                start_tls=self._require_starttls,
                tls_context=self._tls_context,
                timeout=self._timeout_seconds,
            )
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            # The server's words may repeat the address or the login; its kind of failure is enough for the log.
            raise UnavailableError(cause=f"mail was not accepted: {type(error).__name__}") from None

    def _message(self, letter: Letter) -> EmailMessage:
        message = EmailMessage(policy=SMTP if letter.to.isascii() else SMTPUTF8)
        message["From"] = self._from
        message["To"] = letter.to
        message["Subject"] = letter.subject
        message["Date"] = email.utils.formatdate(self._clock.now_ms() / 1000)
        message["Message-ID"] = f"<{secrets.token_hex(16)}@{self._from.domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5: no out-of-office replies
        message.set_content(letter.text)
        return message


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
