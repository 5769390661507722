"""JWTs that a tenant's keys sign for others, each kind with a ``typ`` of its own (RFC 8725 §3.11).

What the claims mean, and whether they still count, is left to whoever asks.
"""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache
from typing import Final

import msgspec

from watchword.credentials.compact_jws import decode_segment, encode_segment
from watchword.credentials.issuer_keys import IssuerKey, IssuerKeys
from watchword.credentials.signing import SigningAlgorithm, is_signature
from watchword.errors import NotAuthenticatedError

TOKEN_CHARACTERS_MAX: Final = 8192
"""Bounds what is hashed and decoded for a stranger."""


class OpenedJwt(msgspec.Struct, frozen=True):
    """A token that one of our keys signed: the tenant whose key it is, when that ends, and the claims as JSON."""

    tenant_id: str
    key_ends_at_ms: int | None
    payload: bytes

    def __repr__(self) -> str:
        return f"OpenedJwt({self.tenant_id!r})"


class _Header(msgspec.Struct, frozen=True):
    kid: str = ""


async def sign_jwt(
    keys: IssuerKeys, tenant_id: str, claims: bytes, *, token_type: str, algorithm: SigningAlgorithm, now_ms: int
) -> str:
    """Return claims, encoded as JSON, as a signed token of the tenant.

    Raises:
        UnavailableError: the database cannot be asked.
    """
    key = keys.recall_signing_key(tenant_id, algorithm, now_ms) or await keys.signing_key(tenant_id, algorithm, now_ms)
    message = b"%b.%b" % (_header(token_type, key.algorithm, key.id), encode_segment(claims))
    signature = await key.sign(message) if key.is_slow else key.sign_here(message)
    return (b"%b.%b" % (message, encode_segment(signature))).decode("ascii")


async def open_jwt(keys: IssuerKeys, token: str, *, token_type: str, now_ms: int) -> OpenedJwt:
    """Return what a token of ours says whose header names this type.

    Raises:
        NotAuthenticatedError: it is none of ours, of another type, or altered.
        UnavailableError: the database cannot be asked.
    """
    taken = _take_apart(token)
    return _proved(taken, await keys.find(taken.kid, now_ms), token_type)


async def open_old_jwt(keys: IssuerKeys, token: str, *, token_type: str, now_ms: int) -> OpenedJwt:
    """Return what a token of ours says as ``open_jwt`` does, also where the key that signed it has ended since.

    Raises:
        NotAuthenticatedError, UnavailableError: as there.
    """
    taken = _take_apart(token)
    return _proved(taken, await keys.find_ever(taken.kid, now_ms), token_type)


class _Taken(msgspec.Struct, frozen=True):
    """A token taken apart, and nothing of it proved."""

    kid: str
    header: bytes
    payload: bytes
    message: bytes
    signature: bytes

    def __repr__(self) -> str:
        return "_Taken()"


def _take_apart(token: str) -> _Taken:
    if len(token) > TOKEN_CHARACTERS_MAX or not token.isascii():
        raise NotAuthenticatedError(reason="the token is too long or not ASCII")
    message, _, signature = token.encode("ascii").rpartition(b".")
    header, _, payload = message.partition(b".")
    return _Taken(_kid_of(header), header, payload, message, signature)


def _proved(taken: _Taken, found: tuple[str, IssuerKey] | None, token_type: str) -> OpenedJwt:
    if found is None:
        raise NotAuthenticatedError(reason="the token's key is none of ours")
    tenant_id, key = found
    # The header must be, byte for byte, the one that we write for this key: nothing in it can choose an algorithm.
    if taken.header != _header(token_type, key.algorithm, key.id) or not is_signature(
        key.public, decode_segment(taken.signature), taken.message
    ):
        raise NotAuthenticatedError(reason="the token's header or signature is wrong")
    return OpenedJwt(tenant_id, key.ends_at_ms, decode_segment(taken.payload))


@lru_cache(maxsize=1_000)
def _header(token_type: str, algorithm: str, key_id: str) -> bytes:
    """Write a header; kept, since few keys sign all tokens."""
    header = b'{"typ":"%b","alg":"%b","kid":"%b"}' % (token_type.encode(), algorithm.encode(), key_id.encode())
    return encode_segment(header)


def _kid_of(header: bytes) -> str:
    try:
        decoded = base64.urlsafe_b64decode(header + b"=" * (-len(header) % 4))
        return msgspec.json.decode(decoded, type=_Header).kid
    except (binascii.Error, msgspec.DecodeError, ValueError, RecursionError):
        raise NotAuthenticatedError(reason="the token's header cannot be read") from None
