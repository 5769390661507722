"""What the FAPI 2.0 Security Profile asks of a client that has switched it on, beyond what everybody has to keep.

Elsewhere stand, asked by the same switch: pushed requests (``authorization_request.py``), bound tokens
(``token_endpoint.py``), codes that live shorter (``authorization_codes.py``) and keys in place of secrets
(``client_metadata.py``).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from watchword.credentials.client_assertion import Assertion
from watchword.credentials.dpop import PROOF_ALGORITHMS
from watchword.oauth.models import AuthorizationRequest, OAuthClient
from watchword.oauth_errors import InvalidClientError, InvalidOAuthRequestError

FAPI_ALGORITHMS: Final = frozenset({"EdDSA", "Ed25519", "ES256", "PS256"})
"""FAPI 2.0 Security Profile §5.4.1: RSA by PKCS #1 v1.5 is not among them."""


def is_fapi(client: OAuthClient) -> bool:
    """Say whether a client has switched the profile on."""
    return client.settings.profile == "fapi2"


def proof_algorithms(client: OAuthClient) -> Collection[str]:
    """Return the algorithms by which a client's DPoP proofs may be signed."""
    return FAPI_ALGORITHMS if is_fapi(client) else PROOF_ALGORITHMS


def require_fapi_request(client: OAuthClient, parameters: AuthorizationRequest) -> None:
    """Require what the profile asks of a pushed request.

    Raises:
        InvalidOAuthRequestError: the redirect URI is left out, which must stand there (§5.3.2.2, item 6).
    """
    if is_fapi(client) and parameters.redirect_uri is None:
        raise InvalidOAuthRequestError("The parameter redirect_uri is missing")


def require_fapi_assertion(assertion: Assertion, issuer: str) -> None:
    """Require what the profile asks of a client assertion, before it is proved.

    Raises:
        InvalidClientError: it is signed by another algorithm than the profile takes, or its audience is not the issuer
            alone, as one text (§5.3.2.1, item 8).
    """
    if assertion.jwt.algorithm not in FAPI_ALGORITHMS:
        raise InvalidClientError(cause="the assertion's alg is none of FAPI 2.0")
    if assertion.claims.aud != issuer:
        raise InvalidClientError(cause="the assertion's audience is not the issuer alone")
