"""The keys that sign a tenant's OAuth tokens: made when first needed, kept sealed, published as a JWK Set (RFC 7517).

Which key signs follows from the time alone: of an algorithm's keys that are active already, the youngest. So a key is
published before it signs, every process changes over at the same moment, and a rotation writes one row.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any, Final, Literal

import msgspec
from cryptography.hazmat.primitives import serialization

from watchword.credentials.oauth_queries import (
    StoredIssuerKey,
    end_issuer_keys,
    find_tenant_of_issuer_key,
    insert_issuer_key,
    list_issuer_keys,
)
from watchword.credentials.sealing import Sealing
from watchword.credentials.signing import PrivateKey, PublicKey, SigningAlgorithm, make_private_key, public_jwk, sign
from watchword.db.database import Database, Transaction
from watchword.db.generations import Generations
from watchword.ids import make_id

KeyState = Literal["next", "current", "retired"]

_TENANTS_MAX: Final = 2_000
"""Tenants whose keys stand open in memory; a tenant's three keys take some 6 KiB."""


class IssuerKey:
    """One signing key of a tenant, opened; ``ends_at_ms`` is when the last token it signed has ended, None for never."""

    __slots__ = ("active_at_ms", "algorithm", "created_at_ms", "ends_at_ms", "id", "private", "public", "public_jwk")

    def __init__(self, stored: StoredIssuerKey, private: PrivateKey) -> None:
        self.id = stored.key_id
        self.algorithm: SigningAlgorithm = stored.algorithm
        self.created_at_ms = stored.created_at_ms
        self.active_at_ms = stored.active_at_ms
        self.ends_at_ms = stored.ends_at_ms
        self.private = private
        self.public: PublicKey = private.public_key()
        self.public_jwk: dict[str, Any] = {
            **public_jwk(self.public),
            "kid": self.id,
            "alg": self.algorithm,
            "use": "sig",
        }

    def __repr__(self) -> str:
        """Name the key and hide its secret."""
        return f"IssuerKey({self.id!r})"

    async def sign(self, message: bytes) -> bytes:
        """Sign a message; RSA, which takes a millisecond, off the event loop."""
        if self.algorithm == "RS256":
            return await asyncio.to_thread(sign, self.private, message)
        return sign(self.private, message)


class _Ring(msgspec.Struct, frozen=True):
    stamp: int
    keys: tuple[IssuerKey, ...]


class IssuerKeys:
    """The signing keys of all tenants; ``longest_life_seconds`` is how long any token may live that they sign."""

    def __init__(
        self, database: Database, generations: Generations, master_secret: bytes, *, longest_life_seconds: int
    ) -> None:
        self._database = database
        self._generations = generations
        self._sealing = Sealing(master_secret)
        self._longest_life_ms = longest_life_seconds * 1000
        self._rings: OrderedDict[str, _Ring] = OrderedDict()

    async def signing_key(self, tenant_id: str, algorithm: SigningAlgorithm, now_ms: int) -> IssuerKey:
        """Return the tenant's current key of an algorithm; the first one is made here.

        Raises:
            UnavailableError: the database cannot be asked.
        """
        current = _current(await self._keys(tenant_id), algorithm, now_ms)
        if current is None:
            await self._make(tenant_id, algorithm, now_ms=now_ms, active_at_ms=now_ms)
            current = _current(await self._read(tenant_id), algorithm, now_ms)
        if current is None:
            # A clock behind that of the process which made the key: it signs a moment early.
            current = next(key for key in await self._keys(tenant_id) if key.algorithm == algorithm)
        return current

    async def find(self, kid: str, now_ms: int) -> tuple[str, IssuerKey] | None:
        """Return the tenant and the key of a ``kid``, or None for one unknown or ended."""
        tenant_id = await find_tenant_of_issuer_key(self._database, kid)
        if tenant_id is None:
            return None
        for key in await self._keys(tenant_id):
            if key.id == kid and not _has_ended(key, now_ms):
                return tenant_id, key
        return None

    async def published(self, tenant_id: str, now_ms: int) -> tuple[IssuerKey, ...]:
        """Return the keys that verifiers should know: next, current, and retired ones whose tokens may still live."""
        return tuple(key for key in await self._keys(tenant_id) if not _has_ended(key, now_ms))

    async def rotate(self, tenant_id: str, algorithm: SigningAlgorithm, *, now_ms: int, active_at_ms: int) -> None:
        """Make the key that takes over at ``active_at_ms``; the present ones end when their last token has."""
        await self._make(tenant_id, algorithm, now_ms=now_ms, active_at_ms=active_at_ms)

    async def _make(self, tenant_id: str, algorithm: SigningAlgorithm, *, now_ms: int, active_at_ms: int) -> None:
        key_id = make_id("signing_key", now_ms)
        private = await asyncio.to_thread(make_private_key, algorithm)
        plain = private.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        number = sum(1 for key in await self._read(tenant_id) if key.algorithm == algorithm)
        stored = StoredIssuerKey(
            key_id=key_id,
            algorithm=algorithm,
            sealed=self._sealing.seal(plain, bound_to=_bound_to(tenant_id, key_id)),
            created_at_ms=now_ms,
            active_at_ms=active_at_ms,
            ends_at_ms=None,
        )

        async def work(tx: Transaction) -> None:
            # Of several processes that make the same number, the first one's key stands and all use that.
            if await insert_issuer_key(
                tx, tenant_id, stored, number=number, public_jwk=public_jwk(private.public_key())
            ):
                ends_at_ms = active_at_ms + self._longest_life_ms
                await end_issuer_keys(tx, tenant_id, algorithm, below_number=number, ends_at_ms=ends_at_ms)
            tx.withdraw(_subject(tenant_id))

        await self._database.transaction(work)

    async def _keys(self, tenant_id: str) -> tuple[IssuerKey, ...]:
        ring = self._rings.get(tenant_id)
        generations = self._generations
        if (
            ring is None
            or not generations.is_trusted()
            or ring.stamp != generations.read(generations.slot(_subject(tenant_id)))
        ):
            return await self._read(tenant_id)
        return ring.keys

    async def _read(self, tenant_id: str) -> tuple[IssuerKey, ...]:
        stamp = self._generations.read(self._generations.slot(_subject(tenant_id)))
        keys = tuple(self._open(tenant_id, stored) for stored in await list_issuer_keys(self._database, tenant_id))
        self._rings[tenant_id] = _Ring(stamp, keys)
        self._rings.move_to_end(tenant_id)
        if len(self._rings) > _TENANTS_MAX:
            self._rings.popitem(last=False)
        return keys

    def _open(self, tenant_id: str, stored: StoredIssuerKey) -> IssuerKey:
        plain = self._sealing.open(stored.sealed, bound_to=_bound_to(tenant_id, stored.key_id))
        return IssuerKey(stored, serialization.load_der_private_key(plain, password=None))  # type: ignore[arg-type] # one of the three kinds that we seal


def state_of(key: IssuerKey, keys: tuple[IssuerKey, ...], now_ms: int) -> KeyState:
    """Say what a key is now."""
    if key.active_at_ms > now_ms:
        return "next"
    return "current" if _current(keys, key.algorithm, now_ms) is key else "retired"


def _current(keys: tuple[IssuerKey, ...], algorithm: SigningAlgorithm, now_ms: int) -> IssuerKey | None:
    active = [key for key in keys if key.algorithm == algorithm and key.active_at_ms <= now_ms]
    return max(active, key=lambda key: key.active_at_ms, default=None)


def _has_ended(key: IssuerKey, now_ms: int) -> bool:
    return key.ends_at_ms is not None and key.ends_at_ms <= now_ms


def _subject(tenant_id: str) -> str:
    return f"issuer_keys:{tenant_id}"


def _bound_to(tenant_id: str, key_id: str) -> str:
    return f"issuer {tenant_id} {key_id}"
