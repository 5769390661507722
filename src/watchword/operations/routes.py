"""Health, the OpenAPI document and the page that shows it."""

from __future__ import annotations

from typing import Any

from watchword.operations.docs import DocsPages
from watchword.operations.health import Health
from watchword.operations.models import FrontDoorAnswer, HealthAnswer
from watchword.wire.routes import Route


def make_routes(health: Health, docs: DocsPages) -> tuple[Route, ...]:
    """Return the room's routes; none of them needs proof, and none tells more than that the server runs."""
    return (
        Route(
            method="GET",
            path="/",
            handler=docs.front_door,
            callers="anyone",
            summary="Say what this is and where to go on",
            answer=FrontDoorAnswer,
            tag="Operations",
        ),
        Route(
            method="GET",
            path="/health/live",
            handler=health.live,
            callers="anyone",
            summary="Say that the process runs",
            answer=HealthAnswer,
            tag="Operations",
        ),
        Route(
            method="GET",
            path="/health/ready",
            handler=health.ready,
            callers="anyone",
            summary="Say that the process can serve: its database answers",
            answer=HealthAnswer,
            tag="Operations",
        ),
        Route(
            method="GET",
            path="/api/health",
            handler=health.ready,
            callers="anyone",
            summary="Say that the API can serve",
            answer=HealthAnswer,
            tag="Operations",
        ),
        Route(
            method="GET",
            path="/api/openapi.json",
            handler=docs.openapi,
            callers="anyone",
            summary="Describe every route as OpenAPI 3.1",
            answer=dict[str, Any],
            tag="Operations",
        ),
        Route(
            method="GET",
            path="/docs",
            handler=docs.page,
            callers="anyone",
            summary="Show the routes as a page that works offline",
            tag="Operations",
        ),
        Route(
            method="GET",
            path="/docs/docs.css",
            handler=docs.style,
            callers="anyone",
            summary="Style the docs page",
            tag="Operations",
        ),
    )
