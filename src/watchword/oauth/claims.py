"""What a client learns of a user, by scope (OpenID Connect Core §5.1, §5.4)."""

from __future__ import annotations

from typing import Final

import msgspec

from watchword.users.models import User

OPENID: Final = "openid"
PROFILE: Final = "profile"
EMAIL: Final = "email"


class UserClaims(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Claims about a user; what no scope asked for, or the account does not have, is left out."""

    sub: str
    name: str | None = None
    email: str | None = None
    email_verified: bool | None = None


def claims_of(user: User, scopes: tuple[str, ...]) -> UserClaims:
    """Return what the scopes tell of a user."""
    tells_email = EMAIL in scopes
    return UserClaims(
        sub=user.id,
        name=(user.name or None) if PROFILE in scopes else None,
        email=user.email if tells_email else None,
        email_verified=user.email_verified_at_ms is not None if tells_email else None,
    )
