"""A tenant's signing keys, for its operator and for the hourly upkeep: which there are, and giving them successors."""

from __future__ import annotations

from typing import Final

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.credentials.issuer_keys import IssuerKey, IssuerKeys
from watchword.credentials.signing import SIGNING_ALGORITHMS, SigningAlgorithm
from watchword.errors import NotFoundError

_AT_ONCE: Final = 100
"""Keys made in one hour's upkeep: an RSA key takes up to a second of a core."""

_UPKEEP: Final = "upkeep"
_OPERATOR: Final = "operator"


class SigningKeys:
    """Lists and rotates; ``days`` is the age at which a key gets a successor by itself, 0 for never."""

    def __init__(self, keys: IssuerKeys, *, days: int, audit: AuditWriter) -> None:
        self._keys = keys
        self._days = days
        self._audit = audit

    async def list_of(self, tenant_id: str, now_ms: int) -> tuple[IssuerKey, ...]:
        """Return a tenant's keys, oldest first within an algorithm; none before the first was needed."""
        return await self._keys.all_of(tenant_id, now_ms)

    async def rotate(self, tenant_id: str, algorithm: SigningAlgorithm | None, *, now_ms: int) -> tuple[IssuerKey, ...]:
        """Give a tenant's keys successors, of one algorithm or of all that it uses, and return these.

        Raises:
            NotFoundError: the tenant uses no such key.
        """
        made = []
        for chosen in await self._algorithms_of(tenant_id, algorithm, now_ms):
            made.append(await self._keys.rotate(tenant_id, chosen, now_ms=now_ms))
            self._record(Event.SIGNING_KEY_ROTATED, tenant_id, made[-1], _OPERATOR, now_ms)
        return tuple(made)

    async def replace(
        self, tenant_id: str, algorithm: SigningAlgorithm | None, *, now_ms: int
    ) -> tuple[IssuerKey, ...]:
        """Put new keys in place of ones that somebody else may hold: what those signed is refused at once.

        Raises:
            NotFoundError: the tenant uses no such key.
        """
        made = []
        for chosen in await self._algorithms_of(tenant_id, algorithm, now_ms):
            made.append(await self._keys.replace(tenant_id, chosen, now_ms=now_ms))
            self._record(Event.SIGNING_KEY_REPLACED, tenant_id, made[-1], _OPERATOR, now_ms)
        return tuple(made)

    async def rotate_aged(self, now_ms: int) -> int:
        """Give the oldest of those keys successors that are of age, some at a time; return how many."""
        if self._days == 0:
            return 0
        aged = await self._keys.list_aged(now_ms, days=self._days, limit=_AT_ONCE)
        for tenant_id, algorithm in aged:
            made = await self._keys.rotate(tenant_id, algorithm, now_ms=now_ms)
            self._record(Event.SIGNING_KEY_ROTATED, tenant_id, made, _UPKEEP, now_ms)
        return len(aged)

    async def _algorithms_of(
        self, tenant_id: str, algorithm: SigningAlgorithm | None, now_ms: int
    ) -> list[SigningAlgorithm]:
        used = {key.algorithm for key in await self._keys.all_of(tenant_id, now_ms)}
        wanted = [known for known in SIGNING_ALGORITHMS if known in used and algorithm in {None, known}]
        if not wanted:
            raise NotFoundError("The tenant has no such signing key; the first is made when it is needed")
        return wanted

    def _record(self, event: Event, tenant_id: str, key: IssuerKey, subject: str, now_ms: int) -> None:
        self._audit.record(
            event,
            tenant_id=tenant_id,
            subject=subject,
            detail={"key": key.id, "algorithm": key.algorithm},
            now_ms=now_ms,
        )
