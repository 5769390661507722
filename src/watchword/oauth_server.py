"""Builds the authorization server of what the foundation has; ``app.py`` hands its routes to the pipeline."""

from __future__ import annotations

from typing import get_args

from watchword.commerce.definitions import ORDERS
from watchword.config import Settings
from watchword.credentials.dpop import PROOF_ALGORITHMS
from watchword.credentials.jwk import FOREIGN_ALGORITHMS
from watchword.db.database import Database
from watchword.foundation import Foundation
from watchword.oauth.authorization_codes import AuthorizationCodes
from watchword.oauth.authorization_request import PROMPTS, RESPONSE_MODES
from watchword.oauth.authorize_endpoint import CodeResponse
from watchword.oauth.backchannel_logout import BackchannelLogout
from watchword.oauth.client_authentication import ClientAuthentication
from watchword.oauth.client_endpoints import ClientEndpoints
from watchword.oauth.client_metadata_documents import ClientFinder
from watchword.oauth.client_routes import make_client_routes
from watchword.oauth.client_secrets import ClientSecrets
from watchword.oauth.clients import OAuthClients
from watchword.oauth.device_codes import DeviceCodeStore
from watchword.oauth.device_endpoint import DeviceEndpoint, make_device_routes
from watchword.oauth.discovery import Discovery
from watchword.oauth.grant import Grant
from watchword.oauth.grant_authorization_code import AuthorizationCodeGrant
from watchword.oauth.grant_client_credentials import ClientCredentialsGrant
from watchword.oauth.grant_device_code import DeviceCodeGrant
from watchword.oauth.grant_endpoints import GrantEndpoints
from watchword.oauth.grant_overview import GrantOverview
from watchword.oauth.grant_refresh_token import RefreshTokenGrant
from watchword.oauth.grant_token_exchange import TokenExchangeGrant
from watchword.oauth.grant_tokens import GrantTokens
from watchword.oauth.grants import Grants
from watchword.oauth.id_token import IdClaims, IdTokens
from watchword.oauth.implicit import TokenResponse
from watchword.oauth.introspect_endpoint import IntrospectEndpoint
from watchword.oauth.issue import TokenIssuer
from watchword.oauth.logout_endpoint import LogoutEndpoint
from watchword.oauth.logout_routes import make_logout_routes
from watchword.oauth.models import AuthenticationMethod
from watchword.oauth.revoke_endpoint import RevokeEndpoint
from watchword.oauth.routes import make_routes
from watchword.oauth.server_metadata import Abilities
from watchword.oauth.signing_keys import SigningKeys
from watchword.oauth.subject_token import SubjectTokens
from watchword.oauth.token_endpoint import TokenEndpoint
from watchword.oauth.token_routes import make_token_routes
from watchword.oauth.userinfo_endpoint import UserinfoEndpoint
from watchword.oauth_entrance import OAuthEntrance
from watchword.oauth_pages import OAuthPages
from watchword.records.definitions import BUILT_IN
from watchword.users.login import Login
from watchword.wire.pages import LANGUAGES
from watchword.wire.routes import Route


class OAuthServer:
    """The authorization server: its endpoints, and what the command line calls."""

    def __init__(self, foundation: Foundation, settings: Settings, *, login: Login) -> None:
        database: Database = foundation.stores.database
        self.grants = Grants(database)
        self.authorization_codes = AuthorizationCodes(database, self.grants)
        names = foundation.access_tokens.names
        issuer = TokenIssuer(foundation.access_tokens, names)
        audit = foundation.audit
        self.id_tokens = IdTokens(foundation.access_tokens.keys, names)
        self.grant_tokens = GrantTokens(
            database, issuer=issuer, refresh_tokens=foundation.refresh_tokens, id_tokens=self.id_tokens
        )
        self.device_codes = DeviceCodeStore(database)
        entrance = OAuthEntrance(foundation)
        authentication, self.registrations = entrance.authentication, entrance.registrations
        tokens = TokenEndpoint(
            database, authentication, self._make_grants(foundation, issuer), proofs=foundation.dpop_proofs, audit=audit
        )
        discovery = Discovery(database, foundation.access_tokens.keys, names, _abilities(tokens))
        self.signing_keys = SigningKeys(
            foundation.access_tokens.keys, days=settings.signing_key_days, audit=foundation.audit
        )
        people = self._make_pages(foundation, login, issuer, entrance.finder)
        self.pages, self.page_sessions = people.pages, people.sessions
        self.clients = OAuthClients(database, bookkeeping=foundation.stores.bookkeeping, audit=foundation.audit)
        self.secrets = ClientSecrets(database, audit=foundation.audit)
        self.backchannel_logout = BackchannelLogout(
            database, keys=foundation.access_tokens.keys, names=names, fetcher=foundation.fetcher, audit=audit
        )
        self.grant_overview = GrantOverview(database, self.grants, audit=foundation.audit)
        self.routes: tuple[Route, ...] = (
            *make_routes(tokens, discovery),
            *self._make_token_routes(foundation, authentication),
            *make_logout_routes(self._make_logout(foundation, entrance.finder, people)),
            *make_device_routes(DeviceEndpoint(authentication, self.device_codes, names)),
            *people.routes,
            *entrance.make_routes(people),
            *make_client_routes(ClientEndpoints(self.clients, self.secrets), GrantEndpoints(self.grant_overview)),
        )
        discovery.describe(self.routes)

    def _make_grants(self, foundation: Foundation, issuer: TokenIssuer) -> tuple[Grant, ...]:
        database, audit, names = foundation.stores.database, foundation.audit, foundation.access_tokens.names
        return (
            ClientCredentialsGrant(issuer, names),
            AuthorizationCodeGrant(database, self.authorization_codes, self.grant_tokens, names, audit=audit),
            RefreshTokenGrant(database, self.grants, foundation.refresh_tokens, self.grant_tokens, names, audit=audit),
            self._make_token_exchange(foundation, issuer),
            DeviceCodeGrant(database, self.device_codes, self.grants, self.grant_tokens, names),
        )

    def _make_pages(
        self, foundation: Foundation, login: Login, issuer: TokenIssuer, finder: ClientFinder
    ) -> OAuthPages:
        database = foundation.stores.database
        return OAuthPages(
            foundation,
            login=login,
            grants=self.grants,
            response_types={
                "code": CodeResponse(self.authorization_codes),
                "token": TokenResponse(database, self.grants, issuer, audit=foundation.audit),
            },
            device_codes=self.device_codes,
            finder=finder,
            id_tokens=self.id_tokens,
        )

    def _make_logout(self, foundation: Foundation, finder: ClientFinder, people: OAuthPages) -> LogoutEndpoint:
        return LogoutEndpoint(
            foundation.stores.database,
            finder=finder,
            tokens=foundation.session_tokens,
            id_tokens=self.id_tokens,
            tickets=foundation.logout_tickets,
            names=foundation.access_tokens.names,
            sessions=people.sessions,
            kit=people.kit,
            audit=foundation.audit,
        )

    def _make_token_exchange(self, foundation: Foundation, issuer: TokenIssuer) -> TokenExchangeGrant:
        subjects = SubjectTokens(
            session_tokens=foundation.session_tokens,
            access_tokens=foundation.access_tokens,
            api_keys=foundation.api_key_prover,
        )
        return TokenExchangeGrant(
            foundation.stores.database,
            subjects,
            self.grants,
            issuer,
            foundation.access_tokens.names,
            audit=foundation.audit,
        )

    def _make_token_routes(self, foundation: Foundation, authentication: ClientAuthentication) -> tuple[Route, ...]:
        database = foundation.stores.database
        access_tokens, refresh_tokens = foundation.access_tokens, foundation.refresh_tokens
        return make_token_routes(
            IntrospectEndpoint(
                database, authentication, self.grants, access_tokens=access_tokens, refresh_tokens=refresh_tokens
            ),
            RevokeEndpoint(
                database,
                authentication,
                self.grants,
                access_tokens=access_tokens,
                refresh_tokens=refresh_tokens,
                audit=foundation.audit,
            ),
            UserinfoEndpoint(database),
        )


def _abilities(tokens: TokenEndpoint) -> Abilities:
    return Abilities(
        grant_types=tokens.grant_types,
        api_scopes=tuple(
            f"{collection.name}:{action}" for collection in (*BUILT_IN, ORDERS) for action in ("read", "write")
        ),
        authentication_methods=get_args(AuthenticationMethod),
        assertion_algorithms=FOREIGN_ALGORITHMS,
        proof_algorithms=PROOF_ALGORITHMS,
        response_modes=RESPONSE_MODES,
        prompts=tuple(sorted(PROMPTS)),
        languages=LANGUAGES,
        claims=IdClaims.__struct_fields__,
        tells_of_logouts=True,
    )
