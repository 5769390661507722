"""The test server as a process of its own, for tests in other languages: ``python -m watchword_client.testing_process``.

It speaks lines of JSON: first ``{"ready": …}`` with what stands in the server, then ``{"done": …}`` with the server's
Unix time, or ``{"refused": …}``, for each ``{"advance": seconds}`` and ``{"set": unix_seconds}``. It ends, and what it
stored with it, when its input does: so it outlives nobody.
"""

from __future__ import annotations

import json
import math
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from watchword_client.testing import SetClock, WatchwordServer, make_template, serving

__all__ = ["main"]

_SECONDS_MAX = 10**11
"""Some three thousand years: what lies beyond was meant as milliseconds."""


def main() -> None:
    """Serve until the input ends."""
    # A terminal interrupts this process together with the tests, whose end is what counts.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with tempfile.TemporaryDirectory(prefix="watchword-testing-") as directory:
        template = make_template(Path(directory) / "data")
        with serving(template.directory, template.names) as server:
            _say({"ready": _names(server)})
            for line in sys.stdin:
                _say(_obey(server.clock, line))


def _obey(clock: SetClock, line: str) -> dict[str, Any]:
    match json.loads(line):
        case {"advance": int() | float() as seconds} if _is_time(seconds):
            clock.advance(seconds)
        case {"set": int() | float() as unix_seconds} if _is_time(unix_seconds):
            clock.set(unix_seconds)
        case _:
            return {"refused": "A time is a number of seconds."}
    return {"done": clock.now_ms() / 1000}


def _is_time(seconds: float) -> bool:
    return math.isfinite(seconds) and abs(seconds) < _SECONDS_MAX


def _names(server: WatchwordServer) -> dict[str, str]:
    return {
        "url": server.url,
        "clientKey": server.client_key,
        "secretKey": server.secret_key,
        "testClientKey": server.test_client_key,
        "testSecretKey": server.test_secret_key,
        "clientId": server.client_id,
        "clientSecret": server.client_secret,
        "audience": server.audience,
        "email": server.email,
        "password": server.password,
        "tenantId": server.tenant_id,
        "adminId": server.admin_id,
    }


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
