"""Proofs that count once while they are fresh: client assertions (RFC 7523 §3) and DPoP proofs (RFC 9449 §11.1).

Every process of every node asks the same table, so that the first use wins wherever it arrives.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

import msgspec

from watchword.db.database import Database, Statement, Transaction

_TAKE: Final = Statement(
    "INSERT INTO seen_proofs (proof_hash, expires_at) VALUES ($1, $2)"
    " ON CONFLICT (proof_hash) DO UPDATE SET expires_at = excluded.expires_at WHERE seen_proofs.expires_at <= $3"
)


class SeenProofs:
    """Remembers which proofs were used."""

    def __init__(self, bookkeeping: Database) -> None:
        self._bookkeeping = bookkeeping

    async def is_first(self, kind: str, owner: str, jti: str, *, until_ms: int, now_ms: int) -> bool:
        """Use a proof up and say whether this was its first use; of any number of parallel callers one is first.

        ``owner`` is whose proof it is (two owners may choose one ``jti``); ``until_ms`` is when the proof would be
        refused for its age, so that it need not be remembered for longer. A ``jti`` that is past its time is free again.

        Raises:
            UnavailableError: the store cannot be asked; what is not known to be new must not be taken.
        """
        name = sha256(msgspec.json.encode((kind, owner, jti))).digest()

        async def take(tx: Transaction) -> int:
            return await tx.execute(_TAKE, name, until_ms, now_ms)

        return await self._bookkeeping.transaction(take) == 1
