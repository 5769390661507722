"""The guarantees of ``credentials/client_secret.py``."""

from __future__ import annotations

from watchword.credentials.client_secret import hash_client_secret, is_client_secret, make_client_secret


def test_secret_matches_its_hash() -> None:
    """A secret is recognised by what was stored of it."""
    secret = make_client_secret()
    assert is_client_secret(secret, hash_client_secret(secret))


def test_other_secrets_do_not_match() -> None:
    """Another secret, a part, a longer one, an empty one and an unencodable one are refused."""
    secret = make_client_secret()
    stored = hash_client_secret(secret)
    for other in (make_client_secret(), secret[:-1], secret + "x", "", secret.swapcase(), "\ud800"):
        assert not is_client_secret(other, stored)


def test_stored_hash_is_not_the_secret() -> None:
    """What is stored neither holds the secret nor works in its place."""
    secret = make_client_secret()
    stored = hash_client_secret(secret)
    assert secret.encode() not in stored
    assert not is_client_secret(stored.hex(), stored)


def test_empty_stored_hash_matches_nothing() -> None:
    """A client without a secret cannot be proved by an empty one."""
    assert not is_client_secret("", b"")


def test_secrets_are_unguessable_and_url_safe() -> None:
    """A secret has at least 256 bits and needs no quoting in forms."""
    made = {make_client_secret() for _ in range(200)}
    assert len(made) == 200
    assert all(len(secret) >= 43 and secret.replace("-", "").replace("_", "").isalnum() for secret in made)
