"""Withdrawals: what a transaction ends is forgotten on its node when it returns, on others within one second."""

from __future__ import annotations

import pytest

from contract.backends import ADD_THING, Backend
from eventually import eventually
from watchword.db.database import Database, Transaction
from watchword.db.generations import EVERYTHING, Generations
from watchword.errors import NotFoundError


async def withdraw(database: Database, *subjects: str) -> None:
    async def work(tx: Transaction) -> None:
        tx.withdraw(*subjects)

    await database.transaction(work)


async def test_a_withdrawal_is_known_on_return(backend: Backend, database: Database) -> None:
    """When the transaction returns, the slots of its subjects have changed, and no others."""
    generations = backend.generations
    slots = [generations.slot("session:a"), generations.slot("user:b")]
    other = generations.slot("session:other")
    before, any_before, other_before = (
        [generations.read(slot) for slot in slots],
        generations.read_any(),
        generations.read(other),
    )
    await withdraw(database, "session:a", "user:b")
    assert all(generations.read(slot) != old for slot, old in zip(slots, before, strict=True))
    assert generations.read_any() != any_before
    assert generations.read(other) == other_before


async def test_an_undone_withdrawal_reaches_no_other_node(backend: Backend, database: Database) -> None:
    """What a failed transaction withdrew is not told to other nodes; what a later one withdraws is."""
    node = backend.other_node()
    listening = await backend.open(generations=node)
    undone, done = node.slot("session:undone"), node.slot("session:done")
    before, before_done = node.read(undone), node.read(done)

    async def work(tx: Transaction) -> None:
        tx.withdraw("session:undone")
        await tx.execute(ADD_THING, "a")
        raise NotFoundError

    with pytest.raises(NotFoundError):
        await database.transaction(work)
    if backend.dialect == "postgres":
        await withdraw(database, "session:done")
        await eventually(lambda: node.read(done) != before_done, seconds=1)
    assert node.read(undone) == before
    await listening.close()


async def test_a_second_process_learns_of_a_withdrawal(backend: Backend, database: Database) -> None:
    """A process that maps the same file of generations sees the change at once."""
    second = Generations(backend.directory / "generations")
    slot = second.slot("key:a")
    before = second.read(slot)
    await withdraw(database, "key:a")
    assert second.read(slot) != before
    second.close()


async def test_many_withdrawals_at_once_all_arrive(backend: Backend, database: Database) -> None:
    """One transaction may withdraw more subjects than one notification holds."""
    node = backend.other_node() if backend.dialect == "postgres" else backend.generations
    if backend.dialect == "postgres":
        await backend.open(generations=node)
    subjects = [f"session:ses_{number:026d}" for number in range(1000)]
    before = {subject: node.read(node.slot(subject)) for subject in subjects}
    await withdraw(database, *subjects)
    await eventually(lambda: all(node.read(node.slot(subject)) != old for subject, old in before.items()), seconds=1)


async def test_everything_is_withdrawn_at_once(backend: Backend, database: Database) -> None:
    """The subject that stands for all others changes every slot, here on return and on other nodes soon."""
    node = backend.other_node() if backend.dialect == "postgres" else backend.generations
    if backend.dialect == "postgres":
        await backend.open(generations=node)
    slots = [node.slot(subject) for subject in ("session:a", "user:b", "key:c", "tenant:d")]
    before = [[generations.read(slot) for slot in slots] for generations in (backend.generations, node)]
    await withdraw(database, EVERYTHING)
    assert not {backend.generations.read(slot) for slot in slots} & set(before[0])
    await eventually(lambda: not {node.read(slot) for slot in slots} & set(before[1]), seconds=1)


async def test_the_database_is_trusted_while_open(backend: Backend, database: Database) -> None:
    """An open database's news is trusted."""
    assert backend.generations.is_trusted()
