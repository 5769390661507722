"""The small inhabited installation of ``world.py`` as of now, for servers in processes of their own."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from served import Answer, Connection
from support import SetClock
from world import World, build_world


def inhabit(directory: Path, **changes: str) -> World:
    """Make the installation in an empty directory, with tokens and keys that are good today."""
    clock = SetClock(time.time_ns() // 1_000_000)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, build_world(directory, clock, **changes)).result()


def call_as(world: World, connection: Connection, who: str, request: str, body: object = None) -> Answer:
    """Send a request (``GET /api/products/{product_live_a}``) as someone of the world."""
    method, _, path = request.partition(" ")
    credential = world.tokens.get(who)
    parts: dict[str, Any] = {"bearer": credential} if credential is not None else {"key": world.keys[who]}
    return connection.call(method, path.format_map(world.names()), body=body, **parts)
