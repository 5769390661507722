"""What people send and get, and a user as stored.

The answers carry the documents' fields and Payload's beside them, so that both kinds of client can read them.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from watchword.concealed import Concealed
from watchword.tenants.models import Name

Password = Annotated[str, Meta(min_length=1, max_length=1024)]
"""Longer than any password that is accepted, short enough to be hashed without harm."""

Email = Annotated[str, Meta(min_length=1, max_length=320)]
"""What may be looked up; whether it is an address is asked where one is stored."""

Code = Annotated[str, Meta(min_length=1, max_length=200)]
ShownRole = Literal["super-admin", "tenant-admin", "tenant-editor", "tenant-viewer", "user"]


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A stored user; times are Unix milliseconds."""

    id: str
    email: str
    name: str
    password_hash: str
    is_super_admin: bool
    email_verified_at_ms: int | None
    disabled_at_ms: int | None
    created_at_ms: int

    def __repr__(self) -> str:
        return f"User(id={self.id!r})"


class UserMembership(msgspec.Struct, frozen=True):
    """One tenant of a user, with what that tenant asks of a sign-in."""

    tenant_id: str
    role: str
    wants_cookie: bool
    wants_verified_email: bool


class StoredSession(msgspec.Struct, frozen=True, kw_only=True):
    """A living session as its owner may see it.

    Shapes: ``expires_at_ms`` is the end of its present token, ``ends_at_ms`` its own, however often it is refreshed.
    """

    id: str
    address: str
    user_agent: str
    created_at_ms: int
    refreshed_at_ms: int
    expires_at_ms: int
    ends_at_ms: int


# What comes in


class LoginBody(Concealed, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """E-mail and password."""

    email: Email
    password: Password


class RegisterBody(Concealed, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A new user of the tenant that the request names."""

    email: Email
    password: Password
    name: Name | None = None


class ForgotPasswordBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Whose password is lost."""

    email: Email


class ResetPasswordBody(Concealed, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The mailed code and the new password."""

    token: Code
    password: Password


class ChangeAccountBody(Concealed, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The fields of one's own account to change; e-mail and password need the current password beside them."""

    name: Name | UnsetType = UNSET
    email: Email | UnsetType = UNSET
    password: Password | UnsetType = UNSET
    current_password: Password | None = None
    current_password_camel: Password | None = msgspec.field(name="currentPassword", default=None)

    @property
    def proof(self) -> str | None:
        """The current password, by whichever of its two names."""
        return self.current_password or self.current_password_camel


class CookieQuery(msgspec.Struct, kw_only=True):
    """``cookie=true`` asks for the token in the HttpOnly cookie, ``cookie=false`` for the body."""

    cookie: bool | None = None


class LogoutQuery(msgspec.Struct, kw_only=True, rename="camel"):
    """``allSessions=true`` ends every session of the user."""

    all_sessions: bool = False


# What goes out


class UserAnswer(msgspec.Struct, kw_only=True):
    """A user; ``role`` is the one in the tenant that the request acts in, ``tenants`` are ids."""

    id: str
    email: str
    name: str
    role: ShownRole
    tenants: list[str]
    collection: Literal["users"] = "users"


class LoginAnswer(Concealed, frozen=True, kw_only=True):
    """A new session; ``exp`` is Unix seconds; ``token`` is left out where it went into the cookie."""

    message: str
    token: str | UnsetType = UNSET
    user: UserAnswer
    exp: int
    collection: Literal["users"] = "users"
    strategy: Literal["local-jwt"] = "local-jwt"


class RefreshAnswer(Concealed, frozen=True, kw_only=True, rename="camel"):
    """A new token of the same session; ``refreshedToken`` repeats ``token`` under Payload's name."""

    message: str
    token: str | UnsetType = UNSET
    refreshed_token: str | UnsetType = UNSET
    refreshed_at: str
    user: UserAnswer
    exp: int
    collection: Literal["users"] = "users"
    strategy: Literal["local-jwt"] = "local-jwt"
    set_cookie: bool = False


class MeAnswer(Concealed, frozen=True, kw_only=True):
    """Who is signed in; ``session`` is its id; ``token`` is left out where it came in the cookie."""

    user: UserAnswer
    session: str
    exp: int
    token: str | UnsetType = UNSET
    collection: Literal["users"] = "users"
    strategy: Literal["local-jwt"] = "local-jwt"
    message: str = "Account"


class AccountDone(msgspec.Struct, kw_only=True):
    """The account after the change; a new e-mail address shows once it is confirmed."""

    message: str
    user: UserAnswer


class Done(msgspec.Struct):
    """It is done, or is under way."""

    message: str


class SessionEnded(msgspec.Struct):
    """A session was ended."""

    message: str
    id: str


class SessionAnswer(msgspec.Struct, kw_only=True, rename="camel"):
    """One of the user's living sessions; times are ISO 8601, ``current`` marks the one that asks.

    ``expiresAt`` is the end of its present token, ``endsAt`` its own, however often it is refreshed.
    """

    id: str
    current: bool
    address: str
    user_agent: str
    created_at: str
    refreshed_at: str
    expires_at: str
    ends_at: str


class SessionPage(msgspec.Struct, kw_only=True, rename="camel"):
    """Some of the user's sessions, the newest first; ``nextAfter`` continues, None at the end."""

    docs: list[SessionAnswer]
    limit: int
    has_next_page: bool
    next_after: str | None
