"""DPoP proofs: who sends a request shows that it holds a key (RFC 9449), so that a stolen token alone is worth nothing.

A proof names its own key; that the key is the one a token is bound to is what makes it count.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

import msgspec

from watchword.credentials.dpop_nonce import DpopNonces
from watchword.credentials.foreign_jwt import FUTURE_SECONDS_MAX, ForeignJwt, WrongJwtError, read_jwt
from watchword.credentials.jwk import FOREIGN_ALGORITHMS, ForeignKey, WrongJwkError, read_jwk
from watchword.credentials.seen_proofs import SeenProofs
from watchword.oauth_errors import DpopNonceMissingError, InvalidDpopProofError
from watchword.wire.request import decode_path

PROOF_TYPE: Final = "dpop+jwt"
PROOF_ALGORITHMS: Final = FOREIGN_ALGORITHMS

_AGE_SECONDS_MAX: Final = 60
"""How old a proof may be (RFC 9449 §11.1): a request's way, and clocks that are a little apart. So long, and as long as
it may be from the future, its ``jti`` is remembered."""

_JTI_CHARACTERS_MAX: Final = 256
_URL_CHARACTERS: Final = re.compile(r"[\x21-\x5b\x5d\x5f\x61-\x7a\x7e]+")
"""Those of a URL (RFC 3986 §2), without the backslash and what parsers skip or read in two ways."""

_PORTS: Final = {"https": 443, "http": 80}


class _Claims(msgspec.Struct, frozen=True):
    """The claims of RFC 9449 §4.2; ``iat`` is Unix seconds, ``ath`` the hash of the token that it is sent with.

    ``nonce`` is one that this server gave.
    """

    jti: str
    htm: str
    htu: str
    iat: int | float
    ath: str | None = None
    nonce: str | None = None


Origin = tuple[str, str, int | None]
"""Scheme, host and port."""


class ProvedRequest(msgspec.Struct, frozen=True):
    """What a proof must be made for: the method and the URL, without its query, that the request was sent to.

    Shapes: ``access_token`` is the token or key that came along; ``origin`` is None for a request to this server;
    ``wants_nonce`` where it must have been made for a nonce of ours too.
    """

    method: str
    path: str
    access_token: str | None = None
    origin: Origin | None = None
    wants_nonce: bool = False

    def __repr__(self) -> str:
        return f"ProvedRequest({self.method!r}, {self.path!r})"


class GoodProof(msgspec.Struct, frozen=True):
    """A proof that is good for its request, though it may have been used before; ``jkt`` is its key's thumbprint."""

    jkt: str
    jti: str
    until_ms: int


class DpopProofs:
    """Proves proofs, each once; ``url`` is where clients reach this server."""

    def __init__(self, seen: SeenProofs, nonces: DpopNonces, *, url: str) -> None:
        self._seen = seen
        self._nonces = nonces
        parts = urlsplit(url)
        self._origin = _origin_of(parts.scheme, parts.hostname, parts.port)

    async def require(
        self,
        proof: str,
        request: ProvedRequest,
        now_ms: int,
        *,
        jkt: str | None = None,
        algorithms: Collection[str] = PROOF_ALGORITHMS,
    ) -> str:
        """Require a proof to be made for this request, now, and for the first time; return its key's thumbprint.

        ``jkt`` is the thumbprint of the key that it has to be, ``algorithms`` are those that may have signed it.

        Raises:
            InvalidDpopProofError: one of these does not hold; its cause says which.
            DpopNonceMissingError: as of ``require_good``.
            UnavailableError: nobody can say whether it was used before.
        """
        good = self.require_good(proof, request, now_ms, algorithms=algorithms)
        if jkt not in {None, good.jkt}:
            raise InvalidDpopProofError(cause="the DPoP proof is of another key")
        # Last, so that only a proof which is good in all else takes a place in the store.
        await self.spend(good, now_ms)
        return good.jkt

    def require_good(
        self, proof: str, request: ProvedRequest, now_ms: int, *, algorithms: Collection[str] = PROOF_ALGORITHMS
    ) -> GoodProof:
        """Require a proof to be made for this request, now; whether for the first time is left to ``spend``.

        Raises:
            InvalidDpopProofError: it was not; its cause says why.
            DpopNonceMissingError: it was, but for the nonce that the request wants; the error carries one.
        """
        jwt, key = _read(proof, algorithms)
        claims = _claims_of(jwt)
        self._require_request(claims, request)
        _require_time(claims, now_ms / 1000)
        if request.wants_nonce and not self._nonces.is_good(claims.nonce, now_ms):
            raise DpopNonceMissingError(self._nonces.make(now_ms))
        return GoodProof(key.thumbprint, claims.jti, int((claims.iat + _AGE_SECONDS_MAX) * 1000) + 1)

    async def spend(self, proof: GoodProof, now_ms: int) -> None:
        """Use a good proof up.

        Raises:
            InvalidDpopProofError: it was used before.
            UnavailableError: nobody can say whether it was.
        """
        if not await self._seen.is_first("dpop", proof.jkt, proof.jti, until_ms=proof.until_ms, now_ms=now_ms):
            raise InvalidDpopProofError(cause="the DPoP proof was used before")

    def _require_request(self, claims: _Claims, request: ProvedRequest) -> None:
        if claims.htm != request.method:
            raise InvalidDpopProofError(cause="the DPoP proof is for another method")
        # As RFC 9449 §4.3 wants: without query and fragment, after RFC 3986 §6.2.2 and §6.2.3.
        if _place_of(claims.htu) != (request.origin or self._origin, request.path):
            raise InvalidDpopProofError(cause="the DPoP proof is for another URL")
        if request.access_token is not None and claims.ath != _hash(request.access_token):
            raise InvalidDpopProofError(cause="the DPoP proof is for another token")


def request_elsewhere(method: str, url: str, access_token: str) -> ProvedRequest:
    """Return a request to another server, by its URL as it was sent.

    Raises:
        InvalidDpopProofError: it is no URL that a proof could be for.
    """
    place = _place_of(re.split("[?#]", url, maxsplit=1)[0])
    if place is None:
        raise InvalidDpopProofError(cause="the request that the DPoP proof should be for has no readable URL")
    return ProvedRequest(method, place[1], access_token, place[0])


def _place_of(url: str) -> tuple[Origin, str] | None:
    if not _URL_CHARACTERS.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        origin = _origin_of(parts.scheme, parts.hostname, parts.port)
        path = decode_path(parts.path.encode("ascii"))
    except ValueError:
        return None
    return None if "@" in parts.netloc else (origin, path or "/")


def _read(proof: str, algorithms: Collection[str]) -> tuple[ForeignJwt, ForeignKey]:
    try:
        jwt = read_jwt(proof)
        if jwt.header.get("typ") != PROOF_TYPE or jwt.algorithm not in algorithms:
            raise InvalidDpopProofError(cause="the DPoP proof's typ or alg is not one that we take")
        jwk = jwt.header.get("jwk")
        if not isinstance(jwk, dict):
            raise InvalidDpopProofError(cause="the DPoP proof names no key")
        key = read_jwk(jwk)
    except (WrongJwtError, WrongJwkError) as error:
        raise InvalidDpopProofError(cause=f"the DPoP proof cannot be read: {error}") from None
    if not jwt.is_signed_by(key):
        raise InvalidDpopProofError(cause="the DPoP proof's signature is wrong")
    return jwt, key


def _claims_of(jwt: ForeignJwt) -> _Claims:
    try:
        claims = msgspec.convert(jwt.payload, _Claims)
    except msgspec.ValidationError:
        raise InvalidDpopProofError(cause="the DPoP proof lacks a claim") from None
    if not 0 < len(claims.jti) <= _JTI_CHARACTERS_MAX:
        raise InvalidDpopProofError(cause="the DPoP proof's jti is empty or too long")
    return claims


def _require_time(claims: _Claims, now_s: float) -> None:
    if now_s >= claims.iat + _AGE_SECONDS_MAX:
        raise InvalidDpopProofError(cause="the DPoP proof is too old")
    if claims.iat > now_s + FUTURE_SECONDS_MAX:
        raise InvalidDpopProofError(cause="the DPoP proof is from the future")


def _origin_of(scheme: str, host: str | None, port: int | None) -> Origin:
    return scheme, host or "", _PORTS.get(scheme) if port is None else port


def _hash(access_token: str) -> str:
    return base64.urlsafe_b64encode(sha256(access_token.encode()).digest()).rstrip(b"=").decode()
