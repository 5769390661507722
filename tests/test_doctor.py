"""The doctor: what it finds good, what it wants mended, and that it changes nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from postgres_server import PostgresServer
from support import START_MS, SetClock
from watchword.app import Application
from watchword.config import Settings, load_settings
from watchword.db.database import Statement, Transaction
from watchword.doctor import Finding, examine
from watchword.tenants.actor import OPERATOR
from watchword.tenants.models import CreateTenant
from watchword.wire.certificate import prepare_certificate

pytestmark = pytest.mark.anyio

DAY_MS = 86_400_000


def names_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


def settings_of(directory: Path, **texts: str) -> Settings:
    return load_settings({}, directory, {"WATCHWORD_DATA": str(directory / "data"), **texts})


async def prepare(settings: Settings, clock: SetClock, *origins: str) -> None:
    application = await Application.open(settings, clock=clock)
    try:
        wanted = CreateTenant(name="Shop", slug="shop", allowed_origins=list(origins))
        await application.tenants.create(wanted, actor=OPERATOR, now_ms=clock.now_ms())
    finally:
        await application.close()
    prepare_certificate(settings, clock.now_ms())


async def look(settings: Settings, clock: SetClock) -> dict[str, Finding]:
    return {finding.subject: finding for finding in await examine(settings, clock)}


async def test_good_configuration(tmp_path: Path) -> None:
    """Of a good configuration nothing has to be mended."""
    settings = settings_of(tmp_path, WATCHWORD_SMTP_URL="smtps://u:hunter2@mail.example.com")
    clock = SetClock()
    await prepare(settings, clock, "https://shop.example.com")
    found = await look(settings, clock)
    assert [finding for finding in found.values() if finding.verdict == "bad"] == []
    assert found["SQLite"].seen.startswith("3.")
    assert found["CORS"] == Finding("CORS", "good", "1 web origins are listed")
    assert "hunter2" not in repr(found)
    assert found["letters"].verdict == "note"
    paged = settings_of(tmp_path, WATCHWORD_SMTP_URL="smtp://mail.example.com", WATCHWORD_PAGES_URL="https://a.example")
    assert "letters" not in await look(paged, clock)


async def test_nothing_is_made(tmp_path: Path) -> None:
    """On an empty directory the doctor says what is missing and makes nothing."""
    found = await look(settings_of(tmp_path), SetClock())
    assert found["data directory"].verdict == "bad"
    assert found["database"].verdict == "note"
    assert names_in(tmp_path) == []


async def test_open_files_and_directory(tmp_path: Path) -> None:
    """Each file and directory that others can read is named with the command that closes it."""
    settings = settings_of(tmp_path)
    await prepare(settings, SetClock())
    (tmp_path / "data").chmod(0o755)
    (tmp_path / "data" / "secret").chmod(0o644)
    found = await look(settings, SetClock())
    assert found["data directory"].remedy == f"chmod 700 {tmp_path / 'data'}"
    assert found["secret files"].remedy == f"chmod 600 {tmp_path / 'data' / 'secret'}"


@pytest.mark.parametrize(("days", "verdict"), [(0, "note"), (376, "note"), (377, "note"), (397, "note"), (500, "note")])
async def test_development_certificate(tmp_path: Path, days: int, verdict: str) -> None:
    """A development certificate is worth a word, never an alarm: a start renews it."""
    settings = settings_of(tmp_path)
    clock = SetClock()
    await prepare(settings, clock)
    clock.advance(days * DAY_MS)
    assert (await look(settings, clock))["certificate"].verdict == verdict


@pytest.mark.parametrize(("days", "verdict"), [(375, "good"), (376, "good"), (377, "bad"), (500, "bad")])
async def test_own_certificate_near_its_end(tmp_path: Path, days: int, verdict: str) -> None:
    """An operator's certificate with less than 21 days left is to be renewed."""
    made = prepare_certificate(_ready(settings_of(tmp_path)), START_MS)
    assert made is not None
    texts = {"WATCHWORD_TLS_CERT": str(made.certificate), "WATCHWORD_TLS_KEY": str(made.key)}
    clock = SetClock(START_MS + days * DAY_MS)
    assert (await look(settings_of(tmp_path, **texts), clock))["certificate"].verdict == verdict


def _ready(settings: Settings) -> Settings:
    settings.data_directory.mkdir(mode=0o700)
    return settings


async def test_certificate_that_is_none(tmp_path: Path) -> None:
    """A certificate file that holds none is to be mended; behind a proxy none is looked for."""
    (tmp_path / "c.pem").write_text("nothing")
    texts = {"WATCHWORD_TLS_CERT": str(tmp_path / "c.pem"), "WATCHWORD_TLS_KEY": str(tmp_path / "k.pem")}
    assert (await look(settings_of(tmp_path, **texts), SetClock()))["certificate"].verdict == "bad"
    behind = settings_of(tmp_path, WATCHWORD_BEHIND_PROXY="10.0.0.0/8")
    found = await look(behind, SetClock())
    assert found["certificate"].seen == "TLS is off here"
    assert found["public URL"].verdict == "bad"


async def test_address_without_public_url(tmp_path: Path) -> None:
    """A server for others whose letters would link to a bare address is told so."""
    found = await look(settings_of(tmp_path, WATCHWORD_HOST="0.0.0.0"), SetClock())
    assert found["public URL"].verdict == "note"


async def test_clock_before_the_program(tmp_path: Path) -> None:
    """A clock that stands before the program was written is wrong."""
    assert (await look(settings_of(tmp_path), SetClock(1_000)))["clock"].verdict == "bad"


async def test_clock_behind_the_data(tmp_path: Path) -> None:
    """A clock that fell behind what is stored is noticed."""
    settings = settings_of(tmp_path)
    clock = SetClock()
    application = await Application.open(settings, clock=clock)
    await application.users.create_user("a@example.com", "correct horse battery", now_ms=clock.now_ms())
    await application.close()
    clock.set_now(START_MS - 5_000)
    assert (await look(settings, clock))["clock and data"].verdict == "good"
    clock.set_now(START_MS - 5_001)
    assert (await look(settings, clock))["clock and data"].verdict == "bad"


async def test_plain_origins(tmp_path: Path) -> None:
    """A web origin over plain HTTP that is not this machine's is to be mended."""
    settings = settings_of(tmp_path, WATCHWORD_ALLOWED_ORIGINS="http://localhost:3000")
    clock = SetClock()
    await prepare(settings, clock)
    assert (await look(settings, clock))["CORS"].verdict == "good"

    async def work(transaction: Transaction) -> None:
        text = '{"allowed_origins": ["http://shop.example.com"]}'
        await transaction.execute(Statement("UPDATE tenants SET settings = $1"), text)

    application = await Application.open(settings, clock=clock)
    await application.database.transaction(work)
    await application.close()
    found = await look(settings, clock)
    assert (found["CORS"].verdict, found["CORS"].seen) == ("bad", "tenant shop lists http://shop.example.com")


async def test_no_origin(tmp_path: Path) -> None:
    """No web origin at all is worth a word, with the command that adds one."""
    settings = settings_of(tmp_path)
    await prepare(settings, SetClock())
    found = await look(settings, SetClock())
    assert found["CORS"].remedy.startswith("watchword tenants change")


@pytest.mark.parametrize(("network", "is_everyone"), [("0.0.0.0/0", True), ("::/0", True), ("10.0.0.0/8", False)])
async def test_a_proxy_that_is_everyone(tmp_path: Path, network: str, *, is_everyone: bool) -> None:
    """Trust in every address is no trust in a proxy, and has to be mended."""
    texts = {"WATCHWORD_BEHIND_PROXY": network, "WATCHWORD_PUBLIC_URL": "https://api.example.com"}
    found = await look(settings_of(tmp_path, **texts), SetClock())
    assert ("proxy" in found and found["proxy"].verdict == "bad") is is_everyone


async def test_too_many_workers_and_connections(tmp_path: Path) -> None:
    """More workers than cores, and more connections than files may be open, are noticed."""
    texts = {"WATCHWORD_WORKERS": "64", "WATCHWORD_CONNECTIONS_PER_ADDRESS": "100000"}
    found = await look(settings_of(tmp_path, **texts), SetClock())
    assert found["workers"].verdict == ("note" if (os.cpu_count() or 1) < 64 else "good")
    assert found["open files"].subject == "open files"


async def test_database_that_is_none(tmp_path: Path) -> None:
    """A database file that holds something else is reported, and left as it is."""
    settings = _ready(settings_of(tmp_path))
    path = settings.data_directory / "watchword.db"
    path.write_bytes(b"no database" * 1000)
    path.chmod(0o600)
    assert (await look(settings, SetClock()))["database"].verdict == "bad"
    assert path.read_bytes() == b"no database" * 1000


async def test_postgres(tmp_path: Path, postgres_url: str) -> None:
    """PostgreSQL is asked for its version and its clock."""
    settings = _ready(settings_of(tmp_path, WATCHWORD_DATABASE_URL=postgres_url))
    found = await look(settings, SetClock())
    assert found["PostgreSQL"].seen.startswith("PostgreSQL ")
    assert found["clock and data"].verdict == "bad"


async def test_postgres_that_is_gone(tmp_path: Path) -> None:
    """A PostgreSQL that does not answer is reported without its password."""
    settings = _ready(settings_of(tmp_path, WATCHWORD_DATABASE_URL="postgresql://u:hunter2@127.0.0.1:1/d"))
    found = await look(settings, SetClock())
    assert found["database"].verdict == "bad"
    assert "ConnectionRefusedError" in found["database"].seen
    assert "hunter2" not in repr(found)


async def test_a_new_node_of_postgres(tmp_path: Path, postgres_server: PostgresServer) -> None:
    """Before the first start on PostgreSQL the data directory alone is missing, and nothing is made."""
    url = postgres_server.make_database("never_started")
    found = await look(settings_of(tmp_path, WATCHWORD_DATABASE_URL=url), SetClock())
    postgres_server.drop_database("never_started")
    assert {finding.subject for finding in found.values() if finding.verdict == "bad"} == {"data directory"}
    assert found["PostgreSQL"].verdict == "good"
    assert found["tables"].verdict == "note"
    assert names_in(tmp_path) == []


async def test_an_empty_file_is_no_fault(tmp_path: Path) -> None:
    """A database file that a first start had no time to fill is noticed, and nothing has to be mended."""
    settings = _ready(settings_of(tmp_path))
    (settings.data_directory / "watchword.db").touch(mode=0o600)
    found = await look(settings, SetClock())
    assert found["tables"] == Finding("tables", "note", "none yet", "the first start makes them")
    assert "CORS" not in found
