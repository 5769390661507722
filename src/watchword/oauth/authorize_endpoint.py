"""The authorization endpoint (RFC 6749 §3.1): who is there, whether the user has to be asked, and the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, Protocol

import msgspec

from watchword.callers.call import Call
from watchword.concealed import Concealed
from watchword.credentials.session_token import SessionProof
from watchword.db.database import Database, Transaction
from watchword.oauth.authorization_codes import AuthorizationCodes, Authorized
from watchword.oauth.authorization_request import AuthorizationRequests, ReadyRequest, Received
from watchword.oauth.authorization_response import AuthorizationResponses
from watchword.oauth.choose_tenant import TenantChoice
from watchword.oauth.grants import Grants
from watchword.oauth.id_token import IdTokens
from watchword.oauth.models import OAuthClient
from watchword.oauth.page_kit import page_path
from watchword.oauth.page_session import PageSessions, Visit
from watchword.oauth.queries_pages import find_session_start
from watchword.oauth.stored_requests import PAGE_TTL_SECONDS, StoredRequests
from watchword.oauth_errors import (
    AccessDeniedError,
    ConsentRequiredError,
    LoginRequiredError,
    OAuthError,
    TenantNotNamedError,
)
from watchword.wire.pages import choose_language, redirect_to
from watchword.wire.response import Response

Step = Literal["sign in", "no member", "consent", "answer"]
"""What comes next on the way to an answer."""

_REFUSALS: Final[Mapping[Step, type[OAuthError]]] = {
    "sign in": LoginRequiredError,
    "no member": AccessDeniedError,
    "consent": ConsentRequiredError,
}
"""What a client is told that wants no page to be shown (OpenID Connect Core §3.1.2.6)."""


class Standing(Concealed, frozen=True, kw_only=True):
    """How a browser stands to a request: what comes next, and who is signed in since when."""

    step: Step
    visit: Visit
    authenticated_at_ms: int = 0

    @property
    def user(self) -> SessionProof:
        """Who is signed in, where the step is another than signing in."""
        if self.visit.signed_in is None:
            raise LoginRequiredError
        return self.visit.signed_in


class ResponseType(Protocol):
    """What is answered for one ``response_type``."""

    async def answer(self, client: OAuthClient, authorized: Authorized, now_ms: int) -> Mapping[str, str]:
        """Return the parameters of the answer."""
        ...


class CodeResponse:
    """Answers ``response_type=code``."""

    def __init__(self, codes: AuthorizationCodes) -> None:
        self._codes = codes

    async def answer(self, client: OAuthClient, authorized: Authorized, now_ms: int) -> Mapping[str, str]:
        """Return a code."""
        return {"code": await self._codes.issue(client, authorized, now_ms)}


class AuthorizeEndpoint:
    """Answers the root's authorization endpoint and each tenant's."""

    def __init__(
        self,
        database: Database,
        *,
        requests: AuthorizationRequests,
        stored: StoredRequests,
        responses: AuthorizationResponses,
        sessions: PageSessions,
        grants: Grants,
        choice: TenantChoice,
        id_tokens: IdTokens,
        response_types: Mapping[str, ResponseType],
    ) -> None:
        self._database = database
        self._requests = requests
        self._stored = stored
        self._responses = responses
        self._sessions = sessions
        self._grants = grants
        self._choice = choice
        self._id_tokens = id_tokens
        self._response_types = response_types

    async def authorize(self, call: Call) -> Response:
        """Answer a request, or begin with the page that it needs."""
        try:
            received = await self._requests.receive(call)
        except TenantNotNamedError:
            if call.request.method == "POST":
                raise
            return await self._ask_for_tenant(call)
        try:
            ready = self._requests.check(received)
            if call.request.method == "POST":
                # A form of another site comes without our cookie; the page that it is sent on to has it.
                return await self._show_page(call, ready)
            standing = await self.stand(call, ready)
            if standing.step == "answer":
                return await self.answer(call, ready, standing)
            require_page_wanted(ready, standing)
            return await self._show_page(call, ready)
        except OAuthError as error:
            return await self.refuse(call, received, error)

    async def stand(self, call: Call, ready: ReadyRequest) -> Standing:
        """Say how the browser stands to a request.

        Raises:
            InvalidOAuthRequestError: the ``id_token_hint`` is none of ours.
            LoginRequiredError: somebody else signed in than the client means.
            UnavailableError: the database cannot be asked.
        """
        visit = await self._sessions.visit(call.request, call.now_ms, ui_locales=ready.received.parameters.ui_locales)
        user = visit.signed_in
        began_at_ms = None if user is None else await find_session_start(self._database, user.session_id)
        if user is None or began_at_ms is None or not _is_recent(ready, began_at_ms, call.now_ms):
            return Standing(step="sign in", visit=visit)
        if not await self._is_hinted(ready, user, call.now_ms):
            if began_at_ms >= ready.received.began_ms:
                # Signed in for this very request, as somebody else than the client means.
                raise LoginRequiredError
            return Standing(step="sign in", visit=visit)
        step: Step = "answer"
        if ready.client.tenant_id not in {membership.tenant_id for membership in user.memberships}:
            step = "no member"
        elif await self._must_ask(ready, user):
            step = "consent"
        return Standing(step=step, visit=visit, authenticated_at_ms=began_at_ms)

    async def answer(self, call: Call, ready: ReadyRequest, standing: Standing) -> Response:
        """Give the client what the user allows it.

        Raises:
            InvalidRequestUriError: the pushed request was answered before.
            AccessDeniedError: the user has taken the consent back at this very moment.
            UnavailableError: the database cannot be asked.
        """
        received, user = ready.received, standing.user
        pushed_uri = received.pushed_uri
        if pushed_uri is not None:

            async def spend(tx: Transaction) -> None:
                await self._stored.spend_pushed(tx, pushed_uri, call.now_ms)

            await self._database.transaction(spend)
        authorized = Authorized(
            user_id=user.user_id,
            session_id=user.session_id,
            scopes=ready.scopes,
            resources=ready.resources,
            authenticated_at_ms=standing.authenticated_at_ms,
            redirect_uri=received.parameters.redirect_uri,
            code_challenge=ready.code_challenge,
            nonce=received.parameters.nonce,
            jkt=received.parameters.dpop_jkt,
        )
        answer = await self._response_types[ready.response_type].answer(ready.client, authorized, call.now_ms)
        await self._require_consent_kept(ready.client, user.user_id, call.now_ms)
        return self._responses.give(received.destination, answer, standing.visit.language)

    async def refuse(self, call: Call, received: Received, error: OAuthError) -> Response:
        """Tell the client why it gets nothing."""
        language = choose_language(call.request.header(b"accept-language"), received.parameters.ui_locales)
        return await self._responses.refuse(received.destination, error, language)

    async def _require_consent_kept(self, client: OAuthClient, user_id: str, now_ms: int) -> None:
        # Asked once more behind the grant: who withdraws a consent ends the grants that stand, and this one may not
        # have stood yet.
        if await self._grants.find_consent(client.tenant_id, user_id, client.id) is not None:
            return

        async def end(tx: Transaction) -> None:
            await self._grants.withdraw_consent(tx, client.tenant_id, user_id, client.id, now_ms)

        await self._database.transaction(end)
        raise AccessDeniedError

    async def _ask_for_tenant(self, call: Call) -> Response:
        visit = await self._sessions.visit(call.request, call.now_ms)
        page = f"authorize?{call.request.query.decode('latin-1')}"
        if visit.signed_in is None:
            return redirect_to(page_path(call.parameters, "sign-in", next=f"/oauth/{page}"))
        return await self._choice.ask(visit, visit.signed_in, page)

    async def _show_page(self, call: Call, ready: ReadyRequest) -> Response:
        received = ready.received
        handle = await self._stored.keep(
            "page",
            ready.client,
            msgspec.structs.replace(received.parameters, request_uri=received.pushed_uri),
            ttl_seconds=PAGE_TTL_SECONDS,
            now_ms=call.now_ms,
        )
        return redirect_to(page_path(call.parameters, "consent", request=handle))

    async def _is_hinted(self, ready: ReadyRequest, user: SessionProof, now_ms: int) -> bool:
        token = ready.received.parameters.id_token_hint
        if token is None:
            return True
        hint = await self._id_tokens.read_hint(token, now_ms)
        return (hint.tenant_id, hint.user_id) == (ready.client.tenant_id, user.user_id)

    async def _must_ask(self, ready: ReadyRequest, user: SessionProof) -> bool:
        if ready.prompts & {"consent", "select_account"} or _may_be_impersonated(ready):
            return True
        client = ready.client
        consent = await self._grants.find_consent(client.tenant_id, user.user_id, client.id)
        return consent is None or not consent.covers(ready.scopes, ready.resources)


def require_page_wanted(ready: ReadyRequest, standing: Standing) -> None:
    """Refuse to go on where a page would be needed and the client wants none to be shown.

    Raises:
        OAuthError: what the page would have been for (OpenID Connect Core §3.1.2.6).
    """
    if "none" in ready.prompts and standing.step != "answer":
        raise _REFUSALS[standing.step]


def _is_recent(ready: ReadyRequest, authenticated_at_ms: int, now_ms: int) -> bool:
    if authenticated_at_ms >= ready.received.began_ms and ready.received.handle is not None:
        # Since the person came with this very request.
        return True
    if "login" in ready.prompts or ready.max_age_seconds == 0:
        # The two mean the same (OpenID Connect Core §3.1.2.1).
        return False
    return ready.max_age_seconds is None or now_ms - authenticated_at_ms <= ready.max_age_seconds * 1000


def _may_be_impersonated(ready: ReadyRequest) -> bool:
    # Anybody can take a native application's name and listen where it would: its user is asked each time
    # (RFC 8252 §8.6, RFC 6749 §10.2).
    return ready.client.kind == "public" and not ready.received.destination.redirect_uri.startswith("https://")
