"""The clients: what a program makes once, with its keys, and calls everything by."""

from __future__ import annotations

import inspect
import os
import ssl
from collections.abc import Mapping
from os import PathLike
from types import TracebackType
from typing import Any, Final, Literal, Self, TypedDict, Unpack

from watchword_client.clock import Clock, SystemClock
from watchword_client.collection import AsyncCollection, Collection, CollectionCalls
from watchword_client.drivers import AsyncDriver, BlockingDriver, open_async, open_blocking
from watchword_client.engine import Credentials, Engine, Listener, Request, read_json
from watchword_client.errors import setup_error
from watchword_client.flow import Flow
from watchword_client.models import Document, Result, result_of
from watchword_client.oauth import AsyncOAuth, OAuth, OAuthCalls
from watchword_client.orders import AsyncOrders, OrderCalls, Orders
from watchword_client.query import write_query
from watchword_client.retry import Retry
from watchword_client.rooms import AsyncRoom, Awaiting, Blocking, BlockingRoom
from watchword_client.session import session_from
from watchword_client.setup_checks import (
    find_base_url,
    find_trust,
    require_client_key,
    require_one_mode,
    require_path,
    require_secret_key,
    require_token,
)
from watchword_client.users import AsyncUsers, UserCalls, Users
from watchword_client.version import __version__


class Options(TypedDict, total=False):
    """What every client may be made with.

    ``base_url`` is where the server is; without it, the environment variable ``WATCHWORD_URL`` says so. It is HTTPS,
    but for a server on this machine. ``ca_file``, or ``WATCHWORD_CA_FILE``, names the authority of a development
    server; ``verify`` may be an ``ssl.SSLContext``, and False for a server on this machine. ``timeout`` bounds each
    wait for the server, in seconds: 30 unless given. ``retry`` says how often requests are sent again. ``clock`` is
    for tests.
    """

    base_url: str | None
    verify: bool | ssl.SSLContext
    ca_file: str | PathLike[str] | None
    timeout: float
    retry: Retry
    clock: Clock


_TIMEOUT_SECONDS: Final = 30.0


class RequestCalls:
    """Any other route of the server."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def request(
        self,
        method: Literal["GET", "POST", "PATCH", "PUT", "DELETE"],
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> Flow[Result[Document]]:
        """Send a request of one's own, such as ``GET /api/keys``, with everything that other calls have.

        What is neither ``GET`` nor sent with an ``Idempotency-Key`` is sent again only when it was not done.
        """
        own = dict(headers or {})
        repeatable = method == "GET" or any(name.lower() == "idempotency-key" for name in own)
        request = Request(
            method=method,
            path=f"{require_path(path)}{write_query(query or {})}",
            json=json,
            headers={name.lower(): value for name, value in own.items()},
            token=token,
            repeatable=repeatable,
        )
        reply = yield from self.engine.perform(request)
        return result_of(read_json(reply), reply.headers)


class Collections:
    """People and collections by their names: ``collections.users``, ``collections.products``."""

    def __init__(self, engine: Engine, driver: BlockingDriver) -> None:
        self.users = Users(UserCalls(engine), driver)
        self._engine = engine
        self._driver = driver

    def __getattr__(self, name: str) -> Collection:
        return Collection(CollectionCalls(self._engine, _slug(name)), self._driver)


class AsyncCollections:
    """People and collections by their names: ``collections.users``, ``collections.products``."""

    def __init__(self, engine: Engine, driver: AsyncDriver) -> None:
        self.users = AsyncUsers(UserCalls(engine), driver)
        self._engine = engine
        self._driver = driver

    def __getattr__(self, name: str) -> AsyncCollection:
        return AsyncCollection(CollectionCalls(self._engine, _slug(name)), self._driver)


class _Blocking(BlockingRoom[RequestCalls]):
    request = Blocking(RequestCalls.request)

    def __init__(self, engine: Engine, driver: BlockingDriver) -> None:
        super().__init__(RequestCalls(engine), driver)
        self.collections = Collections(engine, driver)
        self.oauth = OAuth(OAuthCalls(engine), driver)
        self._own_driver = driver

    def from_(self, slug: str) -> Collection:
        """Return a collection by its name."""
        return Collection(CollectionCalls(self._calls.engine, slug), self._own_driver)

    @property
    def base_url(self) -> str:
        """Where the server is."""
        return self._calls.engine.base_url

    def close(self) -> None:
        """Hang up."""
        self._own_driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"


class _Async(AsyncRoom[RequestCalls]):
    request = Awaiting(RequestCalls.request)

    def __init__(self, engine: Engine, driver: AsyncDriver) -> None:
        super().__init__(RequestCalls(engine), driver)
        self.collections = AsyncCollections(engine, driver)
        self.oauth = AsyncOAuth(OAuthCalls(engine), driver)
        self._own_driver = driver

    def from_(self, slug: str) -> AsyncCollection:
        """Return a collection by its name."""
        return AsyncCollection(CollectionCalls(self._calls.engine, slug), self._own_driver)

    @property
    def base_url(self) -> str:
        """Where the server is."""
        return self._calls.engine.base_url

    async def aclose(self) -> None:
        """Hang up."""
        await self._own_driver.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"


class Client(_Blocking):
    """A person's client: acts by a client key and, once somebody has signed in, by their session."""

    @property
    def token(self) -> str | None:
        """The session token of now; None when nobody is signed in."""
        session = self._calls.engine.sessions.current
        return None if session is None else session.token


class AsyncClient(_Async):
    """A person's client: acts by a client key and, once somebody has signed in, by their session."""

    @property
    def token(self) -> str | None:
        """The session token of now; None when nobody is signed in."""
        session = self._calls.engine.sessions.current
        return None if session is None else session.token


class ServerClient(_Blocking):
    """A server's client: acts by a secret key."""

    def __init__(self, engine: Engine, driver: BlockingDriver) -> None:
        super().__init__(engine, driver)
        self.api = Orders(OrderCalls(engine), driver)


class AsyncServerClient(_Async):
    """A server's client: acts by a secret key."""

    def __init__(self, engine: Engine, driver: AsyncDriver) -> None:
        super().__init__(engine, driver)
        self.api = AsyncOrders(OrderCalls(engine), driver)


def create_client(
    client_key: str | None = None,
    *,
    token: str | None = None,
    on_token_refresh: Listener | None = None,
    on_session_end: Listener | None = None,
    **options: Unpack[Options],
) -> Client:
    """Make the client of a person's program, which may be in anybody's hands.

    ``token`` takes up a session that was kept; ``on_token_refresh`` is told each new token of it, and
    ``on_session_end`` the error by which the server ended it, once.

    Raises:
        WatchwordError: a key or an option is missing or wrong; a secret key has no place here.
    """
    for listener in (on_token_refresh, on_session_end):
        if inspect.iscoroutinefunction(listener):
            raise setup_error("WRONG_LISTENER", "The listeners of a blocking client are plain functions, not async.")
    credentials = Credentials(client_key=require_client_key(client_key))
    engine = _engine(credentials, options, token, on_token_refresh, on_session_end)
    return Client(engine, _open_blocking(engine, options))


def create_async_client(
    client_key: str | None = None,
    *,
    token: str | None = None,
    on_token_refresh: Listener | None = None,
    on_session_end: Listener | None = None,
    **options: Unpack[Options],
) -> AsyncClient:
    """Make the same as ``create_client`` for asyncio; its listeners may be async functions."""
    credentials = Credentials(client_key=require_client_key(client_key))
    engine = _engine(credentials, options, token, on_token_refresh, on_session_end)
    return AsyncClient(engine, _open_async(engine, options))


def create_server_client(
    client_key: str | None = None, secret_key: str | None = None, **options: Unpack[Options]
) -> ServerClient:
    """Make the client of a server, where nobody else can read the secret key.

    Raises:
        WatchwordError: a key or an option is missing or wrong.
    """
    engine = _engine(_server_credentials(client_key, secret_key), options)
    return ServerClient(engine, _open_blocking(engine, options))


def create_async_server_client(
    client_key: str | None = None, secret_key: str | None = None, **options: Unpack[Options]
) -> AsyncServerClient:
    """Make the same as ``create_server_client`` for asyncio."""
    engine = _engine(_server_credentials(client_key, secret_key), options)
    return AsyncServerClient(engine, _open_async(engine, options))


def _server_credentials(client_key: str | None, secret_key: str | None) -> Credentials:
    public, secret = require_client_key(client_key), require_secret_key(secret_key)
    require_one_mode(public, secret)
    return Credentials(client_key=public, secret_key=secret)


def _engine(
    credentials: Credentials,
    options: Options,
    token: str | None = None,
    on_token_refresh: Listener | None = None,
    on_session_end: Listener | None = None,
) -> Engine:
    clock = options.get("clock") or SystemClock()
    return Engine(
        base_url=find_base_url(options.get("base_url"), os.environ),
        user_agent=f"watchword-client/{__version__}",
        credentials=credentials,
        retry=options.get("retry") or Retry(),
        clock=clock,
        session=session_from(require_token(token), now=clock.now()) if token else None,
        on_token_refresh=on_token_refresh,
        on_session_end=on_session_end,
    )


def _trust(engine: Engine, options: Options) -> bool | ssl.SSLContext:
    verify, ca_file = options.get("verify", True), options.get("ca_file")
    return find_trust(verify, ca_file, base_url=engine.base_url, environment=os.environ)


def _open_blocking(engine: Engine, options: Options) -> BlockingDriver:
    return open_blocking(
        clock=engine.clock, trust=_trust(engine, options), timeout=options.get("timeout", _TIMEOUT_SECONDS)
    )


def _open_async(engine: Engine, options: Options) -> AsyncDriver:
    return open_async(
        clock=engine.clock, trust=_trust(engine, options), timeout=options.get("timeout", _TIMEOUT_SECONDS)
    )


def _slug(name: str) -> str:
    """Return the name of a collection in paths: where Python wants an underscore, they have a dash."""
    if name.startswith("_"):
        raise AttributeError(name)
    return name.replace("_", "-")
