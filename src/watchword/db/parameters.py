"""What may be stored: the values that both backends take and give back unchanged."""

from __future__ import annotations

from typing import Final

from watchword.db.database import Value
from watchword.errors import MalformedRequestError

_INTEGER_MAX: Final = 2**63 - 1
_INTEGER_MIN: Final = -(2**63)


def require_storable(parameters: tuple[Value, ...]) -> None:
    """Refuse what one backend would refuse, cut or change and the other take: the two must answer alike.

    PostgreSQL takes no NUL in text, SQLite makes NULL of a NaN, neither takes a lone surrogate or more than 64 bits.

    Raises:
        MalformedRequestError: one of the parameters is such a value.
    """
    for value in parameters:
        if isinstance(value, str):
            if "\x00" in value:
                raise MalformedRequestError("A text contains a NUL character")
            if not value.isascii():
                _require_unicode(value)
        elif isinstance(value, int):
            if not _INTEGER_MIN <= value <= _INTEGER_MAX:
                raise MalformedRequestError("A number does not fit 64 bits")
        elif isinstance(value, float) and value != value:  # noqa: PLR0124 - only NaN differs from itself
            raise MalformedRequestError("A number is not a number (NaN)")


def _require_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        # The sentence only: the text itself may be a credential, and this exception would carry it into a log.
        raise MalformedRequestError("A text contains half of a surrogate pair", cause=error.reason) from None
