"""A user's own pages: which applications may act for the account, taking that away, and signing out."""

from __future__ import annotations

from typing import Any

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.callers.call import Call
from watchword.clock import iso_timestamp
from watchword.credentials.session_token import SessionProof, SessionTokens
from watchword.db.database import Database, Transaction
from watchword.errors import NotFoundError
from watchword.oauth.choose_tenant import TenantChoice
from watchword.oauth.grants import Grants
from watchword.oauth.models import SignOutForm, VisitQuery, WithdrawForm
from watchword.oauth.page_kit import PageKit, brand_of, page_path
from watchword.oauth.page_session import PageSessions, Visit
from watchword.oauth.queries_pages import list_applications
from watchword.tenants.models import Tenant
from watchword.wire.cookies import cleared_pages_cookie_line
from watchword.wire.pages import Pages, redirect_to
from watchword.wire.response import Response

_SIGN_OUT = "sign-out"


class AccountPages:
    """Serves whoever is signed in; a stranger is sent to sign in first."""

    def __init__(
        self,
        database: Database,
        *,
        tokens: SessionTokens,
        sessions: PageSessions,
        grants: Grants,
        pages: Pages,
        kit: PageKit,
        choice: TenantChoice,
        audit: AuditWriter,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._sessions = sessions
        self._grants = grants
        self._pages = pages
        self._kit = kit
        self._choice = choice
        self._audit = audit

    async def show(self, call: Call) -> Response:
        """Show the account in one tenant, after asking in which where that is open."""
        visit = await self._sessions.visit(call.request, call.now_ms)
        if visit.signed_in is None:
            return _to_sign_in(call)
        tenant = await self._kit.find_tenant_of_path(call.parameters)
        if tenant is None:
            return await self._choice.ask(visit, visit.signed_in, "account")
        _require_member(visit.signed_in, tenant)
        return await self._render(call, visit, visit.signed_in, tenant)

    async def withdraw(self, call: Call) -> Response:
        """Take an application's access away: everything that it was given ends at once."""
        form: WithdrawForm = call.body
        visit = await self._sessions.visit(call.request, call.now_ms)
        client_id = form.client_id or ""
        self._sessions.require_form(call.request, visit, form.form_token, _withdrawing(client_id))
        user = visit.signed_in
        if user is None:
            return _to_sign_in(call)
        tenant = await self._require_tenant(call)
        _require_member(user, tenant)

        async def work(tx: Transaction) -> None:
            await self._grants.withdraw_consent(tx, tenant.id, user.user_id, client_id, call.now_ms)

        await self._database.transaction(work)
        self._record(call, Event.CONSENT_WITHDRAWN, user, tenant_id=tenant.id, credential_id=client_id)
        return redirect_to(page_path(call.parameters, "account", withdrawn="1"))

    async def sign_out(self, call: Call) -> Response:
        """End the browser's session, and with it what was allowed for no longer than that."""
        form: SignOutForm = call.body
        visit = await self._sessions.visit(call.request, call.now_ms)
        user = visit.signed_in
        if user is not None:
            self._sessions.require_form(call.request, visit, form.form_token, _SIGN_OUT)
            await self._end(user, call.now_ms)
            self._record(call, Event.LOGGED_OUT, user, tenant_id="", credential_id=user.session_id)
        return redirect_to(page_path(call.parameters, "signed-out"), lines=cleared_pages_cookie_line())

    async def _end(self, user: SessionProof, now_ms: int) -> None:
        async def work(tx: Transaction) -> None:
            await self._tokens.end(tx, user.session_id, now_ms)

        await self._database.transaction(work)

    async def _render(self, call: Call, visit: Visit, user: SessionProof, tenant: Tenant) -> Response:
        query: VisitQuery = call.query
        found = await list_applications(self._database, tenant.id, user.user_id)
        applications: list[dict[str, Any]] = [
            {
                "client_id": application.client_id,
                "name": application.name,
                "since": _day(application.allowed_at_ms),
                "scopes": self._kit.scope_texts(application.scopes, visit.language),
                "form_token": visit.form_token(_withdrawing(application.client_id)),
            }
            for application in found
        ]
        return self._pages.render_page(
            "account",
            visit.language,
            brand=brand_of(tenant),
            email=user.email,
            applications=applications,
            withdrawn=query.withdrawn is not None,
            withdraw_action=page_path(call.parameters, "withdraw"),
            sign_out_action=page_path(call.parameters, "sign-out"),
            sign_out_token=visit.form_token(_SIGN_OUT),
            choose_href="/oauth/account" if len(user.memberships) > 1 else None,
        )

    async def _require_tenant(self, call: Call) -> Tenant:
        tenant = await self._kit.find_tenant_of_path(call.parameters)
        if tenant is None:
            raise NotFoundError
        return tenant

    def _record(self, call: Call, event: Event, user: SessionProof, *, tenant_id: str, credential_id: str) -> None:
        self._audit.record(
            event,
            now_ms=call.now_ms,
            tenant_id=tenant_id,
            subject=user.user_id,
            credential_id=credential_id,
            address=call.request.client_address,
        )


def _require_member(user: SessionProof, tenant: Tenant) -> None:
    if tenant.id not in {membership.tenant_id for membership in user.memberships}:
        # As for a tenant that is not there: whether it is, is nothing for strangers.
        raise NotFoundError


def _withdrawing(client_id: str) -> str:
    return f"withdraw:{client_id}"


def _to_sign_in(call: Call) -> Response:
    return redirect_to(page_path(call.parameters, "sign-in", next=page_path(call.parameters, "account")))


def _day(at_ms: int) -> str:
    return iso_timestamp(at_ms).partition("T")[0]
