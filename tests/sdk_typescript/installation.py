"""A served copy of the inhabited installation in which the user of the document's examples lives."""

from __future__ import annotations

import asyncio
import io
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from support import SetClock
from watchword.credentials.password import Passwords
from watchword.db.database import Transaction
from watchword.observe import Log
from watchword.tenants.models import ChangeTenant
from watchword.users import queries
from world import OPERATOR, Api, World, make_client, make_settings, open_application, serve_fast

DOCUMENT_EMAIL = "user@example.com"
DOCUMENT_PASSWORD = "password"


@asynccontextmanager
async def serve_installation(template: Path, world: World, directory: Path, clock: SetClock) -> AsyncIterator[Api]:
    """Serve a copy of the installation on a port that it knows."""
    await asyncio.to_thread(shutil.copytree, template, directory)
    port = free_port()
    # People are sent to where the server says that it is.
    settings = make_settings(directory, WATCHWORD_PUBLIC_URL=f"http://127.0.0.1:{port}")
    log = Log(logged := io.BytesIO())
    application = await open_application(settings, clock, log)
    try:
        async with serve_fast(application, port=port) as url, make_client(url) as client:
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


async def list_origin(installation: Api, origin: str) -> None:
    """List an origin as the only one of the tenant, and wait until the server has taken it up."""
    application = installation.application
    wanted = ChangeTenant(allowed_origins=[origin])
    tenant_id = installation.world.tenants["a"]
    await application.tenants.change(tenant_id, wanted, actor=OPERATOR, now_ms=application.clock.now_ms())
    await application.origins.load()
