"""Plain ASGI middleware: whoever reaches the application is in ``scope["watchword.caller"]``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final
from urllib.parse import quote

from watchword_client.protect.caller import Caller
from watchword_client.protect.gate import Gate
from watchword_client.protect.protection import Protection
from watchword_client.protect.refusal import Refusal

__all__ = ["CALLER", "ProtectMiddleware", "identify_scope", "send_refusal"]

CALLER: Final = "watchword.caller"

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class ProtectMiddleware(Gate[Application]):
    """Lets in requests whose caller is known and holds the scopes: ``app = ProtectMiddleware(app, protection)``.

    ``open_paths`` are served to everybody, exactly as they are written.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan" or scope.get("path") in self._open_paths:
            await self._app(scope, receive, send)
            return
        try:
            scope[CALLER] = await identify_scope(self._protection, scope, self._scopes)
        except Refusal as refusal:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            await send_refusal(self._protection, refusal, send)
            return
        await self._app(scope, receive, send)


async def identify_scope(protection: Protection, scope: Scope, scopes: Iterable[str] = ()) -> Caller:
    """Return who sends a request, who holds these scopes.

    Raises:
        Refusal: nobody who is let in.
    """
    client = scope.get("client")
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    caller = await protection.identify_async(
        headers,
        address=client[0] if client else None,
        method=scope.get("method", ""),
        path=scope.get("raw_path", b"").decode("latin-1") or quote(scope.get("path", "")),
    )
    protection.require(caller, *scopes)
    return caller


async def send_refusal(protection: Protection, refusal: Refusal, send: Send) -> None:
    """Send the answer to whom is not let in."""
    status, headers, body = protection.answer_to(refusal)
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
