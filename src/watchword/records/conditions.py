"""A filter as SQL, in the words of both backends: names from the definition, values as parameters, nothing else."""

from __future__ import annotations

from typing import Final

import msgspec

from watchword.db.database import Value
from watchword.ids import first_id
from watchword.records.fields import Field
from watchword.records.filter import Condition, Filter, Scalar


class Sql(msgspec.Struct, frozen=True):
    """A piece of a statement, twice; both use the same numbers for the same parameters."""

    sqlite: str
    postgres: str


class Parameters:
    """The values of a statement in the order of their numbers."""

    __slots__ = ("values",)

    def __init__(self, *values: Value) -> None:
        self.values: list[Value] = list(values)

    def add(self, value: Value) -> str:
        """Take a value and return the ``$n`` that stands for it."""
        self.values.append(value)
        return f"${len(self.values)}"


_TEMPLATES: Final[dict[str, Sql]] = {
    "not_equals": Sql("{field} IS NOT {values}", "{field} IS DISTINCT FROM {values}"),
    **{
        operator: Sql(text, text)
        for operator, text in (
            ("equals", "{field} = {values}"),
            ("greater_than", "{field} > {values}"),
            ("greater_than_equal", "{field} >= {values}"),
            ("less_than", "{field} < {values}"),
            ("less_than_equal", "{field} <= {values}"),
            ("in", "{field} IN ({values})"),
            ("not_in", "({field} IS NULL OR {field} NOT IN ({values}))"),
        )
    },
}


def write_filter(wanted: Filter, parameters: Parameters, *, id_kind: str) -> Sql:
    """Write a filter that has conditions; comparisons leave out documents without the field, what begins with ``not_`` takes them."""
    if isinstance(wanted, Condition):
        return _write_condition(wanted, parameters, id_kind)
    members = [write_filter(member, parameters, id_kind=id_kind) for member in wanted.members]
    word = " AND " if wanted.joined == "and" else " OR "
    return Sql(
        f"({word.join(member.sqlite for member in members)})",
        f"({word.join(member.postgres for member in members)})",
    )


def _write_condition(condition: Condition, parameters: Parameters, id_kind: str) -> Sql:
    field = condition.field
    if condition.operator == "exists":
        test = "IS NOT NULL" if condition.values[0] else "IS NULL"
        return Sql(f"{field.sqlite} {test}", f"{field.postgres} {test}")
    if field.kind == "created":
        return _write_creation(condition, parameters, id_kind)
    if condition.operator == "contains":
        return _write_contains(field, [str(condition.values[0])], parameters)
    if condition.operator in {"like", "not_like"}:
        like = _write_contains(field, str(condition.values[0]).split() or [""], parameters)
        return like if condition.operator == "like" else _write_absence(field, like)
    template = _TEMPLATES[condition.operator]
    values = ", ".join(parameters.add(value) for value in condition.values)
    return Sql(
        template.sqlite.format(field=field.sqlite, values=values),
        template.postgres.format(field=field.postgres, values=values),
    )


def _write_creation(condition: Condition, parameters: Parameters, id_kind: str) -> Sql:
    """Compare the time that an id begins with, so that the order of ids serves for times of creation too."""

    def at(value: Scalar) -> str:
        return parameters.add(first_id(id_kind, int(value)))

    def during(value: Scalar) -> str:
        return f"(id >= {at(value)} AND id < {at(int(value) + 1)})"

    first = condition.values[0]
    match condition.operator:
        case "greater_than":
            text = f"id >= {at(int(first) + 1)}"
        case "greater_than_equal":
            text = f"id >= {at(first)}"
        case "less_than":
            text = f"id < {at(first)}"
        case "less_than_equal":
            text = f"id < {at(int(first) + 1)}"
        case "not_equals" | "not_in":
            text = f"NOT ({' OR '.join(during(value) for value in condition.values)})"
        case _:
            text = f"({' OR '.join(during(value) for value in condition.values)})"
    return Sql(text, text)


def _write_contains(field: Field, words: list[str], parameters: Parameters) -> Sql:
    # Letters A to Z in either case, on both backends alike: what SQLite folds, and PostgreSQL under COLLATE "C".
    numbers = [parameters.add(_fold(word)) for word in words]
    return Sql(
        "(" + " AND ".join(f"instr(lower({field.sqlite}), {number}) > 0" for number in numbers) + ")",
        "(" + " AND ".join(f"position({number} in lower({field.postgres})) > 0" for number in numbers) + ")",
    )


def _write_absence(field: Field, wanted: Sql) -> Sql:
    return Sql(
        f"({field.sqlite} IS NULL OR NOT {wanted.sqlite})",
        f"({field.postgres} IS NULL OR NOT {wanted.postgres})",
    )


def _fold(text: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)
