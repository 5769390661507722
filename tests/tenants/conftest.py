"""What the tests of tenants share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tenancy import ReadableAudit
from watchword.db.database import Database
from watchword.db.generations import Generations
from watchword.db.migrate import migrate
from watchword.db.sqlite import SqliteDatabase


@pytest.fixture
def generations(tmp_path: Path) -> Iterator[Generations]:
    shared = Generations(tmp_path / "generations")
    yield shared
    shared.close()


@pytest.fixture
async def database(tmp_path: Path, generations: Generations) -> AsyncIterator[Database]:
    opened = SqliteDatabase(tmp_path / "test.db", generations=generations, synchronous="OFF")
    await migrate(opened, "main")
    yield opened
    await opened.close()


@pytest.fixture
def audit(database: Database) -> Iterator[ReadableAudit]:
    log = ReadableAudit(database)
    yield log
    log.close()
