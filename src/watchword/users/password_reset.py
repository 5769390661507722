"""A new password for who has lost the old one, proved by reading a letter."""

from __future__ import annotations

from typing import Final

import msgspec

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.callers.call import Call
from watchword.credentials.one_time_code import hash_code, spend_code, store_code
from watchword.credentials.password import Passwords, require_acceptable_password
from watchword.credentials.session_token import IssuedToken, SessionTokens
from watchword.db.database import Database, Transaction
from watchword.errors import SpentCodeError
from watchword.mail.letters import Site, password_changed, reset_password
from watchword.mail.outbound import Outbound
from watchword.mail.sender import Letter
from watchword.users import queries
from watchword.users.answers import answer_for_user, login_response
from watchword.users.attempts import Attempts
from watchword.users.email_verification import MAILED_CODE_SECONDS, lock_code_owner
from watchword.users.login import wants_cookie
from watchword.users.models import Done, ForgotPasswordBody, ResetPasswordBody, User, UserMembership
from watchword.users.named_tenant import find_named_tenant, list_context_words
from watchword.wire.response import Response, json_response

_PURPOSE: Final = "reset_password"


class ResetSession(msgspec.Struct, frozen=True):
    """The session that a reset begins, and whose it is."""

    user: User
    issued: IssuedToken
    memberships: list[UserMembership]


class PasswordReset:
    """Mails reset codes and takes them back."""

    def __init__(
        self,
        *,
        database: Database,
        passwords: Passwords,
        tokens: SessionTokens,
        attempts: Attempts,
        outbound: Outbound,
        audit: AuditWriter,
        site: Site,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._tokens = tokens
        self._attempts = attempts
        self._outbound = outbound
        self._audit = audit
        self._site = site

    async def forgot(self, call: Call) -> Response:
        """Mail a code if an account has the address; answer the same, and as fast, if none has."""
        body: ForgotPasswordBody = call.body
        await self._count_letter(body.email, call.now_ms)
        self._post(body.email, call.now_ms)
        return json_response(200, Done("If an account has this email address, a letter is on its way to it."))

    async def reset(self, call: Call) -> Response:
        """Take the code of a letter and a new password; end every session and begin a new one."""
        body: ResetPasswordBody = call.body
        owner = await self._require_owner(body.token, call.now_ms)
        words = await list_context_words(self._database, owner.id)
        require_acceptable_password(body.password, email=owner.email, context_words=words)
        password_hash = await self._passwords.hash(body.password)
        session = await self._spend(call, body.token, password_hash)
        return await self._welcome(call, session)

    async def _count_letter(self, email: str, now_ms: int) -> None:
        async def work(transaction: Transaction) -> None:
            await self._attempts.reserve_letter(transaction, email, now_ms)

        await self._database.transaction(work)

    def _post(self, email: str, now_ms: int) -> None:
        async def prepare() -> Letter | None:
            user = await queries.find_user_by_email(self._database, email)
            if user is None or user.disabled_at_ms is not None:
                return None
            code = await self._database.transaction(lambda transaction: _store(transaction, user, now_ms))
            # To the address as stored, never as typed: two spellings that fold alike may be two mailboxes.
            return reset_password(user.email, site=self._site, code=code)

        self._outbound.post_later(prepare)

    async def _require_owner(self, code: str, now_ms: int) -> User:
        # Before the code is spent, so that a weak password does not cost the user the letter.
        owner = await queries.find_code_owner(self._database, hash_code(code), purpose=_PURPOSE, now_ms=now_ms)
        if owner is None or owner.disabled_at_ms is not None:
            raise SpentCodeError(cause="no living code")
        return owner

    async def _spend(self, call: Call, code: str, password_hash: str) -> ResetSession:
        async def work(transaction: Transaction) -> ResetSession:
            user = await lock_code_owner(transaction, code, purpose=_PURPOSE, now_ms=call.now_ms)
            spent = await spend_code(transaction, code, purpose=_PURPOSE, now_ms=call.now_ms)
            if user.email != spent.email:
                raise SpentCodeError(cause="the account changed since the letter")
            await queries.update_password(transaction, user.id, password_hash, call.now_ms)
            await queries.confirm_email(transaction, user.id, call.now_ms)
            await queries.withdraw_codes(transaction, user.id)
            await self._attempts.forget_account(transaction, user.email)
            await self._tokens.end_all(transaction, user.id, call.now_ms)
            issued = await self._tokens.begin(
                transaction,
                user.id,
                now_ms=call.now_ms,
                address=call.request.client_address,
                user_agent=call.request.header(b"user-agent") or "",
            )
            return ResetSession(user, issued, await queries.list_user_memberships(transaction, user.id))

        return await self._database.transaction(work)

    async def _welcome(self, call: Call, session: ResetSession) -> Response:
        tenant = await find_named_tenant(self._database, call)
        self._outbound.post(password_changed(session.user.email))
        self._audit.record(
            Event.PASSWORD_CHANGED,
            now_ms=call.now_ms,
            subject=session.user.id,
            credential_id=session.issued.session_id,
            address=call.request.client_address,
        )
        return login_response(
            "Password reset successfully.",
            session.issued,
            answer_for_user(session.user, session.memberships, "" if tenant is None else tenant.id),
            in_cookie=wants_cookie(call.query, tenant, session.memberships),
            now_ms=call.now_ms,
        )


async def _store(transaction: Transaction, user: User, now_ms: int) -> str:
    return await store_code(
        transaction,
        purpose=_PURPOSE,
        user_id=user.id,
        email=user.email,
        now_ms=now_ms,
        ttl_seconds=MAILED_CODE_SECONDS,
    )
