"""The log: one line per request, one per event, never a credential.

Lines are written by a thread of their own, so that a slow reader of the log holds no request. What is logged is
chosen field by field: the route's path and not the request's, no query, no header, no body.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import BinaryIO, Final, Literal, TypeVar

import msgspec

from watchword.clock import iso_timestamp

LogFormat = Literal["json", "console"]
LogLevel = Literal["debug", "info", "warning", "error"]
Key = TypeVar("Key")
Kept = TypeVar("Kept")

_RANKS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_LINES_MAX: Final = 100_000
"""Lines that may wait for a stuck reader; further ones are counted and dropped, and the count is logged."""

_FLUSH_SECONDS: Final = 0.05

_TEXTS_MAX: Final = 2048
"""Parts of lines that are kept rendered, of each kind: those of the callers that are busy now, at most some 1 MiB."""


class RequestLine(msgspec.Struct, frozen=True):
    """What the log tells of one request; ``now_ms`` is Unix time; ``request_id`` is ours and needs no escaping."""

    now_ms: int
    request_id: str
    method: str
    route: str
    status: int
    microseconds: int
    tenant: str
    caller: str
    credential: str
    reason: str


class Log:
    """Writes lines to a stream from a thread; ``close`` writes what waits."""

    def __init__(self, stream: BinaryIO, *, log_format: LogFormat = "json", level: LogLevel = "info") -> None:
        self._stream = stream
        self._format = log_format
        self._rank = _RANKS[level]
        self._tells_requests = self._rank <= _RANKS["info"]
        self._waiting: deque[str] = deque()
        self._dropped = 0
        self._writing = threading.Lock()
        self._request_texts = _RequestTexts(log_format)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def request(self, line: RequestLine) -> None:
        """Log a request; refusals and successes alike."""
        if self._tells_requests:
            self._put(self._request_texts.render(line))

    def event(self, level: LogLevel, event: str, now_ms: int, **fields: str | int) -> None:
        """Log something that happened; the fields hold no credential."""
        if self._rank <= _RANKS[level]:
            self._put(self._render_event({"at": iso_timestamp(now_ms), "level": level, "event": event, **fields}))

    def flush(self) -> None:
        """Write what waits now; any thread may call it, and finds all written that was logged before."""
        with self._writing:
            self._flush()

    def close(self) -> None:
        """Write what waits and stop the thread."""
        self._closing.set()
        self._thread.join()

    def _put(self, line: str) -> None:
        if len(self._waiting) >= _LINES_MAX:
            self._dropped += 1
            return
        self._waiting.append(line)

    def _run(self) -> None:
        while not self._closing.wait(_FLUSH_SECONDS):
            self.flush()
        self.flush()

    def _flush(self) -> None:
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            at = iso_timestamp(time.time_ns() // 1_000_000)
            fields = {"at": at, "level": "error", "event": "log.dropped", "lines": dropped}
            self._waiting.append(self._render_event(fields))
        if not self._waiting:
            return
        lines = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            self._stream.write("".join(lines).encode())
            self._stream.flush()
        except (OSError, ValueError):
            # A log that cannot be written must not take requests down with it; the next flush tries again.
            self._dropped += len(lines)

    def _render_event(self, fields: dict[str, object]) -> str:
        return _json_text(fields) + "\n" if self._format == "json" else _console_event(fields)


class _CallerPart(msgspec.Struct, frozen=True):
    """The part of a line that tells who called, and of whom it tells beside the credential."""

    tenant: str
    kind: str
    rendered: str


class _RequestTexts:
    """Writes the lines of requests out of parts that many of them share.

    Every request has a line, and little in it is its own: rendered whole, in batches, it took a fifth of an answer.
    """

    __slots__ = ("_begin", "_begin_ms", "_callers", "_ends", "_is_json", "_outcomes")

    def __init__(self, log_format: LogFormat) -> None:
        self._is_json = log_format == "json"
        self._begin_ms, self._begin = -1, ""
        self._outcomes: dict[tuple[str, str, int], str] = {}
        self._callers: dict[str, _CallerPart] = {}
        self._ends: dict[str, str] = {}

    def render(self, line: RequestLine) -> str:
        """Return the whole line."""
        if self._begin_ms != line.now_ms:
            self._begin_ms, self._begin = line.now_ms, self._render_begin(line.now_ms)
        outcome = self._outcomes.get((line.method, line.route, line.status))
        if outcome is None:
            outcome = _keep(self._outcomes, (line.method, line.route, line.status), self._render_outcome(line))
        caller = self._callers.get(line.credential)
        if caller is None or caller.tenant != line.tenant or caller.kind != line.caller:
            made = _CallerPart(line.tenant, line.caller, self._render_caller(line))
            caller = _keep(self._callers, line.credential, made)
        end = self._ends.get(line.reason)
        if end is None:
            end = _keep(self._ends, line.reason, self._render_end(line))
        return f"{self._begin}{line.request_id}{outcome}{line.microseconds}{caller.rendered}{end}"

    def _render_begin(self, now_ms: int) -> str:
        at = iso_timestamp(now_ms)
        if self._is_json:
            return f'{{"event":"request","level":"info","at":{_json_text(at)},"requestId":"'
        return f"{at} info    event=request requestId="

    def _render_outcome(self, line: RequestLine) -> str:
        if self._is_json:
            method, route = _json_text(line.method), _json_text(line.route)
            return f'","method":{method},"route":{route},"status":{line.status},"microseconds":'
        return f" method={_plain(line.method)} route={_plain(line.route)} status={line.status} microseconds="

    def _render_caller(self, line: RequestLine) -> str:
        if self._is_json:
            caller, credential = _json_text(line.caller), _json_text(line.credential)
            return f',"tenant":{_json_text(line.tenant)},"caller":{caller},"credential":{credential},"reason":'
        tenant = f" tenant={line.tenant}" if line.tenant else ""
        return f"{tenant} caller={line.caller} credential={line.credential}" if line.caller else tenant

    def _render_end(self, line: RequestLine) -> str:
        if self._is_json:
            return f"{_json_text(line.reason)}}}\n" if line.reason else '""}\n'
        return f" reason={_plain(line.reason)}\n" if line.reason else "\n"


def _keep(kept: dict[Key, Kept], key: Key, made: Kept) -> Kept:
    if len(kept) >= _TEXTS_MAX:
        kept.clear()
    kept[key] = made
    return made


def _console_event(fields: dict[str, object]) -> str:
    """Write a line for people: what is empty is left out, what could be misread stands in quotes."""
    rest = " ".join(
        f"{name}={_plain(value)}" for name, value in fields.items() if value != "" and name not in {"at", "level"}
    )
    return f"{fields['at']} {fields['level']:<7} {rest}\n"


def _plain(value: object) -> str:
    if not isinstance(value, str):
        return str(value)
    return value if value.isprintable() and " " not in value else _json_text(value)


def _json_text(value: object) -> str:
    return msgspec.json.encode(value).decode()
