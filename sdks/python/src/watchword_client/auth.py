"""For programs that have an HTTP library already: one object that ``requests``, ``httpx`` and ``httpx2`` take as ``auth``.

It is called with a request and sets its headers; it imports none of them.
"""

from __future__ import annotations

from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from watchword_client.errors import setup_error
from watchword_client.setup_checks import (
    is_loopback,
    require_client_key,
    require_one_mode,
    require_secret_key,
    require_token,
    require_web_address,
)


class _Headers(Protocol):
    def __setitem__(self, name: str, value: str, /) -> None: ...


class SignsProofs(Protocol):
    """Signs the proof of a request, as ``watchword_client.dpop.DpopKey`` does."""

    def proof(self, method: str, url: str, *, token: str | None = None) -> str:
        """Return the proof for one request with one credential."""


class HasHeaders(Protocol):
    """A request of any HTTP library; ``url`` is a text, or an object that reads as one."""

    @property
    def headers(self) -> _Headers:
        """The headers that will be sent."""

    @property
    def url(self) -> object:
        """Where it goes."""

    @property
    def method(self) -> object:
        """How it is asked."""


AnyRequest = TypeVar("AnyRequest", bound=HasHeaders)


class WatchwordAuth:
    """Proves the requests of another HTTP library: ``requests.get(url, auth=WatchwordAuth(secret_key=…))``.

    Takes a ``secret_key``, or the ``token`` of a person or program; ``client_key`` beside a token says which tenant and
    mode it acts in. With ``base_url``, requests to other servers go out without it: set it where a session is shared.
    The credential travels in ``Authorization``, which these libraries take off when a redirect leads elsewhere. A
    credential that is bound to a key pair comes with its ``dpop_key``, which signs a proof of each request.
    """

    def __init__(
        self,
        *,
        secret_key: str | None = None,
        token: str | None = None,
        client_key: str | None = None,
        base_url: str | None = None,
        dpop_key: SignsProofs | None = None,
    ) -> None:
        if secret_key is not None and token is not None:
            raise setup_error("TWO_CREDENTIALS", "Pass secret_key or token: a request carries one credential.")
        self._credential = require_secret_key(secret_key) if token is None else require_token(token)
        self._client_key = None if client_key is None else require_client_key(client_key)
        if self._client_key is not None and secret_key is not None:
            require_one_mode(self._client_key, secret_key)
        self._dpop_key = dpop_key
        self._origin = None if base_url is None else _origin(require_web_address(base_url))

    def __call__(self, request: AnyRequest) -> AnyRequest:
        """Set the headers of a request.

        Raises:
            WatchwordError: the request would carry the credential over HTTP to another machine.
        """
        parts = urlsplit(str(request.url))
        if self._origin is not None and _origin(str(request.url)) != self._origin:
            return request
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise setup_error("INSECURE_BASE_URL", "Use https: over http everyone on the way reads the credential.")
        if self._dpop_key is None:
            request.headers["Authorization"] = f"Bearer {self._credential}"
        else:
            request.headers["Authorization"] = f"DPoP {self._credential}"
            proof = self._dpop_key.proof(str(request.method), str(request.url), token=self._credential)
            request.headers["DPoP"] = proof
        if self._client_key is not None:
            request.headers["X-Client-Key"] = self._client_key
        return request

    def __repr__(self) -> str:
        return f"WatchwordAuth(base_url={self._origin!r})"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"
