"""What calls return; every value is frozen, and what is secret stays out of ``repr``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Document = dict[str, Any]
"""A document of a collection, with the names of the server's own JSON."""


@dataclass(frozen=True)
class RateLimit:
    """The limit that a request was counted against; ``resets_at`` is when it begins anew, in Unix seconds."""

    limit: int
    remaining: int
    resets_at: int


@dataclass(frozen=True)
class Result(Generic[T]):
    """What came of a request.

    ``rate_limit`` is None where the caller has no limit; ``etag`` names the version of a document, for ``if_match``.
    """

    data: T
    rate_limit: RateLimit | None = None
    etag: str | None = None


@dataclass(frozen=True)
class Pagination:
    """Where a page stands in its list; ``total_docs_is_bound`` marks a total that is the least there are."""

    total_docs: int
    limit: int
    total_pages: int
    page: int | None
    has_prev_page: bool
    has_next_page: bool
    prev_page: int | None
    next_page: int | None
    next_cursor: str | None
    total_docs_is_bound: bool = False


@dataclass(frozen=True)
class Page:
    """One page of a list."""

    docs: list[Document]
    pagination: Pagination


@dataclass(frozen=True)
class Count:
    """How many documents there are; ``total_docs_is_bound`` marks the least there are."""

    total_docs: int
    total_docs_is_bound: bool = False


@dataclass(frozen=True)
class User:
    """A person; ``role`` is the one in the tenant that the client key names, ``tenants`` are ids."""

    id: str
    email: str
    name: str
    role: str
    tenants: tuple[str, ...]


@dataclass(frozen=True)
class SignedIn:
    """A new session; ``exp``, the end of its token, is in Unix seconds."""

    token: str = field(repr=False)
    user: User
    exp: int


@dataclass(frozen=True)
class Refreshed:
    """The new token of a session; ``exp``, its end, is in Unix seconds."""

    token: str = field(repr=False)
    exp: int | None


@dataclass(frozen=True)
class Account:
    """Who is signed in; ``exp``, the end of the token in Unix seconds, is None where a change answered."""

    user: User
    exp: int | None = None


@dataclass(frozen=True)
class Done:
    """It is done, or is under way."""

    message: str


@dataclass(frozen=True)
class Tokens:
    """What the token endpoint gave; ``expires_in`` is in seconds, ``scope`` the words with spaces between them."""

    access_token: str = field(repr=False)
    token_type: str
    expires_in: int | None
    scope: str | None
    refresh_token: str | None = field(repr=False, default=None)
    id_token: str | None = field(repr=False, default=None)
    issued_token_type: str | None = None


def result_of(data: T, headers: Mapping[str, str]) -> Result[T]:
    """Put what an answer holds beside what its headers say; their names are in lower case."""
    return Result(data, _read_rate_limit(headers), headers.get("etag"))


def _read_rate_limit(headers: Mapping[str, str]) -> RateLimit | None:
    try:
        return RateLimit(
            limit=int(headers["x-ratelimit-limit"]),
            remaining=int(headers["x-ratelimit-remaining"]),
            resets_at=int(headers["x-ratelimit-reset"]),
        )
    except (KeyError, ValueError):
        return None


def read_page(content: Mapping[str, Any]) -> Page:
    """Read the answer of a list."""
    return Page(
        docs=content["docs"],
        pagination=Pagination(
            total_docs=content["totalDocs"],
            limit=content["limit"],
            total_pages=content["totalPages"],
            page=content.get("page"),
            has_prev_page=content["hasPrevPage"],
            has_next_page=content["hasNextPage"],
            prev_page=content.get("prevPage"),
            next_page=content.get("nextPage"),
            next_cursor=content.get("nextCursor"),
            total_docs_is_bound=content.get("totalDocsIsBound", False),
        ),
    )


def read_user(content: Mapping[str, Any]) -> User:
    """Read a person."""
    return User(
        id=content["id"],
        email=content["email"],
        name=content.get("name", ""),
        role=content["role"],
        tenants=tuple(content.get("tenants", ())),
    )


def read_signed_in(content: Mapping[str, Any]) -> SignedIn:
    """Read the answer of a sign-in."""
    return SignedIn(token=content["token"], user=read_user(content["user"]), exp=content["exp"])


def read_tokens(content: Mapping[str, Any]) -> Tokens:
    """Read the answer of the token endpoint."""
    return Tokens(
        access_token=content["access_token"],
        token_type=content["token_type"],
        expires_in=content.get("expires_in"),
        scope=content.get("scope"),
        refresh_token=content.get("refresh_token"),
        id_token=content.get("id_token"),
        issued_token_type=content.get("issued_token_type"),
    )
