"""Two nodes on one PostgreSQL, each with a data directory of its own: one truth, or none."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from inhabited import call_as, inhabit
from nodes.way import Way
from postgres_server import PostgresServer
from served import Connection, Fleet, Served, fleet, wait_for
from withdrawals import EVERYWHERE, ME, PRODUCTS, Withdrawal
from world import World

SECRET = "one master secret that both of the nodes are given"
NODE_SECONDS = 1.0
"""What one node withdraws is in force on every other within this time."""


class Nodes(NamedTuple):
    """Two running nodes, a connection to each, and who is known there. The other's way to PostgreSQL can be held."""

    one: Served
    other: Served
    to_one: Connection
    to_other: Connection
    world: World
    postgres: PostgresServer
    database: str
    way: Way


def start_nodes(servers: Fleet, postgres: PostgresServer, way: Way, directory: Path, database: str) -> Nodes:
    url = postgres.make_database(database)
    world = inhabit(directory / "one", WATCHWORD_DATABASE_URL=url, WATCHWORD_SECRET=SECRET)
    held = f"postgresql://postgres@127.0.0.1:{way.port}/{database}"
    one = servers(directory / "one", WATCHWORD_DATABASE_URL=url, WATCHWORD_SECRET=SECRET)
    other = servers(directory / "other", WATCHWORD_DATABASE_URL=held, WATCHWORD_SECRET=SECRET)
    for server in (one, other):
        server.launch()
    for server in (one, other):
        server.wait_until_ready()
    return Nodes(one, other, one.connect(), other.connect(), world, postgres, database, way)


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A server that these tests may stop."""
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def nodes(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Two nodes for all tests of this file; each test ends something of its own."""
    with fleet() as servers, Way(postgres.socket_path) as way:
        yield start_nodes(servers, postgres, way, tmp_path_factory.mktemp("nodes"), "nodes")


WITHDRAWALS = (
    *EVERYWHERE,
    Withdrawal("member removed", "admin_a", "DELETE /api/tenants/{tenant_a}/members/{user_editor_a}", None, "editor_a", PRODUCTS, 200, 403),
    Withdrawal("tenant disabled", "super", "PATCH /api/tenants/{tenant_a}", {"disabled": True}, "pk_test_a", PRODUCTS, 200, 401),
)  # fmt: skip


@pytest.mark.parametrize("row", WITHDRAWALS, ids=[row.name for row in WITHDRAWALS])
def test_withdrawn_by_the_other_node(row: Withdrawal, nodes: Nodes) -> None:
    """What one node has answered is in force on the other within one second, and stays so."""
    world = nodes.world

    def status(connection: Connection) -> int:
        return call_as(world, connection, row.ended, row.then, row.sent).status

    assert [status(nodes.to_other) for _ in range(3)] == [row.before] * 3
    asked = call_as(world, nodes.to_one, row.who, row.request, row.body)
    assert asked.status in {200, 201}, asked
    assert status(nodes.to_one) == row.after, "the node itself must know at once"
    wait_for(lambda: status(nodes.to_other) == row.after, seconds=NODE_SECONDS, what="the other node's refusal")
    assert [status(nodes.to_other) for _ in range(20)] == [row.after] * 20


def test_listeners_cut_again_and_again(nodes: Nodes) -> None:
    """While the connections that carry the news are cut all the time, nothing withdrawn is served from memory."""
    world, stopped = nodes.world, threading.Event()

    def cut() -> None:
        while not stopped.is_set():
            nodes.postgres.end_listeners(nodes.database)
            stopped.wait(0.02)

    def ask() -> int:
        return call_as(world, nodes.to_other, "viewer_b", ME).status

    assert [ask() for _ in range(3)] == [200] * 3
    with ThreadPoolExecutor(1) as threads:
        cutting = threads.submit(cut)
        try:
            assert {ask() for _ in range(50)} == {200}, "who is not withdrawn is let in: by the database, not by memory"
            assert call_as(world, nodes.to_one, "viewer_b", "POST /api/users/logout").status == 200
            withdrawn_at = time.monotonic()
            wait_for(lambda: ask() == 401, seconds=NODE_SECONDS, what="the other node's refusal")
            while time.monotonic() < withdrawn_at + 2.5:
                assert ask() == 401
        finally:
            stopped.set()
        cutting.result()
    assert call_as(world, nodes.to_other, "editor_b", ME).status == 200


def test_way_to_the_database_stands_still(nodes: Nodes) -> None:
    """A node that hears nothing, on connections that stay open, lets nobody in by memory, and recovers by itself."""
    world = nodes.world

    def ask(_number: int = 0) -> int:
        connection = nodes.other.connect()
        try:
            return call_as(world, connection, "outsider", ME).status
        finally:
            connection.close()

    assert [ask() for _ in range(3)] == [200] * 3
    nodes.way.hold()
    try:
        assert call_as(world, nodes.to_one, "outsider", "POST /api/users/logout").status == 200
        withdrawn_at = time.monotonic()
        wait_for(lambda: time.monotonic() > withdrawn_at + NODE_SECONDS, seconds=2, what="one second")
        with ThreadPoolExecutor(5) as threads:
            answers = set(threads.map(ask, range(5)))
    finally:
        nodes.way.let_go()
    assert answers == {503}
    wait_for(lambda: ask() == 401, seconds=10, what="the truth")
    wait_for(lambda: call_as(world, nodes.to_other, "editor_b", ME).status == 200, seconds=10, what="a recovery")


def test_database_stopped_and_started(nodes: Nodes) -> None:
    """While PostgreSQL is down every node answers 503, and never 200; within ten seconds of its return all is well."""
    world = nodes.world
    for connection in (nodes.to_one, nodes.to_other):
        assert call_as(world, connection, "editor_b", ME).status == 200
    nodes.postgres.stop()
    try:
        for connection in (nodes.to_one, nodes.to_other):
            wait_for(
                lambda to=connection: call_as(world, to, "editor_b", ME).status == 503,  # type: ignore[misc]
                seconds=NODE_SECONDS,
                what="a refusal",
            )
            answers = [call_as(world, connection, who, ME) for who in ("editor_b", "admin_b", "super")]
            assert [answer.status for answer in answers] == [503] * 3
            assert {answer.json["errors"][0]["extensions"]["code"] for answer in answers} == {"UNAVAILABLE"}
            assert call_as(world, connection, "sk_test_b", PRODUCTS).status == 503
            assert connection.call("GET", "/health/live").status == 200
            assert connection.call("GET", "/health/ready").status == 503
    finally:
        nodes.postgres.start()
    for connection in (nodes.to_one, nodes.to_other):
        wait_for(
            lambda to=connection: call_as(world, to, "editor_b", ME).status == 200,  # type: ignore[misc]
            seconds=10,
            what="a recovery",
        )
    assert call_as(world, nodes.to_one, "editor_b", "POST /api/users/logout").status == 200
    wait_for(
        lambda: call_as(world, nodes.to_other, "editor_b", ME).status == 401, seconds=NODE_SECONDS, what="news again"
    )


def test_nodes_start_together_on_an_empty_database(servers: Fleet, postgres: PostgresServer, tmp_path: Path) -> None:
    """Two nodes that start at once on one empty database agree on its tables and on the key that signs."""
    url = postgres.make_database("empty")
    pair = [servers(tmp_path / name, WATCHWORD_DATABASE_URL=url, WATCHWORD_SECRET=SECRET) for name in ("one", "other")]
    for server in pair:
        server.launch()
    for server in pair:
        server.wait_until_ready()
    world = inhabit(tmp_path / "third", WATCHWORD_DATABASE_URL=url, WATCHWORD_SECRET=SECRET)
    assert [call_as(world, server.connect(), "viewer_a", ME).status for server in pair] == [200, 200]


def test_node_with_another_secret_does_not_start(servers: Fleet, nodes: Nodes, tmp_path: Path) -> None:
    """A node that was given another master secret ends with a sentence that says so."""
    stranger = servers(
        tmp_path / "data", WATCHWORD_DATABASE_URL=nodes.postgres.url(nodes.database), WATCHWORD_SECRET="x" * 40
    )
    stranger.launch()
    assert stranger.process.wait(60) == 1
    assert stranger.log_text().startswith("WATCHWORD_SECRET is not the secret")
    assert "Traceback" not in stranger.log_text()
