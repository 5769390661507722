"""Prefixed ids that sort by the time they were made: ``usr_01kb3qd2m4p8v6s0x9tz7hjn5c``.

An id names a thing and proves nothing: secrets come from ``credentials/``.
"""

from __future__ import annotations

import secrets
from typing import Final

PREFIXES: Final = {
    "tenant": "ten",
    "user": "usr",
    "session": "ses",
    "api_key": "key",
    "invitation": "inv",
    "oauth_client": "cli",
    "client_secret": "sec",
    "grant": "grt",
    "signing_key": "sig",
    "document": "doc",
    "product": "prd",
    "order": "ord",
}

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32, whose order is the order of its characters: ids sort as text."""

_RANDOM_BITS: Final = 80
_LENGTH: Final = 26
"""128 bits (48 of milliseconds, 80 random) in 26 characters of 5 bits."""


def make_id(kind: str, now_ms: int) -> str:
    """Make a new id of a kind of ``PREFIXES``; ``now_ms`` is Unix time in milliseconds."""
    return _write_id(kind, (now_ms << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS))


def first_id(kind: str, now_ms: int) -> str:
    """Return the text below which no id of this or any later millisecond sorts: times compare as ids."""
    return _write_id(kind, now_ms << _RANDOM_BITS)


def _write_id(kind: str, number: int) -> str:
    characters = []
    for _ in range(_LENGTH):
        number, digit = divmod(number, 32)
        characters.append(_ALPHABET[digit])
    return f"{PREFIXES[kind]}_{''.join(reversed(characters))}"


def is_id(text: str, kind: str) -> bool:
    """Say whether a text has the form of an id of this kind; not whether the thing exists."""
    prefix, separator, rest = text.partition("_")
    return (
        separator == "_"
        and prefix == PREFIXES[kind]
        and len(rest) == _LENGTH
        and all(character in _ALPHABET for character in rest)
    )
