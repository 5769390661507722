"""Ten thousand issuers cost what two do until somebody asks one of them for something."""

from __future__ import annotations

import io
import shutil
import sys
from contextlib import closing
from pathlib import Path

import apsw
import httpx

from support import SetClock
from watchword.app import Application
from watchword.observe import Log
from world import World, make_settings, open_application

TENANTS = 10_000
ASKED = 5_000
OWNERS = "SELECT tenant_id FROM oauth_signing_keys WHERE tenant_id LIKE 'ten_0000%'"
ADD = """
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
    INSERT INTO tenants (id, slug, name, plan, settings, created_at, updated_at)
    SELECT printf('ten_%026d', n), 'many-' || n, 'Tenant ' || n, t.plan, t.settings, t.created_at, t.updated_at
    FROM numbers, (SELECT * FROM tenants LIMIT 1) t
"""


async def start(directory: Path, clock: SetClock) -> tuple[Application, int]:
    """Open the product and count the calls of Python functions that this takes on the event loop's thread."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        application = await open_application(make_settings(directory), clock, Log(io.BytesIO()))
    finally:
        sys.setprofile(None)
    return application, calls


async def stop(application: Application) -> None:
    await application.close()
    application.log.close()


async def test_ten_thousand_issuers_cost_a_start_nothing(
    template: tuple[Path, World], clock: SetClock, tmp_path: Path
) -> None:
    """A start does as much with 10,000 tenants as with two, and an issuer's first key is made when it is asked for."""
    directory = tmp_path / "data"
    shutil.copytree(template[0], directory)
    for _ in range(2):  # the first time some of what is needed is still being loaded
        application, few = await start(directory, clock)
        await stop(application)
    with closing(apsw.Connection(str(directory / "watchword.db"))) as connection:
        connection.execute(ADD, (TENANTS,))
    application, many = await start(directory, clock)
    assert many < few + TENANTS / 10
    transport = httpx.ASGITransport(app=application, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="https://api.example") as client:
        published = (await client.get(f"/t/many-{ASKED}/oauth/jwks")).json()["keys"]
    await stop(application)
    with closing(apsw.Connection(str(directory / "watchword.db"))) as connection:
        owners = connection.execute(OWNERS).fetchall()
    assert published
    assert owners == [(f"ten_{ASKED:026d}",)] * len(published)
