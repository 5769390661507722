"""The page where a user signs in, with the lock-out, the record and the letters of every other sign-in."""

from __future__ import annotations

import msgspec

from watchword.callers.call import Call
from watchword.credentials.session_token import IssuedToken, SessionTokens
from watchword.db.database import Transaction
from watchword.errors import EmailNotVerifiedError, RateLimitExceededError, WatchwordError, WrongPasswordError
from watchword.oauth.authorization_request import AuthorizationRequests, Received
from watchword.oauth.models import SignInForm, VisitQuery
from watchword.oauth.page_kit import PageKit, brand_of, is_own_page, page_path, targets_behind
from watchword.oauth.page_session import PageSessions, Visit, cookie_line_of
from watchword.oauth.queries_pages import move_grants
from watchword.tenants.models import Tenant
from watchword.users.login import Login, Replace
from watchword.users.models import LoginBody, User
from watchword.wire.pages import Language, Pages, redirect_to
from watchword.wire.response import Response, header_line

_PURPOSE = "sign-in"


class SignInPages:
    """Shows the form and takes it."""

    def __init__(
        self,
        *,
        login: Login,
        tokens: SessionTokens,
        requests: AuthorizationRequests,
        sessions: PageSessions,
        pages: Pages,
        kit: PageKit,
    ) -> None:
        self._login = login
        self._tokens = tokens
        self._requests = requests
        self._sessions = sessions
        self._pages = pages
        self._kit = kit

    async def show(self, call: Call) -> Response:
        """Show the form, for a kept request or a page of our own that follows."""
        query: VisitQuery = call.query
        received = None if query.request is None else await self._requests.resume(query.request, call)
        email = "" if received is None or query.another else received.parameters.login_hint or ""
        return await self._render(call, received, next_page=query.next, email=email)

    async def sign_in(self, call: Call) -> Response:
        """Begin a session for the right e-mail address and password, and go on."""
        form: SignInForm = call.body
        received = None if form.request is None else await self._requests.resume(form.request, call)
        visit = await self._visit(call, received)
        self._sessions.require_strangers_form(call.request, visit, form.form_token, _PURPOSE)
        tenant = await self._find_tenant(call, received)
        try:
            body = _require_body(form)
            signed_in = await self._login.sign_in(call, body, tenant, replace=self._replacing(visit, call.now_ms))
        except (WrongPasswordError, RateLimitExceededError, EmailNotVerifiedError) as error:
            return await self._render(call, received, next_page=form.next, email=form.email or "", error=error)
        return redirect_to(_next_address(call, form), lines=cookie_line_of(signed_in.issued, call.now_ms))

    def _replacing(self, visit: Visit, now_ms: int) -> Replace:
        before = visit.signed_in

        async def replace(tx: Transaction, user: User, issued: IssuedToken) -> None:
            if before is None:
                return
            # A new sign-in replaces the browser's session before (ASVS 5.0 V7.2.4). What the same user has allowed
            # applications in it goes on; another user's ends with it, as by signing out.
            if before.user_id == user.id:
                await move_grants(tx, before.session_id, issued.session_id)
            await self._tokens.end(tx, before.session_id, now_ms)

        return replace

    async def _visit(self, call: Call, received: Received | None) -> Visit:
        ui_locales = None if received is None else received.parameters.ui_locales
        return await self._sessions.visit(call.request, call.now_ms, ui_locales=ui_locales)

    async def _find_tenant(self, call: Call, received: Received | None) -> Tenant | None:
        if received is None:
            return await self._kit.find_tenant_of_path(call.parameters)
        return await self._kit.get_tenant(received.destination.client.tenant_id)

    async def _render(
        self,
        call: Call,
        received: Received | None,
        *,
        next_page: str | None,
        email: str,
        error: WatchwordError | None = None,
    ) -> Response:
        visit = await self._visit(call, received)
        tenant = await self._find_tenant(call, received)
        handle = None if received is None else received.handle
        behind = next_page if is_own_page(next_page) else None
        hidden = {"request": handle, "next": behind}
        return self._pages.render_page(
            "sign_in",
            visit.language,
            brand=None if tenant is None else brand_of(tenant),
            status=200 if error is None else error.status,
            lines=visit.lines + _lines_of(error),
            form_targets=targets_behind(behind) if received is None else (received.destination.redirect_uri,),
            client=None if received is None else received.destination.client.name,
            alert="" if error is None else self._alert(error, visit.language),
            action=page_path(call.parameters, "sign-in"),
            form_token=visit.form_token(_PURPOSE),
            hidden={name: value for name, value in hidden.items() if value is not None},
            email=email,
        )

    def _alert(self, error: WatchwordError, language: Language) -> str:
        say = self._pages.words(language).say
        if isinstance(error, RateLimitExceededError):
            return say("sign_in.locked", minutes=-(-error.retry_after_seconds // 60))
        return say("sign_in.not_verified" if isinstance(error, EmailNotVerifiedError) else "sign_in.wrong")


def _require_body(form: SignInForm) -> LoginBody:
    try:
        return msgspec.convert({"email": form.email, "password": form.password}, LoginBody)
    except msgspec.ValidationError:
        raise WrongPasswordError(cause="no e-mail address or password that anybody could have") from None


def _next_address(call: Call, form: SignInForm) -> str:
    if form.request is not None:
        return page_path(call.parameters, "consent", request=form.request)
    if form.next is not None and is_own_page(form.next):
        return form.next
    return page_path(call.parameters, "account")


def _lines_of(error: WatchwordError | None) -> bytes:
    return b"" if error is None else b"".join(header_line(name, value) for name, value in error.headers)
