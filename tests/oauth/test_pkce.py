"""Proof keys: S256 alone, for every client, and no way around."""

from __future__ import annotations

import pytest

from grants_rig import VERIFIER
from watchword.oauth.models import ClientKind, ClientSettings, OAuthClient, Profile
from watchword.oauth.pkce import make_code_challenge, require_code_challenge, require_code_verifier
from watchword.oauth_errors import InvalidGrantError, InvalidOAuthRequestError

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""The challenge of RFC 7636's appendix B."""


def client_of(*, exempt: bool = False, kind: ClientKind = "confidential", profile: Profile = "oauth2.1") -> OAuthClient:
    return OAuthClient(
        id="cli_1",
        tenant_id="ten_1",
        tenant_slug="acme",
        mode="live",
        name="Client",
        kind=kind,
        source="administrator",
        grants=("authorization_code",),
        scopes=None,
        settings=ClientSettings(pkce_exempt=exempt, profile=profile),
        created_at_ms=0,
        updated_at_ms=0,
        disabled_at_ms=None,
        tenant_disabled_at_ms=None,
    )


def test_the_standards_own_pair_fits() -> None:
    """The verifier of RFC 7636's appendix B gives its challenge and is accepted for it."""
    assert make_code_challenge(VERIFIER) == CHALLENGE
    assert require_code_challenge(client_of(), CHALLENGE, "S256") == CHALLENGE
    require_code_verifier(CHALLENGE, VERIFIER)


@pytest.mark.parametrize("method", [None, "plain", "s256", "S512", "none", "S256 "])
def test_no_other_method_is_taken(method: str | None) -> None:
    """A method left out means plain, and plain and unknown ones are refused (RFC 7636 §4.3, RFC 9700 §2.1.1)."""
    with pytest.raises(InvalidOAuthRequestError):
        require_code_challenge(client_of(), CHALLENGE, method)


@pytest.mark.parametrize("challenge", ["a" * 42, "a" * 44, "a" * 42 + "=", "a" * 42 + "+", "", VERIFIER[:-1] + "~"])
def test_a_malformed_challenge_is_refused(challenge: str) -> None:
    """A challenge that is no base64url of 32 bytes could not be met by any verifier (RFC 7636 §4.2)."""
    with pytest.raises(InvalidOAuthRequestError):
        require_code_challenge(client_of(), challenge, "S256")


@pytest.mark.parametrize("kind", ["confidential", "public"])
def test_no_client_goes_without(kind: ClientKind) -> None:
    """Public and confidential clients alike have to send a challenge (RFC 9700 §2.1.1)."""
    with pytest.raises(InvalidOAuthRequestError):
        require_code_challenge(client_of(kind=kind), None, None)


def test_an_exempt_client_may_go_without() -> None:
    """A confidential client that an administrator exempted sends none."""
    assert require_code_challenge(client_of(exempt=True), None, None) is None


@pytest.mark.parametrize(
    "client",
    [client_of(exempt=True, kind="public"), client_of(exempt=True, profile="fapi2")],
    ids=["public", "fapi2"],
)
def test_an_exemption_has_bounds(client: OAuthClient) -> None:
    """A public client, which proves nothing, and one of FAPI 2.0 cannot be exempted."""
    with pytest.raises(InvalidOAuthRequestError):
        require_code_challenge(client, None, None)


@pytest.mark.parametrize(
    ("challenge", "method"), [(CHALLENGE, "plain"), (CHALLENGE, None), (None, "S256"), ("x", "S256")]
)
def test_an_exempt_client_that_sends_one_sends_a_good_one(challenge: str | None, method: str | None) -> None:
    """Half a proof key is a mistake or a downgrade, whoever sends it."""
    with pytest.raises(InvalidOAuthRequestError):
        require_code_challenge(client_of(exempt=True), challenge, method)


@pytest.mark.parametrize(
    "verifier",
    [None, "", VERIFIER[:-1], VERIFIER + "a", VERIFIER.swapcase(), CHALLENGE, "é" * 43, "a" * 129, VERIFIER + "\n"],
)
def test_a_verifier_that_does_not_fit_is_refused(verifier: str | None) -> None:
    """A verifier that is missing, malformed, another one, or the challenge itself opens nothing (RFC 7636 §4.6)."""
    with pytest.raises(InvalidGrantError):
        require_code_verifier(CHALLENGE, verifier)


@pytest.mark.parametrize("length", [43, 128])
def test_verifiers_of_both_bounds_are_taken(length: int) -> None:
    """The shortest and the longest verifier that RFC 7636 §4.1 allows are taken."""
    verifier = "~" * length
    require_code_verifier(make_code_challenge(verifier), verifier)


@pytest.mark.parametrize("length", [42, 129])
def test_verifiers_beyond_the_bounds_are_refused(length: int) -> None:
    """One character less or more is refused, although its hash would fit."""
    verifier = "~" * length
    with pytest.raises(InvalidGrantError):
        require_code_verifier(make_code_challenge(verifier), verifier)


def test_a_verifier_without_a_challenge_is_a_downgrade() -> None:
    """Who sends a verifier had sent a challenge, which somebody took away (RFC 9700 §4.8.2)."""
    with pytest.raises(InvalidGrantError):
        require_code_verifier(None, VERIFIER)


def test_no_challenge_and_no_verifier_pass() -> None:
    """What the authorization endpoint let pass without a challenge needs no verifier."""
    require_code_verifier(None, None)
