"""Clients named by the address of their own metadata document (OAuth Client ID Metadata Document): no registration.

Whoever holds the address says who the client is, and nobody else: the document names itself, and is fetched through the
one door out. In each tenant that takes them such a client becomes a stored one, as grants and consents hang on it.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import msgspec

from watchword.credentials.access_token import IssuerNames
from watchword.db.database import Database, Transaction
from watchword.errors import MalformedRequestError, RateLimitExceededError
from watchword.ids import make_id
from watchword.oauth.fetched_documents import FetchedDocuments, Kept
from watchword.oauth.models import OAuthClient
from watchword.oauth.queries import find_client_by_id
from watchword.oauth.queries_clients import insert_client, lock_client, update_client
from watchword.oauth.queries_documents import (
    find_document_client,
    insert_document,
    update_document,
)
from watchword.oauth.registered_metadata import ClientMetadata, NamedDraft, renew_client, require_metadata
from watchword.oauth.unused_clients import make_room
from watchword.oauth_errors import OAuthError
from watchword.tenants.models import Tenant
from watchword.tenants.queries import find_tenant_by_slug, lock_tenant
from watchword.wire.client_address import address_bucket
from watchword.wire.fetcher import NotFetchedError, read_target
from watchword.wire.json_body import decode_json

SCHEME: Final = "https://"
_MEDIA_TYPES: Final = frozenset({"application/json", "application/oauth-client-id-metadata+json"})
_KEPT: Final = Kept(least_ms=300_000, most_ms=86_400_000, usual_ms=3_600_000)
_STALE_MS: Final = 86_400_000
"""How long after its last fetch a document that cannot be had any more still counts: a day of trouble at the client's."""

_URI_CHARACTERS_MAX: Final = 500
_SECRETS: Final = frozenset({"client_secret", "client_secret_expires_at"})
_METHODS: Final = frozenset({"none", "private_key_jwt"})
"""What is public can hold no shared secret."""


class MetadataDocuments:
    """The clients of documents, of any tenant that takes them."""

    def __init__(self, database: Database, names: IssuerNames, documents: FetchedDocuments) -> None:
        self._database = database
        self._names = names
        self._documents = documents

    async def find(self, uri: str, slug: str | None, *, asker: str, now_ms: int) -> OAuthClient | None:
        """Return the client of a document in a tenant; None where the tenant takes none, or the document is no good.

        Raises:
            RateLimitExceededError: it is new here, and ``asker``, the address that names it, or all who ask named too many.
        """
        slug = slug or self._names.default_slug
        tenant = None if slug is None else await find_tenant_by_slug(self._database, slug)
        if tenant is None or not tenant.settings.client_metadata_documents or not is_document_uri(uri):
            return None
        stored = await find_document_client(self._database, tenant.id, uri)
        if stored is not None and now_ms < stored.expires_at_ms:
            return stored.client
        usable = stored.client if stored is not None and now_ms < stored.fetched_at_ms + _STALE_MS else None
        try:
            fetched = await self._documents.find(uri, media_types=_MEDIA_TYPES, asker=asker, now_ms=now_ms)
        except RateLimitExceededError:
            if usable is None:
                raise
            return usable
        if fetched is None:
            return usable
        wanted = _read(uri, fetched.body)
        if wanted is None:
            return None
        expires_at_ms = _KEPT.until_ms(fetched, now_ms)

        async def work(tx: Transaction) -> OAuthClient | None:
            if stored is not None:
                return await _renew(tx, stored.client, wanted, expires_at_ms, now_ms)
            draft = _client_of(tenant, uri, wanted, now_ms)
            return await self._store(tx, draft, address_bucket(asker), expires_at_ms, now_ms)

        return await self._database.transaction(work)

    async def _store(
        self, tx: Transaction, client: OAuthClient, came_from: str, expires_at_ms: int, now_ms: int
    ) -> OAuthClient | None:
        await lock_tenant(tx, client.tenant_id)
        uri = client.settings.document_uri or ""
        # Another process may have been first.
        if await find_document_client(tx, client.tenant_id, uri) is None:
            await make_room(tx, client.tenant_id, client.source, came_from=came_from, now_ms=now_ms)
            await insert_client(tx, client, came_from=came_from)
            await insert_document(tx, client.tenant_id, uri, client.id, now_ms=now_ms, expires_at_ms=expires_at_ms)
        stored = await find_document_client(tx, client.tenant_id, uri)
        return None if stored is None else stored.client


class ClientFinder:
    """Finds clients by what they call themselves: an id of ours, or the address of their document."""

    def __init__(self, database: Database, documents: MetadataDocuments) -> None:
        self._database = database
        self._documents = documents

    async def find(self, client_id: str, slug: str | None, *, asker: str, now_ms: int) -> OAuthClient | None:
        """Return the client, living or not, or None; ``slug`` is the tenant that the path names, if it names one.

        Raises:
            RateLimitExceededError: it is a document's, and ``asker``, an address, named too many that are new here.
        """
        if client_id.startswith(SCHEME):
            return await self._documents.find(client_id, slug, asker=asker, now_ms=now_ms)
        client = await find_client_by_id(self._database, client_id)
        uri = None if client is None else client.settings.document_uri
        if client is None or uri is None:
            return client
        # By our own id too it is what its document says now, and nobody where its tenant takes none any more.
        return await self._documents.find(uri, client.tenant_slug, asker=asker, now_ms=now_ms)


def is_document_uri(uri: str) -> bool:
    """Say whether a document may stand at an address: https, a path, no dot segments, no fragment, no user (§3)."""
    try:
        read_target(uri)
    except NotFetchedError:
        return False
    path = urlsplit(uri).path
    return len(uri) <= _URI_CHARACTERS_MAX and path not in {"", "/"} and not _DOTS.intersection(path.split("/"))


_DOTS: Final = frozenset(
    {".", "..", "%2e", "%2E", "%2e%2e", "%2E%2E", ".%2e", ".%2E", "%2e.", "%2E.", "%2e%2E", "%2E%2e"}
)


def _read(uri: str, body: bytes) -> NamedDraft | None:
    try:
        document = decode_json(body)
        metadata = msgspec.convert(document, ClientMetadata)
        method = metadata.token_endpoint_auth_method = metadata.token_endpoint_auth_method or "none"
        # The document says whose it is: what somebody else put at an address of theirs stands for nobody.
        if metadata.client_id != uri or _SECRETS & set(document) or method not in _METHODS:
            return None
        return require_metadata(metadata, "metadata document")
    except (MalformedRequestError, msgspec.ValidationError, OAuthError):
        return None


async def _renew(
    tx: Transaction, client: OAuthClient, wanted: NamedDraft, expires_at_ms: int, now_ms: int
) -> OAuthClient | None:
    stored = await lock_client(tx, client.tenant_id, client.id, now_ms)
    if stored is None:
        return None
    try:
        changed = renew_client(stored, wanted, now_ms)
    except OAuthError:
        # The document does not keep what the tenant's administrator asks of its client.
        return None
    await update_client(tx, changed)
    await update_document(tx, client.id, now_ms=now_ms, expires_at_ms=expires_at_ms)
    tx.withdraw(f"client:{client.id}")
    return changed


def _client_of(tenant: Tenant, uri: str, wanted: NamedDraft, now_ms: int) -> OAuthClient:
    return OAuthClient(
        id=make_id("oauth_client", now_ms),
        tenant_id=tenant.id,
        tenant_slug=tenant.slug,
        mode="live",
        name=wanted.name,
        kind=wanted.draft.kind,
        source="metadata document",
        grants=wanted.draft.grants,
        scopes=wanted.draft.scopes,
        settings=msgspec.structs.replace(wanted.draft.settings, document_uri=uri),
        created_at_ms=now_ms,
        updated_at_ms=now_ms,
        disabled_at_ms=None,
        tenant_disabled_at_ms=tenant.disabled_at_ms,
    )
