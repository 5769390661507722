"""The endpoints of API keys."""

from __future__ import annotations

from watchword.api_keys.endpoints import KeyEndpoints
from watchword.api_keys.manage import ApiKeyManager
from watchword.api_keys.models import (
    ChangeKey,
    CreateKey,
    KeyAnswer,
    KeyDone,
    KeyPage,
    KeyRevoked,
    KeyRotated,
    OwnKeyRevoked,
    RevokeOwnKey,
    RotateKey,
    VerdictAnswer,
    VerifyKey,
)
from watchword.api_keys.verify import KeyVerifier
from watchword.tenants.models import PageQuery
from watchword.wire.routes import Route


def make_routes(keys: ApiKeyManager, verifier: KeyVerifier) -> tuple[Route, ...]:
    """Return the routes; keys are those of the tenant that the caller acts in, of both modes."""
    handlers = KeyEndpoints(keys, verifier)
    return (*_managing_routes(handlers), *_holding_routes(handlers))


def _managing_routes(handlers: KeyEndpoints) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/api/keys",
            handler=handlers.create,
            callers="user",
            summary="Make an API key; it is shown once",
            permission="keys:write",
            body=CreateKey,
            answer=KeyDone,
            status=201,
            tag="API keys",
        ),
        Route(
            method="GET",
            path="/api/keys",
            handler=handlers.list,
            callers="user",
            summary="List API keys",
            permission="keys:read",
            query=PageQuery,
            answer=KeyPage,
            tag="API keys",
        ),
        Route(
            method="GET",
            path="/api/keys/{id}",
            handler=handlers.get,
            callers="user",
            summary="Read an API key, without the key itself",
            permission="keys:read",
            answer=KeyAnswer,
            tag="API keys",
        ),
        Route(
            method="PATCH",
            path="/api/keys/{id}",
            handler=handlers.change,
            callers="user",
            summary="Change an API key",
            permission="keys:write",
            body=ChangeKey,
            answer=KeyDone,
            tag="API keys",
        ),
        Route(
            method="POST",
            path="/api/keys/{id}/rotate",
            handler=handlers.rotate,
            callers="user",
            summary="Replace an API key; the old one goes on for a while",
            permission="keys:write",
            body=RotateKey,
            body_is_optional=True,
            answer=KeyRotated,
            status=201,
            tag="API keys",
        ),
        Route(
            method="DELETE",
            path="/api/keys/{id}",
            handler=handlers.revoke,
            callers="user",
            summary="Revoke an API key for ever",
            permission="keys:write",
            answer=KeyRevoked,
            tag="API keys",
        ),
    )


def _holding_routes(handlers: KeyEndpoints) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/api/keys/self-revoke",
            handler=handlers.revoke_held,
            callers="anyone",
            summary="Revoke the secret key you hold, wherever you found it",
            limit="code",
            body=RevokeOwnKey,
            body_is_optional=True,
            answer=OwnKeyRevoked,
            tag="API keys",
        ),
        Route(
            method="POST",
            path="/api/keys/verify",
            handler=handlers.verify,
            callers="any caller",
            summary="Verify a key that your own service was given",
            limit="verify_key",
            body=VerifyKey,
            answer=VerdictAnswer,
            tag="API keys",
        ),
    )
