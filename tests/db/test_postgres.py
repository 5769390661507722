"""What PostgreSQL promises beyond the contract: its start, its transactions, its connections, and news of other nodes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

from eventually import eventually
from postgres_notes import ADD, END_OTHERS, add_note, count_notes, make_notes
from postgres_server import PostgresServer
from watchword.db.database import Statement, Transaction
from watchword.db.generations import Generations
from watchword.db.postgres import PostgresDatabase
from watchword.db.postgres_connections import Connections
from watchword.db.postgres_listener import Listener
from watchword.errors import UnavailableError

CHANGE = Statement("UPDATE notes SET amount = amount + 1 WHERE id = $1")


class TestStart:
    """What cannot be connected to."""

    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://user:top-secret@127.0.0.1:1/none",
            "postgresql://user:top-secret@127.0.0.1:top-secret/none",
            "mysql://user:top-secret@127.0.0.1/none",
            "postgresql://user:top-secret@name.invalid/none",
        ],
    )
    async def test_a_wrong_url_is_unavailable(self, generations: Generations, url: str) -> None:
        """A server that cannot be reached and a URL that cannot be read are refused, and no cause tells the password."""
        with pytest.raises(UnavailableError) as caught:
            await PostgresDatabase.connect(url, generations=generations)
        assert caught.value.cause
        assert "top-secret" not in caught.value.cause
        assert not generations.is_trusted()

    async def test_a_missing_database_is_unavailable(
        self, postgres_server: PostgresServer, generations: Generations
    ) -> None:
        """A database that does not exist is refused with a cause."""
        with pytest.raises(UnavailableError, match="unavailable"):
            await PostgresDatabase.connect(postgres_server.url("missing"), generations=generations)

    async def test_tls_that_was_asked_for_is_needed(
        self, postgres_server: PostgresServer, generations: Generations
    ) -> None:
        """A URL that asks for TLS connects to no server without it."""
        visits: list[asyncio.Task[None]] = []

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(65_536):
                writer.write(data)
            writer.close()
            await writer.wait_closed()

        async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            from_server, to_server = await asyncio.open_unix_connection(postgres_server.socket_path)
            await asyncio.gather(carry(reader, to_server), carry(from_server, writer), return_exceptions=True)

        def admit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            visits.append(asyncio.get_running_loop().create_task(visit(reader, writer)))

        door = await asyncio.start_server(admit, "127.0.0.1")
        url = f"postgresql://postgres@127.0.0.1:{door.sockets[0].getsockname()[1]}/postgres"
        database = await PostgresDatabase.connect(url, generations=generations)
        await database.close()
        with pytest.raises(UnavailableError):
            await PostgresDatabase.connect(f"{url}?sslmode=require", generations=generations)
        door.close()
        await asyncio.gather(*visits)
        assert len(visits) > 2

    async def test_a_schema_of_its_own(
        self, postgres_url: str, postgres_database: PostgresDatabase, generations: Generations
    ) -> None:
        """Two installations in one database, each in its schema, do not see each other's tables."""
        await make_notes(postgres_database)
        await add_note(postgres_database, "a")

        async def make_schema(tx: Transaction) -> None:
            await tx.execute(Statement('CREATE SCHEMA "an ""odd"" name"'))

        await postgres_database.transaction(make_schema)
        other = await PostgresDatabase.connect(postgres_url, generations=generations, schema='an "odd" name')
        await make_notes(other)
        assert await count_notes(other) == 0
        await other.close()


class TestTransactions:
    """Locks, and others at work."""

    async def test_a_writer_does_not_hold_up_readers(self, notes: PostgresDatabase) -> None:
        """While a transaction has changed a row, others read it as it was."""
        await add_note(notes, "a")
        entered, leave = asyncio.Event(), asyncio.Event()

        async def hold(tx: Transaction) -> None:
            await tx.execute(CHANGE, "a")
            entered.set()
            await leave.wait()

        task = asyncio.create_task(notes.transaction(hold))
        await entered.wait()
        row = await notes.fetch_row(Statement("SELECT amount FROM notes WHERE id = $1"), "a")
        assert row is not None
        assert row[0] == 0
        leave.set()
        await task

    async def test_a_lost_race_is_run_again(self, notes: PostgresDatabase) -> None:
        """A transaction that the server refuses as a serialization failure is run again from its start."""
        tries: list[int] = []

        async def work(tx: Transaction) -> None:
            await tx.execute(ADD, "a")
            tries.append(len(tries))
            if len(tries) < 3:
                await tx.execute(Statement("DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$"))

        await notes.transaction(work)
        assert len(tries) == 3
        assert await count_notes(notes) == 1

    async def test_a_race_lost_for_ever_is_unavailable(self, notes: PostgresDatabase) -> None:
        """After a few tries the caller hears unavailable, and nothing stays."""

        async def work(tx: Transaction) -> None:
            await tx.execute(ADD, "a")
            await tx.execute(Statement("DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40P01'; END $$"))

        with pytest.raises(UnavailableError):
            await notes.transaction(work)
        assert await count_notes(notes) == 0

    async def test_a_table_changed_under_a_statement_is_read_anew(self, notes: PostgresDatabase) -> None:
        """A statement prepared before a migration changed its table is prepared again."""
        everything = Statement("SELECT * FROM notes")

        async def add_column(tx: Transaction) -> None:
            await tx.execute(Statement("ALTER TABLE notes ADD COLUMN body text"))

        async def read(tx: Transaction) -> int:
            return len(await tx.fetch_rows(everything))

        await add_note(notes, "a")
        for _ in range(10):
            assert len(list((await notes.fetch_rows(everything))[0])) == 2
            assert await notes.transaction(read) == 1
        await notes.transaction(add_column)
        for _ in range(10):
            assert await notes.transaction(read) == 1
            assert len(list((await notes.fetch_rows(everything))[0])) == 3

    async def test_commits_are_durable_where_the_server_would_not_care(
        self, postgres_url: str, generations: Generations
    ) -> None:
        """A database whose default is to acknowledge before the disk has it is asked for more."""
        connection = await asyncpg.connect(postgres_url)
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        await connection.close()
        database = await PostgresDatabase.connect(postgres_url, generations=generations)
        row = await database.fetch_row(Statement("SELECT current_setting('synchronous_commit')"))
        assert row is not None
        assert row[0] == "on"
        await database.close()


class TestNews:
    """What other nodes withdraw."""

    async def test_another_node_hears_within_a_second(
        self, notes: PostgresDatabase, postgres_url: str, tmp_path: Path
    ) -> None:
        """A withdrawal committed on one node changes the slots of another within one second."""
        node = Generations(tmp_path / "another-node")
        other = await PostgresDatabase.connect(postgres_url, generations=node)
        slot = node.slot("key:a")
        before = node.read(slot)

        async def work(tx: Transaction) -> None:
            tx.withdraw("key:a")

        await notes.transaction(work)
        await eventually(lambda: node.read(slot) != before, seconds=1)
        await other.close()
        node.close()

    async def test_what_was_missed_is_forgotten(self, postgres_url: str, tmp_path: Path) -> None:
        """A node that could not listen for a while forgets everything before it trusts again."""
        node = Generations(tmp_path / "another-node")
        other = await PostgresDatabase.connect(postgres_url, generations=node)
        slot = node.slot("key:never withdrawn while it listened")
        await other.fetch_row(END_OTHERS)
        await eventually(lambda: not node.is_trusted(), seconds=1)
        before = node.read(slot)
        await eventually(node.is_trusted, seconds=5)
        assert node.read(slot) != before
        await other.close()
        node.close()

    async def test_a_deaf_connection_is_not_trusted(self, postgres_url: str, generations: Generations) -> None:
        """Where notifications do not arrive, as behind a proxy that shares connections, listening is refused."""

        class Deaf(asyncpg.Connection):
            async def add_listener(self, channel: str, callback: object) -> None:
                pass

        async def connect() -> asyncpg.Connection:
            connection: asyncpg.Connection = await asyncpg.connect(postgres_url, connection_class=Deaf)
            return connection

        listener = Listener(connect, generations=generations)
        with pytest.raises(UnavailableError):
            await listener.start()
        assert not generations.is_trusted()
        await listener.close()

    async def test_a_closed_database_is_not_trusted(self, postgres_url: str, generations: Generations) -> None:
        """After close nobody listens, and nothing remembered may be used."""
        database = await PostgresDatabase.connect(postgres_url, generations=generations)
        assert generations.is_trusted()
        await database.close()
        assert not generations.is_trusted()


class TestConnections:
    """The few connections and those who wait for them."""

    async def test_closing_waits_for_what_is_in_flight(self, postgres_url: str, generations: Generations) -> None:
        """A transaction under way when the database is closed is committed."""
        database = await PostgresDatabase.connect(postgres_url, generations=generations)
        await make_notes(database)
        entered, leave = asyncio.Event(), asyncio.Event()

        async def slow(tx: Transaction) -> None:
            await tx.execute(ADD, "a")
            entered.set()
            await leave.wait()

        task = asyncio.create_task(database.transaction(slow))
        await entered.wait()
        closing = asyncio.create_task(database.close())
        await asyncio.sleep(0)
        leave.set()
        await asyncio.gather(task, closing)
        connection = await asyncpg.connect(postgres_url)
        assert await connection.fetchval("SELECT count(*) FROM notes") == 1
        await connection.close()

    @pytest.mark.parametrize("moment", ["idle", "lent"])
    async def test_ends_that_the_driver_keeps_to_itself_are_mended(self, postgres_url: str, moment: str) -> None:
        """A connection that is closed without any notice is replaced once it is asked for, or has come back."""

        class Silent(asyncpg.Connection):
            def add_termination_listener(self, callback: object) -> None:
                pass

        async def connect() -> asyncpg.Connection:
            connection: asyncpg.Connection = await asyncpg.connect(postgres_url, connection_class=Silent)
            return connection

        connections = Connections(connect, count=2)
        await connections.start()
        lent = [await connections.take() for _ in range(2)]
        if moment == "idle":
            for connection in lent:
                connections.give(connection)
        for connection in lent:
            connection.terminate()
        if moment == "lent":
            for connection in lent:
                connections.give(connection)
        again = [await connections.take() for _ in range(2)]
        assert [await connection.fetchval("SELECT 1") for connection in again] == [1, 1]
        for connection in again:
            connections.give(connection)
        await connections.close()

    async def test_a_waiter_that_leaves_takes_no_connection_along(self, postgres_url: str) -> None:
        """A caller cancelled while it waits, even just as it is served, leaves the connection to the others."""

        async def connect() -> asyncpg.Connection:
            connection: asyncpg.Connection = await asyncpg.connect(postgres_url)
            return connection

        connections = Connections(connect, count=1)
        await connections.start()
        for steps in range(3):
            lent = await connections.take()
            waiting = asyncio.create_task(connections.take())
            await asyncio.sleep(0)
            connections.give(lent)
            for _ in range(steps):
                if not waiting.done():
                    await asyncio.sleep(0)
            if waiting.cancel():
                await asyncio.gather(waiting, return_exceptions=True)
            else:
                connections.give(waiting.result())
            again = connections.take_now()
            assert again is not None
            connections.give(again)
        await connections.close()
