"""Invitations: one code, one mailbox, one use, seven days."""

from __future__ import annotations

import asyncio
import re

import pytest

from support import START_MS
from tenancy import ADMIN, ReadableAudit, close_user, insert_user, make_member, make_tenant, make_user
from watchword.credentials.one_time_code import hash_code
from watchword.credentials.password import require_acceptable_password
from watchword.db.database import Database, Statement, Transaction
from watchword.db.generations import Generations
from watchword.errors import (
    ConflictError,
    ForbiddenError,
    InvalidFieldsError,
    NotAuthenticatedError,
    NotFoundError,
    SpentCodeError,
    UnavailableError,
    WrongPasswordError,
)
from watchword.mail.letters import Site
from watchword.mail.sender import Letter
from watchword.tenants.invitations import INVITATION_SECONDS, InsertUser, Invitations
from watchword.tenants.models import AcceptInvitation, CreateInvitation, Membership, Tenant, TenantRole
from watchword.tenants.queries import find_membership, find_tenant, find_user_id

PASSWORD = "correct horse battery"
NEW = "new@acme.example"
END_MS = START_MS + INVITATION_SECONDS * 1000
ALL_INVITATIONS = Statement("SELECT code_hash, email, accepted_at FROM invitations")
VERIFIED = Statement("SELECT email_verified_at FROM users WHERE id = $1")


class Mailbox:
    """A sender that keeps its letters, or refuses them."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.is_down = False

    async def send(self, letter: Letter) -> None:
        if self.is_down:
            raise UnavailableError
        self.letters.append(letter)

    def code(self) -> str:
        found = re.search(r"application: (\S+)", self.letters[-1].text)
        assert found
        return found[1]


class Accounts:
    """What users/ gives in the running product, reduced to one password for everybody."""

    def __init__(self) -> None:
        self.proved: list[str] = []

    async def prove_password(self, email: str, password: str, *, address: str, now_ms: int) -> None:
        self.proved.append(f"{email} from {address}")
        if password != PASSWORD:
            raise WrongPasswordError

    async def prepare_user(
        self, *, email: str, name: str, password: str, context_words: tuple[str, ...], now_ms: int
    ) -> InsertUser:
        require_acceptable_password(password, email=email, context_words=context_words)

        async def insert(transaction: Transaction) -> str:
            return await insert_user(transaction, email)

        return insert


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def accounts() -> Accounts:
    return Accounts()


@pytest.fixture
def invitations(database: Database, audit: ReadableAudit, mailbox: Mailbox, accounts: Accounts) -> Invitations:
    return Invitations(
        database,
        audit=audit.writer,
        sender=mailbox,
        prove_password=accounts.prove_password,
        prepare_user=accounts.prepare_user,
        site=Site("https://watchword.test", "https://app.test"),
    )


async def invite(
    invitations: Invitations, tenant: Tenant, email: str = NEW, role: TenantRole = "tenant-editor"
) -> None:
    await invitations.create(tenant.id, CreateInvitation(email=email, role=role), actor=ADMIN, now_ms=START_MS)


async def accept(
    invitations: Invitations,
    code: str,
    *,
    password: str | None = PASSWORD,
    signed_in_user_id: str | None = None,
    now_ms: int = START_MS + 1,
) -> Membership:
    wanted = AcceptInvitation(code=code, password=password, name="New")
    return await invitations.accept(wanted, signed_in_user_id=signed_in_user_id, address="192.0.2.9", now_ms=now_ms)


async def test_an_unknown_address_becomes_a_user_and_member(
    invitations: Invitations, database: Database, mailbox: Mailbox, audit: ReadableAudit
) -> None:
    """Whoever reads the letter makes an account, joins with the role given, and has proved the address."""
    acme = await make_tenant(database)
    await invite(invitations, acme)
    joined = await accept(invitations, mailbox.code())
    assert (joined.tenant_id, joined.email, joined.role) == (acme.id, NEW, "tenant-editor")
    assert await find_membership(database, acme.id, joined.user_id) == joined
    assert await database.fetch_row(VERIFIED, joined.user_id) == (START_MS + 1,)
    assert audit.events() == ["member.invited", "user.created", "member.joined"]
    assert await find_tenant(database, acme.id) == acme


async def test_a_code_works_once(invitations: Invitations, database: Database, mailbox: Mailbox) -> None:
    """Of 50 parallel acceptances of one code exactly one joins, and one account is made."""
    acme = await make_tenant(database)
    await invite(invitations, acme)
    code = mailbox.code()
    results = await asyncio.gather(*[accept(invitations, code) for _ in range(50)], return_exceptions=True)
    assert sum(isinstance(result, Membership) for result in results) == 1
    assert sum(isinstance(result, SpentCodeError) for result in results) == 49
    with pytest.raises(SpentCodeError):
        await accept(invitations, code)


async def test_an_existing_user_joins_by_password_or_session(
    invitations: Invitations, database: Database, mailbox: Mailbox, accounts: Accounts, generations: Generations
) -> None:
    """The invited user joins with the account's password, or signed in; what was remembered of them ends."""
    user_id = await make_user(database, "Ann@acme.example")
    for slug, signed_in, password in (("one", None, PASSWORD), ("two", user_id, None)):
        tenant = await make_tenant(database, slug)
        await invite(invitations, tenant, "ann@ACME.example")
        before = generations.read(generations.slot(f"user:{user_id}"))
        joined = await accept(invitations, mailbox.code(), password=password, signed_in_user_id=signed_in)
        assert joined.user_id == user_id
        assert generations.read(generations.slot(f"user:{user_id}")) != before
    assert accounts.proved == ["ann@ACME.example from 192.0.2.9"]


async def test_a_code_alone_takes_nobodys_account(
    invitations: Invitations, database: Database, mailbox: Mailbox
) -> None:
    """An existing account joins neither without proof, nor with a wrong password, nor through someone else's session."""
    acme = await make_tenant(database)
    user_id = await make_user(database, NEW)
    stranger = await make_user(database, "stranger@acme.example")
    await invite(invitations, acme)
    code = mailbox.code()
    with pytest.raises(NotAuthenticatedError):
        await accept(invitations, code, password=None)
    with pytest.raises(WrongPasswordError):
        await accept(invitations, code, password="wrong password")
    with pytest.raises(WrongPasswordError):
        await accept(invitations, code, password="wrong password", signed_in_user_id=stranger)
    with pytest.raises(ForbiddenError):
        await accept(invitations, code, password=None, signed_in_user_id=stranger)
    assert await find_membership(database, acme.id, user_id) is None
    assert await find_membership(database, acme.id, stranger) is None
    assert (await accept(invitations, code)).user_id == user_id


async def test_a_closed_account_does_not_join(invitations: Invitations, database: Database, mailbox: Mailbox) -> None:
    """A user whose account was closed does not come in by an invitation, not even with a session still remembered."""
    acme = await make_tenant(database)
    user_id = await make_user(database, NEW)
    await invite(invitations, acme)
    await close_user(database, user_id)
    with pytest.raises(NotAuthenticatedError):
        await accept(invitations, mailbox.code(), signed_in_user_id=user_id)
    assert await find_membership(database, acme.id, user_id) is None


async def test_a_new_account_needs_a_good_password(
    invitations: Invitations, database: Database, mailbox: Mailbox
) -> None:
    """Without a password, or with a refused one, nothing is made and the code stays good."""
    await invite(invitations, await make_tenant(database))
    code = mailbox.code()
    for password in (None, "short"):
        with pytest.raises(InvalidFieldsError):
            await accept(invitations, code, password=password)
    assert await find_user_id(database, NEW) is None
    assert (await accept(invitations, code)).email == NEW


@pytest.mark.parametrize(("now_ms", "works"), [(END_MS - 1, True), (END_MS, False), (END_MS + 1, False)])
async def test_a_code_ends_after_seven_days(
    invitations: Invitations,
    database: Database,
    mailbox: Mailbox,
    now_ms: int,
    works: bool,  # noqa: FBT001 - a column
) -> None:
    """A code works until the last millisecond before its end, and not from the end on."""
    acme = await make_tenant(database)
    await invite(invitations, acme)
    assert len(await invitations.list(acme.id, now_ms=now_ms)) == int(works)
    if works:
        await accept(invitations, mailbox.code(), now_ms=now_ms)
    else:
        with pytest.raises(SpentCodeError):
            await accept(invitations, mailbox.code(), now_ms=now_ms)


@pytest.mark.parametrize("code", ["", "x", "A" * 43, "' OR 1=1 --", "é", "\x00"])
async def test_an_unknown_code_is_refused(invitations: Invitations, database: Database, code: str) -> None:
    """A code that was never made opens nothing."""
    await invite(invitations, await make_tenant(database))
    with pytest.raises(SpentCodeError):
        await accept(invitations, code)


async def test_a_disabled_tenant_takes_nobody_in(
    invitations: Invitations, database: Database, mailbox: Mailbox
) -> None:
    """A code of a disabled tenant is refused like an unknown one."""
    await invite(invitations, await make_tenant(database, disabled=True))
    with pytest.raises(SpentCodeError):
        await accept(invitations, mailbox.code())
    assert await find_user_id(database, NEW) is None


async def test_a_second_invitation_ends_the_first(
    invitations: Invitations, database: Database, mailbox: Mailbox
) -> None:
    """Only the newest code to an address works; another tenant's code to it is not touched."""
    acme, other = await make_tenant(database), await make_tenant(database, "other")
    await invite(invitations, other)
    kept = mailbox.code()
    await invite(invitations, acme)
    first = mailbox.code()
    await invite(invitations, acme, NEW.upper())
    with pytest.raises(SpentCodeError):
        await accept(invitations, first)
    await accept(invitations, mailbox.code())
    assert (await accept(invitations, kept)).tenant_id == other.id


async def test_two_tenants_at_once_make_one_account(
    invitations: Invitations, database: Database, mailbox: Mailbox
) -> None:
    """Two invitations of one address accepted at once make one account; the other code is told so and stays good."""
    codes = []
    for slug in ("one", "two"):
        await invite(invitations, await make_tenant(database, slug))
        codes.append(mailbox.code())
    results = await asyncio.gather(*[accept(invitations, code) for code in codes], return_exceptions=True)
    assert all(isinstance(result, Membership | ConflictError) for result in results)
    joined = [
        await accept(invitations, code) if isinstance(result, ConflictError) else result
        for code, result in zip(codes, results, strict=True)
    ]
    assert {one.user_id for one in joined if isinstance(one, Membership)} == {await find_user_id(database, NEW)}


async def test_an_old_invitation_does_not_change_a_role(
    invitations: Invitations, database: Database, mailbox: Mailbox
) -> None:
    """Someone who became a member meanwhile keeps that role when the invitation is accepted."""
    acme = await make_tenant(database)
    await invite(invitations, acme, role="tenant-admin")
    user_id = await make_member(database, acme, NEW, "tenant-viewer")
    assert (await accept(invitations, mailbox.code())).role == "tenant-viewer"
    with pytest.raises(SpentCodeError):
        await accept(invitations, mailbox.code(), signed_in_user_id=user_id)


async def test_members_are_not_invited(invitations: Invitations, database: Database, mailbox: Mailbox) -> None:
    """An address that belongs to a member gets no letter."""
    acme = await make_tenant(database)
    await make_member(database, acme, "Ann@acme.example", "tenant-viewer")
    with pytest.raises(ConflictError):
        await invite(invitations, acme, "ann@acme.example")
    assert mailbox.letters == []


@pytest.mark.parametrize("email", ["", "ann", "a@b.c\nBcc: x@y.z", "a@b.c, x@y.z"])
async def test_other_than_an_address_gets_no_letter(
    invitations: Invitations, database: Database, mailbox: Mailbox, email: str
) -> None:
    """What is no single e-mail address is refused before anything is stored or sent."""
    acme = await make_tenant(database)
    with pytest.raises(InvalidFieldsError):
        await invite(invitations, acme, email)
    assert mailbox.letters == []
    assert await database.fetch_rows(ALL_INVITATIONS) == []


async def test_a_letter_that_is_not_taken_leaves_nothing(
    invitations: Invitations, database: Database, mailbox: Mailbox, audit: ReadableAudit
) -> None:
    """When the mail server refuses, the inviter learns it and no invitation is left."""
    acme = await make_tenant(database)
    mailbox.is_down = True
    with pytest.raises(UnavailableError):
        await invite(invitations, acme)
    assert await database.fetch_rows(ALL_INVITATIONS) == []
    assert audit.events() == []


async def test_a_withdrawn_invitation_is_worthless(
    invitations: Invitations, database: Database, mailbox: Mailbox, audit: ReadableAudit
) -> None:
    """A withdrawn code is refused; another tenant cannot withdraw it, and an accepted one cannot be withdrawn."""
    acme, other = await make_tenant(database), await make_tenant(database, "other")
    await invite(invitations, acme)
    (listed,) = await invitations.list(acme.id, now_ms=START_MS)
    assert await invitations.list(other.id, now_ms=START_MS) == []
    with pytest.raises(NotFoundError):
        await invitations.withdraw(other.id, listed.id, actor=ADMIN, now_ms=START_MS)
    await invitations.withdraw(acme.id, listed.id, actor=ADMIN, now_ms=START_MS)
    assert audit.events() == ["member.invited", "member.invitation_withdrawn"]
    with pytest.raises(SpentCodeError):
        await accept(invitations, mailbox.code())
    await invite(invitations, acme)
    (listed,) = await invitations.list(acme.id, now_ms=START_MS)
    await accept(invitations, mailbox.code())
    with pytest.raises(NotFoundError):
        await invitations.withdraw(acme.id, listed.id, actor=ADMIN, now_ms=START_MS)


async def test_the_code_stands_in_the_letter_alone(
    invitations: Invitations, database: Database, mailbox: Mailbox, audit: ReadableAudit
) -> None:
    """The database has the code's hash, the log has neither; the letter has no word that an administrator chose."""
    acme = await make_tenant(database, "acme")
    await invite(invitations, acme)
    code = mailbox.code()
    ((code_hash, email, accepted_at),) = await database.fetch_rows(ALL_INVITATIONS)
    assert (bytes(code_hash), email, accepted_at) == (hash_code(code), NEW, None)
    assert code not in audit.text()
    assert NEW not in audit.text()
    assert acme.name not in mailbox.letters[-1].text + mailbox.letters[-1].subject
    assert mailbox.letters[-1].to == NEW


async def test_an_unknown_tenant_invites_nobody(invitations: Invitations, mailbox: Mailbox) -> None:
    """Inviting to, or listing of, a tenant that does not exist is refused."""
    with pytest.raises(NotFoundError):
        await invitations.create("ten_x", CreateInvitation(email=NEW), actor=ADMIN, now_ms=START_MS)
    with pytest.raises(NotFoundError):
        await invitations.list("ten_x", now_ms=START_MS)
    assert mailbox.letters == []
