"""Load many documents at once, for demonstration data, imports and benchmarks; checked and counted as any other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final

from watchword.callers.caller import Mode
from watchword.db.database import Database, Statement, Transaction
from watchword.ids import make_id
from watchword.records.definitions import Collection, CollectionType
from watchword.records.queries import DocumentQueries, StoredDocument
from watchword.records.write import make_stored

_LEARN: Final = Statement("ANALYZE documents", sqlite="SELECT 1")
"""PostgreSQL chooses indexes by what it knows of a table, and would learn of a load only minutes later."""

_AT_ONCE: Final = 2000
"""Documents in one transaction: about one megabyte, well under the time that a writer may hold others up."""


async def load_documents(
    database: Database,
    tenant_id: str,
    mode: Mode,
    collection: Collection,
    documents: Iterable[dict[str, Any]],
    now_ms: int,
    *,
    on_progress: Callable[[int], None] | None = None,
) -> int:
    """Add documents in their order and return how many; thousands in each transaction.

    A failure leaves what earlier transactions added. ``on_progress`` is told the number so far after each.

    Raises:
        InvalidFieldsError: a document does not fit the collection's schema.
        DuplicateError: a unique field repeats.
    """
    kind = CollectionType(collection)
    queries = DocumentQueries(database, kind)
    remaining = iter(documents)
    loaded = 0
    while batch := [kind.checker.complete(document) for document in islice(remaining, _AT_ONCE)]:
        # Ids of one millisecond are in random order; sorted, they stand in the order of the documents.
        made_ms = now_ms + loaded // _AT_ONCE
        ids = sorted(make_id(collection.id_kind, made_ms) for _ in batch)
        rows = [
            (document_id, make_stored(kind, document_id, document, made_ms))
            for document_id, document in zip(ids, batch, strict=True)
        ]
        await _insert(database, queries, tenant_id, mode, rows)
        loaded += len(rows)
        if on_progress is not None:
            on_progress(loaded)
    if loaded >= _AT_ONCE:
        await database.transaction(lambda tx: tx.execute(_LEARN))
    return loaded


async def _insert(
    database: Database,
    queries: DocumentQueries,
    tenant_id: str,
    mode: Mode,
    rows: list[tuple[str, StoredDocument]],
) -> None:
    async def insert(tx: Transaction) -> None:
        await queries.insert_many(tenant_id, mode, rows, tx=tx)

    await database.transaction(insert)
