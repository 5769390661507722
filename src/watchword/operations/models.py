"""What the operations room answers."""

from __future__ import annotations

import msgspec


class HealthAnswer(msgspec.Struct, frozen=True):
    """``status`` is ``ok``; anything else is an error answer with 503."""

    status: str
