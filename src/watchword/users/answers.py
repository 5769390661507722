"""How a user and a session look in an answer, the same from every endpoint of this room."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from msgspec import UNSET

from watchword.credentials.session_token import IssuedToken, SessionProof
from watchword.users.models import LoginAnswer, ShownRole, User, UserAnswer, UserMembership
from watchword.wire.cookies import session_cookie_line
from watchword.wire.response import Response, json_response


def answer_for_session(session: SessionProof, tenant_id: str) -> UserAnswer:
    """Describe the user of a proved session, with the role in one tenant."""
    roles = {membership.tenant_id: membership.role for membership in session.memberships}
    return UserAnswer(
        id=session.user_id,
        email=session.email,
        name=session.name,
        role=_role(roles, tenant_id, is_super_admin=session.is_super_admin),
        tenants=list(roles),
    )


def answer_for_user(user: User, memberships: Iterable[UserMembership], tenant_id: str) -> UserAnswer:
    """Describe a stored user, with the role in one tenant."""
    roles = {membership.tenant_id: membership.role for membership in memberships}
    return UserAnswer(
        id=user.id,
        email=user.email,
        name=user.name,
        role=_role(roles, tenant_id, is_super_admin=user.is_super_admin),
        tenants=list(roles),
    )


def login_response(message: str, issued: IssuedToken, user: UserAnswer, *, in_cookie: bool, now_ms: int) -> Response:
    """Hand out a new session: in the cookie and nowhere else (ASVS 5.0 V3.3.4), or in the body."""
    answer = LoginAnswer(
        message=message, token=UNSET if in_cookie else issued.token, user=user, exp=issued.expires_at_s
    )
    return json_response(200, answer, lines=cookie_line(issued, now_ms) if in_cookie else b"")


def cookie_line(issued: IssuedToken, now_ms: int) -> bytes:
    """Make the header line that puts a token into the cookie for as long as it lives."""
    return session_cookie_line(issued.token, max(0, issued.expires_at_s - now_ms // 1000))


def _role(roles: Mapping[str, str], tenant_id: str, *, is_super_admin: bool) -> ShownRole:
    if is_super_admin:
        return "super-admin"
    if tenant_id in roles:
        return cast("ShownRole", roles[tenant_id])
    return cast("ShownRole", next(iter(roles.values()), "user"))
