"""Form bodies (``application/x-www-form-urlencoded``), parsed once into a route's struct.

A parameter that came twice is refused unless its field is a list (RFC 6749 §3.1), an empty one counts as left out, and
what the struct does not know is left alone, as the same section wants.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from watchword.errors import MalformedRequestError, UnsupportedMediaTypeError
from watchword.oauth_errors import InvalidOAuthRequestError
from watchword.wire.query import parse_pairs

Parsed = TypeVar("Parsed", bound=msgspec.Struct)

_FORM_TYPE = "application/x-www-form-urlencoded"


def require_form_type(content_type: str | None) -> None:
    """Refuse a body that is not said to be a form.

    Raises:
        UnsupportedMediaTypeError: it is something else, or nothing is said.
    """
    if content_type == _FORM_TYPE:
        return
    if content_type is None or content_type.partition(";")[0].strip().lower() != _FORM_TYPE:
        raise UnsupportedMediaTypeError(f"Send the body as {_FORM_TYPE}")


def parse_form(text: bytes, struct: type[Parsed]) -> Parsed:
    """Parse a form, or a query of the same shape, into a struct whose fields are texts, or lists of texts.

    Raises:
        MalformedRequestError: the bytes are no form.
        InvalidOAuthRequestError: a parameter came twice.
    """
    is_list = _fields_of(struct)
    values: dict[str, Any] = {}
    try:
        pairs = parse_pairs(text)
    except MalformedRequestError as error:
        raise InvalidOAuthRequestError(error.message.replace("query", "form")) from None
    for name, value in pairs:
        if name not in is_list or not value:
            continue
        if is_list[name]:
            values[name] = (*values.get(name, ()), value)
        elif name in values:
            raise InvalidOAuthRequestError(f"The parameter {name} came more than once")
        else:
            values[name] = value
    return msgspec.convert(values, struct)


@lru_cache(maxsize=256)
def _fields_of(struct: type[msgspec.Struct]) -> dict[str, bool]:
    """Return a struct's fields and whether each is a list; kept, since msgspec works them out anew each time."""
    return {field.encode_name: field.default == () for field in msgspec.structs.fields(struct)}
