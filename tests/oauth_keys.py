"""Keys and signed JWTs of clients for tests, made by another library than the one that proves them."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from support import START_MS

NOW_S = START_MS // 1000
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_numbers = itertools.count()


class ClientKey:
    """A key pair of a client; ``jwk`` is its public half."""

    def __init__(self, algorithm: str = "ES256", *, kid: str | None = None) -> None:
        self.algorithm = algorithm
        self._pair: Any = _make(algorithm)
        self.jwk: dict[str, Any] = dict(self._pair.as_dict(private=False))
        self.jwk.pop("kid", None)
        if kid is not None:
            self.jwk["kid"] = kid
        self.private_jwk: dict[str, Any] = dict(self._pair.as_dict(private=True))

    @property
    def jkt(self) -> str:
        """The thumbprint (RFC 7638)."""
        return str(self._pair.thumbprint())

    def sign(self, header: dict[str, Any], payload: dict[str, Any]) -> str:
        """Sign a JWT with exactly this header."""
        # By the algorithm itself, since the library would not write a header that is wrong.
        message = f"{segment(json.dumps(header).encode())}.{segment(json.dumps(payload).encode())}"
        made = jws.JWSRegistry.algorithms[self.algorithm].sign(message.encode(), self._pair)
        return f"{message}.{segment(made)}"

    def assertion(self, client_id: str, audience: object, **changes: Any) -> str:  # noqa: ANN401 - claims of any shape
        """Make a client assertion; a change to None leaves a claim out, ``header`` adds to the header."""
        header = {"alg": self.algorithm, **changes.pop("header", {})}
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": audience,
            "jti": f"assertion-{next(_numbers)}",
            "iat": NOW_S,
            "exp": NOW_S + 60,
            **changes,
        }
        return self.sign(header, {name: value for name, value in claims.items() if value is not None})

    def proof(self, method: str, url: str, *, token: str | None = None, **changes: Any) -> str:  # noqa: ANN401 - the same
        """Make a DPoP proof (RFC 9449 §4.2); changes as of ``assertion``."""
        header = {"typ": "dpop+jwt", "alg": self.algorithm, "jwk": self.jwk, **changes.pop("header", {})}
        claims = {
            "jti": f"proof-{next(_numbers)}",
            "htm": method,
            "htu": url,
            "iat": NOW_S,
            "ath": None if token is None else token_hash(token),
            **changes,
        }
        return self.sign(
            {name: value for name, value in header.items() if value is not None},
            {name: value for name, value in claims.items() if value is not None},
        )


def token_hash(token: str) -> str:
    """Return a token's ``ath`` (RFC 9449 §4.2)."""
    return segment(hashlib.sha256(token.encode()).digest())


def segment(data: bytes) -> str:
    """Write base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(header: dict[str, Any], payload: dict[str, Any], signature: bytes = b"") -> str:
    """Write a compact JWS with a signature of one's own choosing."""
    return ".".join(
        (segment(json.dumps(header).encode()), segment(json.dumps(payload).encode()), segment(signature)),
    )


def signed_with_public_key(jwk: dict[str, Any], header: dict[str, Any], payload: dict[str, Any]) -> str:
    """Sign HS256 with the text of a public key as the secret: the classic key confusion (RFC 8725 §2.1)."""
    secret = OctKey.import_key(json.dumps(jwk).encode())
    return jws.serialize_compact({**header, "alg": "HS256"}, json.dumps(payload).encode(), secret, algorithms=["HS256"])


def _make(algorithm: str) -> Any:  # noqa: ANN401 - one of the library's key classes
    if algorithm in {"EdDSA", "Ed25519"}:
        return OKPKey.generate_key("Ed25519")
    if algorithm == "ES256":
        return ECKey.generate_key("P-256")
    return RSAKey.generate_key(2048)
