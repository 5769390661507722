"""One credential for another that can do less (RFC 8693): a session, access token or key in, a short access token out.

The new token has no more scopes than the one before it, ends no later, and dies with it: what it was made from stands
at its grant. Who acts for whom stands in its ``act`` claim.
"""

from __future__ import annotations

from typing import Final

import msgspec

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.credentials.access_token import ActingParty, IssuerNames
from watchword.credentials.scope_sets import common_scopes
from watchword.db.database import Database, Transaction
from watchword.oauth.grant import GrantContext
from watchword.oauth.grants import Grants
from watchword.oauth.issue import TokenIssuer, Wanted
from watchword.oauth.models import OAuthClient, StoredGrant, TokenAnswer, TokenRequest
from watchword.oauth.queries_token_exchange import derive_grant
from watchword.oauth.resources import require_resources
from watchword.oauth.scopes import ALL_OF_API, parse_scope, require_within
from watchword.oauth.subject_token import ACCESS_TOKEN, Subject, SubjectTokens
from watchword.oauth_errors import (
    InvalidOAuthRequestError,
    InvalidScopeError,
    InvalidTargetError,
    UnauthorizedClientError,
)

ACTORS_MAX: Final = 5
"""How long a chain of acting parties may grow: services behind services behind services, and no loop."""

_ORIGINS_MAX: Final = 20
"""What a grant may hang on: each exchange adds three, and every use of the token asks for all of them."""


class TokenExchangeGrant:
    """Answers ``grant_type=urn:ietf:params:oauth:grant-type:token-exchange``."""

    grant_type = "urn:ietf:params:oauth:grant-type:token-exchange"

    def __init__(
        self,
        database: Database,
        subjects: SubjectTokens,
        grants: Grants,
        issuer: TokenIssuer,
        names: IssuerNames,
        *,
        audit: AuditWriter,
    ) -> None:
        self._database = database
        self._subjects = subjects
        self._grants = grants
        self._issuer = issuer
        self._names = names
        self._audit = audit

    async def answer(self, client: OAuthClient, request: TokenRequest, context: GrantContext) -> TokenAnswer:
        """Give the client a token on behalf of whom the subject token speaks for.

        Raises:
            UnauthorizedClientError: a public client proves nothing, so that anybody could come in its name.
            InvalidOAuthRequestError: the request is malformed, or a token in it proves nothing (RFC 8693 §2.2.2).
            InvalidScopeError: a scope is more than the subject token or the client has.
            InvalidTargetError: a resource is none of the client's.
        """
        if client.kind != "confidential":
            raise UnauthorizedClientError
        _require_form(request)
        subject = await self._read_subject(client, request, context)
        wanted = Wanted(
            subject=subject.sub,
            scopes=_narrowed(client, subject, request.scope),
            audience=self._audience(client, subject, (*request.resource, *request.audience)),
            authenticated_at_s=subject.authenticated_at_s,
            jkt=context.jkt,
            act=await self._acting(client, subject, request, context),
            ends_at_s=_ends_at_s(client, subject, context.now_ms),
        )
        grant = await self._start_grant(client, subject, wanted, context.now_ms)
        issued = await self._issuer.make(
            client, msgspec.structs.replace(wanted, grant_id=grant.id), now_ms=context.now_ms
        )
        self._record(client, subject, context)
        answer = context.answer(issued)
        answer.issued_token_type = ACCESS_TOKEN
        return answer

    async def _read_subject(self, client: OAuthClient, request: TokenRequest, context: GrantContext) -> Subject:
        token, token_type = request.subject_token or "", request.subject_token_type or ""
        subject = await self._subjects.read(client, token, token_type, context.now_ms)
        if subject.jkt is not None and subject.jkt != context.jkt:
            # Whoever holds the token without its key holds nothing (RFC 9449 §7).
            raise InvalidOAuthRequestError("The token is not accepted", cause="the subject token's key is not proved")
        if len(subject.subjects) > _ORIGINS_MAX:
            raise InvalidOAuthRequestError("The token was exchanged too often")
        return subject

    def _audience(self, client: OAuthClient, subject: Subject, asked: tuple[str, ...]) -> tuple[str, ...]:
        own = (self._names.resource(client.tenant_slug), *client.settings.audiences)
        held = own[:1] if subject.audience is None else subject.audience
        if self._names.is_for_api(client.tenant_slug, held):
            held = (own[0], *held)
        shared = tuple(dict.fromkeys(resource for resource in held if resource in own))
        if not shared:
            # A token for services that this client has nothing to do with is not its to exchange.
            raise InvalidTargetError(cause="the subject token is for none of the client's resources")
        return require_resources(self._names, client, asked or shared)

    async def _acting(
        self, client: OAuthClient, subject: Subject, request: TokenRequest, context: GrantContext
    ) -> ActingParty | None:
        actor = None
        if request.actor_token is not None:
            actor_type = request.actor_token_type or ""
            actor = await self._subjects.read(client, request.actor_token, actor_type, context.now_ms)
            if actor.jkt is not None and actor.jkt != context.jkt:
                raise InvalidOAuthRequestError("The token is not accepted", cause="the actor token's key is not proved")
        # Who is acted for is no actor: the client that brings the same token twice acts itself.
        sub = client.id if actor is None or actor.sub == subject.sub else actor.sub
        before = subject.act
        if sub == subject.sub or (before is not None and (before.sub, before.client_id) == (sub, client.id)):
            return before
        act = ActingParty(sub=sub, client_id=client.id, act=before)
        if _length(act) > ACTORS_MAX:
            raise InvalidOAuthRequestError("Too many parties act for one another")
        return act

    async def _start_grant(self, client: OAuthClient, subject: Subject, wanted: Wanted, now_ms: int) -> StoredGrant:
        async def work(tx: Transaction) -> StoredGrant:
            grant = await self._grants.start(
                tx,
                client,
                user_id=subject.user_id,
                session_id=subject.session_id,
                scopes=wanted.scopes,
                resources=wanted.audience,
                authenticated_at_ms=None if subject.authenticated_at_s is None else subject.authenticated_at_s * 1000,
                now_ms=now_ms,
            )
            await derive_grant(
                tx,
                client.tenant_id,
                grant.id,
                derived_from=subject.subjects,
                expires_at_ms=(wanted.ends_at_s or 0) * 1000,
            )
            return grant

        return await self._database.transaction(work)

    def _record(self, client: OAuthClient, subject: Subject, context: GrantContext) -> None:
        self._audit.record(
            Event.TOKEN_EXCHANGED,
            tenant_id=client.tenant_id,
            subject=subject.sub,
            credential_id=client.id,
            address=context.address,
            detail={"from": subject.subjects[0]},
            now_ms=context.now_ms,
        )


def _require_form(request: TokenRequest) -> None:
    if request.subject_token is None or request.subject_token_type is None:
        raise InvalidOAuthRequestError("The parameters subject_token and subject_token_type are required")
    if (request.actor_token is None) is not (request.actor_token_type is None):
        # RFC 8693 §2.1: the type is required with the token, and must not be there without it.
        raise InvalidOAuthRequestError("The parameters actor_token and actor_token_type come together")
    if request.requested_token_type not in {None, ACCESS_TOKEN}:
        raise InvalidOAuthRequestError("Access tokens are all that is given here")


def _narrowed(client: OAuthClient, subject: Subject, asked: str | None) -> tuple[str, ...]:
    allowed = ALL_OF_API if client.scopes is None else client.scopes
    held = ALL_OF_API if subject.scopes is None else subject.scopes
    # There is no refresh token here, so that the scope that asks for one is nothing to hand on.
    held = tuple(scope for scope in held if scope != "offline_access")
    scopes = parse_scope(asked) or common_scopes(held, allowed)
    require_within(scopes, held)
    require_within(scopes, allowed)
    if not scopes:
        raise InvalidScopeError
    return scopes


def _ends_at_s(client: OAuthClient, subject: Subject, now_ms: int) -> int:
    own = now_ms // 1000 + client.settings.access_ttl_seconds
    return own if subject.ends_at_s is None else min(own, subject.ends_at_s)


def _length(act: ActingParty | None) -> int:
    return 0 if act is None else 1 + _length(act.act)
