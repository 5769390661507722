"""The one way out: documents and deliveries to addresses that strangers name (``jwks_uri``, metadata documents, logout).

A name is resolved once, every address it has must be public, and the connection goes to the very address that was
checked, so that a second answer of the DNS changes nothing (ASVS 5.0 V15.3.2, RFC 9700 §4.11). HTTPS only, no redirect
is followed, no proxy is asked, and time and size are bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import httptools
import msgspec

from watchword.wire.public_address import Address, Network, is_in, is_public

SECONDS_MAX: Final = 5.0
"""All of a fetch: waiting for a place, resolving, connecting, sending and reading."""

BODY_BYTES_MAX: Final = 65_536
"""A set of twenty RSA keys has some 12,000 bytes."""

_HEAD_BYTES_MAX: Final = 16_384
_URL_CHARACTERS_MAX: Final = 2_000
_AT_ONCE: Final = 16
"""Fetches of one process: they wait for strangers' servers, and who waits behind them is refused in time."""

_RESOLVERS: Final = 4
_ADDRESSES_MAX: Final = 4
_OK: Final = 200
_HTTPS_PORT: Final = 443
_PORT_MAX: Final = 65_535

_URL: Final = re.compile(
    r"https://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(?P<port>[1-9][0-9]{0,4}))?(?P<target>(?:[/?][!-\[\]-~]*)?)"
)
"""Lower case and nothing that two readers take apart differently: no user, fragment, backslash, space or escape in the
host (RFC 3986 §3.2)."""

_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_MAX_AGE: Final = re.compile(r"(?:^|,)\s*max-age=\"?([0-9]{1,9})\"?\s*(?:,|$)")

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""Takes a host name and a port and gives its addresses; OSError where there are none."""


class NotFetchedError(Exception):
    """Nothing came, or nothing that may be used; the message is for the log and says why."""


class Fetched(msgspec.Struct, frozen=True):
    """What came with status 200; ``max_age_seconds`` is how long it may be kept (RFC 9111 §5.2.2.1), None if unsaid."""

    body: bytes
    max_age_seconds: int | None


class _Target(msgspec.Struct, frozen=True):
    host: str
    port: int
    target: str
    literal: Address | None

    @property
    def authority(self) -> str:
        """How the Host header names it."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return shown if self.port == _HTTPS_PORT else f"{shown}:{self.port}"


class Fetcher:
    """Fetches, and delivers.

    ``allowed_networks`` are networks of the operator's own that may be reached although they are not public; ``ca_file``
    holds authorities that are trusted beside the system's.
    """

    def __init__(
        self,
        *,
        allowed_networks: tuple[Network, ...] = (),
        ca_file: Path | None = None,
        resolve: Resolver | None = None,
        seconds_max: float = SECONDS_MAX,
    ) -> None:
        self._allowed_networks = allowed_networks
        self._ca_file = ca_file
        self._resolve = resolve or self._resolve_in_thread
        self._seconds_max = seconds_max
        self._places = asyncio.Semaphore(_AT_ONCE)
        # Threads of its own: a stranger's slow name server must not hold those that others wait for.
        self._threads = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="resolver")
        self._context: ssl.SSLContext | None = None

    async def get(self, url: str, *, media_types: frozenset[str]) -> Fetched:
        """Return a document of one of these media types.

        Raises:
            NotFetchedError: the URL is refused, nobody answered in time, or the answer is not a 200 of such a type.
        """
        answer = await self._call("GET", url, accept=", ".join(sorted(media_types)), form=None)
        if answer.status != _OK:
            raise NotFetchedError(f"the answer has status {answer.status}")
        if answer.media_type not in media_types:
            raise NotFetchedError("the answer is of another media type")
        found = _MAX_AGE.search(answer.header("cache-control"))
        return Fetched(bytes(answer.body), int(found[1]) if found else None)

    async def post_form(self, url: str, form: str) -> int:
        """Send a form and return the status of the answer.

        Raises:
            NotFetchedError: the URL is refused, or nobody answered in time.
        """
        return (await self._call("POST", url, accept="*/*", form=form.encode("ascii"))).status

    def close(self) -> None:
        """Let go of the threads; names that are being resolved are not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _call(self, method: str, url: str, *, accept: str, form: bytes | None) -> _Answer:
        target = read_target(url)
        try:
            async with asyncio.timeout(self._seconds_max), self._places:
                addresses = await self._addresses(target)
                return await self._exchange(target, addresses, _request(method, target, accept, form))
        except TimeoutError:
            raise NotFetchedError("it took too long") from None
        except (OSError, httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise NotFetchedError(f"the exchange failed: {type(error).__name__}") from None

    async def _addresses(self, target: _Target) -> list[str]:
        if target.literal is not None:
            found = [target.host]
        else:
            found = await self._resolve(target.host, target.port)
        # One forbidden address refuses the name: none of a public site's is private.
        if not found or not all(self._may_reach(address) for address in found):
            raise NotFetchedError("the host has an address that is not public")
        return found[:_ADDRESSES_MAX]

    def _may_reach(self, text: str) -> bool:
        address = ip_address(text)
        return is_public(address) or is_in(address, self._allowed_networks)

    async def _exchange(self, target: _Target, addresses: list[str], request: bytes) -> _Answer:
        failure: OSError | None = None
        for address in addresses:
            try:
                reader, writer = await asyncio.open_connection(
                    address, target.port, ssl=self._tls(), server_hostname=target.host
                )
            except OSError as error:
                failure = error
                continue
            try:
                writer.write(request)
                return await _read_answer(reader)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    writer.transport.abort()
        raise failure or NotFetchedError("the host has no address")

    async def _resolve_in_thread(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _look_up, host, port)
        return list(dict.fromkeys(found))

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = ssl.create_default_context()
            if self._ca_file is not None:
                self._context.load_verify_locations(self._ca_file)
            self._context.set_alpn_protocols(["http/1.1"])
        return self._context


def read_target(url: str) -> _Target:
    """Take a URL apart, without asking anybody.

    Raises:
        NotFetchedError: it is not https, or could be read in more than one way.
    """
    parts = _URL.fullmatch(url) if len(url) <= _URL_CHARACTERS_MAX else None
    if parts is None or "#" in url:
        raise NotFetchedError("the URL is not one that is fetched")
    host, port = parts["host"].strip("[]"), int(parts["port"] or _HTTPS_PORT)
    literal = _literal_of(host, is_bracketed=parts["host"] != host)
    if port > _PORT_MAX or (literal is None and not _is_name(host)):
        raise NotFetchedError("the host or port of the URL is not one that is fetched")
    target = parts["target"]
    return _Target(host, port, target if target.startswith("/") else f"/{target}", literal)


def _literal_of(host: str, *, is_bracketed: bool) -> Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        if is_bracketed:
            raise NotFetchedError("the host of the URL is no address") from None
        return None
    if is_bracketed != (address.version == 6):  # noqa: PLR2004 - RFC 3986 §3.2.2: brackets are for IPv6
        raise NotFetchedError("the host of the URL is no address")
    return address


def _is_name(host: str) -> bool:
    labels = host.split(".")
    # A last label that is a number makes the whole an IPv4 address to some readers: 2130706433, 0x7f.1, 127.1.
    return (
        len(host) <= 253  # noqa: PLR2004 - the longest name that DNS carries (RFC 1035 §2.3.4)
        and all(_LABEL.fullmatch(label) for label in labels)
        and _NUMBER.fullmatch(labels[-1]) is None
    )


def _look_up(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[4][0]) for address in found]


def _request(method: str, target: _Target, accept: str, form: bytes | None) -> bytes:
    lines = [
        f"{method} {target.target} HTTP/1.1",
        f"host: {target.authority}",
        f"accept: {accept}",
        "accept-encoding: identity",
        "user-agent: watchword",
        "connection: close",
    ]
    if form is not None:
        lines += ["content-type: application/x-www-form-urlencoded", f"content-length: {len(form)}"]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + (form or b"")


class _Answer:
    """An answer while it is read; the parser calls it back."""

    def __init__(self) -> None:
        self.status = 0
        self.body = bytearray()
        self.is_complete = False
        self._headers: dict[str, str] = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, data: bytes) -> None:
        """Keep a part of the body."""
        self.body += data

    def on_message_complete(self) -> None:
        """Note that all of it came."""
        self.is_complete = True

    def header(self, name: str) -> str:
        """Return a header, empty where there is none."""
        return self._headers.get(name, "")

    @property
    def media_type(self) -> str:
        """Its media type, without parameters."""
        return self.header("content-type").partition(";")[0].strip().lower()


async def _read_answer(reader: asyncio.StreamReader) -> _Answer:
    answer = _Answer()
    parser = httptools.HttpResponseParser(answer)
    read = 0
    while not answer.is_complete:
        data = await reader.read(16_384)
        if not data:
            break
        read += len(data)
        if read > BODY_BYTES_MAX + _HEAD_BYTES_MAX:
            raise NotFetchedError("the answer is too long")
        parser.feed_data(data)
    answer.status = parser.get_status_code()
    is_framed = answer.header("content-length") or answer.header("transfer-encoding")
    is_whole = answer.is_complete or (answer.status and not is_framed)
    if not is_whole or len(answer.body) > BODY_BYTES_MAX or answer.header("content-encoding") not in {"", "identity"}:
        raise NotFetchedError("the answer is cut short, too long or packed")
    return answer
