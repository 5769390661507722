"""Errors as bytes: the first document's shape under ``/api``, RFC 6749 §5.2 under ``/oauth``. Nobody else writes one."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from watchword.errors import WatchwordError
from watchword.wire.response import Response, header_line, json_response
from watchword.wire.routes import ErrorStyle

_LINES_OF_THE_UNREAD: Final = (
    b"x-content-type-options: nosniff\r\nreferrer-policy: no-referrer\r\n"
    b"content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n"
)

_NOT_DESCRIBING: Final = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")
"""What an ``error_description`` never holds (RFC 6749 §5.2), though a name that came along may."""


def problem_response(error: WatchwordError, style: ErrorStyle = "document") -> Response:
    """Answer with an error; its private cause stays out."""
    if error.extensions or error.message != error.sentence:
        return _render(error, style)
    # A refusal must not cost more than what it refuses: those without anything of their own are rendered once.
    rendered = _render_plain(type(error), error.headers, style)  # type: ignore[arg-type] # a class is hashable, whatever its instances are
    return Response(rendered.status, rendered.body, rendered.lines)


def unread_request_response(error: WatchwordError, request_id: str) -> Response:
    """Answer bytes that never became a request, with the lines that every other answer carries."""
    response = problem_response(error)
    response.lines += _LINES_OF_THE_UNREAD + header_line("x-request-id", request_id)
    return response


@lru_cache(maxsize=256)
def _render_plain(kind: type[WatchwordError], headers: tuple[tuple[str, str], ...], style: ErrorStyle) -> Response:
    error = WatchwordError.__new__(kind)
    WatchwordError.__init__(error, headers=headers)
    return _render(error, style)


def _render(error: WatchwordError, style: ErrorStyle) -> Response:
    lines = b"".join(header_line(name, value) for name, value in error.headers)
    if style == "oauth":
        body: object = {"error": error.oauth_code, "error_description": _NOT_DESCRIBING.sub("?", error.message)}
    else:
        extensions = {"code": error.code, **error.extensions}
        body = {"errors": [{"message": error.message, "name": error.name, "extensions": extensions}]}
    return json_response(error.status, body, lines=lines)
