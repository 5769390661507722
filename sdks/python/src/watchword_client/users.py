"""People: sign in and out, and one's own account."""

from __future__ import annotations

from watchword_client.engine import REFRESH_PATH, Engine, Request, read_json
from watchword_client.errors import WatchwordError, setup_error
from watchword_client.flow import Flow, Reply
from watchword_client.models import (
    Account,
    Document,
    Done,
    Refreshed,
    Result,
    SignedIn,
    read_signed_in,
    read_user,
    result_of,
)
from watchword_client.rooms import AsyncRoom, Awaiting, Blocking, BlockingRoom
from watchword_client.session import Session
from watchword_client.setup_checks import require_segment


class UserCalls:
    """What people may ask for.

    A client of ``create_client`` holds the session that ``login`` begins and acts by it from then on. A server client
    holds none: it serves many people, so its calls take the ``token`` of the one they are for.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def login(self, *, email: str, password: str) -> Flow[Result[SignedIn]]:
        """Begin a session."""
        body = {"email": email, "password": password}
        request = Request(
            method="POST", path="/api/users/login?cookie=false", json=body, sender="key", repeatable=False
        )
        return (yield from self._sign_in(request))

    def logout(self, *, all_sessions: bool = False, token: str | None = None) -> Flow[Result[Done]]:
        """End the session, or all sessions of the person."""
        session = self._engine.sessions.current
        path = f"/api/users/logout{'?allSessions=true' if all_sessions else ''}"
        reply = yield from self._engine.perform(self._as_person(Request(method="POST", path=path, token=token)))
        if token is None and session is not None:
            self._engine.sessions.end(session, None)
        return _done(reply)

    def me(self, *, token: str | None = None) -> Flow[Result[Account]]:
        """Show who is signed in."""
        request = self._as_person(Request(method="GET", path="/api/users/me", token=token))
        reply = yield from self._engine.perform(request)
        content = read_json(reply)
        return result_of(Account(read_user(content["user"]), content["exp"]), reply.headers)

    def refresh(self, *, token: str | None = None) -> Flow[Result[Refreshed]]:
        """Get a new token of the session now; by itself that happens before the old one ends."""
        if token is not None:
            request = Request(method="POST", path=REFRESH_PATH, sender="nobody", token=token)
            reply = yield from self._engine.perform(request)
            content = read_json(reply)
            return result_of(Refreshed(content["token"], content["exp"]), reply.headers)
        yield from self._engine.renew(self._require_session())
        fresh = self._require_session()
        return Result(Refreshed(fresh.token, fresh.exp))

    def change(
        self,
        *,
        name: str | None = None,
        email: str | None = None,
        password: str | None = None,
        current_password: str | None = None,
        token: str | None = None,
    ) -> Flow[Result[Account]]:
        """Change one's own account; e-mail and password need the current password beside them."""
        given = {"name": name, "email": email, "password": password, "currentPassword": current_password}
        body = {field: value for field, value in given.items() if value is not None}
        request = Request(
            method="PATCH", path="/api/users/me", json=body, token=token, repeatable=False, asks_password=True
        )
        reply = yield from self._engine.perform(self._as_person(request))
        return result_of(Account(read_user(read_json(reply)["user"])), reply.headers)

    def sessions(self, *, token: str | None = None) -> Flow[Result[list[Document]]]:
        """List one's living sessions, the newest first."""
        request = Request(method="GET", path="/api/users/sessions?limit=100", token=token)
        reply = yield from self._engine.perform(self._as_person(request))
        return result_of(read_json(reply)["docs"], reply.headers)

    def end_session(self, session_id: str, *, token: str | None = None) -> Flow[Result[Done]]:
        """End one of one's sessions, on another device for instance."""
        path = f"/api/users/sessions/{require_segment(session_id)}"
        request = Request(method="DELETE", path=path, token=token, repeatable=False)
        return _done((yield from self._engine.perform(self._as_person(request))))

    def register(self, *, email: str, password: str, name: str | None = None) -> Flow[Result[Done]]:
        """Make an account, where the tenant lets strangers register; the answer is the same when the address is taken."""
        body = {"email": email, "password": password, **({} if name is None else {"name": name})}
        request = Request(method="POST", path="/api/users/register", json=body, sender="key", repeatable=False)
        return _done((yield from self._engine.perform(request)))

    def forgot_password(self, *, email: str) -> Flow[Result[Done]]:
        """Have a letter sent by which a new password is chosen; the answer is the same for an unknown address."""
        request = Request(
            method="POST", path="/api/users/forgot-password", json={"email": email}, sender="key", repeatable=False
        )
        return _done((yield from self._engine.perform(request)))

    def reset_password(self, *, code: str, password: str) -> Flow[Result[SignedIn]]:
        """Choose a new password with the code of a letter, and begin a session."""
        body = {"token": code, "password": password}
        request = Request(
            method="POST", path="/api/users/reset-password?cookie=false", json=body, sender="key", repeatable=False
        )
        return (yield from self._sign_in(request))

    def verify_email(self, *, code: str) -> Flow[Result[Done]]:
        """Confirm an e-mail address with the code of a letter."""
        path = f"/api/users/verify/{require_segment(code)}"
        request = Request(method="POST", path=path, sender="key", repeatable=False)
        return _done((yield from self._engine.perform(request)))

    def _sign_in(self, request: Request) -> Flow[Result[SignedIn]]:
        reply = yield from self._engine.perform(request)
        answer = read_signed_in(read_json(reply))
        self._engine.begin(answer.token, answer.exp)
        return result_of(answer, reply.headers)

    def _as_person(self, request: Request) -> Request:
        if request.token is None:
            self._require_session()
        return request

    def _require_session(self) -> Session:
        session = self._engine.sessions.current
        if session is not None:
            return session
        if self._engine.keeps_session:
            raise WatchwordError("Nobody is signed in.", code="NOT_SIGNED_IN", name="SetupError")
        raise setup_error("NOT_SIGNED_IN", "A server client holds no session: pass the token of the person it is for.")


def _done(reply: Reply) -> Result[Done]:
    return result_of(Done(read_json(reply)["message"]), reply.headers)


class Users(BlockingRoom[UserCalls]):
    """People; each method blocks until it is answered."""

    login = Blocking(UserCalls.login)
    logout = Blocking(UserCalls.logout)
    me = Blocking(UserCalls.me)
    refresh = Blocking(UserCalls.refresh)
    change = Blocking(UserCalls.change)
    sessions = Blocking(UserCalls.sessions)
    end_session = Blocking(UserCalls.end_session)
    register = Blocking(UserCalls.register)
    forgot_password = Blocking(UserCalls.forgot_password)
    reset_password = Blocking(UserCalls.reset_password)
    verify_email = Blocking(UserCalls.verify_email)


class AsyncUsers(AsyncRoom[UserCalls]):
    """People; each method is awaited."""

    login = Awaiting(UserCalls.login)
    logout = Awaiting(UserCalls.logout)
    me = Awaiting(UserCalls.me)
    refresh = Awaiting(UserCalls.refresh)
    change = Awaiting(UserCalls.change)
    sessions = Awaiting(UserCalls.sessions)
    end_session = Awaiting(UserCalls.end_session)
    register = Awaiting(UserCalls.register)
    forgot_password = Awaiting(UserCalls.forgot_password)
    reset_password = Awaiting(UserCalls.reset_password)
    verify_email = Awaiting(UserCalls.verify_email)
