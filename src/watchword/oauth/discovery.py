"""What clients find out by themselves: about the server (RFC 8414), its keys (RFC 7517) and the API (RFC 9728)."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from watchword.callers.call import Call
from watchword.credentials.access_token import IssuerNames
from watchword.credentials.issuer_keys import IssuerKeys
from watchword.credentials.signing import SIGNING_ALGORITHMS
from watchword.db.database import Database
from watchword.errors import NotFoundError
from watchword.oauth.models import JwkSet
from watchword.oauth.scopes import IDENTITY_SCOPES
from watchword.tenants.models import Tenant
from watchword.tenants.queries import find_tenant_by_slug
from watchword.wire.response import JSON_TYPE, Response

_CACHED: Final = b"cache-control: public, max-age=300\r\naccess-control-allow-origin: *\r\n"
"""Public facts, the same for everybody: any web page may read them, and caches keep them for a while."""


class ServerMetadata(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tenant's authorization server (RFC 8414 §2, OpenID Connect Discovery §3)."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    scopes_supported: tuple[str, ...]
    response_types_supported: tuple[str, ...]
    grant_types_supported: tuple[str, ...]
    token_endpoint_auth_methods_supported: tuple[str, ...]


class ResourceMetadata(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tenant's API as a protected resource (RFC 9728 §2)."""

    resource: str
    authorization_servers: tuple[str, ...]
    jwks_uri: str
    scopes_supported: tuple[str, ...]
    bearer_methods_supported: tuple[str, ...] = ()
    resource_name: str | None = None


class Discovery:
    """Answers the well-known documents of each tenant, and at the root those of the default tenant."""

    def __init__(
        self,
        database: Database,
        keys: IssuerKeys,
        names: IssuerNames,
        *,
        grant_types: tuple[str, ...],
        api_scopes: tuple[str, ...],
    ) -> None:
        self._database = database
        self._keys = keys
        self._names = names
        self._grant_types = grant_types
        self._api_scopes = api_scopes

    async def server(self, call: Call) -> Response:
        """Answer the metadata of the authorization server."""
        issuer = self._names.issuer((await self._require_tenant(call)).slug)
        return _public(
            ServerMetadata(
                issuer=issuer,
                token_endpoint=f"{issuer}/oauth/token",
                jwks_uri=f"{issuer}/oauth/jwks",
                scopes_supported=(*IDENTITY_SCOPES, *self._api_scopes),
                response_types_supported=("code",),
                grant_types_supported=self._grant_types,
                token_endpoint_auth_methods_supported=("client_secret_basic", "client_secret_post", "none"),
            )
        )

    async def resource(self, call: Call) -> Response:
        """Answer the metadata of the tenant's API."""
        tenant = await self._require_tenant(call)
        issuer = self._names.issuer(tenant.slug)
        return _public(
            ResourceMetadata(
                resource=self._names.resource(tenant.slug),
                authorization_servers=(issuer,),
                jwks_uri=f"{issuer}/oauth/jwks",
                scopes_supported=self._api_scopes,
                bearer_methods_supported=("header",),
                resource_name=tenant.name,
            )
        )

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


def _public(value: Any) -> Response:  # noqa: ANN401 - one of this file's structs
    return Response(200, msgspec.json.encode(value), JSON_TYPE + _CACHED)
