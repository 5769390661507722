"""What the tests of tenants share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tenancy import ReadableAudit
from watchword.db.database import Database


@pytest.fixture
def audit(database: Database) -> Iterator[ReadableAudit]:
    log = ReadableAudit(database)
    yield log
    log.close()
