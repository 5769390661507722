"""The server that tests of an API start in their own process ends without leaving anything behind."""

from __future__ import annotations

import asyncio
import gc
import socket
from contextlib import suppress

import pytest

from watchword_client.testing import serve_application
from world import Api


@pytest.mark.parametrize("turns", range(4))
async def test_who_comes_at_the_end_is_hung_up_on(sqlite_api: Api, turns: int) -> None:
    """A connection that comes while the server ends is closed, in whichever turn of the loop it is accepted."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        async with serve_application(sqlite_api.application, listening):
            client = socket.create_connection(listening.getsockname(), timeout=5)
            for _ in range(turns):
                await asyncio.sleep(0)
    with client, suppress(ConnectionResetError):
        assert client.recv(1) == b""
    gc.collect()  # a socket that was forgotten is complained of here
