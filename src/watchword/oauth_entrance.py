"""Builds how clients come in: by what they are found and proved, how they register, and what they push."""

from __future__ import annotations

from watchword.credentials.client_assertion import ClientAssertions
from watchword.db.database import Database
from watchword.foundation import Foundation
from watchword.oauth.client_authentication import ClientAuthentication
from watchword.oauth.client_keys import ClientKeys
from watchword.oauth.client_metadata_documents import ClientFinder, MetadataDocuments
from watchword.oauth.fetched_documents import FetchedDocuments
from watchword.oauth.pushed_request_endpoint import PushedRequestEndpoint, make_pushed_request_routes
from watchword.oauth.registration import Registrations
from watchword.oauth.registration_endpoint import RegistrationEndpoint, make_registration_routes
from watchword.oauth_pages import OAuthPages
from watchword.wire.routes import Route


class OAuthEntrance:
    """``finder`` and ``authentication`` are for every endpoint that clients call; ``registrations`` prunes too."""

    def __init__(self, foundation: Foundation) -> None:
        database: Database = foundation.stores.database
        names, audit = foundation.access_tokens.names, foundation.audit
        documents, keys, keys_of_strangers = (
            FetchedDocuments(foundation.fetcher, foundation.limiter) for _ in range(3)
        )
        self._proofs, self._limiter = foundation.dpop_proofs, foundation.limiter
        self.finder = ClientFinder(database, MetadataDocuments(database, names, documents))
        self.authentication = ClientAuthentication(
            database,
            self.finder,
            names,
            assertions=ClientAssertions(foundation.seen_proofs),
            # With bounds of their own: strangers' documents must not use up what known clients need.
            keys=ClientKeys(keys, strangers=keys_of_strangers),
            remembered=foundation.proofs,
            limiter=foundation.limiter,
            audit=audit,
        )
        self.registrations = Registrations(database, names, api_keys=foundation.api_key_prover, audit=audit)

    def make_routes(self, people: OAuthPages) -> tuple[Route, ...]:
        """Return the routes of registration and of pushed requests, which are for what ``people`` will be asked."""
        pushed = PushedRequestEndpoint(
            self.authentication, people.requests, people.stored, proofs=self._proofs, limiter=self._limiter
        )
        return (
            *make_registration_routes(RegistrationEndpoint(self.registrations)),
            *make_pushed_request_routes(pushed),
        )
