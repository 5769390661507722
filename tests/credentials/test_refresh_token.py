"""Refresh tokens at the level of values: the key that a token is bound to, and the secret that names successors."""

from __future__ import annotations

from grants_rig import GrantsRig
from support import START_MS
from watchword.credentials.refresh_queries import StoredRefreshToken
from watchword.credentials.refresh_token import RefreshTokens
from watchword.db.database import Database

MASTER = b"m" * 32
DAY_MS = 86_400_000


async def begin(rig: GrantsRig, tokens: RefreshTokens, *, jkt: str | None = None) -> str:
    grant = await rig.start()
    return await rig.database.transaction(
        lambda tx: tokens.begin(
            tx,
            grant_id=grant.id,
            client_id=rig.client.id,
            jkt=jkt,
            expires_at_ms=START_MS + DAY_MS,
            now_ms=START_MS,
        )
    )


async def found(database: Database, tokens: RefreshTokens, token: str, now_ms: int = START_MS) -> StoredRefreshToken:
    stored = await tokens.find(database, token, now_ms)
    assert stored is not None
    return stored


async def succeed(database: Database, tokens: RefreshTokens, token: str, now_ms: int = START_MS) -> str | None:
    stored = await found(database, tokens, token, now_ms)
    return await database.transaction(
        lambda tx: tokens.succeed(tx, token, stored, expires_at_ms=now_ms + DAY_MS, now_ms=now_ms)
    )


async def test_a_successor_is_bound_as_its_predecessor(database: Database) -> None:
    """The key that the first token was bound to binds every later one."""
    rig = await GrantsRig.build(database)
    tokens = RefreshTokens(MASTER, grace_seconds=30)
    successor = await succeed(database, tokens, await begin(rig, tokens, jkt="thumbprint"))
    assert successor is not None
    assert (await found(database, tokens, successor)).jkt == "thumbprint"


async def test_two_processes_name_one_successor(database: Database) -> None:
    """Whoever has the master secret gives the same successor, also to a repeat in another process."""
    rig = await GrantsRig.build(database)
    one, other = (RefreshTokens(MASTER, grace_seconds=30) for _ in range(2))
    token = await begin(rig, one)
    assert await succeed(database, one, token) == await succeed(database, other, token)


async def test_nobody_else_can_name_a_successor(database: Database) -> None:
    """Under another master secret a token has another successor: who knows the token does not know what follows."""
    rig = await GrantsRig.build(database)
    tokens, strange = RefreshTokens(MASTER, grace_seconds=30), RefreshTokens(b"n" * 32, grace_seconds=30)
    token = await begin(rig, tokens)
    assert strange._successor(token) != tokens._successor(token)


async def test_a_clock_behind_counts_as_in_the_grace(database: Database) -> None:
    """A process whose clock is behind the one that used the token does not take a repeat for theft."""
    rig = await GrantsRig.build(database)
    tokens = RefreshTokens(MASTER, grace_seconds=30)
    token = await begin(rig, tokens)
    first = await succeed(database, tokens, token, START_MS + 5_000)
    assert await succeed(database, tokens, token, START_MS) == first


async def test_without_a_grace_every_repeat_is_reuse(database: Database) -> None:
    """An operator who sets the grace to nothing gets strict single use."""
    rig = await GrantsRig.build(database)
    tokens = RefreshTokens(MASTER, grace_seconds=0)
    token = await begin(rig, tokens)
    assert await succeed(database, tokens, token) is not None
    assert await succeed(database, tokens, token) is None
