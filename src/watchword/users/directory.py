"""The installation's users, for its operator: make, list, close and open accounts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.credentials.password import Passwords, require_acceptable_password
from watchword.credentials.session_token import SessionTokens
from watchword.credentials.standing_end import forget_consents
from watchword.db.database import Database, Transaction
from watchword.errors import ConflictError, DuplicateError, NotFoundError, WrongPasswordError
from watchword.ids import make_id
from watchword.tenants.email_address import require_email
from watchword.tenants.names import require_name
from watchword.users import queries
from watchword.users.attempts import Attempts
from watchword.users.models import User

InsertUser = Callable[[Transaction], Awaitable[str]]
"""Stores a prepared user inside a transaction and returns the user's id."""


class Users:
    """Manages accounts; whoever calls it has the right to."""

    def __init__(
        self,
        *,
        database: Database,
        passwords: Passwords,
        tokens: SessionTokens,
        attempts: Attempts,
        audit: AuditWriter,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._tokens = tokens
        self._attempts = attempts
        self._audit = audit

    async def create_user(
        self,
        email: str,
        password: str,
        *,
        name: str = "",
        is_super_admin: bool = False,
        verified: bool = False,
        now_ms: int,
    ) -> User:
        """Make an account, a member of no tenant yet.

        Raises:
            InvalidFieldsError: the e-mail address or the password is not acceptable.
            ConflictError: somebody has the address.
        """
        user = await self._make(
            email, password, name=name, is_super_admin=is_super_admin, verified=verified, now_ms=now_ms
        )
        try:
            await self._database.transaction(lambda transaction: queries.insert_user(transaction, user))
        except DuplicateError:
            raise ConflictError("An account has this email address already") from None
        self._audit.record(Event.USER_CREATED, now_ms=now_ms, subject=user.id)
        return user

    async def find_user(self, id_or_email: str) -> User | None:
        """Return a user by id or e-mail address, or None."""
        if "@" in id_or_email:
            return await queries.find_user_by_email(self._database, id_or_email)
        return await queries.find_user(self._database, id_or_email)

    async def list_users(self, tenant_id: str | None, *, limit: int = 100, after: str = "") -> list[User]:
        """Return users in the order of their ids, a tenant's or all; ``after`` is the last id of the page before."""
        return await queries.list_users(self._database, tenant_id, after=after, limit=limit)

    async def disable_user(self, user_id: str, now_ms: int) -> None:
        """Close an account: end all its sessions and all it allowed clients, and make its mailed codes worthless.

        Raises:
            NotFoundError: no user has this id.
        """

        async def work(transaction: Transaction) -> bool:
            if await queries.lock_user(transaction, user_id) is None:
                raise NotFoundError
            closed = await queries.disable_user(transaction, user_id, now_ms)
            await queries.withdraw_codes(transaction, user_id)
            await self._tokens.end_all(transaction, user_id, now_ms)
            await forget_consents(transaction, user_id)
            return closed

        if await self._database.transaction(work):
            self._audit.record(Event.USER_DISABLED, now_ms=now_ms, subject=user_id)

    async def enable_user(self, user_id: str, now_ms: int) -> None:
        """Open a closed account again; sessions that were ended stay so.

        Raises:
            NotFoundError: no user has this id.
        """

        async def work(transaction: Transaction) -> bool:
            if await queries.lock_user(transaction, user_id) is None:
                raise NotFoundError
            return await queries.enable_user(transaction, user_id, now_ms)

        if await self._database.transaction(work):
            self._audit.record(Event.USER_ENABLED, now_ms=now_ms, subject=user_id)

    async def end_sessions(self, user_id: str, now_ms: int) -> int:
        """End all sessions of a user; return how many."""
        count = await self._database.transaction(lambda transaction: self._tokens.end_all(transaction, user_id, now_ms))
        self._audit.record(Event.SESSION_ENDED, now_ms=now_ms, subject=user_id, detail={"sessions": str(count)})
        return count

    async def end_sessions_of_all(self, now_ms: int) -> int:
        """End every session of the installation; return how many."""
        count = await self._database.transaction(lambda transaction: self._tokens.end_everyones(transaction, now_ms))
        self._audit.record(Event.SESSION_ENDED, now_ms=now_ms, detail={"sessions": str(count)})
        return count

    async def prepare_user(
        self, *, email: str, name: str, password: str, context_words: tuple[str, ...] = (), now_ms: int
    ) -> InsertUser:
        """Do what making an account costs outside of a transaction, and return the work that stores it.

        ``context_words`` are names that the password may not be close to.

        Raises:
            InvalidFieldsError: the e-mail address or the password is not acceptable.
        """
        require_acceptable_password(password, email=require_email(email), context_words=context_words)
        user = await self._make(email, password, name=name, is_super_admin=False, verified=False, now_ms=now_ms)

        async def insert(transaction: Transaction) -> str:
            await queries.insert_user(transaction, user)
            return user.id

        return insert

    async def prove_password(self, email: str, password: str, *, address: str, now_ms: int) -> None:
        """Check an account's password as a sign-in does, lock-out included.

        Raises:
            WrongPasswordError: the address or the password is wrong, or the account is closed.
            RateLimitExceededError: the account or the client address is locked.
        """
        async with self._attempts.attempt(email, address, now_ms) as attempt:
            user = await queries.find_user_by_email(self._database, email)
            await self._passwords.require_match(password, user.password_hash if user else None)
            if user is None or user.disabled_at_ms is not None:
                raise WrongPasswordError(cause="the account is closed")
            await self._database.transaction(lambda transaction: self._attempts.succeed(transaction, attempt))

    async def _make(
        self, email: str, password: str, *, name: str, is_super_admin: bool, verified: bool, now_ms: int
    ) -> User:
        address = require_email(email)
        require_acceptable_password(password, email=address)
        return User(
            id=make_id("user", now_ms),
            email=address,
            name=require_name(name) if name else "",
            password_hash=await self._passwords.hash(password),
            is_super_admin=is_super_admin,
            email_verified_at_ms=now_ms if verified else None,
            disabled_at_ms=None,
            created_at_ms=now_ms,
        )
