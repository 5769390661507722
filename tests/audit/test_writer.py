"""Events and last-used times."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.db.database import Database, Statement
from watchword.errors import UnavailableError
from watchword.observe import Log

NOW = 1_767_780_000_000
_USAGE = Statement("SELECT credential_id, last_used_at FROM credential_usage ORDER BY credential_id")


@pytest.fixture
def stream() -> io.BytesIO:
    return io.BytesIO()


@pytest.fixture
def writer(stream: io.BytesIO, database: Database) -> Iterator[AuditWriter]:
    log = Log(stream)
    yield AuditWriter(log=log, bookkeeping=database)
    log.close()


async def used(database: Database) -> dict[str, int]:
    return {row[0]: row[1] for row in await database.fetch_rows(_USAGE)}


async def test_last_use_is_written_in_one_batch(writer: AuditWriter, database: Database) -> None:
    """The last of several uses is what is written, for each credential."""
    for at, credential_id in enumerate(["key_1", "key_2", "key_1"]):
        writer.note_use(credential_id, NOW + at)
    assert await used(database) == {}
    await writer.flush()
    assert await used(database) == {"key_1": NOW + 2, "key_2": NOW + 1}


async def test_last_use_never_goes_back(writer: AuditWriter, database: Database) -> None:
    """Another process's later time stands when this one writes an earlier."""
    writer.note_use("key_1", NOW)
    await writer.flush()
    writer.note_use("key_1", NOW - 60_000)
    await writer.flush()
    assert await used(database) == {"key_1": NOW}


async def test_close_writes_what_waits(writer: AuditWriter, database: Database) -> None:
    """A clean stop loses no last-used time."""
    writer.start()
    writer.note_use("key_1", NOW)
    await writer.close()
    assert await used(database) == {"key_1": NOW}


async def test_dead_store_keeps_uses_waiting(writer: AuditWriter, database: Database) -> None:
    """While the store is down uses wait, and closing does not fail."""
    writer.note_use("key_1", NOW)
    await database.close()
    with pytest.raises(UnavailableError):
        await writer.flush()
    assert writer._used == {"key_1": NOW}
    await writer.close()


async def test_event_is_one_line(writer: AuditWriter, stream: io.BytesIO) -> None:
    """An event is logged with who, where and what."""
    writer.record(Event.KEY_CREATED, now_ms=NOW, tenant_id="ten_1", subject="usr_1", detail={"key": "key_1"})
    writer._log.flush()
    line = json.loads(stream.getvalue())
    assert (line["event"], line["tenant"], line["subject"], line["key"]) == ("key.created", "ten_1", "usr_1", "key_1")


async def test_what_the_program_makes_by_itself_is_logged_at_debug(writer: AuditWriter, stream: io.BytesIO) -> None:
    """Events of the demonstration data do not stand in a log of level info; those that follow do."""
    with writer.quietly():
        writer.record(Event.KEY_CREATED, now_ms=NOW)
    writer.record(Event.KEY_REVOKED, now_ms=NOW)
    writer._log.flush()
    assert json.loads(stream.getvalue())["event"] == "key.revoked"


async def test_unknown_event_is_a_programming_error(writer: AuditWriter) -> None:
    """Only events of the list can be recorded."""
    with pytest.raises(ValueError, match=r"no\.such\.event"):
        writer.record("no.such.event", now_ms=NOW)
