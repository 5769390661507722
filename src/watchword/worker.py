"""One server process: opens the application, serves on the sockets it is given, closes.

Started by ``supervisor.py``, it reads on its standard input what to do, and ends when that input ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import BinaryIO, Final

import msgspec

from watchword import heap
from watchword.app import Application
from watchword.clock import SystemClock
from watchword.config import Settings, settings_from_texts
from watchword.supervisor import Handover
from watchword.wire.certificate import prepare_certificate
from watchword.wire.certificate_files import CertificateFiles
from watchword.wire.listeners import Sockets, run, serve, sockets_from_descriptors

Preparation = Callable[[Application], Awaitable[None]]

_WARM_AFTER_SECONDS: Final = 1.0
"""When what only pages for people need is loaded: behind the first answers, before anybody has typed a password."""


async def prepare_nothing(_application: Application) -> None:
    """Leave the application as it was opened."""


async def serve_application(
    settings: Settings,
    sockets: Sockets,
    certificate: CertificateFiles | None,
    *,
    prepare: Preparation = prepare_nothing,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Open the application, prepare it, serve until told to stop, and close it whatever happens."""
    heap.share_one_arena()
    application = await Application.open(settings)
    warming = threading.Timer(_WARM_AFTER_SECONDS, application.oauth.pages.warm)
    warming.daemon = True
    try:
        await prepare(application)
        warming.start()
        with heap.collected_seldom():
            await serve(
                application,
                settings,
                sockets,
                certificate=certificate,
                log=application.log,
                clock=application.clock,
                on_ready=on_ready,
                on_stopping=application.end_streams,
            )
    finally:
        warming.cancel()
        await application.close()


def main(orders: BinaryIO) -> None:
    """Serve as the parent orders, until a signal or the end of the orders."""
    handover = msgspec.json.decode(orders.readline(), type=Handover)
    settings = settings_from_texts(handover.settings)
    sockets = sockets_from_descriptors(handover.main, handover.http)
    certificate = prepare_certificate(settings, SystemClock().now_ms())

    async def serve_until_orphaned() -> None:
        asyncio.get_running_loop().add_reader(orders.fileno(), _stop_if_ended, orders)
        await serve_application(settings, sockets, certificate)

    run(serve_until_orphaned())


def _stop_if_ended(orders: BinaryIO) -> None:
    if not os.read(orders.fileno(), 1):
        asyncio.get_running_loop().remove_reader(orders.fileno())
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(sys.stdin.buffer)
