"""Create, change and delete documents, each in one transaction with its counters."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from watchword.callers.call import Call
from watchword.clock import iso_timestamp
from watchword.db.database import Database, Transaction
from watchword.errors import ConflictError, DuplicateError, MalformedRequestError, NotFoundError
from watchword.ids import make_id
from watchword.records.definitions import CollectionType
from watchword.records.etags import make_etag, require_match
from watchword.records.fields import SERVER_FIELDS
from watchword.records.idempotency import read_key, take_key
from watchword.records.queries import DocumentQueries, StoredDocument
from watchword.records.rules import require_access
from watchword.wire.json_body import decode_json, require_json_type
from watchword.wire.request import Request
from watchword.wire.response import JSON_TYPE, NO_STORE, Response, header_line

REPLAYED: Final = b"idempotent-replayed: true\r\n"
"""On an answer that an ``Idempotency-Key`` brought again."""


class DocumentWriter:
    """The handlers that write one collection."""

    def __init__(self, database: Database, collection: CollectionType) -> None:
        self._database = database
        self._collection = collection
        self._queries = DocumentQueries(database, collection)
        self._unique = {f"documents_{collection.name}_{field}": field for field in collection.data.unique}

    async def create(self, call: Call) -> Response:
        """Make a document; with an ``Idempotency-Key``, once however often it is sent."""
        require_access(self._collection.data, "create", call.known)
        document = self._collection.checker.complete(await _read_object(call.request))
        keyed = read_key(
            call.request.header(b"idempotency-key"), self._collection.name.encode(), msgspec.json.encode(document)
        )
        document_id = make_id(self._collection.data.id_kind, call.now_ms)
        made = make_stored(self._collection, document_id, document, call.now_ms)
        body = f'{{"message":"{self._collection.data.singular} successfully created.","doc":{made.text}}}'

        async def insert(tx: Transaction) -> str | None:
            if keyed is not None:
                given_before = await take_key(
                    tx, call.tenant_id, call.mode, keyed, status=201, body=body, now_ms=call.now_ms
                )
                if given_before is not None:
                    return given_before
            await self._queries.insert(call.tenant_id, call.mode, document_id, made, tx=tx)
            return None

        try:
            given_before = await self._database.transaction(insert)
        except DuplicateError as error:
            raise self._name_duplicate(error) from error
        lines = b"" if given_before is None else REPLAYED
        return written_response(201, body if given_before is None else given_before, version=1, lines=lines)

    async def change(self, call: Call) -> Response:
        """Put new values in the place of the fields that are sent; null takes a field away."""
        require_access(self._collection.data, "update", call.known)
        document_id = self._read_id(call)
        sent = await _read_object(call.request)

        async def update(tx: Transaction) -> StoredDocument:
            before = await self._get_locked(tx, call, document_id)
            after = rewrite_stored(self._collection, document_id, before, sent, call.now_ms)
            await self._queries.update(call.tenant_id, call.mode, document_id, before=before, after=after, tx=tx)
            return after

        try:
            after = await self._database.transaction(update)
        except DuplicateError as error:
            raise self._name_duplicate(error) from error
        return written_response(200, f'{{"message":"Updated successfully.","doc":{after.text}}}', version=after.version)

    async def delete(self, call: Call) -> Response:
        """Remove a document and answer with what it was."""
        require_access(self._collection.data, "delete", call.known)
        document_id = self._read_id(call)

        async def remove(tx: Transaction) -> StoredDocument:
            stored = await self._get_locked(tx, call, document_id)
            await self._queries.delete(call.tenant_id, call.mode, document_id, stored, tx=tx)
            return stored

        stored = await self._database.transaction(remove)
        return written_response(200, f'{{"message":"Deleted successfully.","id":"{document_id}","doc":{stored.text}}}')

    def _read_id(self, call: Call) -> str:
        document_id = call.parameters["id"]
        if self._collection.id_pattern.fullmatch(document_id) is None:
            raise NotFoundError
        return document_id

    async def _get_locked(self, tx: Transaction, call: Call, document_id: str) -> StoredDocument:
        stored = await self._queries.find_locked(call.tenant_id, call.mode, document_id, tx=tx)
        if stored is None:
            raise NotFoundError
        require_match(call.request.header(b"if-match"), stored.version)
        return stored

    def _name_duplicate(self, error: DuplicateError) -> ConflictError:
        field = self._unique.get(error.index)
        if field is None:
            return error
        sentence = f"A {self._collection.data.singular.lower()} with this {field} exists already"
        return ConflictError(
            sentence, cause=error.cause, extensions={"fields": [{"path": field, "message": "is taken"}]}
        )


def make_stored(collection: CollectionType, document_id: str, document: dict[str, Any], now_ms: int) -> StoredDocument:
    """Write a checked document as it will be served, at its first version."""
    return _write(collection, document_id, document, version=1, times=_Times(iso_timestamp(now_ms), now_ms))


def rewrite_stored(
    collection: CollectionType, document_id: str, before: StoredDocument, changes: dict[str, Any], now_ms: int
) -> StoredDocument:
    """Write a document anew with some of its fields changed, as its next version; null takes a field away.

    Raises:
        InvalidFieldsError: the changed document would not fit its collection's schema.
    """
    served: dict[str, Any] = msgspec.json.decode(before.text)
    own = {name: value for name, value in served.items() if name not in SERVER_FIELDS}
    document = collection.checker.complete({**own, **changes})
    times = _Times(served["createdAt"], max(now_ms, before.updated_at))
    return _write(collection, document_id, document, version=before.version + 1, times=times)


class _Times(msgspec.Struct, frozen=True):
    created: str
    updated_ms: int


def _write(
    collection: CollectionType, document_id: str, document: dict[str, Any], *, version: int, times: _Times
) -> StoredDocument:
    served = {
        "id": document_id,
        **document,
        "createdAt": times.created,
        "updatedAt": iso_timestamp(times.updated_ms),
    }
    field = collection.data.counted_field
    counted_value = None if field is None else document.get(field)
    return StoredDocument(version, counted_value, msgspec.json.encode(served).decode(), times.updated_ms)


async def _read_object(request: Request) -> dict[str, Any]:
    require_json_type(request.header(b"content-type"), request.header(b"content-encoding"))
    sent = decode_json(await request.body())
    if not isinstance(sent, dict):
        raise MalformedRequestError("The body must be a JSON object")
    return sent


def written_response(status: int, body: str, *, version: int | None = None, lines: bytes = b"") -> Response:
    """Answer a write with its body, private to the caller, and the entity tag of the version that it left."""
    etag = b"" if version is None else header_line("etag", make_etag(version))
    return Response(status, body.encode(), JSON_TYPE + NO_STORE + etag + lines)
