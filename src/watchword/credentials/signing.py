"""Asymmetric signatures in JOSE's forms: Ed25519 (RFC 8037), ECDSA on P-256 and RSA PKCS #1 v1.5 (RFC 7518 §3.3, §3.4).

The key decides the algorithm, never the token: a header that names another one finds no way in here.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

SigningAlgorithm = Literal["EdDSA", "ES256", "RS256"]
PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Sign = Callable[[bytes], bytes]
PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey

SIGNING_ALGORITHMS: Final[tuple[SigningAlgorithm, ...]] = ("EdDSA", "ES256", "RS256")

RSA_BITS: Final = 2048
"""The least that RFC 7518 §3.3 takes, and what every client reads; longer keys sign four times slower."""

_P256_BYTES: Final = 32
_ED25519_BYTES: Final = 64


def make_private_key(algorithm: SigningAlgorithm) -> PrivateKey:
    """Make a key; RSA takes up to a second."""
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)


class Ed25519Signer:
    """Signs with one Ed25519 key by libsodium, which takes two thirds of the time that OpenSSL takes (``bench/oauth.py``).

    The bytes are the same, since a key and a message have one signature only (RFC 8032 §5.1.6).
    """

    __slots__ = ("_crypto_sign", "_secret")

    def __init__(self, key: ed25519.Ed25519PrivateKey) -> None:
        from nacl.bindings import crypto_sign, crypto_sign_seed_keypair  # noqa: PLC0415 - slow to load, and not needed to start

        self._crypto_sign = crypto_sign
        _, self._secret = crypto_sign_seed_keypair(key.private_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """Return the signature alone."""
        return self._crypto_sign(message, self._secret)[:_ED25519_BYTES]


def make_sign(key: PrivateKey) -> Sign:
    """Return a call that signs in JOSE's form, made once for a key that signs often."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return Ed25519Signer(key).sign
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return partial(_sign_by_ecdsa, key)
    return partial(_sign_by_rsa, key)


def _sign_by_ecdsa(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(_P256_BYTES, "big") + s.to_bytes(_P256_BYTES, "big")


def _sign_by_rsa(key: rsa.RSAPrivateKey, message: bytes) -> bytes:
    return key.sign(message, padding.PKCS1v15(), hashes.SHA256())


def is_signature(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Say whether a signature in JOSE's form is this key's over the message."""
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            if len(signature) != 2 * _P256_BYTES:
                return False
            r, s = signature[:_P256_BYTES], signature[_P256_BYTES:]
            encoded = utils.encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
            key.verify(encoded, message, ec.ECDSA(hashes.SHA256()))
        else:
            key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def public_jwk(key: PublicKey) -> dict[str, Any]:
    """Write a public key as a JWK (RFC 7517, RFC 7518 §6, RFC 8037 §2)."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": _segment(key.public_bytes_raw())}
    if isinstance(key, ec.EllipticCurvePublicKey):
        numbers = key.public_numbers()
        return {
            "kty": "EC",
            "crv": "P-256",
            "x": _segment(numbers.x.to_bytes(_P256_BYTES, "big")),
            "y": _segment(numbers.y.to_bytes(_P256_BYTES, "big")),
        }
    rsa_numbers = key.public_numbers()
    return {
        "kty": "RSA",
        "n": _segment(rsa_numbers.n.to_bytes((rsa_numbers.n.bit_length() + 7) // 8, "big")),
        "e": _segment(rsa_numbers.e.to_bytes(3, "big")),
    }


def _segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
