"""Authorization requests that are kept under a handle: while a person decides, and when a client has pushed them.

A handle names a request and proves nobody: whoever comes with one is asked who they are, as with the request itself.
"""

from __future__ import annotations

from typing import Final

import msgspec

from watchword.concealed import Concealed
from watchword.credentials.one_time_code import hash_code, make_code
from watchword.db.database import Database, Transaction
from watchword.oauth.models import AuthorizationRequest, OAuthClient
from watchword.oauth.queries_requests import Purpose, find_request, insert_request, mark_request_used
from watchword.oauth_errors import InvalidRequestUriError, RequestExpiredError

PAGE_TTL_SECONDS: Final = 1_800
"""Time to find one's password, or to ask somebody."""

PUSHED_TTL_SECONDS: Final = 60
"""Time to send the person on (RFC 9126 §2.2); once there, the person has as long as anybody."""

REQUEST_URI_PREFIX: Final = "urn:ietf:params:oauth:request_uri:"
"""RFC 9126 §2.2."""

_HANDLE_CHARACTERS_MAX: Final = 128


class StoredRequest(Concealed, frozen=True, kw_only=True):
    """A request that was kept; ``handle`` is how it was named."""

    handle: str
    client_id: str
    parameters: AuthorizationRequest
    created_at_ms: int


class StoredRequests:
    """Keeps requests; only the hash of a handle is stored."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(
        self, purpose: Purpose, client: OAuthClient, parameters: AuthorizationRequest, *, ttl_seconds: int, now_ms: int
    ) -> str:
        """Store a request for a while and return its handle.

        Raises:
            UnavailableError: the database cannot store it.
        """
        handle = make_code()

        async def work(tx: Transaction) -> None:
            await insert_request(
                tx,
                hash_code(handle),
                purpose,
                tenant_id=client.tenant_id,
                client_id=client.id,
                parameters=msgspec.json.encode(parameters).decode(),
                now_ms=now_ms,
                expires_at_ms=now_ms + ttl_seconds * 1000,
            )

        await self._database.transaction(work)
        return handle

    async def keep_pushed(self, client: OAuthClient, parameters: AuthorizationRequest, now_ms: int) -> str:
        """Store a request that a client pushes and return its handle.

        Raises:
            UnavailableError: the database cannot store it.
        """
        # It is used up when it is answered, and that may take the person a while.
        ttl_seconds = PUSHED_TTL_SECONDS + PAGE_TTL_SECONDS
        return await self.keep("pushed", client, parameters, ttl_seconds=ttl_seconds, now_ms=now_ms)

    async def get_page_request(self, handle: str | None, now_ms: int) -> StoredRequest:
        """Return the request that a person is deciding about.

        Raises:
            RequestExpiredError: unknown or expired: one answer for both.
        """
        found = await self._find("page", handle or "", now_ms)
        if found is None:
            raise RequestExpiredError
        return found

    async def get_pushed(self, client: OAuthClient, request_uri: str, now_ms: int) -> AuthorizationRequest:
        """Return the request that a client has pushed.

        Raises:
            InvalidRequestUriError: unknown, used, expired or another client's: one answer for all.
        """
        found = await self._find("pushed", request_uri.removeprefix(REQUEST_URI_PREFIX), now_ms)
        if found is None or found.client_id != client.id:
            raise InvalidRequestUriError
        if now_ms >= found.created_at_ms + PUSHED_TTL_SECONDS * 1000:
            raise InvalidRequestUriError
        return found.parameters

    async def spend_pushed(self, tx: Transaction, request_uri: str, now_ms: int) -> None:
        """Use up a pushed request: it is answered once (RFC 9126 §4), however often its page was looked at.

        Raises:
            InvalidRequestUriError: it was answered before, or has expired meanwhile.
        """
        handle = request_uri.removeprefix(REQUEST_URI_PREFIX)
        if not await mark_request_used(tx, hash_code(handle), "pushed", now_ms):
            raise InvalidRequestUriError

    async def _find(self, purpose: Purpose, handle: str, now_ms: int) -> StoredRequest | None:
        if not handle or len(handle) > _HANDLE_CHARACTERS_MAX:
            return None
        row = await find_request(self._database, hash_code(handle), purpose, now_ms)
        if row is None:
            return None
        client_id, parameters, created_at_ms = row
        return StoredRequest(
            handle=handle,
            client_id=client_id,
            parameters=msgspec.json.decode(parameters, type=AuthorizationRequest),
            created_at_ms=created_at_ms,
        )
