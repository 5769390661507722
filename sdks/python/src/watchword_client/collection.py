"""A collection's documents: read, counted, walked through page by page, and written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Final, Unpack

from watchword_client.engine import Engine, Request, read_json
from watchword_client.errors import WatchwordError
from watchword_client.flow import Flow
from watchword_client.models import Count, Document, Page, Result, read_page, result_of
from watchword_client.query import FindOptions, write_query
from watchword_client.rooms import AsyncRoom, Awaiting, Blocking, BlockingRoom
from watchword_client.setup_checks import require_segment

_NOT_FOUND: Final = 404


class CollectionCalls:
    """What may be asked of a collection, by its name in the server's paths."""

    def __init__(self, engine: Engine, slug: str) -> None:
        self._engine = engine
        self._path = f"/api/{require_segment(slug)}"

    def find(self, **options: Unpack[FindOptions]) -> Flow[Result[Page]]:
        """Get a page of documents."""
        reply = yield from self._engine.perform(Request(method="GET", path=f"{self._path}{write_query(options)}"))
        return result_of(read_page(read_json(reply)), reply.headers)

    def find_by_id(
        self, document_id: str, *, select: Sequence[str] | Mapping[str, bool] | None = None
    ) -> Flow[Result[Document | None]]:
        """Get one document; ``data`` is None where there is none."""
        query = write_query({"select": select})
        try:
            reply = yield from self._engine.perform(Request(method="GET", path=f"{self._one(document_id)}{query}"))
        except WatchwordError as error:
            if error.status != _NOT_FOUND:
                raise
            return Result(None)
        return result_of(read_json(reply), reply.headers)

    def count(self, *, where: Mapping[str, Any] | None = None) -> Flow[Result[Count]]:
        """Count documents."""
        query = write_query({"where": where})
        reply = yield from self._engine.perform(Request(method="GET", path=f"{self._path}/count{query}"))
        content = read_json(reply)
        count = Count(content["totalDocs"], content.get("totalDocsIsBound", False))
        return result_of(count, reply.headers)

    def create(self, data: Mapping[str, Any], *, idempotency_key: str | None = None) -> Flow[Result[Document]]:
        """Make a document, once however often it is sent; a key of your own keeps that over a restart."""
        headers = {} if idempotency_key is None else {"idempotency-key": idempotency_key}
        return (yield from self._write(Request(method="POST", path=self._path, json=dict(data), headers=headers)))

    def update(
        self, document_id: str, data: Mapping[str, Any], *, if_match: str | None = None
    ) -> Flow[Result[Document]]:
        """Change fields of a document; with ``if_match``, an ETag, only in the version that it names."""
        headers = {} if if_match is None else {"if-match": if_match}
        path = self._one(document_id)
        request = Request(method="PATCH", path=path, json=dict(data), headers=headers, repeatable=if_match is None)
        return (yield from self._write(request))

    def remove(self, document_id: str, *, if_match: str | None = None) -> Flow[Result[Document]]:
        """Delete a document and get it back."""
        headers = {} if if_match is None else {"if-match": if_match}
        request = Request(method="DELETE", path=self._one(document_id), headers=headers, repeatable=False)
        return (yield from self._write(request))

    def _one(self, document_id: str) -> str:
        return f"{self._path}/{require_segment(document_id)}"

    def _write(self, request: Request) -> Flow[Result[Document]]:
        reply = yield from self._engine.perform(request)
        return result_of(read_json(reply)["doc"], reply.headers)


class Collection(BlockingRoom[CollectionCalls]):
    """A collection; each method blocks until it is answered."""

    find = Blocking(CollectionCalls.find)
    find_by_id = Blocking(CollectionCalls.find_by_id)
    count = Blocking(CollectionCalls.count)
    create = Blocking(CollectionCalls.create)
    update = Blocking(CollectionCalls.update)
    remove = Blocking(CollectionCalls.remove)

    def pages(self, **options: Unpack[FindOptions]) -> Iterator[Page]:
        """Walk through all pages from here on; each is asked for when it is wanted."""
        following: FindOptions | None = options
        while following is not None:
            page = self.find(**following).data
            yield page
            following = _following(options, page)

    def all(self, **options: Unpack[FindOptions]) -> Iterator[Document]:
        """Walk through all documents, page by page."""
        for page in self.pages(**options):
            yield from page.docs


class AsyncCollection(AsyncRoom[CollectionCalls]):
    """A collection; each method is awaited."""

    find = Awaiting(CollectionCalls.find)
    find_by_id = Awaiting(CollectionCalls.find_by_id)
    count = Awaiting(CollectionCalls.count)
    create = Awaiting(CollectionCalls.create)
    update = Awaiting(CollectionCalls.update)
    remove = Awaiting(CollectionCalls.remove)

    async def pages(self, **options: Unpack[FindOptions]) -> AsyncIterator[Page]:
        """Walk through all pages from here on; each is asked for when it is wanted."""
        following: FindOptions | None = options
        while following is not None:
            page = (await self.find(**following)).data
            yield page
            following = _following(options, page)

    async def all(self, **options: Unpack[FindOptions]) -> AsyncIterator[Document]:
        """Walk through all documents, page by page."""
        async for page in self.pages(**options):
            for document in page.docs:
                yield document


def _following(options: FindOptions, page: Page) -> FindOptions | None:
    """Return what the next page is asked for; by cursor, so that nothing is skipped or repeated meanwhile."""
    if page.pagination.next_cursor is None:
        return None
    rest = options.copy()
    rest.pop("page", None)
    rest["after"] = page.pagination.next_cursor
    return rest
