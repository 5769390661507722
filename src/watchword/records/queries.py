"""The SQL of documents and their counters, and the rows under their names.

In statements with a filter the collection's name stands in the text, since a partial index is only found by its own
words; it comes from the definition, which allows letters, digits, ``-`` and ``_`` in it. All else is a parameter.
"""

# ruff: noqa: S608 - what is put into a statement's text comes from the definition and from this room, never a request

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from watchword.callers.caller import Mode
from watchword.db.database import Database, Row, Statement, Transaction, Value
from watchword.records.conditions import Parameters, Sql, write_filter
from watchword.records.definitions import CollectionType
from watchword.records.filter import Operator
from watchword.records.paging import Cursor, Order, Total, write_beyond, write_order
from watchword.records.rules import ALL, View, conjunction

COUNTED_MAX: Final = 10_000
"""Documents that a filter's total is counted up to; beyond it the answer says that there are this many or more."""

OFFSET_IN_LOOP_MAX: Final = 1000
"""Entries that a read in the event loop may step over: some 30 µs; deeper pages are read beside it."""


class StoredDocument(msgspec.Struct, frozen=True):
    """A document as it is served, with its version and the value it is counted under."""

    version: int
    counted_value: str | None
    text: str
    updated_at: int


class Slice(msgspec.Struct, frozen=True):
    """Some documents of a list in its order; ``last`` is the place behind the last of them, where more follow."""

    texts: list[str]
    last: Cursor | None
    total: int | None = None


class Span(msgspec.Struct, frozen=True):
    """Which part of a list: behind a cursor or from the start, after ``offset`` documents, at most ``limit``."""

    limit: int
    offset: int = 0
    after: Cursor | None = None


_SEEKING: Final[tuple[Operator, ...]] = (
    "equals",
    "in",
    "less_than",
    "less_than_equal",
    "greater_than",
    "greater_than_equal",
)
"""Operators that an index can seek, the narrowest first."""

_BY_KEY: Final = "tenant_id = $1 AND mode = $2 AND collection = $3"
_FIND_TEXT: Final = f"SELECT version, counted_value, document, updated_at FROM documents WHERE {_BY_KEY} AND id = $4"
_FIND: Final = Statement(_FIND_TEXT, may_be_kept=True)
_FIND_LOCKED: Final = Statement(f"{_FIND_TEXT} FOR UPDATE", sqlite=_FIND_TEXT)


def _list_by_id(*, held: bool, newest_first: bool, behind: bool) -> Statement:
    comparison, direction = ("<", " DESC") if newest_first else (">", "")
    text = (
        f"SELECT id, document, (SELECT total FROM document_counts WHERE {_BY_KEY} AND facet = $4)"
        f" FROM documents{{index}} WHERE {_BY_KEY}{' AND counted_value = $4' if held else ''}"
        f"{f' AND id {comparison} $7' if behind else ''} ORDER BY id{direction} LIMIT $5 OFFSET $6"
    )
    # SQLite keeps no statistics here: named, so that a read in the event loop cannot take a worse way.
    index = " INDEXED BY documents_counted" if held else ""
    return Statement(text.format(index=""), sqlite=text.format(index=index), may_be_kept=True)


_LIST_BY_ID: Final = {
    (held, first, behind): _list_by_id(held=held, newest_first=first, behind=behind)
    for held in (False, True)
    for first in (False, True)
    for behind in (False, True)
}
_ADD_TO_COUNT: Final = Statement(
    "INSERT INTO document_counts (tenant_id, mode, collection, facet, total) VALUES ($1, $2, $3, $4, $5) "
    "ON CONFLICT (tenant_id, mode, collection, facet) DO UPDATE SET total = document_counts.total + excluded.total"
)
_READ_COUNT: Final = Statement(f"SELECT total FROM document_counts WHERE {_BY_KEY} AND facet = $4")
_INSERT: Final = Statement(
    "INSERT INTO documents (tenant_id, mode, collection, id, version, counted_value, document, updated_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
)
_INSERT_MANY: Final = Statement(
    "INSERT INTO documents (tenant_id, mode, collection, id, version, counted_value, document, updated_at) "
    "SELECT $1::text, $2::text, $3::text, d ->> 0, 1, d ->> 1, (d ->> 2)::json, (d ->> 3)::bigint FROM json_array_elements($4::json) AS t(d)",
    sqlite="INSERT INTO documents (tenant_id, mode, collection, id, version, counted_value, document, updated_at) "
    "SELECT $1, $2, $3, d.value ->> 0, 1, d.value ->> 1, d.value ->> 2, d.value ->> 3 FROM json_each($4) AS d",
)
_UPDATE: Final = Statement(
    "UPDATE documents SET version = $5, counted_value = $6, document = $7, updated_at = $8 "
    "WHERE tenant_id = $1 AND mode = $2 AND collection = $3 AND id = $4"
)
_DELETE: Final = Statement("DELETE FROM documents WHERE tenant_id = $1 AND mode = $2 AND collection = $3 AND id = $4")


class DocumentQueries:
    """Reads and writes of one collection's documents; every method takes the tenant and the mode first.

    Methods that write take the transaction that they are part of, and keep the counters in it.
    """

    def __init__(self, database: Database, collection: CollectionType) -> None:
        self._database = database
        self._collection = collection
        self._name = collection.name
        self._shelf = f"tenant_id = $1 AND mode = $2 AND collection = '{collection.name}'"
        data = collection.data
        self._indexes = {
            "updatedAt": " INDEXED BY documents_updated",
            **{name: f" INDEXED BY documents_{data.name}_{name}" for name in (*data.indexed, *data.unique)},
        }
        if data.counted_field is not None:
            self._indexes[data.counted_field] = " INDEXED BY documents_counted"

    async def find(self, tenant_id: str, mode: Mode, document_id: str) -> StoredDocument | None:
        """Read one document by its id."""
        row = await self._database.fetch_row(_FIND, tenant_id, mode, self._name, document_id)
        return None if row is None else StoredDocument(row[0], row[1], row[2], row[3])

    async def list_by_id(self, tenant_id: str, mode: Mode, facet: str, *, newest_first: bool, span: Span) -> Slice:
        """Read documents in the order of their ids, with the total of their facet: all by key, no filter."""
        behind = span.after is not None
        statement = _LIST_BY_ID[facet != ALL, newest_first, behind]
        parameters: list[Value] = [tenant_id, mode, self._name, facet, span.limit + 1, span.offset]
        if span.after is not None:
            parameters.append(span.after.id)
        read = self._database.fetch_rows if span.offset <= OFFSET_IN_LOOP_MAX else self._database.scan_rows
        rows = await read(statement, *parameters)
        total = int(rows[0][2]) if rows and rows[0][2] is not None else None
        return _slice(rows, span.limit, [], total)

    async def list_matching(
        self, tenant_id: str, mode: Mode, view: View, *, order: Order, span: Span, is_large: bool
    ) -> Slice:
        """Read documents of a view in any order; it may look at many.

        ``is_large`` says that many match: then they are met soon on the way along the order, else the few are
        gathered by the filter's index and sorted.
        """
        parameters = Parameters(tenant_id, mode)
        conditions = [self._write_view(view, parameters)]
        if span.after is not None:
            conditions.append(write_beyond(order, span.after, parameters))
        limit, offset = parameters.add(span.limit + 1), parameters.add(span.offset)
        keys = Sql(
            "".join(f", {key.field.sqlite}" for key in order.keys),
            "".join(f", {key.field.postgres}" for key in order.keys),
        )
        by = write_order(order)
        index = self._sort_index(order) if is_large else self._filter_index(view)
        part = f"LIMIT {limit} OFFSET {offset}"
        statement = Statement(
            f"SELECT id, document, 0{keys.postgres} FROM documents WHERE "
            f"{' AND '.join(one.postgres for one in conditions)} ORDER BY {by.postgres} {part}",
            sqlite=f"SELECT id, document, 0{keys.sqlite} FROM documents{index} WHERE "
            f"{' AND '.join(one.sqlite for one in conditions)} ORDER BY {by.sqlite} {part}",
        )
        rows = await self._database.scan_rows(statement, *parameters.values)
        return _slice(rows, span.limit, [key.field.kind for key in order.keys], None)

    async def read_total(self, tenant_id: str, mode: Mode, view: View) -> Total:
        """Count a view: exactly and by key without a filter, else up to ``COUNTED_MAX``."""
        if view.where is None:
            row = await self._database.fetch_row(_READ_COUNT, tenant_id, mode, self._name, view.facet)
            return Total(0 if row is None else int(row[0]))
        parameters = Parameters(tenant_id, mode)
        condition = self._write_view(view, parameters)
        bound = parameters.add(COUNTED_MAX + 1)
        text = "SELECT count(*) FROM (SELECT 1 FROM documents{index} WHERE {condition} LIMIT {bound}) AS counted"
        statement = Statement(
            text.format(index="", condition=condition.postgres, bound=bound),
            sqlite=text.format(index=self._filter_index(view), condition=condition.sqlite, bound=bound),
        )
        rows = await self._database.scan_rows(statement, *parameters.values)
        counted = int(rows[0][0])
        return Total(min(counted, COUNTED_MAX), is_bound=counted > COUNTED_MAX)

    async def find_locked(
        self, tenant_id: str, mode: Mode, document_id: str, *, tx: Transaction
    ) -> StoredDocument | None:
        """Read one document and hold it until the transaction ends."""
        row = await tx.fetch_row(_FIND_LOCKED, tenant_id, mode, self._name, document_id)
        return None if row is None else StoredDocument(row[0], row[1], row[2], row[3])

    async def insert(
        self, tenant_id: str, mode: Mode, document_id: str, stored: StoredDocument, *, tx: Transaction
    ) -> None:
        """Add a document; raises ``DuplicateError`` as the database does."""
        await tx.execute(
            _INSERT,
            tenant_id,
            mode,
            self._name,
            document_id,
            stored.version,
            stored.counted_value,
            stored.text,
            stored.updated_at,
        )
        await self._count(tenant_id, mode, _facets(stored.counted_value, 1), tx)

    async def insert_many(
        self, tenant_id: str, mode: Mode, documents: list[tuple[str, StoredDocument]], *, tx: Transaction
    ) -> None:
        """Add documents at their first version, under their ids, with one statement."""
        rows = [(document_id, made.counted_value, made.text, made.updated_at) for document_id, made in documents]
        await tx.execute(_INSERT_MANY, tenant_id, mode, self._name, msgspec.json.encode(rows).decode())
        totals: dict[str, int] = {}
        for _, stored in documents:
            for facet in _facets(stored.counted_value, 1):
                totals[facet] = totals.get(facet, 0) + 1
        await self._count(tenant_id, mode, totals, tx)

    async def update(
        self,
        tenant_id: str,
        mode: Mode,
        document_id: str,
        *,
        before: StoredDocument,
        after: StoredDocument,
        tx: Transaction,
    ) -> None:
        """Put a document in the place of the one that ``find_locked`` gave; raises ``DuplicateError``."""
        await tx.execute(
            _UPDATE,
            tenant_id,
            mode,
            self._name,
            document_id,
            after.version,
            after.counted_value,
            after.text,
            after.updated_at,
        )
        if before.counted_value != after.counted_value:
            changes = {**_facets(before.counted_value, -1), **_facets(after.counted_value, 1)}
            del changes[ALL]
            await self._count(tenant_id, mode, changes, tx)

    async def delete(
        self, tenant_id: str, mode: Mode, document_id: str, stored: StoredDocument, *, tx: Transaction
    ) -> None:
        """Remove the document that ``find_locked`` gave."""
        await tx.execute(_DELETE, tenant_id, mode, self._name, document_id)
        await self._count(tenant_id, mode, _facets(stored.counted_value, -1), tx)

    async def _count(self, tenant_id: str, mode: Mode, changes: dict[str, int], tx: Transaction) -> None:
        # In one order everywhere: two transactions that wait for each other's counters would never end.
        for facet in sorted(changes):
            await tx.execute(_ADD_TO_COUNT, tenant_id, mode, self._name, facet, changes[facet])

    def _filter_index(self, view: View) -> str:
        """Name the index that a filter's best condition is answered by; SQLite has no statistics to choose with."""
        conditions = [one for one in conjunction(view.where) if one.operator in _SEEKING]
        for condition in sorted(conditions, key=lambda one: _SEEKING.index(one.operator)):
            if index := self._indexes.get(condition.field.name):
                return index
        return ""

    def _sort_index(self, order: Order) -> str:
        return self._indexes.get(order.keys[0].field.name, "") if order.keys else ""

    def _write_view(self, view: View, parameters: Parameters) -> Sql:
        held = "" if view.facet == ALL else f" AND counted_value = {parameters.add(view.facet)}"
        if view.where is None:
            return Sql(self._shelf + held, self._shelf + held)
        where = write_filter(view.where, parameters, id_kind=self._collection.data.id_kind)
        return Sql(f"{self._shelf}{held} AND {where.sqlite}", f"{self._shelf}{held} AND {where.postgres}")


def _slice(rows: Sequence[Row], limit: int, kinds: list[str], total: int | None) -> Slice:
    if len(rows) <= limit:
        return Slice([row[1] for row in rows], None, total)
    last = rows[limit - 1]
    # SQLite gives 0 and 1 for truth values.
    values = (
        bool(last[3 + n]) if kind == "boolean" and last[3 + n] is not None else last[3 + n]
        for n, kind in enumerate(kinds)
    )
    return Slice([row[1] for row in rows[:limit]], Cursor(tuple(values), last[0]), total)


def _facets(counted_value: str | None, change: int) -> dict[str, int]:
    return {ALL: change} if counted_value is None else {ALL: change, counted_value: change}
