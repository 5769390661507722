"""The endpoint of the feed of revocations."""

from __future__ import annotations

from typing import Any, Final

from watchword.revocations.models import FeedQuery
from watchword.revocations.stream import FEED_PERMISSION, RevocationFeed
from watchword.wire.routes import Route

_LAST_EVENT_ID: Final[dict[str, Any]] = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "The id of the last event that was read: the answer begins behind it.",
    "schema": {"type": "string"},
}


def make_routes(feed: RevocationFeed) -> tuple[Route, ...]:
    """Return the routes."""
    return (
        Route(
            method="GET",
            path="/api/revocations",
            handler=feed.answer,
            callers="any caller",
            summary="Follow what ends: sessions, keys, tokens, grants, users, clients",
            permission=FEED_PERMISSION,
            query=FeedQuery,
            parameters=(_LAST_EVENT_ID,),
            answer_schema={"type": "string"},
            media_type="text/event-stream",
            tag="Revocations",
        ),
    )
