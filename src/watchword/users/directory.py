"""The installation's users, for its operator: make, list, close and open accounts."""

from __future__ import annotations

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.credentials.password import Passwords, require_acceptable_password
from watchword.credentials.session_token import SessionTokens
from watchword.db.database import Database, Transaction
from watchword.errors import ConflictError, DuplicateError, NotFoundError
from watchword.ids import make_id
from watchword.tenants.email_address import require_email
from watchword.users import queries
from watchword.users.models import User


class Users:
    """Manages accounts; whoever calls it has the right to."""

    def __init__(self, *, database: Database, passwords: Passwords, tokens: SessionTokens, audit: AuditWriter) -> None:
        self._database = database
        self._passwords = passwords
        self._tokens = tokens
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
        user = User(
            id=make_id("user", now_ms),
            email=require_email(email),
            name=name,
            password_hash=await self._hash(email, password),
            is_super_admin=is_super_admin,
            email_verified_at_ms=now_ms if verified else None,
            disabled_at_ms=None,
            created_at_ms=now_ms,
        )
        try:
            await self._database.transaction(lambda transaction: queries.insert_user(transaction, user))
        except DuplicateError as error:
            raise ConflictError("An account has this email address already", cause=error.cause) from None
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
        """Close an account: end all its sessions and make its mailed codes worthless.

        Raises:
            NotFoundError: no user has this id.
        """

        async def work(transaction: Transaction) -> bool:
            if await queries.lock_user(transaction, user_id) is None:
                raise NotFoundError
            closed = await queries.disable_user(transaction, user_id, now_ms)
            await queries.withdraw_codes(transaction, user_id)
            await self._tokens.end_all(transaction, user_id, now_ms)
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

    async def _hash(self, email: str, password: str) -> str:
        require_acceptable_password(password, email=email)
        return await self._passwords.hash(password)
