"""The life of an order: its statuses, which may follow which, and what each of them means for stock and address."""

from __future__ import annotations

from typing import Final, Literal, get_args

from watchword.order_errors import StatusJumpError

OrderStatus = Literal[
    "pending",
    "paid",
    "preparing",
    "shipped",
    "delivered",
    "confirmed",
    "failed",
    "canceled",
    "return_requested",
    "return_processing",
    "returned",
]
SentStatus = OrderStatus | Literal["cancelled"]
"""What may be sent: the British spelling is taken for the other, which is stored."""

STATUSES: Final[tuple[OrderStatus, ...]] = get_args(OrderStatus)
FIRST: Final[OrderStatus] = "pending"

NEXT: Final[dict[OrderStatus, tuple[OrderStatus, ...]]] = {
    "pending": ("paid", "failed", "canceled"),
    "paid": ("preparing", "canceled"),
    "preparing": ("shipped", "canceled"),
    "shipped": ("delivered",),
    "delivered": ("confirmed", "return_requested"),
    "confirmed": (),
    "failed": (),
    "canceled": (),
    "return_requested": ("return_processing", "delivered"),
    "return_processing": ("returned",),
    "returned": (),
}
"""The only steps there are; a request to return that is withdrawn leads back to ``delivered``."""

GIVES_STOCK_BACK: Final[frozenset[OrderStatus]] = frozenset({"failed", "canceled"})
"""Statuses that end an order whose goods never left. What is returned is looked at first: a person sets the stock."""

NOT_SHIPPED: Final[frozenset[OrderStatus]] = frozenset({"pending", "paid", "preparing"})


def read_status(sent: SentStatus) -> OrderStatus:
    """Return the status as it is stored."""
    return "canceled" if sent == "cancelled" else sent


def require_step(status: OrderStatus, wanted: OrderStatus) -> None:
    """Refuse a step that is none, the one to the same status too: of two who want it, one takes it.

    Raises:
        StatusJumpError: with the statuses that can follow.
    """
    if wanted not in NEXT[status]:
        raise StatusJumpError(status, wanted, NEXT[status])
