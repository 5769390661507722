"""The query string of a request, parsed into a route's struct.

Each parameter once: which of two would win is read differently by every parser on the way (ASVS 15.3.7).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final, TypeVar

import msgspec

from watchword.errors import InvalidFieldsError, MalformedRequestError
from watchword.wire.json_body import describe_fault
from watchword.wire.request import decode_percent

PARAMETERS_MAX: Final = 200

_NO_PLAIN: Final = re.compile(rb"[%+\x00\x80-\xff]")
"""What keeps a text from saying itself, as nearly all names and most values do."""

Parsed = TypeVar("Parsed", bound=msgspec.Struct)


def parse_pairs(query: bytes) -> list[tuple[str, str]]:
    """Split and decode a query string, in its own order.

    Raises:
        MalformedRequestError: too many parameters, broken escapes, text that is not UTF-8, or a NUL character.
    """
    if not query:
        return []
    if query.count(b"&") >= PARAMETERS_MAX:
        raise MalformedRequestError(f"The query has more than {PARAMETERS_MAX} parameters")
    pairs = []
    for part in query.split(b"&"):
        name, _, value = part.partition(b"=")
        if _NO_PLAIN.search(part) is not None:
            pairs.append((_decode(name), _decode(value)))
        elif part:
            pairs.append((name.decode("ascii"), value.decode("ascii")))
    return pairs


def parse_query(query: bytes, struct: type[Parsed]) -> Parsed:
    """Parse a query string into a struct; parameters the struct does not know are left alone.

    Raises:
        MalformedRequestError: as ``parse_pairs``, or a known parameter came twice.
        InvalidFieldsError: a value is not of its field's type.
    """
    known = _fields_of(struct)
    values: dict[str, Any] = {}
    for name, value in parse_pairs(query):
        if name not in known:
            continue
        if name in values:
            raise MalformedRequestError(f"The parameter {name} came more than once")
        values[name] = value
    try:
        return msgspec.convert(values, struct, strict=False)
    except msgspec.ValidationError as error:
        path, sentence = describe_fault(str(error), "")
        # Whatever was sent came as text, which is never null, so that only what is wanted is worth saying.
        raise InvalidFieldsError({path: sentence.partition(", not ")[0].removesuffix(" or null")}) from None


@lru_cache(maxsize=256)
def _fields_of(struct: type[msgspec.Struct]) -> frozenset[str]:
    """Return the names of a struct's fields; kept, since msgspec works them out anew each time."""
    return frozenset(field.encode_name for field in msgspec.structs.fields(struct))


def _decode(text: bytes) -> str:
    if _NO_PLAIN.search(text) is None:
        return text.decode("ascii")
    try:
        decoded = decode_percent(text.replace(b"+", b" "))
    except ValueError as error:
        raise MalformedRequestError(f"The query {error}") from None
    if "\x00" in decoded:
        raise MalformedRequestError("The query holds a NUL character")
    return decoded
