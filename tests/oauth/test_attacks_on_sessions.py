"""What is allowed while its session ends: on both databases, nothing outlives the ending of all that a user allowed."""

from __future__ import annotations

import asyncio

import pytest

from grants_rig import GrantsRig
from support import START_MS
from watchword.credentials.key_ring import KeyRing
from watchword.credentials.session_token import SessionTokens
from watchword.credentials.verified import VerifiedCache
from watchword.db.database import Transaction
from watchword.db.generations import Generations
from watchword.oauth.models import StoredGrant
from watchword.oauth_errors import InvalidGrantError, LoginRequiredError

OFFLINE = ("openid", "offline_access")


@pytest.fixture
async def tokens(rig: GrantsRig, generations: Generations) -> SessionTokens:
    """The sessions of the rig's member."""
    key_ring = await KeyRing.open(rig.database, generations, b"m" * 32, START_MS)
    cache = VerifiedCache(generations, entries_max=10)
    return SessionTokens(
        rig.database, generations, key_ring, cache, issuer="https://x", ttl_seconds=600, absolute_ttl_seconds=600
    )


async def begin(rig: GrantsRig, tokens: SessionTokens) -> str:
    issued = await rig.database.transaction(
        lambda tx: tokens.begin(tx, rig.user_id, now_ms=START_MS, address="192.0.2.1", user_agent="test")
    )
    return issued.session_id


async def start(rig: GrantsRig, tx: Transaction, session_id: str) -> StoredGrant:
    return await rig.grants.start(
        tx,
        rig.client,
        user_id=rig.user_id,
        session_id=session_id,
        scopes=OFFLINE,
        resources=(),
        authenticated_at_ms=START_MS,
        now_ms=START_MS,
    )


async def test_nothing_is_allowed_in_an_ended_session(rig: GrantsRig, tokens: SessionTokens) -> None:
    """Who proved a session a moment before its end gets nothing of it, offline access least of all (RFC 9700 §4.14.2)."""
    session_id = await begin(rig, tokens)
    await rig.database.transaction(lambda tx: tokens.end(tx, session_id, START_MS))
    with pytest.raises(LoginRequiredError):
        await rig.database.transaction(lambda tx: start(rig, tx, session_id))


async def test_a_new_password_ends_what_is_being_allowed(rig: GrantsRig, tokens: SessionTokens) -> None:
    """The end of all sessions waits for a grant that is being stored, and ends it too."""
    session_id = await begin(rig, tokens)
    stored, go_on = asyncio.Event(), asyncio.Event()

    async def allow(tx: Transaction) -> StoredGrant:
        grant = await start(rig, tx, session_id)
        if rig.database.dialect == "postgres":
            # SQLite has one writer, in a thread of its own: there the other waits from the first line on.
            stored.set()
            await go_on.wait()
        return grant

    allowing = asyncio.create_task(rig.database.transaction(allow))
    if rig.database.dialect == "postgres":
        await stored.wait()
    else:
        await allowing
    ending = asyncio.create_task(rig.database.transaction(lambda tx: tokens.end_all(tx, rig.user_id, START_MS)))
    await asyncio.wait({ending}, timeout=0.3)
    go_on.set()
    grant, _ = await allowing, await ending
    with pytest.raises(InvalidGrantError):
        await rig.grants.get_living(rig.database, rig.client, grant.id, START_MS)
