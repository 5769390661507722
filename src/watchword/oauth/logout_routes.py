"""The endpoint by which clients sign users out, and the page that asks: at the root, and under each tenant's path."""

from __future__ import annotations

from watchword.oauth.logout_endpoint import LogoutEndpoint
from watchword.oauth.models import LogoutDecision, LogoutRequest
from watchword.oauth.routes import twice
from watchword.wire.routes import Route


def make_logout_routes(logout: LogoutEndpoint) -> tuple[Route, ...]:
    """Return the routes."""
    return twice(
        (
            Route(
                method="GET",
                path="/oauth/logout",
                handler=logout.ask,
                callers="page",
                style="page",
                summary="Sign the user out as a client asks (OIDC RP-Initiated Logout §2)",
                query=LogoutRequest,
                limit="authorize",
                tag="Pages",
            ),
            Route(
                method="POST",
                path="/oauth/logout",
                handler=logout.ask_posted,
                callers="page",
                style="page",
                summary="The same, asked with a form",
                form=LogoutRequest,
                limit="authorize",
                status=303,
                tag="Pages",
            ),
            Route(
                method="POST",
                path="/oauth/logout/confirm",
                handler=logout.decide,
                callers="page",
                style="page",
                summary="Do what the user decided",
                form=LogoutDecision,
                status=303,
                tag="Pages",
            ),
        )
    )
