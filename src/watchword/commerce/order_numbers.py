"""Order numbers, for people to read out: the day and six random digits, unless the shop brings its own."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Final

NUMBER_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
"""What a shop's own number may be: it stands in paths as it is."""

ATTEMPTS_MAX: Final = 20
"""Numbers that are tried for one order: with half of a day's million taken, all of them are in one of a million."""

_DIGITS: Final = 1_000_000


def make_order_number(now_ms: int) -> str:
    """Make a number of the day (UTC); whether it is taken, only the database knows."""
    return write_order_number(now_ms, secrets.randbelow(_DIGITS))


def write_order_number(now_ms: int, number: int) -> str:
    """Write the number of a day's order."""
    return f"{datetime.fromtimestamp(now_ms / 1000, UTC):%y%m%d}{number:06}"
