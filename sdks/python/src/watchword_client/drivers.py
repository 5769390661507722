"""The two ways to do a flow's steps: blocking a thread, or awaiting in a task. The one home of the HTTP library."""

from __future__ import annotations

import inspect
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, TypeVar, cast

import anyio
import httpx2

from watchword_client.clock import Clock
from watchword_client.errors import WatchwordError, refusal, setup_error
from watchword_client.flow import Alone, Failure, Flow, Outgoing, Reply, Send, Step, Tell, Wait

T = TypeVar("T")

_IDLE_SECONDS: Final = 4.0
"""How long a connection is kept for the next request: less than the five seconds after which servers hang up."""

_OK: Final = 200


class BlockingDriver:
    """Does steps in the calling thread."""

    def __init__(self, http: httpx2.Client, clock: Clock) -> None:
        self._http = http
        self._clock = clock
        self._lock = threading.Lock()

    def run(self, flow: Flow[T]) -> T:
        """Do all steps of a flow and return what it returns."""
        try:
            step = next(flow)
            while True:
                try:
                    came = self._do(step)
                except WatchwordError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(came)
        except StopIteration as end:
            return cast("T", end.value)

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def _do(self, step: Step) -> object:
        match step:
            case Send(outgoing):
                return self._send(outgoing)
            case Wait(seconds):
                self._clock.sleep(seconds)
            case Alone(flow):
                with self._lock:
                    return self.run(flow)
            case Tell(listener, news):
                _require_told(listener(news))
        return None

    def _send(self, outgoing: Outgoing) -> Reply | Failure:
        try:
            answer = self._http.request(
                outgoing.method, outgoing.url, content=outgoing.content, headers=dict(outgoing.headers)
            )
        except httpx2.RequestError as error:
            return _failure(error)
        return _reply(answer)


class AsyncDriver:
    """Does steps in the calling task."""

    def __init__(self, http: httpx2.AsyncClient, clock: Clock) -> None:
        self._http = http
        self._clock = clock
        self._lock = anyio.Lock()

    async def run(self, flow: Flow[T]) -> T:
        """Do all steps of a flow and return what it returns."""
        try:
            step = next(flow)
            while True:
                try:
                    came = await self._do(step)
                except WatchwordError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(came)
        except StopIteration as end:
            return cast("T", end.value)

    async def aclose(self) -> None:
        """Hang up."""
        await self._http.aclose()

    async def _do(self, step: Step) -> object:
        match step:
            case Send(outgoing):
                return await self._send(outgoing)
            case Wait(seconds):
                await self._clock.sleep_async(seconds)
            case Alone(flow):
                async with self._lock:
                    return await self.run(flow)
            case Tell(listener, news):
                told = listener(news)
                if inspect.isawaitable(told):
                    await told
        return None

    async def _send(self, outgoing: Outgoing) -> Reply | Failure:
        try:
            answer = await self._http.request(
                outgoing.method, outgoing.url, content=outgoing.content, headers=dict(outgoing.headers)
            )
        except httpx2.RequestError as error:
            return _failure(error)
        return _reply(answer)


def open_blocking(*, clock: Clock, trust: bool | ssl.SSLContext, timeout: float) -> BlockingDriver:
    """Open a driver with a pool of connections of its own."""
    return BlockingDriver(httpx2.Client(verify=trust, timeout=timeout, limits=_limits()), clock)


def open_async(*, clock: Clock, trust: bool | ssl.SSLContext, timeout: float) -> AsyncDriver:
    """Open a driver with a pool of connections of its own."""
    return AsyncDriver(httpx2.AsyncClient(verify=trust, timeout=timeout, limits=_limits()), clock)


def _limits() -> httpx2.Limits:
    return httpx2.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=_IDLE_SECONDS)


@contextmanager
def open_events(
    url: str, headers: Mapping[str, str], *, trust: bool | ssl.SSLContext, silence_seconds: float
) -> Iterator[Iterator[bytes]]:
    """Open an answer that goes on and give what comes in pieces; one that is silent for long is given up.

    Raises:
        WatchwordError: it was refused, or could not be had.
    """
    timeout = httpx2.Timeout(silence_seconds)
    try:
        with (
            httpx2.Client(verify=trust, timeout=timeout) as http,
            http.stream("GET", url, headers=dict(headers)) as answer,
        ):
            if answer.status_code != _OK:
                raise refusal(answer.status_code, _reply_headers(answer), answer.read(), now=0)
            yield answer.iter_raw()
    except httpx2.RequestError as error:
        raise WatchwordError("The events do not come.", code=_failure(error).code, name="NetworkError") from error


def _reply(answer: httpx2.Response) -> Reply:
    return Reply(answer.status_code, _reply_headers(answer), answer.content)


def _reply_headers(answer: httpx2.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}


def _failure(error: httpx2.RequestError) -> Failure:
    never_left = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
    if _is_about_certificate(error):
        return Failure("CERTIFICATE_NOT_TRUSTED", may_have_arrived=False, cause=error)
    if isinstance(error, httpx2.TimeoutException):
        return Failure("TIMEOUT", may_have_arrived=not never_left, cause=error)
    return Failure("NETWORK_ERROR", may_have_arrived=not never_left, cause=error)


def _is_about_certificate(error: BaseException) -> bool:
    """Look through the causes: the HTTP library keeps TLS's own error at the bottom of them."""
    inner = error.__cause__ or error.__context__
    return isinstance(error, ssl.SSLCertVerificationError) or (inner is not None and _is_about_certificate(inner))


def _require_told(came: object) -> None:
    """Refuse what would have to be awaited: nobody here can."""
    if not inspect.isawaitable(came):
        return
    if inspect.iscoroutine(came):
        came.close()
    raise setup_error("WRONG_LISTENER", "The listeners of a blocking client are plain functions, not async ones.")
