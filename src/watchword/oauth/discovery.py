"""What clients find out by themselves: about the server (RFC 8414), its keys (RFC 7517) and the API (RFC 9728)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from watchword.callers.call import Call
from watchword.credentials.access_token import IssuerNames
from watchword.credentials.issuer_keys import IssuerKeys
from watchword.credentials.signing import SIGNING_ALGORITHMS
from watchword.db.database import Database
from watchword.errors import NotFoundError
from watchword.oauth.models import JwkSet
from watchword.oauth.server_metadata import Abilities, MetadataWriter, ServerMetadata
from watchword.tenants.models import Tenant
from watchword.tenants.queries import find_tenant_by_slug
from watchword.wire.response import JSON_TYPE, Response
from watchword.wire.routes import Route

_CACHED: Final = b"cache-control: public, max-age=300\r\naccess-control-allow-origin: *\r\n"
"""Public facts, the same for everybody: any web page may read them, and caches keep them for a while."""


class Discovery:
    """Answers the well-known documents of each tenant, and at the root those of the default tenant."""

    def __init__(self, database: Database, keys: IssuerKeys, names: IssuerNames, abilities: Abilities) -> None:
        self._database = database
        self._keys = keys
        self._names = names
        self._writer = MetadataWriter(abilities)

    def describe(self, routes: Iterable[Route]) -> None:
        """Take note of which endpoints are served."""
        self._writer.describe(routes)

    async def server(self, call: Call) -> Response:
        """Answer the metadata of the authorization server."""
        tenant = await self._require_tenant(call)
        document = self._writer.server(self._names.issuer(tenant.slug), self._names.resource(tenant.slug))
        return _public(_as_tenant_allows(document, tenant))

    async def resource(self, call: Call) -> Response:
        """Answer the metadata of the tenant's API."""
        tenant = await self._require_tenant(call)
        slug = tenant.slug
        return _public(self._writer.resource(self._names.issuer(slug), self._names.resource(slug), tenant.name))

    async def jwks(self, call: Call) -> Response:
        """Answer the tenant's public keys; the first one is made here, so that nobody finds an empty set."""
        tenant = await self._require_tenant(call)
        await self._keys.signing_key(tenant.id, SIGNING_ALGORITHMS[0], call.now_ms)
        published = await self._keys.published(tenant.id, call.now_ms)
        return _public(JwkSet(tuple(key.public_jwk for key in published)))

    async def _require_tenant(self, call: Call) -> Tenant:
        # One issuer a tenant: the default tenant's documents stand at the root, and there alone.
        default = self._names.default_slug
        named = call.parameters.get("tenant")
        slug = default if named is None else named
        if slug is None or (named is not None and named == default):
            raise NotFoundError
        tenant = await find_tenant_by_slug(self._database, slug)
        if tenant is None or tenant.disabled_at_ms is not None:
            raise NotFoundError
        return tenant


def _as_tenant_allows(document: ServerMetadata, tenant: Tenant) -> ServerMetadata:
    """Leave out what the tenant does not let strangers do."""
    settings = tenant.settings
    return msgspec.structs.replace(
        document,
        registration_endpoint=None if settings.client_registration == "off" else document.registration_endpoint,
        client_id_metadata_document_supported=settings.client_metadata_documents,
    )


def _public(value: Any) -> Response:  # noqa: ANN401 - one of the documents' structs
    return Response(200, msgspec.json.encode(value), JSON_TYPE + _CACHED)
