"""The Python client of Watchword: sign-in sessions, API keys, collections, orders and OAuth, sync and async."""

from __future__ import annotations

from typing import Final

__version__: Final = "0.1.0"

__all__ = ["__version__"]
