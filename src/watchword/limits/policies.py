"""Every limit by name: how many, in what window, counted for whom, and what happens when the store is down."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

WhenStoreIsDown = Literal["refuse", "count on this node"]

MINUTE: Final = 60
HOUR: Final = 3600


class Policy(msgspec.Struct, frozen=True):
    """One limit: ``count`` requests in each window of ``window_seconds``."""

    name: str
    count: int
    window_seconds: int
    when_store_is_down: WhenStoreIsDown = "count on this node"


ATTEMPTS: Final = {
    policy.name: policy
    for policy in (
        Policy("login", 60, MINUTE, "refuse"),
        Policy("refresh", 120, MINUTE),
        Policy("register", 20, HOUR, "refuse"),
        Policy("mail", 20, HOUR, "refuse"),
        Policy("code", 30, MINUTE, "refuse"),
        Policy("verify_key", 6_000, MINUTE),
        Policy("token", 6_000, MINUTE),
        Policy("client_registration", 60, HOUR, "refuse"),
        Policy("client_document", 20, MINUTE),
        Policy("client_document_near", 30, MINUTE),
        Policy("client_document_far", 40, MINUTE),
        Policy("authorize", 600, MINUTE),
        Policy("device", 60, MINUTE),
        Policy("user_code", 20, HOUR, "refuse"),
    )
}
"""Limits of single endpoints, counted per client address, ``user_code`` per user: whoever tries the codes of devices has
signed in; ``client_document`` counts what is fetched because somebody named it, ``_near`` and ``_far`` for the networks
that the address lies in. The account's own lock-out stands in the database."""


def attempts_with(**counts: int) -> dict[str, Policy]:
    """Return the limits of single endpoints with the operator's numbers for some of them, 0 for no limit."""
    changed = {name: msgspec.structs.replace(ATTEMPTS[name], count=count) for name, count in counts.items()}
    return {**ATTEMPTS, **changed}
