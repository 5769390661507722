"""The parent of several workers: starts them on the sockets it bound, replaces those that die, stops them together.

A worker is a fresh interpreter that inherits the listening sockets and reads its settings from its standard input.
That pipe stays open: its end tells a worker that the parent is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from watchword.clock import Clock
from watchword.observe import Log
from watchword.wire.listeners import Sockets

WORKER_COMMAND: Final = (sys.executable, "-m", "watchword.worker")

STOP_SECONDS: Final = 10.0
"""A worker that has not ended by then is killed."""

_BACK_OFF_SECONDS: Final = 0.1
_BACK_OFF_SECONDS_MAX: Final = 10.0
"""A worker that cannot start is tried again after waits that double, and its failure is logged each time."""

_STEADY_MS: Final = 30_000
"""A worker that has lived so long died of something new: the waits begin anew."""


class Handover(msgspec.Struct, frozen=True):
    """What a worker is told: the texts of all settings that are given, and the inherited descriptors."""

    settings: dict[str, str]
    main: int
    http: int | None

    def encode(self) -> bytes:
        """Write it as one line."""
        return msgspec.json.encode(self) + b"\n"


class Supervisor:
    """Keeps a number of workers alive until told to stop.

    ``on_death`` is called before a dead worker is replaced: what it remembered or was about to announce is unknown.
    """

    def __init__(
        self,
        sockets: Sockets,
        texts: Mapping[str, str],
        *,
        workers: int,
        log: Log,
        clock: Clock,
        on_death: Callable[[], None],
        command: Sequence[str] = WORKER_COMMAND,
    ) -> None:
        self._sockets = sockets
        http = None if sockets.http is None else sockets.http.fileno()
        self._handover = Handover(dict(texts), sockets.main.fileno(), http).encode()
        self._workers = workers
        self._log = log
        self._clock = clock
        self._on_death = on_death
        self._command = command
        self._stopping = asyncio.Event()
        self._killed = 0

    async def run(self) -> int:
        """Run the workers until SIGTERM or SIGINT; return how many had to be killed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._workers):
                    group.create_task(self._keep_alive())
                await self._stopping.wait()
                # Once the workers no longer listen, whoever still comes is refused at once; held open here, the sockets
                # would go on taking connections that nobody answers.
                self._sockets.close()
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
        return self._killed

    async def _keep_alive(self) -> None:
        wait_seconds = _BACK_OFF_SECONDS
        while not self._stopping.is_set():
            started_ms = self._clock.monotonic_ms()
            code = await self._run_worker()
            if self._stopping.is_set():
                return
            if self._clock.monotonic_ms() - started_ms > _STEADY_MS:
                wait_seconds = _BACK_OFF_SECONDS
            self._on_death()
            self._log.event("error", "worker.died", self._clock.now_ms(), exit=code)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait_seconds)
            wait_seconds = min(wait_seconds * 2, _BACK_OFF_SECONDS_MAX)

    async def _run_worker(self) -> int:
        """Start one worker and return its exit code when it has ended, by itself or because all shall."""
        descriptors = [held.fileno() for held in (self._sockets.main, self._sockets.http) if held is not None]
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            pass_fds=descriptors,
            # A process group of its own: Ctrl-C reaches the parent alone, which then stops all in order.
            process_group=0,
        )
        self._log.event("info", "worker.started", self._clock.now_ms(), pid=process.pid)
        if process.stdin is not None:
            process.stdin.write(self._handover)
        ended = asyncio.create_task(process.wait())
        stopped = asyncio.create_task(self._stopping.wait())
        await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not ended.done():
            await self._stop_worker(process, ended)
        return await ended

    async def _stop_worker(self, process: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        done, _ = await asyncio.wait((ended,), timeout=STOP_SECONDS)
        if not done:
            self._killed += 1
            self._log.event("error", "worker.killed", self._clock.now_ms(), pid=process.pid)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
