"""Plain WSGI middleware: whoever reaches the application is in ``environ["watchword.caller"]``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from watchword_client.protect.caller import Caller
from watchword_client.protect.gate import Gate
from watchword_client.protect.protection import Protection
from watchword_client.protect.refusal import Refusal

__all__ = ["CALLER", "ProtectMiddleware", "identify_environ"]

CALLER: Final = "watchword.caller"

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class ProtectMiddleware(Gate[Application]):
    """Lets in requests whose caller is known and holds the scopes: ``app = ProtectMiddleware(app, protection)``.

    ``open_paths`` are served to everybody, exactly as they are written.
    """

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        if environ.get("PATH_INFO", "") not in self._open_paths:
            try:
                environ[CALLER] = identify_environ(self._protection, environ, self._scopes)
            except Refusal as refusal:
                status, headers, body = self._protection.answer_to(refusal)
                start_response(f"{status} {HTTPStatus(status).phrase}", list(headers.items()))
                return [body]
        return self._app(environ, start_response)


def identify_environ(protection: Protection, environ: Environ, scopes: Iterable[str] = ()) -> Caller:
    """Return who sends a request, who holds these scopes.

    Raises:
        Refusal: nobody who is let in.
    """
    headers = [
        (name.removeprefix("HTTP_").replace("_", "-"), str(value))
        for name, value in environ.items()
        if name.startswith("HTTP_")
    ]
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    caller = protection.identify(
        headers,
        address=environ.get("REMOTE_ADDR"),
        method=environ.get("REQUEST_METHOD", ""),
        # A path comes decoded, each byte as a character (PEP 3333).
        path=quote(path.encode("latin-1")),
    )
    protection.require(caller, *scopes)
    return caller
