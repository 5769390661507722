"""Whether an e-mail address is the user's: the letter that asks, and the code that comes back.

A new address takes effect here and not before; whether somebody else has it is told only to whom can read its
letters.
"""

from __future__ import annotations

import contextlib
from typing import Final

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.callers.call import Call
from watchword.credentials.one_time_code import hash_code, spend_code, store_code
from watchword.db.database import Database, Transaction
from watchword.errors import ConflictError, DuplicateError, RateLimitExceededError, SpentCodeError, UnavailableError
from watchword.mail.letters import Site, address_changed, verify_registration
from watchword.mail.outbound import Outbound
from watchword.mail.sender import Letter
from watchword.users import queries
from watchword.users.attempts import Attempts
from watchword.users.models import Done, User
from watchword.wire.response import Response, json_response

MAILED_CODE_SECONDS: Final = 600
"""Ten minutes, the longest that a mailed code may live (ASVS 5.0 V6.5.5)."""

_PURPOSE: Final = "verify_email"
"""One purpose for the first address and for a new one: asking for the one withdraws the other."""


class EmailVerification:
    """Stores verification codes and takes them back."""

    def __init__(
        self, *, database: Database, attempts: Attempts, outbound: Outbound, audit: AuditWriter, site: Site
    ) -> None:
        self._database = database
        self._attempts = attempts
        self._outbound = outbound
        self._audit = audit
        self._site = site

    async def verify(self, call: Call) -> Response:
        """Take the code of a letter; the address it was sent to is the user's from now on."""
        user, email = await self._spend(call)
        if user.email == email:
            self._record(Event.EMAIL_VERIFIED, user, call)
        else:
            self._outbound.post(address_changed(user.email))
            self._record(Event.EMAIL_CHANGED, user, call)
        return json_response(200, Done("Email verified successfully."))

    def send_again(self, user: User, now_ms: int) -> None:
        """Mail a user who must confirm the address a new code, unless too many letters went there already."""

        async def prepare() -> Letter | None:
            async def work(transaction: Transaction) -> str:
                await queries.lock_user(transaction, user.id)
                await self._attempts.reserve_letter(transaction, user.email, now_ms)
                return await store_verification(transaction, user.id, user.email, now_ms)

            try:
                code = await self._database.transaction(work)
            except RateLimitExceededError:
                return None
            return verify_registration(user.email, site=self._site, code=code)

        with contextlib.suppress(UnavailableError):  # the sign-in's answer does not depend on a full queue
            self._outbound.post_later(prepare)

    async def _spend(self, call: Call) -> tuple[User, str]:
        code = call.parameters["token"]

        async def work(transaction: Transaction) -> tuple[User, str]:
            user = await lock_code_owner(transaction, code, purpose=_PURPOSE, now_ms=call.now_ms)
            spent = await spend_code(transaction, code, purpose=_PURPOSE, now_ms=call.now_ms)
            if user.email == spent.email:
                await queries.confirm_email(transaction, user.id, call.now_ms)
            else:
                await queries.update_email(transaction, user.id, spent.email, call.now_ms)
            transaction.withdraw(f"user:{user.id}")
            return user, spent.email

        try:
            return await self._database.transaction(work)
        except DuplicateError as error:
            raise ConflictError("This email address belongs to another account", cause=error.cause) from None

    def _record(self, event: Event, user: User, call: Call) -> None:
        self._audit.record(event, now_ms=call.now_ms, subject=user.id, address=call.request.client_address)


async def store_verification(transaction: Transaction, user_id: str, email: str, now_ms: int) -> str:
    """Store a code to be mailed to an address of the user, present or future, and return it."""
    return await store_code(
        transaction, purpose=_PURPOSE, user_id=user_id, email=email, now_ms=now_ms, ttl_seconds=MAILED_CODE_SECONDS
    )


async def lock_code_owner(transaction: Transaction, code: str, *, purpose: str, now_ms: int) -> User:
    """Lock the user whom a code was mailed to; before the code's own row, as storing a code does.

    Raises:
        SpentCodeError: the code is worth nothing, or the account is closed: one answer for both.
    """
    owner = await queries.find_code_owner(transaction, hash_code(code), purpose=purpose, now_ms=now_ms)
    user = None if owner is None else await queries.lock_user(transaction, owner.id)
    if user is None or user.disabled_at_ms is not None:
        raise SpentCodeError(cause="no living code, or the account is closed")
    return user
