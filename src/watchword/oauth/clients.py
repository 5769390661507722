"""Create, list, read, change and delete the OAuth clients of a tenant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET

from watchword.api_keys.fields import require_future_ms
from watchword.api_keys.queries import list_last_used
from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.callers.caller import Mode
from watchword.callers.origins import ORIGINS_SUBJECT
from watchword.callers.permissions import require_no_wider
from watchword.credentials.ended_subject import EndedSubject
from watchword.db.database import Database, Transaction
from watchword.errors import NotFoundError
from watchword.ids import make_id
from watchword.oauth.client_metadata import ClientDraft, require_settings, weaknesses_of
from watchword.oauth.client_models import (
    ChangeClient,
    CreateClient,
    IssuedClient,
    ListedClient,
    ListedSecret,
    ReadClient,
)
from watchword.oauth.client_secrets import has_secrets, make_secret
from watchword.oauth.models import ClientSettings, OAuthClient
from watchword.oauth.queries import list_secrets
from watchword.oauth.queries_clients import (
    delete_client,
    find_client,
    insert_client,
    insert_secret,
    list_clients,
    lock_client,
    update_client,
)
from watchword.tenants.actor import Actor, require_mode
from watchword.tenants.models import Tenant
from watchword.tenants.names import require_name
from watchword.tenants.queries import find_tenant

_SETTINGS: Final = frozenset(ClientSettings.__struct_fields__)


class OAuthClients:
    """The clients of each tenant; ``bookkeeping`` knows when they were last used."""

    def __init__(self, database: Database, *, bookkeeping: Database, audit: AuditWriter) -> None:
        self._database = database
        self._bookkeeping = bookkeeping
        self._audit = audit

    async def create(
        self, tenant_id: str, mode: Mode, wanted: CreateClient, *, actor: Actor, now_ms: int
    ) -> IssuedClient:
        """Make a client; its secret, where it has one, is in the returned value and nowhere else.

        Raises:
            InvalidFieldsError: fields are wrong, or do not go together.
            ForbiddenError: the client would have more than the actor's own scopes, or be of another mode.
            NotFoundError: there is no such tenant.
        """
        draft = _draft_of(wanted)
        require_mode(actor, mode)
        require_no_wider(actor.scopes, draft.scopes)
        name = require_name(wanted.name)
        ends_ms = None
        if wanted.secret_expires_at is not None:
            ends_ms = require_future_ms(wanted.secret_expires_at, now_ms, field="secret_expires_at")
        secret = make_secret(now_ms, ends_ms) if has_secrets(draft.kind, draft.settings) else None

        async def store(tx: Transaction) -> OAuthClient:
            tenant = await find_tenant(tx, tenant_id)
            if tenant is None:
                raise NotFoundError
            client = make_client(tenant, mode, name, draft, now_ms)
            await insert_client(tx, client)
            if secret is not None:
                await insert_secret(tx, client.id, secret.record)
            _withdraw(tx, client)
            return client

        client = await self._database.transaction(store)
        detail = {"kind": client.kind, "mode": client.mode, "grants": " ".join(client.grants)}
        self._record(Event.CLIENT_CREATED, client, actor, detail, now_ms)
        self._warn(client, actor, now_ms)
        return IssuedClient(client, secret)

    async def list(
        self, tenant_id: str, *, mode: Mode | None = None, after: str = "", limit: int = 10
    ) -> Sequence[ListedClient]:
        """Return clients in the order of their making, of one mode or both, disabled ones too, from behind ``after``."""
        clients = await list_clients(self._database, tenant_id, mode=mode, after=after, limit=limit)
        used = await self._last_used([client.id for client in clients])
        return [ListedClient(client, used.get(client.id)) for client in clients]

    async def get(self, tenant_id: str, client_id: str, *, mode: Mode | None = None) -> ReadClient:
        """Return one client, if it is of the mode, with its secrets, ended ones too.

        Raises:
            NotFoundError: this tenant has no such client.
        """
        client = await find_client(self._database, tenant_id, client_id)
        if client is None or mode not in {None, client.mode}:
            raise NotFoundError
        secrets = await list_secrets(self._database, client.id)
        used = await self._last_used([client.id, *(secret.id for secret in secrets)])
        return ReadClient(
            ListedClient(client, used.get(client.id)),
            tuple(ListedSecret(secret, used.get(secret.id)) for secret in secrets),
        )

    async def change(
        self, tenant_id: str, client_id: str, wanted: ChangeClient, *, actor: Actor, now_ms: int
    ) -> OAuthClient:
        """Change what ``wanted`` names, in force on the client's next request; kind and mode stay for good.

        Disabled, the client gets nothing more, and every code, token and refresh it was given is refused.

        Raises:
            InvalidFieldsError: fields are wrong, or do not go together.
            ForbiddenError: the client has, or would have, more than the actor's own scopes, or is of another mode.
            NotFoundError: this tenant has no such client.
        """

        async def store(tx: Transaction) -> tuple[OAuthClient, OAuthClient]:
            client = await lock_client(tx, tenant_id, client_id, now_ms)
            if client is None:
                raise NotFoundError
            require_mode(actor, client.mode)
            changed = _changed(client, wanted, now_ms)
            require_no_wider(actor.scopes, client.scopes)
            require_no_wider(actor.scopes, changed.scopes)
            await update_client(tx, changed)
            _withdraw(tx, client, changed)
            return client, changed

        before, client = await self._database.transaction(store)
        fields = [name for name in wanted.__struct_fields__ if getattr(wanted, name) is not UNSET]
        self._record(Event.CLIENT_CHANGED, client, actor, {"fields": " ".join(fields)}, now_ms)
        if weaknesses_of(client) != weaknesses_of(before):
            self._warn(client, actor, now_ms)
        return client

    async def delete(self, tenant_id: str, client_id: str, *, actor: Actor, now_ms: int) -> None:
        """Delete a client with its secrets, grants and tokens, for ever.

        Raises:
            NotFoundError: this tenant has no such client.
        """

        async def store(tx: Transaction) -> OAuthClient:
            client = await lock_client(tx, tenant_id, client_id, now_ms)
            if client is None:
                raise NotFoundError
            require_mode(actor, client.mode)
            await delete_client(tx, tenant_id, client_id)
            _withdraw(tx, client)
            tx.withdraw(EndedSubject(tenant_id, client.mode, "client", client_id).text())
            return client

        client = await self._database.transaction(store)
        self._record(Event.CLIENT_DELETED, client, actor, {}, now_ms)

    async def _last_used(self, credential_ids: Iterable[str]) -> dict[str, int]:
        return await list_last_used(self._bookkeeping, credential_ids)

    def _warn(self, client: OAuthClient, actor: Actor, now_ms: int) -> None:
        weaknesses = weaknesses_of(client)
        if weaknesses:
            words = " ".join(weakness.partition(":")[0] for weakness in weaknesses)
            self._record(Event.CLIENT_WEAKENED, client, actor, {"by": words}, now_ms)

    def _record(self, event: Event, client: OAuthClient, actor: Actor, detail: dict[str, str], now_ms: int) -> None:
        self._audit.record(
            event,
            tenant_id=client.tenant_id,
            subject=actor.subject,
            credential_id=actor.credential_id,
            address=actor.address,
            detail={"client": client.id, **detail},
            level="warning" if event is Event.CLIENT_WEAKENED else "info",
            now_ms=now_ms,
        )


def make_client(tenant: Tenant, mode: Mode, name: str, draft: ClientDraft, now_ms: int) -> OAuthClient:
    """Make a client of a tenant that is not stored yet; ``draft`` and ``name`` were checked."""
    return OAuthClient(
        id=make_id("oauth_client", now_ms),
        tenant_id=tenant.id,
        tenant_slug=tenant.slug,
        mode=mode,
        name=name,
        kind=draft.kind,
        source=draft.source,
        grants=draft.grants,
        scopes=draft.scopes,
        settings=draft.settings,
        created_at_ms=now_ms,
        updated_at_ms=now_ms,
        disabled_at_ms=None,
        tenant_disabled_at_ms=tenant.disabled_at_ms,
    )


def _draft_of(wanted: CreateClient) -> ClientDraft:
    return require_settings(
        ClientDraft(
            kind=wanted.kind,
            source="administrator",
            grants=tuple(wanted.grants),
            scopes=None if wanted.scopes is None else tuple(wanted.scopes),
            settings=ClientSettings(**_settings_in(wanted)),
        )
    )


def _settings_in(wanted: CreateClient | ChangeClient) -> dict[str, Any]:
    """Return the settings that a request names; lists become tuples, as they are kept."""
    named = {name: getattr(wanted, name) for name in wanted.__struct_fields__ if name in _SETTINGS}
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in named.items() if value is not UNSET
    }


def _changed(client: OAuthClient, wanted: ChangeClient, now_ms: int) -> OAuthClient:
    draft = require_settings(
        ClientDraft(
            kind=client.kind,
            # Whoever made the client: this is what an administrator gives it.
            source="administrator",
            grants=client.grants if wanted.grants is UNSET else tuple(wanted.grants),
            scopes=_changed_scopes(client, wanted),
            settings=msgspec.structs.replace(client.settings, **_settings_in(wanted)),
        )
    )
    disabled_at_ms = client.disabled_at_ms
    if wanted.disabled is not UNSET:
        disabled_at_ms = (disabled_at_ms or now_ms) if wanted.disabled else None
    return msgspec.structs.replace(
        client,
        name=client.name if wanted.name is UNSET else require_name(wanted.name),
        grants=draft.grants,
        scopes=draft.scopes,
        settings=draft.settings,
        updated_at_ms=now_ms,
        disabled_at_ms=disabled_at_ms,
    )


def _changed_scopes(client: OAuthClient, wanted: ChangeClient) -> tuple[str, ...] | None:
    if wanted.scopes is UNSET:
        return client.scopes
    return None if wanted.scopes is None else tuple(wanted.scopes)


def _withdraw(tx: Transaction, *clients: OAuthClient) -> None:
    tx.withdraw(*(f"client:{client.id}" for client in clients))
    if any(client.settings.web_origins for client in clients):
        tx.withdraw(ORIGINS_SUBJECT)
