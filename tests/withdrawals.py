"""What ends while a server runs: who asks one process for it, and what another then has to answer."""

from __future__ import annotations

from typing import NamedTuple

ME = "GET /api/users/me"
PRODUCTS = "GET /api/products"
MAKE = "POST /api/products"
TEA = {"name": "Tea", "price": 1}


class Withdrawal(NamedTuple):
    """Who asks for what, and which request is answered differently from then on."""

    name: str
    who: str
    request: str
    body: object
    ended: str
    then: str
    before: int
    after: int
    sent: object = None
    undo: object = None


EVERYWHERE = (
    Withdrawal("logout", "viewer_a", "POST /api/users/logout", None, "viewer_a", ME, 200, 401),
    Withdrawal("key revoked", "admin_a", "DELETE /api/keys/{key_sk_live_a}", None, "sk_live_a", PRODUCTS, 200, 401),
    Withdrawal("key disabled", "admin_a", "PATCH /api/keys/{key_pk_live_a}", {"disabled": True}, "pk_live_a", PRODUCTS, 200, 401),
    Withdrawal("role lowered", "admin_a", "PATCH /api/tenants/{tenant_a}/members/{user_editor_a}", {"role": "tenant-viewer"}, "editor_a", MAKE, 201, 403, TEA),
)  # fmt: skip
"""What has to end in another process at once, and on another node in no time to speak of."""
