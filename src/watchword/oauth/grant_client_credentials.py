"""The client acts for itself (RFC 6749 §4.4)."""

from __future__ import annotations

from typing import Final

from watchword.credentials.access_token import IssuerNames
from watchword.oauth.grant import GrantContext
from watchword.oauth.issue import TokenIssuer, Wanted
from watchword.oauth.models import OAuthClient, TokenAnswer, TokenRequest
from watchword.oauth.resources import require_resources
from watchword.oauth.scopes import IDENTITY_SCOPES, require_scopes
from watchword.oauth_errors import InvalidScopeError, UnauthorizedClientError

_OF_USERS: Final = frozenset(IDENTITY_SCOPES)


class ClientCredentialsGrant:
    """Answers ``grant_type=client_credentials``."""

    grant_type = "client_credentials"

    def __init__(self, issuer: TokenIssuer, names: IssuerNames) -> None:
        self._issuer = issuer
        self._names = names

    async def answer(self, client: OAuthClient, request: TokenRequest, context: GrantContext) -> TokenAnswer:
        """Give the client a token of its own, without a refresh token (RFC 6749 §4.4.3).

        Raises:
            UnauthorizedClientError: a public client proves nothing and acts for nobody.
            InvalidScopeError: a scope is more than the client may have, or about a user, whom there is none.
            InvalidTargetError: a resource is none of the client's.
        """
        if client.kind != "confidential":
            raise UnauthorizedClientError
        scopes = _require_own(require_scopes(client, request.scope), request.scope)
        wanted = Wanted(
            subject=client.id,
            scopes=scopes,
            audience=require_resources(self._names, client, request.resource),
            jkt=context.jkt,
        )
        issued = await self._issuer.make(client, wanted, now_ms=context.now_ms)
        return context.answer(issued)


def _require_own(scopes: tuple[str, ...], asked: str | None) -> tuple[str, ...]:
    if _OF_USERS.isdisjoint(scopes):
        return scopes
    own = tuple(scope for scope in scopes if scope not in IDENTITY_SCOPES)
    if asked and len(own) < len(scopes):
        raise InvalidScopeError("This grant has no user to tell of")
    return own
