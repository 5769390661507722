"""A stranger's web site on this machine: TLS with the development authority, and answers of any shape."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

from watchword.wire.public_address import Network
from watchword.wire.tls import ensure_development_certificate

Answerer = Callable[[str], bytes]
"""Takes a request's head and gives all bytes of the answer."""

THIS_MACHINE: tuple[Network, ...] = (ip_network("127.0.0.0/8"),)


class Site:
    """What the site answers and was asked; ``delay_seconds`` is how long it thinks first."""

    def __init__(self, ca_file: Path) -> None:
        self.ca_file = ca_file
        self.port = 0
        self.asked: list[str] = []
        self.bodies: list[str] = []
        self.peers: list[str] = []
        self.answers: dict[str, bytes] = {}
        self.delay_seconds = 0.0

    def url(self, path: str = "/", *, host: str = "localhost") -> str:
        """Return the URL of one of its paths."""
        return f"https://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.asked.append(head)
            self.peers.append(writer.get_extra_info("sockname")[0])
            length = [
                line.partition(":")[2] for line in head.lower().split("\r\n") if line.startswith("content-length:")
            ]
            self.bodies.append((await reader.readexactly(int(length[0]))).decode() if length else "")
            await asyncio.sleep(self.delay_seconds)
            writer.write(self.answers.get(head.split(" ")[1], answer_of(b"", status="404 Not Found")))
            await writer.drain()
        writer.close()


def answer_of(
    body: bytes, *, status: str = "200 OK", media_type: str = "application/json", headers: tuple[str, ...] = ()
) -> bytes:
    """Write an answer."""
    lines = [f"HTTP/1.1 {status}", f"content-type: {media_type}", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@asynccontextmanager
async def open_site(directory: Path, *, addresses: tuple[str, ...] = ("127.0.0.1",)) -> AsyncIterator[Site]:
    """Open the site on one port of these addresses."""
    files = ensure_development_certificate(directory, ("127.0.0.2",), int(time.time() * 1000))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    site = Site(directory / "ca.pem")
    servers = []
    for address in addresses:
        server = await asyncio.start_server(site.serve, address, site.port, ssl=context)
        site.port = server.sockets[0].getsockname()[1]
        servers.append(server)
    try:
        yield site
    finally:
        for server in servers:
            server.close()
            await server.wait_closed()
