"""What ends with a session, whoever ends it, and which clients will be told: on both databases."""

from __future__ import annotations

import pytest

from grants_rig import GrantsRig, change, make_client
from support import START_MS
from tenancy import make_user
from watchword.credentials.key_ring import KeyRing
from watchword.credentials.session_token import SessionTokens
from watchword.credentials.verified import VerifiedCache
from watchword.db.database import Statement
from watchword.db.generations import Generations
from watchword.oauth.models import OAuthClient, StoredGrant
from watchword.oauth_errors import InvalidGrantError

BACKCHANNEL = "https://client.example/logout"
ONLINE = ("openid", "products:read")
OFFLINE = ("openid", "offline_access")


class Signed:
    """The rig's member with three sessions, and a client that wants to be told of their ends."""

    tokens: SessionTokens
    client: OAuthClient
    sessions: list[str]

    def __init__(self, rig: GrantsRig) -> None:
        self.rig = rig

    async def begin(self, user_id: str) -> str:
        """Start a session and return its id."""
        issued = await self.rig.database.transaction(
            lambda tx: self.tokens.begin(tx, user_id, now_ms=START_MS, address="192.0.2.1", user_agent="test")
        )
        return issued.session_id

    async def start(self, session: int, scopes: tuple[str, ...] = ONLINE) -> StoredGrant:
        """Start a grant in one of the sessions."""
        return await self.rig.start(self.client, session_id=self.sessions[session], scopes=scopes)

    async def is_living(self, grant: StoredGrant) -> bool:
        """Say whether a grant still counts."""
        try:
            await self.rig.grants.get_living(self.rig.database, self.client, grant.id, START_MS)
        except InvalidGrantError:
            return False
        return True

    async def notices(self) -> list[tuple[str, str, str]]:
        """Return client, session and user of each notice that waits."""
        statement = Statement(
            "SELECT client_id, session_id, user_id FROM oauth_logout_notices WHERE due_at = $1 AND attempts = 0"
            " ORDER BY session_id"
        )
        return [(row[0], row[1], row[2]) for row in await self.rig.database.fetch_rows(statement, START_MS)]

    async def end(self, session: int) -> bool:
        """End one session."""
        return await self.rig.database.transaction(lambda tx: self.tokens.end(tx, self.sessions[session], START_MS))

    async def end_all(self, keep: int | None = None) -> int:
        """End all sessions of the member, or all but one."""
        kept = None if keep is None else self.sessions[keep]
        return await self.rig.database.transaction(
            lambda tx: self.tokens.end_all(tx, self.rig.user_id, START_MS, except_session_id=kept)
        )


@pytest.fixture
async def signed(rig: GrantsRig, generations: Generations) -> Signed:
    built = Signed(rig)
    built.client = await make_client(rig.database, rig.tenant_id, backchannel_logout_uri=BACKCHANNEL)
    built.tokens = SessionTokens(
        rig.database,
        generations,
        await KeyRing.open(rig.database, generations, b"m" * 32, START_MS),
        VerifiedCache(generations, entries_max=10),
        issuer="https://auth.example",
        ttl_seconds=3_600,
        absolute_ttl_seconds=86_400,
    )
    built.sessions = [await built.begin(rig.user_id) for _ in range(3)]
    return built


async def test_one_session_takes_its_grants_and_no_others(signed: Signed) -> None:
    """Grants of the session end but for offline access (Back-Channel Logout §2.7); other sessions' go on."""
    online, offline, elsewhere = await signed.start(0), await signed.start(0, OFFLINE), await signed.start(1)
    assert await signed.end(0)
    assert [await signed.is_living(grant) for grant in (online, offline, elsewhere)] == [False, True, True]


async def test_clients_are_told_once_a_session(signed: Signed) -> None:
    """A client is told of a session's end once, however many grants it had in it and however often it is ended."""
    for _ in range(2):
        await signed.start(0)
    await signed.start(0, OFFLINE)
    assert await signed.end(0)
    assert not await signed.end(0)
    assert await signed.notices() == [(signed.client.id, signed.sessions[0], signed.rig.user_id)]


@pytest.mark.parametrize("scopes", [("products:read",), ("offline_access",)])
async def test_clients_without_id_token_are_not_told(signed: Signed, scopes: tuple[str, ...]) -> None:
    """Who was never told of a session is not told of its end."""
    await signed.start(0, scopes)
    await signed.end(0)
    assert await signed.notices() == []


async def test_clients_without_an_address_are_not_told(signed: Signed) -> None:
    """Where a client has no address for it, nothing waits to be sent."""
    await signed.rig.start(session_id=signed.sessions[0])
    await signed.end(0)
    assert await signed.notices() == []


async def test_clients_whose_grant_has_ended_are_told_too(signed: Signed) -> None:
    """A client keeps its own session when its grant is over; it is told all the same."""
    grant = await signed.start(0)
    await signed.rig.database.transaction(
        lambda tx: signed.rig.grants.end(tx, signed.rig.tenant_id, grant.id, START_MS)
    )
    await signed.end(0)
    assert len(await signed.notices()) == 1


async def test_all_sessions_take_everything(signed: Signed) -> None:
    """Where all sessions of a user end, offline access and grants without a session end too (RFC 9700 §4.14.2)."""
    grants = [await signed.start(0), await signed.start(1, OFFLINE)]
    grants.append(await signed.rig.start(signed.client, session_id=None))
    await signed.end(2)
    assert await signed.end_all() == 2
    assert [await signed.is_living(grant) for grant in grants] == [False, False, False]
    assert {session for _, session, _ in await signed.notices()} == set(signed.sessions[:2])


async def test_the_session_that_stays_keeps_its_grants(signed: Signed) -> None:
    """A new password ends what hangs on other sessions, and nothing of the one that set it."""
    kept, ended = [await signed.start(0), await signed.start(0, OFFLINE)], await signed.start(1, OFFLINE)
    assert await signed.end_all(keep=0) == 2
    assert [await signed.is_living(grant) for grant in (*kept, ended)] == [True, True, False]
    assert [session for _, session, _ in await signed.notices()] == [signed.sessions[1]]


async def test_another_user_goes_on(signed: Signed) -> None:
    """The end of one user's sessions is nobody else's."""
    grant = await signed.start(0)
    other = await make_user(signed.rig.database, "ben@example.com")
    await signed.begin(other)
    await signed.rig.database.transaction(lambda tx: signed.tokens.end_all(tx, other, START_MS))
    assert await signed.is_living(grant)
    assert await signed.notices() == []


async def test_everyones_end(signed: Signed) -> None:
    """Where every session ends, every grant of a user does, and what clients have for themselves goes on."""
    grant, own = await signed.start(0, OFFLINE), await signed.rig.start(signed.client, user_id=None)
    assert await signed.rig.database.transaction(lambda tx: signed.tokens.end_everyones(tx, START_MS)) == 3
    assert [await signed.is_living(one) for one in (grant, own)] == [False, True]
    assert len(await signed.notices()) == 1


async def test_what_is_rolled_back_ends_nothing(signed: Signed) -> None:
    """Grants and notices share the fate of the transaction that ends the session."""
    grant = await signed.start(0)

    async def fail(tx: object) -> None:
        await signed.tokens.end(tx, signed.sessions[0], START_MS)  # type: ignore[arg-type] # the transaction
        raise InvalidGrantError

    with pytest.raises(InvalidGrantError):
        await signed.rig.database.transaction(fail)
    assert await signed.is_living(grant)
    assert await signed.notices() == []


async def test_notices_go_with_their_client(signed: Signed) -> None:
    """A deleted client is told nothing any more."""
    await signed.start(0)
    await signed.end(0)
    await change(signed.rig.database, "DELETE FROM oauth_clients WHERE id = $1", signed.client.id)
    assert await signed.notices() == []
