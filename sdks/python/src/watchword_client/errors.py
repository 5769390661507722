"""What goes wrong, as one class: what the server refused, what never reached it, and what was set up wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final

_TOLD_ELSEWHERE: Final = frozenset({"code", "fields", "retryAfter"})


@dataclass(frozen=True)
class FieldFault:
    """One field that the server did not take, and why."""

    path: str
    message: str


class WatchwordError(Exception):
    """Every error of this package; its text is the server's own sentence, for people.

    Attributes:
        message: the sentence.
        code: stable, for programs: the server's (``FORBIDDEN``, ``invalid_grant``), or one of this package
            (``NETWORK_ERROR``, ``TIMEOUT``, ``CERTIFICATE_NOT_TRUSTED``, ``MISSING_KEY``, ``WRONG_KEY`` …).
        name: the kind of error in one word, such as ``Forbidden``, ``NetworkError`` or ``SetupError``.
        status: the HTTP status; None when no answer came or none was asked for.
        request_id: by which the operator finds the request again.
        retry_after_seconds: how long to wait before the next try, where the server said so.
        fields: the fields that were not taken.
        extensions: what else the server says of the error, such as ``allowed`` beside ``STATUS_JUMP``.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        name: str,
        status: int | None = None,
        request_id: str | None = None,
        retry_after_seconds: int | None = None,
        fields: tuple[FieldFault, ...] = (),
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.name = name
        self.status = status
        self.request_id = request_id
        self.retry_after_seconds = retry_after_seconds
        self.fields = fields
        self.extensions = dict(extensions or {})

    def __reduce__(self) -> tuple[Any, ...]:
        """Let it be copied, and sent to another process."""
        parts = {name: value for name, value in vars(self).items() if name != "message"}
        return partial(type(self), **parts), (self.message,)

    def __repr__(self) -> str:
        return f"WatchwordError({self.message!r}, code={self.code!r}, status={self.status!r})"


def setup_error(code: str, message: str) -> WatchwordError:
    """Make an error of the set-up, which no request can mend."""
    return WatchwordError(message, code=code, name="SetupError")


def refusal(status: int, headers: Mapping[str, str], body: bytes, *, now: float) -> WatchwordError:
    """Read an answer that is no success; ``headers`` have names in lower case, ``now`` is in Unix seconds."""
    content = _read_object(body)
    first = _first_error(content)
    extensions = _object(first.get("extensions"))
    oauth_code = content.get("error")
    stated = first.get("message") or content.get("error_description") or content.get("message")
    return WatchwordError(
        str(stated or f"The server answered with status {status} and no sentence of its own."),
        code=str(extensions.get("code") or oauth_code or f"HTTP_{status}"),
        name=str(first.get("name") or ("OAuthError" if oauth_code else "HttpError")),
        status=status,
        request_id=headers.get("x-request-id"),
        retry_after_seconds=_retry_after_seconds(headers.get("retry-after"), extensions.get("retryAfter"), now=now),
        fields=_read_faults(extensions.get("fields")),
        extensions={name: value for name, value in extensions.items() if name not in _TOLD_ELSEWHERE},
    )


def _read_object(body: bytes) -> dict[str, Any]:
    try:
        return _object(json.loads(body))
    except ValueError:
        return {}


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _first_error(content: dict[str, Any]) -> dict[str, Any]:
    errors = content.get("errors")
    return _object(errors[0]) if isinstance(errors, list) and errors else {}


def _read_faults(fields: object) -> tuple[FieldFault, ...]:
    listed = fields if isinstance(fields, list) else []
    return tuple(
        FieldFault(str(fault.get("path", "")), str(fault.get("message", "")))
        for fault in listed
        if isinstance(fault, dict)
    )


def _retry_after_seconds(header: str | None, stated: object, *, now: float) -> int | None:
    """Read ``Retry-After``, seconds or a date (RFC 9110 §10.2.3), else what the body says."""
    if header is not None and header.strip().isdecimal():
        return int(header)
    if header is not None:
        try:
            return max(0, int(parsedate_to_datetime(header).timestamp() - now))
        except ValueError:
            pass
    return stated if isinstance(stated, int) else None
