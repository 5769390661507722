"""DPoP proofs (RFC 9449): a program shows with each request that it holds the key to which its credential is bound.

Needs the JOSE library that ``pip install 'watchword-client[protect]'`` brings.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from watchword_client.errors import setup_error

__all__ = ["DpopKey"]

_ALGORITHM: Final = "ES256"
_CURVE: Final = "P-256"
_JTI_BYTES: Final = 18
"""Enough that no proof is taken for another."""


class DpopKey:
    """A key pair on P-256, which signs proofs.

    ``DpopKey.generate()`` makes one, ``to_pem()`` writes it down, and ``DpopKey(pem)`` reads it again. ``clock`` gives
    Unix seconds, and is for tests.
    """

    def __init__(self, pem: str | bytes, *, clock: Callable[[], float] = time.time) -> None:
        self._pair = _read_pair(pem)
        self._clock = clock

    @classmethod
    def generate(cls) -> DpopKey:
        """Make a new pair."""
        return cls(ECKey.generate_key(_CURVE).as_pem(private=True))

    @property
    def public_jwk(self) -> dict[str, Any]:
        """The public half, as keys are bound to it: ``dpop_jwk`` of ``POST /api/keys``."""
        return {name: value for name, value in self._pair.as_dict(private=False).items() if name != "kid"}

    def to_pem(self) -> str:
        """Write the pair down, private half included, in PKCS #8."""
        return self._pair.as_pem(private=True).decode()

    def proof(self, method: str, url: str, *, token: str | None = None, nonce: str | None = None) -> str:
        """Sign the proof for one request, and for the credential that is sent with it (RFC 9449 §4.2).

        ``nonce`` is what the server sent in ``DPoP-Nonce``, where it wants one (§8).
        """
        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(_JTI_BYTES),
            "htm": method,
            "htu": urlunsplit((*urlsplit(url)[:3], "", "")),
            "iat": int(self._clock()),
        }
        if token is not None:
            claims["ath"] = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
        if nonce is not None:
            claims["nonce"] = nonce
        header = {"typ": "dpop+jwt", "alg": _ALGORITHM, "jwk": self.public_jwk}
        return jwt.encode(header, claims, self._pair, algorithms=[_ALGORITHM])

    def __repr__(self) -> str:
        return "DpopKey()"


def _read_pair(pem: str | bytes) -> ECKey:
    try:
        pair = ECKey.import_key(pem)
    except (JoseError, ValueError, TypeError):
        pair = None
    if pair is None or not pair.is_private or pair.curve_name != _CURVE:
        raise setup_error("WRONG_KEY", "This is no private key on P-256 in PEM, without a passphrase.")
    return pair
