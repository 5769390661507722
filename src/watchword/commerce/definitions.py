"""What an order is, as a collection: read as any other, written by this room alone."""

from __future__ import annotations

from typing import Any, Final

from watchword.commerce.life_cycle import STATUSES
from watchword.commerce.order_numbers import NUMBER_PATTERN
from watchword.records.definitions import AccessRules, Collection
from watchword.tenants.email_address import EMAIL_LENGTH_MAX
from watchword.wire.json_body import INTEGER_MAX

LINES_MAX: Final = 100
"""Products of one order: each is read and locked in the order's transaction."""

QUANTITY_MAX: Final = 1_000_000
TEXT_MAX: Final = 200
"""Characters of a name, a phone number, a line of an address, an id of another system."""

NOTES_MAX: Final = 10_000

_TEXT: Final[dict[str, Any]] = {"type": "string", "maxLength": TEXT_MAX}
_AMOUNT: Final[dict[str, Any]] = {"type": "integer", "minimum": 0, "maximum": INTEGER_MAX}


def _object(properties: dict[str, Any], *, required: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


_LINE: Final = _object(
    {
        "product": {"type": "string", "description": "The product's id."},
        "variant": _TEXT,
        "option": _TEXT,
        "name": {"type": "string", "description": "The product's name when it was ordered."},
        "sku": {"type": "string", "description": "The product's sku when it was ordered."},
        "quantity": {"type": "integer", "minimum": 1, "maximum": QUANTITY_MAX},
        "unitPrice": {**_AMOUNT, "description": "The product's price when it was ordered."},
        "totalPrice": {**_AMOUNT, "description": "unitPrice times quantity."},
        "stockTaken": {
            "type": "boolean",
            "description": "Whether these pieces are taken from the product's stock; false where nobody counts.",
        },
    },
    required=("product", "name", "quantity", "unitPrice", "totalPrice", "stockTaken"),
)
_CUSTOMER: Final = _object({"name": _TEXT, "email": {"type": "string", "maxLength": EMAIL_LENGTH_MAX}, "phone": _TEXT})
_ADDRESS: Final = _object(
    dict.fromkeys(("recipientName", "phone", "postalCode", "address1", "address2", "deliveryMessage"), _TEXT)
)

ORDERS: Final = Collection(
    name="orders",
    singular="Order",
    id_kind="order",
    schema={
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Order",
        "type": "object",
        "additionalProperties": False,
        "required": ["orderNumber", "status", "currency", "totalAmount", "orderProducts"],
        "properties": {
            "orderNumber": {
                "type": "string",
                "pattern": NUMBER_PATTERN,
                "maxLength": 64,
                "description": "Unique in the tenant and mode.",
            },
            "status": {"type": "string", "enum": list(STATUSES)},
            "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "maxLength": 3, "description": "ISO 4217."},
            "totalAmount": {**_AMOUNT, "description": "In the currency's minor unit."},
            "email": {"type": ["string", "null"], "maxLength": EMAIL_LENGTH_MAX, "description": "The customer's."},
            "customerSnapshot": {**_CUSTOMER, "type": ["object", "null"]},
            "orderProducts": {"type": "array", "minItems": 1, "maxItems": LINES_MAX, "items": _LINE},
            "shippingAddress": {**_ADDRESS, "type": ["object", "null"]},
            "paymentId": {"type": ["string", "null"], "maxLength": TEXT_MAX},
            "notes": {"type": ["string", "null"], "maxLength": NOTES_MAX},
        },
    },
    access=AccessRules(read="member", create="nobody", update="nobody", delete="nobody"),
    indexed=("email",),
    unique=("orderNumber",),
    counted_field="status",
)
