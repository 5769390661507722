"""The endpoints of every collection, made from its definition."""

from __future__ import annotations

from watchword.db.database import Database
from watchword.records.definitions import BUILT_IN, Collection, CollectionType
from watchword.records.models import (
    change_schema,
    count_parameters,
    count_schema,
    create_schema,
    cut_schema,
    deleted_schema,
    header_parameter,
    list_parameters,
    page_schema,
    select_parameter,
    written_schema,
)
from watchword.records.read import DocumentReader
from watchword.records.write import DocumentWriter
from watchword.wire.routes import Route

IF_MATCH = header_parameter("If-Match", "The ETag that the change is meant for; another version gives 412.")
IF_NONE_MATCH = header_parameter("If-None-Match", "The ETag that you hold; the same version gives 304.")
IDEMPOTENCY_KEY = header_parameter(
    "Idempotency-Key", "Sent again within 24 hours, it gives the first answer again.", pattern="^[!-~]{1,255}$"
)


def make_routes(database: Database, collections: tuple[Collection, ...] = BUILT_IN) -> tuple[Route, ...]:
    """Return the routes of all collections."""
    kinds = [CollectionType(collection) for collection in collections]
    return tuple(
        route for kind in kinds for route in (*make_read_routes(database, kind), *_write_routes(database, kind))
    )


def make_read_routes(database: Database, kind: CollectionType) -> tuple[Route, ...]:
    """Return the routes that read a collection, for rooms that write theirs by themselves too."""
    handlers = DocumentReader(database, kind)
    path, permission, public = f"/api/{kind.name}", f"{kind.name}:read", kind.data.access.read == "public"
    return (
        Route(
            method="GET",
            path=path,
            handler=handlers.list,
            callers="any caller",
            summary=f"List {kind.name}",
            permission=permission,
            publishable=public,
            parameters=list_parameters(kind),
            answer_schema=page_schema(kind),
            tag=kind.name.capitalize(),
        ),
        Route(
            method="GET",
            path=f"{path}/count",
            handler=handlers.count,
            callers="any caller",
            summary=f"Count {kind.name}",
            permission=permission,
            publishable=public,
            parameters=count_parameters(kind),
            answer_schema=count_schema(),
            tag=kind.name.capitalize(),
        ),
        Route(
            method="GET",
            path=f"{path}/{{id}}",
            handler=handlers.get,
            callers="any caller",
            summary=f"Read one of {kind.name}",
            permission=permission,
            publishable=public,
            parameters=(select_parameter(kind), IF_NONE_MATCH),
            answer_schema=cut_schema(kind),
            tag=kind.name.capitalize(),
        ),
    )


def _write_routes(database: Database, kind: CollectionType) -> tuple[Route, ...]:
    handlers = DocumentWriter(database, kind)
    path, permission = f"/api/{kind.name}", f"{kind.name}:write"
    return (
        Route(
            method="POST",
            path=path,
            handler=handlers.create,
            callers="any caller",
            summary=f"Create one of {kind.name}",
            permission=permission,
            parameters=(IDEMPOTENCY_KEY,),
            body_schema=create_schema(kind),
            answer_schema=written_schema(kind),
            status=201,
            tag=kind.name.capitalize(),
        ),
        Route(
            method="PATCH",
            path=f"{path}/{{id}}",
            handler=handlers.change,
            callers="any caller",
            summary=f"Change fields of one of {kind.name}",
            permission=permission,
            parameters=(IF_MATCH,),
            body_schema=change_schema(kind),
            answer_schema=written_schema(kind),
            tag=kind.name.capitalize(),
        ),
        Route(
            method="DELETE",
            path=f"{path}/{{id}}",
            handler=handlers.delete,
            callers="any caller",
            summary=f"Delete one of {kind.name}",
            permission=permission,
            parameters=(IF_MATCH,),
            answer_schema=deleted_schema(kind),
            tag=kind.name.capitalize(),
        ),
    )
