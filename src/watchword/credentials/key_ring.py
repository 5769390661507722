"""The keys that sign session tokens: made on first use, kept sealed, known to every process before they sign.

A key is sealed (``sealing.py``), so that a copy of the database alone signs nothing. Which key signs follows from the
time alone: every process changes over at the same moment, and a rotation writes one row.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from watchword.credentials.compact_jws import encode_segment
from watchword.credentials.queries import Reader
from watchword.credentials.sealing import Sealing, derive
from watchword.credentials.session_key_queries import (
    StoredSigningKey,
    insert_signing_key,
    list_signing_keys,
    retire_other_keys,
)
from watchword.db.database import Database, Transaction
from watchword.db.generations import EVERYTHING, Generations
from watchword.errors import UnavailableError, WrongMasterSecretError
from watchword.ids import PREFIXES

SigningKeyState = Literal["next", "current", "retired", "ended"]

SESSION_TOKEN_TYPE: Final = "watchword-session+jwt"  # noqa: S105 - a type, not a secret
"""The header's ``typ``: no other token of ours carries it (RFC 8725 §3.11)."""

KNOWN_AHEAD_MS: Final = 120_000
"""How long a key is stored before it signs: twice as long as a process goes without a look."""

_LOOK_MS: Final = 60_000
"""How long keys are used without another look: a process killed between its commit and the news of it tells nobody."""

_LOOK_UNHEARD_MS: Final = 1_000
"""The same while no news arrives: as long as a withdrawal may take, and not a question for each forged token."""

_BEFORE_ANY_CLOCK_MS: Final = 0
"""The end of keys that are good for nothing any more, whatever a node's clock says."""

_SECRET_BYTES: Final = 32
"""An HS256 key has the hash's own length (RFC 7518 §3.2)."""

_ALGORITHM: Final = "HS256"
_SUBJECT: Final = "session_keys"


class SigningKey:
    """One key that signs session tokens.

    Shapes: ``id`` is the JWT's ``kid`` and ``header`` the whole first segment of its tokens; ``retired_at_ms`` is when
    tokens signed with it end, None while it has no successor.
    """

    __slots__ = ("active_at_ms", "header", "id", "retired_at_ms", "secret")

    def __init__(self, key_id: str, secret: bytes, *, active_at_ms: int = 0, retired_at_ms: int | None = None) -> None:
        self.id = key_id
        self.secret = secret
        self.active_at_ms = active_at_ms
        self.retired_at_ms = retired_at_ms
        # Clients recognise a token by its first characters: the order of members is part of the format.
        members = {"alg": _ALGORITHM, "typ": SESSION_TOKEN_TYPE, "kid": key_id}
        self.header = encode_segment(msgspec.json.encode(members))

    def has_ended(self, now_ms: int) -> bool:
        """Say whether whatever it signed has ended."""
        return self.retired_at_ms is not None and now_ms >= self.retired_at_ms

    def __repr__(self) -> str:
        """Name the key and hide its secret."""
        return f"SigningKey({self.id!r})"


class SessionKeys:
    """The session keys as a process saw them last, oldest first."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        self.all = tuple(keys)
        self._by_header = {key.header: key for key in keys}

    def signing_at(self, moment_ms: int) -> SigningKey:
        """Return the key that signs what is issued at a moment: of those that were active by then, the youngest.

        Raises:
            UnavailableError: none may sign.
        """
        living = [key for key in self.all if not key.has_ended(moment_ms)]
        if not living:
            raise UnavailableError(cause="no session key may sign: somebody changed the stored keys")
        active = [key for key in living if key.active_at_ms <= moment_ms]
        # None is active for what was issued before its key was replaced, or by a clock behind that of the key's maker.
        return max(active, key=lambda key: key.active_at_ms) if active else living[0]

    def find(self, header: bytes) -> SigningKey | None:
        """Return the key whose tokens begin with a header, or None."""
        return self._by_header.get(header)

    def state_of(self, key: SigningKey, now_ms: int) -> SigningKeyState:
        """Say what a key is now: known only, signing, good for what it signed, or nothing any more."""
        if key.has_ended(now_ms):
            return "ended"
        if self.signing_at(now_ms) is key:
            return "current"
        return "next" if key.active_at_ms > now_ms else "retired"


class _Seen(msgspec.Struct, frozen=True):
    """The keys of one look, when that was, and where the news of changes stood before it."""

    keys: SessionKeys
    stamp: int
    at_ms: int


class KeyRing:
    """The session keys of the installation, opened in memory and looked at again when they may have changed."""

    def __init__(self, database: Database, generations: Generations, master_secret: bytes) -> None:
        self._database = database
        self._generations = generations
        self._master_secret = master_secret
        self._sealing = Sealing(master_secret)
        self._slot = generations.slot(_SUBJECT)
        self._seen = _Seen(SessionKeys(()), -1, 0)

    @classmethod
    async def open(cls, database: Database, generations: Generations, master_secret: bytes, now_ms: int) -> KeyRing:
        """Open the stored keys, and make the first one where none may sign; safe in several processes at once.

        Raises:
            WrongMasterSecretError: the stored keys were sealed under another master secret, or the secret is short.
        """
        ring = cls(database, generations, master_secret)
        keys = await ring.look(database, now_ms)
        if all(key.retired_at_ms is not None for key in keys.all):
            await ring._store(active_at_ms=now_ms, now_ms=now_ms)
            await ring._read(database, now_ms)
        return ring

    async def look(self, reader: Reader, now_ms: int) -> SessionKeys:
        """Return the keys as they stand; ``reader`` is asked only where they may have changed since the last look.

        Raises:
            WrongMasterSecretError: a key was sealed under another master secret.
            UnavailableError: the database cannot be asked.
        """
        seen = self._seen
        good_for_ms = _LOOK_MS if self._generations.is_trusted() else _LOOK_UNHEARD_MS
        if not 0 <= now_ms - seen.at_ms < good_for_ms or seen.stamp != self._generations.read(self._slot):
            return await self._read(reader, now_ms)
        return seen.keys

    async def rotate(self, now_ms: int, *, longest_life_seconds: int) -> SigningKey:
        """Make the key that takes over once every process knows it, and return it; one that waits is it already.

        The present keys end ``longest_life_seconds`` after the last token that they may have signed.
        """
        while (waiting := _waiting(await self._read(self._database, now_ms), now_ms)) is None:
            active_at_ms = now_ms + KNOWN_AHEAD_MS
            others_end_at_ms = active_at_ms + longest_life_seconds * 1000
            await self._store(active_at_ms=active_at_ms, now_ms=now_ms, others_end_at_ms=others_end_at_ms)
        return waiting

    async def replace(self, now_ms: int) -> SigningKey:
        """Make a key that signs at once and end all others: for keys that somebody else may hold.

        Every session token that there is, is refused from now on, whatever the clocks of other nodes say.
        """
        while (
            made := await self._store(active_at_ms=now_ms, now_ms=now_ms, others_end_at_ms=_BEFORE_ANY_CLOCK_MS)
        ) is None:
            await self._read(self._database, now_ms)
        await self._read(self._database, now_ms)
        return made

    async def _store(self, *, active_at_ms: int, now_ms: int, others_end_at_ms: int | None = None) -> SigningKey | None:
        """Store a new key and give all others their end; None where another process was first with its id."""
        # The id follows from the master secret and the keys that there are, so two processes that make a key together
        # make the same one: the database keeps the first, and both read that. No id comes a second time.
        key_id = _key_id(self._master_secret, self._seen.keys.all)
        secret = secrets.token_bytes(_SECRET_BYTES)
        stored = StoredSigningKey(
            key_id=key_id,
            algorithm=_ALGORITHM,
            sealed=self._sealing.seal(secret, bound_to=_bound_to(key_id, _ALGORITHM)),
            created_at_ms=now_ms,
            active_at_ms=active_at_ms,
        )

        async def work(tx: Transaction) -> bool:
            if not await insert_signing_key(tx, stored):
                return False
            if others_end_at_ms is not None:
                await retire_other_keys(tx, key_id, retired_at_ms=others_end_at_ms)
            # Proofs remembered of tokens that were good until here go with their keys.
            tx.withdraw(EVERYTHING if others_end_at_ms == _BEFORE_ANY_CLOCK_MS else _SUBJECT)
            return True

        is_first = await self._database.transaction(work)
        return SigningKey(key_id, secret, active_at_ms=active_at_ms) if is_first else None

    async def _read(self, reader: Reader, now_ms: int) -> SessionKeys:
        stamp = self._generations.read(self._slot)
        keys = SessionKeys([_unseal(self._sealing, row) for row in await list_signing_keys(reader)])
        # In one step: a sign-in looks in the writer's thread, and what two of them read must not be mixed.
        self._seen = _Seen(keys, stamp, now_ms)
        return keys


def _waiting(keys: SessionKeys, now_ms: int) -> SigningKey | None:
    return next((key for key in keys.all if key.retired_at_ms is None and key.active_at_ms > now_ms), None)


def _unseal(sealing: Sealing, row: StoredSigningKey) -> SigningKey:
    if row.algorithm != _ALGORITHM:
        raise WrongMasterSecretError(
            "The stored signing keys are of a form that this version does not know", cause=row.key_id
        )
    secret = sealing.open(row.sealed, bound_to=_bound_to(row.key_id, row.algorithm))
    return SigningKey(row.key_id, secret, active_at_ms=row.active_at_ms, retired_at_ms=row.retired_at_ms)


def _bound_to(key_id: str, algorithm: str) -> str:
    """Name what the sealed key is for: a row moved to another place does not open."""
    return f"session {algorithm} {key_id}"


def _key_id(master_secret: bytes, present: Sequence[SigningKey]) -> str:
    purpose = " ".join(("watchword id of the session signing key after", *(key.id for key in present)))
    derived = derive(master_secret, purpose.encode(), 16)
    return f"{PREFIXES['signing_key']}_{base64.b32hexencode(derived).decode().rstrip('=').lower()}"
