"""Tokens of forms."""

from __future__ import annotations

import pytest

from watchword.credentials.form_token import is_form_token, make_browser_secret, make_form_token


def test_a_token_fits_its_browser_and_its_purpose() -> None:
    """A form's token is good for the browser and the purpose that it was made for."""
    secret = make_browser_secret()
    assert is_form_token(make_form_token(secret, "consent:1"), secret, "consent:1")


def test_secrets_are_long_and_never_come_twice() -> None:
    """A browser's secret has 256 random bits (ASVS 5.0 V7.2.3)."""
    secrets = {make_browser_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(len(secret) == 43 for secret in secrets)


@pytest.mark.parametrize(
    ("secret", "purpose", "token"),
    [
        ("mine", "consent:1", make_form_token("another", "consent:1")),
        ("mine", "consent:1", make_form_token("mine", "consent:2")),
        ("mine", "consent:1", make_form_token("mine", "sign-in")),
        ("mine", "consent:1", ""),
        ("mine", "consent:1", "mine"),
        ("mine", "consent:1", "\udcff"),
        ("", "consent:1", make_form_token("", "consent:1")),
        ("x" * 9000, "consent:1", make_form_token("x" * 9000, "consent:1")),
    ],
    ids=["another browser", "another thing", "another form", "none", "the secret", "no text", "no secret", "too long"],
)
def test_any_other_token_is_refused(secret: str, purpose: str, token: str) -> None:
    """A token of another browser or another form, or none, proves nothing."""
    assert not is_form_token(token, secret, purpose)
