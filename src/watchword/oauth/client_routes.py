"""The endpoints of managing OAuth clients and what they were allowed."""

from __future__ import annotations

from watchword.oauth.client_endpoints import ClientEndpoints
from watchword.oauth.client_models import (
    AddSecret,
    ChangeClient,
    ClientAnswer,
    ClientDone,
    ClientPage,
    CreateClient,
    GrantEnded,
    GrantPage,
    GrantQuery,
    RotateSecret,
    SecretDone,
    SecretRotated,
)
from watchword.oauth.grant_endpoints import GrantEndpoints
from watchword.tenants.models import PageQuery, Removed
from watchword.wire.routes import Route


def make_client_routes(clients: ClientEndpoints, grants: GrantEndpoints) -> tuple[Route, ...]:
    """Return the routes; clients and grants are those of the tenant that the caller acts in, of both modes."""
    return (
        *_tenant_routes(clients),
        *_client_routes(clients),
        *_secret_routes(clients),
        *_grant_routes(grants),
        *_own_grant_routes(grants),
    )


def _tenant_routes(handlers: ClientEndpoints) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/api/clients",
            handler=handlers.create,
            callers="user",
            summary="Make an OAuth client; its secret is shown once",
            permission="clients:write",
            body=CreateClient,
            answer=ClientDone,
            status=201,
            tag="OAuth clients",
        ),
        Route(
            method="GET",
            path="/api/clients",
            handler=handlers.list,
            callers="user",
            summary="List OAuth clients",
            permission="clients:read",
            query=PageQuery,
            answer=ClientPage,
            tag="OAuth clients",
        ),
    )


def _client_routes(handlers: ClientEndpoints) -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/api/clients/{id}",
            handler=handlers.get,
            callers="user",
            summary="Read an OAuth client, without its secrets' texts",
            permission="clients:read",
            answer=ClientAnswer,
            tag="OAuth clients",
        ),
        Route(
            method="PATCH",
            path="/api/clients/{id}",
            handler=handlers.change,
            callers="user",
            summary="Change, disable or enable an OAuth client",
            permission="clients:write",
            body=ChangeClient,
            answer=ClientDone,
            tag="OAuth clients",
        ),
        Route(
            method="DELETE",
            path="/api/clients/{id}",
            handler=handlers.delete,
            callers="user",
            summary="Delete an OAuth client with its grants and tokens",
            permission="clients:write",
            answer=Removed,
            tag="OAuth clients",
        ),
    )


def _secret_routes(handlers: ClientEndpoints) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/api/clients/{id}/secrets",
            handler=handlers.add_secret,
            callers="user",
            summary="Make one more secret for an OAuth client; it is shown once",
            permission="clients:write",
            body=AddSecret,
            body_is_optional=True,
            answer=SecretDone,
            status=201,
            tag="OAuth clients",
        ),
        Route(
            method="POST",
            path="/api/clients/{id}/rotate",
            handler=handlers.rotate,
            callers="user",
            summary="Replace the secrets of an OAuth client; the old ones go on for a while",
            permission="clients:write",
            body=RotateSecret,
            body_is_optional=True,
            answer=SecretRotated,
            status=201,
            tag="OAuth clients",
        ),
        Route(
            method="DELETE",
            path="/api/clients/{id}/secrets/{secret_id}",
            handler=handlers.revoke_secret,
            callers="user",
            summary="Revoke a secret of an OAuth client for ever",
            permission="clients:write",
            answer=SecretDone,
            tag="OAuth clients",
        ),
    )


def _grant_routes(handlers: GrantEndpoints) -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/api/grants",
            handler=handlers.list_of_tenant,
            callers="user",
            summary="List what users allowed the tenant's OAuth clients",
            permission="clients:read",
            query=GrantQuery,
            answer=GrantPage,
            tag="OAuth clients",
        ),
        Route(
            method="DELETE",
            path="/api/grants/{id}",
            handler=handlers.end,
            callers="user",
            summary="End a grant with its tokens, and the consent behind it",
            permission="clients:write",
            answer=GrantEnded,
            tag="OAuth clients",
        ),
    )


def _own_grant_routes(handlers: GrantEndpoints) -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/api/users/grants",
            handler=handlers.list_of_user,
            callers="user",
            summary="List what you allowed OAuth clients",
            query=PageQuery,
            answer=GrantPage,
            tag="Account",
        ),
        Route(
            method="DELETE",
            path="/api/users/grants/{id}",
            handler=handlers.end_of_user,
            callers="user",
            summary="Take back what you allowed an OAuth client",
            answer=GrantEnded,
            tag="Account",
        ),
    )
