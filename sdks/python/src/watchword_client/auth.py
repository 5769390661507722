"""For programs that have an HTTP library already: one object that ``requests``, ``httpx`` and ``httpx2`` take as ``auth``.

It is called with a request and sets its headers; it imports none of them.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final, Protocol, TypeVar, cast, runtime_checkable
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


@runtime_checkable
class _TakesHooks(Protocol):
    """A request of the library requests, which lets its answer be looked at."""

    def register_hook(self, event: str, hook: Any, /) -> None: ...  # noqa: ANN401 - a function, or several


class SignsProofs(Protocol):
    """Signs the proof of a request, as ``watchword_client.dpop.DpopKey`` does."""

    def proof(self, method: str, url: str, *, token: str | None = None, nonce: str | None = None) -> str:
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
Flow = TypeVar("Flow")

_NONCE_WANTED: Final = 'error="use_dpop_nonce"'
"""What a server says that wants its nonce in a proof (RFC 9449 §9)."""

_UNAUTHORIZED: Final = 401


class WatchwordAuth:
    """Proves the requests of another HTTP library: ``requests.get(url, auth=WatchwordAuth(secret_key=…))``.

    Takes a ``secret_key``, or the ``token`` of a person or program; ``client_key`` beside a token says which tenant and
    mode it acts in. With ``base_url``, requests to other servers go out without it: set it where a session is shared.
    The credential travels in ``Authorization``, which these libraries take off when a redirect leads elsewhere. A
    credential that is bound to a key pair comes with its ``dpop_key``, which signs a proof of each request. Where the server
    wants its nonce in it, requests sends the request again with that; httpx does with ``auth.flow(httpx.Auth)``.
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
        self._nonces: dict[str, str] = {}
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
            self._prove(request, self._dpop_key)
            if isinstance(request, _TakesHooks):
                request.register_hook("response", self._again)
        if self._client_key is not None:
            request.headers["X-Client-Key"] = self._client_key
        return request

    def flow(self, base: type[Flow]) -> Flow:
        """Return the same as an ``httpx.Auth`` or ``httpx2.Auth``, which may send a request twice.

        ``httpx.Client(auth=auth.flow(httpx.Auth))`` answers a server that wants its nonce in proofs.
        """
        auth = self

        class _Twice(base):  # type: ignore[misc, valid-type] # the library's own class, which is not imported here
            def auth_flow(self, request: Any) -> Generator[Any, Any, None]:  # noqa: ANN401 - a request of that library
                response = yield auth(request)
                if auth._keep_nonce(response):
                    yield auth(request)

        return cast("Flow", _Twice())

    def _prove(self, request: HasHeaders, key: SignsProofs) -> None:
        url = str(request.url)
        nonce = self._nonces.get(_origin(url))
        request.headers["DPoP"] = key.proof(str(request.method), url, token=self._credential, nonce=nonce)

    def _keep_nonce(self, response: Any) -> bool:  # noqa: ANN401 - a response of any HTTP library
        """Keep the nonce of an answer that wants it, and say whether it does."""
        nonce = response.headers.get("dpop-nonce")
        challenge = response.headers.get("www-authenticate") or ""
        if self._dpop_key is None or response.status_code != _UNAUTHORIZED or not nonce:
            return False
        self._nonces[_origin(str(response.request.url))] = nonce
        return _NONCE_WANTED in challenge

    def _again(self, response: Any, **options: Any) -> Any:  # noqa: ANN401 - what requests gives its hooks
        """Send a request of requests once more if the server wants its nonce in the proof."""
        if self._dpop_key is None or "DPoP" not in response.request.headers or not self._keep_nonce(response):
            return response
        # The connection is free for the next request only when the answer was read.
        _ = response.content
        response.close()
        request = response.request.copy()
        position = getattr(request, "_body_position", None)
        if isinstance(position, int):
            request.body.seek(position)
        self._prove(request, self._dpop_key)
        answer = response.connection.send(request, **options)
        answer.history.append(response)
        answer.request = request
        return answer

    def __repr__(self) -> str:
        return f"WatchwordAuth(base_url={self._origin!r})"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"
