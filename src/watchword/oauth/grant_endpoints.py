"""The handlers that show and end grants: from a call to the answer's bytes."""

from __future__ import annotations

import msgspec

from watchword.callers.call import Call
from watchword.clock import iso_timestamp
from watchword.oauth.client_models import EndedGrants, GrantAnswer, GrantEnded, GrantPage, GrantQuery, ListedGrant
from watchword.oauth.grant_overview import GrantOverview
from watchword.tenants.actor import actor_of, held_mode
from watchword.tenants.models import PageQuery
from watchword.wire.response import Response, json_response


class GrantEndpoints:
    """Handlers under ``/api/grants`` and ``/api/users/grants``."""

    def __init__(self, overview: GrantOverview) -> None:
        self._overview = overview

    async def list_of_tenant(self, call: Call) -> Response:
        """List the tenant's living grants."""
        query: GrantQuery = call.query
        grants = await self._overview.list_of_tenant(
            call.tenant_id,
            mode=held_mode(call),
            client_id=query.client,
            user_id=query.user,
            after=query.after,
            limit=query.limit + 1,
            now_ms=call.now_ms,
        )
        return _page(grants, query.limit)

    async def list_of_user(self, call: Call) -> Response:
        """List what the caller allowed clients."""
        query: PageQuery = call.query
        grants = await self._overview.list_of_user(
            call.known.subject, after=query.after, limit=query.limit + 1, now_ms=call.now_ms
        )
        return _page(grants, query.limit)

    async def end(self, call: Call) -> Response:
        """End a grant of the tenant."""
        ended = await self._overview.end(
            call.tenant_id, call.parameters["id"], actor=actor_of(call), now_ms=call.now_ms
        )
        return _ended(ended)

    async def end_of_user(self, call: Call) -> Response:
        """End what the caller allowed a client."""
        ended = await self._overview.end_of_user(
            call.known.subject, call.parameters["id"], actor=actor_of(call), now_ms=call.now_ms
        )
        return _ended(ended)


def grant_answer(grant: ListedGrant) -> GrantAnswer:
    """Show a grant."""
    fields = msgspec.structs.asdict(grant)
    created_at, expires_at = iso_timestamp(fields.pop("created_at_ms")), iso_timestamp(fields.pop("expires_at_ms"))
    return GrantAnswer(**fields, created_at=created_at, expires_at=expires_at)


def _page(grants: list[ListedGrant], limit: int) -> Response:
    docs = [grant_answer(grant) for grant in grants[:limit]]
    more = len(grants) > limit
    return json_response(
        200, GrantPage(docs=docs, limit=limit, has_next_page=more, next_after=docs[-1].id if more else None)
    )


def _ended(ended: EndedGrants) -> Response:
    return json_response(200, GrantEnded("Ended successfully.", ended.grant.id, list(ended.ids)))
