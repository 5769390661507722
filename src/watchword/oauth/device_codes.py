"""Device codes and the user codes beside them (RFC 8628): made together, decided once by a person, spent once.

The device holds the long code and asks; the person types the short one. Neither is stored but as its hash.
"""

from __future__ import annotations

import secrets
from typing import Final, Literal

import msgspec

from watchword.concealed import Concealed
from watchword.credentials.one_time_code import hash_code
from watchword.db.database import Database, Transaction
from watchword.errors import ConflictError, DuplicateError
from watchword.oauth.models import OAuthClient
from watchword.oauth.queries_device import (
    NewDeviceCode,
    StoredDeviceCode,
    decide,
    find_device_code,
    find_pending,
    insert_device_code,
    mark_polled,
    mark_spent,
)

DEVICE_CODE_PREFIX: Final = "dc_"
DEVICE_TTL_SECONDS: Final = 600
"""Long enough to find a phone and sign in, short enough that few codes live at a time (RFC 8628 §5.1)."""

INTERVAL_SECONDS: Final = 5
SLOWED_BY_SECONDS: Final = 5
"""RFC 8628 §3.2, §3.5."""

USER_CODE_CHARACTERS: Final = 8
USER_CODE_ALPHABET: Final = "BCDFGHJKLMNPQRSTVWXZ"
"""Consonants, so that no word comes about (RFC 8628 §6.1): 34.6 bits, of which a user may try a few an hour."""

_DEVICE_CODE_BYTES: Final = 32
_CODE_CHARACTERS_MAX: Final = 128
"""Bounds what is hashed for a stranger; our codes have 46 characters."""

_TRIES: Final = 3
"""How often a user code is made anew that is taken; with a million living ones that is one code in 25,000."""


class DeviceCodes(Concealed, frozen=True):
    """The two codes of a device, just made; ``user_code`` as people read it."""

    device_code: str
    user_code: str


class Poll(msgspec.Struct, frozen=True):
    """What a device is told that asks; ``grant_id`` is what to make tokens of where it was allowed."""

    outcome: Literal["unknown", "pending", "too fast", "denied", "expired", "used", "allowed"]
    grant_id: str | None = None


class DeviceCodeStore:
    """Make, find, decide and spend codes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def issue(
        self, client: OAuthClient, *, scopes: tuple[str, ...], resources: tuple[str, ...], now_ms: int
    ) -> DeviceCodes:
        """Make a device's codes.

        Raises:
            ConflictError: a free user code was not found.
            UnavailableError: the database cannot be asked.
        """
        for _ in range(_TRIES):
            codes = DeviceCodes(
                DEVICE_CODE_PREFIX + secrets.token_urlsafe(_DEVICE_CODE_BYTES),
                "".join(secrets.choice(USER_CODE_ALPHABET) for _ in range(USER_CODE_CHARACTERS)),
            )
            new = NewDeviceCode(
                device_code_hash=hash_code(codes.device_code),
                user_code_hash=hash_code(codes.user_code),
                tenant_id=client.tenant_id,
                client_id=client.id,
                scopes=scopes,
                resources=resources,
                interval_seconds=INTERVAL_SECONDS,
                created_at_ms=now_ms,
                expires_at_ms=now_ms + DEVICE_TTL_SECONDS * 1000,
            )
            try:
                await self._database.transaction(lambda tx, new=new: insert_device_code(tx, new))  # type: ignore[misc] # bound at once
            except DuplicateError:
                continue
            return DeviceCodes(codes.device_code, shown_user_code(codes.user_code))
        raise ConflictError(cause="no user code was free")

    async def find_pending(self, user_code: str, now_ms: int) -> StoredDeviceCode | None:
        """Return what waits for a person behind a user code as it was typed, or None."""
        code = typed_user_code(user_code)
        return None if code is None else await find_pending(self._database, hash_code(code), now_ms)

    async def deny(self, tx: Transaction, waiting: StoredDeviceCode, now_ms: int) -> bool:
        """Refuse a device; False when another decision was first, or the code has expired."""
        return await decide(tx, waiting.device_code_hash, decision="denied", grant_id=None, now_ms=now_ms)

    async def allow(self, tx: Transaction, waiting: StoredDeviceCode, *, grant_id: str, now_ms: int) -> bool:
        """Let a device have the tokens of a grant; False when another decision was first, or the code has expired."""
        return await decide(tx, waiting.device_code_hash, decision="allowed", grant_id=grant_id, now_ms=now_ms)

    async def poll(self, tx: Transaction, client: OAuthClient, device_code: str, now_ms: int) -> Poll:
        """Say how a device's code stands, and use it up where it was allowed: of parallel callers one gets the grant."""
        if len(device_code) > _CODE_CHARACTERS_MAX:
            return Poll("unknown")
        stored = await find_device_code(tx, hash_code(device_code), client.id)
        if stored is None:
            return Poll("unknown")
        if stored.used_at_ms is not None or now_ms >= stored.expires_at_ms:
            return Poll("used" if stored.used_at_ms is not None else "expired")
        if stored.decision == "allowed":
            grant_id = await mark_spent(tx, stored.device_code_hash, now_ms)
            return Poll("used") if grant_id is None else Poll("allowed", grant_id)
        return Poll("denied") if stored.decision == "denied" else await _note_poll(tx, stored, now_ms)


def typed_user_code(text: str) -> str | None:
    """Return a user code as it is stored, however it was typed (RFC 8628 §6.1), or None for what can be none."""
    code = "".join(character for character in text.upper() if character not in " -_.")
    if len(code) != USER_CODE_CHARACTERS or not set(code) <= set(USER_CODE_ALPHABET):
        return None
    return code


def shown_user_code(code: str) -> str:
    """Return a user code as people read it, in two halves."""
    half = USER_CODE_CHARACTERS // 2
    return f"{code[:half]}-{code[half:]}"


async def _note_poll(tx: Transaction, stored: StoredDeviceCode, now_ms: int) -> Poll:
    is_early = stored.polled_at_ms is not None and now_ms < stored.polled_at_ms + stored.interval_seconds * 1000
    interval_seconds = stored.interval_seconds + (SLOWED_BY_SECONDS if is_early else 0)
    await mark_polled(tx, stored.device_code_hash, interval_seconds=interval_seconds, now_ms=now_ms)
    return Poll("too fast" if is_early else "pending")
