"""Tells clients that a session has ended (OpenID Connect Back-Channel Logout 1.0), each at its own address.

What must be told stands in the database since the session's end, so that it is told after a crash too; whichever
process comes first takes it. A client may be told twice, never not at all, unless its address is dead for long.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final
from urllib.parse import urlencode

import msgspec

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.clock import Clock
from watchword.credentials.access_token import IssuerNames, make_jti
from watchword.credentials.issuer_keys import IssuerKeys
from watchword.credentials.signed_jwt import sign_jwt
from watchword.db.database import Database, Transaction
from watchword.errors import WatchwordError
from watchword.oauth.models import OAuthClient
from watchword.oauth.queries import find_client_by_id
from watchword.oauth.queries_logout import (
    Notice,
    claim_notices,
    delete_notice,
    has_due_notice,
    postpone_notices,
)
from watchword.wire.fetcher import Fetcher, NotFetchedError

LOGOUT_TOKEN_TYPE: Final = "logout+jwt"  # noqa: S105 - a type, not a secret
LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"

_LIFE_SECONDS: Final = 120
"""The recommended life of a logout token (§2.4): it is read on arrival."""

_RETRY_SECONDS: Final = (10, 60, 300, 1800)
"""How long to wait after each failure; after one more the client is given up."""

_EVERY_SECONDS: Final = 2.0
_AT_ONCE: Final = 8
"""Deliveries of one process at once: half of what the fetcher does, so that sign-ins of others never wait for these."""

_CLAIMED_MS: Final = 30_000
"""How long a process that took a notice may need; another takes it up where that one died."""


class LogoutClaims(msgspec.Struct, frozen=True, kw_only=True):
    """The claims of a logout token (§2.4); it has no ``nonce``, so that it is never taken for an ID token."""

    iss: str
    sub: str
    aud: str
    iat: int
    exp: int
    jti: str
    sid: str
    events: dict[str, dict[str, str]]


class BackchannelLogout:
    """Delivers what is due; ``start`` it in the running loop."""

    def __init__(
        self, database: Database, *, keys: IssuerKeys, names: IssuerNames, fetcher: Fetcher, audit: AuditWriter
    ) -> None:
        self._database = database
        self._keys = keys
        self._names = names
        self._fetcher = fetcher
        self._audit = audit
        self._running: asyncio.Task[None] | None = None

    def start(self, clock: Clock) -> None:
        """Begin to deliver."""
        self._running = asyncio.get_running_loop().create_task(self._run(clock))

    async def close(self) -> None:
        """Stop; what is on its way is taken up by the next process."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait((self._running,))

    async def deliver_due(self, now_ms: int) -> int:
        """Tell some of those clients that are to be told now; return how many notices were taken.

        Raises:
            UnavailableError: the database cannot be asked.
        """
        if not await has_due_notice(self._database, now_ms):
            return 0
        taken = await self._database.transaction(
            lambda tx: claim_notices(tx, now_ms, until_ms=now_ms + _CLAIMED_MS, limit=_AT_ONCE)
        )
        await asyncio.gather(*(self._tell(notice, now_ms) for notice in taken))
        return len(taken)

    async def _run(self, clock: Clock) -> None:
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            # A database that is down is asked again the next time.
            with contextlib.suppress(WatchwordError):
                while await self.deliver_due(clock.now_ms()):
                    pass

    async def _tell(self, notice: Notice, now_ms: int) -> None:
        client = await find_client_by_id(self._database, notice.client_id)
        uri = None if client is None or not client.is_living else client.settings.backchannel_logout_uri
        if client is None or uri is None or await self._is_told(client, uri, notice, now_ms):
            await self._forget(notice)
        elif notice.attempts <= len(_RETRY_SECONDS):
            await self._postpone(notice, now_ms + _RETRY_SECONDS[notice.attempts - 1] * 1000)
        else:
            await self._forget(notice)
            self._audit.record(
                Event.LOGOUT_NOT_TOLD,
                tenant_id=client.tenant_id,
                subject=client.id,
                credential_id=notice.session_id,
                now_ms=now_ms,
            )

    async def _is_told(self, client: OAuthClient, uri: str, notice: Notice, now_ms: int) -> bool:
        token = await self._make_token(client, notice, now_ms)
        try:
            status = await self._fetcher.post_form(uri, urlencode({"logout_token": token}))
        except NotFetchedError:
            return False
        return status in {200, 204}

    async def _make_token(self, client: OAuthClient, notice: Notice, now_ms: int) -> str:
        now_s = now_ms // 1000
        claims = LogoutClaims(
            iss=self._names.issuer(client.tenant_slug),
            sub=notice.user_id,
            aud=client.client_id,
            iat=now_s,
            exp=now_s + _LIFE_SECONDS,
            jti=make_jti(),
            sid=notice.session_id,
            events={LOGOUT_EVENT: {}},
        )
        return await sign_jwt(
            self._keys,
            client.tenant_id,
            msgspec.json.encode(claims),
            token_type=LOGOUT_TOKEN_TYPE,
            algorithm=client.settings.signing_algorithm,
            now_ms=now_ms,
        )

    async def _forget(self, notice: Notice) -> None:
        async def work(tx: Transaction) -> None:
            await delete_notice(tx, notice)

        await self._database.transaction(work)

    async def _postpone(self, notice: Notice, due_at_ms: int) -> None:
        async def work(tx: Transaction) -> None:
            await postpone_notices(tx, notice, due_at_ms)

        await self._database.transaction(work)
