"""Fixtures of the databases' tests."""

from __future__ import annotations

import pytest

from postgres_notes import make_notes
from watchword.db.postgres import PostgresDatabase


@pytest.fixture
async def notes(postgres_database: PostgresDatabase) -> PostgresDatabase:
    await make_notes(postgres_database)
    return postgres_database
