"""What a handler is given: the request, parsed once, and who sent it."""

from __future__ import annotations

from typing import Any

import msgspec

from watchword.callers.caller import Caller, Mode
from watchword.credentials.access_token import AccessProof
from watchword.credentials.session_token import SessionProof
from watchword.errors import NotAuthenticatedError
from watchword.wire.request import Request


class Call(msgspec.Struct):
    """One request on its way to a handler.

    Shapes: ``caller`` is None where the route lets anyone in and no proof came; ``session`` is what a user's
    session token proved and ``token`` the token itself; ``access`` is what an OAuth access token proved; ``now_ms`` is the one time of this
    request; ``parameters`` are the path's; ``body`` and ``query`` are the route's structs, decoded and checked.
    """

    request: Request
    caller: Caller | None
    now_ms: int
    parameters: dict[str, str]
    session: SessionProof | None = None
    token: str | None = None
    access: AccessProof | None = None
    body: Any = None
    query: Any = None

    def __repr__(self) -> str:
        return f"Call({self.request.id!r})"

    @property
    def known(self) -> Caller:
        """The caller, where the route lets in none without proof."""
        if self.caller is None:
            raise NotAuthenticatedError
        return self.caller

    @property
    def tenant_id(self) -> str:
        """The tenant that the caller acts in."""
        return self.known.tenant_id

    @property
    def mode(self) -> Mode:
        """Live or test."""
        return self.known.mode
