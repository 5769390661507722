"""One INSERT of many rows, where a statement inserts one: SQLite is entered and left once for all of them.

One of the places that may be less plain for speed (``bench/answer.py``): each run of a statement gives the interpreter's
lock away and waits for it behind the event loop, which took longer than the row.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_OF_ONE_ROW: Final = re.compile(r"(INSERT INTO \w+ \([\w, ]+\) VALUES )\((\?\d+(?:, \?\d+)*)\)")

ROWS_MAX: Final = 32
"""Rows in one statement: beyond it nothing is gained, and each count is a statement of its own that is kept prepared."""


@lru_cache(maxsize=256)
def text_of_rows(text: str, count: int) -> str | None:
    """Return an INSERT of one row as one of so many, their values one after another; None where it is not as plain.

    ``text`` takes its values in order, as ``?1`` and so on.
    """
    plain = _OF_ONE_ROW.fullmatch(text)
    if plain is None:
        return None
    width = plain[2].count("?")
    if plain[2] != _row(0, width):
        return None
    return plain[1] + ", ".join(f"({_row(number * width, width)})" for number in range(count))


def _row(behind: int, width: int) -> str:
    return ", ".join(f"?{behind + column}" for column in range(1, width + 1))
