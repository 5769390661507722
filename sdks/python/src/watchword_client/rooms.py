"""How one description of a call becomes a method of both clients: what it takes and returns is written once.

A class of calls (``CollectionCalls``) has methods that return flows. The rooms beside it name the methods that they
offer, blocking or awaiting; signature and docstring come from the call.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

from watchword_client.flow import Flow

P = ParamSpec("P")
T = TypeVar("T")
V = TypeVar("V")
Calls = TypeVar("Calls")


class Runs(Protocol):
    """Does flows and waits for them."""

    def run(self, flow: Flow[V]) -> V:
        """Return what the flow returns."""


class RunsAsync(Protocol):
    """Does flows in the task that awaits them."""

    async def run(self, flow: Flow[V]) -> V:
        """Return what the flow returns."""


class BlockingRoom(Generic[Calls]):
    """Calls of one kind, each of which blocks until it is answered."""

    def __init__(self, calls: Calls, driver: Runs) -> None:
        self._calls = calls
        self._driver = driver


class AsyncRoom(Generic[Calls]):
    """Calls of one kind, each of which is awaited."""

    def __init__(self, calls: Calls, driver: RunsAsync) -> None:
        self._calls = calls
        self._driver = driver


class Blocking(Generic[P, T]):
    """A method of a blocking room."""

    def __init__(self, call: Callable[Concatenate[Any, P], Flow[T]]) -> None:
        self._call = call

    def __get__(self, room: BlockingRoom[Any], owner: type) -> Callable[P, T]:
        """Bind the call to the room's driver."""
        calls, driver = room._calls, room._driver  # noqa: SLF001 - a method of the room

        @functools.wraps(MethodType(self._call, calls))
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            return driver.run(self._call(calls, *args, **kwargs))

        return call


class Awaiting(Generic[P, T]):
    """A method of an asynchronous room."""

    def __init__(self, call: Callable[Concatenate[Any, P], Flow[T]]) -> None:
        self._call = call

    def __get__(self, room: AsyncRoom[Any], owner: type) -> Callable[P, Awaitable[T]]:
        """Bind the call to the room's driver."""
        calls, driver = room._calls, room._driver  # noqa: SLF001 - a method of the room

        @functools.wraps(MethodType(self._call, calls))
        async def call(*args: P.args, **kwargs: P.kwargs) -> T:
            return await driver.run(self._call(calls, *args, **kwargs))

        return call
