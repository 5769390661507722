"""Pages of an application in a real Chromium, on an origin of their own, with a bundled module as their script."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page, Request

from https_site import answer_of
from sdk_typescript.package import Package

PAGE = b"""<!doctype html><title>Shop</title>
<script>
  for (const kind of ['error', 'unhandledrejection'])
    addEventListener(kind, (event) => { globalThis.failed = String(event.reason ?? event.message) })
</script>
<script type="module" src="/page.js"></script>"""


class WebPages:
    """The tabs of one browser at one application, and what they sent to the server."""

    def __init__(self, context: BrowserContext, package: Package, directory: Path, port: int) -> None:
        self.context = context
        self.sent: list[Request] = []
        self.complaints: list[str] = []
        self.defined: dict[str, str] = {}
        """What the build puts in place of the names of the environment."""
        self.origin = f"http://localhost:{port}"
        self._package = package
        self._directory = directory
        self._script = b""

    async def open(self, source: str, *, query: str = "") -> Page:
        """Open a tab, run the module in it, and wait until that has set ``globalThis.ended``."""
        self.build(source)
        page = await self.context.new_page()
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("request", self._note)
        await page.goto(f"{self.origin}/{query}")
        await self.wait_for_end(page)
        return page

    def build(self, source: str) -> None:
        """Bundle a module as a page's build does; every page that is opened from now on runs it."""
        entry = self._directory / "page.mjs"
        entry.write_text(source, "utf-8")
        named = {f"process.env.{name}": value for name, value in self.defined.items()}
        self._script = self._package.bundle(entry, self._directory / "page.js", **named).read_bytes()

    async def wait_for_end(self, page: Page) -> None:
        """Wait until the page's script has done what it was to do."""
        await page.wait_for_function("'ended' in globalThis || 'failed' in globalThis")
        failure = await page.evaluate("globalThis.failed ?? null")
        assert failure is None, (failure, self.complaints)

    def sent_to(self, path: str) -> list[Request]:
        """Return the requests that were sent to a path of the server."""
        return [request for request in self.sent if request.url.partition("?")[0].endswith(path)]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection to the application."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET /page.js "):
                writer.write(answer_of(self._script, media_type="text/javascript"))
            else:
                writer.write(answer_of(PAGE, media_type="text/html; charset=utf-8"))
            await writer.drain()
        writer.close()

    def _note(self, request: Request) -> None:
        if not request.url.startswith(self.origin) and request.method != "OPTIONS":
            self.sent.append(request)


@contextlib.asynccontextmanager
async def open_pages(chromium: Browser, package: Package, directory: Path) -> AsyncIterator[WebPages]:
    """Open a browser of its own, without a cookie or storage of another test, and the application's site."""
    opened: list[WebPages] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await opened[0].serve(reader, writer)

    server = await asyncio.start_server(serve, "localhost", 0)
    context = await chromium.new_context()
    opened.append(WebPages(context, package, directory, server.sockets[0].getsockname()[1]))
    try:
        yield opened[0]
    finally:
        await context.close()
        server.close()
        await server.wait_closed()
