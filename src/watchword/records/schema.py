"""The check of a document against its collection's JSON Schema, with each fault named by path in a clear sentence."""

from __future__ import annotations

from typing import Any, Final

import jsonschema_rs

from watchword.errors import InvalidFieldsError
from watchword.records.fields import SERVER_FIELDS

_FAULTS_MAX: Final = 50
"""Faults that one answer lists: enough to mend a form, too few to make a large answer from a small body."""

_NAME_SHOWN_MAX: Final = 64
_PATTERNS: Final = {
    "^[A-Z]{3}$": "must be three capital letters (ISO 4217)",
    r"\S": "must hold more than spaces",
    r"^\S(?:.*\S)?$": "must begin and end with something other than a space, on one line",
}
_TYPES: Final = {
    "string": "text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "array": "a list",
    "object": "an object",
}


class SchemaChecker:
    """Checks documents of one collection and fills in what they leave out."""

    def __init__(self, schema: dict[str, Any]) -> None:
        properties: dict[str, dict[str, Any]] = schema["properties"]
        self._validator = jsonschema_rs.Draft202012Validator(schema)
        self._defaults = {name: field["default"] for name, field in properties.items() if "default" in field}
        self._integers = tuple(name for name, field in properties.items() if "integer" in _listed(field.get("type")))
        self._order = tuple(properties)

    def complete(self, sent: dict[str, Any]) -> dict[str, Any]:
        """Check what a caller sent and return the document's own fields in the schema's order.

        Null means absent: such a field takes its default or is left out.

        Raises:
            InvalidFieldsError: each wrong, missing or unknown field by its path.
        """
        self._require_valid(sent)
        document = {}
        for name in self._order:
            value = sent.get(name)
            if value is None:
                value = self._defaults.get(name)
            if value is not None:
                document[name] = value
        return document

    def _require_valid(self, sent: dict[str, Any]) -> None:
        # A default stands for null, and the schema need not say so.
        given = {name: value for name, value in sent.items() if value is not None or name not in self._defaults}
        faults: dict[str, str] = {name: "is set by the server" for name in SERVER_FIELDS if name in given}
        for name in self._integers:
            # JSON Schema takes 1.0 for an integer; the databases and the clients' types do not.
            if isinstance(given.get(name), float):
                faults[name] = "must be an integer, written without a fraction"
        if not faults and self._validator.is_valid(given):
            return
        for error in self._validator.iter_errors(given):
            if len(faults) >= _FAULTS_MAX:
                break
            for path, sentence in _describe(error).items():
                faults.setdefault(path, sentence)
        raise InvalidFieldsError(faults)


def _listed(types: str | list[str] | None) -> list[str]:
    return [types] if isinstance(types, str) else types or []


def _describe(error: jsonschema_rs.ValidationError) -> dict[str, str]:
    path = _write_path(error.instance_path)
    kind = error.kind
    match kind:
        case jsonschema_rs.ValidationErrorKind.Required():
            return {_join(path, str(kind.property)): "is required"}
        case jsonschema_rs.ValidationErrorKind.AdditionalProperties():
            return {_join(path, _shown(str(name))): "is not a field of this collection" for name in kind.unexpected[:9]}
        case jsonschema_rs.ValidationErrorKind.Type():
            types = sorted(kind.types, key=lambda name: name == "null")
            return {path: f"must be {' or '.join(_TYPES[name] for name in types)}"}
        case jsonschema_rs.ValidationErrorKind.Enum():
            return {path: f"must be one of {', '.join(str(option) for option in kind.options)}"}
        case jsonschema_rs.ValidationErrorKind.Pattern():
            return {path: _PATTERNS.get(kind.pattern, f"must match {kind.pattern}")}
        case _:
            return {path: _describe_limit(kind)}


_LIMITS: Final = {
    "minimum": "must be {limit} or more",
    "maximum": "must be {limit} or less",
    "exclusiveMinimum": "must be more than {limit}",
    "exclusiveMaximum": "must be less than {limit}",
    "minLength": "must have {limit} or more characters",
    "maxLength": "must have at most {limit} characters",
    "minItems": "must have {limit} or more items",
    "maxItems": "must have at most {limit} items",
}


def _describe_limit(kind: object) -> str:
    sentence = _LIMITS.get(getattr(kind, "name", ""))
    return "is not valid" if sentence is None else sentence.format(limit=getattr(kind, "limit", ""))


def _write_path(parts: list[str | int]) -> str:
    path = ""
    for part in parts:
        path = f"{path}[{part}]" if isinstance(part, int) else _join(path, _shown(part))
    return path or "body"


def _join(path: str, name: str) -> str:
    return name if path in {"", "body"} else f"{path}.{name}"


def _shown(name: str) -> str:
    return name if len(name) <= _NAME_SHOWN_MAX else name[: _NAME_SHOWN_MAX - 1] + "…"
