"""One's own account: who am I, and changing it."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.callers.call import Call
from watchword.callers.caller import Caller
from watchword.concealed import Concealed
from watchword.credentials.password import Passwords, require_acceptable_password
from watchword.credentials.session_token import SessionProof, SessionTokens
from watchword.db.database import Database, Transaction
from watchword.errors import InvalidFieldsError, NotAuthenticatedError, WrongPasswordError
from watchword.mail.letters import Site, address_change_asked, password_changed, verify_new_address
from watchword.mail.outbound import Outbound
from watchword.tenants.email_address import require_email
from watchword.tenants.names import require_name
from watchword.users import queries
from watchword.users.answers import answer_for_session, answer_for_user
from watchword.users.attempts import Attempt, Attempts
from watchword.users.email_verification import store_verification
from watchword.users.models import AccountDone, ChangeAccountBody, MeAnswer, User, UserMembership
from watchword.users.named_tenant import list_context_words
from watchword.wire.response import JSON_TYPE, NO_STORE, Response, json_response

_SHOWN = "account as it is shown"
_PRIVATE_JSON = JSON_TYPE + NO_STORE
_WRONG_CURRENT_PASSWORD = "This is not the current password"  # noqa: S105 - a sentence


class Change(Concealed, frozen=True):
    """A checked change; what is None stays. ``attempt`` is the counted proof of the current password."""

    user: User
    name: str | None
    email: str | None
    password_hash: str | None
    attempt: Attempt | None


class Changed(Concealed, frozen=True):
    """The account after the change; ``code`` goes to the new address, which is not in force yet."""

    user: User
    memberships: list[UserMembership]
    code: str | None


class _Shown(Concealed, frozen=True):
    """The answer to who is signed in: what it was made of beside the headers, and its bytes, which hold the token."""

    session: SessionProof
    caller: Caller
    body: bytes


class Account:
    """Shows and changes the caller's own account."""

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

    async def me(self, call: Call) -> Response:
        """Say who is signed in, from what proved the caller and without another look into the database."""
        session, caller, derived = _require_session(call), call.known, call.request.head.derived
        shown = derived.get(_SHOWN)
        if not isinstance(shown, _Shown) or shown.session is not session or shown.caller != caller:
            shown = derived[_SHOWN] = _Shown(session, caller, _show(session, call))
        return Response(200, shown.body, _PRIVATE_JSON)

    async def change(self, call: Call) -> Response:
        """Change name, e-mail address or password; the latter two with the current password."""
        change = await self._read(call)
        changed = await self._store(call, change)
        self._tell(call, change, changed)
        user = answer_for_user(changed.user, changed.memberships, call.tenant_id)
        return json_response(200, AccountDone(message=_message(change), user=user))

    async def _read(self, call: Call) -> Change:
        body: ChangeAccountBody = call.body
        user = await queries.find_user(self._database, call.known.subject)
        if user is None:
            raise NotAuthenticatedError(reason="the account is gone")
        name = None if body.name is UNSET else require_name(body.name)
        email = _new_email(body, user)
        if body.password is not UNSET:
            words = await list_context_words(self._database, user.id)
            require_acceptable_password(body.password, email=email or user.email, context_words=words)
        # Hashed before the proof is counted: a full queue then costs the user no attempt.
        password_hash = None if body.password is UNSET else await self._passwords.hash(body.password)
        needs_proof = email is not None or password_hash is not None
        return Change(
            user=user,
            name=name,
            email=email,
            password_hash=password_hash,
            attempt=await self._require_current_password(call, user, body.proof) if needs_proof else None,
        )

    async def _require_current_password(self, call: Call, user: User, password: str | None) -> Attempt:
        # Counted like a sign-in: a stolen session must not become an oracle for the password behind it.
        if password is None:
            raise InvalidFieldsError({"currentPassword": "The current password is needed for this change"})
        async with self._attempts.attempt(user.email, call.request.client_address, call.now_ms) as attempt:
            try:
                await self._passwords.require_match(password, user.password_hash)
            except WrongPasswordError:
                self._record(call, Event.LOGIN_FAILED)
                raise InvalidFieldsError({"currentPassword": _WRONG_CURRENT_PASSWORD}) from None
        return attempt

    async def _store(self, call: Call, change: Change) -> Changed:
        async def work(transaction: Transaction) -> Changed:
            await self._require_unchanged(transaction, change)
            if change.name is not None:
                await queries.update_name(transaction, change.user.id, change.name, call.now_ms)
                transaction.withdraw(f"user:{change.user.id}")
            if change.password_hash is not None:
                await self._store_password(transaction, call, change.password_hash)
            code = None if change.email is None else await self._store_code(transaction, call, change.email)
            user = await queries.find_user(transaction, change.user.id)
            memberships = await queries.list_user_memberships(transaction, change.user.id)
            return Changed(user or change.user, memberships, code)

        return await self._database.transaction(work)

    async def _require_unchanged(self, transaction: Transaction, change: Change) -> None:
        user = await queries.lock_user(transaction, change.user.id)
        if user is None or user.disabled_at_ms is not None:
            raise NotAuthenticatedError(reason="the account is closed")
        if change.attempt is not None:
            if user.password_hash != change.user.password_hash:
                raise InvalidFieldsError({"currentPassword": _WRONG_CURRENT_PASSWORD})
            await self._attempts.succeed(transaction, change.attempt)

    async def _store_code(self, transaction: Transaction, call: Call, email: str) -> str:
        await self._attempts.reserve_letter(transaction, email, call.now_ms)
        return await store_verification(transaction, call.known.subject, email, call.now_ms)

    async def _store_password(self, transaction: Transaction, call: Call, password_hash: str) -> None:
        user_id = call.known.subject
        await queries.update_password(transaction, user_id, password_hash, call.now_ms)
        await queries.withdraw_codes(transaction, user_id)
        await self._tokens.end_all(transaction, user_id, call.now_ms, except_session_id=call.known.credential_id)

    def _tell(self, call: Call, change: Change, changed: Changed) -> None:
        if change.password_hash is not None:
            self._outbound.post(password_changed(change.user.email))
            self._record(call, Event.PASSWORD_CHANGED)
        if change.email is not None and changed.code is not None:
            self._outbound.post(verify_new_address(change.email, site=self._site, code=changed.code))
            self._outbound.post(address_change_asked(change.user.email))

    def _record(self, call: Call, event: Event) -> None:
        self._audit.record(
            event,
            now_ms=call.now_ms,
            tenant_id=call.tenant_id,
            subject=call.known.subject,
            credential_id=call.known.credential_id,
            address=call.request.client_address,
        )


def _show(session: SessionProof, call: Call) -> bytes:
    answer = MeAnswer(
        user=answer_for_session(session, call.tenant_id),
        session=session.session_id,
        exp=session.expires_at_s,
        token=UNSET if call.known.from_cookie else call.token or UNSET,
    )
    return msgspec.json.encode(answer)


def _require_session(call: Call) -> SessionProof:
    if call.session is None:
        raise NotAuthenticatedError
    return call.session


def _new_email(body: ChangeAccountBody, user: User) -> str | None:
    if body.email is UNSET:
        return None
    email = require_email(body.email)
    return None if email == user.email else email


def _message(change: Change) -> str:
    if change.email is not None:
        return "Updated successfully. The new email address takes effect once it is confirmed."
    return "Updated successfully."
