"""Password in, session out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.callers.call import Call
from watchword.callers.caller import CallerKind
from watchword.concealed import Concealed
from watchword.credentials.password import Passwords
from watchword.credentials.session_token import IssuedToken, SessionTokens
from watchword.db.database import Database, Transaction
from watchword.errors import EmailNotVerifiedError, WrongPasswordError
from watchword.mail.letters import signed_in_after_failures
from watchword.mail.outbound import Outbound
from watchword.tenants.models import Tenant
from watchword.users import queries
from watchword.users.answers import answer_for_user, login_response
from watchword.users.attempts import Attempt, Attempts
from watchword.users.email_verification import EmailVerification
from watchword.users.models import CookieQuery, LoginBody, User, UserMembership
from watchword.users.named_tenant import find_named_tenant
from watchword.wire.response import Response

_TOLD_FAILURES: Final = 5
"""From how many wrong passwords on a sign-in is told of by letter: fewer are a user's own mistakes."""


class ProvedUser(Concealed, frozen=True):
    """A user whose password was right; ``better_hash`` replaces the stored one where that is out of date."""

    user: User
    better_hash: str | None


class BegunSession(msgspec.Struct, frozen=True):
    """A user's new session; ``issued`` is None where the user must confirm the address first."""

    user: User
    issued: IssuedToken | None
    memberships: list[UserMembership]


class SignedIn(msgspec.Struct, frozen=True):
    """A user who is signed in now; ``tenant_id`` is the one to show, empty for a user of none."""

    user: User
    issued: IssuedToken
    memberships: list[UserMembership]
    tenant_id: str


Replace = Callable[[Transaction, User, IssuedToken], Awaitable[None]]
"""Ends what a new session takes the place of, in the transaction that begins it."""


class Login:
    """Signs users in."""

    def __init__(
        self,
        *,
        database: Database,
        passwords: Passwords,
        tokens: SessionTokens,
        attempts: Attempts,
        verification: EmailVerification,
        outbound: Outbound,
        audit: AuditWriter,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._tokens = tokens
        self._attempts = attempts
        self._verification = verification
        self._outbound = outbound
        self._audit = audit

    async def login(self, call: Call) -> Response:
        """Begin a session for the right e-mail address and password."""
        tenant = await find_named_tenant(self._database, call)
        signed_in = await self.sign_in(call, call.body, tenant)
        return login_response(
            "Login successful.",
            signed_in.issued,
            answer_for_user(signed_in.user, signed_in.memberships, signed_in.tenant_id),
            in_cookie=wants_cookie(call.query, tenant, signed_in.memberships),
            now_ms=call.now_ms,
        )

    async def sign_in(
        self, call: Call, body: LoginBody, tenant: Tenant | None, *, replace: Replace | None = None
    ) -> SignedIn:
        """Prove a password and begin a session, with all that belongs to it: lock-out, record, letter.

        ``replace`` is called within the transaction; without it the session of the call, if any, is ended.

        Raises:
            WrongPasswordError: the address or the password is wrong, or the account is closed.
            RateLimitExceededError: the account or the client address is locked.
            EmailNotVerifiedError: the address has to be confirmed first; a letter is on its way.
            UnavailableError: the database or the hashing cannot serve.
        """
        async with self._attempts.attempt(body.email, call.request.client_address, call.now_ms) as attempt:
            session = await self._begin_session(call, body, attempt, tenant, replace)
        issued = self._require_issued(session, call)
        signed_in = SignedIn(session.user, issued, session.memberships, _shown_tenant(tenant, session.memberships))
        self._tell(call, signed_in, attempt)
        return signed_in

    async def _begin_session(
        self, call: Call, body: LoginBody, attempt: Attempt, tenant: Tenant | None, replace: Replace | None
    ) -> BegunSession:
        proved = await self._prove(call, body, attempt, tenant)
        session = await self._begin(call, proved, attempt, replace)
        if session is None:
            # The stored hash is another than the proved one: a sign-in beside this one has renewed it, or the
            # password was changed. Prove the password against what stands there now.
            session = await self._begin(call, await self._prove(call, body, attempt, tenant), attempt, replace)
        if session is None:
            raise WrongPasswordError(cause="the account changed during the sign-in")
        return session

    async def _prove(self, call: Call, body: LoginBody, attempt: Attempt, tenant: Tenant | None) -> ProvedUser:
        user = await queries.find_user_by_email(self._database, body.email)
        try:
            needs_rehash = await self._passwords.require_match(body.password, user.password_hash if user else None)
            proved = _require_open(user)
        except WrongPasswordError:
            self._record_failure(call, user, attempt, tenant)
            raise
        return ProvedUser(proved, await self._passwords.hash(body.password) if needs_rehash else None)

    async def _begin(
        self, call: Call, proved: ProvedUser, attempt: Attempt, replace: Replace | None
    ) -> BegunSession | None:
        async def work(transaction: Transaction) -> BegunSession | None:
            # Read again under a lock: a new password or a closed account since the proof must not get a session
            # that the ending of all sessions has already passed by.
            user = _require_open(await queries.lock_user(transaction, proved.user.id))
            if user.password_hash != proved.user.password_hash:
                return None
            await self._attempts.succeed(transaction, attempt)
            memberships = await queries.list_user_memberships(transaction, user.id)
            if _must_verify(user, memberships):
                return BegunSession(user, None, memberships)
            if proved.better_hash is not None:
                await queries.update_password(transaction, user.id, proved.better_hash, call.now_ms)
            if replace is None:
                await self._end_session_before(transaction, call, user)
            issued = await self._issue(transaction, call, user)
            if replace is not None:
                await replace(transaction, user, issued)
            return BegunSession(user, issued, memberships)

        return await self._database.transaction(work)

    async def _issue(self, transaction: Transaction, call: Call, user: User) -> IssuedToken:
        return await self._tokens.begin(
            transaction,
            user.id,
            now_ms=call.now_ms,
            address=call.request.client_address,
            user_agent=call.request.header(b"user-agent") or "",
        )

    async def _end_session_before(self, transaction: Transaction, call: Call, user: User) -> None:
        # A new sign-in replaces the one it was made from (ASVS 5.0 V7.2.4): the same user's, or the browser's.
        caller = call.caller
        if caller is None or caller.kind is not CallerKind.USER:
            return
        if caller.subject == user.id or caller.from_cookie:
            await self._tokens.end(transaction, caller.credential_id, call.now_ms)

    def _require_issued(self, session: BegunSession, call: Call) -> IssuedToken:
        if session.issued is None:
            self._verification.send_again(session.user, call.now_ms)
            raise EmailNotVerifiedError
        return session.issued

    def _tell(self, call: Call, signed_in: SignedIn, attempt: Attempt) -> None:
        self._audit.record(
            Event.LOGGED_IN,
            now_ms=call.now_ms,
            tenant_id=signed_in.tenant_id,
            subject=signed_in.user.id,
            credential_id=signed_in.issued.session_id,
            address=call.request.client_address,
        )
        if attempt.failures_before >= _TOLD_FAILURES:
            self._outbound.post(signed_in_after_failures(signed_in.user.email, failures=attempt.failures_before))

    def _record_failure(self, call: Call, user: User | None, attempt: Attempt, tenant: Tenant | None) -> None:
        for event in (Event.LOGIN_FAILED, Event.LOCKED_OUT) if attempt.locks_account else (Event.LOGIN_FAILED,):
            self._audit.record(
                event,
                now_ms=call.now_ms,
                tenant_id="" if tenant is None else tenant.id,
                subject="" if user is None else user.id,
                address=call.request.client_address,
            )


def wants_cookie(query: CookieQuery, tenant: Tenant | None, memberships: Sequence[UserMembership]) -> bool:
    """Say where a new token goes: as the request asks, else as the named tenant or the first membership has it."""
    if query.cookie is not None:
        return query.cookie
    if tenant is not None:
        return tenant.settings.session_cookie
    return bool(memberships) and memberships[0].wants_cookie


def _require_open(user: User | None) -> User:
    if user is None or user.disabled_at_ms is not None:
        raise WrongPasswordError(cause="the account is closed")
    return user


def _must_verify(user: User, memberships: Sequence[UserMembership]) -> bool:
    # One strict tenant is enough: the session would open that one too, whichever was named at the sign-in.
    return user.email_verified_at_ms is None and any(membership.wants_verified_email for membership in memberships)


def _shown_tenant(tenant: Tenant | None, memberships: Sequence[UserMembership]) -> str:
    ids = [membership.tenant_id for membership in memberships]
    if tenant is not None and tenant.id in ids:
        return tenant.id
    return ids[0] if ids else ""
