"""``watchword serve`` in a process of its own, as an operator starts it: it can be called, killed and started again."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

READY_SECONDS = 60.0
"""A start that has not said its banner by then has failed, on the slowest machine too."""

FOREIGN = re.compile(r"WATCHWORD_|TOKEN_EXPIRATION|DATABASE_URL|PYTHONWARNINGS|COV_")
"""What the environment of the tests must not hand on to the server."""


class Answer(NamedTuple):
    """What a server answered; ``worker`` is the same for all answers of one process."""

    status: int
    headers: dict[str, str]
    text: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the server sent
        return json.loads(self.text)

    @property
    def worker(self) -> str:
        return self.headers["x-request-id"][:-8]


class Connection:
    """One kept connection, so that one worker answers all its requests; for one thread."""

    def __init__(self, url: str, *, authority: Path | None = None, timeout: float = 30) -> None:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        self._http: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=None if authority is None else str(authority))
            self._http = http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
        else:
            self._http = http.client.HTTPConnection(host, port, timeout=timeout)

    def call(
        self,
        method: str,
        path: str,
        *,
        bearer: str = "",
        key: str = "",
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send one request and return its answer; OSError or HTTPException when none came."""
        sent = dict(headers or {})
        if bearer:
            sent["Authorization"] = f"Bearer {bearer}"
        if key:
            sent["X-API-Key"] = key
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        self._http.request(method, path, content, sent)
        answer = self._http.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def close(self) -> None:
        """Hang up."""
        self._http.close()


class Served:
    """A server over a data directory. ``start`` returns when it says that it is ready, on free ports."""

    def __init__(self, data: Path, *options: str, **environment: str) -> None:
        self.data = data
        self.url = ""
        self.http = ""
        self._options = options
        self._log = data.with_name(f"{data.name}.log")
        self._environment = {name: text for name, text in os.environ.items() if not FOREIGN.match(name)} | environment
        self._process: subprocess.Popen[str] | None = None
        self._connections: list[Connection] = []

    @property
    def process(self) -> subprocess.Popen[str]:
        """The process that was started."""
        assert self._process is not None
        return self._process

    def launch(self) -> None:
        """Start the process and do not wait for it."""
        serve = (sys.executable, "-m", "watchword", "serve", "--data", str(self.data), "--port", "0", "--http", "0")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                (*serve, *self._options),
                cwd=self.data.parent,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Read what the server says until it has said where it is."""
        assert self.process.stdout is not None
        timer = threading.Timer(READY_SECONDS, self.process.kill)
        timer.start()
        try:
            for line in self.process.stdout:
                word, _, rest = line.strip().partition(" ")
                if word == "URL":
                    self.url = rest.strip()
                if word == "HTTP":
                    self.http = rest.strip()
                    return
        finally:
            timer.cancel()
        raise AssertionError(f"the server did not come up:\n{self.log_text()[-4000:]}")

    def start(self) -> Served:
        """Start the server and wait until it is ready."""
        self.launch()
        self.wait_until_ready()
        return self

    def connect(self, *, timeout: float = 30) -> Connection:
        """Return a connection of one's own, without TLS; it is closed with the server at the latest."""
        connection = Connection(self.http, timeout=timeout)
        self._connections.append(connection)
        return connection

    def call(self, method: str, path: str, **parts: Any) -> Answer:  # noqa: ANN401 - as ``Connection.call``
        """Send one request on a connection of its own."""
        connection = self.connect()
        try:
            return connection.call(method, path, **parts)
        finally:
            connection.close()

    def env(self) -> dict[str, str]:
        """Return what ``demo.env`` holds."""
        lines = (self.data / "demo.env").read_text("utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines if not line.startswith("#"))

    def log_text(self) -> str:
        """Return everything logged so far, over all starts."""
        return self._log.read_text("utf-8", "replace")

    def workers(self) -> list[int]:
        """Return the processes of the workers that are alive, oldest first."""
        pids = [int(pid) for pid in re.findall(r"event=worker\.started.*? pid=(\d+)", self.log_text())]
        return [pid for pid in pids if is_alive(pid)]

    def connect_to_each(self, count: int) -> list[Connection]:
        """Return one connection to each worker: while the others stand still, only that one can accept it."""
        wait_for(lambda: len(self.workers()) == count, seconds=READY_SECONDS, what="workers")
        pids = self.workers()
        connections = []
        for pid in pids:
            others = [other for other in pids if other != pid]
            for other in others:
                os.kill(other, signal.SIGSTOP)
            try:
                connections.append(self.connect())
                connections[-1].call("GET", "/health/live")
            finally:
                for other in others:
                    os.kill(other, signal.SIGCONT)
        assert len({connection.call("GET", "/health/live").worker for connection in connections}) == count
        return connections

    def kill(self) -> None:
        """End the process as a power cut would, and its workers with it."""
        pids = self.workers()
        self.process.kill()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def stop(self) -> int:
        """Stop it as an operator would and return its exit code."""
        self.process.terminate()
        code = self.process.wait(20)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def clean_up(self) -> None:
        """Leave no process and no connection behind, whatever happened."""
        for connection in self._connections:
            connection.close()
        if self._process is None:
            return
        for pid in self.workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self.kill()


class Fleet:
    """Makes servers and cleans up behind them."""

    def __init__(self) -> None:
        self._servers: list[Served] = []

    def __call__(self, data: Path, *options: str, **environment: str) -> Served:
        """Make a server that is not started yet."""
        server = Served(data, *options, **environment)
        self._servers.append(server)
        return server

    def clean_up(self) -> None:
        """End all of them."""
        for server in self._servers:
            server.clean_up()


@contextlib.contextmanager
def fleet() -> Iterator[Fleet]:
    """Give a maker of servers, all of which end with the block."""
    made = Fleet()
    try:
        yield made
    finally:
        made.clean_up()


def is_alive(pid: int) -> bool:
    """Say whether a process runs; one that has ended and waits to be noticed does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def wait_for(condition: Callable[[], bool], *, seconds: float, what: str) -> float:
    """Return, as soon as the condition holds, how long that took; fail when it does not in time."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"{what}: not within {seconds} seconds"
        time.sleep(0.01)
    return time.monotonic() - began
