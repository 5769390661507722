"""What is sent about an order: both spellings that clients have for its fields, read into one.

The answer is the order as it is stored; ``definitions.py`` describes it.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from watchword.commerce.definitions import LINES_MAX, NOTES_MAX, QUANTITY_MAX, TEXT_MAX
from watchword.commerce.life_cycle import SentStatus
from watchword.commerce.order_numbers import NUMBER_PATTERN
from watchword.errors import InvalidFieldsError
from watchword.tenants.email_address import EMAIL_LENGTH_MAX, require_email
from watchword.wire.json_body import INTEGER_MAX

Text = Annotated[str, Meta(max_length=TEXT_MAX)]
Notes = Annotated[str, Meta(max_length=NOTES_MAX)]
Amount = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
Quantity = Annotated[int, Meta(ge=1, le=QUANTITY_MAX)]
Email = Annotated[str, Meta(extra_json_schema={"format": "email", "maxLength": EMAIL_LENGTH_MAX})]
OrderNumber = Annotated[str, Meta(pattern=NUMBER_PATTERN)]
ProductId = Annotated[str, Meta(min_length=1, max_length=TEXT_MAX, description="The product's id.")]
Price = Annotated[
    int, Meta(ge=0, le=INTEGER_MAX, description="Must be the product's own; left out, it is the product's.")
]


class OrderLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """How many of a product; ``price`` is another word for ``unitPrice``."""

    product: ProductId
    quantity: Quantity
    unit_price: Price | None = None
    price: Price | None = None
    variant: Text | None = None
    option: Text | None = None


class CustomerSnapshot(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """Who ordered, as known at that time."""

    name: Text | None = None
    email: Email | None = None
    phone: Text | None = None


class ShippingAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """Where it goes; ``address`` and ``zipCode`` are other words for ``address1`` and ``postalCode``."""

    recipient_name: Text | None = None
    phone: Text | None = None
    postal_code: Text | None = None
    address1: Text | None = None
    address2: Text | None = None
    delivery_message: Text | None = None
    address: Text | None = None
    zip_code: Text | None = None


class CreateOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """A new order; ``email`` is another word for ``customerSnapshot.email``."""

    order_products: Annotated[list[OrderLine], Meta(min_length=1, max_length=LINES_MAX)]
    total_amount: Annotated[
        Amount, Meta(description="In the currency's minor unit; must be what the products come to.")
    ]
    order_number: OrderNumber | None = None
    email: Email | None = None
    customer_snapshot: CustomerSnapshot | None = None
    shipping_address: ShippingAddress | None = None
    payment_id: Text | None = None
    notes: Notes | None = None


class ChangeOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """The fields to change: what is left out stays, null takes a field away."""

    status: SentStatus | UnsetType = UNSET
    notes: Notes | UnsetType | None = UNSET
    email: Email | UnsetType | None = UNSET
    customer_snapshot: CustomerSnapshot | UnsetType | None = UNSET
    shipping_address: ShippingAddress | UnsetType | None = UNSET
    payment_id: Text | UnsetType | None = UNSET


def read_email(email: str | None, customer: CustomerSnapshot | None) -> str | None:
    """Return the customer's e-mail address.

    Raises:
        InvalidFieldsError: it is none, or its two words say two.
    """
    inner = None if customer is None or customer.email is None else customer.email
    given = None if email is None else require_email(email)
    taken = None if inner is None else require_email(inner, field="customerSnapshot.email")
    return one_of(taken, given, "email", "customerSnapshot.email")


def write_customer(customer: CustomerSnapshot | None, email: str | None) -> dict[str, str] | None:
    """Return the customer as stored, with the address that ``read_email`` gave."""
    known = CustomerSnapshot() if customer is None else customer
    return _present({"name": known.name, "email": email, "phone": known.phone})


def write_shipping_address(address: ShippingAddress | None) -> dict[str, str] | None:
    """Return the address as stored.

    Raises:
        InvalidFieldsError: two words for one field say two things.
    """
    if address is None:
        return None
    return _present(
        {
            "recipientName": address.recipient_name,
            "phone": address.phone,
            "postalCode": one_of(
                address.postal_code, address.zip_code, "shippingAddress.zipCode", "shippingAddress.postalCode"
            ),
            "address1": one_of(
                address.address1, address.address, "shippingAddress.address", "shippingAddress.address1"
            ),
            "address2": address.address2,
            "deliveryMessage": address.delivery_message,
        }
    )


_Given = TypeVar("_Given", int, str)


def one_of(value: _Given | None, other: _Given | None, path: str, of: str) -> _Given | None:
    """Return the value that two words for one field say.

    Raises:
        InvalidFieldsError: they say two; ``path`` is the other word, ``of`` the one that it stands for.
    """
    if value is not None and other is not None and value != other:
        raise InvalidFieldsError({path: f"is another word for {of} and says something else"})
    return other if value is None else value


def _present(values: dict[str, str | None]) -> dict[str, str] | None:
    return {name: value for name, value in values.items() if value is not None} or None
