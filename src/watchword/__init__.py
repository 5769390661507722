"""API authentication you run yourself: sign-in sessions, API keys and tenants in one process."""

from __future__ import annotations

from typing import Final

__version__: Final = "0.1.0"
