"""What the operations room answers."""

from __future__ import annotations

import msgspec


class FrontDoorAnswer(msgspec.Struct, frozen=True):
    """What this is and where to go on, as paths of this server; no version, which is nobody's business here."""

    name: str = "Watchword"
    docs: str = "/docs"
    openapi: str = "/api/openapi.json"
    health: str = "/api/health"


class HealthAnswer(msgspec.Struct, frozen=True):
    """``status`` is ``ok``; anything else is an error answer with 503."""

    status: str
