"""The log: whole lines, in order, never in the way."""

from __future__ import annotations

import io
import json
import threading

import pytest

from watchword import observe
from watchword.observe import Log, LogFormat, RequestLine

NOW = 1_767_780_000_000
LINE = RequestLine(NOW, "req_1", "GET", "/api/users/me", 200, 42, "ten_1", "user", "ses_1", "")


class BrokenStream(io.BytesIO):
    broken = True

    def write(self, data: object) -> int:
        if self.broken:
            raise OSError(28, "No space left on device")
        return super().write(data)  # type: ignore[arg-type]


def written(log_format: LogFormat, *, level: observe.LogLevel = "info") -> list[str]:
    stream = io.BytesIO()
    log = Log(stream, log_format=log_format, level=level)
    log.request(LINE)
    log.event("warning", "thing.happened", NOW, message='two words\n{"event":"forged"}', count=3)
    log.close()
    return stream.getvalue().decode().splitlines()


def test_json_lines() -> None:
    """Each line is one JSON object; a line break in a value cannot begin a line of its own."""
    request, event = [json.loads(line) for line in written("json")]
    assert request == {
        "at": "2026-01-07T10:00:00.000Z",
        "level": "info",
        "event": "request",
        "requestId": "req_1",
        "method": "GET",
        "route": "/api/users/me",
        "status": 200,
        "microseconds": 42,
        "tenant": "ten_1",
        "caller": "user",
        "credential": "ses_1",
        "reason": "",
    }
    assert event["message"] == 'two words\n{"event":"forged"}'


def test_console_lines() -> None:
    """The console form is one line each too, with odd values in quotes."""
    request, event = written("console")
    assert request == (
        "2026-01-07T10:00:00.000Z info    event=request requestId=req_1 method=GET route=/api/users/me"
        " status=200 microseconds=42 tenant=ten_1 caller=user credential=ses_1"
    )
    assert event.endswith(r'message="two words\n{\"event\":\"forged\"}" count=3')


def test_console_line_of_a_stranger() -> None:
    """What is empty is left out, and nothing that a stranger sent or caused can begin a field of its own."""
    stream = io.BytesIO()
    log = Log(stream, log_format="console")
    log.request(RequestLine(NOW, "req_1", "GE T=x", "(no route)", 404, 7, "", "", "", "NOT_FOUND: a\nb"))
    log.close()
    assert stream.getvalue().decode() == (
        '2026-01-07T10:00:00.000Z info    event=request requestId=req_1 method="GE T=x" route="(no route)"'
        ' status=404 microseconds=7 reason="NOT_FOUND: a\\nb"\n'
    )


@pytest.mark.parametrize(("level", "lines"), [("debug", 2), ("info", 2), ("warning", 1), ("error", 0)])
def test_level_leaves_out_what_is_below(level: observe.LogLevel, lines: int) -> None:
    """A level keeps itself and what is above."""
    assert len(written("json", level=level)) == lines


def test_full_queue_drops_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the reader is stuck, lines are dropped and their number is told; requests go on."""
    monkeypatch.setattr(observe, "_LINES_MAX", 2)
    monkeypatch.setattr(observe, "_FLUSH_SECONDS", 60)
    stream = io.BytesIO()
    log = Log(stream)
    for _ in range(5):
        log.request(LINE)
    log.close()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["request", "request", "log.dropped"]
    assert lines[-1]["lines"] == 3


def test_unwritable_log_takes_nothing_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk loses lines, counts them, and the log goes on when there is room again."""
    monkeypatch.setattr(observe, "_FLUSH_SECONDS", 60)
    stream = BrokenStream()
    log = Log(stream)
    log.request(LINE)
    log.flush()
    stream.broken = False
    log.request(LINE)
    log.close()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["event"], line.get("lines")) for line in lines] == [("request", None), ("log.dropped", 1)]


def test_threads_that_flush_at_once_lose_no_line() -> None:
    """Whichever thread writes what waits, each line is written once and in its order."""
    stream = io.BytesIO()
    log = Log(stream)

    def flush() -> None:
        for _ in range(2_000):
            log.flush()

    flushing = [threading.Thread(target=flush) for _ in range(3)]
    for thread in flushing:
        thread.start()
    for number in range(2_000):
        log.event("info", "counted", 0, number=number)
    for thread in flushing:
        thread.join()
    log.close()
    assert [json.loads(line)["number"] for line in stream.getvalue().splitlines()] == list(range(2_000))
