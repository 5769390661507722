"""The feed of revocations as server-sent events (HTML Living Standard §9.2), for one tenant and mode.

A listener that comes for the first time is given all ends that a token could have outlived; one that comes back, all
that it missed. What is kept of a listener is its place in the stored feed: a slow one costs no memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from functools import partial
from typing import Final

import msgspec

from watchword.callers.call import Call
from watchword.callers.identify import Identifier
from watchword.callers.permissions import require_permission
from watchword.clock import Clock, iso_timestamp
from watchword.db.database import Database
from watchword.errors import RateLimitExceededError, UnavailableError, WatchwordError
from watchword.revocations.models import FeedQuery, RevocationData, StoredEntry
from watchword.revocations.queries import get_bounds, list_entries
from watchword.revocations.watch import Listener, RevocationWatch
from watchword.wire.response import NO_STORE, Response, StreamingResponse

FEED_PERMISSION: Final = "revocations:read"

LISTENERS_MAX: Final = 50
"""Connections of one tenant to one process: a service has one for each of its processes."""

_COME_AGAIN_SECONDS: Final = 10
_BEAT_SECONDS: Final = 5.0
"""How often a listener hears that it has everything, where nothing ends."""

_PROVE_SECONDS: Final = 1.0
"""How often the credential that opened a connection is proved again."""

_DIGITS_MAX: Final = 19
"""Those of the largest number that a database holds; Python refuses to read thousands."""

_PAGE: Final = 100
_LINES: Final = b"content-type: text/event-stream\r\n" + NO_STORE + b"x-accel-buffering: no\r\n"
_RETRY: Final = b"retry: 1000\n\n"
_RESET: Final = b"event: reset\ndata: {}\n\n"


class RevocationFeed:
    """The handler of the feed."""

    def __init__(self, database: Database, watch: RevocationWatch, identifier: Identifier, clock: Clock) -> None:
        self._database = database
        self._watch = watch
        self._identifier = identifier
        self._clock = clock

    async def answer(self, call: Call) -> Response:
        """Open the feed.

        Raises:
            RateLimitExceededError: the tenant has as many connections as it may have.
            UnavailableError: the database cannot be asked, or the server stops.
        """
        query: FeedQuery = call.query
        if self._watch.is_stopping:
            raise UnavailableError(cause="the server stops")
        if query.follow and self._watch.count(call.tenant_id) >= LISTENERS_MAX:
            raise RateLimitExceededError(_COME_AGAIN_SECONDS, cause="as many listeners as a tenant may have")
        place = await self._find_place(call)
        parts = self._follow if query.follow else self._catch_up
        return StreamingResponse(200, b"", _LINES, parts=partial(parts, call, place))

    async def _find_place(self, call: Call) -> _Place:
        bounds = await get_bounds(self._database)
        last = call.request.header(b"last-event-id")
        if not last:
            return _Place(after=0, until=bounds.last, is_new=True, is_lost=False)
        is_number = last.isascii() and last.isdigit() and len(last) <= _DIGITS_MAX
        if is_number and bounds.first <= int(last) <= bounds.last:
            return _Place(after=int(last), until=bounds.last, is_new=False, is_lost=False)
        # What lay between may be deleted by now, or the database is another one: all is to be forgotten.
        return _Place(after=0, until=bounds.last, is_new=True, is_lost=True)

    async def _catch_up(self, call: Call, place: _Place) -> AsyncGenerator[bytes, None]:
        if place.is_lost:
            yield _RESET
        while entries := await self._read(call, place):
            yield b"".join(map(_event, entries))
        place.go_to(place.until)
        yield self._current(place)

    async def _follow(self, call: Call, place: _Place) -> AsyncGenerator[bytes, None]:
        if self._watch.count(call.tenant_id) >= LISTENERS_MAX:
            # Others who came at the same moment were faster; whoever comes again is told so.
            return
        with self._watch.listen(call.tenant_id) as listener:
            yield _RETRY + (_RESET if place.is_lost else b"")
            async for part in self._follow_as(call, place, listener):
                yield part

    async def _follow_as(self, call: Call, place: _Place, listener: Listener) -> AsyncGenerator[bytes, None]:
        loop = asyncio.get_running_loop()
        beat_at = loop.time()
        while not self._watch.is_stopping:
            listener.clear()
            seen = self._watch.seen
            try:
                if not await self._is_let_in(call):
                    return
                entries = await self._read(call, place)
            except UnavailableError:
                await asyncio.sleep(_PROVE_SECONDS)
                continue
            if entries:
                yield b"".join(map(_event, entries))
            if len(entries) == _PAGE:
                continue
            if place.is_new:
                place.go_to(place.until)
                continue
            place.go_to(seen)
            if entries or (self._watch.is_fresh() and loop.time() >= beat_at):
                beat_at = loop.time() + _BEAT_SECONDS
                yield self._current(place)
            await listener.wait(_PROVE_SECONDS)

    async def _read(self, call: Call, place: _Place) -> list[StoredEntry]:
        entries = await list_entries(
            self._database,
            call.tenant_id,
            call.mode,
            after=place.after,
            limit=_PAGE,
            outlived_only=place.is_new,
        )
        if place.is_new:
            entries = [entry for entry in entries if entry.number <= place.until]
        if entries:
            place.after = entries[-1].number
        return entries

    async def _is_let_in(self, call: Call) -> bool:
        """Say whether the credential that opened the connection still would.

        Raises:
            UnavailableError: the database cannot be asked.
        """
        now_ms = self._clock.now_ms()
        try:
            identity = await self._identifier.identify_again(call.request, now_ms)
            if identity is None:
                return False
            require_permission(identity.caller, FEED_PERMISSION, public=False)
        except UnavailableError:
            raise
        except WatchwordError:
            return False
        return (identity.caller.tenant_id, identity.caller.mode) == (call.tenant_id, call.mode)

    def _current(self, place: _Place) -> bytes:
        at = iso_timestamp(self._clock.now_ms())
        return b'event: current\nid: %d\ndata: {"at":"%b"}\n\n' % (place.after, at.encode())


class _Place:
    """How far a listener has read.

    Shapes: ``after`` is the last number that it has; up to ``until`` one that is new is told of ends only that a token
    could have outlived.
    """

    __slots__ = ("after", "is_lost", "is_new", "until")

    def __init__(self, *, after: int, until: int, is_new: bool, is_lost: bool) -> None:
        self.after = after
        self.until = until
        self.is_new = is_new
        self.is_lost = is_lost

    def go_to(self, number: int) -> None:
        """Note that there is nothing more for this listener up to a number."""
        self.after = max(self.after, number)
        self.is_new = False


def _event(entry: StoredEntry) -> bytes:
    data = RevocationData(entry.kind, entry.id, iso_timestamp(entry.at_ms), entry.user_id, entry.mode)
    name = b"ended" if entry.is_end else b"changed"
    return b"event: %b\nid: %d\ndata: %b\n\n" % (name, entry.number, msgspec.json.encode(data))
