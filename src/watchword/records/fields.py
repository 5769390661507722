"""A collection's fields as filters and sorts see them: a kind, and the SQL that reads the field from a document.

This is the one place where a field's name becomes SQL, and it comes from the definition, never from a request
(ASVS 1.2.4).
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal

import msgspec

FieldKind = Literal["text", "integer", "number", "boolean", "created", "updated", "id", "other"]
"""``created`` is held by the id, ``updated`` by a column; ``other`` (lists, objects) can only be asked for existence."""

SERVER_FIELDS: Final = ("id", "createdAt", "updatedAt")
"""Set by the server alone (ASVS 15.3.3)."""

SORT_TEXT_MAX: Final = 255
"""Characters of the longest text that can be sorted by: the last one of a page stands in the cursor."""

_FIELD_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field.

    Shapes: ``is_nullable`` says that documents may lack it (null and absent are the same); ``choices`` are the only
    values it has, where they are named; ``sqlite`` and ``postgres`` are the expressions that read it.
    """

    name: str
    kind: FieldKind
    is_nullable: bool
    is_sortable: bool
    sqlite: str
    postgres: str
    choices: tuple[str, ...] = ()


def make_fields(properties: dict[str, Any], *, required: frozenset[str], counted_field: str | None) -> dict[str, Field]:
    """Read the fields from the ``properties`` of a schema and add the server's own.

    Raises:
        ValueError: a name is not one that SQL and paths can carry, or is the server's.
    """
    fields = {
        "id": _column("id", "id", "id"),
        "createdAt": _column("createdAt", "created", "id"),
        "updatedAt": _column("updatedAt", "updated", "updated_at"),
    }
    for name, schema in properties.items():
        if _FIELD_NAME.fullmatch(name) is None or name in {*SERVER_FIELDS, "and", "or"}:
            msg = f"a field cannot be named {name!r}"
            raise ValueError(msg)
        fields[name] = _make_field(name, schema, is_required=name in required, is_counted=name == counted_field)
    return fields


def _column(name: str, kind: FieldKind, column: str) -> Field:
    return Field(name=name, kind=kind, is_nullable=False, is_sortable=True, sqlite=column, postgres=column)


def _make_field(name: str, schema: dict[str, Any], *, is_required: bool, is_counted: bool) -> Field:
    kind = _kind(schema)
    choices = tuple(choice for choice in schema.get("enum", ()) if isinstance(choice, str))
    is_short = bool(choices) or schema.get("maxLength", SORT_TEXT_MAX + 1) <= SORT_TEXT_MAX
    text = f"(document ->> '{name}')"
    return Field(
        name=name,
        kind=kind,
        is_nullable=not is_required and "default" not in schema,
        is_sortable=kind in {"integer", "number", "boolean"} or (kind == "text" and is_short),
        sqlite="counted_value" if is_counted else f"(document ->> '$.{name}')",
        postgres="counted_value" if is_counted else _POSTGRES_READ[kind].format(text=text),
        choices=choices,
    )


_POSTGRES_READ: Final = {
    # None of these can fail, whatever a document of another collection holds under the same name: the server is free
    # to look at the field first and at the collection after it.
    "text": '({text} COLLATE "C")',
    "integer": "(CASE WHEN {text} ~ '^-?[0-9]{{1,18}}$' THEN {text}::bigint END)",
    "number": "(CASE WHEN {text} ~ '^-?[0-9]' THEN {text}::double precision END)",
    "boolean": "({text} = 'true')",
    "other": "{text}",
}

_KINDS: Final[dict[str, FieldKind]] = {
    "string": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
}


def _kind(schema: dict[str, Any]) -> FieldKind:
    types = schema.get("type", ())
    named = [types] if isinstance(types, str) else [one for one in types if one != "null"]
    return _KINDS.get(named[0], "other") if len(named) == 1 else "other"
