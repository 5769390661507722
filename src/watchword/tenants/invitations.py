"""Invite people by e-mail, and let them in once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from watchword.audit.writer import AuditWriter
from watchword.credentials.one_time_code import hash_code, make_code
from watchword.db.database import Database, Transaction
from watchword.errors import (
    ConflictError,
    DuplicateError,
    ForbiddenError,
    InternalError,
    InvalidFieldsError,
    NotAuthenticatedError,
    NotFoundError,
    SpentCodeError,
)
from watchword.ids import make_id
from watchword.mail import letters
from watchword.mail.letters import Site
from watchword.mail.sender import Letter, Sender
from watchword.tenants.actor import Actor, require_may_give
from watchword.tenants.email_address import require_email
from watchword.tenants.models import AcceptInvitation, CreateInvitation, Invitation, Membership
from watchword.tenants.names import require_name
from watchword.tenants.queries import (
    confirm_email,
    delete_open_invitation,
    delete_open_invitations_to,
    find_membership,
    find_membership_by_email,
    find_open_invitation,
    find_open_user_id,
    find_tenant,
    find_user_id,
    insert_invitation,
    insert_membership,
    list_open_invitations,
    lock_tenant,
    spend_invitation,
)

INVITATION_SECONDS: Final = 7 * 24 * 3600
"""Long enough for a week's holiday."""

InsertUser = Callable[[Transaction], Awaitable[str]]
"""Stores a prepared user inside a transaction and returns the user's id."""


class ProvePassword(Protocol):
    """Checks an account's password as a sign-in does, lock-out included."""

    async def __call__(self, email: str, password: str, *, address: str, now_ms: int) -> None:
        """Return when the password is right.

        Raises:
            WrongPasswordError: it is wrong, or the account is closed or locked.
        """
        ...


class PrepareUser(Protocol):
    """Does what making a user costs outside of a transaction: checks the fields and hashes the password."""

    async def __call__(
        self, *, email: str, name: str, password: str, context_words: tuple[str, ...], now_ms: int
    ) -> InsertUser:
        """Return the work that stores the user; ``context_words`` are too easy to guess as a password.

        Raises:
            InvalidFieldsError: the password is refused.
        """
        ...


class Invitations:
    """Invitations of each tenant; ``site`` is where the letter leads."""

    def __init__(
        self,
        database: Database,
        *,
        audit: AuditWriter,
        sender: Sender,
        prove_password: ProvePassword,
        prepare_user: PrepareUser,
        site: Site,
    ) -> None:
        self._database = database
        self._audit = audit
        self._sender = sender
        self._prove_password = prove_password
        self._prepare_user = prepare_user
        self._site = site

    async def create(self, tenant_id: str, wanted: CreateInvitation, *, actor: Actor, now_ms: int) -> Invitation:
        """Invite an e-mail address; an older open invitation to it ends. The code is in the letter alone.

        Raises:
            InvalidFieldsError: this is no e-mail address.
            ConflictError: its owner is a member already.
            NotFoundError: there is no such tenant.
            ForbiddenError: the role is more than the actor's own scopes allow, or the actor is held to test.
            UnavailableError: the letter was not taken; nothing is left of the invitation.
        """
        require_may_give(actor, wanted.role)
        code = make_code()
        invitation = Invitation(
            id=make_id("invitation", now_ms),
            tenant_id=tenant_id,
            email=require_email(wanted.email),
            role=wanted.role,
            invited_by=actor.subject,
            created_at_ms=now_ms,
            expires_at_ms=now_ms + INVITATION_SECONDS * 1000,
            accepted_at_ms=None,
        )

        async def store(transaction: Transaction) -> str:
            await lock_tenant(transaction, tenant_id)
            tenant = await find_tenant(transaction, tenant_id)
            if tenant is None:
                raise NotFoundError
            if await find_membership_by_email(transaction, tenant_id, invitation.email) is not None:
                raise ConflictError("The owner of this e-mail address is a member already")
            await delete_open_invitations_to(transaction, tenant_id, invitation.email)
            await insert_invitation(transaction, invitation, hash_code(code))
            return tenant.slug

        slug = await self._database.transaction(store)
        await self._send(invitation, letters.invitation(invitation.email, slug=slug, site=self._site, code=code))
        self._record("member.invited", invitation, actor, now_ms)
        return invitation

    async def list(self, tenant_id: str, *, after: str = "", limit: int = 10, now_ms: int) -> list[Invitation]:
        """Return invitations that can still be accepted, oldest first, from the one behind ``after``.

        Raises:
            NotFoundError: there is no such tenant.
        """
        if await find_tenant(self._database, tenant_id) is None:
            raise NotFoundError
        return await list_open_invitations(self._database, tenant_id, after=after, limit=limit, now_ms=now_ms)

    async def withdraw(self, tenant_id: str, invitation_id: str, *, actor: Actor, now_ms: int) -> Invitation:
        """Take an invitation back.

        Raises:
            NotFoundError: this tenant has none of this id that could still be accepted.
        """

        async def remove(transaction: Transaction) -> Invitation:
            invitation = await delete_open_invitation(transaction, tenant_id, invitation_id)
            if invitation is None:
                raise NotFoundError
            return invitation

        invitation = await self._database.transaction(remove)
        self._record("member.invitation_withdrawn", invitation, actor, now_ms)
        return invitation

    async def accept(
        self, wanted: AcceptInvitation, *, signed_in_user_id: str | None, address: str, now_ms: int
    ) -> Membership:
        """Spend a code and join its tenant: as the signed-in user, by password, or with a new account.

        The role of someone who is a member already stays as it is.

        Raises:
            SpentCodeError: the code is unknown, used or past its end, or its tenant is disabled.
            ForbiddenError: someone else than the invited person is signed in, and no password was sent.
            NotAuthenticatedError: the account exists, and neither session nor password proves it.
            WrongPasswordError: the password sent is not the account's.
            InvalidFieldsError: a new account needs a password, or a better one.
        """
        invitation = await find_open_invitation(self._database, hash_code(wanted.code), now_ms)
        if invitation is None:
            raise SpentCodeError
        user_id = await find_user_id(self._database, invitation.email)
        insert_user: InsertUser | None = None
        if user_id is None:
            insert_user = await self._prepared_user(invitation, wanted, now_ms)
        elif user_id != signed_in_user_id:
            await self._require_password(invitation, wanted, signed_in_user_id, address, now_ms)
        try:
            membership = await self._database.transaction(_joining(invitation, user_id, insert_user, now_ms))
        except DuplicateError:
            raise ConflictError("An account with this e-mail address was just made; send its password") from None
        joined = Actor(subject=membership.user_id, address=address)
        if insert_user is not None:
            self._record("user.created", invitation, joined, now_ms)
        self._record("member.joined", invitation, joined, now_ms)
        return membership

    async def _prepared_user(self, invitation: Invitation, wanted: AcceptInvitation, now_ms: int) -> InsertUser:
        if wanted.password is None:
            raise InvalidFieldsError({"password": "is required for a new account"})
        name = "" if wanted.name is None else require_name(wanted.name)
        tenant = await find_tenant(self._database, invitation.tenant_id)
        return await self._prepare_user(
            email=invitation.email,
            name=name,
            password=wanted.password,
            context_words=() if tenant is None else tenant.context_words,
            now_ms=now_ms,
        )

    async def _require_password(
        self,
        invitation: Invitation,
        wanted: AcceptInvitation,
        signed_in_user_id: str | None,
        address: str,
        now_ms: int,
    ) -> None:
        if wanted.password is not None:
            await self._prove_password(invitation.email, wanted.password, address=address, now_ms=now_ms)
        elif signed_in_user_id is not None:
            raise ForbiddenError("This invitation is for another account")
        else:
            raise NotAuthenticatedError("Log in with the invited e-mail address, or send its password")

    async def _send(self, invitation: Invitation, letter: Letter) -> None:
        try:
            await self._sender.send(letter)
        except Exception:
            await self._database.transaction(
                lambda transaction: delete_open_invitation(transaction, invitation.tenant_id, invitation.id)
            )
            raise

    def _record(self, event: str, invitation: Invitation, actor: Actor, now_ms: int) -> None:
        self._audit.record(
            event,
            tenant_id=invitation.tenant_id,
            subject=actor.subject,
            credential_id=actor.credential_id,
            address=actor.address,
            detail={"invitation": invitation.id, "role": invitation.role},
            now_ms=now_ms,
        )


def _joining(
    invitation: Invitation, seen_user_id: str | None, insert_user: InsertUser | None, now_ms: int
) -> Callable[[Transaction], Awaitable[Membership]]:
    async def join(transaction: Transaction) -> Membership:
        tenant = await find_tenant(transaction, invitation.tenant_id)
        if tenant is None or tenant.disabled_at_ms is not None:
            raise SpentCodeError
        if not await spend_invitation(transaction, invitation.id, now_ms):
            raise SpentCodeError
        if insert_user is not None:
            user_id = await insert_user(transaction)
        else:
            user_id = await _still_open_account(transaction, invitation, seen_user_id)
        await insert_membership(transaction, invitation.tenant_id, user_id, role=invitation.role, now_ms=now_ms)
        await confirm_email(transaction, user_id, now_ms)
        transaction.withdraw(f"user:{user_id}")
        membership = await find_membership(transaction, invitation.tenant_id, user_id)
        if membership is None:
            raise InternalError(cause="a membership vanished inside its own transaction")
        return membership

    return join


async def _still_open_account(transaction: Transaction, invitation: Invitation, seen_user_id: str | None) -> str:
    user_id = await find_open_user_id(transaction, invitation.email)
    if user_id is None or user_id != seen_user_id:
        raise NotAuthenticatedError(cause="the account was closed or renamed while its invitation was accepted")
    return user_id
