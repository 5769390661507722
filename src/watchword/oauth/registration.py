"""Clients that register by themselves (RFC 7591), and manage what they registered (RFC 7592).

Each tenant says whether it lets them; what is registered is bounded, and what nobody uses is deleted.
"""

from __future__ import annotations

from typing import Final

import msgspec

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.callers.permissions import is_in_scope
from watchword.credentials.access_token import IssuerNames
from watchword.credentials.api_key import ApiKeyProver, KeyProof, has_key_shape
from watchword.credentials.client_secret import hash_client_secret, is_client_secret, make_client_secret
from watchword.credentials.ended_subject import EndedSubject
from watchword.db.database import Database, Transaction
from watchword.errors import NotAuthenticatedError, NotFoundError
from watchword.ids import make_id
from watchword.oauth.client_models import IssuedSecret
from watchword.oauth.client_secrets import has_secrets, make_secret
from watchword.oauth.models import OAuthClient
from watchword.oauth.queries import list_secrets
from watchword.oauth.queries_clients import delete_client, insert_client, insert_secret, lock_client, update_client
from watchword.oauth.queries_registration import (
    find_registration,
    forget_origins,
    prune_unused_clients,
)
from watchword.oauth.registered_metadata import (
    ChangedMetadata,
    ClientMetadata,
    NamedDraft,
    RegisteredClient,
    describe_client,
    renew_client,
    require_metadata,
)
from watchword.oauth.unused_clients import make_room, make_room_for_known
from watchword.oauth_errors import (
    ClientRegistrationClosedError,
    InvalidClientMetadataError,
    InvalidRegistrationTokenError,
)
from watchword.tenants.models import Tenant
from watchword.tenants.queries import find_tenant_by_slug, lock_tenant
from watchword.wire.client_address import address_bucket

UNUSED_KEPT_MS: Final = 30 * 86_400_000
"""How long such a client may wait for its first user."""

_PERMISSION: Final = "clients:write"
_NOBODYS: Final = bytes(32)


class Registrations:
    """Registers and manages clients of any tenant."""

    def __init__(
        self,
        database: Database,
        names: IssuerNames,
        *,
        api_keys: ApiKeyProver,
        audit: AuditWriter,
    ) -> None:
        self._database = database
        self._names = names
        self._api_keys = api_keys
        self._audit = audit

    async def register(
        self, slug: str | None, metadata: ClientMetadata, *, token: str | None, address: str, now_ms: int
    ) -> RegisteredClient:
        """Register a client with a tenant; its secret and token are in the returned value and nowhere else.

        Raises:
            NotFoundError: there is no such tenant.
            ClientRegistrationClosedError: the tenant lets nobody register.
            InvalidRegistrationTokenError: it wants a token, and this is none.
            OAuthError: the metadata cannot be registered.
            RateLimitExceededError: too many clients registered about whom somebody is being asked.
        """
        tenant = await self._require_tenant(slug)
        await self._require_may_register(tenant, token, now_ms)
        wanted = require_metadata(metadata, "registration")
        client, came_from = _client_of(tenant, wanted, now_ms), address_bucket(address)
        make_room_for_it = make_room if tenant.settings.client_registration == "open" else make_room_for_known
        registration_token = make_client_secret()
        secret = make_secret(now_ms) if has_secrets(client.kind, client.settings) else None

        async def store(tx: Transaction) -> str | None:
            await lock_tenant(tx, tenant.id)
            gone = await make_room_for_it(tx, tenant.id, "registration", came_from=came_from, now_ms=now_ms)
            token_hash = hash_client_secret(registration_token)
            await insert_client(tx, client, registration_hash=token_hash, came_from=came_from)
            if secret is not None:
                await insert_secret(tx, client.id, secret.record)
            return gone

        gone = await self._database.transaction(store)
        if gone is not None:
            self._record(Event.CLIENT_DELETED, msgspec.structs.replace(client, id=gone), address, now_ms)
        self._record(Event.CLIENT_CREATED, client, address, now_ms)
        return self._describe(client, registration_token, secret)

    async def read(self, client_id: str, slug: str | None, token: str | None) -> RegisteredClient:
        """Return what a client registered.

        Raises:
            InvalidRegistrationTokenError: the token is not this client's, or the client is no more: one answer.
        """
        return self._describe(await self._require_own(client_id, slug, token), token)

    async def change(
        self,
        client_id: str,
        slug: str | None,
        metadata: ChangedMetadata,
        *,
        token: str | None,
        address: str,
        now_ms: int,
    ) -> RegisteredClient:
        """Put other metadata in the place of a client's (RFC 7592 §2.2); of these, what is left out is gone.

        Raises:
            InvalidRegistrationTokenError: as ``read``.
            OAuthError: the metadata cannot be registered, or are another client's.
        """
        client = await self._require_own(client_id, slug, token)
        if metadata.client_id != client.id:
            raise InvalidClientMetadataError("client_id must be that of the client")
        await self._require_own_secret(client, metadata.client_secret, now_ms)
        wanted = require_metadata(metadata, "registration")
        if has_secrets(wanted.draft.kind, wanted.draft.settings) != has_secrets(client.kind, client.settings):
            raise InvalidClientMetadataError("token_endpoint_auth_method must stay: register anew to change it")

        async def store(tx: Transaction) -> OAuthClient:
            stored = await lock_client(tx, client.tenant_id, client.id, now_ms)
            if stored is None or stored.kind != wanted.draft.kind:
                raise InvalidRegistrationTokenError(cause="the client is gone")
            changed = renew_client(stored, wanted, now_ms)
            await update_client(tx, changed)
            tx.withdraw(f"client:{client.id}")
            return changed

        changed = await self._database.transaction(store)
        self._record(Event.CLIENT_CHANGED, changed, address, now_ms)
        return self._describe(changed, token)

    async def delete(self, client_id: str, slug: str | None, *, token: str | None, address: str, now_ms: int) -> None:
        """Delete a client with all that it was given (RFC 7592 §2.3).

        Raises:
            InvalidRegistrationTokenError: as ``read``.
        """
        client = await self._require_own(client_id, slug, token)

        async def store(tx: Transaction) -> None:
            await delete_client(tx, client.tenant_id, client.id)
            ended = EndedSubject(client.tenant_id, client.mode, "client", client.id)
            tx.withdraw(f"client:{client.id}", ended.text())

        await self._database.transaction(store)
        self._record(Event.CLIENT_DELETED, client, address, now_ms)

    async def prune(self, now_ms: int) -> int:
        """Delete clients that came by themselves and were never used; return how many.

        Of those that are, it is forgotten where they came from.
        """
        await forget_origins(self._database)
        return await prune_unused_clients(self._database, now_ms - UNUSED_KEPT_MS, now_ms)

    async def _require_tenant(self, slug: str | None) -> Tenant:
        slug = slug or self._names.default_slug
        tenant = None if slug is None else await find_tenant_by_slug(self._database, slug)
        if tenant is None or tenant.disabled_at_ms is not None:
            raise NotFoundError
        return tenant

    async def _require_may_register(self, tenant: Tenant, token: str | None, now_ms: int) -> None:
        allowed = tenant.settings.client_registration
        if allowed == "off":
            raise ClientRegistrationClosedError
        if allowed == "token" and not _is_for_registration(await self._find_key(token, now_ms), tenant):
            raise InvalidRegistrationTokenError(cause="no key of this tenant for registrations")

    async def _find_key(self, token: str | None, now_ms: int) -> KeyProof | None:
        if token is None or not has_key_shape(token):
            return None
        try:
            return await self._api_keys.prove(token, now_ms)
        except NotAuthenticatedError:
            return None

    async def _require_own(self, client_id: str, slug: str | None, token: str | None) -> OAuthClient:
        registration = await find_registration(self._database, client_id)
        stored = None if registration is None else registration.token_hash
        is_own = is_client_secret(token or "", stored or _NOBODYS)
        if registration is None or not is_own or not registration.client.is_living:
            raise InvalidRegistrationTokenError(cause="the token is not that of a living registered client")
        if slug not in {None, registration.client.tenant_slug}:
            raise InvalidRegistrationTokenError(cause="the client is another tenant's")
        return registration.client

    async def _require_own_secret(self, client: OAuthClient, text: str | None, now_ms: int) -> None:
        if text is None:
            return
        secrets = await list_secrets(self._database, client.id)
        if not any(one.is_living(now_ms) and is_client_secret(text, one.secret_hash) for one in secrets):
            # RFC 7592 §2.2: a client may say its secret, and never choose one.
            raise InvalidClientMetadataError("client_secret must be the client's own, or left out")

    def _describe(self, client: OAuthClient, token: str | None, secret: IssuedSecret | None = None) -> RegisteredClient:
        issuer = self._names.issuer(client.tenant_slug)
        return msgspec.structs.replace(
            describe_client(client),
            client_secret=None if secret is None else secret.text,
            client_secret_expires_at=None if secret is None else 0,
            registration_access_token=token,
            registration_client_uri=f"{issuer}/oauth/register/{client.id}",
        )

    def _record(self, event: Event, client: OAuthClient, address: str, now_ms: int) -> None:
        self._audit.record(
            event,
            tenant_id=client.tenant_id,
            subject=client.id,
            credential_id=client.id,
            address=address,
            detail={"client": client.id, "source": client.source},
            now_ms=now_ms,
        )


def _is_for_registration(key: KeyProof | None, tenant: Tenant) -> bool:
    """A key counts only if its scopes name this very permission: no key that was made for data lets clients in.

    One that is bound to a key pair or held to networks does not: nothing here would prove the pair, or look where it
    comes from. Nor does a test key, since the clients that come by themselves are live.
    """
    if key is None or (key.kind, key.mode) != ("secret_key", "live"):
        return False
    if key.jkt is not None or key.allowed_networks:
        return False
    if key.tenant_id != tenant.id or key.scopes is None:
        return False
    return _PERMISSION in key.scopes and is_in_scope(key.scopes, _PERMISSION)


def _client_of(tenant: Tenant, wanted: NamedDraft, now_ms: int) -> OAuthClient:
    return OAuthClient(
        id=make_id("oauth_client", now_ms),
        tenant_id=tenant.id,
        tenant_slug=tenant.slug,
        mode="live",
        name=wanted.name,
        kind=wanted.draft.kind,
        source=wanted.draft.source,
        grants=wanted.draft.grants,
        scopes=wanted.draft.scopes,
        settings=wanted.draft.settings,
        created_at_ms=now_ms,
        updated_at_ms=now_ms,
        disabled_at_ms=None,
        tenant_disabled_at_ms=None,
    )
