"""What users allow clients: grants, on which codes and tokens hang and with which they end, and remembered consents.

A grant lives as long as its client, its user, the user's membership and, without ``offline_access``, the session in
which it was allowed.
"""

from __future__ import annotations

from typing import Final

import msgspec

from watchword.credentials.queries import Reader
from watchword.credentials.session_end import find_end_of_session
from watchword.credentials.standing_end import may_begin_as_member
from watchword.db.database import Database, Transaction
from watchword.ids import make_id
from watchword.oauth.models import Consent, GrantState, OAuthClient, StoredGrant
from watchword.oauth.queries_grants import (
    delete_consent,
    end_grant,
    end_grants_of_consent,
    find_consent,
    find_grant,
    insert_grant,
    put_consent,
)
from watchword.oauth_errors import AccessDeniedError, InvalidGrantError, LoginRequiredError

_FETCHING_SECONDS: Final = 3_600
"""How long after its start a grant without refresh tokens may still give its first token: longer than any code lives."""


class Grants:
    """Start, find and end grants; keep and withdraw consents."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def start(
        self,
        tx: Transaction,
        client: OAuthClient,
        *,
        user_id: str | None,
        session_id: str | None,
        scopes: tuple[str, ...],
        resources: tuple[str, ...],
        authenticated_at_ms: int | None,
        now_ms: int,
    ) -> StoredGrant:
        """Store that a user, or nobody, allowed the client this, and return it.

        Raises:
            LoginRequiredError: the session in which it was allowed has ended meanwhile.
            AccessDeniedError: the user is no member meanwhile.
        """
        session_ends_at_ms = None
        if user_id is not None and session_id is not None:
            session_ends_at_ms = await self.require_session(tx, user_id, session_id, now_ms)
        if user_id is not None:
            await _require_member(tx, client.tenant_id, user_id)
        grant = StoredGrant(
            id=make_id("grant", now_ms),
            tenant_id=client.tenant_id,
            mode=client.mode,
            client_id=client.id,
            user_id=user_id,
            session_id=session_id,
            scopes=scopes,
            resources=resources,
            authenticated_at_ms=authenticated_at_ms,
            created_at_ms=now_ms,
            expires_at_ms=now_ms + _life_seconds(client) * 1000,
            ended_at_ms=None,
        )
        await insert_grant(tx, grant)
        if grant.hangs_on_session:
            return msgspec.structs.replace(grant, session_ends_at_ms=session_ends_at_ms)
        return grant

    async def require_session(self, tx: Transaction, user_id: str, session_id: str, now_ms: int) -> int:
        """Require a user's session to live on until this transaction is through, and return when it ends by itself.

        Raises:
            LoginRequiredError: it has ended meanwhile.
        """
        ends_at_ms = await find_end_of_session(tx, user_id, session_id, now_ms)
        if ends_at_ms is None:
            raise LoginRequiredError(cause="the session has ended meanwhile")
        return ends_at_ms

    async def find(self, reader: Reader, tenant_id: str, grant_id: str) -> StoredGrant | None:
        """Return a grant of the tenant, whatever became of it, or None."""
        state = await find_grant(reader, tenant_id, grant_id)
        return None if state is None else state.grant

    async def get_living(self, reader: Reader, client: OAuthClient, grant_id: str, now_ms: int) -> StoredGrant:
        """Return a grant of the client that still counts.

        Raises:
            InvalidGrantError: there is none, it has ended, or what it stands on is no more.
        """
        state = await find_grant(reader, client.tenant_id, grant_id)
        if state is None or state.grant.client_id != client.id:
            raise InvalidGrantError(cause="no such grant of this client")
        _require_living(state, now_ms)
        return state.grant

    async def end(self, tx: Transaction, tenant_id: str, grant_id: str, now_ms: int) -> bool:
        """End a grant with every code and token of it; False when there is none or it had ended."""
        ended = await end_grant(tx, tenant_id, grant_id, now_ms)
        tx.withdraw(_subject(grant_id))
        return ended

    async def find_consent(self, tenant_id: str, user_id: str, client_id: str) -> Consent | None:
        """Return what a user allowed a client and need not be asked again, or None."""
        return await find_consent(self._database, tenant_id, user_id, client_id)

    async def keep_consent(
        self,
        tx: Transaction,
        client: OAuthClient,
        *,
        user_id: str,
        scopes: tuple[str, ...],
        resources: tuple[str, ...],
        now_ms: int,
    ) -> Consent:
        """Remember what a user allowed a client, beside what was allowed before.

        Raises:
            AccessDeniedError: the user is no member meanwhile.
        """
        await _require_member(tx, client.tenant_id, user_id)
        before = await find_consent(tx, client.tenant_id, user_id, client.id)
        consent = Consent(
            tenant_id=client.tenant_id,
            user_id=user_id,
            client_id=client.id,
            scopes=scopes,
            resources=resources,
            allowed=dict.fromkeys(resources, scopes),
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
        if before is not None:
            consent = msgspec.structs.replace(
                consent,
                scopes=_together(before.scopes, scopes),
                resources=_together(before.resources, resources),
                allowed=_with_allowed(before.allowed, resources, scopes),
                created_at_ms=before.created_at_ms,
            )
        await put_consent(tx, consent)
        return consent

    async def withdraw_consent(
        self, tx: Transaction, tenant_id: str, user_id: str, client_id: str, now_ms: int
    ) -> tuple[str, ...]:
        """Forget what a user allowed a client, end every grant of it and return the ids of those."""
        await delete_consent(tx, tenant_id, user_id, client_id)
        ended = await end_grants_of_consent(tx, tenant_id, user_id, client_id, now_ms)
        tx.withdraw(*(_subject(grant_id) for grant_id in ended))
        return ended


async def _require_member(tx: Transaction, tenant_id: str, user_id: str) -> None:
    if not await may_begin_as_member(tx, tenant_id, user_id):
        raise AccessDeniedError(cause="the user is disabled or no member meanwhile")


def _together(before: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*before, *more)))


def _with_allowed(
    before: dict[str, tuple[str, ...]], resources: tuple[str, ...], scopes: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    return before | {resource: _together(before.get(resource, ()), scopes) for resource in resources}


def _life_seconds(client: OAuthClient) -> int:
    if "refresh_token" in client.grants:
        return client.settings.refresh_absolute_seconds
    return client.settings.access_ttl_seconds + _FETCHING_SECONDS


def _require_living(state: GrantState, now_ms: int) -> None:
    grant = state.grant
    if grant.ended_at_ms is not None or grant.expires_at_ms <= now_ms:
        raise InvalidGrantError(cause="the grant has ended")
    if grant.user_id is not None and (state.user_disabled_at_ms is not None or state.role is None):
        raise InvalidGrantError(cause="the user behind the grant is disabled or no member any more")
    if grant.session_ends_at_ms is not None and grant.session_ends_at_ms <= now_ms:
        raise InvalidGrantError(cause="the session behind the grant has ended")


def _subject(grant_id: str) -> str:
    return f"grant:{grant_id}"
