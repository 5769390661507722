"""The errors of placing and changing orders; a branch of the tree of ``errors.py``."""

from __future__ import annotations

from collections.abc import Iterable

from watchword.errors import ConflictError


class OrderConflictError(ConflictError):
    """An order does not fit what is stored; ``faults`` says at which of the sent fields."""

    def __init__(self, faults: dict[str, str], **extensions: object) -> None:
        fields = [{"path": path, "message": sentence} for path, sentence in faults.items()]
        super().__init__(extensions={"fields": fields, **extensions})


class ProductNotOnSaleError(OrderConflictError):
    """A product is unknown, not published or somebody else's: one answer for all three."""

    code = "PRODUCT_NOT_ON_SALE"
    sentence = "The order names a product that is not on sale"


class MixedCurrenciesError(OrderConflictError):
    """The products of one order have prices in several currencies."""

    code = "MIXED_CURRENCIES"
    sentence = "All products of an order have prices in one currency"


class PriceMismatchError(OrderConflictError):
    """A price that was sent is not the product's; ``fields`` tells the right one."""

    code = "PRICE_MISMATCH"
    sentence = "A price is not the product's"


class TotalMismatchError(OrderConflictError):
    """The total that was sent is not what the products come to; ``totalAmount`` tells the right one."""

    code = "TOTAL_MISMATCH"
    sentence = "The total is not what the products come to"

    def __init__(self, total_amount: int) -> None:
        super().__init__({"totalAmount": f"must be {total_amount}"}, totalAmount=total_amount)


class OutOfStockError(OrderConflictError):
    """More is wanted of a product than there is; ``fields`` tells how much is left."""

    code = "OUT_OF_STOCK"
    sentence = "A product of the order is out of stock"


class StatusJumpError(ConflictError):
    """The order cannot go from its status to the wanted one; ``allowed`` tells where it can go."""

    code = "STATUS_JUMP"
    sentence = "The order cannot take this status now"

    def __init__(self, status: str, wanted: str, allowed: Iterable[str]) -> None:
        steps = list(allowed)
        then = f"; it can become {', '.join(steps)}" if steps else ", and that is its last status"
        super().__init__(
            f"The order is {status}{then}", cause=f"to {wanted}", extensions={"status": status, "allowed": steps}
        )


class OrderFixedError(OrderConflictError):
    """A field of the order can no longer be changed in its status."""

    code = "ORDER_FIXED"
    sentence = "This can no longer be changed"
