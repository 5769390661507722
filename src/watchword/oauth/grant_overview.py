"""What is allowed to which client: shown to, and taken back by, the user who allowed it or the tenant's administrator."""

from __future__ import annotations

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.callers.caller import Mode
from watchword.db.database import Database, Transaction
from watchword.errors import NotFoundError
from watchword.oauth.client_models import EndedGrants, ListedGrant
from watchword.oauth.grants import Grants
from watchword.oauth.queries_grant_overview import find_tenant_of_grant, list_grants_of_tenant, list_grants_of_user
from watchword.oauth.queries_grants import find_grant
from watchword.tenants.actor import Actor, require_mode


class GrantOverview:
    """Lists living grants, and ends them together with the consent behind them."""

    def __init__(self, database: Database, grants: Grants, *, audit: AuditWriter) -> None:
        self._database = database
        self._grants = grants
        self._audit = audit

    async def list_of_tenant(
        self,
        tenant_id: str,
        *,
        mode: Mode | None = None,
        client_id: str = "",
        user_id: str = "",
        after: str = "",
        limit: int = 10,
        now_ms: int,
    ) -> list[ListedGrant]:
        """Return a tenant's living grants, the youngest first: all, or those of one mode, one client or one user."""
        return await list_grants_of_tenant(
            self._database,
            tenant_id,
            mode=mode,
            client_id=client_id,
            user_id=user_id,
            after=after,
            limit=limit,
            now_ms=now_ms,
        )

    async def list_of_user(self, user_id: str, *, after: str = "", limit: int = 10, now_ms: int) -> list[ListedGrant]:
        """Return the living grants that a user gave in any tenant, the youngest first."""
        return await list_grants_of_user(self._database, user_id, after=after, limit=limit, now_ms=now_ms)

    async def end(self, tenant_id: str, grant_id: str, *, actor: Actor, now_ms: int) -> EndedGrants:
        """End a grant of a tenant for ever, with every code and token of it.

        The consent behind it goes too, or the client would get the next grant unasked; and with that whatever else
        the same user allowed the same client.

        Raises:
            NotFoundError: the tenant has no such living grant.
            ForbiddenError: it is of another mode than the actor is held to.
        """
        ended = await self._database.transaction(lambda tx: self._end(tx, tenant_id, grant_id, actor, now_ms))
        self._record(ended, actor, now_ms)
        return ended

    async def end_of_user(self, user_id: str, grant_id: str, *, actor: Actor, now_ms: int) -> EndedGrants:
        """End a grant that a user gave, as ``end`` does.

        Raises:
            NotFoundError: the user gave no such grant, or it has ended.
        """

        async def work(tx: Transaction) -> EndedGrants:
            tenant_id = await find_tenant_of_grant(tx, user_id, grant_id)
            if tenant_id is None:
                raise NotFoundError
            return await self._end(tx, tenant_id, grant_id, actor, now_ms)

        ended = await self._database.transaction(work)
        self._record(ended, actor, now_ms)
        return ended

    async def _end(self, tx: Transaction, tenant_id: str, grant_id: str, actor: Actor, now_ms: int) -> EndedGrants:
        state = await find_grant(tx, tenant_id, grant_id)
        if state is None or state.grant.ended_at_ms is not None:
            raise NotFoundError
        grant = state.grant
        require_mode(actor, grant.mode)
        ids: tuple[str, ...] = ()
        if grant.user_id is not None:
            ids = await self._grants.withdraw_consent(tx, tenant_id, grant.user_id, grant.client_id, now_ms)
        elif await self._grants.end(tx, tenant_id, grant_id, now_ms):
            ids = (grant_id,)
        if grant_id not in ids:
            # Somebody else was first.
            raise NotFoundError
        return EndedGrants(grant, ids)

    def _record(self, ended: EndedGrants, actor: Actor, now_ms: int) -> None:
        self._audit.record(
            Event.GRANT_ENDED,
            tenant_id=ended.grant.tenant_id,
            subject=actor.subject,
            credential_id=actor.credential_id,
            address=actor.address,
            detail={
                "grants": " ".join(ended.ids),
                "client": ended.grant.client_id,
                "user": ended.grant.user_id or "",
            },
            now_ms=now_ms,
        )
