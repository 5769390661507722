"""What a token is for: resource indicators (RFC 8707), each an API that the client may ask tokens for."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from watchword.credentials.access_token import IssuerNames
from watchword.oauth.models import OAuthClient
from watchword.oauth_errors import InvalidTargetError

_RESOURCES_MAX: Final = 10


def require_resources(names: IssuerNames, client: OAuthClient, asked: tuple[str, ...]) -> tuple[str, ...]:
    """Return the audience of a token: what was asked for, or the tenant's own API when nothing was.

    Raises:
        InvalidTargetError: one is malformed, or none of this client's.
    """
    own = names.resource(client.tenant_slug)
    if not asked:
        return (own,)
    if len(asked) > _RESOURCES_MAX:
        raise InvalidTargetError("Too many resources")
    allowed = {own, *client.settings.audiences}
    chosen = tuple(dict.fromkeys(_normal(resource) for resource in asked))
    if not all(resource in allowed for resource in chosen):
        raise InvalidTargetError
    return chosen


def narrow_resources(
    names: IssuerNames, client: OAuthClient, granted: tuple[str, ...], asked: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the audience of a token of a grant: what was allowed, or the part of it that is asked for (RFC 8707 §2.2).

    Raises:
        InvalidTargetError: one was not allowed, or is none of this client's any more.
    """
    chosen = require_resources(names, client, asked or granted)
    if asked and not all(resource in granted for resource in chosen):
        raise InvalidTargetError
    return chosen


def _normal(resource: str) -> str:
    if not _has_scheme(resource) or "#" in resource:
        # An absolute URI without a fragment (RFC 8707 §2).
        raise InvalidTargetError("A resource is an absolute URI without a fragment")
    return resource.removesuffix("/")


def _has_scheme(resource: str) -> bool:
    try:
        return bool(urlsplit(resource).scheme)
    except ValueError:
        return False
