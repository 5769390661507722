"""The signing keys: made on first use, kept sealed, opened once at start.

A key is sealed (``sealing.py``), so that a copy of the database alone signs nothing.
"""

from __future__ import annotations

import base64
import itertools
import secrets
from collections.abc import Sequence
from typing import Final

from watchword.credentials.queries import StoredSigningKey, insert_signing_key, list_signing_keys
from watchword.credentials.sealing import Sealing, derive
from watchword.db.database import Database, Transaction
from watchword.errors import WrongMasterSecretError
from watchword.ids import PREFIXES

_SECRET_BYTES: Final = 32
"""An HS256 key has the hash's own length (RFC 7518 §3.2)."""

_SESSION: Final = "session"
_ALGORITHM: Final = "HS256"


class SigningKey:
    """One key that signs session tokens.

    Shapes: ``id`` is the JWT's ``kid``; ``retired_at_ms`` is when tokens signed with it end, None while it may sign.
    """

    __slots__ = ("id", "retired_at_ms", "secret")

    def __init__(self, key_id: str, secret: bytes, retired_at_ms: int | None = None) -> None:
        self.id = key_id
        self.secret = secret
        self.retired_at_ms = retired_at_ms

    def __repr__(self) -> str:
        """Name the key and hide its secret."""
        return f"SigningKey({self.id!r})"


class KeyRing:
    """The session keys of the installation, in memory."""

    def __init__(self, session_keys: Sequence[SigningKey]) -> None:
        self._session_keys = tuple(session_keys)
        self._current = next(key for key in reversed(session_keys) if key.retired_at_ms is None)

    @classmethod
    async def open(cls, database: Database, master_secret: bytes, now_ms: int) -> KeyRing:
        """Open the stored keys, and make the first one where none may sign; safe in several processes at once.

        Raises:
            WrongMasterSecretError: the stored keys were sealed under another master secret, or the secret is short.
        """
        sealing = Sealing(master_secret)
        stored = await list_signing_keys(database, _SESSION)
        keys = [_unseal(sealing, row) for row in stored]
        if any(key.retired_at_ms is None for key in keys):
            return cls(keys)
        # The id follows from the secret and what is stored, so two processes that start together make the same one:
        # the database keeps the first, and both read that.
        taken = {key.id for key in keys}
        key_id = next(made for number in itertools.count() if (made := _key_id(master_secret, number)) not in taken)
        sealed = sealing.seal(secrets.token_bytes(_SECRET_BYTES), bound_to=_bound_to(key_id, _ALGORITHM))

        async def work(tx: Transaction) -> None:
            await insert_signing_key(
                tx, key_id=key_id, purpose=_SESSION, algorithm=_ALGORITHM, sealed=sealed, now_ms=now_ms
            )

        await database.transaction(work)
        return cls([_unseal(sealing, row) for row in await list_signing_keys(database, _SESSION)])

    def current_session_key(self) -> SigningKey:
        """Return the key that signs new session tokens."""
        return self._current

    def session_keys(self) -> tuple[SigningKey, ...]:
        """Return all keys that session tokens may be signed with."""
        return self._session_keys

    def find_session_key(self, kid: str) -> SigningKey | None:
        """Return the key of an id, or None."""
        return next((key for key in self._session_keys if key.id == kid), None)


def _unseal(sealing: Sealing, row: StoredSigningKey) -> SigningKey:
    if row.algorithm != _ALGORITHM:
        raise WrongMasterSecretError(
            "The stored signing keys are of a form that this version does not know", cause=row.key_id
        )
    secret = sealing.open(row.sealed, bound_to=_bound_to(row.key_id, row.algorithm))
    return SigningKey(row.key_id, secret, row.retired_at_ms)


def _bound_to(key_id: str, algorithm: str) -> str:
    """Name what the sealed key is for: a row moved to another place does not open."""
    return f"{_SESSION} {algorithm} {key_id}"


def _key_id(master_secret: bytes, number: int) -> str:
    derived = derive(master_secret, b"watchword id of session signing key %d" % number, 16)
    return f"{PREFIXES['signing_key']}_{base64.b32hexencode(derived).decode().rstrip('=').lower()}"
