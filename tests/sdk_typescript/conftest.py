"""The built package, Node and Chromium with it, and an installation whose clock is set and where the document's user lives."""

from __future__ import annotations

import asyncio
import io
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser

from sdk_typescript.node_program import NodePrograms
from sdk_typescript.package import Package, install_package
from sdk_typescript.web_pages import WebPages, open_pages
from support import SetClock
from watchword.app import Application
from watchword.credentials.password import Passwords
from watchword.db.database import Transaction
from watchword.observe import Log
from watchword.tenants.models import ChangeTenant
from watchword.users import queries
from world import OPERATOR, Api, World, make_settings, serve_fast

DOCUMENT_EMAIL = "user@example.com"
DOCUMENT_PASSWORD = "password"


@pytest.fixture(scope="session")
def package() -> Package:
    """The package, compiled, packed and installed."""
    return install_package()


@pytest.fixture
def directory(package: Package, tmp_path: Path) -> Path:
    """An empty project that has the package installed."""
    made = tmp_path / "project"
    made.mkdir()
    (made / "node_modules").symlink_to(package.modules)
    return made


@pytest.fixture
def node(directory: Path) -> NodePrograms:
    """Programs in Node that have the package."""
    return NodePrograms(directory)


@pytest.fixture
async def installation(template: tuple[Path, World], tmp_path: Path, clock: SetClock) -> AsyncIterator[Api]:
    """A served copy of the inhabited installation, with the user of the document's examples."""
    template_directory, world = template
    data = tmp_path / "installation"
    await asyncio.to_thread(shutil.copytree, template_directory, data)
    port = free_port()
    # People are sent to where the server says that it is.
    settings = make_settings(data, WATCHWORD_PUBLIC_URL=f"http://127.0.0.1:{port}")
    log = Log(logged := io.BytesIO())
    application = await Application.open(settings, clock=clock, log=log)
    try:
        async with serve_fast(application, port=port) as url, httpx.AsyncClient(base_url=url, verify=False) as client:
            await _add_document_user(Api(application, world, client, logged), clock.now_ms())
            yield Api(application, world, client, logged)
    finally:
        await application.close()
        log.close()


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: int = asked.getsockname()[1]
        return port


async def _add_document_user(api: Api, now_ms: int) -> None:
    application = api.application
    user = await application.users.create_user(
        DOCUMENT_EMAIL, "correct horse battery staple 9", name="User", verified=True, now_ms=now_ms
    )
    await application.members.add(
        api.world.tenants["a"], DOCUMENT_EMAIL, role="tenant-admin", actor=OPERATOR, now_ms=now_ms
    )
    # The document's password is among the most common ones, which nobody may choose: it is set past that rule.
    passwords = Passwords(threads=1, queue_max=1)
    try:
        hashed = await passwords.hash(DOCUMENT_PASSWORD)
    finally:
        passwords.close()

    async def work(transaction: Transaction) -> None:
        await queries.update_password(transaction, user.id, hashed, now_ms)

    await application.database.transaction(work)


@pytest.fixture
def environment(installation: Api) -> dict[str, str]:
    """What the document's programs find in their environment."""
    return {
        "WATCHWORD_URL": str(installation.client.base_url).rstrip("/"),
        "NEXT_PUBLIC_SOFTWARE_CLIENT_KEY": installation.world.keys["pk_live_a"],
        "SOFTWARE_SECRET_KEY": installation.world.keys["sk_live_a"],
    }


@pytest.fixture
async def pages(
    chromium: Browser, package: Package, directory: Path, installation: Api, environment: dict[str, str]
) -> AsyncIterator[WebPages]:
    """A browser at an application whose origin the tenant lists, built with the client key and the server's address."""
    async with open_pages(chromium, package, directory) as opened:
        opened.defined = {
            "NEXT_PUBLIC_SOFTWARE_CLIENT_KEY": environment["NEXT_PUBLIC_SOFTWARE_CLIENT_KEY"],
            "NEXT_PUBLIC_WATCHWORD_URL": environment["WATCHWORD_URL"],
        }
        await list_origin(installation, opened.origin)
        yield opened


async def list_origin(installation: Api, origin: str) -> None:
    """List an origin as the only one of the tenant, and wait until the server has taken it up."""
    application = installation.application
    wanted = ChangeTenant(allowed_origins=[origin])
    tenant_id = installation.world.tenants["a"]
    await application.tenants.change(tenant_id, wanted, actor=OPERATOR, now_ms=application.clock.now_ms())
    await application.origins.load()
