"""Proof key for code exchange (RFC 7636): S256 and nothing else, asked of every client.

Whoever steals a code lacks the verifier, and a code made without a challenge is not taken for one made with it.
"""

from __future__ import annotations

import base64
import hmac
import re
from hashlib import sha256
from typing import Final

from watchword.oauth.models import OAuthClient
from watchword.oauth_errors import InvalidGrantError, InvalidOAuthRequestError

CODE_CHALLENGE_METHOD: Final = "S256"

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""A SHA-256 in base64url without padding (RFC 7636 §4.2)."""

_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")
"""RFC 7636 §4.1."""


def require_code_challenge(
    client: OAuthClient, code_challenge: str | None, code_challenge_method: str | None
) -> str | None:
    """Return the challenge of an authorization request; None only for a client that an administrator exempted.

    Raises:
        InvalidOAuthRequestError: it is missing, malformed, or made by another method than S256 (RFC 7636 §4.4.1,
            RFC 9700 §2.1.1).
    """
    if code_challenge is None:
        if code_challenge_method is None and _is_exempt(client):
            return None
        raise InvalidOAuthRequestError("The parameter code_challenge is missing")
    # Left out, the method would be plain (RFC 7636 §4.3), which shows the verifier to whoever sees the request.
    if code_challenge_method != CODE_CHALLENGE_METHOD:
        raise InvalidOAuthRequestError("The parameter code_challenge_method has to be S256")
    if _CHALLENGE.fullmatch(code_challenge) is None:
        raise InvalidOAuthRequestError("The parameter code_challenge is not the base64url of a SHA-256")
    return code_challenge


def require_code_verifier(code_challenge: str | None, code_verifier: str | None) -> None:
    """Refuse a token request whose verifier does not fit the code's challenge (RFC 7636 §4.6).

    A verifier for a code without a challenge is refused too: the challenge was taken out of the authorization request
    on its way (RFC 9700 §2.1.1, §4.8.2).

    Raises:
        InvalidGrantError: it is missing, malformed, wrong, or there is nothing that it could fit.
    """
    if code_challenge is None and code_verifier is None:
        return
    if code_challenge is None or code_verifier is None:
        raise InvalidGrantError(cause="only one of code_challenge and code_verifier is there")
    if _VERIFIER.fullmatch(code_verifier) is None:
        raise InvalidGrantError(cause="the code_verifier is malformed")
    if not hmac.compare_digest(make_code_challenge(code_verifier), code_challenge):
        raise InvalidGrantError(cause="the code_verifier does not fit the code_challenge")


def make_code_challenge(code_verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636 §4.2)."""
    return base64.urlsafe_b64encode(sha256(code_verifier.encode("ascii")).digest()).rstrip(b"=").decode()


def _is_exempt(client: OAuthClient) -> bool:
    return client.settings.pkce_exempt and client.kind == "confidential" and client.settings.profile != "fapi2"
