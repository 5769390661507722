"""The endpoints that take tokens and give none: introspection and revocation."""

from __future__ import annotations

from watchword.oauth.introspect_endpoint import IntrospectEndpoint
from watchword.oauth.models import IntrospectionAnswer, PresentedToken
from watchword.oauth.revoke_endpoint import RevokeEndpoint
from watchword.oauth.routes import twice
from watchword.wire.routes import Route


def make_token_routes(introspect: IntrospectEndpoint, revoke: RevokeEndpoint) -> tuple[Route, ...]:
    """Return the routes."""
    return twice(
        (
            Route(
                method="POST",
                path="/oauth/introspect",
                handler=introspect.answer,
                callers="client",
                summary="Ask what a token stands for (RFC 7662)",
                style="oauth",
                form=PresentedToken,
                answer=IntrospectionAnswer,
                tag="OAuth",
            ),
            Route(
                method="POST",
                path="/oauth/revoke",
                handler=revoke.answer,
                callers="client",
                summary="Give back a token (RFC 7009)",
                limit="token",
                style="oauth",
                form=PresentedToken,
                tag="OAuth",
            ),
        )
    )
