"""The steps of which every call is made, described and not done: a driver does them, waiting or not.

A flow is a generator that yields steps and is sent what came of each. All decisions are made in flows, so that the
blocking and the asynchronous client differ in nothing but how they wait.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast

T = TypeVar("T")


@dataclass(frozen=True)
class Outgoing:
    """One HTTP request, ready to be sent."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes | None = field(repr=False, default=None)


@dataclass(frozen=True)
class Reply:
    """An answer; ``headers`` have names in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Failure:
    """No answer came; ``may_have_arrived`` says whether the server can have done what was asked."""

    code: Literal["NETWORK_ERROR", "TIMEOUT", "CERTIFICATE_NOT_TRUSTED"]
    may_have_arrived: bool
    cause: Exception = field(repr=False)


@dataclass(frozen=True)
class Send:
    """Send a request."""

    outgoing: Outgoing


@dataclass(frozen=True)
class Wait:
    """Let time pass."""

    seconds: float


@dataclass(frozen=True)
class Alone:
    """Run a flow while no other thread or task of this client runs one alone."""

    flow: Generator[Any, Any, object]


@dataclass(frozen=True)
class Tell:
    """Call a function of the application."""

    listener: Callable[[Any], object]
    news: object = field(repr=False)


Step = Send | Wait | Alone | Tell
Flow = Generator[Step, Any, T]
"""What a call does until it returns a value; the driver sends what came of each step."""


def send(outgoing: Outgoing) -> Flow[Reply | Failure]:
    """Send a request and get its answer, or why none came."""
    return cast("Reply | Failure", (yield Send(outgoing)))


def wait(seconds: float) -> Flow[None]:
    """Let time pass."""
    yield Wait(seconds)


def alone(flow: Flow[T]) -> Flow[T]:
    """Run a flow while no other of this client runs alone, and get what it returns."""
    return cast("T", (yield Alone(flow)))


def tell(listener: Callable[[Any], object] | None, news: object) -> Flow[None]:
    """Tell the application, where it listens."""
    if listener is not None:
        yield Tell(listener, news)
