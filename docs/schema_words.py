"""JSON Schema in words: what type a field has, within which bounds, and where a reference leads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]


def field_rows(schema: Schema, document: Schema) -> Iterator[tuple[str, ...]]:
    """Give the name, type and description of each field."""
    known = resolved(schema, document)
    required = set(known.get("required", ()))
    for name, field in known.get("properties", {}).items():
        word = "required" if name in required else ""
        yield f"`{name}`", type_words(field, document), ". ".join(filter(None, (word, field.get("description", ""))))


def type_words(schema: Schema, document: Schema) -> str:
    """Say what a value may be."""
    schema = resolved(schema, document)
    if "anyOf" in schema:
        return " or ".join(type_words(choice, document) for choice in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"] if value is not None)
    kinds = schema.get("type", "any value")
    if isinstance(kinds, list):
        return " or ".join(type_words({**schema, "type": kind}, document) for kind in kinds)
    if kinds == "array":
        return f"list of {type_words(schema.get('items', {}), document)}"
    words = {"string": "text", "integer": "integer", "boolean": "true or false", "null": "null", "object": "object"}
    bounds = "" if kinds == "null" else _bounds(schema)
    return f"{words.get(str(kinds), str(kinds))}{bounds}"


def _bounds(schema: Schema) -> str:
    low = schema.get("minimum", schema.get("minLength"))
    high = schema.get("maximum", schema.get("maxLength"))
    if low is not None and high is not None:
        return f" {low} to {high}" if "minimum" in schema else f", {low} to {high} characters"
    if high is not None:
        return f" to {high}" if "maximum" in schema else f", at most {high} characters"
    return "" if low is None else f", {low} or more"


def resolved(schema: Schema, document: Schema) -> Schema:
    """Follow references to what they stand for."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema
