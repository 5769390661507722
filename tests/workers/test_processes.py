"""The processes of a server: replaced when they die, ended together, agreed when they start together."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import apsw
import pytest

from inhabited import call_as, inhabit
from served import Connection, Fleet, Served, is_alive, wait_for
from world import World

ME = "GET /api/users/me"


@pytest.fixture(scope="module")
def world_and_template(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Path]:
    """An installation that each test serves a copy of."""
    directory = tmp_path_factory.mktemp("template") / "data"
    return inhabit(directory), directory


@pytest.fixture
def copied(world_and_template: tuple[World, Path], tmp_path: Path) -> tuple[World, Path]:
    """A copy of the installation."""
    world, template = world_and_template
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    for file in template.iterdir():
        if file.is_file():
            (data / file.name).write_bytes(file.read_bytes())
            (data / file.name).chmod(0o600)
    return world, data


def end_session_unannounced(data: Path, session_id: str) -> None:
    """Leave behind what a process leaves that is killed between its commit and the news of it."""
    connection = apsw.Connection(str(data / "watchword.db"))
    connection.set_busy_timeout(5000)
    connection.execute("UPDATE sessions SET ended_at = 1 WHERE id = ?", (session_id,))
    assert connection.changes() == 1
    connection.close()


def test_killed_worker_is_replaced(copied: tuple[World, Path], servers: Fleet) -> None:
    """A worker that is killed is replaced, and what it had committed and not announced is in force in the others."""
    world, data = copied
    server = servers(data, "--workers", "2").start()
    one, other = server.connect_to_each(2)
    killed = server.workers()[0]
    assert [call_as(world, other, "viewer_a", ME).status for _ in range(2)] == [200, 200]
    end_session_unannounced(data, world.sessions["viewer_a"])
    assert call_as(world, other, "viewer_a", ME).status == 200, "nothing was remembered: this test shows nothing"
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: "event=worker.died" in server.log_text(), seconds=30, what="a noticed death")
    assert call_as(world, other, "viewer_a", ME).status == 401
    with pytest.raises((OSError, http.client.HTTPException)):
        one.call("GET", "/health/live")
    for connection in server.connect_to_each(2):
        assert call_as(world, connection, "viewer_a", ME).status == 401
        assert call_as(world, connection, "editor_a", ME).status == 200
    assert not is_alive(killed)
    assert server.stop() == 0


def test_server_goes_on_while_workers_die(copied: tuple[World, Path], servers: Fleet) -> None:
    """While one worker after the other is killed, new connections are answered all the time."""
    world, data = copied
    server = servers(data, "--workers", "2").start()
    dead: set[int] = set()
    for _ in range(4):
        wait_for(lambda: len(server.workers()) == 2, seconds=30, what="two workers")
        victim = server.workers()[0]
        dead.add(victim)
        os.kill(victim, signal.SIGKILL)
        # A connection that the victim had accepted is lost with it; the next one is answered.
        wait_for(lambda: answers(server, world), seconds=10, what="an answer")
    wait_for(lambda: not dead & set(server.workers()), seconds=10, what="the end of the dead")
    assert server.stop() == 0


def answers(server: Served, world: World) -> bool:
    with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(server.connect()) as connection:
        return call_as(world, connection, "viewer_a", ME).status == 200
    return False


def begin_product(server: Served, key: str) -> tuple[socket.socket, bytes]:
    """Send a request but for the end of its body, and return the connection with that end."""
    body = b'{"name": "Last order", "price": 1}'
    head = (
        f"POST /api/products HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    address = urlsplit(server.http)
    connection = socket.create_connection((address.hostname or "", address.port or 0), timeout=30)
    connection.sendall(head.encode() + body[:-5])
    return connection, body[-5:]


@pytest.mark.parametrize("workers", [1, 2])
def test_stop_finishes_what_is_in_flight(workers: int, copied: tuple[World, Path], servers: Fleet) -> None:
    """SIGTERM lets a request that is on its way be answered, takes no new connection, and ends with 0 in time."""
    world, data = copied
    server = servers(data, "--workers", str(workers)).start()
    idle = server.connect()
    idle.call("GET", "/health/live")
    pids = [server.process.pid, *server.workers()]
    connection, rest = begin_product(server, world.keys["sk_live_a"])
    # A worker that answers this has read what came before it.
    for answerer in server.connect_to_each(workers) if workers > 1 else [server.connect()]:
        answerer.call("GET", "/health/live")
        answerer.close()
    began = time.monotonic()
    server.process.terminate()
    wait_for(lambda: not accepts(server), seconds=10, what="the end of listening")
    connection.sendall(rest)
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    connection.close()
    assert received.startswith(b"HTTP/1.1 201 ")
    assert b'"name":"Last order"' in received
    assert server.process.wait(20) == 0
    assert time.monotonic() - began < 10
    assert not any(is_alive(pid) for pid in pids)


def accepts(server: Served) -> bool:
    address = urlsplit(server.http)
    try:
        socket.create_connection((address.hostname or "", address.port or 0), timeout=5).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("workers", [1, 2])
def test_stop_waits_for_nobody_for_ever(workers: int, copied: tuple[World, Path], servers: Fleet) -> None:
    """A client that never ends its request holds a stop for less than ten seconds, and the exit is a good one."""
    world, data = copied
    server = servers(data, "--workers", str(workers), WATCHWORD_BODY_TIMEOUT_SECONDS="60").start()
    pids = [server.process.pid, *server.workers()]
    connection, _ = begin_product(server, world.keys["sk_live_a"])
    for answerer in server.connect_to_each(workers) if workers > 1 else [server.connect()]:
        answerer.call("GET", "/health/live")
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 10
    connection.close()
    assert not any(is_alive(pid) for pid in pids)


def test_no_orphans(copied: tuple[World, Path], servers: Fleet) -> None:
    """A parent that is killed outright takes its workers with it, and the port is free for the next start."""
    _, data = copied
    server = servers(data, "--workers", "2").start()
    server.connect_to_each(2)
    pids = server.workers()
    assert len(pids) == 2
    server.process.kill()
    server.process.wait()
    wait_for(lambda: not any(is_alive(pid) for pid in pids), seconds=15, what="the end of the workers")
    assert not accepts(server)


def test_two_first_starts_together(servers: Fleet, tmp_path: Path) -> None:
    """Two servers that start together on one empty directory agree on everything that is made there."""
    pair = [servers(tmp_path / "data", "--demo") for _ in range(2)]
    for server in pair:
        server.launch()
    for server in pair:
        server.wait_until_ready()
    env = pair[0].env()
    credentials = {"email": env["WATCHWORD_EMAIL"], "password": env["WATCHWORD_PASSWORD"]}
    tokens = [server.call("POST", "/api/users/login", body=credentials).json["token"] for server in pair]
    for server in pair:
        assert [server.call("GET", "/api/users/me", bearer=token).status for token in tokens] == [200, 200]
        for name in ("SECRET_KEY", "TEST_SECRET_KEY"):
            assert server.call("GET", "/api/products", key=env[f"WATCHWORD_{name}"]).json["totalDocs"] == 200
        assert len(server.call("GET", "/api/keys?limit=100", bearer=tokens[0]).json["docs"]) == 4
        with contextlib.closing(Connection(server.url, authority=Path(env["WATCHWORD_CA_FILE"]))) as secure:
            assert secure.call("GET", "/health/ready").status == 200
    assert [server.stop() for server in pair] == [0, 0]
