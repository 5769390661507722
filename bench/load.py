"""A load generator: keep-alive connections that send one prepared request after another, with every latency kept.

Run as a process of its own on its own core:
    python bench/load.py --port 8443 --seconds 2 --connections 32 --expect 200 < request.bin
prints one JSON line: requests, seconds, per_second, p50_us, p99_us, wrong (answers of another status), busy (the share
of its core that the load itself took: near 1, it is the load that is measured), cpu_us (processor time of the watched
server for one request). Over TLS, requests are encrypted before the clock starts and answers are decrypted after it
has stopped: with both in between, two thirds of what is measured is the load.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import ssl
import sys
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import cast

import uvloop

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_SEALED_PER_SECOND = 40_000
"""Requests encrypted beforehand for each second, over all connections; should they be used up, the run ends early."""

_RECORD_HEAD_BYTES = 5
_FULL_RECORD_BYTES = 16_384
"""A TLS record that carries so many bytes is followed by another of the same answer (RFC 8446 §5.1)."""


class Connection(asyncio.Protocol):
    """One connection: sends, waits for the whole answer, notes the time, sends again."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.buffer = b""
        self.sent_ns = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the others: the clock starts when all are connected."""
        self.transport = cast("asyncio.Transport", transport)
        self.run.note_connected(self)

    def data_received(self, data: bytes) -> None:
        """Take a part of the answer; when it is whole, send the next request."""
        buffer = self.buffer + data if self.buffer else data
        if not self.is_whole(buffer):
            self.buffer = buffer
            return
        self.buffer = b""
        run = self.run
        run.latencies.append(time.perf_counter_ns() - self.sent_ns)
        self.take(buffer)
        if time.perf_counter_ns() >= run.until_ns:
            self.transport.close()
        elif run.pause_seconds:
            run.loop.call_later(run.pause_seconds * random.uniform(0.5, 1.5), self.send)
        else:
            self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end; one that the server makes ends the run."""
        self.run.open -= 1
        if (exc is not None or time.perf_counter_ns() < self.run.until_ns) and not self.run.done.done():
            self.run.done.set_exception(RuntimeError(f"the server closed a connection: {exc}"))
        if self.run.open == 0 and not self.run.done.done():
            self.run.done.set_result(None)

    def send(self) -> None:
        """Send the next request."""
        if self.transport.is_closing():
            return
        self.sent_ns = time.perf_counter_ns()
        self.transport.write(self.next_request())

    def is_whole(self, buffer: bytes) -> bool:
        """Say whether all of an answer has come."""
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        length = _LENGTH.search(buffer, 0, end)
        return len(buffer) >= end + 4 + (int(length[1]) if length else 0)

    def take(self, answer: bytes) -> None:
        """Look at a whole answer."""
        self.run.check(answer)

    def next_request(self) -> bytes:
        """Return what is to be sent next."""
        return self.run.next_request()


class SealedConnection(Connection):
    """The same over TLS, with its requests encrypted before it begins; one answer is what the server wrote at once."""

    def __init__(self, run: Run, context: ssl.SSLContext, requests: int) -> None:
        super().__init__(run)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing)
        self._requests = requests
        self._sealed: deque[bytes] = deque()
        self._answers: list[bytes] = []
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        self.transport = cast("asyncio.Transport", transport)
        self._shake_hands()

    def data_received(self, data: bytes) -> None:
        """Go on with the handshake, or take a part of the answer."""
        if self._is_open:
            super().data_received(data)
        else:
            self._incoming.write(data)
            self._shake_hands()

    def is_whole(self, buffer: bytes) -> bool:
        """Say whether the last record has come: one that is not full, or that ends a multiple of full ones."""
        start = 0
        while len(buffer) >= start + _RECORD_HEAD_BYTES:
            length = int.from_bytes(buffer[start + 3 : start + _RECORD_HEAD_BYTES], "big")
            start += _RECORD_HEAD_BYTES + length
            if length < _FULL_RECORD_BYTES:
                return len(buffer) >= start
        return False

    def take(self, answer: bytes) -> None:
        """Keep an answer until the clock has stopped."""
        self._answers.append(answer)
        if not self._sealed:
            self.run.until_ns = 0

    def next_request(self) -> bytes:
        """Return what is to be sent next."""
        return self._sealed.popleft()

    def open_answers(self) -> None:
        """Decrypt and look at all answers."""
        for answer in self._answers:
            self._incoming.write(answer)
            text = b""
            while self._incoming.pending or self._tls.pending():
                text += self._tls.read(_FULL_RECORD_BYTES)
            self.run.check(text)

    def _shake_hands(self) -> None:
        with suppress(ssl.SSLWantReadError):
            self._tls.do_handshake()
            self._is_open = True
        self.transport.write(self._outgoing.read())
        if self._is_open:
            for _ in range(self._requests):
                self._tls.write(self.run.next_request())
                self._sealed.append(self._outgoing.read())
            self.run.note_connected(self)


class Run:
    """One run of load."""

    def __init__(self, requests: list[bytes], expected: bytes, connections: int) -> None:
        self.requests = requests
        self.next = 0
        self.expected = expected
        self.latencies: list[int] = []
        self.wrong = 0
        self.wrong_example = b""
        self.open = connections
        self.connected: list[Connection] = []
        self.pause_seconds = 0.0
        self.until_ns = 0
        self.loop = asyncio.get_running_loop()
        self.all_connected: asyncio.Future[None] = self.loop.create_future()
        self.done: asyncio.Future[None] = self.loop.create_future()

    def note_connected(self, connection: Connection) -> None:
        """Count a connection that is ready to send."""
        self.connected.append(connection)
        if len(self.connected) == self.open:
            self.all_connected.set_result(None)

    def next_request(self) -> bytes:
        """Return the next of the requests."""
        self.next = (self.next + 1) % len(self.requests)
        return self.requests[self.next]

    def check(self, answer: bytes) -> None:
        """Count an answer of another status."""
        if not answer.startswith(self.expected):
            self.wrong += 1
            self.wrong_example = answer[:300]


async def load(arguments: argparse.Namespace, requests: list[bytes]) -> dict[str, float]:
    """Run the load and return its figures."""
    context = None
    if arguments.tls:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    loop = asyncio.get_running_loop()
    sealed = int(arguments.seconds * _SEALED_PER_SECOND / arguments.connections)
    run = Run(requests, f"HTTP/1.1 {arguments.expect} ".encode(), arguments.connections)
    run.pause_seconds = arguments.pause_ms / 1000
    for _ in range(arguments.connections):
        source = (_loopback_address(), 0) if arguments.many_addresses else None
        await loop.create_connection(
            lambda: Connection(run) if context is None else SealedConnection(run, context, sealed),
            "127.0.0.1",
            arguments.port,
            local_addr=source,
        )
    await run.all_connected
    began, began_cpu, server_cpu = time.perf_counter(), time.process_time(), cpu_seconds(arguments.watch)
    run.until_ns = time.perf_counter_ns() + int(arguments.seconds * 1e9)
    for connection in run.connected:
        connection.send()
    await asyncio.wait_for(run.done, arguments.seconds + 30)
    seconds = time.perf_counter() - began
    busy = (time.process_time() - began_cpu) / seconds
    server_cpu = cpu_seconds(arguments.watch) - server_cpu
    for connection in run.connected:
        if isinstance(connection, SealedConnection):
            connection.open_answers()
    latencies = sorted(run.latencies)
    if run.wrong:
        sys.stderr.write(f"{run.wrong} unexpected answers, for example {run.wrong_example!r}\n")
    return {
        "requests": len(latencies),
        "seconds": seconds,
        "per_second": len(latencies) / seconds,
        "p50_us": latencies[len(latencies) // 2] / 1000,
        "p99_us": latencies[int(len(latencies) * 0.99)] / 1000,
        "wrong": run.wrong,
        "busy": busy,
        "cpu_us": server_cpu / len(latencies) * 1e6,
    }


def cpu_seconds(pid: int | None) -> float:
    """Return the processor time that a process and its children have used; 0 where the system does not tell."""
    total = 0
    for member in family(pid) if pid is not None else []:
        for schedule in Path(f"/proc/{member}/task").glob("*/schedstat"):
            with suppress(OSError):
                total += int(schedule.read_text().split()[0])
    return total / 1e9


def family(pid: int) -> list[int]:
    """Return a process and its children, and theirs."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            with suppress(OSError):
                found += [int(child) for child in task.read_text().split()]
    return found


def _loopback_address() -> str:
    """Choose one of the many addresses of the loopback network: a limit for each client address counts each apart."""
    return ".".join(["127", *(str(random.randrange(1, 255)) for _ in range(3))])


def main() -> None:
    """Read requests, separated by a line of four dashes, from standard input; print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--expect", type=int, default=200)
    parser.add_argument("--core", type=int, default=None)
    parser.add_argument("--watch", type=int, metavar="PID", help="the server, whose processor time is told as well")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--pause-ms", type=float, default=0, help="mean pause of each connection between requests")
    parser.add_argument("--many-addresses", action="store_true", help="a client address for each connection")
    arguments = parser.parse_args()
    if arguments.core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {arguments.core})
    requests = sys.stdin.buffer.read().split(b"\r\n----\r\n")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(load(arguments, requests))))


if __name__ == "__main__":
    main()
