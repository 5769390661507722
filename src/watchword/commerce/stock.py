"""The products of an order: read and held in the order's transaction, and their stock taken or given back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from watchword.callers.caller import Mode
from watchword.db.database import Database, Transaction
from watchword.records.definitions import CollectionType
from watchword.records.queries import DocumentQueries, StoredDocument
from watchword.records.write import rewrite_stored
from watchword.wire.json_body import INTEGER_MAX


class ProductFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What orders ask of a product; ``stock`` is None where nobody counts."""

    name: str
    price: int
    currency: str
    status: str
    sku: str | None = None
    stock: int | None = None


class HeldProduct(msgspec.Struct, frozen=True):
    """A product that this transaction holds."""

    id: str
    stored: StoredDocument
    facts: ProductFacts


class Stock:
    """The stock of a tenant's products; each change of it is a version of the product like any other."""

    def __init__(self, database: Database, products: CollectionType) -> None:
        self._products = products
        self._queries = DocumentQueries(database, products)

    async def hold(
        self, tenant_id: str, mode: Mode, product_ids: Iterable[str], *, tx: Transaction
    ) -> dict[str, HeldProduct]:
        """Read products and hold them until the transaction ends; those that do not exist are left out."""
        held = {}
        # In one order everywhere: two orders that wait for each other's products would never end.
        for product_id in sorted(set(product_ids)):
            if self._products.id_pattern.fullmatch(product_id) is None:
                continue
            stored = await self._queries.find_locked(tenant_id, mode, product_id, tx=tx)
            if stored is not None:
                facts = msgspec.json.decode(stored.text, type=ProductFacts)
                held[product_id] = HeldProduct(product_id, stored, facts)
        return held

    async def take(
        self,
        tenant_id: str,
        mode: Mode,
        pieces: Mapping[str, int],
        held: Mapping[str, HeldProduct],
        *,
        now_ms: int,
        tx: Transaction,
    ) -> None:
        """Take pieces of held products, where somebody counts; ``require_stock`` has seen that there are so many."""
        for product_id in sorted(pieces):
            product = held[product_id]
            if product.facts.stock is not None:
                await self._set(
                    tenant_id, mode, product, product.facts.stock - pieces[product_id], now_ms=now_ms, tx=tx
                )

    async def give_back(
        self, tenant_id: str, mode: Mode, pieces: Mapping[str, int], *, now_ms: int, tx: Transaction
    ) -> None:
        """Give pieces back by product id, but to products that are gone or that nobody counts any more."""
        for product in (await self.hold(tenant_id, mode, pieces, tx=tx)).values():
            if product.facts.stock is not None:
                stock = min(product.facts.stock + pieces[product.id], INTEGER_MAX)
                await self._set(tenant_id, mode, product, stock, now_ms=now_ms, tx=tx)

    async def _set(
        self, tenant_id: str, mode: Mode, product: HeldProduct, stock: int, *, now_ms: int, tx: Transaction
    ) -> None:
        after = rewrite_stored(self._products, product.id, product.stored, {"stock": stock}, now_ms)
        await self._queries.update(tenant_id, mode, product.id, before=product.stored, after=after, tx=tx)
