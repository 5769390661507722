"""Pages and cursors: the order of a list, where one goes on, and the fields that stand beside its documents."""

from __future__ import annotations

import base64
from typing import Final

import msgspec

from watchword.db.database import Value
from watchword.errors import InvalidFieldsError
from watchword.records.conditions import Parameters, Sql
from watchword.records.definitions import CollectionType
from watchword.records.fields import Field
from watchword.wire.json_body import INTEGER_MAX

LIMIT_DEFAULT: Final = 10
LIMIT_MAX: Final = 100
PAGE_MAX: Final = 1_000_000_000
"""Pages that can be asked for; with the largest limit the offset still fits any integer."""

SORT_KEYS_MAX: Final = 3
CURSOR_CHARACTERS_MAX: Final = 8192
"""The longest cursor that a page can give: a few texts of the longest that can be sorted by."""


class SortKey(msgspec.Struct, frozen=True):
    """A field and its direction."""

    field: Field
    is_descending: bool


class Order(msgspec.Struct, frozen=True):
    """The order of a list: by ``keys``, and by id among equals, which is the order of creation.

    ``name`` is the canonical text of it, by which a cursor knows its list again.
    """

    keys: tuple[SortKey, ...]
    newest_first: bool
    name: str


class Cursor(msgspec.Struct, frozen=True):
    """The place behind one document: its values of the order's keys, and its id."""

    values: tuple[Value, ...]
    id: str


NEWEST_FIRST: Final = Order((), newest_first=True, name="-id")


def parse_order(text: str, fields: dict[str, Field]) -> Order:
    """Read ``sort``: fields separated by commas, ``-`` before a descending one.

    Raises:
        InvalidFieldsError: an unknown field, one that cannot be sorted by, or too many.
    """
    keys: list[SortKey] = []
    parts = text.split(",", SORT_KEYS_MAX)
    if len(parts) > SORT_KEYS_MAX:
        raise InvalidFieldsError({"sort": f"takes at most {SORT_KEYS_MAX} fields"})
    for part in parts:
        name = part.removeprefix("-")
        field = fields.get(name)
        if field is None or not field.is_sortable:
            sortable = ", ".join(sorted(known.name for known in fields.values() if known.is_sortable))
            raise InvalidFieldsError({"sort": f"names what cannot be sorted by; use {sortable}"})
        # Among documents equal in a field, the same field again cannot matter; in the id no two are.
        if any(key.field is field for key in keys):
            continue
        if field.kind in {"id", "created"}:
            return _order(keys, newest_first=part.startswith("-"))
        keys.append(SortKey(field, part.startswith("-")))
    return _order(keys, newest_first=keys[0].is_descending)


def _order(keys: list[SortKey], *, newest_first: bool) -> Order:
    names = [("-" if key.is_descending else "") + key.field.name for key in keys]
    return Order(tuple(keys), newest_first, ",".join([*names, "-id" if newest_first else "id"]))


def write_order(order: Order) -> Sql:
    """Write the ``ORDER BY`` list; documents without a field come first in ascending order, on both backends."""
    tail = "id DESC" if order.newest_first else "id"
    sqlite, postgres = [], []
    for key in order.keys:
        direction = "DESC" if key.is_descending else "ASC"
        nulls = (" NULLS LAST" if key.is_descending else " NULLS FIRST") if key.field.is_nullable else ""
        sqlite.append(f"{key.field.sqlite} {direction}")
        postgres.append(f"{key.field.postgres} {direction}{nulls}")
    return Sql(", ".join([*sqlite, tail]), ", ".join([*postgres, tail]))


def write_beyond(order: Order, cursor: Cursor, parameters: Parameters) -> Sql:
    """Write the condition that holds for documents behind a cursor."""
    number = parameters.add(cursor.id)
    text = f"id < {number}" if order.newest_first else f"id > {number}"
    condition = Sql(text, text)
    for key, value in zip(reversed(order.keys), reversed(cursor.values), strict=True):
        condition = _write_step(key, value, condition, parameters)
    return condition


def _write_step(key: SortKey, value: Value, among_equals: Sql, parameters: Parameters) -> Sql:
    """Behind in this key, or equal in it and behind in the rest."""
    if value is None:
        # Nulls stand first in ascending order and last in descending order.
        template = "({field} IS NULL AND {rest})" if key.is_descending else "({field} IS NOT NULL OR {rest})"
    elif not key.is_descending:
        # The bound in front is the part that an index can seek.
        template = "({field} >= {value} AND ({field} > {value} OR {rest}))"
    elif key.field.is_nullable:
        template = "({field} < {value} OR {field} IS NULL OR ({field} = {value} AND {rest}))"
    else:
        template = "({field} <= {value} AND ({field} < {value} OR {rest}))"
    number = "" if value is None else parameters.add(value)
    return Sql(
        template.format(field=key.field.sqlite, value=number, rest=among_equals.sqlite),
        template.format(field=key.field.postgres, value=number, rest=among_equals.postgres),
    )


def write_cursor(order: Order, cursor: Cursor) -> str:
    """Write a cursor as the opaque text that callers send back as ``after``."""
    return base64.urlsafe_b64encode(msgspec.json.encode([order.name, *cursor.values, cursor.id])).decode().rstrip("=")


def parse_cursor(text: str, order: Order, collection: CollectionType) -> Cursor:
    """Read ``after``; it carries no right, so its form is checked and nothing is signed.

    Raises:
        InvalidFieldsError: it is not a cursor that a list in this order has given.
    """
    values = _decode_cursor(text)
    keys = values[1:-1]
    fits = (
        len(keys) == len(order.keys)
        and values[0] == order.name
        and collection.id_pattern.fullmatch(str(values[-1])) is not None
        and all(_is_value(key.field, value) for key, value in zip(order.keys, keys, strict=True))
    )
    if not fits:
        raise InvalidFieldsError({"after": "is not a cursor of a list in this order"})
    return Cursor(tuple(keys), str(values[-1]))


def _decode_cursor(text: str) -> list[str | int | float | bool | None]:
    if len(text) > CURSOR_CHARACTERS_MAX:
        return [None, None]
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        values = msgspec.json.decode(decoded, type=list[str | int | float | bool | None])
    except (ValueError, msgspec.MsgspecError):
        return [None, None]
    return values if len(values) > 1 else [None, None]


def _is_value(field: Field, value: Value) -> bool:
    if value is None:
        return field.is_nullable
    match field.kind:
        case "text":
            return isinstance(value, str) and "\x00" not in value
        case "integer" | "updated":
            return type(value) is int and -INTEGER_MAX <= value <= INTEGER_MAX
        case "number":
            return type(value) in {int, float}
        case "boolean":
            return isinstance(value, bool)
        case _:
            return False


class Total(msgspec.Struct, frozen=True):
    """How many documents a filter leaves; ``is_bound`` says that there are this many or more."""

    documents: int
    is_bound: bool = False


class PageFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside the documents of a page; ``page`` is None behind a cursor."""

    total: Total
    limit: int
    page: int | None
    has_next: bool
    next_cursor: str | None


def write_page(documents: list[str], facts: PageFacts) -> bytes:
    """Write a list's answer around documents that are JSON already."""
    total, limit, page = facts.total, facts.limit, facts.page
    bound = ',"totalDocsIsBound":true' if total.is_bound else ""
    pages = max(1, -(-total.documents // limit))
    has_next = "true" if facts.has_next else "false"
    if page is None:
        place = f'"page":null,"pagingCounter":null,"hasPrevPage":true,"hasNextPage":{has_next},"prevPage":null,"nextPage":null'
    else:
        place = (
            f'"page":{page},"pagingCounter":{(page - 1) * limit + 1},'
            f'"hasPrevPage":{"true" if page > 1 else "false"},"hasNextPage":{has_next},'
            f'"prevPage":{page - 1 if page > 1 else "null"},"nextPage":{page + 1 if facts.has_next else "null"}'
        )
    cursor = "null" if facts.next_cursor is None else f'"{facts.next_cursor}"'
    return (
        f'{{"docs":[{",".join(documents)}],"totalDocs":{total.documents}{bound},"limit":{limit},'
        f'"totalPages":{pages},{place},"nextCursor":{cursor}}}'
    ).encode()
