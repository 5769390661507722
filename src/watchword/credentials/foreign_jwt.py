"""Signed JWTs that others make (RFC 7519, RFC 7515 §7.1): taken apart strictly, proved by a key that fits.

Whose key may prove it, and what the claims must say, is left to ``client_assertion.py`` and ``dpop.py``.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from watchword.credentials.compact_jws import decode_segment
from watchword.credentials.jwk import ForeignKey
from watchword.errors import MalformedRequestError, NotAuthenticatedError
from watchword.wire.json_body import decode_json

JWT_CHARACTERS_MAX: Final = 8192
"""Bounds what is decoded for a stranger; an RSA key and signature inside a proof take some 1,200 characters."""

FUTURE_SECONDS_MAX: Final = 60
"""How far ahead of this machine's clock a JWT may have been made (FAPI 2.0 Security Profile §5.3.2.1: 10 at least, 60 at
most)."""

_SEGMENTS: Final = 3


class WrongJwtError(ValueError):
    """A JWT is malformed, or not signed by the key; the message says why and holds nothing of it."""


class ForeignJwt(msgspec.Struct, frozen=True):
    """A JWT taken apart and not yet proved; ``payload`` is to be believed only after ``require_signature``."""

    header: dict[str, Any]
    payload: dict[str, Any]
    signature: bytes
    signed: bytes

    def __repr__(self) -> str:
        return "ForeignJwt()"

    @property
    def algorithm(self) -> str:
        """What the header names; the key decides whether that fits."""
        return str(self.header["alg"])

    def is_signed_by(self, key: ForeignKey) -> bool:
        """Say whether the signature is this key's."""
        return key.is_signature(self.algorithm, self.signature, self.signed)


def read_jwt(text: str) -> ForeignJwt:
    """Take a signed JWT apart.

    Raises:
        WrongJwtError: it is too long, not three segments of canonical base64url, its header or payload no JSON object
            with each name once, or its header asks for something that we do not understand.
    """
    segments = text.encode("utf-8", "surrogatepass").split(b".") if len(text) <= JWT_CHARACTERS_MAX else []
    if len(segments) != _SEGMENTS or not text.isascii():
        raise WrongJwtError("it is no compact JWS of a bearable length")
    try:
        header, payload = (decode_json(decode_segment(segment)) for segment in segments[:2])
        signature = decode_segment(segments[2])
    except (NotAuthenticatedError, MalformedRequestError):
        raise WrongJwtError("a segment cannot be read in one way only") from None
    if not isinstance(header, dict) or not isinstance(payload, dict):
        raise WrongJwtError("header and payload must be objects")
    if not isinstance(header.get("alg"), str) or "crit" in header:
        # RFC 7515 §4.1.11: an extension that must be understood, and none is.
        raise WrongJwtError("the header has no alg, or a crit")
    return ForeignJwt(header, payload, signature, segments[0] + b"." + segments[1])
