"""HS256 signatures in compact form (RFC 7515 §7.1), strict: one exact header, one spelling of every byte.

Whose token it is and what its claims mean is left to ``session_token.py``.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Final

from watchword.errors import NotAuthenticatedError

_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


def sign_compact(payload: bytes, *, header: bytes, secret: bytes) -> str:
    """Sign a payload; ``header`` is the encoded header segment."""
    signing_input = header + b"." + encode_segment(payload)
    return (signing_input + b"." + encode_segment(mac(signing_input, secret))).decode("ascii")


def open_compact(token: bytes, *, header: bytes, secret: bytes) -> bytes:
    """Prove a token that must begin with exactly this encoded header, and return its payload.

    The header is compared as bytes and never parsed, so that nothing an attacker writes there can choose an algorithm
    or a key (RFC 8725 §3.1). The signature is compared as text, so that only its canonical spelling passes.

    Raises:
        NotAuthenticatedError: another header, a wrong signature, or a spelling that is not canonical base64url.
    """
    signing_input, _, signature = token.rpartition(b".")
    if not hmac.compare_digest(encode_segment(mac(signing_input, secret)), signature):
        raise NotAuthenticatedError(reason="the token's signature is wrong", is_final=True)
    prefix = header + b"."
    if not signing_input.startswith(prefix):
        raise NotAuthenticatedError(reason="the token's header is not the one expected")
    return decode_segment(signing_input[len(prefix) :])


def mac(message: bytes, secret: bytes) -> bytes:
    """Return the HMAC-SHA-256 of a message (RFC 7518 §3.2)."""
    return hmac.digest(secret, message, "sha256")


def encode_segment(data: bytes) -> bytes:
    """Write bytes as base64url without padding (RFC 7515 §2)."""
    return binascii.b2a_base64(data, newline=False).translate(_URL_SAFE, b"=")


def decode_segment(segment: bytes) -> bytes:
    """Read canonical base64url without padding.

    Raises:
        NotAuthenticatedError: it is spelt in any other way.
    """
    try:
        data = base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
    except binascii.Error:
        raise NotAuthenticatedError(reason="the token's payload is not base64url") from None
    # The decoder skips foreign characters, padding and spare bits: what does not come back the same held some.
    if encode_segment(data) != segment:
        raise NotAuthenticatedError(reason="the token's payload is not canonical base64url")
    return data
