"""The proof that a form was ours: tokens that only whoever holds the browser's own secret could have been given.

No key of ours takes part: a page of another site cannot read the secret, so it cannot know the token either.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Final

_SECRET_BYTES: Final = 32
_SECRET_CHARACTERS_MAX: Final = 8192
"""As long as the longest session token: that is the secret of a browser whose user is signed in."""


def make_browser_secret() -> str:
    """Make the secret of a browser whose user is not signed in yet."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def make_form_token(browser_secret: str, purpose: str) -> str:
    """Return the token of one form; ``purpose`` says what sending it does, and to what."""
    digest = hmac.digest(browser_secret.encode("utf-8", "surrogatepass"), purpose.encode(), sha256)
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def is_form_token(token: str, browser_secret: str, purpose: str) -> bool:
    """Say whether a presented token is the one of this browser and form."""
    if not browser_secret or len(browser_secret) > _SECRET_CHARACTERS_MAX:
        return False
    wanted = make_form_token(browser_secret, purpose)
    return hmac.compare_digest(token.encode("utf-8", "surrogatepass"), wanted.encode())
