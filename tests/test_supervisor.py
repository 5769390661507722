"""The supervisor: workers share the sockets, the dead are replaced, a stop reaches all of them."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from support import SetClock
from watchword import supervisor
from watchword.observe import Log
from watchword.supervisor import Handover, Supervisor
from watchword.wire.listeners import Sockets

# Each stand-in for a worker notes its start in a file of its own and then behaves as its name says.
PRELUDE = """
import json, os, pathlib, signal, socket, sys, time
told = json.loads(sys.stdin.readline())
started = pathlib.Path(told["settings"]["directory"]) / str(os.getpid())
shared = socket.socket(fileno=told["main"])
temporary = started.with_suffix(".new")
temporary.write_text(f"{shared.getsockname()[1]} {told['http']}")
temporary.rename(started)
"""
WAITS = PRELUDE + "signal.pause()\n"
WAITS_FOR_PARENT = PRELUDE + "sys.stdin.read()\nstarted.write_text('alone')\n"
ENDS = PRELUDE + "sys.exit(3)\n"
HANGS = PRELUDE.replace("told =", "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntold =") + "time.sleep(60)\n"


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happened():  # noqa: ASYNC110 - other processes tell nobody
            await asyncio.sleep(0.01)


def notes(directory: Path) -> list[str]:
    return [path.read_text() for path in directory.iterdir() if path.name.isdigit()]


class Supervised:
    """A supervisor in this process's loop, with workers that note their starts in a directory."""

    def __init__(self, directory: Path, script: str, workers: int = 2) -> None:
        self.directory = directory
        self.lines = io.BytesIO()
        self.log = Log(self.lines)
        self.deaths = 0
        self.sockets = Sockets(socket.create_server(("127.0.0.1", 0)), None)
        self.supervisor = Supervisor(
            self.sockets,
            {"directory": str(directory)},
            workers=workers,
            log=self.log,
            clock=SetClock(),
            on_death=self.note_death,
            command=(sys.executable, "-S", "-c", script),
        )

    def note_death(self) -> None:
        self.deaths += 1

    def started(self) -> list[int]:
        return [int(path.name) for path in self.directory.iterdir() if path.name.isdigit()]

    def run(self, story: Callable[[Supervised], Awaitable[None]]) -> int:
        async def both() -> int:
            running = asyncio.create_task(self.supervisor.run())
            await story(self)
            os.kill(os.getpid(), signal.SIGTERM)
            return await running

        try:
            return asyncio.run(both())
        finally:
            self.sockets.close()
            self.log.close()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_workers_share_the_socket_and_stop_together(tmp_path: Path) -> None:
    """Each worker is given the very socket that the parent bound, and SIGTERM to the parent ends them all."""

    async def story(supervised: Supervised) -> None:
        await until(lambda: len(supervised.started()) == 2)

    supervised = Supervised(tmp_path, WAITS)
    port = supervised.sockets.port
    assert supervised.run(story) == 0
    assert {path.read_text() for path in tmp_path.iterdir()} == {f"{port} None"}
    assert not any(is_alive(pid) for pid in supervised.started())
    assert supervised.deaths == 0


def test_dead_worker_is_replaced(tmp_path: Path) -> None:
    """A worker killed by someone is replaced by a new one, after everything remembered was withdrawn."""

    async def story(supervised: Supervised) -> None:
        await until(lambda: len(supervised.started()) == 2)
        os.kill(supervised.started()[0], signal.SIGKILL)
        await until(lambda: len(supervised.started()) == 3)
        assert supervised.deaths == 1

    supervised = Supervised(tmp_path, WAITS)
    assert supervised.run(story) == 0
    assert b'"event":"worker.died"' in supervised.lines.getvalue()


def test_worker_that_cannot_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that ends at once is tried again after a wait each time, and the parent still stops when told."""
    monkeypatch.setattr(supervisor, "_BACK_OFF_SECONDS", 0.01)

    async def story(supervised: Supervised) -> None:
        await until(lambda: supervised.deaths >= 3)

    supervised = Supervised(tmp_path, ENDS, workers=1)
    assert supervised.run(story) == 0
    assert supervised.lines.getvalue().count(b'"exit":3') == supervised.deaths


def test_stop_during_the_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop does not wait for the next try of a worker that cannot start."""
    monkeypatch.setattr(supervisor, "_BACK_OFF_SECONDS", 600)

    async def story(supervised: Supervised) -> None:
        await until(lambda: supervised.deaths == 1)

    assert Supervised(tmp_path, ENDS, workers=1).run(story) == 0


def test_worker_that_does_not_stop_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that ignores the signal is killed when its time is over, and the parent says how many."""
    monkeypatch.setattr(supervisor, "STOP_SECONDS", 0.1)

    async def story(supervised: Supervised) -> None:
        await until(lambda: len(supervised.started()) == 1)

    supervised = Supervised(tmp_path, HANGS, workers=1)
    assert supervised.run(story) == 1
    assert not any(is_alive(pid) for pid in supervised.started())
    assert b'"event":"worker.killed"' in supervised.lines.getvalue()


def test_worker_learns_that_the_parent_is_gone(tmp_path: Path) -> None:
    """A parent that is killed leaves no workers behind: the pipe to them ends."""
    program = (
        "import asyncio, io, socket, sys\n"
        "from watchword.clock import SystemClock\n"
        "from watchword.observe import Log\n"
        "from watchword.supervisor import Supervisor\n"
        "from watchword.wire.listeners import Sockets\n"
        "sockets = Sockets(socket.create_server(('127.0.0.1', 0)), None)\n"
        "asyncio.run(Supervisor(sockets, {'directory': sys.argv[1]}, workers=1, log=Log(io.BytesIO()),\n"
        "    clock=SystemClock(), on_death=lambda: None, command=(sys.executable, '-S', '-c', sys.argv[2])).run())\n"
    )

    async def story() -> None:
        parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(tmp_path), WAITS_FOR_PARENT)
        await until(lambda: len(notes(tmp_path)) == 1)
        parent.kill()
        await parent.wait()
        await until(lambda: notes(tmp_path) == ["alone"])

    asyncio.run(story())


def test_handover_round_trip() -> None:
    """What the parent writes is what a worker reads, on one line."""
    handover = Handover({"WATCHWORD_HOST": "a\nb"}, 3, 4)
    assert msgspec.json.decode(handover.encode(), type=Handover) == handover
    assert handover.encode().count(b"\n") == 1
