"""Signed access tokens (RFC 9068), verified offline by the issuer's keys. Besides ``dpop`` the home of the JOSE library."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import KeySet

from watchword_client.protect.refusal import Refusal

_TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})
_ALGORITHMS: Final = frozenset({"EdDSA", "Ed25519", "ES256", "RS256", "PS256"})
_FUTURE_SECONDS_MAX: Final = 60
"""How far ahead a token may have been made: the skew of clocks."""

_REQUIRED: Final[dict[str, type]] = {"sub": str, "client_id": str, "jti": str, "exp": int, "iat": int}


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who makes the tokens, and for whom: ``audience`` is how this API is named as a resource (RFC 8707)."""

    name: str
    audience: str


class Keys:
    """The keys of a JWK Set, each by its ``kid``."""

    def __init__(self, document: bytes) -> None:
        content = json.loads(document)
        self._keys = {
            key.kid: key
            for key in KeySet.import_key_set({"keys": [one for one in content["keys"] if _signs(one)]}).keys
            if key.kid
        }

    def has(self, kid: str) -> bool:
        """Say whether a key is there."""
        return kid in self._keys

    def open(self, token: str, kid: str) -> Mapping[str, Any]:
        """Return the claims of a token whose signature is this key's, by the one algorithm that the key is for.

        Raises:
            Refusal: it is not.
        """
        key = self._keys[kid]
        algorithm = str(key.as_dict(private=False).get("alg", ""))
        try:
            opened = jws.deserialize_compact(token, key, registry=_Registry(algorithms=[algorithm]))
            claims = json.loads(opened.payload)
        except (JoseError, ValueError) as error:
            raise Refusal("UNAUTHORIZED", cause=f"signature: {type(error).__name__}") from None
        if not isinstance(claims, dict):
            raise Refusal("UNAUTHORIZED", cause="the claims are no object")
        return claims


class _Registry(jws.JWSRegistry):
    """The algorithms that are taken; ``EdDSA`` without a word, since the issuer's keys for it are all on Ed25519."""

    def get_alg(self, name: str) -> JWSAlgModel:
        """Return an algorithm that is taken."""
        if name == "EdDSA" and self.allowed is not None and name in self.allowed:
            return self.algorithms[name]
        return super().get_alg(name)


def read_kid(token: str) -> str:
    """Read which key a token names, before anything of it is proved.

    Raises:
        Refusal: it is no access token.
    """
    head = token.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, RecursionError):
        raise Refusal("UNAUTHORIZED", cause="the header cannot be read") from None
    if not isinstance(header, dict) or str(header.get("typ", "")).lower() not in _TYPES or "crit" in header:
        raise Refusal("UNAUTHORIZED", cause="typ")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise Refusal("UNAUTHORIZED", cause="kid")
    return kid


def require_claims(claims: Mapping[str, Any], issuer: Issuer, *, mode: str, now: float) -> None:
    """Check the claims of a token whose signature is proved (RFC 9068 §4); ``now`` is in Unix seconds.

    Raises:
        Refusal: one of them is missing or wrong; a token that has expired is told so.
    """
    for name, kind in _REQUIRED.items():
        if not isinstance(claims.get(name), kind) or isinstance(claims.get(name), bool):
            raise Refusal("UNAUTHORIZED", cause=f"the claim {name}")
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if claims.get("iss") != issuer.name:
        raise Refusal("UNAUTHORIZED", cause="iss")
    if not isinstance(audiences, list) or issuer.audience not in audiences:
        raise Refusal("UNAUTHORIZED", cause="aud")
    if claims.get("mode", "live") != mode:
        raise Refusal("UNAUTHORIZED", cause="the token is of the other mode")
    if claims.get("cnf") is not None:
        # Whoever holds it has to prove a key with each request, which is not done here.
        raise Refusal("KEY_NOT_PROVED", cause="the token is bound to a key")
    if claims["iat"] > now + _FUTURE_SECONDS_MAX or claims.get("nbf", 0) > now + _FUTURE_SECONDS_MAX:
        raise Refusal("UNAUTHORIZED", cause="the token is from the future")
    if now >= claims["exp"]:
        raise Refusal("TOKEN_EXPIRED", cause="exp")


def _signs(key: Mapping[str, Any]) -> bool:
    return key.get("use", "sig") == "sig" and key.get("alg") in _ALGORITHMS
