"""The guarantees of ``credentials/session_token.py``: what a token proves, its times and its refresh."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from credentials.world import (
    ABSOLUTE_TTL_SECONDS,
    GRACE_SECONDS,
    ISSUER,
    TTL_SECONDS,
    Run,
    World,
    claims_of,
    require_refused,
)
from watchword.credentials.session_token import (
    TENANTS_IN_TOKEN_MAX,
    IssuedToken,
    has_session_token_shape,
)
from watchword.db.database import Statement
from watchword.errors import ExpiredSessionTokenError, NotAuthenticatedError

# What a good token proves


def test_token_proves_its_user(each_world: World, run: Run[Any]) -> None:
    """A token proves the user, the session and the memberships, oldest first, with what each tenant allows."""

    async def scenario() -> None:
        first = await each_world.tenant(plan="pro", allowed_origins=("https://shop.example",), requests_per_minute=8)
        second = await each_world.tenant()
        user_id = await each_world.user(first, second)
        issued = await each_world.begin(user_id)
        for _ in range(2):
            proof = await each_world.tokens.prove(issued.token, each_world.now_ms)
            assert (proof.user_id, proof.session_id) == (user_id, issued.session_id)
            assert (proof.email, proof.name, proof.is_super_admin) == (f"{user_id}@example.com", "Mina", False)
            assert [membership.tenant_id for membership in proof.memberships] == [first, second]
            assert proof.memberships[0].allowed_origins == ("https://shop.example",)
            assert (proof.memberships[0].plan, proof.memberships[0].role) == ("pro", "tenant-editor")
            assert (proof.memberships[0].requests_per_minute, proof.memberships[0].requests_per_hour) == (8, None)
            assert proof.memberships[1].slug == second.replace("_", "-")
            assert proof.expires_at_s == issued.expires_at_s == each_world.now_ms // 1000 + TTL_SECONDS

    run(scenario())


def test_token_is_a_jwt_of_the_documents_shape(world: World, run: Run[Any]) -> None:
    """Any JOSE library reads the claims, and the text begins as the document prints it."""

    async def scenario() -> None:
        tenant_id = await world.tenant()
        issued = await world.begin(await world.user(tenant_id))
        assert issued.token.startswith("eyJhbGciOiJIUzI1NiIs")
        assert has_session_token_shape(issued.token)
        claims = claims_of(issued.token, world)
        assert set(claims) == {"iss", "sub", "sid", "jti", "email", "role", "tenants", "iat", "exp"}
        assert (claims["iss"], claims["role"], claims["tenants"]) == (ISSUER, "tenant-editor", [tenant_id])

    run(scenario())


def test_super_admin_is_named(world: World, run: Run[Any]) -> None:
    """A super-admin is one in the proof and in the claim, without any tenant."""

    async def scenario() -> None:
        issued = await world.begin(await world.user(is_super_admin=True))
        proof = await world.tokens.prove(issued.token, world.now_ms)
        assert proof.is_super_admin
        assert proof.memberships == ()
        assert claims_of(issued.token, world)["role"] == "super-admin"

    run(scenario())


def test_member_of_very_many_tenants_can_log_in(world: World, run: Run[Any]) -> None:
    """However many tenants a user has, the token stays short enough to be taken."""

    async def scenario() -> None:
        user_id = await world.user(*[await world.tenant() for _ in range(TENANTS_IN_TOKEN_MAX + 5)])
        issued = await world.begin(user_id)
        proof = await world.tokens.prove(issued.token, world.now_ms)
        assert len(proof.memberships) == TENANTS_IN_TOKEN_MAX + 5
        assert len(claims_of(issued.token, world)["tenants"]) == TENANTS_IN_TOKEN_MAX

    run(scenario())


def test_token_is_hidden_in_logs(world: World, run: Run[Any]) -> None:
    """Printing what was issued does not print the token, nor does a key print its secret."""

    async def scenario() -> None:
        issued = await world.begin(await world.user())
        assert issued.token not in repr(issued)
        assert issued.token.split(".")[2] not in repr(issued)

    run(scenario())


def test_database_holds_no_token_and_no_sid(each_world: World, run: Run[Any]) -> None:
    """What is stored of a session is not enough to name it in a token (the ``sid`` stands as a hash only)."""

    async def scenario() -> None:
        issued = await each_world.begin(await each_world.user())
        rows = await each_world.database.fetch_rows(Statement("SELECT * FROM sessions"))
        sid = claims_of(issued.token, each_world)["sid"]
        assert len(sid) >= 22
        assert sid not in str(rows)
        assert sid.encode() not in b"".join(value for value in rows[0] if isinstance(value, bytes))

    run(scenario())


# Time


@pytest.mark.parametrize("is_remembered", [True, False])
def test_token_ends_exactly_at_exp(world: World, run: Run[Any], is_remembered: bool) -> None:  # noqa: FBT001 - a row
    """A token is good until the millisecond before ``exp`` and expired at it and after it (RFC 7519 §4.1.4)."""

    async def scenario() -> None:
        issued = await world.begin(await world.user())
        exp_ms = issued.expires_at_s * 1000
        if is_remembered:
            await world.tokens.prove(issued.token, world.now_ms)
        tokens = world.tokens
        for now_ms in (exp_ms - 1000, exp_ms - 1):
            await tokens.prove(issued.token, now_ms)
        for now_ms in (exp_ms, exp_ms + 1, exp_ms + 1000):
            tokens = tokens if is_remembered else world.session_tokens()
            with pytest.raises(ExpiredSessionTokenError):
                await tokens.prove(issued.token, now_ms)
            with pytest.raises(ExpiredSessionTokenError):
                await tokens.refresh(issued.token, now_ms)

    run(scenario())


def test_expired_token_is_expired_each_time(world: World, run: Run[Any]) -> None:
    """An expired token is refused from memory as it was the first time."""

    async def scenario() -> None:
        issued = await world.begin(await world.user())
        for _ in range(3):
            with pytest.raises(ExpiredSessionTokenError):
                await world.tokens.prove(issued.token, issued.expires_at_s * 1000)

    run(scenario())


@pytest.mark.parametrize("is_remembered", [True, False])
def test_clock_a_day_back_refuses(world: World, run: Run[Any], is_remembered: bool) -> None:  # noqa: FBT001 - a row
    """A token issued beyond the skew of nodes ahead of the clock is refused; inside the skew it is taken."""

    async def scenario() -> None:
        issued = await world.begin(await world.user())
        if is_remembered:
            await world.tokens.prove(issued.token, world.now_ms)
        await world.tokens.prove(issued.token, world.now_ms - 60_000)
        with pytest.raises(NotAuthenticatedError):
            await world.tokens.prove(issued.token, world.now_ms - 60_001)
        await require_refused(world.session_tokens(), issued.token, world.now_ms - 86_400_000)

    run(scenario())


def test_session_ends_at_its_absolute_limit(world: World, run: Run[Any]) -> None:
    """However often it is refreshed, a session ends at its limit, and no token outlives it (ASVS 7.3.2)."""

    async def scenario() -> None:
        issued = await world.begin(await world.user())
        end_s = world.now_ms // 1000 + ABSOLUTE_TTL_SECONDS
        while issued.expires_at_s < end_s:
            world.clock.set_now(issued.expires_at_s * 1000 - 1)
            issued = await world.tokens.refresh(issued.token, world.now_ms)
        assert issued.expires_at_s == end_s
        await world.tokens.prove(issued.token, end_s * 1000 - 1)
        await require_refused(world.tokens, issued.token, end_s * 1000)
        await require_refused(world.session_tokens(), issued.token, end_s * 1000)

    run(scenario())


# Refresh


def test_refresh_gives_a_new_token_of_the_same_session(world: World, run: Run[Any]) -> None:
    """A refresh keeps the session and makes a token with a later end and another ``jti``."""

    async def scenario() -> None:
        old = await world.begin(await world.user())
        world.clock.advance(5000)
        new = await world.tokens.refresh(old.token, world.now_ms)
        assert new.session_id == old.session_id
        assert new.expires_at_s == old.expires_at_s + 5
        assert claims_of(new.token, world)["jti"] != claims_of(old.token, world)["jti"]
        assert (await world.tokens.prove(new.token, world.now_ms)).session_id == old.session_id

    run(scenario())


@pytest.mark.parametrize("is_remembered", [True, False])
def test_old_token_lives_exactly_for_the_grace(
    each_world: World,
    run: Run[Any],
    is_remembered: bool,  # noqa: FBT001 - a row
) -> None:
    """After a refresh the old token works until the last millisecond of the grace, and never again."""

    async def scenario() -> None:
        old = await each_world.begin(await each_world.user())
        await each_world.tokens.prove(old.token, each_world.now_ms)
        await each_world.tokens.refresh(old.token, each_world.now_ms)
        end_ms = each_world.now_ms + GRACE_SECONDS * 1000
        tokens = each_world.tokens
        for now_ms in (end_ms - 1000, end_ms - 1):
            await tokens.prove(old.token, now_ms)
        for now_ms in (end_ms, end_ms + 1, old.expires_at_s * 1000, old.expires_at_s * 1000 + 1):
            await require_refused(tokens if is_remembered else each_world.session_tokens(), old.token, now_ms)

    run(scenario())


def test_repeat_inside_the_grace_gives_the_same_token(each_world: World, run: Run[Any]) -> None:
    """A client that did not hear the answer asks again with the old token and gets the same new one."""

    async def scenario() -> None:
        old = await each_world.begin(await each_world.user())
        new = await each_world.tokens.refresh(old.token, each_world.now_ms)
        each_world.clock.advance(GRACE_SECONDS * 1000 - 1)
        assert await each_world.tokens.refresh(old.token, each_world.now_ms) == new
        each_world.clock.advance(1)
        await require_refused(each_world.tokens, old.token, each_world.now_ms)

    run(scenario())


def test_fifty_parallel_refreshes_make_one_token(each_world: World, run: Run[Any]) -> None:
    """Of 50 parallel refreshes of one token, from two processes, all get one and the same new token."""

    async def scenario() -> None:
        old = await each_world.begin(await each_world.user())
        other = each_world.session_tokens()
        calls = (tokens.refresh(old.token, each_world.now_ms) for tokens in (each_world.tokens, other) * 25)
        answers: list[IssuedToken] = await asyncio.gather(*calls)
        assert len({answer.token for answer in answers}) == 1
        assert answers[0].token != old.token

    run(scenario())


def test_no_grace_means_one_winner(each_world: World, run: Run[Any]) -> None:
    """With a grace of zero exactly one of the parallel refreshes gets the new token."""

    async def scenario() -> None:
        tokens = each_world.session_tokens(grace_seconds=0)
        old = await each_world.begin(await each_world.user(), tokens)
        calls = (tokens.refresh(old.token, each_world.now_ms) for _ in range(50))
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(answer, IssuedToken) for answer in answers) == 1
        assert sum(isinstance(answer, NotAuthenticatedError) for answer in answers) == 49

    run(scenario())


def test_second_refresh_retires_the_token_before_last(world: World, run: Run[Any]) -> None:
    """Only the token just replaced has a grace."""

    async def scenario() -> None:
        first = await world.begin(await world.user())
        second = await world.tokens.refresh(first.token, world.now_ms)
        third = await world.tokens.refresh(second.token, world.now_ms)
        await require_refused(world.tokens, first.token, world.now_ms)
        await world.tokens.prove(second.token, world.now_ms)
        await world.tokens.prove(third.token, world.now_ms)

    run(scenario())
