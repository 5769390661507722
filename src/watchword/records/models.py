"""What a collection's endpoints take and give, as JSON Schema and OpenAPI parameters made from its definition.

Documents are checked by their own schema and served as stored, so no struct stands between; these are for readers.
"""

from __future__ import annotations

from typing import Any, Final

from watchword.records.definitions import CollectionType
from watchword.records.filter import CONDITIONS_MAX, OPERATOR_NAMES
from watchword.records.paging import LIMIT_DEFAULT, LIMIT_MAX, PAGE_MAX, SORT_KEYS_MAX

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


def create_schema(collection: CollectionType) -> Schema:
    """Describe what POST takes."""
    return {name: value for name, value in collection.data.schema.items() if name != "$schema"}


def change_schema(collection: CollectionType) -> Schema:
    """Describe what PATCH takes: any of the fields."""
    return {name: value for name, value in create_schema(collection).items() if name != "required"}


def page_schema(collection: CollectionType) -> Schema:
    """Describe a page of documents; with ``select`` they carry fewer fields."""
    cut = {name: value for name, value in document_schema(collection).items() if name != "required"}
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
            "docs": {"type": "array", "items": cut},
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
    sortable = ", ".join(field.name for field in collection.fields.values() if field.is_sortable)
    return (
        _query(
            "limit", {"type": "integer", "minimum": 0, "default": LIMIT_DEFAULT}, f"At most {LIMIT_MAX}; 0 is that."
        ),
        _query("page", {"type": "integer", "minimum": 1, "maximum": PAGE_MAX, "default": 1}, "The first page is 1."),
        _query("sort", {"type": "string"}, f"Up to {SORT_KEYS_MAX} of {sortable}; a minus before one turns it round."),
        _query("after", {"type": "string"}, "The nextCursor of the page before, in place of page."),
        *count_parameters(),
        select_parameter(),
    )


def count_parameters() -> tuple[Schema, ...]:
    """Describe the filter of lists and counts."""
    return (
        {
            **_query(
                "where",
                {"type": "object"},
                f"where[field][operator]=value with {', '.join(OPERATOR_NAMES)}; and, or nest; "
                f"at most {CONDITIONS_MAX} conditions.",
            ),
            "style": "deepObject",
            "explode": True,
        },
    )


def select_parameter() -> Schema:
    """Describe the cut of documents to some of their fields."""
    return {
        **_query(
            "select", {"type": "object"}, "select[field]=true takes fields, =false leaves them out; the id stays."
        ),
        "style": "deepObject",
        "explode": True,
    }


def header_parameter(name: str, sentence: str) -> Schema:
    """Describe a request header."""
    return {"name": name, "in": "header", "required": False, "description": sentence, "schema": {"type": "string"}}


def _query(name: str, schema: Schema, sentence: str) -> Schema:
    return {"name": name, "in": "query", "required": False, "description": sentence, "schema": schema}
