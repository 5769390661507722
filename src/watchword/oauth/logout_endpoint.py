"""Signing out as a client asks for it (OpenID Connect RP-Initiated Logout 1.0).

Who shows an ID token of the very session is believed; everybody else's user is asked. The browser is sent on only to
an address that the client registered, compared letter for letter, and by itself only where the client is believed or an
administrator vouched for it.
"""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.callers.call import Call
from watchword.credentials.access_token import IssuerNames
from watchword.credentials.logout_ticket import LogoutTickets
from watchword.credentials.session_token import SessionProof, SessionTokens
from watchword.db.database import Database, Transaction
from watchword.oauth.client_metadata_documents import ClientFinder
from watchword.oauth.id_token import IdTokenHint, IdTokens
from watchword.oauth.leaving import is_vouched_for, show_leaving
from watchword.oauth.models import LogoutDecision, LogoutRequest, OAuthClient
from watchword.oauth.page_kit import PageKit, brand_of
from watchword.oauth.page_session import PageSessions, Visit
from watchword.oauth_errors import InvalidOAuthRequestError, UnknownRedirectUriError
from watchword.wire.cookies import cleared_pages_cookie_line
from watchword.wire.pages import redirect_to
from watchword.wire.response import Response

_PURPOSE = "logout"


class _Wish(msgspec.Struct, frozen=True):
    """A checked request: the session that its ID token names, the client, and where the browser goes afterwards."""

    session_id: str | None
    client: OAuthClient | None
    location: str | None


class LogoutEndpoint:
    """Ends the session of the browser that comes; ``names`` and ``id_tokens`` read the hint of whose it is."""

    def __init__(
        self,
        database: Database,
        *,
        finder: ClientFinder,
        tokens: SessionTokens,
        id_tokens: IdTokens,
        tickets: LogoutTickets,
        names: IssuerNames,
        sessions: PageSessions,
        kit: PageKit,
        audit: AuditWriter,
    ) -> None:
        self._database = database
        self._finder = finder
        self._tokens = tokens
        self._id_tokens = id_tokens
        self._tickets = tickets
        self._names = names
        self._sessions = sessions
        self._kit, self._pages = kit, kit.pages
        self._audit = audit

    async def ask(self, call: Call) -> Response:
        """End the session that the ID token names, or ask the user whether it is meant (§2)."""
        request: LogoutRequest = call.query
        wish = await self._read(call, request)
        visit = await self._sessions.visit(call.request, call.now_ms, ui_locales=request.ui_locales)
        if visit.signed_in is None:
            return await self._go_on(call, wish, visit)
        wish = self._with_ticket(request, wish, visit.signed_in, call.now_ms)
        if wish.session_id == visit.signed_in.session_id:
            await self._end(call, visit.signed_in, wish)
            return await self._go_on(call, wish, visit)
        return self._confirm(call, request, wish, visit)

    async def ask_posted(self, call: Call) -> Response:
        """Come back by GET: with a form of another site browsers send no cookie of ours along.

        The ID token stays out of the address; a ticket says in its place which session it was of.
        """
        request: LogoutRequest = call.body
        wish = await self._read(call, request)
        kept = _kept(request, wish)
        if request.ui_locales is not None:
            kept["ui_locales"] = request.ui_locales
        if wish.session_id is not None and wish.client is not None:
            kept["ticket"] = self._tickets.make(wish.session_id, wish.client.id, call.now_ms)
        return redirect_to(f"{_path(call, 'logout')}?{urlencode(kept)}")

    async def decide(self, call: Call) -> Response:
        """Do what the user decided on our own page."""
        decision: LogoutDecision = call.body
        visit = await self._sessions.visit(call.request, call.now_ms)
        wish = await self._read(call, decision)
        if visit.signed_in is None:
            return await self._go_on(call, wish, visit)
        self._sessions.require_form(call.request, visit, decision.form_token, _PURPOSE)
        if decision.decision == "allow":
            await self._end(call, visit.signed_in, wish)
            return await self._go_on(call, wish, visit)
        return redirect_to(_path(call, "account"))

    async def _read(self, call: Call, request: LogoutRequest) -> _Wish:
        """Check who asks and where the browser shall go.

        Raises:
            InvalidOAuthRequestError: the ID token was another client's, or the path is another tenant's.
            UnknownRedirectUriError: the client is unknown, or did not register this address.
        """
        hint = None
        if request.id_token_hint is not None:
            hint = await self._find_hint(request.id_token_hint, call.now_ms)
        if hint is not None and request.client_id not in {None, hint.client_id}:
            raise InvalidOAuthRequestError("The id_token_hint is another client's")
        client_id = request.client_id if hint is None else hint.client_id
        slug = call.parameters.get("tenant")
        client = None
        if client_id is not None:
            asker = call.request.client_address
            client = await self._finder.find(client_id, slug, asker=asker, now_ms=call.now_ms)
        if client is not None and slug not in {None, client.tenant_slug}:
            raise InvalidOAuthRequestError("The client is another tenant's")
        if hint is not None and (client is None or not self._is_of(hint, client)):
            hint = None
        return _Wish(None if hint is None else hint.session_id, client, _location(client, request))

    def _with_ticket(self, request: LogoutRequest, wish: _Wish, user: SessionProof, now_ms: int) -> _Wish:
        """Take the ticket of a posted request for the ID token that came in it."""
        if request.ticket is None or wish.client is None:
            return wish
        if not self._tickets.is_good(request.ticket, user.session_id, wish.client.id, now_ms):
            return wish
        return msgspec.structs.replace(wish, session_id=user.session_id)

    async def _find_hint(self, token: str, now_ms: int) -> IdTokenHint | None:
        """Read the ID token; one that proves nothing, because its key was replaced perhaps, is as none."""
        try:
            return await self._id_tokens.read_hint(token, now_ms)
        except InvalidOAuthRequestError:
            return None

    def _is_of(self, hint: IdTokenHint, client: OAuthClient) -> bool:
        return hint.tenant_id == client.tenant_id and hint.issuer == self._names.issuer(client.tenant_slug)

    def _confirm(self, call: Call, request: LogoutRequest, wish: _Wish, visit: Visit) -> Response:
        return self._pages.render_page(
            "sign_out",
            visit.language,
            lines=visit.lines,
            form_targets=() if request.post_logout_redirect_uri is None else (request.post_logout_redirect_uri,),
            email="" if visit.signed_in is None else visit.signed_in.email,
            action=_path(call, "logout/confirm"),
            form_token=visit.form_token(_PURPOSE),
            hidden=_kept(request, wish),
        )

    async def _end(self, call: Call, user: SessionProof, wish: _Wish) -> None:
        async def work(tx: Transaction) -> None:
            await self._tokens.end(tx, user.session_id, call.now_ms)

        await self._database.transaction(work)
        self._audit.record(
            Event.LOGGED_OUT,
            now_ms=call.now_ms,
            tenant_id="" if wish.client is None else wish.client.tenant_id,
            subject=user.user_id,
            credential_id=user.session_id,
            address=call.request.client_address,
        )

    async def _go_on(self, call: Call, wish: _Wish, visit: Visit) -> Response:
        """Say that nobody is signed in any more: where the client wants it said, or here (§3, RFC 9700 §4.11.2)."""
        lines = cleared_pages_cookie_line()
        if wish.location is None or wish.client is None:
            return redirect_to(_path(call, "signed-out"), lines=lines)
        is_believed = visit.signed_in is not None and wish.session_id == visit.signed_in.session_id
        if is_believed or is_vouched_for(wish.client, wish.location):
            return redirect_to(wish.location, lines=lines)
        brand = brand_of(await self._kit.get_tenant(wish.client.tenant_id))
        return show_leaving(
            self._pages, visit.language, address=wish.location, reason="signed_out", brand=brand, lines=lines
        )


def _kept(request: LogoutRequest, wish: _Wish) -> dict[str, str]:
    """Return what a later request of the browser says again; its client is known by then, its ID token is not told."""
    kept = {
        "client_id": None if wish.client is None else wish.client.client_id,
        "post_logout_redirect_uri": request.post_logout_redirect_uri,
        "state": request.state,
    }
    return {name: value for name, value in kept.items() if value is not None}


def _location(client: OAuthClient | None, request: LogoutRequest) -> str | None:
    uri = request.post_logout_redirect_uri
    if uri is None:
        return None
    if client is None or not client.is_living or uri not in client.settings.post_logout_redirect_uris:
        raise UnknownRedirectUriError("The post_logout_redirect_uri is not one of this client's")
    if request.state is None:
        return uri
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode({'state': request.state})}"


def _path(call: Call, page: str) -> str:
    tenant = call.parameters.get("tenant")
    return f"/oauth/{page}" if tenant is None else f"/t/{tenant}/oauth/{page}"
