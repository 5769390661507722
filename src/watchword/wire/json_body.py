"""JSON bodies, read strictly: what two parsers could read in two ways is refused (RFC 8259 §4, §6, §8.2, §9).

``decode_json`` gives plain values, ``decode_struct`` a struct; both raise errors that name the place of the fault.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, NoReturn, TypeVar

import msgspec

from watchword.errors import InvalidFieldsError, MalformedRequestError, UnsupportedMediaTypeError

DEPTH_MAX: Final = 32
"""Lists and objects inside each other: deeper than any document of ours, far from any recursion limit."""

INTEGER_MAX: Final = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly (RFC 8259 §6)."""

VALUES_MAX: Final = 20_000
"""Values in one body, counted by what separates them: far more than any document of ours, few enough to be read
within the event loop."""

_FAULTS_MAX: Final = 50
"""Faults that one answer lists: enough to mend a form, too few to make a large answer from a small body."""

_INTEGER_DIGITS_MAX: Final = 17
_AS_IT_IS: Final = "identity"
_COMPRESSED: Final = "Send the body as it is: a Content-Encoding is not read"
_NAME_SHOWN_MAX: Final = 64
"""Characters of a sender's own field name that an error repeats."""

Decoded = TypeVar("Decoded")


def require_json_type(content_type: str | None, content_encoding: str | None) -> None:
    """Refuse a body that is not announced as JSON: forms of foreign pages cannot announce it without a preflight.

    Raises:
        UnsupportedMediaTypeError: the media type is another one, or none, or the body is compressed.
    """
    media_type, _, _ = (content_type or "").partition(";")
    if media_type.strip().lower() != "application/json":
        raise UnsupportedMediaTypeError
    if (content_encoding or _AS_IT_IS).strip().lower() != _AS_IT_IS:
        # RFC 9110 §12.5.3: the header says that the coding was at fault, and which one is taken.
        raise UnsupportedMediaTypeError(_COMPRESSED, headers=(("accept-encoding", _AS_IT_IS),))


def decode_json(body: bytes) -> Any:  # noqa: ANN401 - whatever JSON the sender wrote
    """Decode one JSON text.

    Raises:
        MalformedRequestError: it is not UTF-8 or not JSON (``extensions`` carry ``line`` and ``column``), repeats a
            name in one object, nests deeper than ``DEPTH_MAX``, holds more than ``VALUES_MAX`` values, NaN, an
            infinity, an integer beyond ``INTEGER_MAX``, a NUL character or half of a surrogate pair.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse_at("it is not valid UTF-8", body[: error.start].decode("utf-8"))
    if not text.strip(" \t\r\n"):
        raise MalformedRequestError("The body is empty; send JSON")
    opened = body.count(b"[") + body.count(b"{")
    if opened + body.count(b",") > VALUES_MAX:
        raise MalformedRequestError(f"The body holds more than {VALUES_MAX} values")
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        _refuse_at(error.msg[:1].lower() + error.msg[1:].removesuffix(" at"), text[: error.pos])
    except RecursionError:
        _refuse_depth()
    # Only a text with this many brackets can nest too deep, and only one with escapes can hold what raw UTF-8
    # cannot, so the walk through the values is left out for nearly all bodies.
    if opened > DEPTH_MAX or b"\\u" in body:
        _require_plain(value, 1)
    return value


def decode_struct(body: bytes, wanted: type[Decoded]) -> Decoded:
    """Decode one JSON object into a msgspec struct.

    Raises:
        MalformedRequestError: as ``decode_json``, or the body is no object.
        InvalidFieldsError: fields are wrong, missing or unknown; each is named by its path.
    """
    value = decode_json(body)
    if not isinstance(value, dict):
        raise MalformedRequestError("The body must be a JSON object")
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        fields = dict(islice(_field_faults(value, wanted), _FAULTS_MAX)) or dict([describe_fault(str(error), "")])
        raise InvalidFieldsError(fields) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise MalformedRequestError(f"The body has the name {_shown(name)} twice in one object")
            seen.add(name)
    return names


def _integer(digits: str) -> int:
    value = int(digits) if len(digits) <= _INTEGER_DIGITS_MAX else INTEGER_MAX + 1
    if not -INTEGER_MAX <= value <= INTEGER_MAX:
        raise MalformedRequestError(f"The body holds an integer beyond {INTEGER_MAX}")
    return value


def _number(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise MalformedRequestError("The body holds a number that is too large")
    return value


def _constant(name: str) -> NoReturn:
    raise MalformedRequestError(f"The body holds {name}, which is not JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
)


def _refuse_at(reason: str, before: str) -> NoReturn:
    line = before.count("\n") + 1
    column = len(before) - before.rfind("\n")
    raise MalformedRequestError(
        f"The body is not valid JSON: {reason} at line {line}, column {column}",
        extensions={"line": line, "column": column},
    ) from None


def _refuse_depth() -> NoReturn:
    raise MalformedRequestError(f"The body nests deeper than {DEPTH_MAX} levels") from None


def _require_plain(value: object, depth: int) -> None:
    if isinstance(value, str):
        _require_text(value)
    elif isinstance(value, dict | list):
        if depth > DEPTH_MAX:
            _refuse_depth()
        if isinstance(value, dict):
            for name in value:
                _require_text(name)
        for item in value.values() if isinstance(value, dict) else value:
            _require_plain(item, depth + 1)


def _require_text(text: str) -> None:
    if "\x00" in text:
        raise MalformedRequestError("The body holds a NUL character")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise MalformedRequestError("The body holds half of a surrogate pair") from None


_MESSAGE: Final = re.compile(r"(?P<fault>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_TYPE_WORDS: Final = {
    "str": "text",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
    "array": "a list",
    "object": "an object",
    "datetime": "a date and time",
    "bytes": "base64 text",
}


_BOUND: Final = re.compile(
    r"must be (?P<kind>text of length|a list of length|an integer|a number) (?P<sign>[<>]=?) (?P<limit>\S+)"
)
_BOUNDS: Final = {
    ">=": "must be {limit} or more",
    "<=": "must be {limit} or less",
    ">": "must be more than {limit}",
    "<": "must be less than {limit}",
}
_COUNTED: Final = {"text of length": "characters", "a list of length": "items"}


def _field_faults(value: dict[str, Any], wanted: type[Any]) -> Iterator[tuple[str, str]]:
    """Name every wrong field at once, where msgspec stops at the first."""
    config = getattr(wanted, "__struct_config__", None)
    if config is None:
        return
    known = {field.encode_name: field for field in msgspec.structs.fields(wanted)}
    if config.forbid_unknown_fields:
        for name in value:
            if name not in known:
                yield _shown(name), "is not a field of this request"
    for name, field in known.items():
        if name not in value:
            if field.required:
                yield name, "is required"
            continue
        try:
            msgspec.convert(value[name], field.type)
        except msgspec.ValidationError as error:
            yield describe_fault(str(error), name, field.type)


def describe_fault(message: str, name: str, wanted: object = None) -> tuple[str, str]:
    """Return the path and the sentence that say msgspec's message about a field in our words."""
    found = _MESSAGE.fullmatch(message)
    fault, inner = (found["fault"], found["path"] or "") if found else (message, "")
    path = (name + inner).lstrip(".") or "body"
    if fault.startswith("Invalid enum value") and wanted is not None:
        return path, _describe_choice(wanted)
    if fault.startswith("Object missing required field"):
        return f"{path}.{fault.split('`')[1]}", "is required"
    if fault.startswith("Object contains unknown field"):
        return f"{path}.{_shown(fault.split('`')[1])}", "is not a field of this request"
    fault = re.sub(r"`([^`]*)`", lambda quoted: _words(quoted[1]), fault)
    fault = re.sub(r"^Expected ", "must be ", fault).replace(", got ", ", not ")
    return path, _BOUND.sub(_describe_bound, fault)


def _describe_bound(found: re.Match[str]) -> str:
    limit, counted = found["limit"], _COUNTED.get(found["kind"])
    if counted is None:
        return _BOUNDS[found["sign"]].format(limit=limit)
    return f"must have {limit} or more {counted}" if found["sign"] == ">=" else f"must have at most {limit} {counted}"


def _describe_choice(wanted: object) -> str:
    kind = msgspec.inspect.type_info(wanted)
    kinds = kind.types if isinstance(kind, msgspec.inspect.UnionType) else (kind,)
    choices: list[str] = []
    for one in (kind.item_type if isinstance(kind, msgspec.inspect.ListType) else kind for kind in kinds):
        if isinstance(one, msgspec.inspect.LiteralType):
            choices += [str(value) for value in one.values]
        elif isinstance(one, msgspec.inspect.EnumType):
            choices += [str(member.value) for member in one.cls]
    return f"must be one of {', '.join(choices)}" if choices else "has a value that is not allowed"


def _words(types: str) -> str:
    return " or ".join(_TYPE_WORDS.get(one, one) for one in types.split(" | "))


def _shown(name: str) -> str:
    shown = name.encode("utf-8", "replace").decode("utf-8")
    return shown if len(shown) <= _NAME_SHOWN_MAX else shown[: _NAME_SHOWN_MAX - 1] + "…"
