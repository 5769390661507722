"""Codes that work once, for a purpose and a while: password resets and e-mail confirmations.

The code goes into a letter, only its hash into the database.
"""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import Final

import msgspec

from watchword.credentials.queries import delete_codes, insert_code, lock_user, mark_code_used
from watchword.db.database import Transaction
from watchword.errors import SpentCodeError

_CODE_BYTES: Final = 32
"""256 bits, twice what ASVS 11.5.1 asks for: guessing needs no limit of its own."""

_CODE_CHARACTERS_MAX: Final = 128
"""Bounds what is hashed for a stranger; our codes have 43 characters."""


class SpentCode(msgspec.Struct, frozen=True):
    """What a code stood for: the user, and the e-mail address that the code was sent to."""

    user_id: str
    email: str


def make_code() -> str:
    """Make a new code of 43 URL-safe characters."""
    return secrets.token_urlsafe(_CODE_BYTES)


def hash_code(code: str) -> bytes:
    """Return what is stored in place of the code."""
    return sha256(code.encode("utf-8", "surrogatepass")).digest()


async def store_code(tx: Transaction, *, purpose: str, user_id: str, email: str, now_ms: int, ttl_seconds: int) -> str:
    """Make a code for a user and return it; earlier codes of the same purpose stop working."""
    code = make_code()
    await lock_user(tx, user_id)
    await delete_codes(tx, user_id, purpose)
    await insert_code(
        tx,
        code_hash=hash_code(code),
        purpose=purpose,
        user_id=user_id,
        email=email,
        now_ms=now_ms,
        expires_at_ms=now_ms + ttl_seconds * 1000,
    )
    return code


async def spend_code(tx: Transaction, code: str, *, purpose: str, now_ms: int) -> SpentCode:
    """Use up a code and return what it stood for; of any number of parallel callers one succeeds.

    Raises:
        SpentCodeError: unknown, used, replaced, expired or of another purpose: one answer for all.
    """
    if len(code) > _CODE_CHARACTERS_MAX:
        raise SpentCodeError(cause="the code is too long")
    row = await mark_code_used(tx, hash_code(code), purpose, now_ms)
    if row is None:
        raise SpentCodeError(cause=f"no living code for {purpose}")
    return SpentCode(user_id=row[0], email=row[1])
