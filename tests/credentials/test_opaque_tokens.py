"""Opaque tokens are stored together, and each is its own: durable before it is given, refused for its own fault alone."""

from __future__ import annotations

import asyncio

import pytest

from oauth_world import store_client
from support import START_MS
from tenancy import make_tenant
from watchword.credentials.oauth_queries import StoredOpaqueToken, find_opaque_claims
from watchword.credentials.opaque_tokens import OpaqueTokens
from watchword.db.database import Database
from watchword.db.sqlite import SqliteDatabase
from watchword.errors import ConflictError, UnavailableError


@pytest.fixture
async def client_id(database: Database) -> str:
    """A client that tokens can hang on."""
    tenant = await make_tenant(database, "acme")
    return await store_client(database, tenant.id, grants=("client_credentials",), now_ms=START_MS)


def token(client_id: str, number: int) -> StoredOpaqueToken:
    return StoredOpaqueToken(b"%064d" % number, f"jti {number}", client_id, None, f'{{"n":{number}}}', START_MS)


async def find(database: Database, numbers: range) -> list[bool]:
    return [await find_opaque_claims(database, b"%064d" % number) == f'{{"n":{number}}}' for number in numbers]


async def test_tokens_asked_for_at_once_are_all_stored(database: Database, client_id: str) -> None:
    """Whoever is given a token finds it stored, however many are asked for at one time, in far fewer commits."""
    tokens = OpaqueTokens(database)

    async def ask(number: int) -> bool:
        await tokens.store(token(client_id, number))
        return (await find(database, range(number, number + 1)))[0]

    before = database.groups_committed if isinstance(database, SqliteDatabase) else 0
    assert all(await asyncio.gather(*(ask(number) for number in range(600))))
    if isinstance(database, SqliteDatabase):
        assert database.groups_committed - before < 10


async def test_a_refused_token_harms_no_other(database: Database, client_id: str) -> None:
    """A token of a client that is gone is refused, and those that waited with it are stored."""
    tokens = OpaqueTokens(database)
    asked = [tokens.store(token(client_id if number != 3 else "cli_gone", number)) for number in range(8)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers if answer is not None] == [ConflictError]
    assert await find(database, range(8)) == [number != 3 for number in range(8)]


async def test_who_goes_away_harms_no_other(database: Database, client_id: str) -> None:
    """A caller that is gone before its turn takes nothing away from those who wait with it."""
    tokens = OpaqueTokens(database)
    asked = [asyncio.ensure_future(tokens.store(token(client_id, number))) for number in range(4)]
    await asyncio.sleep(0)
    asked[1].cancel()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [answer is None for answer in answers] == [True, False, True, True]
    assert (await find(database, range(4)))[2:] == [True, True]
    await tokens.store(token(client_id, 9))


async def test_without_its_database_every_token_is_refused(database: Database, client_id: str) -> None:
    """Nobody waits for ever, and nobody is given a token that is not stored; each gets an error of its own."""
    tokens = OpaqueTokens(database)
    await database.close()
    asked = [tokens.store(token(client_id, number)) for number in range(3)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [UnavailableError] * 3
    assert len({id(answer) for answer in answers}) == 3
