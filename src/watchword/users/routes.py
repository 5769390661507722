"""The endpoints of people: sign in and out, and one's own account."""

from __future__ import annotations

from watchword.tenants.models import PageQuery
from watchword.users.account import Account
from watchword.users.email_verification import EmailVerification
from watchword.users.login import Login
from watchword.users.logout import Logout
from watchword.users.models import (
    AccountDone,
    ChangeAccountBody,
    CookieQuery,
    Done,
    ForgotPasswordBody,
    LoginAnswer,
    LoginBody,
    LogoutQuery,
    MeAnswer,
    RefreshAnswer,
    RegisterBody,
    ResetPasswordBody,
    SessionEnded,
    SessionPage,
)
from watchword.users.password_reset import PasswordReset
from watchword.users.refresh import Refresh
from watchword.users.register import Register
from watchword.users.sessions import Sessions
from watchword.wire.routes import Route


def make_routes(
    *,
    login: Login,
    refresh: Refresh,
    logout: Logout,
    account: Account,
    sessions: Sessions,
    register: Register,
    password_reset: PasswordReset,
    verification: EmailVerification,
) -> tuple[Route, ...]:
    """Make the table of this room."""
    return (
        Route(
            method="POST", path="/api/users/login", handler=login.login, callers="anyone", limit="login",
            body=LoginBody, query=CookieQuery, answer=LoginAnswer, tag="Sessions",
            summary="Begin a session with e-mail and password",
        ),
        Route(
            method="POST", path="/api/users/refresh-token", handler=refresh.refresh, callers="anyone",
            limit="refresh", query=CookieQuery, answer=RefreshAnswer, tag="Sessions",
            summary="Get a new token of the same session",
        ),
        Route(
            method="GET", path="/api/users/me", handler=account.me, callers="user", answer=MeAnswer, tag="Account",
            summary="Show who is signed in",
        ),
        Route(
            method="PATCH", path="/api/users/me", handler=account.change, callers="user", limit="login",
            body=ChangeAccountBody, answer=AccountDone, tag="Account",
            summary="Change one's name, e-mail address or password",
        ),
        Route(
            method="POST", path="/api/users/logout", handler=logout.logout, callers="user", query=LogoutQuery,
            answer=Done, tag="Sessions", summary="End this session, or all",
        ),
        Route(
            method="GET", path="/api/users/sessions", handler=sessions.list, callers="user", query=PageQuery,
            answer=SessionPage, tag="Sessions", summary="List one's sessions",
        ),
        Route(
            method="DELETE", path="/api/users/sessions/{id}", handler=sessions.end, callers="user",
            answer=SessionEnded, tag="Sessions", summary="End one of one's sessions",
        ),
        Route(
            method="POST", path="/api/users/register", handler=register.register, callers="anyone",
            limit="register", body=RegisterBody, answer=Done, status=201, tag="Account",
            summary="Make an account in a tenant that allows it",
        ),
        Route(
            method="POST", path="/api/users/forgot-password", handler=password_reset.forgot, callers="anyone",
            limit="mail", body=ForgotPasswordBody, answer=Done, tag="Account",
            summary="Ask for a letter to choose a new password",
        ),
        Route(
            method="POST", path="/api/users/reset-password", handler=password_reset.reset, callers="anyone",
            limit="code", body=ResetPasswordBody, query=CookieQuery, answer=LoginAnswer, tag="Account",
            summary="Choose a new password with the code of a letter",
        ),
        Route(
            method="POST", path="/api/users/verify/{token}", handler=verification.verify, callers="anyone",
            limit="code", answer=Done, tag="Account", summary="Confirm an e-mail address with the code of a letter",
        ),
    )  # fmt: skip
