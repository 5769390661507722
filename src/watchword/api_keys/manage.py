"""Create, list, read, change, rotate and revoke the keys of a tenant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec
from msgspec import UnsetType

from watchword.api_keys.fields import (
    require_binding,
    require_future_ms,
    require_lists_of_kind,
    require_networks,
    require_scopes,
)
from watchword.api_keys.models import (
    ApiKey,
    ChangeKey,
    CreateKey,
    IssuedKey,
    ListedKey,
    RotateKey,
)
from watchword.api_keys.queries import (
    find_key,
    insert_key,
    list_keys,
    list_last_used,
    lock_key,
    revoke_secret_key_by_hash,
    update_key,
)
from watchword.audit.writer import AuditWriter
from watchword.callers.origins import ORIGINS_SUBJECT
from watchword.callers.permissions import require_no_wider
from watchword.credentials.api_key import KeyKind, KeyMode, hash_key, is_well_formed, make_key
from watchword.db.database import Database, Transaction
from watchword.errors import ConflictError, ForbiddenError, NotAuthenticatedError, NotFoundError
from watchword.ids import make_id
from watchword.tenants.actor import Actor, require_mode
from watchword.tenants.names import require_name
from watchword.tenants.queries import find_tenant
from watchword.tenants.web_origins import require_web_origins

FIRST_CHARACTERS: Final = 12
LAST_CHARACTERS: Final = 4
"""What is stored and shown of a key: enough to recognise it, far from enough to guess the rest."""

Field = TypeVar("Field")


class PublicKeyError(ForbiddenError):
    """Someone who may be anyone wants to stop a key that everyone can read."""

    sentence = "A publishable key is public; only its tenant's administrator revokes it"


class Rotation(msgspec.Struct, frozen=True):
    """The new key, and the old one with its end."""

    issued: IssuedKey
    old: ApiKey


class ApiKeyManager:
    """The keys of each tenant; ``bookkeeping`` knows when they were last used."""

    def __init__(self, database: Database, *, bookkeeping: Database, audit: AuditWriter) -> None:
        self._database = database
        self._bookkeeping = bookkeeping
        self._audit = audit

    async def create(self, tenant_id: str, mode: KeyMode, wanted: CreateKey, *, actor: Actor, now_ms: int) -> IssuedKey:
        """Make a key; its text is in the returned value and nowhere else.

        Raises:
            InvalidFieldsError: a field is wrong.
            ForbiddenError: the key would have more than the actor's own scopes, or be of another mode.
            NotFoundError: there is no such tenant.
        """
        kind: KeyKind = "secret_key" if wanted.kind in {"secret", "secret_key"} else "publishable_key"
        require_lists_of_kind(kind, origins=wanted.allowed_origins, networks=wanted.allowed_networks)
        text = make_key(kind, mode)
        record = ApiKey(
            id=make_id("api_key", now_ms),
            tenant_id=tenant_id,
            kind=kind,
            mode=mode,
            name=require_name(wanted.name),
            first_characters=text[:FIRST_CHARACTERS],
            last_characters=text[-LAST_CHARACTERS:],
            scopes=None if wanted.scopes is None else require_scopes(wanted.scopes),
            allowed_origins=require_web_origins(wanted.allowed_origins),
            allowed_networks=require_networks(wanted.allowed_networks),
            rate_limit_per_minute=wanted.rate_limit,
            created_by=actor.subject,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
            expires_at_ms=None if wanted.expires_at is None else require_future_ms(wanted.expires_at, now_ms),
            disabled_at_ms=None,
            revoked_at_ms=None,
            rotated_to=None,
            dpop_jkt=require_binding(kind, jkt=wanted.dpop_jkt, jwk=wanted.dpop_jwk),
        )

        require_mode(actor, mode)
        require_no_wider(actor.scopes, record.scopes)

        async def store(transaction: Transaction) -> None:
            if await find_tenant(transaction, tenant_id) is None:
                raise NotFoundError
            await insert_key(transaction, record, hash_key(text))
            _withdraw(transaction, record)

        await self._database.transaction(store)
        self._record("key.created", record, actor, {"kind": kind, "mode": mode}, now_ms)
        return IssuedKey(text, record)

    async def list(
        self, tenant_id: str, *, mode: KeyMode | None = None, after: str = "", limit: int = 10
    ) -> Sequence[ListedKey]:
        """Return keys in the order of their making, of one mode or both, ended ones too, from the one behind ``after``."""
        keys = await list_keys(self._database, tenant_id, mode=mode, after=after, limit=limit)
        return await self._with_last_used(keys)

    async def get(self, tenant_id: str, key_id: str, *, mode: KeyMode | None = None) -> ListedKey:
        """Return one key, if it is of the mode.

        Raises:
            NotFoundError: this tenant has no such key.
        """
        key = await find_key(self._database, tenant_id, key_id)
        if key is None or mode not in {None, key.mode}:
            raise NotFoundError
        return (await self._with_last_used([key]))[0]

    async def change(self, tenant_id: str, key_id: str, wanted: ChangeKey, *, actor: Actor, now_ms: int) -> ApiKey:
        """Change what ``wanted`` names, in force on the key's next request.

        Raises:
            InvalidFieldsError: a field is wrong.
            ForbiddenError: the key has, or would have, more than the actor's own scopes, or is of another mode.
            ConflictError: the key is revoked or expired; ended keys stay as they ended.
            NotFoundError: this tenant has no such key.
        """

        async def store(transaction: Transaction) -> ApiKey:
            key = await _locked_living_key(transaction, tenant_id, key_id, now_ms)
            require_mode(actor, key.mode)
            changed = _changed(key, wanted, now_ms)
            require_no_wider(actor.scopes, key.scopes)
            require_no_wider(actor.scopes, changed.scopes)
            await update_key(transaction, changed)
            _withdraw(transaction, key, changed)
            return changed

        key = await self._database.transaction(store)
        fields = [name for name in wanted.__struct_fields__ if not isinstance(getattr(wanted, name), UnsetType)]
        self._record("key.changed", key, actor, {"fields": " ".join(fields)}, now_ms)
        return key

    async def rotate(
        self,
        tenant_id: str,
        key_id: str,
        wanted: RotateKey,
        *,
        actor: Actor,
        now_ms: int,
    ) -> Rotation:
        """Make a key that takes over, and give the old one an end no later than the one it has.

        The new key has all that the old one had, and as long a life from now as that one had from its making; it stays
        bound to the same public key unless ``wanted`` has another.

        Raises:
            InvalidFieldsError: the key that it should be bound to is none.
            ForbiddenError: the key has more than the actor's own scopes, or is of another mode.
            ConflictError: the key is revoked, expired, disabled or rotated already.
            NotFoundError: this tenant has no such key.
        """

        async def store(transaction: Transaction) -> Rotation:
            key = await _locked_living_key(transaction, tenant_id, key_id, now_ms)
            if key.rotated_to is not None:
                raise ConflictError("The key is rotated already")
            if key.disabled_at_ms is not None:
                raise ConflictError("The key is disabled; enable it before rotating it")
            require_mode(actor, key.mode)
            require_no_wider(actor.scopes, key.scopes)
            issued = _successor(key, wanted, actor, now_ms)
            end_ms = now_ms + wanted.overlap_seconds * 1000
            old = msgspec.structs.replace(
                key,
                expires_at_ms=end_ms if key.expires_at_ms is None else min(key.expires_at_ms, end_ms),
                rotated_to=issued.record.id,
            )
            await insert_key(transaction, issued.record, hash_key(issued.text))
            await update_key(transaction, old)
            _withdraw(transaction, old, issued.record)
            return Rotation(issued, old)

        rotation = await self._database.transaction(store)
        detail = {"new": rotation.issued.record.id, "overlapSeconds": str(wanted.overlap_seconds)}
        self._record("key.rotated", rotation.old, actor, detail, now_ms)
        return rotation

    async def revoke(self, tenant_id: str, key_id: str, *, actor: Actor, now_ms: int) -> ApiKey:
        """End a key for ever; revoking it again changes nothing and succeeds.

        Raises:
            NotFoundError: this tenant has no such key.
        """

        async def store(transaction: Transaction) -> ApiKey:
            key = await lock_key(transaction, tenant_id, key_id, now_ms)
            if key is None:
                raise NotFoundError
            require_mode(actor, key.mode)
            revoked = msgspec.structs.replace(key, revoked_at_ms=key.revoked_at_ms or now_ms)
            await update_key(transaction, revoked)
            _withdraw(transaction, revoked)
            return revoked

        key = await self._database.transaction(store)
        self._record("key.revoked", key, actor, {}, now_ms)
        return key

    async def revoke_held(self, text: str, *, address: str, now_ms: int) -> None:
        """End a secret key for whoever holds its text.

        A publishable key is in every visitor's browser: there, this would let any of them stop the tenant's site.

        Raises:
            PublicKeyError: it is a publishable key, known or not.
            NotAuthenticatedError: no living key has this text.
        """
        if text.startswith("pk_"):
            raise PublicKeyError
        if not is_well_formed(text):
            raise NotAuthenticatedError(reason="key form")

        async def store(transaction: Transaction) -> ApiKey:
            key = await revoke_secret_key_by_hash(transaction, hash_key(text), now_ms)
            if key is None:
                raise NotAuthenticatedError(reason="no living key")
            _withdraw(transaction, key)
            return key

        key = await self._database.transaction(store)
        self._record("key.revoked", key, Actor(subject=key.id, credential_id=key.id, address=address), {}, now_ms)

    async def _with_last_used(self, keys: Sequence[ApiKey]) -> Sequence[ListedKey]:
        used = await list_last_used(self._bookkeeping, (key.id for key in keys)) if keys else {}
        return [ListedKey(key, used.get(key.id)) for key in keys]

    def _record(self, event: str, key: ApiKey, actor: Actor, detail: dict[str, str], now_ms: int) -> None:
        self._audit.record(
            event,
            tenant_id=key.tenant_id,
            subject=actor.subject,
            credential_id=actor.credential_id,
            address=actor.address,
            detail={"key": key.id, **detail},
            now_ms=now_ms,
        )


def _withdraw(transaction: Transaction, *keys: ApiKey) -> None:
    transaction.withdraw(*(f"key:{key.id}" for key in keys))
    if any(key.allowed_origins for key in keys):
        transaction.withdraw(ORIGINS_SUBJECT)


async def _locked_living_key(transaction: Transaction, tenant_id: str, key_id: str, now_ms: int) -> ApiKey:
    key = await lock_key(transaction, tenant_id, key_id, now_ms)
    if key is None:
        raise NotFoundError
    status = key.status(now_ms)
    if status in {"revoked", "expired"}:
        raise ConflictError(f"The key is {status}; make a new one")
    return key


def _changed(key: ApiKey, wanted: ChangeKey, now_ms: int) -> ApiKey:
    origins = _or(wanted.allowed_origins, list(key.allowed_origins))
    networks = _or(wanted.allowed_networks, list(key.allowed_networks))
    require_lists_of_kind(key.kind, origins=origins, networks=networks)
    scopes = _or(wanted.scopes, None if key.scopes is None else list(key.scopes))
    disabled_at_ms = key.disabled_at_ms
    if not isinstance(wanted.disabled, UnsetType):
        disabled_at_ms = (disabled_at_ms or now_ms) if wanted.disabled else None
    return msgspec.structs.replace(
        key,
        name=key.name if isinstance(wanted.name, UnsetType) else require_name(wanted.name),
        scopes=None if scopes is None else require_scopes(scopes),
        allowed_origins=require_web_origins(origins),
        allowed_networks=require_networks(networks),
        rate_limit_per_minute=_or(wanted.rate_limit, key.rate_limit_per_minute),
        expires_at_ms=_changed_end_ms(key, wanted, now_ms),
        disabled_at_ms=disabled_at_ms,
    )


def _changed_end_ms(key: ApiKey, wanted: ChangeKey, now_ms: int) -> int | None:
    if isinstance(wanted.expires_at, UnsetType):
        return key.expires_at_ms
    end_ms = None if wanted.expires_at is None else require_future_ms(wanted.expires_at, now_ms)
    if key.rotated_to is not None and (end_ms is None or end_ms > (key.expires_at_ms or 0)):
        raise ConflictError("The key is rotated: its end can only come earlier")
    return end_ms


def _successor(key: ApiKey, wanted: RotateKey, actor: Actor, now_ms: int) -> IssuedKey:
    text = make_key(key.kind, key.mode)
    end_ms = None if key.expires_at_ms is None else now_ms + key.expires_at_ms - key.created_at_ms
    record = msgspec.structs.replace(
        key,
        id=make_id("api_key", now_ms),
        first_characters=text[:FIRST_CHARACTERS],
        last_characters=text[-LAST_CHARACTERS:],
        created_by=actor.subject,
        created_at_ms=now_ms,
        updated_at_ms=now_ms,
        expires_at_ms=end_ms,
        dpop_jkt=require_binding(key.kind, jkt=wanted.dpop_jkt, jwk=wanted.dpop_jwk) or key.dpop_jkt,
    )
    return IssuedKey(text, record)


def _or(value: Field | UnsetType, default: Field) -> Field:
    return default if isinstance(value, UnsetType) else value
