"""The one place that builds objects: opens them in order, hands each what it needs, closes them in reverse."""

from __future__ import annotations

import contextlib
from collections import Counter
from functools import partial
from typing import Final

from watchword import __version__
from watchword.api_keys.manage import ApiKeyManager
from watchword.api_keys.routes import make_routes as make_api_key_routes
from watchword.api_keys.verify import KeyVerifier
from watchword.callers.challenges import Challenges
from watchword.callers.identify import Identifier
from watchword.callers.origins import OriginList
from watchword.callers.tenant import TenantChooser
from watchword.clock import Clock, SystemClock
from watchword.commerce.routes import make_routes as make_commerce_routes
from watchword.config import Settings
from watchword.credentials.expired import prune_codes, prune_grants, prune_proofs, prune_sessions
from watchword.credentials.password import Passwords
from watchword.errors import WatchwordError
from watchword.foundation import LONGEST_TOKEN_SECONDS, Foundation, lay_foundation
from watchword.limits.shares import prune_windows
from watchword.oauth_server import OAuthServer
from watchword.observe import Log
from watchword.operations.docs import DocsPages
from watchword.operations.health import Health
from watchword.operations.routes import make_routes as make_operations_routes
from watchword.operations.upkeep import Upkeep
from watchword.pipeline import Pipeline
from watchword.records.routes import make_routes as make_record_routes
from watchword.revocations.queries import prune_revocations
from watchword.revocations.routes import make_routes as make_revocation_routes
from watchword.revocations.stream import RevocationFeed
from watchword.revocations.watch import RevocationWatch
from watchword.tenants.invitations import Invitations
from watchword.tenants.manage import Tenants
from watchword.tenants.members import Members
from watchword.tenants.routes import make_routes as make_tenant_routes
from watchword.users.account import Account
from watchword.users.attempts import Attempts
from watchword.users.directory import Users
from watchword.users.email_verification import EmailVerification
from watchword.users.login import Login
from watchword.users.logout import Logout
from watchword.users.password_reset import PasswordReset
from watchword.users.refresh import Refresh
from watchword.users.register import Register
from watchword.users.routes import make_routes as make_user_routes
from watchword.users.session_keys import SessionKeyRotation
from watchword.users.sessions import Sessions
from watchword.wire.answering import DefaultLines
from watchword.wire.asgi import Message, Receive, Send, make_body_reader, send_response, target_of
from watchword.wire.client_address import ClientAddresses
from watchword.wire.known_heads import KnownHeads
from watchword.wire.request import BodyReader, Head, Request
from watchword.wire.response import Response
from watchword.wire.routes import Route, RouteTable
from watchword.wire.turns import Turns

_REVOCATIONS_KEPT_MS: Final = (LONGEST_TOKEN_SECONDS + 3_600) * 1000
"""As long as a token that was verified offline may live, and an hour for clocks that differ."""


class Application:
    """The running product: an ASGI application that any server runs, and what the fast lane and the CLI call.

    ``users``, ``tenants``, ``members``, ``invitations`` and ``api_keys`` take values and give values, for the CLI and
    for whoever embeds the product.
    """

    def __init__(self, settings: Settings, clock: Clock, foundation: Foundation) -> None:
        self.settings = settings
        self.clock = clock
        self.database = foundation.stores.database
        self.bookkeeping = foundation.stores.bookkeeping
        self.generations = foundation.stores.generations
        self.log = foundation.log
        self.audit = foundation.audit
        self.session_tokens = foundation.session_tokens
        self.attempts = Attempts(self.database)
        self.users = Users(
            database=self.database,
            passwords=foundation.passwords,
            tokens=foundation.session_tokens,
            attempts=self.attempts,
            audit=self.audit,
        )
        self.session_keys = self._make_session_keys(foundation)
        self.tenants = Tenants(self.database, audit=self.audit)
        self.members = Members(self.database, audit=self.audit)
        self.invitations = self._make_invitations(foundation)
        self.api_keys = ApiKeyManager(self.database, bookkeeping=self.bookkeeping, audit=self.audit)
        self.key_verifier = self._make_key_verifier(foundation)
        self.origins = OriginList(self.database, self.generations, of_installation=settings.allowed_origins)
        self._verification = self._make_verification(foundation)
        self._login = self._make_login(foundation)
        self.oauth = OAuthServer(foundation, settings, login=self._login)
        self.upkeep = self._make_upkeep()
        self._foundation = foundation
        self._identifier = self._make_identifier(foundation)
        self.revocation_watch = RevocationWatch(self.database)
        docs = DocsPages(__version__)
        self.routes = self._make_routes(docs)
        docs.describe(self.routes)
        self._pipeline = self._make_pipeline()
        self.answer = self._pipeline.answer
        self._addresses = ClientAddresses([str(network) for network in settings.behind_proxy])
        self.fast_lane = settings.fast_lane
        self.header_seconds = float(settings.header_timeout_seconds)
        self.body_seconds = float(settings.body_timeout_seconds)
        self.body_bytes_max = settings.body_bytes_max
        self.connections_per_address = settings.connections_per_address
        self.connections: Counter[str] = Counter()
        self.default_lines = DefaultLines()
        self.known_heads = KnownHeads()
        self.turns = Turns()

    @classmethod
    async def open(
        cls,
        settings: Settings,
        *,
        clock: Clock | None = None,
        log: Log | None = None,
        passwords: Passwords | None = None,
    ) -> Application:
        """Open everything in order: data directory, stores, migrations, keys, rooms.

        ``clock``, ``log`` and ``passwords`` take the place of the system's clock, of standard error and of Argon2id as
        the settings and OWASP have it; the passwords are closed with the application.

        Raises:
            SettingError: the data directory, the master secret or the database cannot be opened.
            WrongMasterSecretError: the stored signing keys were sealed under another master secret.
            DatabaseNewerError: a newer program has been here.
        """
        clock = clock or SystemClock()
        async with contextlib.AsyncExitStack() as opened:
            foundation = await lay_foundation(settings, clock, log, passwords, opened)
            application = cls(settings, clock, foundation)
            await application.origins.load()
            application.origins.start()
            opened.push_async_callback(application.origins.close)
            foundation.audit.start()
            application.upkeep.start()
            opened.push_async_callback(application.upkeep.close)
            application.oauth.backchannel_logout.start(clock)
            opened.push_async_callback(application.oauth.backchannel_logout.close)
            opened.push_async_callback(application.revocation_watch.close)
            application._opened = opened.pop_all()
        return application

    _opened: contextlib.AsyncExitStack

    async def close(self) -> None:
        """Close everything in reverse order; what waits to be written is written."""
        await self._opened.aclose()

    def make_request(
        self,
        method: str,
        target: bytes,
        headers: list[tuple[bytes, bytes]] | Head,
        peer: str,
        scheme: str,
        body: bytes | BodyReader = b"",
    ) -> Request:
        """Make a request of what a connection carried; a trusted proxy's word on client, scheme and host is taken."""
        request = Request(method, target, headers, peer, scheme, body)
        if ":" in peer:
            request.client_address = self._addresses.resolve(peer, None)
        if self._addresses.trusts_any:
            request.client_address = self._addresses.resolve(peer, request.header(b"x-forwarded-for"))
            request.is_in_clear = self._addresses.is_in_clear(peer, scheme, request.header(b"x-forwarded-proto"))
            request.scheme = self._addresses.scheme(peer, scheme, request.header(b"x-forwarded-proto"))
            host = self._addresses.host(peer, request.header(b"x-forwarded-host"))
            if host is not None and host != request.header(b"host"):
                request.add_header(b"host", host.encode("latin-1"))
        return request

    def end_streams(self) -> None:
        """End the answers that would go on by themselves: the server stops."""
        self.revocation_watch.stop()

    def is_trusted_proxy(self, peer: str) -> bool:
        """Say whether a peer is a proxy that stands for many clients."""
        return self._addresses.is_trusted(peer)

    def note_unread_request(self, error: WatchwordError) -> str:
        """Log that bytes came which are no request, and return the id that its answer carries."""
        return self._pipeline.note_unread_request(error)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection: HTTP requests, and the lifespan of servers that have one."""
        if scope["type"] == "lifespan":
            await _serve_lifespan(receive, send)
        elif scope["type"] == "http":
            response = await self._answer_scope(scope, receive)
            await send_response(send, response, method=scope["method"], receive=receive)

    async def _answer_scope(self, scope: Message, receive: Receive) -> Response:
        headers = list(scope["headers"])
        peer = scope["client"][0] if scope.get("client") else ""
        read_body = make_body_reader(
            receive,
            declared_bytes=next((value for name, value in headers if name == b"content-length"), None),
            body_bytes_max=self.settings.body_bytes_max,
            body_seconds=self.body_seconds,
        )
        return await self.answer(
            self.make_request(
                scope["method"], target_of(scope), headers, peer=peer, scheme=scope["scheme"], body=read_body
            )
        )

    def _make_pipeline(self) -> Pipeline:
        foundation = self._foundation
        return Pipeline(
            routes=RouteTable(self.routes),
            identifier=self._identifier,
            limiter=foundation.limiter,
            origins=self.origins,
            challenges=Challenges(foundation.access_tokens.names),
            pages=self.oauth.pages,
            audit=self.audit,
            log=self.log,
            clock=self.clock,
        )

    def _make_identifier(self, foundation: Foundation) -> Identifier:
        return Identifier(
            self.database,
            session_tokens=foundation.session_tokens,
            access_tokens=foundation.access_tokens,
            dpop_proofs=foundation.dpop_proofs,
            api_keys=foundation.api_key_prover,
            tenants=TenantChooser(self.database),
            remembered=foundation.proofs,
        )

    def _make_key_verifier(self, foundation: Foundation) -> KeyVerifier:
        return KeyVerifier(
            foundation.api_key_prover,
            dpop_proofs=foundation.dpop_proofs,
            has_request_left=foundation.limiter.has_key_request_left,
            audit=self.audit,
        )

    def _make_session_keys(self, foundation: Foundation) -> SessionKeyRotation:
        return SessionKeyRotation(
            self.database,
            key_ring=foundation.key_ring,
            tokens=foundation.session_tokens,
            audit=self.audit,
            days=self.settings.signing_key_days,
            session_seconds=self.settings.session_absolute_seconds,
        )

    def _make_upkeep(self) -> Upkeep:
        return Upkeep(
            {
                "sessions": partial(prune_sessions, self.database),
                "codes": partial(prune_codes, self.database),
                "grants": partial(prune_grants, self.database),
                "proofs": partial(prune_proofs, self.bookkeeping),
                "signing_keys": self.oauth.signing_keys.rotate_aged,
                "session_keys": self.session_keys.rotate_aged,
                "attempts": self.attempts.prune,
                "windows": partial(prune_windows, self.bookkeeping),
                "clients": self.oauth.registrations.prune,
                "revocations": self._prune_revocations,
            },
            clock=self.clock,
            log=self.log,
        )

    async def _prune_revocations(self, now_ms: int) -> int:
        return await prune_revocations(self.database, now_ms - _REVOCATIONS_KEPT_MS)

    def _make_verification(self, foundation: Foundation) -> EmailVerification:
        return EmailVerification(
            database=self.database,
            attempts=self.attempts,
            outbound=foundation.outbound,
            audit=self.audit,
            site=foundation.site,
        )

    def _make_login(self, foundation: Foundation) -> Login:
        return Login(
            database=self.database,
            passwords=foundation.passwords,
            tokens=foundation.session_tokens,
            attempts=self.attempts,
            verification=self._verification,
            outbound=foundation.outbound,
            audit=self.audit,
        )

    def _make_invitations(self, foundation: Foundation) -> Invitations:
        return Invitations(
            self.database,
            audit=self.audit,
            sender=foundation.sender,
            prove_password=self.users.prove_password,
            prepare_user=self.users.prepare_user,
            site=foundation.site,
        )

    def _make_routes(self, docs: DocsPages) -> tuple[Route, ...]:
        return (
            *self._make_user_routes(),
            *make_tenant_routes(self.tenants, self.members, self.invitations),
            *make_api_key_routes(self.api_keys, self.key_verifier),
            *make_record_routes(self.database),
            *make_commerce_routes(self.database, audit=self.audit),
            *self.oauth.routes,
            *make_revocation_routes(RevocationFeed(self.database, self.revocation_watch, self._identifier, self.clock)),
            *make_operations_routes(Health(self.database), docs),
        )

    def _make_user_routes(self) -> tuple[Route, ...]:
        foundation = self._foundation
        database, audit, attempts = self.database, self.audit, self.attempts
        passwords, tokens, outbound = foundation.passwords, foundation.session_tokens, foundation.outbound
        site = foundation.site
        return make_user_routes(
            login=self._login,
            refresh=Refresh(tokens=tokens),
            logout=Logout(database=database, tokens=tokens, audit=audit),
            account=Account(
                database=database,
                passwords=passwords,
                tokens=tokens,
                attempts=attempts,
                outbound=outbound,
                audit=audit,
                site=site,
            ),
            sessions=Sessions(database=database, tokens=tokens, audit=audit),
            register=Register(
                database=database,
                passwords=passwords,
                attempts=attempts,
                outbound=outbound,
                audit=audit,
                site=site,
            ),
            password_reset=PasswordReset(
                database=database,
                passwords=passwords,
                tokens=tokens,
                attempts=attempts,
                outbound=outbound,
                audit=audit,
                site=site,
            ),
            verification=self._verification,
        )


async def _serve_lifespan(receive: Receive, send: Send) -> None:
    """Tell a server that opens and closes applications that this one was opened before it was handed over."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
