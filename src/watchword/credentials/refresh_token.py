"""Refresh tokens (RFC 6749 §6): each is used once and names its successor, so that a stolen one shows.

The successor is the presented token's HMAC under a key of the installation: whoever repeats a request within the grace,
in whatever process, gets the very token that the first one got, without its being stored anywhere.
"""

from __future__ import annotations

import base64
import secrets
from hashlib import sha256
from typing import Final

from watchword.credentials.compact_jws import mac
from watchword.credentials.queries import Reader
from watchword.credentials.refresh_queries import (
    StoredRefreshToken,
    find_refresh_token,
    insert_refresh_token,
    mark_refresh_token_used,
    prolong_refresh_token,
)
from watchword.credentials.sealing import derive
from watchword.db.database import Transaction

REFRESH_PREFIX: Final = "rt_"

_TOKEN_BYTES: Final = 32
_TOKEN_CHARACTERS: Final = len(REFRESH_PREFIX) + 43
"""The prefix and 32 bytes in base64url: what has another length is hashed for nobody."""


class RefreshTokens:
    """Begin, find and succeed refresh tokens; what they stand for is their grant's business."""

    def __init__(self, master_secret: bytes, *, grace_seconds: int) -> None:
        self._succession_key = derive(master_secret, b"watchword succession of refresh tokens", 32)
        self._grace_ms = grace_seconds * 1000

    async def begin(
        self, tx: Transaction, *, grant_id: str, client_id: str, jkt: str | None, expires_at_ms: int, now_ms: int
    ) -> str:
        """Store the first token of a grant and return it."""
        token = REFRESH_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)
        await insert_refresh_token(
            tx,
            StoredRefreshToken(
                token_hash=_hash(token),
                grant_id=grant_id,
                client_id=client_id,
                jkt=jkt,
                created_at_ms=now_ms,
                expires_at_ms=expires_at_ms,
            ),
        )
        return token

    async def find(self, reader: Reader, token: str, now_ms: int) -> StoredRefreshToken | None:
        """Return a token that has not expired, or one used before, whenever that was; None for all others."""
        if not has_refresh_token_shape(token):
            return None
        stored = await find_refresh_token(reader, _hash(token))
        if stored is None or (stored.used_at_ms is None and stored.expires_at_ms <= now_ms):
            return None
        return stored

    async def succeed(
        self, tx: Transaction, token: str, stored: StoredRefreshToken, *, expires_at_ms: int, now_ms: int
    ) -> str | None:
        """Use up a token that was just found, and return its successor, which lives until ``expires_at_ms``.

        A repeat within the grace returns the same successor, as long as nobody used that. None says that the token is
        used again where nobody honest would: two hold it, and its grant has to end (RFC 9700 §4.14.2).
        """
        successor = self._successor(token)
        if await mark_refresh_token_used(tx, stored.token_hash, now_ms):
            await insert_refresh_token(
                tx,
                StoredRefreshToken(
                    token_hash=_hash(successor),
                    grant_id=stored.grant_id,
                    client_id=stored.client_id,
                    jkt=stored.jkt,
                    created_at_ms=now_ms,
                    expires_at_ms=expires_at_ms,
                ),
            )
            return successor
        used = await find_refresh_token(tx, stored.token_hash)
        following = await find_refresh_token(tx, _hash(successor))
        if used is None or used.used_at_ms is None or now_ms >= used.used_at_ms + self._grace_ms:
            return None
        return successor if following is not None and following.used_at_ms is None else None

    async def prolong(self, tx: Transaction, stored: StoredRefreshToken, expires_at_ms: int) -> None:
        """Let a token go on as it is until another end."""
        await prolong_refresh_token(tx, stored.token_hash, expires_at_ms)

    def _successor(self, token: str) -> str:
        derived = mac(token.encode("ascii"), self._succession_key)
        return REFRESH_PREFIX + base64.urlsafe_b64encode(derived).rstrip(b"=").decode()


def has_refresh_token_shape(text: str) -> bool:
    """Say whether a text is meant as a refresh token of ours; not whether it is one."""
    return len(text) == _TOKEN_CHARACTERS and text.startswith(REFRESH_PREFIX) and text.isascii()


def _hash(token: str) -> bytes:
    return sha256(token.encode("ascii")).digest()
