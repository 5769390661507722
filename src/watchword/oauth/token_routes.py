"""The endpoints that take tokens and give none: introspection, revocation and UserInfo."""

from __future__ import annotations

import msgspec

from watchword.oauth.claims import UserClaims
from watchword.oauth.introspect_endpoint import IntrospectEndpoint
from watchword.oauth.models import IntrospectionAnswer, PresentedToken
from watchword.oauth.revoke_endpoint import RevokeEndpoint
from watchword.oauth.routes import twice
from watchword.oauth.userinfo_endpoint import UserinfoEndpoint
from watchword.wire.routes import Route


def make_token_routes(
    introspect: IntrospectEndpoint, revoke: RevokeEndpoint, userinfo: UserinfoEndpoint
) -> tuple[Route, ...]:
    """Return the routes."""
    tell = Route(
        method="GET",
        path="/oauth/userinfo",
        handler=userinfo.answer,
        callers="any caller",
        summary="Tell of the user behind an access token (OpenID Connect Core §5.3)",
        style="oauth",
        answer=UserClaims,
        tag="OAuth",
    )
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
            tell,
            msgspec.structs.replace(tell, method="POST"),
        )
    )
