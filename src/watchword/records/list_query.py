"""The query of a list or a count, parsed once into one struct."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from watchword.errors import InvalidFieldsError
from watchword.records.definitions import CollectionType
from watchword.records.fields import Field
from watchword.records.filter import Group, Pair, parse_filter
from watchword.records.paging import (
    LIMIT_DEFAULT,
    LIMIT_MAX,
    NEWEST_FIRST,
    PAGE_MAX,
    Cursor,
    Order,
    parse_cursor,
    parse_order,
)
from watchword.wire.query import parse_pairs

_NAME: Final = re.compile(r"([A-Za-z][A-Za-z0-9_-]{0,62})((?:\[[^\[\]]{0,64}\]){0,32})")
_BRACKETED: Final = re.compile(r"\[([^\[\]]*)\]")

_LIST_NAMES: Final = frozenset({"limit", "page", "sort", "after"})
_LEFT_ALONE: Final = frozenset(
    {"depth", "draft", "fallback-locale", "fallbackLocale", "joins", "locale", "pagination", "populate", "trash"}
)
"""What Payload's clients send along and has no meaning here. Other unknown names are refused: a filter that was
mistyped must not answer with everything."""


class Select(msgspec.Struct, frozen=True):
    """The fields that answers are cut down to, or those they leave out; the id always stays."""

    names: frozenset[str]
    leaves_out: bool

    def cut(self, document: str) -> str:
        """Cut one stored document down."""
        fields: dict[str, Any] = msgspec.json.decode(document)
        kept = {
            name: value for name, value in fields.items() if name == "id" or (name in self.names) is not self.leaves_out
        }
        return msgspec.json.encode(kept).decode()


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a list is asked for; ``after`` takes the place of ``page``."""

    where: Group = Group("and", ())
    order: Order = NEWEST_FIRST
    limit: int = LIMIT_DEFAULT
    page: int = 1
    after: Cursor | None = None
    select: Select | None = None


DEFAULT: Final = ListQuery()


def parse_list_query(query: bytes, collection: CollectionType) -> ListQuery:
    """Parse the query of a list.

    A ``limit`` of 0, or beyond ``LIMIT_MAX``, gives ``LIMIT_MAX``; the answer says so.

    Raises:
        MalformedRequestError: too many parameters, or text that is not UTF-8.
        InvalidFieldsError: an unknown, repeated or wrong parameter, by its name.
    """
    if not query:
        return DEFAULT
    sent = _sort_out(query, plain=_LIST_NAMES)
    order = parse_order(sent.plain["sort"], collection.fields) if "sort" in sent.plain else NEWEST_FIRST
    after = sent.plain.get("after")
    if after is not None and "page" in sent.plain:
        raise InvalidFieldsError({"after": "takes the place of page; send one of the two"})
    return ListQuery(
        where=parse_filter(sent.where, collection.fields),
        order=order,
        limit=min(_read_count("limit", sent.plain, LIMIT_DEFAULT) or LIMIT_MAX, LIMIT_MAX),
        page=_read_page(sent.plain),
        after=None if after is None else parse_cursor(after, order, collection),
        select=_read_select(sent.select, collection.fields),
    )


def parse_count_query(query: bytes, collection: CollectionType) -> Group:
    """Parse the query of a count, which is a filter alone; raises as ``parse_list_query``."""
    if not query:
        return DEFAULT.where
    sent = _sort_out(query, plain=frozenset())
    if sent.select:
        raise InvalidFieldsError({"select": "is not a parameter of a count"})
    return parse_filter(sent.where, collection.fields)


def parse_document_query(query: bytes, collection: CollectionType) -> Select | None:
    """Parse the query of a single document, which is a ``select`` alone; raises as ``parse_list_query``."""
    if not query:
        return None
    sent = _sort_out(query, plain=frozenset())
    if sent.where:
        raise InvalidFieldsError({"where": "is not a parameter of a single document"})
    return _read_select(sent.select, collection.fields)


class _Sent(msgspec.Struct, frozen=True):
    plain: dict[str, str]
    where: list[Pair]
    select: dict[tuple[str, ...], str]


def _sort_out(query: bytes, *, plain: frozenset[str]) -> _Sent:
    sent = _Sent({}, [], {})
    for full_name, value in parse_pairs(query):
        found = _NAME.fullmatch(full_name)
        if found is None:
            raise InvalidFieldsError({full_name[:64] or "query": "is not a parameter name"})
        name, brackets = found[1], found[2]
        inner = tuple(_BRACKETED.findall(brackets)) if brackets else ()
        if name == "where":
            sent.where.append((inner, value))
        elif name == "select":
            _put(sent.select, inner, value, full_name)
        elif name in plain and not inner:
            _put(sent.plain, name, value, full_name)
        elif name not in _LEFT_ALONE:
            raise InvalidFieldsError({full_name[:64]: "is not a parameter here"})
    return sent


def _put(taken: dict[Any, str], key: str | tuple[str, ...], value: str, full_name: str) -> None:
    if key in taken:
        raise InvalidFieldsError({full_name[:64]: "is given more than once"})
    taken[key] = value


def _read_count(name: str, sent: dict[str, str], default: int) -> int:
    text = sent.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(PAGE_MAX))) or int(text) > PAGE_MAX:
        raise InvalidFieldsError({name: f"must be an integer between 0 and {PAGE_MAX}"})
    return int(text)


def _read_page(sent: dict[str, str]) -> int:
    page = _read_count("page", sent, 1)
    if page == 0:
        raise InvalidFieldsError({"page": "must be 1 or more"})
    return page


def _read_select(sent: dict[tuple[str, ...], str], fields: dict[str, Field]) -> Select | None:
    if not sent:
        return None
    if () in sent:
        wanted = dict.fromkeys(sent[()].split(",", len(fields) + 1), "true")
        if len(sent) > 1:
            raise InvalidFieldsError({"select": "is given as a list and by field; use one of the two"})
    else:
        wanted = {".".join(names): value for names, value in sent.items()}
    for name, value in wanted.items():
        if name not in fields:
            raise InvalidFieldsError({f"select[{name[:64]}]": "is not a field of this collection"})
        if value not in {"true", "false"}:
            raise InvalidFieldsError({f"select[{name}]": "must be true or false"})
    if len(set(wanted.values())) > 1:
        raise InvalidFieldsError({"select": "names fields to take and fields to leave out; use one of the two"})
    return Select(frozenset(wanted), leaves_out="false" in wanted.values())
