"""List, count and get documents; what is stored is served without being decoded."""

from __future__ import annotations

from collections.abc import Awaitable

import msgspec

from watchword.callers.call import Call
from watchword.callers.caller import Mode
from watchword.db.database import Database
from watchword.errors import NotFoundError
from watchword.records.definitions import CollectionType
from watchword.records.etags import etag_line, is_unchanged
from watchword.records.list_query import ListQuery, parse_count_query, parse_document_query, parse_list_query
from watchword.records.paging import PageFacts, Total, write_cursor, write_page
from watchword.records.queries import DocumentQueries, Slice, Span
from watchword.records.rules import View, held_facet, is_visible, make_view, require_access
from watchword.wire.response import JSON_TYPE, NO_STORE, Response, json_response

_REVALIDATE = b"cache-control: private, no-cache\r\n"
"""The caller's own cache may keep it and asks with the entity tag before each use (RFC 9111 §5.2.2.4)."""


class _Page(msgspec.Struct, frozen=True):
    found: Slice
    total: Total


class DocumentReader:
    """The handlers that read one collection."""

    def __init__(self, database: Database, collection: CollectionType) -> None:
        self._collection = collection
        self._queries = DocumentQueries(database, collection)
        self._lines = JSON_TYPE + (_REVALIDATE if collection.data.access.read == "public" else NO_STORE)

    async def list(self, call: Call) -> Response:
        """Answer a page of documents, in the order and cut that the query asks for."""
        view_of = self._collection.data
        require_access(view_of, "read", call.known)
        query = parse_list_query(call.request.query, self._collection)
        view = make_view(view_of, query.where, held_facet(view_of, call.known))
        page = await self._read_page(call.tenant_id, call.mode, view, query)
        texts = page.found.texts
        if query.select is not None:
            texts = [query.select.cut(text) for text in texts]
        last = page.found.last
        facts = PageFacts(
            total=page.total,
            limit=query.limit,
            page=query.page if query.after is None else None,
            has_next=last is not None,
            next_cursor=None if last is None else write_cursor(query.order, last),
        )
        return Response(200, write_page(texts, facts), self._lines)

    async def count(self, call: Call) -> Response:
        """Answer how many documents a filter leaves."""
        require_access(self._collection.data, "read", call.known)
        where = parse_count_query(call.request.query, self._collection)
        view = make_view(self._collection.data, where, held_facet(self._collection.data, call.known))
        total = Total(0) if view.is_empty else await self._queries.read_total(call.tenant_id, call.mode, view)
        bound = {"totalDocsIsBound": True} if total.is_bound else {}
        return json_response(200, {"totalDocs": total.documents, **bound})

    def get(self, call: Call) -> Awaitable[Response]:
        """Answer one document as it is stored, or 304 where the caller holds this version."""
        return self.answer_one(call, call.parameters["id"])

    async def answer_one(self, call: Call, document_id: str) -> Response:
        """Answer the document of this id, whatever the path named it by."""
        caller = call.known
        require_access(self._collection.data, "read", caller)
        select = parse_document_query(call.request.query, self._collection)
        if self._collection.id_pattern.fullmatch(document_id) is None:
            raise NotFoundError
        stored = await self._queries.find(caller.tenant_id, caller.mode, document_id)
        if stored is None or not is_visible(stored.counted_value, held_facet(self._collection.data, caller)):
            raise NotFoundError
        if select is not None:
            # The tag names the whole document, so a cut one goes without.
            return Response(200, select.cut(stored.text).encode(), self._lines)
        etag = etag_line(stored.version)
        if is_unchanged(call.request.header(b"if-none-match"), stored.version):
            return Response(304, b"", self._lines.removeprefix(JSON_TYPE) + etag)
        return Response(200, stored.text.encode(), self._lines + etag)

    async def _read_page(self, tenant_id: str, mode: Mode, view: View, query: ListQuery) -> _Page:
        if view.is_empty:
            return _Page(Slice([], None), Total(0))
        span = Span(query.limit, 0 if query.after is not None else (query.page - 1) * query.limit, query.after)
        if view.where is None and not query.order.keys:
            first = query.order.newest_first
            found = await self._queries.list_by_id(tenant_id, mode, view.facet, newest_first=first, span=span)
            if found.total is not None:
                return _Page(found, Total(found.total))
            return _Page(found, await self._queries.read_total(tenant_id, mode, view))
        total = await self._queries.read_total(tenant_id, mode, view)
        is_large = total.is_bound or view.where is None
        found = await self._queries.list_matching(
            tenant_id, mode, view, order=query.order, span=span, is_large=is_large
        )
        if total.is_bound and found.texts:
            # A page behind the bound has shown that there are more.
            total = Total(max(total.documents, span.offset + len(found.texts)), is_bound=True)
        return _Page(found, total)
