"""A device asks until a person has decided, and then gets tokens (RFC 8628 §3.4, §3.5)."""

from __future__ import annotations

from watchword.concealed import Concealed
from watchword.credentials.access_token import IssuerNames
from watchword.db.database import Database, Transaction
from watchword.oauth.device_codes import DeviceCodeStore, Poll
from watchword.oauth.grant import GrantContext
from watchword.oauth.grant_tokens import GrantTokens
from watchword.oauth.grants import Grants
from watchword.oauth.models import OAuthClient, StoredGrant, TokenAnswer, TokenRequest
from watchword.oauth.resources import narrow_resources
from watchword.oauth.scopes import narrow_scopes
from watchword.oauth_errors import (
    AccessDeniedError,
    AuthorizationPendingError,
    ExpiredDeviceCodeError,
    InvalidGrantError,
    InvalidOAuthRequestError,
    SlowDownError,
)


class _Asked(Concealed, frozen=True):
    """What the poll's transaction leaves to be done after it."""

    poll: Poll
    grant: StoredGrant | None = None
    refresh_token: str | None = None


class DeviceCodeGrant:
    """Answers ``grant_type=urn:ietf:params:oauth:grant-type:device_code``."""

    grant_type = "urn:ietf:params:oauth:grant-type:device_code"

    def __init__(
        self, database: Database, codes: DeviceCodeStore, grants: Grants, tokens: GrantTokens, names: IssuerNames
    ) -> None:
        self._database = database
        self._codes = codes
        self._grants = grants
        self._tokens = tokens
        self._names = names

    async def answer(self, client: OAuthClient, request: TokenRequest, context: GrantContext) -> TokenAnswer:
        """Give the tokens that a person allowed the device.

        Raises:
            InvalidOAuthRequestError: there is no device code.
            InvalidGrantError: it is unknown, another client's, or used.
            AuthorizationPendingError: nobody has decided yet; ``SlowDownError`` when it asks too often.
            AccessDeniedError: the person said no.
            ExpiredDeviceCodeError: nobody decided in time.
            InvalidTargetError: a resource is asked for that was not allowed; the code is used up then.
        """
        device_code = request.device_code
        if device_code is None:
            raise InvalidOAuthRequestError("The parameter device_code is missing")

        async def work(tx: Transaction) -> _Asked:
            poll = await self._codes.poll(tx, client, device_code, context.now_ms)
            if poll.grant_id is None:
                return _Asked(poll)
            grant = await self._grants.get_living(tx, client, poll.grant_id, context.now_ms)
            return _Asked(poll, grant, await self._tokens.begin_refresh(tx, client, grant, context))

        asked = await self._database.transaction(work)
        grant = _require_grant(asked)
        return await self._tokens.answer(
            client,
            grant,
            context,
            scopes=narrow_scopes(client, grant.scopes, None),
            audience=narrow_resources(self._names, client, grant.resources, request.resource),
            refresh_token=asked.refresh_token,
        )


def _require_grant(asked: _Asked) -> StoredGrant:
    outcome = asked.poll.outcome
    if outcome == "pending":
        raise AuthorizationPendingError
    if outcome == "too fast":
        raise SlowDownError
    if outcome == "denied":
        raise AccessDeniedError
    if outcome == "expired":
        raise ExpiredDeviceCodeError
    if asked.grant is None:
        raise InvalidGrantError(cause=f"the device code is {outcome}")
    return asked.grant
