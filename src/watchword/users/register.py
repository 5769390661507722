"""A stranger becomes a user of a tenant that lets strangers in.

The answer is the same whether or not the address is taken, and takes as long: what there is to tell goes by letter to
whoever reads that address (ASVS 5.0 V6.3.8). A new user is a viewer of the tenant, the least role there is.
"""

from __future__ import annotations

import msgspec

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.callers.call import Call
from watchword.credentials.password import Passwords, require_acceptable_password
from watchword.db.database import Database, Transaction
from watchword.errors import DuplicateError, RegistrationClosedError
from watchword.ids import make_id
from watchword.mail.letters import Site, account_exists, verify_registration
from watchword.mail.outbound import Outbound
from watchword.mail.sender import Letter
from watchword.tenants.email_address import require_email
from watchword.tenants.models import Tenant
from watchword.tenants.names import require_name
from watchword.tenants.queries import insert_membership
from watchword.users import queries
from watchword.users.attempts import Attempts
from watchword.users.email_verification import store_verification
from watchword.users.models import Done, RegisterBody, User
from watchword.users.named_tenant import find_named_tenant
from watchword.wire.response import Response, json_response


class Welcome(msgspec.Struct, frozen=True):
    """The letter that follows a registration, and whether it made an account."""

    letter: Letter
    is_new: bool


class Register:
    """Registers users."""

    def __init__(
        self,
        *,
        database: Database,
        passwords: Passwords,
        attempts: Attempts,
        outbound: Outbound,
        audit: AuditWriter,
        site: Site,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._attempts = attempts
        self._outbound = outbound
        self._audit = audit
        self._site = site

    async def register(self, call: Call) -> Response:
        """Make an account in the tenant that the request names, and mail its owner."""
        tenant = await self._require_open_tenant(call)
        user = await self._read_user(call, tenant)
        welcome = await self._store(user, tenant, call.now_ms)
        self._tell(call, user, tenant, welcome)
        return json_response(201, Done("Registration received; a letter is on its way to the email address."))

    async def _require_open_tenant(self, call: Call) -> Tenant:
        tenant = await find_named_tenant(self._database, call)
        if tenant is None or not tenant.settings.registration:
            raise RegistrationClosedError
        return tenant

    async def _read_user(self, call: Call, tenant: Tenant) -> User:
        body: RegisterBody = call.body
        email = require_email(body.email)
        require_acceptable_password(body.password, email=email, context_words=tenant.context_words)
        return User(
            id=make_id("user", call.now_ms),
            email=email,
            name="" if body.name is None else require_name(body.name),
            password_hash=await self._passwords.hash(body.password),
            is_super_admin=False,
            email_verified_at_ms=None,
            disabled_at_ms=None,
            created_at_ms=call.now_ms,
        )

    async def _store(self, user: User, tenant: Tenant, now_ms: int) -> Welcome | None:
        async def work(transaction: Transaction) -> Welcome:
            # Counted for both, so that both write and wait for the disk.
            await self._attempts.reserve_letter(transaction, user.email, now_ms)
            known = await queries.find_user_by_email(transaction, user.email)
            if known is not None:
                # To the address as stored: two spellings that compare as equal may be two mailboxes.
                return Welcome(account_exists(known.email, site=self._site), is_new=False)
            await queries.insert_user(transaction, user)
            await insert_membership(transaction, tenant.id, user.id, role="tenant-viewer", now_ms=now_ms)
            code = await store_verification(transaction, user.id, user.email, now_ms)
            return Welcome(verify_registration(user.email, site=self._site, code=code), is_new=True)

        try:
            return await self._database.transaction(work)
        except DuplicateError:
            return None  # another registration of the same address was a moment faster, and has its letter

    def _tell(self, call: Call, user: User, tenant: Tenant, welcome: Welcome | None) -> None:
        if welcome is None:
            return
        self._outbound.post(welcome.letter)
        if welcome.is_new:
            self._audit.record(
                Event.REGISTERED,
                now_ms=call.now_ms,
                tenant_id=tenant.id,
                subject=user.id,
                address=call.request.client_address,
            )
