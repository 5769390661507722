"""Public keys that others give us (RFC 7517): read strictly, each good for signatures of its own kind only.

What our own tokens are signed with is left to ``issuer_keys.py``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from watchword.credentials.signing import PublicKey, is_signature

FOREIGN_ALGORITHMS: Final = ("EdDSA", "Ed25519", "ES256", "PS256", "RS256")
"""Asymmetric alone, so that no key can be taken for a shared secret (RFC 8725 §3.2). ``Ed25519`` is the full name of
what ``EdDSA`` means here (RFC 9864 §2.2)."""

KEYS_MAX: Final = 20
"""Keys of one set: a client that rotates needs two of a kind."""

_RSA_BITS_MIN: Final = 2048
_RSA_BITS_MAX: Final = 4096
"""RFC 7518 §3.3 sets the least; proving costs more with every bit, and the key is a stranger's."""

_RSA_EXPONENT_MAX: Final = 2**32
_COORDINATE_BYTES: Final = 32
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_ALGORITHMS_OF: Final[dict[str, frozenset[str]]] = {
    "OKP": frozenset({"EdDSA", "Ed25519"}),
    "EC": frozenset({"ES256"}),
    "RSA": frozenset({"PS256", "RS256"}),
}


class WrongJwkError(ValueError):
    """A JWK is no public key that we take; the message says why and holds nothing of the key."""


class ForeignKey(msgspec.Struct, frozen=True):
    """A public key of somebody else; ``thumbprint`` names it (RFC 7638), ``algorithms`` are those it may be used with."""

    public: PublicKey
    thumbprint: str
    algorithms: frozenset[str]
    kid: str | None = None

    def is_signature(self, algorithm: str, signature: bytes, message: bytes) -> bool:
        """Say whether a signature is this key's over the message, by an algorithm that fits the key."""
        if algorithm not in self.algorithms:
            return False
        if algorithm == "PS256" and isinstance(self.public, rsa.RSAPublicKey):
            return _is_pss_signature(self.public, signature, message)
        return is_signature(self.public, signature, message)


def read_jwk(jwk: Mapping[str, Any]) -> ForeignKey:
    """Read a public key.

    Raises:
        WrongJwkError: it is private or symmetric, of another kind or size, for encryption, or malformed.
    """
    if _PRIVATE_MEMBERS & jwk.keys():
        # RFC 9449 §4.3 says it of proofs; a private key that is shown is no longer anybody's own.
        raise WrongJwkError("the key is not a public one")
    kty = jwk.get("kty")
    if not isinstance(kty, str) or kty not in _ALGORITHMS_OF:
        raise WrongJwkError("the kty is none of OKP, EC and RSA")
    public, members = _READERS[kty](jwk)
    kid = jwk.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise WrongJwkError("the kid is not text")
    return ForeignKey(public, _thumbprint({**members, "kty": kty}), _algorithms_of(kty, jwk), kid)


def read_jwk_set(document: object) -> tuple[ForeignKey, ...]:
    """Read the keys of a set that can prove something here; keys of kinds that we do not take are left out (RFC 7517 §5).

    Raises:
        WrongJwkError: it is no set, has too many keys, or holds a key that must not be shown.
    """
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise WrongJwkError("a JWK Set is an object with a list of keys")
    if len(keys) > KEYS_MAX:
        raise WrongJwkError("the JWK Set has too many keys")
    if any(_PRIVATE_MEMBERS & key.keys() for key in keys):
        raise WrongJwkError("the JWK Set holds a key that is not public")
    return tuple(_readable(keys))


def thumbprint_of(jwk: Mapping[str, Any]) -> str:
    """Return the thumbprint of a public key (RFC 7638 §3).

    Raises:
        WrongJwkError: as ``read_jwk``.
    """
    return read_jwk(jwk).thumbprint


def make_decoys() -> tuple[ForeignKey, ...]:
    """Make a key of each kind that nobody holds, to refuse who has none in the time of who has."""
    # No factors of this modulus are needed: nothing is ever signed with it.
    modulus = rsa.RSAPublicNumbers(65537, 2 ** (_RSA_BITS_MIN - 1) + 1).public_key()
    keys: dict[str, PublicKey] = {
        "OKP": ed25519.Ed25519PrivateKey.generate().public_key(),
        "EC": ec.generate_private_key(ec.SECP256R1()).public_key(),
        "RSA": modulus,
    }
    return tuple(ForeignKey(public, "", _ALGORITHMS_OF[kty]) for kty, public in keys.items())


def _readable(keys: Iterable[Mapping[str, Any]]) -> Iterable[ForeignKey]:
    for key in keys:
        try:
            yield read_jwk(key)
        except WrongJwkError:
            continue


def _algorithms_of(kty: str, jwk: Mapping[str, Any]) -> frozenset[str]:
    if jwk.get("use", "sig") != "sig":
        raise WrongJwkError("the key is not for signatures")
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise WrongJwkError("the key is not for verifying")
    algorithms = _ALGORITHMS_OF[kty]
    named = jwk.get("alg")
    if named is None:
        return algorithms
    if not isinstance(named, str) or named not in algorithms:
        raise WrongJwkError("the key is for another algorithm")
    # The two names of one algorithm stand for each other.
    return algorithms if kty == "OKP" else frozenset({named})


def _read_okp(jwk: Mapping[str, Any]) -> tuple[PublicKey, dict[str, str]]:
    if jwk.get("crv") != "Ed25519":
        raise WrongJwkError("the curve is not Ed25519")
    raw = _require_bytes(jwk, "x", _COORDINATE_BYTES)
    return ed25519.Ed25519PublicKey.from_public_bytes(raw), {"crv": "Ed25519", "x": jwk["x"]}


def _read_ec(jwk: Mapping[str, Any]) -> tuple[PublicKey, dict[str, str]]:
    if jwk.get("crv") != "P-256":
        raise WrongJwkError("the curve is not P-256")
    x, y = (int.from_bytes(_require_bytes(jwk, name, _COORDINATE_BYTES), "big") for name in ("x", "y"))
    try:
        public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except ValueError:
        raise WrongJwkError("the point is not on the curve") from None
    return public, {"crv": "P-256", "x": jwk["x"], "y": jwk["y"]}


def _read_rsa(jwk: Mapping[str, Any]) -> tuple[PublicKey, dict[str, str]]:
    n, e = (_require_number(jwk, name) for name in ("n", "e"))
    if not _RSA_BITS_MIN <= n.bit_length() <= _RSA_BITS_MAX or not n % 2:
        raise WrongJwkError("the modulus is of no size that we take")
    if not 3 <= e < _RSA_EXPONENT_MAX or not e % 2:  # noqa: PLR2004 - 1 would make every message its own signature
        raise WrongJwkError("the exponent is not one that we take")
    try:
        public = rsa.RSAPublicNumbers(e, n).public_key()
    except ValueError:
        raise WrongJwkError("the numbers are no RSA key") from None
    return public, {"e": jwk["e"], "n": jwk["n"]}


_READERS: Final = {"OKP": _read_okp, "EC": _read_ec, "RSA": _read_rsa}


def _require_number(jwk: Mapping[str, Any], name: str) -> int:
    data = _require_bytes(jwk, name)
    if not data or data[0] == 0:
        # The shortest spelling only (RFC 7518 §2), so that one key has one thumbprint.
        raise WrongJwkError(f"{name} is not a number in its shortest spelling")
    return int.from_bytes(data, "big")


def _require_bytes(jwk: Mapping[str, Any], name: str, length: int | None = None) -> bytes:
    text = jwk.get(name)
    if not isinstance(text, str) or not text.isascii():
        raise WrongJwkError(f"{name} is missing")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise WrongJwkError(f"{name} is not base64url") from None
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != text or length not in {None, len(data)}:
        raise WrongJwkError(f"{name} is not canonical base64url of its length")
    return data


def _thumbprint(members: dict[str, str]) -> str:
    written = msgspec.json.encode(dict(sorted(members.items())))
    return base64.urlsafe_b64encode(sha256(written).digest()).rstrip(b"=").decode()


def _is_pss_signature(key: rsa.RSAPublicKey, signature: bytes, message: bytes) -> bool:
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=hashes.SHA256().digest_size)
    try:
        key.verify(signature, message, scheme, hashes.SHA256())
    except InvalidSignature:
        return False
    return True
