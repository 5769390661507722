"""The table of errors that an answer can carry, from their classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from markdown_table import table

from watchword.errors import DatabaseNewerError, WatchwordError, WrongMasterSecretError

_ENDS_A_START: Final = (DatabaseNewerError, WrongMasterSecretError)
_AT_THE_COMMAND_LINE: Final = frozenset({"WRONG_SETTING", "WRONG_COMMAND", "DEMO_LOST"})


def answered_errors() -> dict[str, list[type[WatchwordError]]]:
    """Return the classes that an answer can carry by their code, in the order of their status."""
    found: dict[str, list[type[WatchwordError]]] = {}
    for kind in sorted(_below(WatchwordError), key=lambda kind: (kind.status, kind.__module__ != "watchword.errors")):
        if kind not in _ENDS_A_START and kind.code not in _AT_THE_COMMAND_LINE:
            found.setdefault(kind.code, []).append(kind)
    return found


def errors_part() -> str:
    """Return a row for each code."""
    rows = []
    for code, kinds in answered_errors().items():
        sentences = dict.fromkeys(kind.sentence for kind in kinds)
        when = _public_part(kinds[0])
        rows.append((str(kinds[0].status), kinds[0].name, f"`{code}`", when, "<br>".join(sentences)))
    return table(("Status", "`name`", "`code`", "When", "Usual `message`"), rows)


def _below(kind: type[WatchwordError]) -> Iterator[type[WatchwordError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def _public_part(kind: type[WatchwordError]) -> str:
    """Return what the docstring says before it turns to the class's own attributes."""
    first_line = (kind.__doc__ or "").strip().partition("\n")[0]
    return first_line.partition(";")[0].removesuffix(".").replace("``", "`")
