"""What the server told of ends, and what is refused or forgotten because of it."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

_KEPT_MAX: Final = 100_000
"""Ends that are known one by one, some 20 MiB; of more, all that was made before the older half is refused."""

_LONGEST_TOKEN_SECONDS: Final = 86_400 + 3_600
"""Beyond this no token can be older, and its end need not be known."""

_OF_TOKENS: Final = frozenset({"token", "grant", "client", "user", "member", "tenant", "all_sessions"})
_NARROWING: Final = frozenset({"grant", "client"})
"""What scopes can be taken from; of a key, the grants that were made from it are told."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the feed."""

    name: str
    id: str
    data: Mapping[str, Any]


class Ends:
    """What ended; safe to be used by any number of threads.

    ``on_forget`` is called with each end and change; ``turn`` grows with each, so that what was asked before it is
    known for old.
    """

    def __init__(self, *, on_forget: Callable[[Event], None], monotonic: Callable[[], float]) -> None:
        self._on_forget = on_forget
        self._monotonic = monotonic
        self._door = threading.Lock()
        self._ended: dict[tuple[str, str], float] = {}
        self._floor_s = -math.inf
        self._changed: dict[tuple[str, str], float] = {}
        self._changed_floor_s = -math.inf
        self._heard_at = -math.inf
        self.turn = 0
        self.last_id = ""

    def silent_seconds(self) -> float:
        """Return how long nothing was heard that says that all is known; infinite before the first time."""
        return self._monotonic() - self._heard_at

    def take(self, event: Event) -> None:
        """Take in one event."""
        with self._door:
            self._take(event)
        if event.name != "current":
            self.turn += 1
            self._on_forget(event)

    def is_ended(self, claims: Mapping[str, Any]) -> bool:
        """Say whether something that a signed token hangs on ended after it was made."""
        return _is_told(claims, self._ended, self._floor_s)

    def is_changed(self, claims: Mapping[str, Any]) -> bool:
        """Say whether something changed after a signed token was made that may have narrowed its scopes."""
        return _is_told(claims, self._changed, self._changed_floor_s)

    def _take(self, event: Event) -> None:
        if event.name == "reset":
            # No token lives as long as the feed is kept, so nothing that was missed concerns one.
            self._ended.clear()
            self._changed.clear()
            self._heard_at = -math.inf
            return
        if event.id:
            self.last_id = event.id
        if event.name == "current":
            self._heard_at = self._monotonic()
            return
        kind = str(event.data.get("kind", ""))
        if event.name == "ended" and kind in _OF_TOKENS:
            # One feed is one tenant's, whose id a token does not carry.
            id_ = "" if kind == "tenant" else str(event.data.get("id", ""))
            self._ended[kind, id_] = _seconds_of(event.data.get("at"))
            if len(self._ended) > _KEPT_MAX:
                self._drop_half()
        elif event.name == "changed" and kind in _NARROWING:
            self._changed[kind, str(event.data.get("id", ""))] = _seconds_of(event.data.get("at"))
            if len(self._changed) > _KEPT_MAX:
                self._changed_floor_s = max(self._changed.values())
                self._changed.clear()

    def _drop_half(self) -> None:
        newest = max(self._ended.values())
        kept = {name: at for name, at in self._ended.items() if at > newest - _LONGEST_TOKEN_SECONDS}
        if len(kept) > _KEPT_MAX // 2:
            oldest_first = sorted(kept.items(), key=lambda entry: entry[1])
            dropped, rest = oldest_first[: -_KEPT_MAX // 2], oldest_first[-_KEPT_MAX // 2 :]
            self._floor_s = max(self._floor_s, dropped[-1][1])
            kept = dict(rest)
        self._ended = kept


class EventReader:
    """Reads a stream of server-sent events (HTML Living Standard §9.2.6) from pieces of any length."""

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._id = ""
        self._data: list[str] = []

    def feed(self, piece: bytes) -> list[Event]:
        """Take the next piece and return the events that it completes."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        events = []
        for line in lines:
            text = line.removesuffix(b"\r").decode("utf-8", "replace")
            if text:
                self._read(text)
            elif self._data:
                events.append(Event(self._name, self._id, _object("\n".join(self._data))))
                self._name, self._data = "", []
        return events

    def _read(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        elif name == "id":
            self._id = value
        elif name == "data":
            self._data.append(value)


def _is_told(claims: Mapping[str, Any], told: Mapping[tuple[str, str], float], floor_s: float) -> bool:
    """Say whether something that a token hangs on is among what was told, and was told after the token was made."""
    issued_at = float(claims["iat"])
    if issued_at <= floor_s:
        return True
    subject = str(claims["sub"])
    named = [("token", str(claims["jti"])), ("client", str(claims["client_id"])), ("tenant", "")]
    if claims.get("grant") is not None:
        named.append(("grant", str(claims["grant"])))
    if subject != claims["client_id"]:
        named += [("user", subject), ("member", subject), ("all_sessions", "")]
    return any(issued_at <= told.get(name, -math.inf) for name in named)


def _object(text: str) -> Mapping[str, Any]:
    content = json.loads(text)
    return content if isinstance(content, dict) else {}


def _seconds_of(at: object) -> float:
    """Read a time; what cannot be read counts as now and for ever, so that nothing is let in for it."""
    try:
        return datetime.fromisoformat(str(at)).timestamp()
    except ValueError:
        return math.inf
