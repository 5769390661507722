"""PostgreSQL servers that stop, stand still and come back, and connections that they end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from eventually import eventually
from postgres_notes import ADD, COUNT, END_OTHERS, add_note, count_notes, make_notes
from postgres_server import PostgresServer
from watchword.db.database import Statement, Transaction
from watchword.db.generations import Generations
from watchword.db.postgres import PostgresDatabase
from watchword.errors import UnavailableError

END_MYSELF = Statement("SELECT pg_terminate_backend(pg_backend_pid())")


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """A server that a test may stop."""
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture
async def frail(own_server: PostgresServer, generations: Generations) -> AsyncIterator[PostgresDatabase]:
    """A database on the server that a test may stop."""
    own_server.make_database("frail")
    database = await PostgresDatabase.connect(own_server.url("frail"), generations=generations)
    await make_notes(database)
    yield database
    await database.close()
    own_server.drop_database("frail")


async def served_again(database: PostgresDatabase) -> None:
    """Wait until a read and a scan, which has connections of its own, are answered; fail after some seconds."""
    until = time.monotonic() + 5
    while True:
        try:
            await count_notes(database)
            await database.scan_rows(COUNT)
        except UnavailableError:
            assert time.monotonic() < until
            await asyncio.sleep(0.01)
        else:
            return


class TestLostServer:
    """A server that goes away and comes back."""

    async def test_a_stopped_server_is_unavailable_and_found_again(
        self, own_server: PostgresServer, frail: PostgresDatabase, generations: Generations
    ) -> None:
        """While the server is down all is unavailable and nothing trusted; after its return served, trusted, forgotten."""
        await add_note(frail, "before")
        await eventually(generations.is_trusted, seconds=5)
        await asyncio.to_thread(own_server.stop)
        await eventually(lambda: not generations.is_trusted(), seconds=1)
        started = time.monotonic()
        for call in (count_notes(frail), frail.scan_rows(COUNT), add_note(frail, "refused")):
            with pytest.raises(UnavailableError):
                await call
        # Nobody waited the five seconds that a caller waits while all connections are lent.
        assert time.monotonic() - started < 5
        before = generations.read(generations.slot("session:a"))
        await asyncio.to_thread(own_server.start)
        await served_again(frail)
        await eventually(generations.is_trusted, seconds=5)
        assert generations.read(generations.slot("session:a")) != before
        assert await count_notes(frail) == 1
        await add_note(frail, "after")
        assert len(await frail.scan_rows(COUNT)) == 1

    async def test_a_server_that_stands_still_is_not_trusted(
        self, own_server: PostgresServer, frail: PostgresDatabase, generations: Generations
    ) -> None:
        """When the server says nothing any more, trust ends within one second, and comes back when it speaks."""
        own_server.pause()
        try:
            await eventually(lambda: not generations.is_trusted(), seconds=1)
        finally:
            own_server.go_on()
        await eventually(generations.is_trusted, seconds=5)
        assert await count_notes(frail) == 0

    async def test_ended_connections_are_replaced(self, notes: PostgresDatabase, generations: Generations) -> None:
        """Connections that the server ends are opened anew, the listening one included."""
        await notes.fetch_row(END_OTHERS)
        await eventually(lambda: not generations.is_trusted(), seconds=1)
        await eventually(generations.is_trusted, seconds=5)
        await eventually(lambda: len(notes._main._idle) == 4, seconds=5)
        await asyncio.gather(*(add_note(notes, str(number)) for number in range(20)))
        assert await count_notes(notes) == 20

    async def test_a_connection_lost_in_a_transaction_undoes_it(self, notes: PostgresDatabase) -> None:
        """A transaction whose connection is lost is unavailable and left nothing; the next one is served."""

        async def work(tx: Transaction) -> None:
            await tx.execute(ADD, "a")
            await tx.fetch_row(END_MYSELF)

        with pytest.raises(UnavailableError):
            await notes.transaction(work)
        assert await count_notes(notes) == 0
        await add_note(notes, "a")

    async def test_calls_under_way_end_with_the_server(
        self, own_server: PostgresServer, frail: PostgresDatabase
    ) -> None:
        """Callers in the middle of a transaction and in the queue for one hear at once that the server has gone."""
        entered = asyncio.Event()

        async def hold(tx: Transaction) -> None:
            await tx.execute(ADD, "held")
            entered.set()
            await tx.execute(Statement("SELECT pg_sleep(60)"))

        tasks = [asyncio.create_task(frail.transaction(hold))]
        await entered.wait()
        tasks += [asyncio.create_task(add_note(frail, "held")) for _ in range(10)]  # they wait for the row's lock
        await asyncio.sleep(0)
        await asyncio.to_thread(own_server.stop)
        async with asyncio.timeout(5):
            results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, UnavailableError) for result in results)
        await asyncio.to_thread(own_server.start)
        await served_again(frail)
        assert await count_notes(frail) == 0
