"""Signatures: made by one library, checked by another."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from watchword.credentials.signing import SigningAlgorithm, is_signature, make_private_key, make_sign

MESSAGES = (b"", b"x", b"a header.a payload", bytes(range(256)) * 40)


@pytest.mark.parametrize("message", MESSAGES, ids=len)
def test_libsodium_signs_the_bytes_that_openssl_signs(message: bytes) -> None:
    """An Ed25519 key and a message have one signature, whichever library makes it (RFC 8032 §5.1.6)."""
    key = ed25519.Ed25519PrivateKey.generate()

    assert make_sign(key)(message) == key.sign(message)


def test_vector_of_rfc_8032() -> None:
    """The first vector of RFC 8032 §7.1 is signed as it is printed there."""
    secret = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    sign = make_sign(ed25519.Ed25519PrivateKey.from_private_bytes(secret))

    assert sign(b"").hex() == (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
        "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
def test_another_message_does_not_carry_the_signature(algorithm: SigningAlgorithm) -> None:
    """A signature is its message's alone."""
    key = make_private_key(algorithm)
    signature = make_sign(key)(b"one message")

    assert is_signature(key.public_key(), signature, b"one message")
    assert not is_signature(key.public_key(), signature, b"one messagf")


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
def test_a_call_that_signs_shows_no_key(algorithm: SigningAlgorithm) -> None:
    """What signs is kept for as long as the key, and its text shows no byte of it."""
    shown = repr(make_sign(make_private_key(algorithm)))

    assert "\\x" not in shown
    assert "b'" not in shown
