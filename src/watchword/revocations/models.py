"""What the feed of revocations is asked and tells."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["session", "user", "member", "key", "client", "grant", "token", "tenant", "all_sessions"]


class FeedQuery(msgspec.Struct, kw_only=True):
    """Whether to go on with what comes, or to end behind what there is."""

    follow: bool = True


class Entry(msgspec.Struct, frozen=True):
    """A line of the feed, before it has a number.

    Shapes: ``tenant_id`` is empty for what concerns all tenants, ``mode`` for what is of both; ``is_end`` is false for
    what only changed, so that what was remembered of it is to be asked for again.
    """

    tenant_id: str
    mode: str
    kind: str
    id: str
    user_id: str
    is_end: bool


class StoredEntry(msgspec.Struct, frozen=True):
    """A line of the feed; ``number`` is its place, ``at_ms`` when it was committed."""

    number: int
    mode: str
    kind: str
    id: str
    user_id: str
    is_end: bool
    at_ms: int


class Bounds(msgspec.Struct, frozen=True):
    """The first and the last number that are kept; 0 where the feed is empty."""

    first: int
    last: int


class RevocationData(msgspec.Struct, frozen=True, omit_defaults=True):
    """The data of an event: what ended or changed, and when; ids only."""

    kind: str
    id: str
    at: str
    user: str = ""
    mode: str = ""
