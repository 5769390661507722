"""What one answer costs without sockets: microseconds of processor time for each path, and the raw ASGI hello beside.

Run: ``python bench/answer.py [--only NAME] [--profile PATH] [--data DIRECTORY]``. Requests are fed to the protocol as bytes, answers
go to a transport that keeps nothing; what the kernel takes for reading, writing and waking is left out. Processor time
of all threads, the log's too, so that a busy machine disturbs it little. ``bench/compare.py`` measures the whole.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import os
import pstats
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from fill import MANIFEST_NAME, Manifest, fill, make_bars, read_manifest
from oauth import ASK, FORM, INTROSPECTION, OPAQUE, SIGNED, WRONG, basic, make_client, pair_of
from paths import EXPIRED, FORGED, ME, PRODUCT, PRODUCT_BY_KEY, TEN, UNKNOWN_KEY
from peers.hello import hello
from rounds import get, post
from watchword.app import Application
from watchword.config import load_settings
from watchword.credentials.api_key import make_key
from watchword.ids import make_id
from watchword.observe import Log
from watchword.wire.fast_lane import FastLaneProtocol
from watchword.wire.listeners import protocol_config

BATCH = 2_000
"""Requests of one measurement: long enough that the log's thread has its turns within."""

BATCHES = 15
PROFILED = 20_000

CONNECTIONS = 32
"""Connections that ask beside each other, as writes are committed together."""


SETTINGS = {
    "WATCHWORD_REQUESTS_PER_MINUTE_PER_ADDRESS": "1000000000",
    "WATCHWORD_TOKEN_REQUESTS_PER_MINUTE_PER_ADDRESS": "0",
}
"""The limits out of the way."""

UNKNOWN_CLIENT = "refused: unknown client"


class NoTransport:
    """Takes what is written and keeps the last of it."""

    def __init__(self) -> None:
        self.written = b""
        self.is_written = asyncio.Event()

    def write(self, data: bytes) -> None:
        """Keep an answer's last part."""
        self.written = data
        self.is_written.set()

    def get_extra_info(self, name: str) -> Any:  # noqa: ANN401 - as asyncio's own
        """Say where the connection leads."""
        return ("127.0.0.1", 1) if name in {"peername", "sockname"} else None

    def is_closing(self) -> bool:
        """Say that it is open."""
        return False

    def get_write_buffer_size(self) -> int:
        """Say that everything is sent."""
        return 0

    def close(self) -> None:
        """Do nothing."""

    pause_reading = resume_reading = close


def make_protocol(kind: type[HttpToolsProtocol], application: Any) -> HttpToolsProtocol:  # noqa: ANN401 - any ASGI
    """Make a connection that is not one."""
    config = protocol_config(application, kind)
    config.load()
    protocol = kind(config=config, server_state=ServerState(), app_state={})
    protocol.connection_made(NoTransport())  # type: ignore[arg-type] # as much of one as is used
    return protocol


def make_requests(manifest: Manifest) -> dict[str, list[bytes]]:
    """Make the requests of each path."""
    bearers = [f"Authorization: Bearer {token}" for token in manifest.tokens]
    keys = [f"X-API-Key: {key}" for key in manifest.keys]
    products = [f"/api/products/{product_id}" for product_id in manifest.product_ids]
    choose = random.Random(1).choice
    return {
        ME: [get("/api/users/me", bearer) for bearer in bearers],
        PRODUCT: [get(path, choose(bearers)) for path in products],
        PRODUCT_BY_KEY: [get(path, choose(keys)) for path in products],
        TEN: [get("/api/products", bearer) for bearer in bearers],
        FORGED: [get("/api/users/me", f"{bearer[:-4]}AAAA") for bearer in bearers],
        EXPIRED: [get("/api/users/me", f"Authorization: Bearer {manifest.expired_token}")],
        UNKNOWN_KEY: [get("/api/users/me", f"X-API-Key: {make_key('secret_key', 'live')}") for _ in bearers],
    }


async def make_oauth_requests(application: Application, manifest: Manifest) -> dict[str, list[bytes]]:
    """Make the requests of each path of the authorization server, and the clients and tokens that they name."""
    signed = pair_of(await make_client(application, manifest.tenant_id, "jwt"))
    opaque = pair_of(await make_client(application, manifest.tenant_id, "opaque"))
    ask = post("/oauth/token", ASK, basic(opaque), media_type=FORM)
    tokens = []
    for _ in range(50):
        protocol = make_protocol(FastLaneProtocol, application)
        await exchange(protocol, ask)
        body = protocol.transport.written.rpartition(b"\r\n\r\n")[2]  # type: ignore[attr-defined] # ours
        tokens.append(msgspec.json.decode(body)["access_token"])
    return {
        SIGNED: [post("/oauth/token", ASK, basic(signed), media_type=FORM)],
        OPAQUE: [ask],
        WRONG: [post("/oauth/token", ASK, basic((signed[0], signed[1][::-1])), media_type=FORM)],
        UNKNOWN_CLIENT: [post("/oauth/token", ASK, basic((make_id("oauth_client", 0), signed[1])), media_type=FORM)],
        INTROSPECTION: [
            post("/oauth/introspect", f"token={token}".encode(), basic(opaque), media_type=FORM) for token in tokens
        ],
    }


async def measure(one: Callable[[], None]) -> float:
    """Return the microseconds of processor time that a call takes, as the lower quarter of batches has it."""
    return await measure_batches(partial(run_batch, one))


async def run_batch(one: Callable[[], None]) -> None:
    """Call as often as a batch is long."""
    for _ in range(BATCH):
        one()


async def measure_together(application: Application, requests: list[bytes]) -> float:
    """Measure requests whose answers may have to be waited for, on several connections."""
    protocols = [make_protocol(FastLaneProtocol, application) for _ in range(CONNECTIONS)]

    async def ask(number: int, protocol: HttpToolsProtocol) -> None:
        for place in range(number, BATCH, CONNECTIONS):
            await exchange(protocol, requests[place % len(requests)])

    async def batch() -> None:
        await asyncio.gather(*(ask(number, protocol) for number, protocol in enumerate(protocols)))

    return await measure_batches(batch)


async def exchange(protocol: HttpToolsProtocol, request: bytes) -> None:
    """Send a request and wait until it is answered."""
    written = protocol.transport.is_written  # type: ignore[attr-defined] # ours
    written.clear()
    protocol.data_received(request)
    while not written.is_set() or (protocol.cycle is not None and not protocol.cycle.response_complete):
        await written.wait()
        await asyncio.sleep(0)


async def measure_batches(batch: Callable[[], Awaitable[None]]) -> float:
    """Return the microseconds for each request of a batch, as the lower quarter of several has it."""
    await batch()
    taken = []
    for _ in range(BATCHES):
        began = time.process_time_ns()
        await batch()
        taken.append((time.process_time_ns() - began) / BATCH / 1000)
    return statistics.quantiles(taken, n=4)[0]


async def measure_hello() -> float:
    """Measure the raw ASGI hello, which needs a turn of the loop for its task."""
    protocol = make_protocol(HttpToolsProtocol, hello)
    request = get("/")
    taken = []
    for _ in range(BATCHES):
        began = time.process_time_ns()
        for _ in range(BATCH):
            protocol.data_received(request)
            await asyncio.sleep(0)
            if not protocol.cycle.response_complete:
                raise RuntimeError
        taken.append((time.process_time_ns() - began) / BATCH / 1000)
    return statistics.quantiles(taken, n=4)[0]


def feeder(protocol: HttpToolsProtocol, requests: list[bytes]) -> Callable[[], None]:
    """Return a call that sends the next of the requests."""
    order = list(requests) * (1 + 5_000 // len(requests))
    random.Random(2).shuffle(order)
    following = iter(())

    def one() -> None:
        nonlocal following
        request = next(following, None)
        if request is None:
            following = iter(order)
            request = next(following)
        protocol.data_received(request)

    return one


async def run(data: Path, profile: str | None, only: str) -> None:
    """Measure every path whose name holds ``only``, or profile one."""
    if not (data / MANIFEST_NAME).exists():
        with make_bars() as bars:
            await fill(data, keys=1_000, users=1_000, products=100_000, bars=bars)
    manifest = read_manifest(data)
    settings = load_settings({}, data, SETTINGS | {"WATCHWORD_DATA": str(data)})
    with Path(os.devnull).open("wb") as nowhere:  # noqa: ASYNC230 - opened once, and it is nothing
        application = await Application.open(settings, log=Log(nowhere, log_format=settings.log_format))
        try:
            protocol = make_protocol(FastLaneProtocol, application)
            requests = make_requests(manifest)
            if profile is not None:
                requests |= await make_oauth_requests(application, manifest)
                show_profile(feeder(protocol, requests[profile]))
                return
            ceiling = await measure_hello()
            table = Table("path", "µs", "to hello")
            table.add_row("hello", f"{ceiling:.1f}", "1.00")
            of_oauth = await make_oauth_requests(application, manifest)
            for path, texts in {**requests, **of_oauth}.items():
                if only in path:
                    is_waited_for = path in of_oauth
                    taken = await (
                        measure_together(application, texts) if is_waited_for else measure(feeder(protocol, texts))
                    )
                    table.add_row(path, f"{taken:.1f}", f"{ceiling / taken:.2f}")
            Console().print(table)
        finally:
            await application.close()
            application.log.close()


def show_profile(one: Callable[[], None]) -> None:
    """Print where the time goes."""
    for _ in range(BATCH):
        one()
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(PROFILED):
        one()
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(40)


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", metavar="PATH", help="print where the time of one path goes, such as: me")
    parser.add_argument("--only", default="", metavar="NAME", help="measure the paths with this in their names")
    parser.add_argument("--data", type=Path, help="a directory of bench/fill.py, also a new one to be kept")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="watchword-bench-") as temporary,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(run(arguments.data or Path(temporary), arguments.profile, arguments.only))
    return 0


if __name__ == "__main__":
    sys.exit(main())
