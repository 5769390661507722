"""Seals secrets that the database keeps, with AES-256-GCM under a key derived from the installation's master secret.

A copy of the database alone then opens nothing, and a sealed value moved to another row does not open there.
"""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from watchword.errors import WrongMasterSecretError

MASTER_SECRET_BYTES_MIN: Final = 32
"""A master secret is spread by HKDF, which adds no strength of its own: 256 bits in, 256 bits out."""

_NONCE_BYTES: Final = 12
"""The nonce length of AES-GCM (NIST SP 800-38D §5.2.1.1)."""

_VERSION: Final = b"\x01"


class Sealing:
    """Seals and opens; every value is bound to a text that says what it is for."""

    def __init__(self, master_secret: bytes) -> None:
        if len(master_secret) < MASTER_SECRET_BYTES_MIN:
            raise WrongMasterSecretError(f"The master secret must have at least {MASTER_SECRET_BYTES_MIN} bytes")
        self._cipher = AESGCM(derive(master_secret, b"watchword sealing of signing keys", 32))

    def seal(self, secret: bytes, *, bound_to: str) -> bytes:
        """Return the secret sealed."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, secret, bound_to.encode())

    def open(self, sealed: bytes, *, bound_to: str) -> bytes:
        """Return the secret.

        Raises:
            WrongMasterSecretError: it was sealed under another master secret, for something else, or in another form.
        """
        if sealed[:1] != _VERSION:
            raise WrongMasterSecretError(
                "The stored signing keys are of a form that this version does not know", cause=bound_to
            )
        nonce, ciphertext = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, ciphertext, bound_to.encode())
        except (InvalidTag, ValueError):
            raise WrongMasterSecretError(cause=f"what is sealed as {bound_to} cannot be opened") from None


def derive(master_secret: bytes, purpose: bytes, length: int) -> bytes:
    """Derive bytes for one purpose from the master secret (RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(master_secret)
