"""What a list is asked for, as the server reads it in a query string."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict
from urllib.parse import urlencode


class FindOptions(TypedDict, total=False):
    """What a list is asked for.

    ``limit`` is the number of documents on a page: 10 unless given, 100 at most. ``page`` counts from 1; ``after`` in
    its place is the ``next_cursor`` of the page before, as fast at any depth. ``sort`` is a field or several, ``-``
    before one turns it round. ``where`` holds conditions by field and operator: ``{"price": {"less_than": 5000}}``;
    ``and`` and ``or`` take lists of conditions. ``select`` names the fields to take, or says of each True or False.
    """

    limit: int
    page: int
    after: str
    sort: str | Sequence[str]
    where: Mapping[str, Any]
    select: Sequence[str] | Mapping[str, bool]
    depth: int


def write_query(options: Mapping[str, Any]) -> str:
    """Write options as a query string with its question mark; empty where there is nothing to say."""
    given = {name: value for name, value in options.items() if value is not None}
    if "select" in given:
        given["select"] = _taken(given["select"])
    pairs = [pair for name, value in given.items() for pair in _nested(name, value)]
    return f"?{urlencode(pairs)}" if pairs else ""


def _taken(fields: str | Sequence[str] | Mapping[str, bool]) -> Mapping[str, bool]:
    if isinstance(fields, Mapping):
        return fields
    return dict.fromkeys([fields] if isinstance(fields, str) else fields, True)


def _nested(name: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _nested(f"{name}[{key}]", inner)
    elif not isinstance(value, Sequence) or isinstance(value, str):
        yield name, _text(value)
    elif any(isinstance(item, Mapping) for item in value):
        for number, item in enumerate(value):
            yield from _nested(f"{name}[{number}]", item)
    else:
        yield name, ",".join(_text(item) for item in value)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    return "null" if value is None else str(value)
