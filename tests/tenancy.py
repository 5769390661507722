"""Tenants, people and callers for tests, made straight in a real database, and an audit log that can be read."""

from __future__ import annotations

import io
import json
from typing import Any

from support import START_MS
from watchword.audit.writer import AuditWriter
from watchword.callers.call import Call
from watchword.callers.caller import Caller, CallerKind, Mode, Role
from watchword.callers.permissions import require_permission
from watchword.db.database import Database, Statement, Transaction
from watchword.errors import NotAuthenticatedError
from watchword.ids import make_id
from watchword.observe import Log
from watchword.tenants.actor import Actor
from watchword.tenants.email_address import fold_email
from watchword.tenants.models import Tenant, TenantRole, TenantSettings
from watchword.tenants.queries import insert_membership, insert_tenant
from watchword.wire.json_body import decode_struct
from watchword.wire.query import parse_query
from watchword.wire.request import Request
from watchword.wire.response import Response
from watchword.wire.routes import Route, RouteTable

ADMIN = Actor(subject="usr_admin", credential_id="ses_admin", address="192.0.2.1")
SUPER_ADMIN = Actor(subject="usr_super", is_super_admin=True)

NO_ADMINISTRATORS: tuple[tuple[Role | None, CallerKind], ...] = (
    (None, CallerKind.USER),
    (Role.TENANT_VIEWER, CallerKind.USER),
    (Role.TENANT_EDITOR, CallerKind.USER),
    (None, CallerKind.SECRET_KEY),
    (None, CallerKind.PUBLISHABLE_KEY),
)
"""Whoever is of a tenant without managing it: by role, and by what they come with."""

_INSERT_USER = Statement(
    "INSERT INTO users (id, email, email_folded, name, password_hash, is_super_admin, disabled_at, created_at, "
    "updated_at) VALUES ($1, $2, $3, '', '', 0, $4, $5, $5)"
)
_CLOSE_USER = Statement("UPDATE users SET disabled_at = $2 WHERE id = $1")


class ReadableAudit:
    """A real audit writer whose log is kept in memory."""

    def __init__(self, bookkeeping: Database) -> None:
        self._stream = io.BytesIO()
        self._log = Log(self._stream)
        self.writer = AuditWriter(log=self._log, bookkeeping=bookkeeping)

    def text(self) -> str:
        """Return all that was logged so far."""
        self._log.flush()
        return self._stream.getvalue().decode()

    def events(self) -> list[str]:
        """Return the names of the recorded events, in order."""
        return [json.loads(line)["event"] for line in self.text().splitlines()]

    def close(self) -> None:
        """Stop the log's thread."""
        self._log.close()


async def make_tenant(database: Database, slug: str = "acme", *, disabled: bool = False) -> Tenant:
    """Store a tenant."""
    tenant = Tenant(
        id=make_id("tenant", START_MS),
        slug=slug,
        name=slug.title(),
        plan="free",
        settings=TenantSettings(),
        created_at_ms=START_MS,
        updated_at_ms=START_MS,
        disabled_at_ms=START_MS if disabled else None,
    )
    await database.transaction(lambda transaction: insert_tenant(transaction, tenant))
    return tenant


async def make_user(database: Database, email: str, *, disabled: bool = False) -> str:
    """Store a user of no tenant and return the id."""
    return await database.transaction(lambda transaction: insert_user(transaction, email, disabled=disabled))


async def insert_user(transaction: Transaction, email: str, *, disabled: bool = False) -> str:
    """Store a user inside a transaction and return the id."""
    user_id = make_id("user", START_MS)
    await transaction.execute(_INSERT_USER, user_id, email, fold_email(email), START_MS if disabled else None, START_MS)
    return user_id


async def close_user(database: Database, user_id: str) -> None:
    """Disable a user's account."""
    await database.transaction(lambda transaction: transaction.execute(_CLOSE_USER, user_id, START_MS))


async def make_member(database: Database, tenant: Tenant, email: str, role: TenantRole) -> str:
    """Store a user who is a member and return the id."""
    user_id = await make_user(database, email)
    await database.transaction(
        lambda transaction: insert_membership(transaction, tenant.id, user_id, role=role, now_ms=START_MS)
    )
    return user_id


def user_caller(
    tenant_id: str, role: Role | None = Role.TENANT_ADMIN, *, user_id: str = "usr_admin", mode: Mode = "live"
) -> Caller:
    """Make a signed-in user."""
    return Caller(CallerKind.USER, tenant_id, mode, user_id, role, None, "ses_1")


def key_caller(
    tenant_id: str,
    kind: CallerKind = CallerKind.SECRET_KEY,
    *,
    key_id: str = "key_1",
    mode: Mode = "live",
    scopes: tuple[str, ...] | None = None,
) -> Caller:
    """Make a caller who came with a key."""
    return Caller(kind, tenant_id, mode, key_id, None, scopes, key_id)


class Door:
    """The routes of a room behind the checks that the pipeline does before a handler."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self.table = RouteTable(routes)

    async def send(
        self, method: str, target: str, caller: Caller | None, body: object = None, *, now_ms: int = START_MS
    ) -> Response:
        """Send one request as a proved caller."""
        request = Request(method, target.encode(), [], client_address="192.0.2.1", scheme="https")
        match = self.table.match(method, request.path)
        route = match.route
        if caller is None and route.callers != "anyone":
            raise NotAuthenticatedError
        if caller is not None and route.permission is not None:
            require_permission(caller, route.permission, public=route.publishable)
        return await route.handler(
            Call(
                request,
                caller=caller,
                now_ms=now_ms,
                parameters=match.parameters,
                body=None if body is None else decode_struct(json.dumps(body).encode(), route.body),
                query=None if route.query is None else parse_query(request.query, route.query),
            )
        )

    async def json(
        self, method: str, target: str, caller: Caller | None, body: object = None, *, now_ms: int = START_MS
    ) -> dict[str, Any]:
        """Send one request and return its decoded answer."""
        response = await self.send(method, target, caller, body, now_ms=now_ms)
        answer: dict[str, Any] = json.loads(response.body)
        return answer
