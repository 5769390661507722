"""What a collection's endpoints take and give, as JSON Schema and OpenAPI parameters made from its definition.

Documents are checked by their own schema and served as stored, so no struct stands between; these are for readers.
"""

from __future__ import annotations

from typing import Any, Final

from watchword.records.definitions import CollectionType
from watchword.records.fields import Field
from watchword.records.filter import CONDITIONS_MAX, OPERATOR_NAMES, VALUE_CHARACTERS_MAX
from watchword.records.paging import LIMIT_DEFAULT, LIMIT_MAX, PAGE_MAX, SORT_KEYS_MAX
from watchword.wire.json_body import INTEGER_MAX

Schema = dict[str, Any]

_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_NUMBER_OR_NULL: Final[Schema] = {"type": ["integer", "null"]}
_TRUTH: Final[Schema] = {"type": "boolean"}


def document_schema(collection: CollectionType) -> Schema:
    """Describe a document as it is served; null fields are left out."""
    sent = collection.data.schema
    own: Schema = sent["properties"]
    filled_in = [name for name, field in own.items() if "default" in field]
    return {
        "title": sent.get("title", collection.data.singular),
        "type": "object",
        "additionalProperties": False,
        "required": ["id", *sent.get("required", ()), *filled_in, "createdAt", "updatedAt"],
        "properties": {"id": {"type": "string"}, **own, "createdAt": _TIME, "updatedAt": _TIME},
    }


def cut_schema(collection: CollectionType) -> Schema:
    """Describe a document that ``select`` may have cut down: the id stays."""
    return {**document_schema(collection), "required": ["id"]}


def create_schema(collection: CollectionType) -> Schema:
    """Describe what POST takes; null stands for the default."""
    sent = {name: value for name, value in collection.data.schema.items() if name != "$schema"}
    sent["properties"] = {
        name: _or_null(field) if "default" in field else field for name, field in sent["properties"].items()
    }
    return sent


def change_schema(collection: CollectionType) -> Schema:
    """Describe what PATCH takes: any of the fields."""
    return {name: value for name, value in create_schema(collection).items() if name != "required"}


def page_schema(collection: CollectionType) -> Schema:
    """Describe a page of documents; with ``select`` they carry fewer fields."""
    return {
        "type": "object",
        "required": [
            "docs",
            "totalDocs",
            "limit",
            "totalPages",
            "page",
            "pagingCounter",
            "hasPrevPage",
            "hasNextPage",
            "prevPage",
            "nextPage",
            "nextCursor",
        ],
        "properties": {
            "docs": {"type": "array", "items": cut_schema(collection)},
            "totalDocs": {"type": "integer"},
            "totalDocsIsBound": _TRUTH,
            "limit": {"type": "integer"},
            "totalPages": {"type": "integer"},
            "page": _NUMBER_OR_NULL,
            "pagingCounter": _NUMBER_OR_NULL,
            "hasPrevPage": _TRUTH,
            "hasNextPage": _TRUTH,
            "prevPage": _NUMBER_OR_NULL,
            "nextPage": _NUMBER_OR_NULL,
            "nextCursor": {"type": ["string", "null"]},
        },
    }


def _or_null(field: Schema) -> Schema:
    choices = {"enum": [*field["enum"], None]} if "enum" in field else {}
    return {**field, "type": [field["type"], "null"], **choices}


def count_schema() -> Schema:
    """Describe a count; ``totalDocsIsBound`` stands there, as true, when there are this many or more."""
    return {
        "type": "object",
        "required": ["totalDocs"],
        "properties": {"totalDocs": {"type": "integer"}, "totalDocsIsBound": _TRUTH},
    }


def written_schema(collection: CollectionType) -> Schema:
    """Describe the answer to POST and PATCH."""
    return {
        "type": "object",
        "required": ["message", "doc"],
        "properties": {"message": {"type": "string"}, "doc": document_schema(collection)},
    }


def deleted_schema(collection: CollectionType) -> Schema:
    """Describe the answer to DELETE."""
    written = written_schema(collection)
    return {
        "type": "object",
        "required": ["message", "id", "doc"],
        "properties": {**written["properties"], "id": {"type": "string"}},
    }


def list_parameters(collection: CollectionType) -> tuple[Schema, ...]:
    """Describe the query of a list."""
    key = f"-?({'|'.join(field.name for field in collection.fields.values() if field.is_sortable)})"
    keys = {"type": "string", "pattern": f"^{key}(,{key}){{0,{SORT_KEYS_MAX - 1}}}$"}
    limit = {"type": "integer", "minimum": 0, "maximum": PAGE_MAX, "default": LIMIT_DEFAULT}
    page = {"type": "integer", "minimum": 1, "maximum": PAGE_MAX, "default": 1}
    return (
        _query("limit", limit, f"At most {LIMIT_MAX} are given; 0 asks for that many."),
        _query("page", page, "The first page is 1."),
        _query("sort", keys, f"Up to {SORT_KEYS_MAX} fields; a minus before one turns it round."),
        _query("after", {"type": "string"}, "The nextCursor of the page before, in place of page."),
        select_parameter(collection),
        *count_parameters(collection),
    )


def count_parameters(collection: CollectionType) -> tuple[Schema, ...]:
    """Describe the filter of lists and counts by its simplest form, one parameter a field."""
    others = ", ".join(name for name in OPERATOR_NAMES if name != "equals")
    sentence = (
        f"Also {others}; where[or][0][field][operator] and where[and][0][field][operator] nest; "
        f"at most {CONDITIONS_MAX} conditions."
    )
    return tuple(
        _query(f"where[{field.name}][equals]", _value_schema(field), sentence)
        for field in collection.fields.values()
        if field.kind != "other"
    )


def select_parameter(collection: CollectionType) -> Schema:
    """Describe the cut of documents to some of their fields."""
    name = f"({'|'.join(collection.fields)})"
    schema = {"type": "string", "pattern": f"^{name}(,{name}){{0,{len(collection.fields) - 1}}}$"}
    sentence = "Fields to take; or select[field]=true to take, select[field]=false to leave out. The id stays."
    return _query("select", schema, sentence)


def _value_schema(field: Field) -> Schema:
    if field.choices:
        return {"type": "string", "enum": list(field.choices)}
    match field.kind:
        case "integer":
            return {"type": "integer", "minimum": -INTEGER_MAX, "maximum": INTEGER_MAX}
        case "number" | "boolean":
            return {"type": field.kind}
        case "created" | "updated":
            return _TIME
        case _:
            return {"type": "string", "maxLength": VALUE_CHARACTERS_MAX}


def header_parameter(name: str, sentence: str, *, pattern: str | None = None) -> Schema:
    """Describe a request header."""
    schema = {"type": "string"} if pattern is None else {"type": "string", "pattern": pattern}
    return {"name": name, "in": "header", "required": False, "description": sentence, "schema": schema}


def _query(name: str, schema: Schema, sentence: str) -> Schema:
    return {"name": name, "in": "query", "required": False, "description": sentence, "schema": schema}
