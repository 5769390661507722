"""Builds the pages of the authorization server, and the endpoint that leads to them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from watchword.db.database import Database
from watchword.foundation import Foundation
from watchword.oauth.account_pages import AccountPages
from watchword.oauth.authorization_request import AuthorizationRequests
from watchword.oauth.authorization_response import AuthorizationResponses
from watchword.oauth.authorize_endpoint import AuthorizeEndpoint, ResponseType
from watchword.oauth.choose_tenant import TenantChoice
from watchword.oauth.client_metadata_documents import ClientFinder
from watchword.oauth.consent import ConsentPages
from watchword.oauth.device_codes import DeviceCodeStore
from watchword.oauth.device_pages import DevicePages
from watchword.oauth.grants import Grants
from watchword.oauth.id_token import IdTokens
from watchword.oauth.page_kit import PageKit
from watchword.oauth.page_routes import PageHandlers, make_page_routes
from watchword.oauth.page_session import PageSessions
from watchword.oauth.sign_in import SignInPages
from watchword.oauth.small_pages import SmallPages
from watchword.oauth.stored_requests import StoredRequests
from watchword.users.login import Login
from watchword.wire.pages import pages_of
from watchword.wire.routes import Route

_TEMPLATES: Final = Path(__file__).parent / "oauth" / "templates"


class OAuthPages:
    """The pages, and what other endpoints use of them.

    ``pages``, ``sessions``, ``kit`` and ``choice`` are for further pages; ``requests`` and ``stored`` for requests that
    come another way.
    """

    def __init__(
        self,
        foundation: Foundation,
        *,
        login: Login,
        grants: Grants,
        response_types: Mapping[str, ResponseType],
        device_codes: DeviceCodeStore,
        finder: ClientFinder,
        id_tokens: IdTokens,
    ) -> None:
        self._database: Database = foundation.stores.database
        names = foundation.access_tokens.names
        self.pages = pages_of(_TEMPLATES)
        self.sessions = PageSessions(foundation.session_tokens)
        self.kit = PageKit(self._database, self.pages)
        self.choice = TenantChoice(self.pages, self.kit)
        self.stored = StoredRequests(self._database)
        self.requests = AuthorizationRequests(
            names, self.stored, find_client=finder.find, response_types=tuple(response_types)
        )
        self.endpoint = AuthorizeEndpoint(
            self._database,
            requests=self.requests,
            stored=self.stored,
            responses=AuthorizationResponses(self.kit, names),
            sessions=self.sessions,
            grants=grants,
            choice=self.choice,
            id_tokens=id_tokens,
            response_types=response_types,
        )
        self.routes: tuple[Route, ...] = make_page_routes(self._make_handlers(foundation, login, grants, device_codes))

    def _make_handlers(
        self, foundation: Foundation, login: Login, grants: Grants, device_codes: DeviceCodeStore
    ) -> PageHandlers:
        tokens = foundation.session_tokens
        return PageHandlers(
            authorize=self.endpoint,
            small=SmallPages(self.pages, self.sessions, self.kit),
            sign_in=SignInPages(
                login=login,
                tokens=tokens,
                requests=self.requests,
                sessions=self.sessions,
                pages=self.pages,
                kit=self.kit,
            ),
            consent=ConsentPages(
                self._database,
                endpoint=self.endpoint,
                requests=self.requests,
                sessions=self.sessions,
                grants=grants,
                pages=self.pages,
                kit=self.kit,
                audit=foundation.audit,
            ),
            account=AccountPages(
                self._database,
                tokens=tokens,
                sessions=self.sessions,
                grants=grants,
                pages=self.pages,
                kit=self.kit,
                choice=self.choice,
                audit=foundation.audit,
            ),
            device=DevicePages(
                self._database,
                codes=device_codes,
                sessions=self.sessions,
                grants=grants,
                pages=self.pages,
                kit=self.kit,
                limiter=foundation.limiter,
                names=foundation.access_tokens.names,
                audit=foundation.audit,
            ),
        )
