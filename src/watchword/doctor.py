"""Looks at a configuration as it stands and says what to mend; changes nothing."""

from __future__ import annotations

import contextlib
import os
import resource
import stat
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec

from watchword.api_keys.models import ENDS_SOON_MS
from watchword.clock import Clock, iso_timestamp
from watchword.config import Settings
from watchword.data_directory import DATABASE_NAME, GENERATIONS_NAME
from watchword.db.database import Database, Statement
from watchword.db.generations import Generations
from watchword.db.postgres import PostgresDatabase
from watchword.db.sqlite import SqliteDatabase
from watchword.errors import ScanTooLongError, WatchwordError
from watchword.setting_kinds import is_loopback
from watchword.wire.certificate_files import SERVER_NAME
from watchword.wire.tls import certificate_expiry_ms

Verdict = Literal["good", "note", "bad"]

_DAY_MS: Final = 86_400_000
_CERTIFICATE_DAYS: Final = 21
"""A certificate with less left is worth a word: renewal services renew at 30."""

_BUILT_MS: Final = 1_767_225_600_000
"""2026-01-01: a clock before the program was written is wrong."""

_CLOCK_SKEW_MS: Final = 5_000
"""Database and node may differ by so much; sessions end a little early or late."""

_SQLITE_FIXED: Final = (3, 51, 3)
"""The first SQLite without the fault that could corrupt a database when its write-ahead log was reset."""


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at: what was seen, and what to do where something is to be done."""

    subject: str
    verdict: Verdict
    seen: str
    remedy: str = ""


_VERSION: Final = Statement("SELECT version()", sqlite="SELECT sqlite_version()")
_HAS_TABLES: Final = Statement(
    "SELECT to_regclass('tenants') IS NOT NULL",
    sqlite="SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'tenants')",
)
_INTEGRITY: Final = Statement("SELECT 'ok'", sqlite="SELECT quick_check FROM pragma_quick_check")
_CLOCK: Final = Statement(
    "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint",
    sqlite="SELECT max(created_at) FROM (SELECT max(created_at) AS created_at FROM sessions"
    " UNION ALL SELECT max(created_at) FROM users)",
)
_ORIGINS: Final = Statement(
    "SELECT slug, settings FROM tenants WHERE disabled_at IS NULL ORDER BY id LIMIT 1000",
)


_ENDING_KEYS: Final = Statement(
    "SELECT k.id, t.slug, k.expires_at FROM api_keys k JOIN tenants t ON t.id = k.tenant_id"
    " WHERE k.expires_at > $1 AND k.expires_at < $2 AND k.rotated_to IS NULL"
    " AND k.revoked_at IS NULL AND k.disabled_at IS NULL AND t.disabled_at IS NULL"
    " ORDER BY k.expires_at LIMIT 20"
)


async def examine(settings: Settings, clock: Clock) -> list[Finding]:
    """Look at everything and return what was seen, good and bad."""
    findings = [*_directory(settings), *_private_files(settings), *_certificate(settings, clock), *_clock(clock)]
    findings += [*_mail(settings), *_proxy(settings), *_limits(settings)]
    findings += [finding async for finding in _database(settings, clock)]
    return findings


def _directory(settings: Settings) -> Iterator[Finding]:
    path = settings.data_directory
    if not path.is_dir():
        yield Finding("data directory", "bad", f"{path} is missing", f"watchword init --data {path}")
        return
    if not os.access(path, os.W_OK | os.X_OK):
        yield Finding("data directory", "bad", f"{path} cannot be written to", f"chown it to the server's user: {path}")
    elif _mode(path) & 0o077:
        yield Finding("data directory", "bad", f"{path} is open to others", f"chmod 700 {path}")
    else:
        yield Finding("data directory", "good", f"{path} is private")


def _private_files(settings: Settings) -> Iterator[Finding]:
    named = (settings.secret_file, settings.tls_key)
    files = [path for path in named if path is not None]
    with contextlib.suppress(OSError):
        files += [path for path in settings.data_directory.iterdir() if path.is_file()]
    wide = [path for path in files if path.exists() and _mode(path) & 0o077]
    for path in wide:
        yield Finding("secret files", "bad", f"{path} can be read by others", f"chmod 600 {path}")
    if not wide:
        yield Finding("secret files", "good", f"{len(files)} are closed to others")


def _certificate(settings: Settings, clock: Clock) -> Iterator[Finding]:
    if not settings.is_tls_on:
        yield Finding("certificate", "note", "TLS is off here", "let the proxy in front speak TLS")
        return
    path = settings.tls_certificate or settings.data_directory / SERVER_NAME
    try:
        ends_ms = certificate_expiry_ms(path)
    except (OSError, ValueError):
        if settings.tls_certificate is None:
            yield Finding("certificate", "note", "none yet", "the first start makes one for development")
        else:
            yield Finding("certificate", "bad", f"{path} holds no certificate", "set WATCHWORD_TLS_CERT to a PEM file")
        return
    days = (ends_ms - clock.now_ms()) // _DAY_MS
    seen = f"{path} ends at {iso_timestamp(ends_ms)}"
    if days >= _CERTIFICATE_DAYS:
        kind = "" if settings.tls_certificate else "; made for development, trusted by nobody else"
        yield Finding("certificate", "good" if settings.tls_certificate else "note", f"{seen}{kind}")
    elif settings.tls_certificate is None:
        yield Finding("certificate", "note", seen, "the next start renews it")
    else:
        yield Finding("certificate", "bad", seen, "renew it; a running server takes the new file up by itself")


def _clock(clock: Clock) -> Iterator[Finding]:
    now_ms = clock.now_ms()
    if now_ms < _BUILT_MS:
        yield Finding("clock", "bad", f"it is not {iso_timestamp(now_ms)}", "set the clock, and keep it with NTP")
    else:
        yield Finding("clock", "good", f"it is {iso_timestamp(now_ms)}; compare")


def _mail(settings: Settings) -> Iterator[Finding]:
    if settings.smtp_url is None:
        yield Finding("mail", "note", "letters stay in outbox/", "set WATCHWORD_SMTP_URL for real users")
    else:
        yield Finding("mail", "good", f"letters come from {settings.mail_from}")
        if settings.pages_url is None:
            remedy = "set WATCHWORD_PAGES_URL to the site with those pages"
            yield Finding("letters", "note", "they hold codes for an application, and link to no pages", remedy)


def _proxy(settings: Settings) -> Iterator[Finding]:
    for network in settings.behind_proxy:
        if network.prefixlen == 0:
            seen = f"{network} is everyone: whoever reaches this port may name any client address"
            yield Finding("proxy", "bad", seen, "set WATCHWORD_BEHIND_PROXY to the network of the proxy alone")
    if settings.behind_proxy and settings.public_url is None:
        yield Finding(
            "public URL",
            "bad",
            "behind a proxy, and nobody said what clients call it: letters would name this machine",
            "set WATCHWORD_PUBLIC_URL to the https:// URL that clients use",
        )
    elif settings.public_url is None and not is_loopback(settings.host):
        yield Finding("public URL", "note", "letters name the address listened on", "set WATCHWORD_PUBLIC_URL")


def _limits(settings: Settings) -> Iterator[Finding]:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * settings.connections_per_address
    if files < needed:
        yield Finding("open files", "bad", f"at most {files}", f"raise the limit to {needed} or more (ulimit -n)")
    else:
        yield Finding("open files", "good", f"at most {files}")
    cores = os.cpu_count() or 1
    if settings.workers > cores:
        yield Finding("workers", "note", f"{settings.workers} on {cores} cores", "more than cores gain nothing")


async def _database(settings: Settings, clock: Clock) -> AsyncIterator[Finding]:
    if settings.database_url is None and not (settings.data_directory / DATABASE_NAME).exists():
        yield Finding("database", "note", "none yet", "the first start makes it")
        return
    try:
        async with open_database(settings) as database:
            async for finding in _stored(settings, database, clock):
                yield finding
    except WatchwordError as error:
        yield Finding(
            "database",
            "bad",
            f"it does not answer ({error.cause or error.message})",
            "see that it runs and can be reached",
        )


@contextlib.asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """Open the database as it is, without bringing it up to date or making anything in the data directory."""
    database: Database
    with tempfile.TemporaryDirectory() as elsewhere:
        generations = Generations(Path(elsewhere) / GENERATIONS_NAME)
        try:
            if settings.database_url is None:
                database = SqliteDatabase(settings.data_directory / DATABASE_NAME, generations=generations)
            else:
                url = settings.database_url.reveal()
                database = await PostgresDatabase.connect(url, generations=generations, connections=1)
            try:
                yield database
            finally:
                await database.close()
        finally:
            generations.close()


async def _stored(settings: Settings, database: Database, clock: Clock) -> AsyncIterator[Finding]:
    began = time.perf_counter()
    version = str(await _value(database, _VERSION))
    milliseconds = (time.perf_counter() - began) * 1000
    yield Finding("database", "good", f"answers in {milliseconds:.1f} ms")
    yield _engine(settings, version)
    yield await _integrity(database)
    if not await _value(database, _HAS_TABLES):
        yield Finding("tables", "note", "none yet", "the first start makes them")
        return
    async for finding in _ending_keys(database, clock):
        yield finding
    yield _database_clock(settings, await _value(database, _CLOCK), clock)
    for finding in _cors(settings, await database.fetch_rows(_ORIGINS)):
        yield finding


async def _integrity(database: Database) -> Finding:
    try:
        rows = await database.scan_rows(_INTEGRITY)
    except ScanTooLongError:
        return Finding("integrity", "note", "too much is stored to look at all of it here")
    if [row[0] for row in rows] != ["ok"]:
        return Finding("integrity", "bad", str(rows[0][0]), "stop the server and restore a backup")
    return Finding("integrity", "good", "every page can be read")


async def _ending_keys(database: Database, clock: Clock) -> AsyncIterator[Finding]:
    now_ms = clock.now_ms()
    try:
        rows = await database.scan_rows(_ENDING_KEYS, now_ms, now_ms + ENDS_SOON_MS)
    except ScanTooLongError:
        yield Finding("keys", "note", "too many are stored to look for those that end soon", "watchword keys list")
        return
    for key_id, slug, expires_at_ms in rows:
        seen = f"{key_id} of {slug} ends at {iso_timestamp(expires_at_ms)}"
        yield Finding("keys", "note", seen, f"watchword keys rotate {key_id} --tenant {slug}")


def _engine(settings: Settings, version: str) -> Finding:
    if settings.database_url is not None:
        return Finding("PostgreSQL", "good", version.partition(" on ")[0])
    numbers = tuple(int(part) for part in version.split("."))
    if numbers < _SQLITE_FIXED:
        return Finding("SQLite", "bad", version, "reinstall: apsw brings a newer one")
    return Finding("SQLite", "good", version)


def _database_clock(settings: Settings, told: object, clock: Clock) -> Finding:
    now_ms = clock.now_ms()
    if not isinstance(told, int):
        return Finding("clock and data", "good", "nothing stored yet")
    behind_ms = told - now_ms
    if settings.database_url is not None and abs(behind_ms) > _CLOCK_SKEW_MS:
        return Finding("clock and data", "bad", f"the database's clock differs by {behind_ms} ms", "keep both with NTP")
    if behind_ms > _CLOCK_SKEW_MS:
        return Finding("clock and data", "bad", f"stored times are {behind_ms} ms ahead", "set the clock forward")
    return Finding("clock and data", "good", "they agree")


def _cors(settings: Settings, rows: object) -> Iterator[Finding]:
    origins: dict[str, list[str]] = {"WATCHWORD_ALLOWED_ORIGINS": list(settings.allowed_origins)}
    for slug, text in rows if isinstance(rows, list | tuple) else ():
        origins[f"tenant {slug}"] = list(msgspec.json.decode(text).get("allowed_origins", ()))
    plain = [
        f"{holder} lists {origin}"
        for holder, listed in origins.items()
        for origin in listed
        if origin.startswith("http://") and not is_loopback(origin.removeprefix("http://").partition(":")[0])
    ]
    for seen in plain:
        yield Finding("CORS", "bad", seen, "anyone on the way can change what such a page does; use https://")
    total = sum(len(listed) for listed in origins.values())
    if total == 0:
        remedy = "watchword tenants change SLUG --origin https://shop.example.com"
        yield Finding("CORS", "note", "no web origin is listed: pages elsewhere cannot call the API", remedy)
    elif not plain:
        yield Finding("CORS", "good", f"{total} web origins are listed")


async def _value(database: Database, statement: Statement) -> object:
    row = await database.fetch_row(statement)
    return None if row is None else row[0]


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
