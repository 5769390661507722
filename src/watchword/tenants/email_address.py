"""What counts as an e-mail address, and when two of them are the same."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from watchword.errors import InvalidFieldsError

EMAIL_LENGTH_MAX: Final = 254
"""The longest path that SMTP carries, without its angle brackets (RFC 5321 §4.5.3.1.3)."""

_FORM: Final = re.compile(
    r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]{1,64}@[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f.]+(\.[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f.]+)*"
)
"""One ``@`` with something on both sides and nothing that could leave a header line or name two recipients."""


def fold_email(email: str) -> str:
    """Write an e-mail address in the form in which two are compared.

    Letters go to the address as it was written, never to this form.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", email.strip()).casefold())


def require_email(email: str, *, field: str = "email") -> str:
    """Return the address without the white space around it.

    Raises:
        InvalidFieldsError: it cannot be an e-mail address; whether it receives letters is not asked.
    """
    trimmed = email.strip()
    is_printable = not any(unicodedata.category(character).startswith("C") for character in trimmed)
    if len(trimmed.encode("utf-8", "replace")) > EMAIL_LENGTH_MAX or not is_printable or not _FORM.fullmatch(trimmed):
        raise InvalidFieldsError({field: "must be an e-mail address"})
    return trimmed
