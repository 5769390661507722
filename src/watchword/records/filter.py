"""``where[field][operator]=value`` as a tree of conditions whose values have their fields' types.

The tree holds fields of the definition only; ``conditions.py`` writes it as SQL. Everything is bounded: how deep
``and`` and ``or`` nest, how many conditions there are, how many values one has.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, get_args

import msgspec

from watchword.errors import InvalidFieldsError
from watchword.records.fields import Field
from watchword.wire.json_body import INTEGER_MAX

Operator = Literal[
    "equals",
    "not_equals",
    "in",
    "not_in",
    "greater_than",
    "greater_than_equal",
    "less_than",
    "less_than_equal",
    "exists",
    "contains",
    "like",
    "not_like",
]
Scalar = str | int | float | bool

DEPTH_MAX: Final = 5
"""``and`` and ``or`` inside each other: more than forms build, little enough for any query planner."""

CONDITIONS_MAX: Final = 50
VALUES_MAX: Final = 100
"""Values of one ``in``: as many as a page has documents."""

VALUE_CHARACTERS_MAX: Final = 1000

OPERATOR_NAMES: Final[tuple[Operator, ...]] = get_args(Operator)
_OPERATORS: Final[dict[str, Operator]] = {name: name for name in OPERATOR_NAMES}
_JOINS: Final[dict[str, Literal["and", "or"]]] = {"and": "and", "or": "or"}
_TEXT_OPERATORS: Final = frozenset({"contains", "like", "not_like"})
_LIST_OPERATORS: Final = frozenset({"in", "not_in"})


class Condition(msgspec.Struct, frozen=True):
    """One field held against one or more values of its type; a time is Unix milliseconds."""

    field: Field
    operator: Operator
    values: tuple[Scalar, ...]


class Group(msgspec.Struct, frozen=True):
    """Filters that hold all together, or one of them at least."""

    joined: Literal["and", "or"]
    members: tuple[Condition | Group, ...]


Filter = Condition | Group
Pair = tuple[tuple[str, ...], str]
"""The names in the brackets behind ``where``, and the value."""


def parse_filter(pairs: list[Pair], fields: dict[str, Field]) -> Group:
    """Read the ``where`` parameters of a query; all of them must hold.

    Raises:
        InvalidFieldsError: an unknown field or operator, a value of another type, or more than the bounds allow;
            the parameter is named.
    """
    return _Reader(fields).read_group(_grow(pairs), (), "and", 0)


class _Branch:
    """One bracket and what stands in it: further brackets, or a value."""

    __slots__ = ("branches", "value")

    def __init__(self) -> None:
        self.branches: dict[str, _Branch] = {}
        self.value: str | None = None


def _grow(pairs: list[Pair]) -> _Branch:
    root = _Branch()
    for names, value in pairs:
        branch = root
        for name in names:
            branch = branch.branches.setdefault(name, _Branch())
        if branch is root or branch.value is not None:
            raise _fault(names, "is given more than once" if names else "needs a field and an operator")
        branch.value = value
    return root


class _Reader:
    """Turns branches into conditions, counting as it goes."""

    def __init__(self, fields: dict[str, Field]) -> None:
        self._fields = fields
        self._conditions = 0

    def read_group(self, branch: _Branch, path: tuple[str, ...], joined: Literal["and", "or"], depth: int) -> Group:
        members: list[Filter] = []
        for name, inner in branch.branches.items():
            here = (*path, name)
            if inner.value is not None:
                raise _fault(here, "needs an operator, as in where[field][equals]")
            if name in _JOINS:
                members.append(self._read_list(inner, here, _JOINS[name], depth + 1))
            else:
                members += self._read_field(inner, here, name)
        return Group(joined, tuple(members))

    def _read_list(self, branch: _Branch, path: tuple[str, ...], joined: Literal["and", "or"], depth: int) -> Group:
        if depth > DEPTH_MAX:
            raise _fault(path, f"nests deeper than {DEPTH_MAX} levels")
        members = []
        for index, inner in branch.branches.items():
            here = (*path, index)
            if not _is_index(index) or inner.value is not None:
                raise _fault(here, "must be numbered, as in where[or][0][field][equals]")
            members.append(self.read_group(inner, here, "and", depth))
        return Group(joined, tuple(members))

    def _read_field(self, branch: _Branch, path: tuple[str, ...], name: str) -> list[Filter]:
        field = self._fields.get(name)
        if field is None:
            raise _fault(path, "is not a field of this collection")
        conditions: list[Filter] = []
        for word, inner in branch.branches.items():
            here = (*path, word)
            operator = _OPERATORS.get(word)
            if operator is None:
                raise _fault(here, f"is not an operator; use one of {', '.join(_OPERATORS)}")
            self._conditions += 1
            if self._conditions > CONDITIONS_MAX:
                raise _fault(here, f"is one of more than {CONDITIONS_MAX} conditions")
            conditions.append(Condition(field, operator, _read_values(field, operator, inner, here)))
        return conditions


def _read_values(field: Field, operator: Operator, branch: _Branch, path: tuple[str, ...]) -> tuple[Scalar, ...]:
    texts = _list_texts(operator, branch, path)
    if operator == "exists":
        return (_read_truth(texts[0], path),)
    if field.kind == "other":
        raise _fault(path, "can only be asked for exists: the field holds a list or an object")
    if operator in _TEXT_OPERATORS:
        if field.kind != "text":
            raise _fault(path, "is for fields that hold text")
        return tuple(texts)
    return tuple(read_value(field, text, path) for text in texts)


def _list_texts(operator: Operator, branch: _Branch, path: tuple[str, ...]) -> list[str]:
    if operator not in _LIST_OPERATORS:
        if branch.value is None or branch.branches:
            raise _fault(path, "takes one value")
        return [_bounded(branch.value, path)]
    if branch.value is not None:
        if branch.branches:
            raise _fault(path, "is given as a list and as numbered values; use one of the two")
        # Cut at most once more than allowed: a million commas make no million texts.
        texts = branch.value.split(",", VALUES_MAX)
    else:
        texts = []
        for index, inner in branch.branches.items():
            if not _is_index(index) or inner.value is None or inner.branches:
                raise _fault((*path, index), "must be a numbered value, as in where[field][in][0]")
            texts.append(inner.value)
    if len(texts) > VALUES_MAX:
        raise _fault(path, f"takes at most {VALUES_MAX} values")
    return [_bounded(text, path) for text in texts]


def read_value(field: Field, text: str, path: tuple[str, ...]) -> Scalar:
    """Read a text as a value of a field's type.

    Raises:
        InvalidFieldsError: it is none; ``path`` names the parameter.
    """
    match field.kind:
        case "text" | "id":
            if field.choices and text not in field.choices:
                raise _fault(path, f"must be one of {', '.join(field.choices)}")
            return text
        case "integer":
            return _read_integer(text, path)
        case "number":
            return _read_number(text, path)
        case "boolean":
            return _read_truth(text, path)
        case "created" | "updated":
            return _read_time(text, path)
        case "other":
            raise _fault(path, "cannot be compared")


def _bounded(text: str, path: tuple[str, ...]) -> str:
    if len(text) > VALUE_CHARACTERS_MAX:
        raise _fault(path, f"must have {VALUE_CHARACTERS_MAX} characters or fewer")
    return text


_INTEGER: Final = re.compile(r"-?[0-9]{1,16}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")


def _read_integer(text: str, path: tuple[str, ...]) -> int:
    value = int(text) if _INTEGER.fullmatch(text) else INTEGER_MAX + 1
    if not -INTEGER_MAX <= value <= INTEGER_MAX:
        raise _fault(path, f"must be an integer between -{INTEGER_MAX} and {INTEGER_MAX}")
    return value


def _read_number(text: str, path: tuple[str, ...]) -> float:
    value = float(text) if _NUMBER.fullmatch(text) else float("inf")
    if value in (float("inf"), float("-inf")):
        raise _fault(path, "must be a number")
    return value


def _read_truth(text: str, path: tuple[str, ...]) -> bool:
    if text not in {"true", "false"}:
        raise _fault(path, "must be true or false")
    return text == "true"


_LEAP_SECOND: Final = re.compile(r"(?<=:[0-9]{2}):60")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIME_MAX_MS: Final = 2**48 - 2
"""Ids hold 48 bits of milliseconds; what lies before or behind compares like the first or the last of them."""


def _read_time(text: str, path: tuple[str, ...]) -> int:
    try:
        # A leap second (RFC 3339 §5.6) is taken for the one before it: clocks of machines do not show it.
        moment = datetime.fromisoformat(_LEAP_SECOND.sub(":59", text))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        value = (moment - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        raise _fault(path, "must be a date or time in ISO 8601, as 2026-01-07T10:00:00.000Z") from None
    return min(max(value, 0), _TIME_MAX_MS)


def _is_index(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 3  # noqa: PLR2004 - up to 999, far above the bounds


def _fault(path: tuple[str, ...], sentence: str) -> InvalidFieldsError:
    return InvalidFieldsError({"where" + "".join(f"[{name[:64]}]" for name in path[:12]): sentence})
