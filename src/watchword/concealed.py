"""The base of structs that carry a secret: whatever prints them by accident prints their name alone."""

from __future__ import annotations

import msgspec


class Concealed(msgspec.Struct, frozen=True):
    """A struct whose repr shows no field."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"
