"""Who is calling, as one small frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["user", "client", "secret_key", "publishable_key"]
Mode = Literal["live", "test"]


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of one request.

    Shapes: ``tenant`` is the tenant's issuer; ``subject`` is the user's, the key's or the OAuth client's id; ``role`` is
    known of users who signed in, and None for everybody else; ``scopes`` is None when nothing narrows the caller;
    ``credential_id`` is the session's, the key's or the OAuth client's id; ``client_id`` is the OAuth client through
    which a user, or the client itself, calls.
    """

    tenant: str
    mode: Mode
    kind: Kind
    subject: str
    role: str | None
    scopes: tuple[str, ...] | None
    credential_id: str
    client_id: str | None = None

    def may(self, scope: str) -> bool:
        """Say whether the caller's scopes give all of this one: ``orders:*`` gives ``orders:read``, and not the other way."""
        if self.scopes is None:
            return True
        return any(_gives(held, scope) for held in self.scopes)


def _gives(held: str, scope: str) -> bool:
    if held == scope:
        return True
    held_resource, held_colon, held_action = held.partition(":")
    resource, colon, action = scope.partition(":")
    return bool(held_colon and colon) and held_resource in {"*", resource} and held_action in {"*", action}
