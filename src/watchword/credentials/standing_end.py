"""What ends when somebody leaves a tenant, or has to leave them all: the OAuth grants given there, and the consents.

In the same transaction as the leaving itself, so that nothing of it comes back to life with a later membership.
"""

from __future__ import annotations

from typing import Final

from watchword.credentials.queries import lock_user
from watchword.db.database import Statement, Transaction

_IS_MEMBER: Final = Statement(
    "SELECT 1 FROM memberships m JOIN users u ON u.id = m.user_id"
    " WHERE m.tenant_id = $1 AND m.user_id = $2 AND u.disabled_at IS NULL"
)
_END_GRANTS: Final = Statement(
    "UPDATE oauth_grants SET ended_at = $3 WHERE tenant_id = $1 AND user_id = $2 AND ended_at IS NULL RETURNING id"
)
_DELETE_CONSENTS: Final = Statement("DELETE FROM oauth_consents WHERE tenant_id = $1 AND user_id = $2")
_DELETE_ALL_CONSENTS: Final = Statement("DELETE FROM oauth_consents WHERE user_id = $1")


async def may_begin_as_member(tx: Transaction, tenant_id: str, user_id: str) -> bool:
    """Say whether something may still be hung on a user's membership; the end of it waits until it has been.

    Without the lock, what was begun a moment before a removal could stand beside the ending of all that hangs on the
    membership, unseen by it.
    """
    await lock_user(tx, user_id)
    return await tx.fetch_row(_IS_MEMBER, tenant_id, user_id) is not None


async def end_with_membership(tx: Transaction, tenant_id: str, user_id: str, now_ms: int) -> None:
    """End all that a user allowed clients of a tenant, ``offline_access`` too, and forget the consents behind it."""
    await lock_user(tx, user_id)
    ended = await tx.fetch_rows(_END_GRANTS, tenant_id, user_id, now_ms)
    await tx.execute(_DELETE_CONSENTS, tenant_id, user_id)
    tx.withdraw(*(f"grant:{row[0]}" for row in ended))


async def forget_consents(tx: Transaction, user_id: str) -> None:
    """Forget what a user allowed clients, in every tenant; the grants end with the user's sessions."""
    await tx.execute(_DELETE_ALL_CONSENTS, user_id)
