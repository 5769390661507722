"""What a collection is: data from which routes, checks and queries are made; ``products`` comes ready.

A ``Collection`` is the data; ``CollectionType`` is what is built from it once, at the start of the program.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal

import msgspec

from watchword.ids import PREFIXES
from watchword.records.fields import Field, make_fields
from watchword.records.schema import SchemaChecker
from watchword.wire.json_body import INTEGER_MAX

Action = Literal["read", "create", "update", "delete"]
Access = Literal["public", "member", "editor", "admin", "nobody"]
"""Who may: every caller, every one but publishable keys, editors and secret keys, admins, no one."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")
"""Stands in paths, in permissions and, quoted nowhere, in the text of statements and indexes."""


class AccessRules(msgspec.Struct, frozen=True, kw_only=True):
    """Who may do what with a collection's documents."""

    read: Access
    create: Access
    update: Access
    delete: Access


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """A collection, as data.

    Shapes: ``name`` is the path segment, ``singular`` the word in messages, ``id_kind`` a kind of ``ids.PREFIXES``;
    ``schema`` is the JSON Schema 2020-12 of what a caller sends (an object with ``additionalProperties`` false;
    ``default`` is filled in); ``indexed`` and ``unique`` are fields that the migrations give an index named
    ``documents_<name>_<field>``; ``counted_field`` is a field with an ``enum``, whose totals are kept per value and
    which has an index in every collection, as have ``createdAt`` and ``updatedAt``;
    ``public_value`` is the value of the counted field to which publishable keys are held, None for no such hold.
    """

    name: str
    singular: str
    id_kind: str
    schema: dict[str, Any]
    access: AccessRules
    indexed: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    counted_field: str | None = None
    public_value: str | None = None


class CollectionType:
    """A collection ready for use: its fields by name and the check of its documents.

    Raises:
        ValueError: the definition contradicts itself; the program does not start.
    """

    __slots__ = ("checker", "data", "fields", "id_pattern", "name")

    def __init__(self, data: Collection) -> None:
        _require_consistent(data)
        self.data = data
        self.name = data.name
        self.fields: dict[str, Field] = make_fields(
            data.schema["properties"],
            required=frozenset(data.schema.get("required", ())),
            counted_field=data.counted_field,
        )
        self.checker = SchemaChecker(data.schema)
        # Checked before a look-up: what is no id of ours is answered without the database.
        self.id_pattern = re.compile(rf"{PREFIXES[data.id_kind]}_[0-9a-hjkmnp-tv-z]{{26}}")


def _require_consistent(data: Collection) -> None:
    properties = data.schema["properties"]
    if _NAME.fullmatch(data.name) is None:
        msg = f"the collection's name {data.name!r} must match {_NAME.pattern}"
        raise ValueError(msg)
    if data.schema.get("additionalProperties") is not False:
        msg = f"the schema of {data.name} must refuse additional properties"
        raise ValueError(msg)
    for name in (*data.indexed, *data.unique):
        if name not in properties:
            msg = f"{data.name} has an index on the unknown field {name}"
            raise ValueError(msg)
    if data.counted_field is not None and not all(properties.get(data.counted_field, {}).get("enum", ("",))):
        msg = f"the counted field of {data.name} must have an enum of texts that are not empty"
        raise ValueError(msg)
    if data.public_value is not None and (
        data.counted_field is None or data.public_value not in properties[data.counted_field]["enum"]
    ):
        msg = f"the public value of {data.name} must be a value of its counted field"
        raise ValueError(msg)


PRODUCTS: Final = Collection(
    name="products",
    singular="Product",
    id_kind="product",
    schema={
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Product",
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "price"],
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"\S"},
            "price": {
                "type": "integer",
                "minimum": 0,
                "maximum": INTEGER_MAX,
                "description": "In the currency's minor unit: cents for USD, won for KRW.",
            },
            "currency": {
                "type": "string",
                "pattern": "^[A-Z]{3}$",
                "maxLength": 3,
                "default": "KRW",
                "description": "ISO 4217, three capital letters.",
            },
            "sku": {
                "type": ["string", "null"],
                "minLength": 1,
                "maxLength": 100,
                "pattern": r"^\S(?:.*\S)?$",
                "description": "Your own number of the product; unique in the tenant and mode.",
            },
            "description": {"type": ["string", "null"], "maxLength": 10_000},
            "stock": {
                "type": ["integer", "null"],
                "minimum": 0,
                "maximum": INTEGER_MAX,
                "description": "Pieces at hand; left out or null where nobody counts.",
            },
            "status": {
                "type": "string",
                "enum": ["draft", "published", "archived"],
                "default": "draft",
                "description": "Publishable keys see published products only.",
            },
        },
    },
    access=AccessRules(read="public", create="editor", update="editor", delete="editor"),
    indexed=("name", "price"),
    unique=("sku",),
    counted_field="status",
    public_value="published",
)

BUILT_IN: Final = (PRODUCTS,)
"""The collections that every tenant has."""
