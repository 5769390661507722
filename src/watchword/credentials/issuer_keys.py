"""The keys that sign a tenant's OAuth tokens: made when first needed, kept sealed, published as a JWK Set (RFC 7517).

Which key signs follows from the time alone: of an algorithm's keys that are active already, the youngest. So a key is
published before it signs, every process changes over at the same moment, and a rotation writes one row.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec

from watchword.credentials.issuer_key_queries import (
    AgedKeys,
    StoredIssuerKey,
    delete_issuer_keys,
    end_issuer_keys,
    find_tenant_of_issuer_key,
    insert_issuer_key,
    list_aged_issuer_keys,
    list_issuer_keys,
)
from watchword.credentials.sealing import Sealing
from watchword.credentials.signing import (
    PrivateKey,
    PublicKey,
    SigningAlgorithm,
    make_private_key,
    make_sign,
    public_jwk,
)
from watchword.db.database import Database, Transaction
from watchword.db.generations import Generations
from watchword.ids import make_id

KeyState = Literal["next", "current", "retired", "ended"]

PUBLISHED_AHEAD_MS: Final = 3_600_000
"""How long a key is published before it signs: verifiers that keep a JWK Set keep it for minutes, few for an hour."""

_RING_MS: Final = 60_000
"""How long keys are used without another look: a process killed between its commit and the news of it tells nobody."""

_DAY_MS: Final = 86_400_000

_TENANTS_MAX: Final = 2_000
"""Tenants whose keys stand open in memory; a tenant's three keys take some 6 KiB."""


class IssuerKey:
    """One signing key of a tenant, opened.

    Shapes: ``ends_at_ms`` is when the last token it signed has ended, None for never; ``sign_here`` signs in the thread
    that calls it.
    """

    __slots__ = (
        "active_at_ms",
        "algorithm",
        "created_at_ms",
        "ends_at_ms",
        "id",
        "number",
        "public",
        "public_jwk",
        "sign_here",
    )

    def __init__(self, stored: StoredIssuerKey, private: PrivateKey) -> None:
        self.id = stored.key_id
        self.algorithm: SigningAlgorithm = stored.algorithm
        self.number = stored.number
        self.created_at_ms = stored.created_at_ms
        self.active_at_ms = stored.active_at_ms
        self.ends_at_ms = stored.ends_at_ms
        self.sign_here = make_sign(private)
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

    @property
    def is_slow(self) -> bool:
        """Whether a signature takes a millisecond, as RSA's do, and is not made on the event loop."""
        return self.algorithm == "RS256"

    async def sign(self, message: bytes) -> bytes:
        """Sign a message, off the event loop where that is slow."""
        if self.is_slow:
            return await asyncio.to_thread(self.sign_here, message)
        return self.sign_here(message)


class _Ring(msgspec.Struct, frozen=True):
    slot: int
    stamp: int
    read_at_ms: int
    keys: tuple[IssuerKey, ...]


class _Made(NamedTuple):
    stored: StoredIssuerKey
    key: IssuerKey


_Settle = Callable[[Transaction, str, StoredIssuerKey], Awaitable[None]]


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

    def recall_signing_key(self, tenant_id: str, algorithm: SigningAlgorithm, now_ms: int) -> IssuerKey | None:
        """Return the tenant's current key of an algorithm if it was read a moment ago, else None: ask ``signing_key``."""
        ring = self._fresh_ring(tenant_id, now_ms)
        return None if ring is None else _current(ring.keys, algorithm, now_ms)

    async def signing_key(self, tenant_id: str, algorithm: SigningAlgorithm, now_ms: int) -> IssuerKey:
        """Return the tenant's current key of an algorithm; the first one is made here.

        Raises:
            UnavailableError: the database cannot be asked.
        """
        current = _current(await self._keys(tenant_id, now_ms), algorithm, now_ms)
        if current is not None:
            return current
        keys = await self._read_of(tenant_id, algorithm, now_ms)
        if not keys:
            made = await self._make(tenant_id, algorithm, after=(), now_ms=now_ms, active_at_ms=now_ms)
            await self._store(tenant_id, made, self._end_older)
            keys = await self._read_of(tenant_id, algorithm, now_ms)
        # A clock behind that of the process which made the key finds none active yet: the first signs a moment early.
        return _current(keys, algorithm, now_ms) or keys[0]

    async def find(self, kid: str, now_ms: int) -> tuple[str, IssuerKey] | None:
        """Return the tenant and the key of a ``kid``, or None for one unknown or ended."""
        found = await self.find_ever(kid, now_ms)
        return None if found is None or _has_ended(found[1], now_ms) else found

    async def find_ever(self, kid: str, now_ms: int) -> tuple[str, IssuerKey] | None:
        """Return the tenant and the key of a ``kid``, one that has ended too, or None for one unknown or replaced."""
        tenant_id = await find_tenant_of_issuer_key(self._database, kid)
        if tenant_id is None:
            return None
        keys = await self._keys(tenant_id, now_ms)
        if all(key.id != kid for key in keys):
            keys = await self._read(tenant_id, now_ms)
        return next(((tenant_id, key) for key in keys if key.id == kid), None)

    async def published(self, tenant_id: str, now_ms: int) -> tuple[IssuerKey, ...]:
        """Return the keys that verifiers should know: next, current, and retired ones whose tokens may still live."""
        return tuple(key for key in await self._keys(tenant_id, now_ms) if not _has_ended(key, now_ms))

    async def all_of(self, tenant_id: str, now_ms: int) -> tuple[IssuerKey, ...]:
        """Return all keys of a tenant, ended ones too, oldest first within an algorithm."""
        return await self._read(tenant_id, now_ms)

    async def list_aged(self, now_ms: int, *, days: int, limit: int) -> Sequence[AgedKeys]:
        """Return whose youngest key should hand over now to have signed for so many days when its successor does."""
        active_until_ms = now_ms - days * _DAY_MS + PUBLISHED_AHEAD_MS
        return await list_aged_issuer_keys(self._database, active_until_ms=active_until_ms, limit=limit)

    async def rotate(self, tenant_id: str, algorithm: SigningAlgorithm, *, now_ms: int) -> IssuerKey:
        """Make the key that takes over once verifiers had time to learn it, and return it; one that waits is it already.

        The present keys end when the last token that they may have signed has.
        """
        keys = await self._read_of(tenant_id, algorithm, now_ms)
        if not any(key.active_at_ms > now_ms for key in keys):
            active_at_ms = now_ms + PUBLISHED_AHEAD_MS if keys else now_ms
            made = await self._make(tenant_id, algorithm, after=keys, now_ms=now_ms, active_at_ms=active_at_ms)
            await self._store(tenant_id, made, self._end_older)
            keys = await self._read_of(tenant_id, algorithm, now_ms)
        return keys[-1]

    async def replace(self, tenant_id: str, algorithm: SigningAlgorithm, *, now_ms: int) -> IssuerKey:
        """Make a key that signs at once, delete all others, and return it: for keys that somebody else may hold.

        Whatever the others signed is refused from now on.
        """
        while True:
            keys = await self._read_of(tenant_id, algorithm, now_ms)
            made = await self._make(tenant_id, algorithm, after=keys, now_ms=now_ms, active_at_ms=now_ms)
            if await self._store(tenant_id, made, _delete_older):
                return made.key

    async def _make(
        self,
        tenant_id: str,
        algorithm: SigningAlgorithm,
        *,
        after: Sequence[IssuerKey],
        now_ms: int,
        active_at_ms: int,
    ) -> _Made:
        key_id = make_id("signing_key", now_ms)
        private = await asyncio.to_thread(make_private_key, algorithm)
        plain = _write_private_key(private)
        stored = StoredIssuerKey(
            key_id=key_id,
            algorithm=algorithm,
            number=max((key.number for key in after), default=0) + 1,
            sealed=self._sealing.seal(plain, bound_to=_bound_to(tenant_id, key_id)),
            created_at_ms=now_ms,
            active_at_ms=active_at_ms,
        )
        return _Made(stored, IssuerKey(stored, private))

    async def _store(self, tenant_id: str, made: _Made, settle: _Settle) -> bool:
        """Store a key and settle what becomes of older ones; False where another process was first with its number."""

        async def work(tx: Transaction) -> bool:
            tx.withdraw(_subject(tenant_id))
            jwk = public_jwk(made.key.public)
            is_first = await insert_issuer_key(tx, tenant_id, made.stored, public_jwk=jwk)
            if is_first:
                await settle(tx, tenant_id, made.stored)
            return is_first

        return await self._database.transaction(work)

    async def _end_older(self, tx: Transaction, tenant_id: str, key: StoredIssuerKey) -> None:
        ends_at_ms = key.active_at_ms + self._longest_life_ms
        await end_issuer_keys(tx, tenant_id, key.algorithm, below_number=key.number, ends_at_ms=ends_at_ms)

    async def _keys(self, tenant_id: str, now_ms: int) -> tuple[IssuerKey, ...]:
        ring = self._fresh_ring(tenant_id, now_ms)
        return await self._read(tenant_id, now_ms) if ring is None else ring.keys

    def _fresh_ring(self, tenant_id: str, now_ms: int) -> _Ring | None:
        ring = self._rings.get(tenant_id)
        if (
            ring is None
            or not 0 <= now_ms - ring.read_at_ms < _RING_MS
            or not self._generations.is_trusted()
            or ring.stamp != self._generations.read(ring.slot)
        ):
            return None
        return ring

    async def _read(self, tenant_id: str, now_ms: int) -> tuple[IssuerKey, ...]:
        slot = self._generations.slot(_subject(tenant_id))
        stamp = self._generations.read(slot)
        keys = tuple(self._open(tenant_id, stored) for stored in await list_issuer_keys(self._database, tenant_id))
        self._rings[tenant_id] = _Ring(slot, stamp, now_ms, keys)
        self._rings.move_to_end(tenant_id)
        if len(self._rings) > _TENANTS_MAX:
            self._rings.popitem(last=False)
        return keys

    async def _read_of(self, tenant_id: str, algorithm: SigningAlgorithm, now_ms: int) -> list[IssuerKey]:
        return [key for key in await self._read(tenant_id, now_ms) if key.algorithm == algorithm]

    def _open(self, tenant_id: str, stored: StoredIssuerKey) -> IssuerKey:
        plain = self._sealing.open(stored.sealed, bound_to=_bound_to(tenant_id, stored.key_id))
        return IssuerKey(stored, _read_private_key(plain))


def _write_private_key(key: PrivateKey) -> bytes:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - slow to load, and not needed to start

    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _read_private_key(plain: bytes) -> PrivateKey:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - the same

    return serialization.load_der_private_key(plain, password=None)  # type: ignore[return-value] # one of the three kinds that we seal


def state_of(key: IssuerKey, keys: Sequence[IssuerKey], now_ms: int) -> KeyState:
    """Say what a key is now: published only, signing, published for what it signed, or nothing any more."""
    if _has_ended(key, now_ms):
        return "ended"
    if key.active_at_ms > now_ms:
        return "next"
    return "current" if _current(keys, key.algorithm, now_ms) is key else "retired"


def _current(keys: Sequence[IssuerKey], algorithm: SigningAlgorithm, now_ms: int) -> IssuerKey | None:
    current = None
    for key in keys:
        if key.algorithm == algorithm and key.active_at_ms <= now_ms:
            is_younger = current is None or (current.active_at_ms, current.number) < (key.active_at_ms, key.number)
            current = key if is_younger else current
    return current


async def _delete_older(tx: Transaction, tenant_id: str, key: StoredIssuerKey) -> None:
    await delete_issuer_keys(tx, tenant_id, key.algorithm, below_number=key.number)
    # Tokens proved before and remembered were perhaps signed by what is deleted here.
    tx.withdraw(f"tenant:{tenant_id}")


def _has_ended(key: IssuerKey, now_ms: int) -> bool:
    return key.ends_at_ms is not None and key.ends_at_ms <= now_ms


def _subject(tenant_id: str) -> str:
    return f"issuer_keys:{tenant_id}"


def _bound_to(tenant_id: str, key_id: str) -> str:
    return f"issuer {tenant_id} {key_id}"
