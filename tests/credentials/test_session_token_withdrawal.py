"""The guarantees of ``credentials/session_token.py`` on what ends a token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from credentials.world import (
    Run,
    World,
    require_refused,
)
from watchword.credentials.key_ring import KNOWN_AHEAD_MS
from watchword.db.database import Statement, Transaction
from watchword.db.generations import Generations
from watchword.errors import NotAuthenticatedError, UnavailableError

# Withdrawal


def test_ended_session_kills_every_token(each_world: World, run: Run[Any]) -> None:
    """After the end the current and the replaced token are refused, here, in a second process and after a restart."""

    async def scenario() -> None:
        old = await each_world.begin(await each_world.user())
        new = await each_world.tokens.refresh(old.token, each_world.now_ms)
        second = each_world.session_tokens()
        for tokens in (each_world.tokens, second):
            await tokens.prove(old.token, each_world.now_ms)
            await tokens.prove(new.token, each_world.now_ms)
        assert await each_world.end(new.session_id)
        for tokens in (each_world.tokens, second, each_world.session_tokens()):
            await require_refused(tokens, old.token, each_world.now_ms)
            await require_refused(tokens, new.token, each_world.now_ms)
        assert not await each_world.end(new.session_id)

    run(scenario())


def test_ended_session_is_401_even_when_expired(world: World, run: Run[Any]) -> None:
    """A token of an ended session never gets the invitation to refresh, also after its ``exp``."""

    async def scenario() -> None:
        issued = await world.begin(await world.user())
        await world.end(issued.session_id)
        await require_refused(world.tokens, issued.token, issued.expires_at_s * 1000 + 1)

    run(scenario())


def test_end_of_all_sessions_spares_others_and_the_named_one(each_world: World, run: Run[Any]) -> None:
    """All sessions of the user end but the one that is named; another user's live on."""

    async def scenario() -> None:
        user_id = await each_world.user()
        kept, ended, other = (
            await each_world.begin(user_id),
            await each_world.begin(user_id),
            await each_world.begin(await each_world.user()),
        )
        for issued in (kept, ended, other):
            await each_world.tokens.prove(issued.token, each_world.now_ms)
        count = await each_world.database.transaction(
            lambda tx: each_world.tokens.end_all(tx, user_id, each_world.now_ms, except_session_id=kept.session_id)
        )
        assert count == 1
        await each_world.tokens.prove(kept.token, each_world.now_ms)
        await each_world.tokens.prove(other.token, each_world.now_ms)
        await require_refused(each_world.tokens, ended.token, each_world.now_ms)
        assert (
            await each_world.database.transaction(lambda tx: each_world.tokens.end_all(tx, user_id, each_world.now_ms))
            == 1
        )
        await require_refused(each_world.tokens, kept.token, each_world.now_ms)

    run(scenario())


def test_rolled_back_end_ends_nothing(world: World, run: Run[Any]) -> None:
    """A transaction that fails after ending a session leaves the session alive."""

    async def scenario() -> None:
        issued = await world.begin(await world.user())

        async def work(tx: Transaction) -> None:
            await world.tokens.end(tx, issued.session_id, world.now_ms)
            raise RuntimeError

        with pytest.raises(RuntimeError):
            await world.database.transaction(work)
        await world.tokens.prove(issued.token, world.now_ms)

    run(scenario())


def test_disabled_user_is_refused(each_world: World, run: Run[Any]) -> None:
    """A user who is disabled is refused at the next request, cannot refresh and cannot begin a session."""

    async def scenario() -> None:
        user_id = await each_world.user()
        issued = await each_world.begin(user_id)
        await each_world.tokens.prove(issued.token, each_world.now_ms)
        await each_world.change(
            "UPDATE users SET disabled_at = 1 WHERE id = $1", user_id, withdraw=(f"user:{user_id}",)
        )
        await require_refused(each_world.tokens, issued.token, each_world.now_ms)
        await require_refused(each_world.tokens, issued.token, issued.expires_at_s * 1000)
        with pytest.raises(NotAuthenticatedError):
            await each_world.begin(user_id)
        assert len(await each_world.database.fetch_rows(Statement("SELECT id FROM sessions"))) == 1

    run(scenario())


def test_deleted_user_is_refused(world: World, run: Run[Any]) -> None:
    """A user who is deleted takes the sessions along."""

    async def scenario() -> None:
        user_id = await world.user()
        issued = await world.begin(user_id)
        await world.tokens.prove(issued.token, world.now_ms)
        await world.change("DELETE FROM users WHERE id = $1", user_id, withdraw=(f"user:{user_id}",))
        await require_refused(world.tokens, issued.token, world.now_ms)

    run(scenario())


def test_change_of_membership_is_in_force_at_once(each_world: World, run: Run[Any]) -> None:
    """A new role, a lost membership and a disabled tenant show on the next request with the same token."""

    async def scenario() -> None:
        first, second = await each_world.tenant(), await each_world.tenant()
        user_id = await each_world.user(first, second)
        token = (await each_world.begin(user_id)).token

        async def memberships() -> list[tuple[str, str]]:
            proof = await each_world.tokens.prove(token, each_world.now_ms)
            return [(membership.tenant_id, membership.role) for membership in proof.memberships]

        assert await memberships() == [(first, "tenant-editor"), (second, "tenant-editor")]
        await each_world.change(
            "UPDATE memberships SET role = 'tenant-viewer' WHERE tenant_id = $1", first, withdraw=(f"user:{user_id}",)
        )
        assert await memberships() == [(first, "tenant-viewer"), (second, "tenant-editor")]
        await each_world.change("DELETE FROM memberships WHERE tenant_id = $1", first, withdraw=(f"user:{user_id}",))
        assert await memberships() == [(second, "tenant-editor")]
        await each_world.change(
            "UPDATE tenants SET disabled_at = 1 WHERE id = $1", second, withdraw=(f"tenant:{second}",)
        )
        assert await memberships() == []
        await each_world.change(
            "UPDATE tenants SET disabled_at = NULL WHERE id = $1", second, withdraw=(f"tenant:{second}",)
        )
        assert await memberships() == [(second, "tenant-editor")]

    run(scenario())


def test_withdrawal_by_another_process_is_in_force_here(world: World, run: Run[Any], tmp_path: Path) -> None:
    """A process that shares only the file of generations drops a proof that it remembers."""

    async def scenario() -> None:
        issued = await world.begin(await world.user())
        await world.tokens.prove(issued.token, world.now_ms)
        other = Generations(tmp_path / "generations")
        await world.change("UPDATE sessions SET ended_at = 1")  # as if by another process: nothing is told here
        await world.tokens.prove(issued.token, world.now_ms)
        other.bump((f"session:{issued.session_id}",))
        await require_refused(world.tokens, issued.token, world.now_ms)
        other.close()

    run(scenario())


def test_nothing_remembered_is_used_without_news(world: World, run: Run[Any]) -> None:
    """While news of withdrawals does not arrive, each request asks the database."""

    async def scenario() -> None:
        issued = await world.begin(await world.user())
        await world.tokens.prove(issued.token, world.now_ms)
        await world.change("UPDATE sessions SET ended_at = 1")
        world.generations.set_trusted(False)
        await require_refused(world.tokens, issued.token, world.now_ms)

    run(scenario())


def test_dead_database_is_no_success(each_world: World, run: Run[Any]) -> None:
    """Without the database a token that is not remembered gets 503, and so does every refresh; a forged one gets 401."""

    async def scenario() -> None:
        issued = await each_world.begin(await each_world.user())
        await each_world.database.close()
        with pytest.raises(UnavailableError):
            await each_world.tokens.prove(issued.token, each_world.now_ms)
        with pytest.raises(UnavailableError):
            await each_world.tokens.refresh(issued.token, each_world.now_ms)
        await require_refused(each_world.tokens, issued.token + "A", each_world.now_ms)

    run(scenario())


def test_retired_key_ends_its_tokens(world: World, run: Run[Any]) -> None:
    """A token ends with the key that signed it, also while it is remembered."""

    async def scenario() -> None:
        issued = await world.begin(await world.user())
        end_ms = world.now_ms + KNOWN_AHEAD_MS + 10_000
        await world.key_ring.rotate(world.now_ms, longest_life_seconds=10)
        await world.tokens.prove(issued.token, end_ms - 1)
        for asked in (world.tokens, world.session_tokens()):
            await require_refused(asked, issued.token, end_ms)
        newest = await world.tokens.refresh(issued.token, end_ms - 1)
        await world.tokens.prove(newest.token, end_ms)

    run(scenario())


def test_what_the_client_says_of_itself_is_bounded(each_world: World, run: Run[Any]) -> None:
    """A user agent of any length or content is stored short and printable."""

    async def scenario() -> None:
        user_id = await each_world.user()
        await each_world.database.transaction(
            lambda tx: each_world.tokens.begin(
                tx, user_id, now_ms=each_world.now_ms, address="2001:db8::1", user_agent="a\0b\x1b[31m" + "x" * 10_000
            )
        )
        [row] = await each_world.database.fetch_rows(Statement("SELECT user_agent, address FROM sessions"))
        assert len(row[0]) == 300
        assert row[0].isprintable()
        assert row[1] == "2001:db8::1"

    run(scenario())
