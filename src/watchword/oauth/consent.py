"""The page that asks a user what a client may do, and remembers the answer."""

from __future__ import annotations

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.callers.call import Call
from watchword.db.database import Database, Transaction
from watchword.errors import MalformedRequestError
from watchword.oauth.authorization_request import AuthorizationRequests, ReadyRequest
from watchword.oauth.authorize_endpoint import AuthorizeEndpoint, Standing, require_page_wanted
from watchword.oauth.grants import Grants
from watchword.oauth.leaving import is_vouched_for, shown_destination
from watchword.oauth.models import ConsentForm, VisitQuery
from watchword.oauth.page_kit import PageKit, brand_of, page_path
from watchword.oauth.page_session import PageSessions
from watchword.oauth_errors import AccessDeniedError, OAuthError
from watchword.wire.pages import Pages, redirect_to
from watchword.wire.response import Response


class ConsentPages:
    """Goes on with a request that needs a person: to the sign-in, to the question, or to the answer."""

    def __init__(
        self,
        database: Database,
        *,
        endpoint: AuthorizeEndpoint,
        requests: AuthorizationRequests,
        sessions: PageSessions,
        grants: Grants,
        pages: Pages,
        kit: PageKit,
        audit: AuditWriter,
    ) -> None:
        self._database = database
        self._endpoint = endpoint
        self._requests = requests
        self._sessions = sessions
        self._grants = grants
        self._pages = pages
        self._kit = kit
        self._audit = audit

    async def show(self, call: Call) -> Response:
        """Show what comes next for a kept request."""
        query: VisitQuery = call.query
        received = await self._requests.resume(query.request, call)
        try:
            ready = self._requests.check(received)
            standing = await self._endpoint.stand(call, ready)
            require_page_wanted(ready, standing)
            if standing.step == "sign in":
                return _to_sign_in(call, received.handle)
            if standing.step == "answer":
                return await self._endpoint.answer(call, ready, standing)
        except OAuthError as error:
            return await self._endpoint.refuse(call, received, error)
        if standing.step == "no member":
            return await self._show_no_member(call, ready, standing)
        return await self._show_question(call, ready, standing)

    async def decide(self, call: Call) -> Response:
        """Take the user's answer."""
        form: ConsentForm = call.body
        received = await self._requests.resume(form.request, call)
        try:
            ready = self._requests.check(received)
            standing = await self._endpoint.stand(call, ready)
            self._sessions.require_form(call.request, standing.visit, form.form_token, _purpose(ready))
            if form.decision == "deny":
                raise AccessDeniedError
            if form.decision != "allow":
                raise MalformedRequestError("The form says neither allow nor deny")
            if standing.step in {"sign in", "no member"}:
                return redirect_to(page_path(call.parameters, "consent", request=received.handle))
            await self._keep(call, ready, standing)
            return await self._endpoint.answer(call, ready, standing)
        except OAuthError as error:
            return await self._endpoint.refuse(call, received, error)

    async def _keep(self, call: Call, ready: ReadyRequest, standing: Standing) -> None:
        client, user_id = ready.client, standing.user.user_id

        async def work(tx: Transaction) -> None:
            await self._grants.keep_consent(
                tx, client, user_id=user_id, scopes=ready.scopes, resources=ready.resources, now_ms=call.now_ms
            )

        await self._database.transaction(work)
        self._audit.record(
            Event.CONSENT_GIVEN,
            now_ms=call.now_ms,
            tenant_id=client.tenant_id,
            subject=user_id,
            credential_id=client.id,
            address=call.request.client_address,
            detail={"scope": " ".join(ready.scopes)},
        )

    async def _show_question(self, call: Call, ready: ReadyRequest, standing: Standing) -> Response:
        client, visit = ready.client, standing.visit
        handle = ready.received.handle
        redirect_uri = ready.received.destination.redirect_uri
        own = self._requests.own_resource(client)
        return self._pages.render_page(
            "consent",
            visit.language,
            brand=brand_of(await self._kit.get_tenant(client.tenant_id)),
            form_targets=(redirect_uri,),
            client={"name": client.name, "links": self._kit.client_links(client, visit.language)},
            email=standing.user.email,
            unknown_client=client.source != "administrator",
            scopes=self._kit.scope_texts(ready.scopes, visit.language),
            resources=[] if ready.resources == (own,) else ready.resources,
            lasting=self._kit.lasting_texts(client, ready.scopes, visit.language, in_session=True),
            destination=shown_destination(redirect_uri),
            is_sent_on_always=is_vouched_for(client, redirect_uri),
            action=page_path(call.parameters, "consent"),
            form_token=visit.form_token(_purpose(ready)),
            hidden={"request": handle},
            another_href=page_path(call.parameters, "sign-in", request=handle, another="1"),
        )

    async def _show_no_member(self, call: Call, ready: ReadyRequest, standing: Standing) -> Response:
        visit, handle = standing.visit, ready.received.handle
        return self._pages.render_page(
            "not_member",
            visit.language,
            brand=brand_of(await self._kit.get_tenant(ready.client.tenant_id)),
            status=403,
            form_targets=(ready.received.destination.redirect_uri,),
            client=ready.client.name,
            email=standing.user.email,
            action=page_path(call.parameters, "consent"),
            form_token=visit.form_token(_purpose(ready)),
            hidden={"request": handle},
            another_href=page_path(call.parameters, "sign-in", request=handle, another="1"),
        )


def _purpose(ready: ReadyRequest) -> str:
    # With what was shown: a client that was given more meanwhile, or gave itself more, has not been allowed that.
    return " ".join((f"consent:{ready.received.handle}", *ready.scopes, *ready.resources))


def _to_sign_in(call: Call, handle: str | None) -> Response:
    return redirect_to(page_path(call.parameters, "sign-in", request=handle))
