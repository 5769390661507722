"""Measure the product beside its peers: one run, interleaved rounds, medians, server and load on cores of their own.

Run: ``python3 develop.py bench``, or ``python bench/compare.py [--quick] [--only NAME …] [--large DIRECTORY]``.
``--only`` takes parts of the names of paths (``product``) and of servers (``watchword``, ``pocketbase``), and may come
several times; ``--large`` measures a database of ``bench/fill.py`` beside the small one.

Requests a second depend on who else uses the machine; the last column, processor time of the server for one request,
hardly does. Where ``load`` is near 100 %, the load generator was the slower of the two.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

import paths as names
from fill import Manifest, fill, make_bars, read_manifest
from logins import Storm, measure_logins
from pocketbase import start_pocketbase
from program import run_program
from report import Report
from rounds import Load, Results, run_load
from servers import Postgres, start_fastapi_users, start_hello, start_nginx, start_watchword

TABLE_WIDTH = 150

QUIET_SECONDS = 2
"""From the last request to the look at a server's memory: what hashing took is given back when nobody hashes."""

SMALL_USERS = 1_000
SMALL_PRODUCTS = 100_000

KINDS = (
    names.WATCHWORD,
    names.HTTPS,
    names.POSTGRES,
    names.POCKETBASE,
    names.FASTAPI_USERS,
    names.FASTAPI_USERS_POSTGRES,
    names.NGINX,
)


class Bench:
    """One run: what was asked for, and what is started for it."""

    def __init__(self, arguments: argparse.Namespace, directory: Path, stack: contextlib.ExitStack) -> None:
        self._arguments = arguments
        self._directory = directory
        self._stack = stack
        self._wanted_servers = {kind for kind in KINDS for part in arguments.only if part == kind}
        self._wanted_paths = [part for part in arguments.only if part not in self._wanted_servers]
        cores = os.cpu_count() or 1
        self._server_cores = {0} if cores > 1 else None
        self._load_core = 1 if cores > 1 else None

    def run(self, console: Console) -> None:
        """Start everything, go through the rounds, print the table."""
        measured = self._start(console)
        chosen = {
            path: {
                name: load
                for name, load in loads.items()
                if self._wants(name) or name in {names.HELLO, names.WATCHWORD, names.LARGE}
            }
            for path, loads in names.make_paths(measured).items()
            if path == names.CEILING or not self._wanted_paths or any(part in path for part in self._wanted_paths)
        }
        results = Results()
        with Progress(console=console, transient=True) as bars:
            self._go_through(chosen, measured, results, bars)
        ours = [server for server in (measured.watchword, measured.postgres, measured.large) if server is not None]
        time.sleep(QUIET_SECONDS)
        Report(results, {server.name: server.resident_mib() for server in ours}).show(console)

    def _go_through(
        self, chosen: dict[str, names.Loads], measured: names.Measured, results: Results, bars: Progress
    ) -> None:
        rounds, seconds = self._arguments.rounds, self._arguments.seconds
        logins = chosen.pop(names.LOGIN, {})
        total = rounds * (sum(len(loads) for loads in chosen.values()) + len(logins))
        task = bars.add_task("measuring", total=total)
        for _ in range(rounds):
            for path, loads in chosen.items():
                for name, load in loads.items():
                    bars.update(task, description=f"{path}: {name}")
                    results.add(path, name, run_load(load, seconds=seconds, core=self._load_core))
                    bars.advance(task)
            for name, load in logins.items():
                bars.update(task, description=f"login: {name}")
                if name == names.WATCHWORD:
                    storm = Storm(
                        name=name,
                        login=load,
                        me=names.make_paths(measured)[names.ME][name],
                        seconds=seconds,
                        load_core=self._load_core,
                        server_cores=self._server_cores,
                    )
                    measure_logins(storm, results)
                else:
                    self._measure_login(name, load, results)
                bars.advance(task)

    def _measure_login(self, name: str, load: Load, results: Results) -> None:
        # All cores for all alike: passwords are hashed on as many as there are.
        load.server.allow_cores(set(range(os.cpu_count() or 1)))
        try:
            results.add(names.LOGIN, name, run_load(load, seconds=self._arguments.seconds, core=self._load_core))
        finally:
            load.server.allow_cores(self._server_cores)

    def _start(self, console: Console) -> names.Measured:
        directory, cores = self._directory, self._server_cores
        data = directory / "watchword"
        with make_bars() as bars:
            manifest = asyncio.run(fill(data, keys=SMALL_USERS, users=SMALL_USERS, products=SMALL_PRODUCTS, bars=bars))
        measured = names.Measured(
            self._stack.enter_context(start_hello(directory, cores)),
            self._stack.enter_context(start_watchword(names.WATCHWORD, data, cores, directory=directory)),
            manifest,
        )
        console.print("Starting the peers, each with 100,000 products …")
        nginx = start_nginx(directory, cores) if self._wants(names.NGINX) else None
        measured.nginx = None if nginx is None else self._stack.enter_context(nginx)
        self._start_peers(measured)
        if self._wants(names.POSTGRES) or self._wants(names.FASTAPI_USERS_POSTGRES):
            self._start_on_postgres(measured)
        large: Path | None = self._arguments.large
        if large is not None:
            measured.large = self._stack.enter_context(
                start_watchword(names.LARGE, large.resolve(), cores, directory=directory)
            )
            measured.large.settle()
            measured.large_manifest = read_manifest(large)
        return measured

    def _start_peers(self, measured: names.Measured) -> None:
        directory, cores = self._directory, self._server_cores
        if self._wants(names.POCKETBASE):
            measured.pocketbase = start_pocketbase(directory, SMALL_PRODUCTS, cores, stack=self._stack)
        if self._wants(names.FASTAPI_USERS):
            url = f"sqlite+aiosqlite:///{directory}/fastapi-users.db"
            measured.fastapi_users = self._stack.enter_context(
                start_fastapi_users(names.FASTAPI_USERS, url, SMALL_PRODUCTS, cores, directory=directory)
            )

    def _start_on_postgres(self, measured: names.Measured) -> None:
        directory, cores = self._directory, self._server_cores
        postgres = self._stack.enter_context(Postgres(directory, cores))
        if self._wants(names.POSTGRES):
            url, data = postgres.make_database("watchword"), directory / "watchword-postgres"
            measured.postgres_manifest = self._fill(data, url)
            measured.postgres = self._stack.enter_context(
                start_watchword(names.POSTGRES, data, cores, directory=directory, database_url=url)
            )
        if self._wants(names.FASTAPI_USERS_POSTGRES):
            url = postgres.make_database("peer").replace("postgresql://", "postgresql+asyncpg://", 1)
            measured.fastapi_users_postgres = self._stack.enter_context(
                start_fastapi_users(names.FASTAPI_USERS_POSTGRES, url, SMALL_PRODUCTS, cores, directory=directory)
            )

    def _fill(self, data: Path, database_url: str) -> Manifest:
        with make_bars() as bars:
            return asyncio.run(
                fill(
                    data,
                    keys=SMALL_USERS,
                    users=SMALL_USERS,
                    products=SMALL_PRODUCTS,
                    database_url=database_url,
                    bars=bars,
                )
            )

    def _wants(self, kind: str) -> bool:
        return not self._wanted_servers or kind in self._wanted_servers


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="3 rounds of 1 second")
    parser.add_argument("--rounds", type=int, help="rounds (5)")
    parser.add_argument("--seconds", type=float, help="seconds of each measurement (2)")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="part of a path's name, or a server"
    )
    parser.add_argument("--large", type=Path, metavar="DIRECTORY", help="a database made by bench/fill.py")
    arguments = parser.parse_args()
    arguments.rounds = arguments.rounds or (3 if arguments.quick else 5)
    arguments.seconds = arguments.seconds or (1.0 if arguments.quick else 2.0)
    return run_program(
        lambda directory, stack, console: Bench(arguments, directory, stack).run(console), table_width=TABLE_WIDTH
    )


if __name__ == "__main__":
    sys.exit(main())
