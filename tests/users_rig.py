"""A house with the rooms that signing in needs, and a way to call it as a request would."""

from __future__ import annotations

import io
from typing import Any

import msgspec

from support import SetClock
from watchword.audit.writer import AuditWriter
from watchword.callers.call import Call
from watchword.callers.identify import Identifier
from watchword.callers.tenant import TenantChooser
from watchword.credentials.access_token import AccessTokens, IssuerNames
from watchword.credentials.api_key import ApiKeyProver
from watchword.credentials.dpop import DpopProofs
from watchword.credentials.dpop_nonce import DpopNonces
from watchword.credentials.issuer_keys import IssuerKeys
from watchword.credentials.key_ring import KeyRing
from watchword.credentials.password import Passwords
from watchword.credentials.seen_proofs import SeenProofs
from watchword.credentials.session_token import SessionTokens
from watchword.credentials.verified import VerifiedCache
from watchword.db.database import Database, Statement, Transaction
from watchword.db.generations import Generations
from watchword.errors import WatchwordError
from watchword.ids import make_id
from watchword.mail.letters import Site
from watchword.mail.outbound import Outbound
from watchword.mail.sender import Letter
from watchword.observe import Log
from watchword.tenants.models import Tenant, TenantRole, TenantSettings
from watchword.tenants.queries import insert_membership, insert_tenant
from watchword.users.account import Account
from watchword.users.attempts import Attempts
from watchword.users.directory import Users
from watchword.users.email_verification import EmailVerification
from watchword.users.login import Login
from watchword.users.logout import Logout
from watchword.users.models import User
from watchword.users.password_reset import PasswordReset
from watchword.users.refresh import Refresh
from watchword.users.register import Register
from watchword.users.routes import make_routes
from watchword.users.sessions import Sessions
from watchword.wire.json_body import decode_struct
from watchword.wire.query import parse_query
from watchword.wire.request import Request
from watchword.wire.response import Response
from watchword.wire.routes import RouteTable

PASSWORD = "correct horse battery staple"
OTHER_PASSWORD = "an entirely different phrase"
TTL_SECONDS = 604_800


class Mailbox:
    """Takes letters and keeps them."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    async def send(self, letter: Letter) -> None:
        self.letters.append(letter)


class Answer(msgspec.Struct):
    """What came back: the response, or the error that would make one."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]
    code: str = ""


class House:
    """The rooms, and the steps of the pipeline that a handler relies on."""

    def __init__(
        self, database: Database, generations: Generations, key_ring: KeyRing, clock: SetClock, passwords: Passwords
    ) -> None:
        self.database = database
        self.generations = generations
        self.key_ring = key_ring
        self.clock = clock
        self.events = io.BytesIO()
        self.log = Log(self.events)
        self.audit = AuditWriter(log=self.log, bookkeeping=database)
        self.mailbox = Mailbox()
        self.lost: list[str] = []
        self.outbound = Outbound(self.mailbox, log=self.lost.append, retry_seconds=())
        self.cache = VerifiedCache(generations, entries_max=1000)
        self.tokens = SessionTokens(
            database,
            generations,
            key_ring,
            self.cache,
            issuer="https://auth.example",
            ttl_seconds=TTL_SECONDS,
            absolute_ttl_seconds=30 * 86_400,
        )
        self.attempts = Attempts(database)
        self.passwords = passwords
        names = IssuerNames("https://auth.example")
        keys = IssuerKeys(database, generations, b"m" * 32, longest_life_seconds=86_400)
        self.identifier = Identifier(
            database,
            session_tokens=self.tokens,
            access_tokens=AccessTokens(database, generations, keys, self.cache, names),
            dpop_proofs=DpopProofs(SeenProofs(database), DpopNonces(b"m" * 32), url="https://auth.example"),
            api_keys=ApiKeyProver(database, self.cache, generations),
            tenants=TenantChooser(database),
            remembered=self.cache,
        )
        self.users = Users(
            database=database, passwords=passwords, tokens=self.tokens, attempts=self.attempts, audit=self.audit
        )
        self.routes = RouteTable(self._make_routes())

    def _make_routes(self) -> tuple[Any, ...]:
        common: dict[str, Any] = {"database": self.database, "audit": self.audit}
        proving: dict[str, Any] = {"passwords": self.passwords, "attempts": self.attempts, "outbound": self.outbound}
        site = Site("https://auth.example", "https://app.example")
        verification = EmailVerification(
            **common,
            attempts=self.attempts,
            outbound=self.outbound,
            site=site,
        )
        return make_routes(
            login=Login(**common, **proving, tokens=self.tokens, verification=verification),
            refresh=Refresh(tokens=self.tokens),
            logout=Logout(**common, tokens=self.tokens),
            account=Account(**common, **proving, tokens=self.tokens, site=site),
            sessions=Sessions(**common, tokens=self.tokens),
            register=Register(**common, **proving, site=site),
            password_reset=PasswordReset(
                **common,
                **proving,
                tokens=self.tokens,
                site=site,
            ),
            verification=verification,
        )

    async def call(
        self,
        method: str,
        target: str,
        body: object = None,
        *,
        token: str = "",
        cookie: str = "",
        tenant: str = "",
        address: str = "192.0.2.1",
    ) -> Answer:
        """Send a request to this room and return what came back."""
        headers = [(b"user-agent", b"tests")]
        if token:
            headers.append((b"authorization", f"Bearer {token}".encode()))
        if cookie:
            headers.append((b"cookie", f"__Host-watchword={cookie}".encode()))
        if tenant:
            headers.append((b"x-tenant-id", tenant.encode()))
        request = Request(method, f"/api/users/{target}".encode(), headers, client_address=address, scheme="https")
        try:
            return _answer(await self._serve(request, body))
        except WatchwordError as error:
            return Answer(error.status, error.extensions, dict(error.headers), error.code)

    async def _serve(self, request: Request, body: object) -> Response:
        match = self.routes.match(request.method, request.path)
        now_ms = self.clock.now_ms()
        identity = await self.identifier.identify(request, now_ms)
        call = Call(
            request,
            caller=None if identity is None else identity.caller,
            session=None if identity is None else identity.session,
            token=None if identity is None else identity.token,
            now_ms=now_ms,
            parameters=match.parameters,
        )
        call.known if match.route.callers == "user" else None  # noqa: B018 - raises where nobody is proved
        if match.route.query is not None:
            call.query = parse_query(request.query, match.route.query)
        if match.route.body is not None:
            call.body = decode_struct(msgspec.json.encode(body), match.route.body)
        return await match.route.handler(call)

    async def make_user(self, email: str = "ann@example.com", *, verified: bool = True) -> User:
        """Make an account with ``PASSWORD``."""
        return await self.users.create_user(email, PASSWORD, verified=verified, now_ms=self.clock.now_ms())

    async def make_tenant(self, slug: str = "acme", **settings: bool) -> Tenant:
        """Make a tenant with settings."""
        now_ms = self.clock.now_ms()
        tenant = Tenant(
            id=make_id("tenant", now_ms),
            slug=slug,
            name=slug,
            plan="free",
            settings=msgspec.convert(settings, TenantSettings),
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
            disabled_at_ms=None,
        )
        await self.database.transaction(lambda tx: insert_tenant(tx, tenant))
        return tenant

    async def join(self, tenant: Tenant, user: User, role: TenantRole = "tenant-admin") -> None:
        """Make a user a member."""

        async def work(tx: Transaction) -> None:
            await insert_membership(tx, tenant.id, user.id, role=role, now_ms=self.clock.now_ms())
            tx.withdraw(f"user:{user.id}")

        await self.database.transaction(work)

    async def login(self, email: str = "ann@example.com", password: str = PASSWORD, **request: str) -> Answer:
        """Sign in."""
        return await self.call("POST", "login", {"email": email, "password": password}, **request)

    async def token(self, email: str = "ann@example.com", password: str = PASSWORD) -> str:
        """Sign in and return the token."""
        return str((await self.login(email, password)).body["token"])

    async def letters(self) -> list[Letter]:
        """Return the letters so far, once all are delivered."""
        await self.outbound.drain()
        return self.mailbox.letters

    async def mailed_code(self) -> str:
        """Return the code of the newest letter that holds one."""
        texts = [letter.text for letter in await self.letters() if "#code=" in letter.text]
        return texts[-1].partition("#code=")[2].split()[0]

    async def count(self, table: str) -> int:
        """Count the rows of a table."""
        row = await self.database.fetch_row(Statement(f"SELECT COUNT(*) FROM {table}"))
        assert row is not None
        return int(row[0])

    def recorded(self) -> str:
        """Return the audit lines so far."""
        self.log.close()
        return self.events.getvalue().decode()


def _answer(response: Response) -> Answer:
    headers = {name.decode(): value.decode() for name, value in response.header_pairs()}
    return Answer(response.status, msgspec.json.decode(response.body), headers)
