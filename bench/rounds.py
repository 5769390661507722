"""Rounds of load: every server in turn, several times, so that a machine's moods fall on all of them alike."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from servers import HERE, CannotMeasureError, Server

SEPARATOR = b"\r\n----\r\n"
CONNECTIONS = 32


class Load(msgspec.Struct, kw_only=True):
    """One kind of request to one server; ``requests`` makes the texts anew for each run."""

    server: Server
    requests: Callable[[], list[bytes]]
    expect: int = 200
    connections: int = CONNECTIONS
    tls: bool = False
    pause_ms: float = 0
    many_addresses: bool = False


class Figures(msgspec.Struct):
    """What one run showed; ``cpu_us`` is the server's own processor time for one request."""

    per_second: float
    p50_us: float
    p99_us: float
    cpu_us: float
    busy: float


class Results:
    """Figures by path and server, one for each round."""

    def __init__(self) -> None:
        self._figures: dict[tuple[str, str], list[Figures]] = {}

    def add(self, path: str, server: str, figures: Figures) -> None:
        """Keep the figures of a round."""
        self._figures.setdefault((path, server), []).append(figures)

    def servers(self, path: str) -> list[str]:
        """Return who was measured on a path, in order."""
        return [server for measured, server in self._figures if measured == path]

    def paths(self) -> list[str]:
        """Return the paths, in order."""
        return list(dict.fromkeys(path for path, _ in self._figures))

    def has(self, path: str, server: str) -> bool:
        """Say whether there are figures."""
        return (path, server) in self._figures

    def median(self, path: str, server: str, name: str) -> float:
        """Return the median of a figure over the rounds."""
        return statistics.median(getattr(figures, name) for figures in self._figures[path, server])

    def ratio(self, ours: tuple[str, str], theirs: tuple[str, str], name: str = "per_second") -> float | None:
        """Return the median over the rounds of one server's figure over another's in the same round."""
        if ours not in self._figures or theirs not in self._figures:
            return None
        pairs = zip(self._figures[ours], self._figures[theirs], strict=False)
        return statistics.median(getattr(one, name) / (getattr(other, name) or 1) for one, other in pairs)


def run_load(load: Load, *, seconds: float, core: int | None) -> Figures:
    """Run one load to its end."""
    return finish_load(start_load(load, seconds=seconds, core=core), load)


def start_load(load: Load, *, seconds: float, core: int | None) -> subprocess.Popen[bytes]:
    """Start a load beside others."""
    port = load.server.tls_port if load.tls else load.server.port
    command = [sys.executable, str(HERE / "load.py"), "--port", str(port), "--seconds", str(seconds)]
    command += ["--watch", str(load.server.process.pid)]
    command += ["--connections", str(load.connections), "--expect", str(load.expect), "--pause-ms", str(load.pause_ms)]
    command += ["--core", str(core)] if core is not None else []
    command += ["--tls"] if load.tls else []
    command += ["--many-addresses"] if load.many_addresses else []
    started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if started.stdin is not None:
        started.stdin.write(SEPARATOR.join(load.requests()))
        started.stdin.close()
        started.stdin = None
    return started


def finish_load(started: subprocess.Popen[bytes], load: Load) -> Figures:
    """Wait for a load's end; wrong answers end the benchmark, since their speed means nothing."""
    output, errors = started.communicate()
    if started.returncode != 0:
        raise CannotMeasureError(f"the load on {load.server.name} failed:\n{errors.decode()[-1500:]}")
    told: dict[str, Any] = json.loads(output)
    if told["wrong"]:
        raise CannotMeasureError(f"{load.server.name}: {errors.decode()[-1500:]}")
    return Figures(told["per_second"], told["p50_us"], told["p99_us"], told["cpu_us"], told["busy"])


def get(path: str, *headers: str) -> bytes:
    """Write a GET request."""
    return _request("GET", path, headers, b"")


def post(path: str, body: bytes, *headers: str, media_type: str = "application/json") -> bytes:
    """Write a POST request."""
    return _request("POST", path, (*headers, f"Content-Type: {media_type}", f"Content-Length: {len(body)}"), body)


def always(requests: Iterable[bytes]) -> Callable[[], list[bytes]]:
    """Send the same requests in every run."""
    made = list(requests)
    return lambda: made


def _request(method: str, path: str, headers: Iterable[str], body: bytes) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: */*", "User-Agent: load", *headers, "", ""]
    return "\r\n".join(lines).encode() + body
