"""Secrets of OAuth clients: made by us and never chosen by people, so that a plain hash keeps them."""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256
from typing import Final

_SECRET_BYTES: Final = 32
"""256 bits, beyond any guessing: no slow hash is needed (ASVS 11.4.2 concerns passwords)."""


def make_client_secret() -> str:
    """Make a new secret of 43 characters that stand in URLs and forms as they are."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def hash_client_secret(secret: str) -> bytes:
    """Return what is stored in place of the secret."""
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def is_client_secret(secret: str, stored_hash: bytes) -> bool:
    """Say whether a presented secret is the stored one, in the same time whatever differs."""
    return hmac.compare_digest(hash_client_secret(secret), stored_hash)
