"""How verbs print: tables that fit the terminal, aligned text for pipes, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import msgspec

from watchword.clock import iso_timestamp

Row = Mapping[str, object]


def show_rows(rows: Sequence[Row], *, as_json: bool, empty: str, columns: Sequence[str] = ()) -> None:
    """Print a listing; ``columns`` are the fields of the table, where JSON has all."""
    if as_json:
        show_json(rows)
    elif not rows:
        note(empty)
    elif sys.stdout.isatty():
        _show_table(rows, columns)
    else:
        _show_aligned(rows, columns)


def show_json(value: object) -> None:
    """Print a value as indented JSON."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    sys.stdout.write(f"{text}\n")


def say(text: str) -> None:
    """Print a line of result to standard output."""
    sys.stdout.write(f"{text}\n")


def note(text: str) -> None:
    """Print a line beside the result, to standard error, so that the result can be piped."""
    sys.stderr.write(f"{text}\n")


def moment(unix_ms: int | None) -> str | None:
    """Write a time as ISO 8601, None as it is."""
    return None if unix_ms is None else iso_timestamp(unix_ms)


def _show_table(rows: Sequence[Row], columns: Sequence[str]) -> None:
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it, and it takes its time
    from rich.table import Table  # noqa: PLC0415 - the same

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in columns))
    Console(markup=False, highlight=False).print(table)


def _show_aligned(rows: Sequence[Row], columns: Sequence[str]) -> None:
    lines = [list(columns), *([_cell(row[column]) for column in columns] for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        say("  ".join(padded).rstrip())


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return " ".join(str(part) for part in value) or "-"
    # What people typed into a name must not steer the operator's terminal.
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(value))
