"""What names and slugs may hold."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from watchword.errors import InvalidFieldsError

NAME_CHARACTERS_MAX: Final = 100
"""Fits one line of a listing."""

_REFUSED_CATEGORIES: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Control characters, halves of surrogate pairs, line and paragraph separators."""

_REFUSED_MARKS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""What turns the direction of text around and makes a name read as another one (Unicode UAX #9 §2)."""

NAME_PATTERN: Final = r"^[^{0}]*[^\s{0}][^{0}]*$".format(
    r"\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069"
)
"""The same for readers of the OpenAPI document, in the language of JSON Schema; something has to be there to read."""

_SLUG: Final = re.compile(r"[a-z0-9-]{2,63}")


def require_name(name: str, *, field: str = "name") -> str:
    """Return a name without the white space around it.

    Raises:
        InvalidFieldsError: it is empty, too long, or holds what a listing cannot show.
    """
    trimmed = name.strip()
    if not 1 <= len(trimmed) <= NAME_CHARACTERS_MAX:
        raise InvalidFieldsError({field: f"must have 1 to {NAME_CHARACTERS_MAX} characters"})
    if any(unicodedata.category(character) in _REFUSED_CATEGORIES for character in name):
        raise InvalidFieldsError({field: "must not hold control characters"})
    if not _REFUSED_MARKS.isdisjoint(name):
        raise InvalidFieldsError({field: "must not hold marks that turn the direction of text"})
    return trimmed


def require_slug(slug: str, *, field: str = "slug") -> str:
    """Return a slug.

    Raises:
        InvalidFieldsError: it is not made of 2 to 63 lower-case letters, digits and hyphens.
    """
    if _SLUG.fullmatch(slug) is None:
        raise InvalidFieldsError({field: "must have 2 to 63 lower-case letters, digits and hyphens"})
    return slug
