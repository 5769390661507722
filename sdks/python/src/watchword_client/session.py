"""A person's session in this program: one token, when it is renewed and when it ends."""

from __future__ import annotations

import base64
import binascii
import json
import math
import threading
from dataclasses import dataclass, field, replace
from typing import Any, Final

from watchword_client.errors import WatchwordError

_LIFE_LEFT: Final = 0.1
"""The share of a token's life that is left when it is renewed, for whoever comes by in time."""

_POSTPONED_SECONDS: Final = 30.0
"""When a renewal is tried again that no answer came to, while the token is still good."""


@dataclass(frozen=True)
class Session:
    """A session token; the times are Unix seconds of this machine's clock, but for ``exp``, which is of the server's."""

    token: str = field(repr=False)
    renew_at: float
    ends_at: float
    exp: int | None = None


def session_from(token: str, *, now: float, exp: int | None = None, is_new: bool = False) -> Session:
    """Measure a token's life: of one that was given out just now from now on, of an older one by its own end."""
    claims = _read_claims(token)
    ends, began = exp or claims.get("exp"), claims.get("iat")
    if not isinstance(ends, int):
        return Session(token, renew_at=math.inf, ends_at=math.inf)
    life = ends - (began if isinstance(began, int) else now)
    ends_at = now + life if is_new else float(ends)
    return Session(token, renew_at=ends_at - life * _LIFE_LEFT, ends_at=ends_at, exp=ends)


class SessionHolder:
    """Holds the one session of a client; any number of threads may ask and change it."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session
        self._ended_by: WatchwordError | None = None
        self._lock = threading.Lock()

    @property
    def current(self) -> Session | None:
        """The living session."""
        return self._session

    @property
    def ended_by(self) -> WatchwordError | None:
        """By which refusal the last session ended, where it was one."""
        return self._ended_by

    def begin(self, session: Session) -> None:
        """Hold a session in place of whatever is held."""
        with self._lock:
            self._session, self._ended_by = session, None

    def replace(self, seen: Session, session: Session) -> bool:
        """Hold the next token of a session, unless it is no longer the one that is held."""
        with self._lock:
            if not self.is_current(seen):
                return False
            self._session = session
            return True

    def postpone(self, seen: Session, now: float) -> None:
        """Let a token serve some time longer, but not beyond its end."""
        self.replace(seen, replace(seen, renew_at=min(now + _POSTPONED_SECONDS, seen.ends_at)))

    def end(self, seen: Session, error: WatchwordError | None) -> bool:
        """Drop a session and say whether this was the call that did."""
        with self._lock:
            if not self.is_current(seen):
                return False
            self._session, self._ended_by = None, error
            return True

    def is_current(self, seen: Session) -> bool:
        """Say whether a token is the one that is held."""
        return self._session is not None and self._session.token == seen.token


def _read_claims(token: str) -> dict[str, Any]:
    """Read the claims of a JWT without verifying it: the server does that, here they are for times alone."""
    payload = token.split(".")[1] if token.count(".") == 2 else ""  # noqa: PLR2004 - header, claims, signature
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, binascii.Error):
        return {}
    return claims if isinstance(claims, dict) else {}
