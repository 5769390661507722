"""The tables of products and orders: their fields, how products are asked for, and the life of an order."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from markdown_table import table
from schema_words import Schema, resolved, type_words

from watchword.commerce.life_cycle import NEXT
from watchword.commerce.models import CreateOrder
from watchword.records.definitions import PRODUCTS
from watchword.records.fields import make_fields
from watchword.records.filter import OPERATOR_NAMES


def fields_part() -> str:
    """Return the fields of a product."""
    schema = PRODUCTS.schema
    rows = []
    for name, field in schema["properties"].items():
        default = field.get("default")
        state = "required" if name in schema["required"] else f"`{default}`" if default else "left out"
        rows.append((f"`{name}`", type_words(field, {}), state, field.get("description", "")))
    return table(("Field", "Value", "When not sent", ""), rows)


def operators_part() -> str:
    """Return how products are filtered and sorted."""
    fields = make_fields(
        PRODUCTS.schema["properties"], required=frozenset(PRODUCTS.schema["required"]), counted_field="status"
    )
    sortable = ", ".join(f"`{field.name}`" for field in fields.values() if field.is_sortable)
    operators = ", ".join(f"`{name}`" for name in OPERATOR_NAMES)
    return f"Operators: {operators}.\n\nFields to sort by: {sortable}.\n"


def orders_sent_part() -> str:
    """Return what is sent of an order, field by field."""
    [schema], components = msgspec.json.schema_components([CreateOrder], ref_template="#/components/schemas/{name}")
    rows = list(_nested_fields(schema, {"components": {"schemas": components}}, ""))
    return table(("Field", "Value", ""), rows)


def _nested_fields(schema: Schema, document: Schema, above: str) -> Iterator[tuple[str, ...]]:
    known = resolved(schema, document)
    for name, field in known["properties"].items():
        choices = [choice for choice in field.get("anyOf", [field]) if choice.get("type") != "null"]
        inner = resolved(choices[0].get("items", choices[0]), document)
        word = "required" if name in known["required"] else ""
        sentence = ". ".join(filter(None, (word, _described(choices[0], document))))
        yield f"`{above}{name}`", type_words(choices[0], document), sentence
        if "properties" in inner:
            yield from _nested_fields(inner, document, f"{above}{name}{'[]' if 'items' in choices[0] else ''}.")


def _described(schema: Schema, document: Schema) -> str:
    return str(resolved(schema, document).get("description", "")).replace("``", "`")


def order_life_part() -> str:
    """Return which status may follow which."""
    return table(
        ("Status", "Can become"),
        [(f"`{status}`", ", ".join(f"`{step}`" for step in steps) or "nothing else") for status, steps in NEXT.items()],
    )
