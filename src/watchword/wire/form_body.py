"""Form bodies (``application/x-www-form-urlencoded``), parsed once into a route's struct.

A parameter that came twice is refused unless its field is a list (RFC 6749 §3.1), an empty one counts as left out, and
what the struct does not know is left alone, as the same section wants.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, TypeVar

import msgspec

from watchword.errors import MalformedRequestError, UnsupportedMediaTypeError
from watchword.oauth_errors import InvalidOAuthRequestError
from watchword.wire.query import parse_pairs
from watchword.wire.request import Request

Parsed = TypeVar("Parsed", bound=msgspec.Struct)

_FORM_TYPE: Final = "application/x-www-form-urlencoded"

_READ: Final = "form"
"""Under which name the last form behind a head is kept, read."""

_KEPT_BYTES_MAX: Final = 256
"""The longest form that is kept: what a client asks for again and again, and a bound on the memory."""


class _ReadForm(msgspec.Struct, frozen=True):
    """A form, and how it reads; the struct cannot be changed, since several requests are given the same."""

    body: bytes
    form: msgspec.Struct

    def __repr__(self) -> str:
        return "_ReadForm()"


async def read_form(request: Request, struct: type[Parsed]) -> Parsed:
    """Parse a request's form, but for one that came last behind these very headers, and says the same byte for byte.

    That is kept for those who prove themselves by a header: they ask for the same again and again, and no password of
    a person stands in their forms.

    Raises:
        UnsupportedMediaTypeError: the headers say that the body is no form.
        BodyTooLargeError, MalformedRequestError: as ``Request.body``.
        InvalidOAuthRequestError: as ``parse_form``.
    """
    head, body = request.head, request.whole_body
    read = head.derived.get(_READ)
    if isinstance(read, _ReadForm) and read.body == body and isinstance(read.form, struct):
        return read.form
    require_form_type(request.header(b"content-type"))
    if body is None:
        body = await request.body()
    form = parse_form(body, struct)
    if b"authorization" in head.fields and len(body) <= _KEPT_BYTES_MAX and struct.__struct_config__.frozen:
        head.derived[_READ] = _ReadForm(body, form)
    return form


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
