"""Add, rotate and revoke the secrets of a client: several may live beside each other, each with an end."""

from __future__ import annotations

from typing import Final

from watchword.api_keys.fields import require_future_ms
from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.callers.permissions import require_no_wider
from watchword.credentials.client_secret import hash_client_secret, make_client_secret
from watchword.db.database import Database, Transaction
from watchword.errors import ConflictError, NotFoundError
from watchword.ids import make_id
from watchword.oauth.client_models import AddSecret, IssuedSecret, RotateSecret, SecretRotation
from watchword.oauth.models import ClientKind, ClientSecret, ClientSettings, OAuthClient
from watchword.oauth.queries import list_secrets
from watchword.oauth.queries_clients import (
    delete_ended_secrets,
    end_secret,
    find_secret,
    insert_secret,
    lock_client,
)
from watchword.tenants.actor import Actor, require_mode

LIVING_MAX: Final = 5
"""Each is compared when the client proves itself; two are a rotation, the others room for one that was not finished."""

LAST_CHARACTERS: Final = 4
"""What is shown of a secret: enough to recognise it, far from enough to guess the rest."""

_KEPT_MS: Final = 30 * 86_400_000
"""How long an ended secret is still shown: long enough to look up which one somebody used last month."""


class ClientSecrets:
    """The secrets of each confidential client."""

    def __init__(self, database: Database, *, audit: AuditWriter) -> None:
        self._database = database
        self._audit = audit

    async def add(
        self, tenant_id: str, client_id: str, wanted: AddSecret, *, actor: Actor, now_ms: int
    ) -> IssuedSecret:
        """Make one more secret; its text is in the returned value and nowhere else.

        Raises:
            ConflictError: the client proves itself otherwise, or has as many living secrets as one may have.
            ForbiddenError: the client has more than the actor's own scopes, or is of another mode.
            InvalidFieldsError: the end is not in the future.
            NotFoundError: this tenant has no such client.
        """
        secret = make_secret(now_ms, _end_ms(wanted.expires_at, now_ms))

        async def store(tx: Transaction) -> OAuthClient:
            client = await _locked_client(tx, tenant_id, client_id, actor, now_ms)
            if len(await _living_secrets(tx, client, now_ms)) >= LIVING_MAX:
                raise ConflictError(f"The client has {LIVING_MAX} living secrets; revoke one first")
            await _insert(tx, client, secret, now_ms)
            return client

        client = await self._database.transaction(store)
        self._record(Event.SECRET_ADDED, client, actor, {"secret": secret.record.id}, now_ms)
        return secret

    async def rotate(
        self, tenant_id: str, client_id: str, wanted: RotateSecret, *, actor: Actor, now_ms: int
    ) -> SecretRotation:
        """Make a secret that takes over, and give each living one an end no later than the one it has.

        Raises:
            ConflictError: the client proves itself otherwise, or has as many living secrets as one may have.
            ForbiddenError: the client has more than the actor's own scopes, or is of another mode.
            InvalidFieldsError: the end of the new one is not in the future.
            NotFoundError: this tenant has no such client.
        """
        secret = make_secret(now_ms, _end_ms(wanted.expires_at, now_ms))
        end_ms = now_ms + wanted.overlap_seconds * 1000

        async def store(tx: Transaction) -> SecretRotation:
            client = await _locked_client(tx, tenant_id, client_id, actor, now_ms)
            living = await _living_secrets(tx, client, now_ms)
            if wanted.overlap_seconds and len(living) >= LIVING_MAX:
                raise ConflictError(f"The client has {LIVING_MAX} living secrets; revoke one first")
            old = [await end_secret(tx, client.id, one.id, end_ms) or one for one in living]
            await _insert(tx, client, secret, now_ms)
            return SecretRotation(client, secret, tuple(old))

        rotation = await self._database.transaction(store)
        detail = {"new": secret.record.id, "overlapSeconds": str(wanted.overlap_seconds)}
        self._record(Event.SECRETS_ROTATED, rotation.client, actor, detail, now_ms)
        return rotation

    async def revoke(
        self, tenant_id: str, client_id: str, secret_id: str, *, actor: Actor, now_ms: int
    ) -> ClientSecret:
        """End a secret now; revoking it again changes nothing and succeeds.

        Raises:
            NotFoundError: this tenant has no such client, or the client no such secret.
        """

        async def store(tx: Transaction) -> tuple[OAuthClient, ClientSecret]:
            client = await lock_client(tx, tenant_id, client_id, now_ms)
            if client is None:
                raise NotFoundError
            require_mode(actor, client.mode)
            ended = await end_secret(tx, client.id, secret_id, now_ms) or await find_secret(tx, client.id, secret_id)
            if ended is None:
                raise NotFoundError
            tx.withdraw(f"client:{client.id}")
            return client, ended

        client, ended = await self._database.transaction(store)
        self._record(Event.SECRET_REVOKED, client, actor, {"secret": ended.id}, now_ms)
        return ended

    def _record(self, event: Event, client: OAuthClient, actor: Actor, detail: dict[str, str], now_ms: int) -> None:
        self._audit.record(
            event,
            tenant_id=client.tenant_id,
            subject=actor.subject,
            credential_id=actor.credential_id,
            address=actor.address,
            detail={"client": client.id, **detail},
            now_ms=now_ms,
        )


def make_secret(now_ms: int, expires_at_ms: int | None = None) -> IssuedSecret:
    """Make a secret that is not stored yet."""
    text = make_client_secret()
    record = ClientSecret(
        make_id("client_secret", now_ms), hash_client_secret(text), text[-LAST_CHARACTERS:], now_ms, expires_at_ms
    )
    return IssuedSecret(text, record)


def has_secrets(kind: ClientKind, settings: ClientSettings) -> bool:
    """Say whether such a client proves itself with a secret."""
    return kind == "confidential" and settings.authentication_method != "private_key_jwt"


async def _locked_client(tx: Transaction, tenant_id: str, client_id: str, actor: Actor, now_ms: int) -> OAuthClient:
    client = await lock_client(tx, tenant_id, client_id, now_ms)
    if client is None:
        raise NotFoundError
    require_mode(actor, client.mode)
    # Whoever holds a secret holds all that the client may.
    require_no_wider(actor.scopes, client.scopes)
    if not has_secrets(client.kind, client.settings):
        raise ConflictError("This client has no secrets: it is public, or proves itself with a key of its own")
    return client


async def _living_secrets(tx: Transaction, client: OAuthClient, now_ms: int) -> list[ClientSecret]:
    return [secret for secret in await list_secrets(tx, client.id) if secret.is_living(now_ms)]


async def _insert(tx: Transaction, client: OAuthClient, secret: IssuedSecret, now_ms: int) -> None:
    await delete_ended_secrets(tx, client.id, now_ms - _KEPT_MS)
    await insert_secret(tx, client.id, secret.record)
    tx.withdraw(f"client:{client.id}")


def _end_ms(expires_at: int | str | None, now_ms: int) -> int | None:
    return None if expires_at is None else require_future_ms(expires_at, now_ms)
