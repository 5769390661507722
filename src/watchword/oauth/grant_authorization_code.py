"""A code for tokens (RFC 6749 §4.1.3), with the verifier that proves whose code it is (RFC 7636 §4.5)."""

from __future__ import annotations

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.concealed import Concealed
from watchword.credentials.access_token import IssuerNames
from watchword.db.database import Database, Transaction
from watchword.oauth.authorization_codes import AuthorizationCodes, PresentedCode, SpentAuthorization
from watchword.oauth.grant import GrantContext
from watchword.oauth.grant_tokens import GrantTokens
from watchword.oauth.models import OAuthClient, TokenAnswer, TokenRequest
from watchword.oauth.resources import narrow_resources
from watchword.oauth.scopes import narrow_scopes
from watchword.oauth_errors import InvalidGrantError, InvalidOAuthRequestError


class _Exchange(Concealed, frozen=True):
    """What the code's transaction leaves to be done after it."""

    spent: SpentAuthorization
    scopes: tuple[str, ...]
    audience: tuple[str, ...]
    refresh_token: str | None


class AuthorizationCodeGrant:
    """Answers ``grant_type=authorization_code``."""

    grant_type = "authorization_code"

    def __init__(
        self,
        database: Database,
        codes: AuthorizationCodes,
        tokens: GrantTokens,
        names: IssuerNames,
        *,
        audit: AuditWriter,
    ) -> None:
        self._database = database
        self._codes = codes
        self._tokens = tokens
        self._names = names
        self._audit = audit

    async def answer(self, client: OAuthClient, request: TokenRequest, context: GrantContext) -> TokenAnswer:
        """Give the tokens that a user allowed the client.

        Raises:
            InvalidOAuthRequestError: there is no code.
            InvalidGrantError: the code is not good, not this client's, or something does not fit it; used before, and
                then all that it gave has ended.
            InvalidTargetError: a resource is asked for that was not allowed.
        """
        presented = _require_code(request, context)

        async def work(tx: Transaction) -> _Exchange | None:
            return await self._exchange(tx, client, presented, request.resource, context)

        exchange = await self._database.transaction(work)
        if exchange is None:
            self._record_reuse(client, context)
            raise InvalidGrantError(cause="the code was used before; its grant has ended")
        return await self._tokens.answer(
            client,
            exchange.spent.grant,
            context,
            scopes=exchange.scopes,
            audience=exchange.audience,
            refresh_token=exchange.refresh_token,
            nonce=exchange.spent.nonce,
        )

    async def _exchange(
        self,
        tx: Transaction,
        client: OAuthClient,
        presented: PresentedCode,
        resources: tuple[str, ...],
        context: GrantContext,
    ) -> _Exchange | None:
        spent = await self._codes.spend(tx, client, presented, context.now_ms)
        if spent is None:
            return None
        return _Exchange(
            spent,
            narrow_scopes(client, spent.grant.scopes, None),
            narrow_resources(self._names, client, spent.grant.resources, resources),
            await self._tokens.begin_refresh(tx, client, spent.grant, context),
        )

    def _record_reuse(self, client: OAuthClient, context: GrantContext) -> None:
        self._audit.record(
            Event.CODE_REUSED,
            tenant_id=client.tenant_id,
            subject=client.id,
            credential_id=client.id,
            address=context.address,
            now_ms=context.now_ms,
        )


def _require_code(request: TokenRequest, context: GrantContext) -> PresentedCode:
    if request.code is None:
        raise InvalidOAuthRequestError("The parameter code is missing")
    return PresentedCode(
        code=request.code,
        redirect_uri=request.redirect_uri,
        code_verifier=request.code_verifier,
        jkt=context.jkt,
    )
