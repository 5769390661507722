"""Grants live as long as all that they stand on, and consents remember what was allowed."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from grants_rig import API, GrantsRig, change, make_client
from support import START_MS
from tenancy import make_tenant, make_user
from watchword.credentials.standing_end import end_with_membership
from watchword.db.database import Statement, Transaction
from watchword.oauth.models import StoredGrant
from watchword.oauth_errors import AccessDeniedError, InvalidGrantError, LoginRequiredError

DAY_MS = 86_400_000


async def is_living(rig: GrantsRig, grant: StoredGrant, now_ms: int = START_MS) -> bool:
    try:
        found = await rig.grants.get_living(rig.database, rig.client, grant.id, now_ms)
    except InvalidGrantError:
        return False
    assert found == grant
    return True


async def test_a_grant_is_found_as_it_was_started(rig: GrantsRig) -> None:
    """What was allowed comes back whole."""
    session_id = await rig.add_session()
    grant = await rig.start(session_id=session_id, scopes=("openid", "products:read"))
    assert (grant.user_id, grant.session_id, grant.scopes, grant.resources, grant.mode) == (
        rig.user_id,
        session_id,
        ("openid", "products:read"),
        (API,),
        "live",
    )
    assert await is_living(rig, grant)


async def test_a_grant_of_nobody_lives(rig: GrantsRig) -> None:
    """A client may be allowed something without any user."""
    assert await is_living(rig, await rig.start(user_id=None, authenticated_at_ms=None))


async def test_a_grant_has_an_absolute_end(rig: GrantsRig) -> None:
    """At its end, however often it is refreshed, a grant is over; just before it, it is not."""
    grant = await rig.start()
    ends_at_ms = START_MS + 365 * DAY_MS
    assert await is_living(rig, grant, ends_at_ms - 1)
    assert not await is_living(rig, grant, ends_at_ms)


async def test_a_grant_without_refresh_tokens_is_short(rig: GrantsRig) -> None:
    """Where nothing can be refreshed, a grant ends soon after its last token."""
    client = await make_client(rig.database, rig.tenant_id, grants=("authorization_code",))
    grant = await rig.start(client)
    assert grant.expires_at_ms == START_MS + (600 + 3_600) * 1000


async def test_an_ended_grant_is_over(rig: GrantsRig) -> None:
    """Ended once, it stays so, and ending it again changes nothing."""
    grant = await rig.start()
    end = lambda tx: rig.grants.end(tx, rig.tenant_id, grant.id, START_MS)  # noqa: E731 - the transaction's body
    assert await rig.database.transaction(end) is True
    assert not await is_living(rig, grant)
    assert await rig.database.transaction(end) is False


async def test_a_grant_is_another_clients_business(rig: GrantsRig) -> None:
    """Neither another client of the tenant nor one of another tenant finds it, and another tenant cannot end it."""
    grant = await rig.start()
    other = await make_tenant(rig.database, "globex")
    foreign = await make_client(rig.database, other.id)
    for client in (rig.other_client, foreign):
        with pytest.raises(InvalidGrantError):
            await rig.grants.get_living(rig.database, client, grant.id, START_MS)
    assert await rig.database.transaction(lambda tx: rig.grants.end(tx, other.id, grant.id, START_MS)) is False
    assert await is_living(rig, grant)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE users SET disabled_at = 1",
        "DELETE FROM memberships",
        "UPDATE oauth_grants SET ended_at = 1",
        "UPDATE oauth_grants SET expires_at = 1",
        "DELETE FROM oauth_grants",
        "DELETE FROM users",
    ],
)
async def test_a_grant_falls_with_what_it_stands_on(rig: GrantsRig, statement: str) -> None:
    """Without its user, the user's membership or its own time it is over at once."""
    grant = await rig.start()
    await change(rig.database, statement)
    assert not await is_living(rig, grant)


@pytest.mark.parametrize("statement", ["UPDATE users SET disabled_at = 1", "DELETE FROM memberships"])
async def test_who_is_no_member_allows_nothing(rig: GrantsRig, statement: str) -> None:
    """A removal between the page and the answer is not followed by a grant or a remembered consent."""
    await change(rig.database, statement)
    with pytest.raises(AccessDeniedError):
        await rig.start()
    with pytest.raises(AccessDeniedError):
        await keep(rig, "openid")


async def test_no_grant_slips_by_a_removal(rig: GrantsRig) -> None:
    """Of grants that begin while their user is removed, each is refused or ended with the membership."""

    async def remove() -> None:
        async def work(tx: Transaction) -> None:
            await tx.execute(Statement("DELETE FROM memberships WHERE user_id = $1"), rig.user_id)
            await end_with_membership(tx, rig.tenant_id, rig.user_id, START_MS)

        await rig.database.transaction(work)

    async def begin() -> None:
        with contextlib.suppress(AccessDeniedError):
            await rig.start()

    await asyncio.gather(*(begin() for _ in range(20)), remove(), *(begin() for _ in range(20)))
    row = await rig.database.fetch_row(Statement("SELECT count(*) FROM oauth_grants WHERE ended_at IS NULL"))
    assert row is not None
    assert row[0] == 0


async def test_a_grant_ends_with_its_session_unless_offline(rig: GrantsRig) -> None:
    """Signing out is the end of what was allowed in the session, but for offline access (Back-Channel Logout §2.7)."""
    session_id = await rig.add_session()
    bound = await rig.start(session_id=session_id)
    offline = await rig.start(session_id=session_id, scopes=("openid", "offline_access"))
    await change(rig.database, "UPDATE sessions SET ended_at = 1")
    assert not await is_living(rig, bound)
    assert await is_living(rig, offline)


OFFLINE = ("openid", "offline_access")


async def test_a_grant_ends_when_its_session_runs_out(rig: GrantsRig) -> None:
    """At the end that a session comes to by itself, its grants are over, but for offline access; just before not."""
    session_id = await rig.add_session(ends_at_ms=START_MS + DAY_MS)
    bound, offline = await rig.start(session_id=session_id), await rig.start(session_id=session_id, scopes=OFFLINE)
    assert await is_living(rig, bound, START_MS + DAY_MS - 1)
    assert not await is_living(rig, bound, START_MS + DAY_MS)
    assert await is_living(rig, offline, START_MS + DAY_MS)


async def test_a_grant_goes_on_with_a_session_that_is_refreshed(rig: GrantsRig) -> None:
    """A refreshed session moves the end of what hangs on it."""
    bound = await rig.start(session_id=await rig.add_session())
    await change(rig.database, "UPDATE sessions SET current_expires_at = $1", START_MS + 2 * DAY_MS)
    found = await rig.grants.get_living(rig.database, rig.client, bound.id, START_MS + 2 * DAY_MS - 1)
    assert found.tokens_end_at_ms == START_MS + 2 * DAY_MS
    assert not await is_living(rig, bound, START_MS + 2 * DAY_MS)


async def test_a_grant_is_over_when_nothing_is_left_of_its_session(rig: GrantsRig) -> None:
    """A session that was over so long that it was deleted takes its grants with it all the same."""
    session_id = await rig.add_session()
    bound, offline = await rig.start(session_id=session_id), await rig.start(session_id=session_id, scopes=OFFLINE)
    await change(rig.database, "DELETE FROM sessions")
    assert not await is_living(rig, bound)
    assert await is_living(rig, offline)


@pytest.mark.parametrize("what", ["ended", "over", "gone", "another's"])
async def test_nothing_begins_in_a_session_that_is_over(rig: GrantsRig, what: str) -> None:
    """Neither a session that was ended nor one that ran out takes a new grant, nor does somebody else's."""
    other = await make_user(rig.database, "ben@example.com")
    session_id = await rig.add_session(user_id=other if what == "another's" else None, ends_at_ms=START_MS + 1)
    if what == "ended":
        await change(rig.database, "UPDATE sessions SET ended_at = 1")
    elif what == "over":
        await change(rig.database, "UPDATE sessions SET current_expires_at = $1", START_MS)
    elif what == "gone":
        await change(rig.database, "DELETE FROM sessions")
    for scopes in (OFFLINE, ("products:read",)):
        with pytest.raises(LoginRequiredError):
            await rig.start(session_id=session_id, scopes=scopes)


async def keep(rig: GrantsRig, *scopes: str, now_ms: int = START_MS) -> None:
    await rig.database.transaction(
        lambda tx: rig.grants.keep_consent(
            tx, rig.client, user_id=rig.user_id, scopes=scopes, resources=(API,), now_ms=now_ms
        )
    )


async def test_consents_add_up(rig: GrantsRig) -> None:
    """What was allowed later stands beside what was allowed before, each once."""
    await keep(rig, "openid", "products:read")
    await keep(rig, "products:read", "orders:read", now_ms=START_MS + 5)
    consent = await rig.grants.find_consent(rig.tenant_id, rig.user_id, rig.client.id)
    assert consent is not None
    assert consent.scopes == ("openid", "products:read", "orders:read")
    assert consent.resources == (API,)
    assert (consent.created_at_ms, consent.updated_at_ms) == (START_MS, START_MS + 5)


async def test_a_consent_is_to_one_client_in_one_tenant(rig: GrantsRig) -> None:
    """Nothing is remembered for another client, user or tenant."""
    await keep(rig, "openid")
    assert await rig.grants.find_consent(rig.tenant_id, rig.user_id, rig.other_client.id) is None
    assert await rig.grants.find_consent(rig.tenant_id, "usr_other", rig.client.id) is None
    assert await rig.grants.find_consent("ten_other", rig.user_id, rig.client.id) is None


async def test_withdrawing_a_consent_ends_its_grants(rig: GrantsRig) -> None:
    """Every grant of the user to this client ends, whenever it was given, and no other."""
    await keep(rig, "openid")
    ended = [await rig.start(), await rig.start(scopes=("offline_access",))]
    spared = await rig.start(rig.other_client)
    withdrawn = await rig.database.transaction(
        lambda tx: rig.grants.withdraw_consent(tx, rig.tenant_id, rig.user_id, rig.client.id, START_MS)
    )
    assert set(withdrawn) == {grant.id for grant in ended}
    assert [await is_living(rig, grant) for grant in ended] == [False, False]
    await rig.grants.get_living(rig.database, rig.other_client, spared.id, START_MS)
    assert await rig.grants.find_consent(rig.tenant_id, rig.user_id, rig.client.id) is None
