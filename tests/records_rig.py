"""Products behind the checks that the pipeline makes before a handler, on a real database."""

from __future__ import annotations

import json
from typing import Any

from support import START_MS
from watchword.callers.call import Call
from watchword.callers.caller import Caller, CallerKind, Mode, Role
from watchword.callers.permissions import require_permission
from watchword.db.database import Database, Statement
from watchword.errors import NotAuthenticatedError, WatchwordError
from watchword.ids import make_id
from watchword.records.definitions import BUILT_IN, Collection
from watchword.records.routes import make_routes
from watchword.wire.json_body import decode_struct, require_json_type
from watchword.wire.problems import problem_response
from watchword.wire.request import Request
from watchword.wire.response import Response
from watchword.wire.routes import Route, RouteTable

ACME = make_id("tenant", START_MS)
OTHER = make_id("tenant", START_MS)

_COUNT = Statement(
    "SELECT counted_value, count(*) FROM documents WHERE tenant_id = $1 AND mode = $2 AND collection = $3"
    " GROUP BY counted_value"
)
_FACETS = Statement("SELECT facet, total FROM document_counts WHERE tenant_id = $1 AND mode = $2 AND collection = $3")


def secret_key(tenant_id: str = ACME, mode: Mode = "live", scopes: tuple[str, ...] | None = None) -> Caller:
    """Make a caller who came with a secret key."""
    return Caller(CallerKind.SECRET_KEY, tenant_id, mode, "key_s", None, scopes, "key_s")


def publishable_key(tenant_id: str = ACME, mode: Mode = "live") -> Caller:
    """Make a caller who came with a publishable key."""
    return Caller(CallerKind.PUBLISHABLE_KEY, tenant_id, mode, "key_p", None, None, "key_p")


def user(role: Role | None, tenant_id: str = ACME, mode: Mode = "live") -> Caller:
    """Make a signed-in user."""
    return Caller(CallerKind.USER, tenant_id, mode, "usr_1", role, None, "ses_1")


class Answer:
    """An answer as a test reads it."""

    def __init__(self, response: Response) -> None:
        self.status = response.status
        self.headers = dict(response.header_pairs())
        self.body = response.body
        self.json: Any = json.loads(response.body) if response.body else None

    @property
    def error(self) -> dict[str, Any]:
        """The one error of a refusal."""
        [error] = self.json["errors"]
        return dict(error)

    @property
    def fields(self) -> dict[str, str]:
        """The fields that a refusal names, with their sentences."""
        return {field["path"]: field["message"] for field in self.error["extensions"]["fields"]}


class Shop:
    """The routes of collections, called as a proved caller; refusals come back as the answers that they become."""

    def __init__(
        self, database: Database, collections: tuple[Collection, ...] = BUILT_IN, *, more: tuple[Route, ...] = ()
    ) -> None:
        self.database = database
        self.table = RouteTable((*make_routes(database, collections), *more))

    async def send(
        self,
        method: str,
        target: str,
        *,
        caller: Caller | None = None,
        body: object = None,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
        now_ms: int = START_MS,
    ) -> Answer:
        """Send one request; by default as a secret key, with the body as JSON."""
        sent = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        lines = {"content-type": "application/json", **(headers or {})}

        request = Request(
            method,
            target.encode(),
            [(name.encode(), value.encode("latin-1")) for name, value in lines.items()],
            client_address="192.0.2.1",
            scheme="https",
            body=sent,
        )
        try:
            return Answer(await self._serve(request, caller or secret_key(), now_ms))
        except WatchwordError as error:
            return Answer(problem_response(error))

    async def _serve(self, request: Request, caller: Caller, now_ms: int) -> Response:
        match = self.table.match(request.method, request.path)
        if match.route.permission is None:
            raise NotAuthenticatedError
        require_permission(caller, match.route.permission, public=match.route.publishable)
        call = Call(request, caller=caller, now_ms=now_ms, parameters=match.parameters)
        if match.route.body is not None:
            require_json_type(request.header(b"content-type"), request.header(b"content-encoding"))
            call.body = decode_struct(await request.body(), match.route.body)
        return await match.route.handler(call)

    async def create(self, *, now_ms: int = START_MS, caller: Caller | None = None, **fields: object) -> dict[str, Any]:
        """Create a product and return it."""
        answer = await self.send(
            "POST", "/api/products", caller=caller, body={"name": "Thing", "price": 1, **fields}, now_ms=now_ms
        )
        assert answer.status == 201, answer.body
        doc: dict[str, Any] = answer.json["doc"]
        return doc

    async def counters_agree(self, tenant_id: str = ACME, mode: Mode = "live", collection: str = "products") -> bool:
        """Say whether the kept totals are what counting the stored documents gives."""
        counted = {row[0]: row[1] for row in await self.database.scan_rows(_COUNT, tenant_id, mode, collection)}
        kept = {row[0]: row[1] for row in await self.database.scan_rows(_FACETS, tenant_id, mode, collection)}
        wanted = {"": sum(counted.values()), **{value: total for value, total in counted.items() if value is not None}}
        return {facet: total for facet, total in kept.items() if total} == {
            facet: total for facet, total in wanted.items() if total
        }
