"""Clients are told of a session's end at their own address, whatever dies on the way, and nobody else is reached."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from eventually import eventually
from grants_rig import GrantsRig, change, make_client
from https_site import THIS_MACHINE, Site, answer_of
from oauth_flow import Flow
from support import START_MS, SetClock
from tenancy import ReadableAudit
from watchword.credentials.access_token import IssuerNames
from watchword.credentials.expired import KEPT_MS, prune_grants
from watchword.credentials.issuer_keys import IssuerKeys
from watchword.credentials.session_end import end_with_session
from watchword.credentials.signing import SIGNING_ALGORITHMS, SigningAlgorithm
from watchword.db.database import Statement, Transaction
from watchword.db.generations import Generations
from watchword.errors import UnavailableError
from watchword.oauth.backchannel_logout import BackchannelLogout
from watchword.oauth.models import OAuthClient
from watchword.wire.fetcher import Fetcher
from world import World, open_api

# EdDSA's name is to become Ed25519 (RFC 9864), which few read yet.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")

EVENT = "http://schemas.openid.net/event/backchannel-logout"
OK = answer_of(b"")
RETRY_SECONDS = (10, 60, 300, 1800)


class Rig:
    """A client's site, the client, and what tells it."""

    def __init__(self, rig: GrantsRig, site: Site, keys: IssuerKeys, audit: ReadableAudit) -> None:
        self.rig = rig
        self.site = site
        self.keys = keys
        self.audit = audit
        self.telling = self.process()

    def process(self, *, seconds_max: float = 5.0) -> BackchannelLogout:
        """Return what tells clients in another process."""
        fetcher = Fetcher(allowed_networks=THIS_MACHINE, ca_file=self.site.ca_file, seconds_max=seconds_max)
        names = IssuerNames("https://auth.example")
        return BackchannelLogout(
            self.rig.database, keys=self.keys, names=names, fetcher=fetcher, audit=self.audit.writer
        )

    async def client(self, path: str = "/logout", **settings: Any) -> OAuthClient:  # noqa: ANN401 - of ClientSettings
        """Store a client that is told at a path of the site, and answers it with 200."""
        self.site.answers.setdefault(path, OK)
        uri = settings.pop("uri", self.site.url(path))
        return await make_client(self.rig.database, self.rig.tenant_id, backchannel_logout_uri=uri, **settings)

    async def end_session(self, client: OAuthClient, session_id: str) -> None:
        """End a session in which the member had allowed the client something."""
        await change(
            self.rig.database,
            "INSERT INTO sessions (id, sid_hash, user_id, current_jti, current_issued_at, current_expires_at, address,"
            " user_agent, created_at, refreshed_at, expires_at)"
            " VALUES ($1, $2, $3, '', 1, $4, '', '', 1, 1, $4) ON CONFLICT (id) DO UPDATE SET ended_at = NULL",
            session_id,
            session_id.encode(),
            self.rig.user_id,
            START_MS + 86_400_000,
        )
        await self.rig.start(client, session_id=session_id)

        async def work(tx: Transaction) -> None:
            await tx.execute(Statement("UPDATE sessions SET ended_at = 1 WHERE id = $1"), session_id)
            await end_with_session(tx, session_id, START_MS)

        await self.rig.database.transaction(work)

    async def waiting(self) -> int:
        """Return how many notices wait."""
        return len(await self.rig.database.fetch_rows(Statement("SELECT client_id FROM oauth_logout_notices")))

    def told(self) -> list[str]:
        """Return the logout tokens that the site got."""
        return [parse_qs(body)["logout_token"][0] for body in self.site.bodies]

    async def claims(self, token: str, algorithm: SigningAlgorithm = "EdDSA") -> dict[str, Any]:
        """Verify a logout token as a client does, by the published keys alone."""
        published = [key.public_jwk for key in await self.keys.published(self.rig.tenant_id, START_MS)]
        opened = jwt.decode(token, KeySet.import_key_set({"keys": published}), algorithms=[algorithm])
        assert opened.header["typ"] == "logout+jwt"
        return dict(opened.claims)


@pytest.fixture
def audit(rig: GrantsRig) -> Iterator[ReadableAudit]:
    readable = ReadableAudit(rig.database)
    yield readable
    readable.close()


@pytest.fixture
def logout(rig: GrantsRig, site: Site, generations: Generations, audit: ReadableAudit) -> Rig:
    keys = IssuerKeys(rig.database, generations, b"m" * 32, longest_life_seconds=86_400)
    return Rig(rig, site, keys, audit)


@pytest.mark.parametrize("algorithm", SIGNING_ALGORITHMS)
async def test_a_client_is_told(logout: Rig, algorithm: SigningAlgorithm) -> None:
    """The client gets a logout token with the claims of §2.4, and no ``nonce``; it verifies by the published keys."""
    client = await logout.client(signing_algorithm=algorithm)
    await logout.end_session(client, "ses_1")
    assert await logout.telling.deliver_due(START_MS) == 1
    [token] = logout.told()
    claims = await logout.claims(token, algorithm)
    assert claims.pop("jti")
    assert claims == {
        "iss": "https://auth.example/t/acme",
        "sub": logout.rig.user_id,
        "aud": client.id,
        "sid": "ses_1",
        "iat": START_MS // 1000,
        "exp": START_MS // 1000 + 120,
        "events": {EVENT: {}},
    }
    assert "content-type: application/x-www-form-urlencoded" in logout.site.asked[0]
    assert await logout.waiting() == 0
    assert await logout.telling.deliver_due(START_MS) == 0


@pytest.mark.parametrize("status", ["200 OK", "204 No Content"])
async def test_a_client_that_heard_is_told_once(logout: Rig, status: str) -> None:
    """With 200, or the 204 that some frameworks make of it (§2.8), it is done."""
    logout.site.answers["/logout"] = answer_of(b"", status=status)
    await logout.end_session(await logout.client(), "ses_1")
    await logout.telling.deliver_due(START_MS)
    assert (await logout.waiting(), len(logout.site.asked)) == (0, 1)


FAILURES = ["400 Bad Request", "404 Not Found", "500 Internal Server Error", "302 Found"]


@pytest.mark.parametrize("status", FAILURES)
async def test_a_client_that_failed_is_told_again(logout: Rig, status: str) -> None:
    """Any other answer, a redirect too, is a failure: the same is told later, in a fresh token, and not sooner."""
    headers = ("location: /elsewhere",) if status.startswith("302") else ()
    logout.site.answers["/logout"] = answer_of(b"", status=status, headers=headers)
    logout.site.answers["/elsewhere"] = OK
    await logout.end_session(await logout.client(), "ses_1")
    await logout.telling.deliver_due(START_MS)
    assert await logout.telling.deliver_due(START_MS + 9_999) == 0
    logout.site.answers["/logout"] = OK
    assert await logout.telling.deliver_due(START_MS + 10_000) == 1
    first, second = [await logout.claims(token) for token in logout.told()]
    assert (first["sid"], first["jti"]) != (second["sid"], second["jti"])
    assert second["exp"] == START_MS // 1000 + 130
    assert await logout.waiting() == 0


async def test_a_dead_address_is_given_up(logout: Rig) -> None:
    """After five failures, each later than the one before, nothing is sent any more, and the log says so."""
    logout.site.answers["/logout"] = answer_of(b"", status="500 Internal Server Error")
    await logout.end_session(await logout.client(), "ses_1")
    now_ms = START_MS
    for seconds in RETRY_SECONDS:
        assert await logout.telling.deliver_due(now_ms) == 1
        assert await logout.waiting() == 1
        now_ms += seconds * 1000
        assert await logout.telling.deliver_due(now_ms - 1) == 0
    assert await logout.telling.deliver_due(now_ms) == 1
    assert (await logout.waiting(), len(logout.site.asked)) == (0, 5)
    assert logout.audit.events().count("oauth.logout_not_told") == 1


async def test_others_do_not_wait_behind_a_dead_address(logout: Rig) -> None:
    """What else is to be told to a client whose address is dead waits too, and other clients are told at once."""
    dead, living = await logout.client("/dead"), await logout.client("/living")
    logout.site.answers["/dead"] = answer_of(b"", status="500 Internal Server Error")
    for number in range(20):
        await logout.end_session(dead, f"ses_{number}")
    await change(logout.rig.database, "UPDATE oauth_logout_notices SET due_at = 1")
    await logout.end_session(living, "ses_living")
    await logout.telling.deliver_due(START_MS)
    await logout.telling.deliver_due(START_MS)
    asked = [head.split(" ")[1] for head in logout.site.asked]
    assert asked.count("/living") == 1
    assert asked.count("/dead") <= 8


async def test_strangers_hold_up_nobody(logout: Rig) -> None:
    """Who let itself in is told behind those whom an administrator registered, however many of its notices wait."""
    stranger = await logout.client("/stranger")
    await change(logout.rig.database, "UPDATE oauth_clients SET source = 'registration' WHERE id = $1", stranger.id)
    for number in range(8):
        await logout.end_session(stranger, f"ses_{number}")
    await change(logout.rig.database, "UPDATE oauth_logout_notices SET due_at = due_at - 1000")
    await logout.end_session(await logout.client("/honest"), "ses_8")
    assert await logout.telling.deliver_due(START_MS) == 8
    assert [head.split(" ")[1] for head in logout.site.asked].count("/honest") == 1
    assert await logout.telling.deliver_due(START_MS) == 1


async def test_processes_share_the_work(logout: Rig) -> None:
    """Of processes that look at once each notice is sent by one."""
    client = await logout.client()
    for number in range(12):
        await logout.end_session(client, f"ses_{number}")
    processes = [logout.process() for _ in range(4)]
    await asyncio.gather(*(one.deliver_due(START_MS) for one in processes))
    await asyncio.gather(*(one.deliver_due(START_MS) for one in processes))
    sessions = [(await logout.claims(token))["sid"] for token in logout.told()]
    assert sorted(sessions) == sorted(f"ses_{number}" for number in range(12))


async def test_what_a_dead_process_took_is_taken_up(logout: Rig) -> None:
    """A process that dies between taking and sending leaves the notice to the next, half a minute later."""
    await logout.end_session(await logout.client(), "ses_1")
    logout.site.delay_seconds = 60
    dying = asyncio.create_task(logout.telling.deliver_due(START_MS))
    await eventually(lambda: bool(logout.site.asked), seconds=5)
    dying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dying
    logout.site.delay_seconds = 0
    other = logout.process()
    assert await other.deliver_due(START_MS + 29_999) == 0
    assert await other.deliver_due(START_MS + 30_000) == 1
    assert await logout.waiting() == 0


async def test_a_slow_client_holds_nobody(logout: Rig) -> None:
    """A client that does not answer is a failure after the fetcher's time."""
    await logout.end_session(await logout.client(), "ses_1")
    logout.site.delay_seconds = 60
    began = time.monotonic()
    assert await logout.process(seconds_max=0.2).deliver_due(START_MS) == 1
    assert time.monotonic() - began < 5
    assert await logout.waiting() == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE oauth_clients SET disabled_at = 1",
        "UPDATE tenants SET disabled_at = 1",
        "UPDATE oauth_clients SET settings = '{}'",
    ],
)
async def test_who_is_no_more_is_not_told(logout: Rig, statement: str) -> None:
    """A client that was disabled or took its address away meanwhile is sent nothing."""
    await logout.end_session(await logout.client(), "ses_1")
    await change(logout.rig.database, statement)
    assert await logout.telling.deliver_due(START_MS) == 1
    assert (logout.site.asked, await logout.waiting()) == ([], 0)


FORBIDDEN = [
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://127.1/",
    "https://[::ffff:127.0.0.1]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://10.0.0.1/",
    "http://localhost/",
    "https://user@localhost/",
    "file:///etc/passwd",
]


@pytest.mark.parametrize("uri", FORBIDDEN)
async def test_nothing_inside_is_reached(logout: Rig, uri: str) -> None:
    """An address of this network, in any spelling, gets no request of ours (ASVS 5.0 V15.3.2, RFC 9700 §4.11)."""
    client = await logout.client(uri=uri.replace("localhost", f"localhost:{logout.site.port}"))
    await logout.end_session(client, "ses_1")
    careful = BackchannelLogout(
        logout.rig.database,
        keys=logout.keys,
        names=IssuerNames("https://auth.example"),
        fetcher=Fetcher(ca_file=logout.site.ca_file),
        audit=logout.audit.writer,
    )
    assert await careful.deliver_due(START_MS) == 1
    assert (logout.site.asked, await logout.waiting()) == ([], 1)


async def test_old_notices_are_deleted(logout: Rig) -> None:
    """A notice that nobody could deliver for a week is deleted, not a moment sooner."""
    await logout.end_session(await logout.client(), "ses_1")
    await prune_grants(logout.rig.database, START_MS + KEPT_MS)
    assert await logout.waiting() == 1
    await prune_grants(logout.rig.database, START_MS + KEPT_MS + 1)
    assert await logout.waiting() == 0


async def test_without_the_database_nothing_is_sent(logout: Rig) -> None:
    """A database that is gone is an error of the round, which the next one outlives."""
    await logout.end_session(await logout.client(), "ses_1")
    await logout.rig.database.close()
    with pytest.raises(UnavailableError):
        await logout.telling.deliver_due(START_MS)
    assert logout.site.asked == []


@asynccontextmanager
async def told_world(template: tuple[Path, World], directory: Path, site: Site) -> AsyncIterator[Flow]:
    """Open an installation that may reach this machine, with a client that the site belongs to."""
    changes = {"WATCHWORD_FETCH_NETWORKS": "127.0.0.0/8", "WATCHWORD_FETCH_CA_FILE": str(site.ca_file)}
    source, world = template
    async with open_api(source, world, directory, "fast", SetClock(), **changes) as api:
        yield await Flow.begin(api, backchannel_logout_uri=site.url("/logout"))


@pytest.mark.parametrize("way", ["logout", "allSessions", "ended", "password", "disabled"])
async def test_every_end_of_a_session_is_told(
    template: tuple[Path, World], tmp_path: Path, site: Site, way: str
) -> None:
    """However a session ends, within seconds a running server tells the client that has an ID token of it."""
    site.answers["/logout"] = OK
    async with told_world(template, tmp_path / "data", site) as flow:
        api = flow.api
        tokens = await flow.tokens()
        answers = {
            "logout": lambda: api.call("POST", "/api/users/logout", who="editor_a"),
            "allSessions": lambda: api.call("POST", "/api/users/logout?allSessions=true", who="editor_a"),
            "ended": lambda: api.call("DELETE", "/api/users/sessions/{session_editor_a}", who="editor_a"),
        }
        if way in answers:
            assert (await answers[way]()).status_code == 200
        elif way == "password":
            await api.application.users.end_sessions(api.world.users["editor_a"], START_MS)
        else:
            await api.application.users.disable_user(api.world.users["editor_a"], START_MS)
        await eventually(lambda: bool(site.bodies), seconds=20)
        token = parse_qs(site.bodies[0])["logout_token"][0]
        claims = jwt.decode(
            token, KeySet.import_key_set((await api.call("GET", "/t/tenant-a/oauth/jwks")).json()), algorithms=["EdDSA"]
        ).claims
        assert (claims["sid"], claims["aud"]) == (api.world.sessions["editor_a"], flow.client.id)
        headers = {"authorization": f"Bearer {tokens['access_token']}"}
        assert (await api.call("GET", "/api/products", headers=headers)).status_code == 401


async def test_a_logout_token_opens_nothing(logout: Rig, template: tuple[Path, World], tmp_path: Path) -> None:
    """Whoever got a logout token of ours cannot use it: not at the API, nor as a hint of whose session it is."""
    source, world = template
    async with open_api(source, world, tmp_path / "data", "fast", SetClock()) as api:
        flow = await Flow.begin(api)
        server = api.application.oauth.backchannel_logout
        notice = type("Notice", (), {"user_id": world.users["editor_a"], "session_id": world.sessions["editor_a"]})()
        token = await server._make_token(flow.client, notice, START_MS)
        answer = await api.call("GET", "/api/products", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 401
        cookie = {"cookie": f"__Host-watchword-pages={world.tokens['editor_a']}"}
        asked = await api.call("GET", f"/oauth/logout?id_token_hint={token}", headers=cookie)
        assert asked.status_code == 200
        assert (await api.call("GET", "/api/users/me", who="editor_a")).status_code == 200
