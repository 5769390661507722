"""The page where a person types a device's code and decides about it (RFC 8628 §3.3).

Only who is signed in may try codes, and only a few an hour (RFC 8628 §5.1); the code stands on the page where one
allows, so that nobody allows a device that somebody else holds (RFC 8628 §5.4).
"""

from __future__ import annotations

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.callers.call import Call
from watchword.concealed import Concealed
from watchword.credentials.access_token import IssuerNames
from watchword.credentials.session_token import SessionProof
from watchword.db.database import Database, Transaction
from watchword.errors import MalformedRequestError
from watchword.limits.limiter import Limiter
from watchword.oauth.device_codes import DeviceCodeStore, shown_user_code, typed_user_code
from watchword.oauth.device_models import DeviceForm, DeviceQuery
from watchword.oauth.grants import Grants
from watchword.oauth.models import OAuthClient
from watchword.oauth.page_kit import PageKit, brand_of, page_path
from watchword.oauth.page_session import PageSessions, Visit
from watchword.oauth.queries import find_client_by_id
from watchword.oauth.queries_device import StoredDeviceCode
from watchword.oauth.queries_pages import find_session_start
from watchword.wire.pages import Pages, redirect_to
from watchword.wire.response import Response

_TYPING = "device"


class Waiting(Concealed, frozen=True):
    """A device that waits, and the client whose it is."""

    code: StoredDeviceCode
    client: OAuthClient


class DevicePages:
    """Shows the forms and takes them."""

    def __init__(
        self,
        database: Database,
        *,
        codes: DeviceCodeStore,
        sessions: PageSessions,
        grants: Grants,
        pages: Pages,
        kit: PageKit,
        limiter: Limiter,
        names: IssuerNames,
        audit: AuditWriter,
    ) -> None:
        self._database = database
        self._codes = codes
        self._sessions = sessions
        self._grants = grants
        self._pages = pages
        self._kit = kit
        self._limiter = limiter
        self._names = names
        self._audit = audit

    async def show(self, call: Call) -> Response:
        """Show the form for the code; one in the address is only filled in (RFC 8628 §3.3.1)."""
        query: DeviceQuery = call.query
        visit = await self._sessions.visit(call.request, call.now_ms)
        if visit.signed_in is None:
            return _to_sign_in(call, query.user_code)
        return await self._show_form(call, visit, typed=_readable(query.user_code))

    async def enter(self, call: Call) -> Response:
        """Take the code and ask what is to become of its device."""
        form: DeviceForm = call.body
        visit = await self._sessions.visit(call.request, call.now_ms)
        user = visit.signed_in
        if user is None:
            return _to_sign_in(call, form.user_code)
        self._sessions.require_form(call.request, visit, form.form_token, _TYPING)
        await self._limiter.require_attempt("user_code", user.user_id, call.now_ms)
        waiting = await self._find_waiting(call, form.user_code)
        if waiting is None:
            return await self._show_form(call, visit, typed=_readable(form.user_code), is_wrong=True)
        return await self._ask(call, visit, user, waiting, shown_user_code(typed_user_code(form.user_code or "") or ""))

    async def decide(self, call: Call) -> Response:
        """Take the decision."""
        form: DeviceForm = call.body
        visit = await self._sessions.visit(call.request, call.now_ms)
        user = visit.signed_in
        if user is None:
            return _to_sign_in(call, form.user_code)
        # The form's token was made for this very code, so that deciding is no way to try others.
        self._sessions.require_form(call.request, visit, form.form_token, _deciding(form.user_code))
        if form.decision not in {"allow", "deny"}:
            raise MalformedRequestError("The form says neither allow nor deny")
        waiting = await self._find_waiting(call, form.user_code)
        allows = form.decision == "allow"
        if waiting is None or (allows and not _is_member(user, waiting.client)):
            return await self._show_form(call, visit, typed="", is_wrong=True)
        decided = await (self._allow(call, user, waiting) if allows else self._deny(call, user, waiting))
        if not decided:
            return await self._show_form(call, visit, typed="", is_wrong=True)
        tenant = await self._kit.get_tenant(waiting.client.tenant_id)
        return self._pages.render_page(
            "device_done", visit.language, brand=brand_of(tenant), allowed=allows, client=waiting.client.name
        )

    async def _find_waiting(self, call: Call, typed: str | None) -> Waiting | None:
        code = await self._codes.find_pending(typed or "", call.now_ms)
        client = None if code is None else await find_client_by_id(self._database, code.client_id)
        if code is None or client is None or not client.is_living:
            return None
        if call.parameters.get("tenant", client.tenant_slug) != client.tenant_slug:
            return None
        return Waiting(code, client)

    async def _allow(self, call: Call, user: SessionProof, waiting: Waiting) -> bool:
        code, client = waiting.code, waiting.client
        authenticated_at_ms = await find_session_start(self._database, user.session_id)

        async def work(tx: Transaction) -> bool:
            await self._grants.require_session(tx, user.user_id, user.session_id, call.now_ms)
            # Not of this browser's session: the device goes on when the person signs out here.
            grant = await self._grants.start(
                tx,
                client,
                user_id=user.user_id,
                session_id=None,
                scopes=code.scopes,
                resources=code.resources,
                authenticated_at_ms=authenticated_at_ms,
                now_ms=call.now_ms,
            )
            if not await self._codes.allow(tx, code, grant_id=grant.id, now_ms=call.now_ms):
                await self._grants.end(tx, client.tenant_id, grant.id, call.now_ms)
                return False
            await self._grants.keep_consent(
                tx, client, user_id=user.user_id, scopes=code.scopes, resources=code.resources, now_ms=call.now_ms
            )
            return True

        allowed = await self._database.transaction(work)
        if allowed:
            self._record(call, Event.CONSENT_GIVEN, user, waiting)
        return allowed

    async def _deny(self, call: Call, user: SessionProof, waiting: Waiting) -> bool:
        async def work(tx: Transaction) -> bool:
            return await self._codes.deny(tx, waiting.code, call.now_ms)

        denied = await self._database.transaction(work)
        if denied:
            self._record(call, Event.DEVICE_DENIED, user, waiting)
        return denied

    async def _show_form(self, call: Call, visit: Visit, *, typed: str, is_wrong: bool = False) -> Response:
        tenant = await self._kit.find_tenant_of_path(call.parameters)
        return self._pages.render_page(
            "device",
            visit.language,
            brand=None if tenant is None else brand_of(tenant),
            status=400 if is_wrong else 200,
            lines=visit.lines,
            alert=self._pages.words(visit.language).say("device.wrong") if is_wrong else "",
            action=page_path(call.parameters, "device"),
            form_token=visit.form_token(_TYPING),
            user_code=typed,
        )

    async def _ask(self, call: Call, visit: Visit, user: SessionProof, waiting: Waiting, user_code: str) -> Response:
        client = waiting.client
        brand = brand_of(await self._kit.get_tenant(client.tenant_id))
        action = page_path(call.parameters, "device/decide")
        form_token = visit.form_token(_deciding(user_code))
        back = page_path(call.parameters, "device", user_code=user_code)
        another_href = page_path(call.parameters, "sign-in", next=back, another="1")
        if not _is_member(user, client):
            return self._pages.render_page(
                "not_member",
                visit.language,
                brand=brand,
                status=403,
                client=client.name,
                email=user.email,
                action=action,
                form_token=form_token,
                hidden={"user_code": user_code},
                another_href=another_href,
            )
        own = self._names.resource(client.tenant_slug)
        return self._pages.render_page(
            "device_confirm",
            visit.language,
            brand=brand,
            client={"name": client.name, "links": self._kit.client_links(client, visit.language)},
            email=user.email,
            unknown_client=client.source != "administrator",
            user_code=user_code,
            scopes=self._kit.scope_texts(waiting.code.scopes, visit.language),
            resources=[] if waiting.code.resources == (own,) else waiting.code.resources,
            lasting=self._kit.lasting_texts(client, waiting.code.scopes, visit.language, in_session=False),
            action=action,
            form_token=form_token,
            another_href=another_href,
        )

    def _record(self, call: Call, event: Event, user: SessionProof, waiting: Waiting) -> None:
        self._audit.record(
            event,
            tenant_id=waiting.client.tenant_id,
            subject=user.user_id,
            credential_id=waiting.client.id,
            address=call.request.client_address,
            detail={"scope": " ".join(waiting.code.scopes)},
            now_ms=call.now_ms,
        )


def _deciding(user_code: str | None) -> str:
    return f"device:{typed_user_code(user_code or '') or ''}"


def _is_member(user: SessionProof, client: OAuthClient) -> bool:
    return any(membership.tenant_id == client.tenant_id for membership in user.memberships)


def _readable(typed: str | None) -> str:
    """Return what was typed for the form, or nothing where it can be no code."""
    code = typed_user_code(typed or "")
    return "" if code is None else shown_user_code(code)


def _to_sign_in(call: Call, typed: str | None) -> Response:
    page = page_path(call.parameters, "device", user_code=_readable(typed) or None)
    return redirect_to(page_path(call.parameters, "sign-in", next=page))
