"""Client assertions: JWTs by which a client proves itself with its own private key (RFC 7523 §2.2, ``private_key_jwt``).

The client's registered keys decide, never a key or an address that the assertion itself names (RFC 8725 §3.10).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from watchword.credentials.foreign_jwt import FUTURE_SECONDS_MAX, ForeignJwt, WrongJwtError, read_jwt
from watchword.credentials.jwk import FOREIGN_ALGORITHMS, ForeignKey, make_decoys
from watchword.credentials.seen_proofs import SeenProofs
from watchword.oauth_errors import InvalidClientError

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""The one ``client_assertion_type`` that is taken (RFC 7523 §2.2)."""

_LIFE_SECONDS_MAX: Final = 3_600 + FUTURE_SECONDS_MAX
"""How far ahead an assertion may end: what common clients choose by themselves. So long its ``jti`` is remembered."""

_JTI_CHARACTERS_MAX: Final = 256
_TYPES: Final = (None, "JWT", "jwt", "client-authentication+jwt")
"""The ``typ`` of an assertion: none, the plain one, or its own; any other is a token of another kind (RFC 8725 §3.11)."""


class _Claims(msgspec.Struct, frozen=True):
    """The claims of RFC 7523 §3; times are Unix seconds."""

    iss: str
    sub: str
    aud: str | tuple[str, ...]
    exp: int | float
    jti: str
    iat: int | float | None = None
    nbf: int | float | None = None


class Assertion(msgspec.Struct, frozen=True):
    """A client assertion as it came, not yet proved; ``client_id`` is whom it claims to be."""

    jwt: ForeignJwt
    claims: _Claims

    def __repr__(self) -> str:
        return f"Assertion({self.client_id!r})"

    @property
    def client_id(self) -> str:
        """Whom it claims to be."""
        return self.claims.sub

    @property
    def kid(self) -> str | None:
        """The id of the key that it names, if it names one."""
        kid = self.jwt.header.get("kid")
        return kid if isinstance(kid, str) else None


def read_assertion(text: str) -> Assertion:
    """Take an assertion apart, to find whose keys may prove it.

    Raises:
        InvalidClientError: it is none.
    """
    try:
        jwt = read_jwt(text)
        claims = msgspec.convert(jwt.payload, _Claims)
    except (WrongJwtError, msgspec.ValidationError) as error:
        raise InvalidClientError(cause=f"the assertion cannot be read: {type(error).__name__}") from None
    return Assertion(jwt, claims)


class ClientAssertions:
    """Proves assertions, each once."""

    def __init__(self, seen: SeenProofs) -> None:
        self._seen = seen
        self._decoys = make_decoys()

    async def require(
        self, assertion: Assertion, keys: tuple[ForeignKey, ...], *, audiences: frozenset[str], now_ms: int
    ) -> None:
        """Require an assertion to be its client's own, meant for us, fresh, and not used before.

        ``audiences`` are our names that it may be meant for; each that it names must be one of them, so that none made
        for another server is good here. A client without keys is refused in the time of one that has some.

        Raises:
            InvalidClientError: one of these does not hold; its cause says which.
            UnavailableError: nobody can say whether it was used before.
        """
        is_signed = _is_signed_by_one_of(assertion.jwt, keys or self._decoys)
        if not keys or not is_signed:
            raise InvalidClientError(cause="none of the client's keys has signed the assertion")
        claims = assertion.claims
        _require_claims(claims, audiences)
        _require_times(claims, now_ms / 1000)
        first = await self._seen.is_first(
            "client assertion", claims.sub, claims.jti, until_ms=_end_ms(claims), now_ms=now_ms
        )
        if not first:
            raise InvalidClientError(cause="the assertion was used before")


def keys_that_fit(keys: Iterable[ForeignKey], kid: str | None) -> tuple[ForeignKey, ...]:
    """Return the keys that an assertion's ``kid`` may mean; without one, all (RFC 7515 §4.1.4)."""
    return tuple(key for key in keys if kid is None or key.kid == kid)


def _is_signed_by_one_of(jwt: ForeignJwt, keys: tuple[ForeignKey, ...]) -> bool:
    if jwt.algorithm not in FOREIGN_ALGORITHMS or jwt.header.get("typ") not in _TYPES:
        raise InvalidClientError(cause="the assertion's alg or typ is not one that we take")
    return any(jwt.is_signed_by(key) for key in keys)


def _require_claims(claims: _Claims, audiences: frozenset[str]) -> None:
    if claims.iss != claims.sub:
        raise InvalidClientError(cause="the assertion's iss is not its sub")
    named = (claims.aud,) if isinstance(claims.aud, str) else claims.aud
    if not named or not audiences.issuperset(named):
        raise InvalidClientError(cause="the assertion is for another audience")
    if not 0 < len(claims.jti) <= _JTI_CHARACTERS_MAX:
        raise InvalidClientError(cause="the assertion's jti is empty or too long")


def _require_times(claims: _Claims, now_s: float) -> None:
    if now_s >= claims.exp:
        # On or after the expiration time is too late (RFC 7519 §4.1.4).
        raise InvalidClientError(cause="the assertion has expired")
    if claims.exp > now_s + _LIFE_SECONDS_MAX:
        raise InvalidClientError(cause="the assertion ends unreasonably far in the future")
    for begun in (claims.iat, claims.nbf):
        if begun is not None and begun > now_s + FUTURE_SECONDS_MAX:
            raise InvalidClientError(cause="the assertion is from the future")


def _end_ms(claims: _Claims) -> int:
    return int(claims.exp * 1000) + 1
