"""Errors as bytes: the first document's shape under ``/api``, RFC 6749 §5.2 under ``/oauth``. Nobody else writes one."""

from __future__ import annotations

from watchword.errors import WatchwordError
from watchword.wire.response import Response, header_line, json_response
from watchword.wire.routes import ErrorStyle


def problem_response(error: WatchwordError, style: ErrorStyle = "document") -> Response:
    """Answer with an error; its private cause stays out."""
    lines = b"".join(header_line(name, value) for name, value in error.headers)
    if style == "oauth":
        body: object = {"error": error.code.lower(), "error_description": error.message}
    else:
        extensions = {"code": error.code, **error.extensions}
        body = {"errors": [{"message": error.message, "name": error.name, "extensions": extensions}]}
    return json_response(error.status, body, lines=lines)


def raw_problem(error: WatchwordError) -> bytes:
    """Return the body of an error in the document's shape, for places that answer before a request exists."""
    return problem_response(error).body
