"""What credentials a request carries: told apart by their shape, and not yet proved.

A header wins over the cookie; two different proofs are refused. What was read stays with the headers, which may come
again as the very same bytes.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

import msgspec

from watchword.credentials.access_token import has_access_token_shape
from watchword.credentials.api_key import has_key_shape
from watchword.credentials.session_token import has_session_token_shape
from watchword.errors import NotAuthenticatedError, TwoCredentialsError
from watchword.wire.cookies import read_session_cookie
from watchword.wire.request import Request

_KEY_HEADERS: Final = (b"x-api-key", b"apikey")
_PUBLISHABLE_HEADERS: Final = (b"x-client-key", b"x-publishable-key")
_BOUND_SCHEME: Final = "dpop"
_SCHEMES: Final = frozenset({"bearer", "jwt", _BOUND_SCHEME})

ALONE: Final = frozenset({b"authorization", *_KEY_HEADERS, *_PUBLISHABLE_HEADERS})
DECIDING: Final = ALONE | {b"dpop", b"cookie", b"x-tenant-id", b"origin", b"sec-fetch-site"}
"""Every header that has a part in who is calling; a header that joins them must join here (a test holds it so)."""

_ONLY: Final = "the only deciding header"
_PRESENTED: Final = "presented credentials"


class Presented(msgspec.Struct):
    """The credentials that a request carries, told apart by shape and not yet proved.

    ``is_bound`` says that an access token or a secret key came under the scheme of those bound to a public key.
    """

    session_token: str | None = None
    access_token: str | None = None
    secret_key: str | None = None
    publishable_key: str | None = None
    from_cookie: bool = False
    is_bound: bool = False

    def __repr__(self) -> str:
        return f"Presented(from_cookie={self.from_cookie})"


class OnlyHeader(msgspec.Struct):
    """The digest of the one header that decides, None where there is none or more than one, and how it was refused.

    ``refused`` answers that the header proves nobody, None where that is not known: as long as the database's commits
    stand at ``refused_at``, for ever where that is None.
    """

    digest: bytes | None
    refused: NotAuthenticatedError | None = None
    refused_at: bytes | None = None


def read_only_header(request: Request) -> OnlyHeader:
    """Return what is kept of the one header that decides who is calling.

    One header and nothing beside it that could change the outcome: what it gave before, it gives again.
    """
    only = request.head.derived.get(_ONLY)
    return only if isinstance(only, OnlyHeader) else _find_only_header(request)


def _find_only_header(request: Request) -> OnlyHeader:
    headers = request.headers
    deciding = [name for name in headers if name in DECIDING]
    is_alone = len(deciding) == 1 and deciding[0] in ALONE
    digest = sha256(b"%b: %b" % (deciding[0], headers[deciding[0]])).digest() if is_alone else None
    only = request.head.derived[_ONLY] = OnlyHeader(digest)
    return only


def read_credentials(request: Request) -> Presented:
    """Tell apart what the credential headers carry; the cookie counts only where no header proves anyone.

    Raises:
        NotAuthenticatedError: a header holds something of no known shape.
        TwoCredentialsError: two different proofs, or two different publishable keys.
    """
    derived = request.head.derived
    presented = derived.get(_PRESENTED)
    if not isinstance(presented, Presented):
        presented = derived[_PRESENTED] = _tell_apart(request.headers)
    return presented


def _tell_apart(headers: dict[bytes, bytes]) -> Presented:
    presented = Presented()
    authorization = headers.get(b"authorization")
    if authorization is not None:
        _take_authorization(presented, authorization.decode("latin-1"))
    for name in _KEY_HEADERS:
        value = headers.get(name)
        if value is not None:
            _take_key(presented, value.decode("latin-1"))
    for name in _PUBLISHABLE_HEADERS:
        value = headers.get(name)
        if value is not None:
            _take_publishable(presented, value.decode("latin-1"))
    by_authorization = presented.session_token or presented.access_token
    if by_authorization is not None and presented.secret_key is not None:
        raise TwoCredentialsError
    cookie = headers.get(b"cookie")
    if cookie is not None and by_authorization is None and presented.secret_key is None:
        presented.session_token = read_session_cookie(cookie.decode("latin-1"))
        presented.from_cookie = presented.session_token is not None
    return presented


def read_session_token(request: Request) -> str | None:
    """Return the session token that a request carries, proved or not, or None."""
    return read_credentials(request).session_token


def _take_authorization(presented: Presented, value: str) -> None:
    scheme, _, credential = value.partition(" ")
    credential = credential.strip(" ")
    presented.is_bound = scheme.lower() == _BOUND_SCHEME
    if scheme.lower() not in _SCHEMES:
        raise NotAuthenticatedError(reason="authorization scheme")
    if has_access_token_shape(credential):
        presented.access_token = credential
    elif credential.startswith("sk_") and has_key_shape(credential):
        presented.secret_key = credential
    elif presented.is_bound:
        raise NotAuthenticatedError(reason="only an access token or a secret key can be bound to a public key")
    elif has_session_token_shape(credential):
        presented.session_token = credential
    else:
        raise NotAuthenticatedError(reason="bearer shape")


def _take_key(presented: Presented, value: str) -> None:
    if not has_key_shape(value):
        raise NotAuthenticatedError(reason="key shape")
    if value.startswith("pk_"):
        _take_publishable(presented, value)
    elif presented.secret_key not in {None, value}:
        raise TwoCredentialsError
    else:
        presented.secret_key = value


def _take_publishable(presented: Presented, value: str) -> None:
    if not value.startswith("pk_") or not has_key_shape(value):
        raise NotAuthenticatedError(reason="publishable key shape")
    if presented.publishable_key not in {None, value}:
        raise TwoCredentialsError
    presented.publishable_key = value
