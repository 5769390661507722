"""The ceiling: a raw ASGI application that answers a fixed text, as fast as uvicorn goes.

Run: ``python bench/peers/hello.py PORT``.
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn

_BODY = b'{"hello":"world"}'
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_BODY))],
}
_REST = {"type": "http.response.body", "body": _BODY}


async def hello(_scope: dict[str, Any], _receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's own types
    """Answer every request the same."""
    await send(_START)
    await send(_REST)


if __name__ == "__main__":
    uvicorn.run(
        hello,
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
    )
