"""The endpoints of the authorization server: each at the root, for every tenant, and under ``/t/{tenant}``."""

from __future__ import annotations

from typing import Final

import msgspec

from watchword.oauth.discovery import Discovery
from watchword.oauth.models import JwkSet, TokenAnswer, TokenRequest
from watchword.oauth.server_metadata import ResourceMetadata, ServerMetadata
from watchword.oauth.token_endpoint import TokenEndpoint
from watchword.wire.routes import Route

_OF_TENANT: Final = "/t/{tenant}"


def make_routes(tokens: TokenEndpoint, discovery: Discovery) -> tuple[Route, ...]:
    """Return the routes."""
    return (*twice(_token_routes(tokens)), *_discovery_routes(discovery))


def _token_routes(tokens: TokenEndpoint) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/oauth/token",
            handler=tokens.answer,
            callers="client",
            summary="Get tokens for a grant (RFC 6749 §3.2)",
            limit="token",
            style="oauth",
            form=TokenRequest,
            answer=TokenAnswer,
            tag="OAuth",
        ),
    )


def _discovery_routes(discovery: Discovery) -> tuple[Route, ...]:
    server = Route(
        method="GET",
        path="/.well-known/oauth-authorization-server",
        handler=discovery.server,
        callers="client",
        summary="Describe the authorization server (RFC 8414)",
        answer=ServerMetadata,
        tag="OAuth",
    )
    openid = msgspec.structs.replace(
        server, path="/.well-known/openid-configuration", summary="Describe the OpenID provider (OIDC Discovery)"
    )
    jwks = msgspec.structs.replace(
        server, path="/oauth/jwks", handler=discovery.jwks, summary="Publish the signing keys", answer=JwkSet
    )
    resource = msgspec.structs.replace(
        server,
        path="/.well-known/oauth-protected-resource",
        handler=discovery.resource,
        summary="Describe the API as a protected resource (RFC 9728)",
        answer=ResourceMetadata,
    )
    # RFC 8414 §3.1 puts the issuer's path behind the well-known part, OpenID Connect Discovery §4 before it.
    behind = tuple(msgspec.structs.replace(route, path=f"{route.path}{_OF_TENANT}") for route in (server, openid))
    return (
        *twice((server, openid, jwks)),
        *behind,
        msgspec.structs.replace(resource, path=f"{resource.path}/api"),
        msgspec.structs.replace(resource, path=f"{resource.path}{_OF_TENANT}/api"),
    )


def twice(routes: tuple[Route, ...]) -> tuple[Route, ...]:
    """Serve routes at the root, and under each tenant's own path."""
    return (*routes, *(msgspec.structs.replace(route, path=f"{_OF_TENANT}{route.path}") for route in routes))
