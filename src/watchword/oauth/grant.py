"""What every grant of the token endpoint is: proved client and parsed form in, tokens out."""

from __future__ import annotations

from typing import Protocol

import msgspec

from watchword.oauth.issue import IssuedAccessToken
from watchword.oauth.models import OAuthClient, TokenAnswer, TokenRequest


class GrantContext(msgspec.Struct, frozen=True):
    """What a grant knows of the request besides its form; ``jkt`` is the thumbprint of a proved DPoP key."""

    now_ms: int
    address: str
    jkt: str | None = None

    def answer(
        self, issued: IssuedAccessToken, *, refresh_token: str | None = None, id_token: str | None = None
    ) -> TokenAnswer:
        """Put what was made into the answer of RFC 6749 §5.1."""
        return TokenAnswer(
            access_token=issued.text,
            token_type="Bearer" if issued.claims.cnf is None else "DPoP",
            expires_in=issued.expires_in,
            scope=issued.claims.scope,
            refresh_token=refresh_token,
            id_token=id_token,
        )


class Grant(Protocol):
    """One grant; ``grant_type`` is its name in requests."""

    grant_type: str

    async def answer(self, client: OAuthClient, request: TokenRequest, context: GrantContext) -> TokenAnswer:
        """Answer a request of a proved client that may use this grant."""
        ...
