"""Filters: parsed within bounds, typed by the definition, the same on both backends as in plain Python."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from records_rig import Shop
from watchword.errors import InvalidFieldsError, MalformedRequestError
from watchword.records.conditions import Parameters, write_filter
from watchword.records.definitions import PRODUCTS, CollectionType
from watchword.records.filter import (
    CONDITIONS_MAX,
    DEPTH_MAX,
    OPERATOR_NAMES,
    VALUE_CHARACTERS_MAX,
    VALUES_MAX,
    Condition,
    Filter,
    Group,
)
from watchword.records.list_query import parse_count_query, parse_document_query, parse_list_query

Stocked = tuple[Shop, list[dict[str, Any]]]
Pairs = list[tuple[str, str]]
KIND = CollectionType(PRODUCTS)

_VALUES: dict[str, list[str]] = {
    "name": ["apple", "Apple", "사과", "100% juice", "it's", "a_b", "\N{RED APPLE}", "e", "P", "%", "' OR 1=1 --", ""],
    "sku": ["SKU-01", "SKU-35", "sku-01", "nothing"],
    "description": ["many", "MANY", "line words", "5", " "],
    "currency": ["KRW", "USD", "usd"],
    "status": ["draft", "published", "archived"],
    "price": ["0", "1", "3", "-1", "9007199254740991"],
    "stock": ["0", "2", "4", "7"],
    "createdAt": ["2026-01-07T10:00:00.000Z", "2026-01-07T10:00:01Z", "2026-01-07", "1969-01-01", "9999-01-01"],
    "updatedAt": ["2026-01-07T10:00:02.000Z", "2026-01-07T19:00:01.000%2B09:00".replace("%2B", "+"), "2027-01-01"],
}
_TEXT = {"name", "sku", "description", "currency", "status"}


def _conditions() -> st.SearchStrategy[Pairs]:
    def build(field: str) -> st.SearchStrategy[Pairs]:
        values = st.sampled_from(_VALUES[field])
        operators = [name for name in OPERATOR_NAMES if field in _TEXT or name not in {"contains", "like", "not_like"}]

        def value_of(operator: str) -> st.SearchStrategy[Pairs]:
            path = f"[{field}][{operator}]"
            if operator == "exists":
                return st.sampled_from(["true", "false"]).map(lambda value: [(path, value)])
            if operator in {"in", "not_in"}:
                return st.lists(values, min_size=1, max_size=3).map(
                    lambda several: [(f"{path}[{n}]", value) for n, value in enumerate(several)]
                )
            return values.map(lambda value: [(path, value)])

        return st.sampled_from(operators).flatmap(value_of)

    return st.sampled_from(sorted(_VALUES)).flatmap(build)


def _join(word: str, groups: list[Pairs]) -> Pairs:
    return [(f"[{word}][{n}]{path}", value) for n, group in enumerate(groups) for path, value in group]


def filters() -> st.SearchStrategy[str]:
    """Generate ``where`` queries that parse."""
    trees = st.recursive(
        _conditions(),
        lambda inner: st.builds(_join, st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=3)),
        max_leaves=6,
    )
    return trees.map(lambda pairs: "&".join(f"where{path}={quote(value, safe='')}" for path, value in pairs))


def parse(query: str) -> Group:
    """Parse a query as a count's."""
    return parse_count_query(query.encode(), KIND)


def holds(wanted: Filter, document: dict[str, Any]) -> bool:
    """Say whether a filter holds for a served document: what SQL must agree with."""
    if isinstance(wanted, Group):
        results = [holds(member, document) for member in wanted.members]
        return all(results) if wanted.joined == "and" else any(results)
    return _holds(wanted, _value(wanted, document))


def _value(condition: Condition, document: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever the field holds
    value = document.get(condition.field.name)
    if condition.field.kind not in {"created", "updated"}:
        return value
    return round(datetime.fromisoformat(str(value)).astimezone(UTC).timestamp() * 1000)


def _holds(condition: Condition, value: Any) -> bool:  # noqa: ANN401 - whatever the field holds
    first, several = condition.values[0], condition.values
    # What missing fields are asked first; no other operator takes them.
    match condition.operator:
        case "exists":
            return (value is not None) is first
        case "not_equals":
            return bool(value != first)
        case "not_in":
            return value not in several
        case "not_like":
            return value is None or not _COMPARISONS["like"](value, several)
    return value is not None and bool(_COMPARISONS[condition.operator](value, several))


_COMPARISONS: dict[str, Callable[[Any, tuple[Any, ...]], Any]] = {
    "in": lambda value, several: value in several,
    "equals": lambda value, several: value == several[0],
    "greater_than": lambda value, several: value > several[0],
    "greater_than_equal": lambda value, several: value >= several[0],
    "less_than": lambda value, several: value < several[0],
    "less_than_equal": lambda value, several: value <= several[0],
    "contains": lambda value, several: _fold(several[0]) in _fold(value),
    "like": lambda value, several: all(_fold(word) in _fold(value) for word in several[0].split()),
}


def _fold(text: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(query=filters())
async def test_sql_agrees_with_python(stocked: Stocked, query: str) -> None:
    """Any filter leaves the documents that its meaning in plain Python leaves, in list and count, on each backend."""
    shop, documents = stocked
    wanted = [doc for doc in documents if holds(parse(query), doc)]
    page = (await shop.send("GET", f"/api/products?{query}&limit=100")).json
    assert page["docs"] == wanted
    assert page["totalDocs"] == len(wanted)
    assert (await shop.send("GET", f"/api/products/count?{query}")).json == {"totalDocs": len(wanted)}


_PIECES = st.sampled_from(
    [
        "where",
        "[",
        "]",
        "[and]",
        "[or]",
        "[0]",
        "[1]",
        "[]",
        "[price]",
        "[name]",
        "[stock]",
        "[createdAt]",
        "[equals]",
        "[in]",
        "[exists]",
        "=",
        "&",
        "1",
        "true",
        ",",
        "%00",
        "%ff",
        "%",
        "%5B",
        "+",
        "sort",
        "select",
        "after",
        "limit",
        "page",
        "-",
        "name",
        "é",
        "'",
        '"',
        ";",
        "WyItaWQiLDFd",
        "99999999999999999999999",
    ]
)


@settings(max_examples=500)
@given(st.lists(_PIECES, max_size=30).map("".join).map(str.encode) | st.binary(max_size=60))
def test_no_query_raises_anything_but_our_error(query: bytes) -> None:
    """Whatever bytes stand behind the question mark, the answer is a parsed query or a 400."""
    for read in (parse_list_query, parse_count_query, parse_document_query):
        with contextlib.suppress(MalformedRequestError, InvalidFieldsError):
            read(query, KIND)


@settings(max_examples=200)
@given(query=filters(), values=st.lists(st.text(max_size=9), min_size=40, max_size=40))
def test_values_never_reach_the_text_of_a_statement(query: str, values: list[str]) -> None:
    """The SQL of a filter depends on its fields and operators alone: other values, the same text (ASVS 1.2.4)."""

    def exchange(wanted: Filter) -> Filter:
        if isinstance(wanted, Group):
            return Group(wanted.joined, tuple(exchange(member) for member in wanted.members))
        if wanted.field.kind != "text" or wanted.operator in {"exists", "like", "not_like"}:
            return wanted
        return Condition(wanted.field, wanted.operator, tuple(values[n] for n, _ in enumerate(wanted.values)))

    wanted = parse(query)
    parameters, others = Parameters(), Parameters()
    written = write_filter(wanted, parameters, id_kind="product")
    assert written == write_filter(exchange(wanted), others, id_kind="product")
    assert len(parameters.values) == len(others.values)


@pytest.mark.parametrize(
    "hostile",
    [
        "where[price) OR 1=1 --][equals]=1",
        "where[price'][equals]=1",
        "where[price][= 0 OR 1=1 --]=1",
        "where[document][exists]=true",
        "where[tenant_id][exists]=true",
        "where[mode][equals]=test",
        "where[counted_value][equals]=draft",
        "where[name.x][equals]=1",
        "where[__proto__][equals]=1",
    ],
)
async def test_columns_and_sql_are_no_fields(stocked: Stocked, hostile: str) -> None:
    """Only fields of the definition can be named: not columns, not SQL."""
    shop, _ = stocked
    answer = await shop.send("GET", f"/api/products?{quote(hostile, safe='=[]')}")
    assert answer.status == 400


async def test_sql_in_a_value_is_a_value(stocked: Stocked) -> None:
    """A value that is SQL finds nothing and harms nothing."""
    shop, documents = stocked
    for operator in ("equals", "in", "contains", "greater_than"):
        value = quote("zzz'); DROP TABLE documents; --", safe="")
        page = (await shop.send("GET", f"/api/products?where[name][{operator}]={value}&limit=100")).json
        assert all(doc["name"] > "zzz" for doc in page["docs"])
    assert (await shop.send("GET", "/api/products?limit=100")).json["docs"] == documents


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("where[colour][equals]=1", "where[colour]"),
        ("where[name]=x", "where[name]"),
        ("where[name][is]=x", "where[name][is]"),
        ("where[name][equals][0]=x", "where[name][equals]"),
        ("where[name][equals]=x&where[name][equals]=x", "where[name][equals]"),
        ("where[name][equals]=x&where[name][equals][0]=x", "where[name][equals]"),
        ("where[name][in]=x&where[name][in][0]=x", "where[name][in]"),
        ("where[name][in][a]=x", "where[name][in][a]"),
        ("where[name][in][]=x", "where[name][in][]"),
        ("where[name][in][0][0]=x", "where[name][in][0]"),
        ("where[price][equals]=", "where[price][equals]"),
        ("where[price][equals]=1.0", "where[price][equals]"),
        ("where[price][equals]=1e3", "where[price][equals]"),
        ("where[price][equals]=0x1", "where[price][equals]"),
        ("where[price][equals]=9007199254740992", "where[price][equals]"),
        ("where[price][equals]=-9007199254740992", "where[price][equals]"),
        ("where[price][equals]=" + "9" * 900, "where[price][equals]"),
        ("where[price][equals]=NaN", "where[price][equals]"),
        ("where[price][equals]=null", "where[price][equals]"),
        ("where[price][in]=1,x", "where[price][in]"),
        ("where[price][contains]=1", "where[price][contains]"),
        ("where[price][exists]=1", "where[price][exists]"),
        ("where[status][equals]=sold", "where[status][equals]"),
        ("where[createdAt][equals]=yesterday", "where[createdAt][equals]"),
        ("where[createdAt][equals]=2026-13-01", "where[createdAt][equals]"),
        ("where[createdAt][equals]=2026-01-07T10:60:00Z", "where[createdAt][equals]"),
        ("where[createdAt][like]=2026", "where[createdAt][like]"),
        ("where[price][not_like]=1", "where[price][not_like]"),
        ("where[id][contains]=prd", "where[id][contains]"),
        ("where[or]=x", "where[or]"),
        ("where[or][name][equals]=x", "where[or][name]"),
        ("where[or][]=x", "where[or][]"),
        ("where[or][][name][equals]=x", "where[or][]"),
        ("where[or][0]=x", "where[or][0]"),
        ("where[or][-1][name][equals]=x", "where[or][-1]"),
        ("where[or][1000][name][equals]=x", "where[or][1000]"),
        ("where[AND][0][name][equals]=x", "where[AND]"),
        ("where[name][equals]=" + "x" * (VALUE_CHARACTERS_MAX + 1), "where[name][equals]"),
        ("where[price][in]=" + ",".join("1" * (VALUES_MAX + 1)), "where[price][in]"),
        ("where[price][in]=" + "," * 60_000, "where[price][in]"),
    ],
)
def test_a_wrong_condition_is_refused_by_its_name(query: str, parameter: str) -> None:
    """An unknown field or operator, a value of another type or form, and what exceeds a bound is named."""
    with pytest.raises(InvalidFieldsError) as refused:
        parse(query)
    fields: Any = refused.value.extensions["fields"]
    assert [field["path"] for field in fields] == [parameter]


def test_the_bounds_are_taken_and_what_lies_behind_refused() -> None:
    """The deepest nesting, the most conditions and the longest list pass; one more of each does not."""
    deep = "where" + "[or][0]" * DEPTH_MAX + "[price][equals]=1"
    assert parse(deep)
    with pytest.raises(InvalidFieldsError, match=r"where\[or\]\[0\]"):
        parse("where" + "[or][0]" * (DEPTH_MAX + 1) + "[price][equals]=1")
    many = [f"where[or][{n}][price][equals]=1" for n in range(CONDITIONS_MAX)]
    assert len(parse("&".join(many)).members[0].members) == CONDITIONS_MAX  # type: ignore[union-attr]
    with pytest.raises(InvalidFieldsError):
        parse("&".join([*many, "where[price][equals]=1"]))
    assert parse("where[price][in]=" + ",".join("1" * VALUES_MAX))
    assert parse("where[name][equals]=" + "x" * VALUE_CHARACTERS_MAX)


def test_a_list_may_come_in_two_spellings() -> None:
    """Values of ``in`` stand in one text with commas, or numbered."""
    assert parse("where[price][in]=1,2") == parse("where[price][in][0]=1&where[price][in][1]=2")
    assert parse("where%5Bprice%5D%5Bin%5D=1%2C2") == parse("where[price][in]=1,2")


def test_times_beyond_what_ids_hold_are_the_first_or_last() -> None:
    """Times before 1970 and far in the future, with offsets or a leap second, are times; others are refused."""
    for text in ("0001-01-01", "9999-12-31T23:59:59Z", "2016-12-31T23:59:60Z", "2026-01-07T19:00:00%2B09:00"):
        assert parse(f"where[createdAt][equals]={text}")
    assert parse("where[createdAt][equals]=1960-01-01") == parse("where[createdAt][equals]=1970-01-01")


async def test_the_most_demanding_filter_is_served(stocked: Stocked) -> None:
    """A filter at every bound at once is still a query that both databases take."""
    shop, _ = stocked
    values = ",".join(str(n) for n in range(VALUES_MAX))
    where = "&".join(f"where[or][{n}][price][not_in]={values}" for n in range(CONDITIONS_MAX))
    assert (await shop.send("GET", f"/api/products/count?{where}")).json == {"totalDocs": 0}


def test_a_huge_query_is_refused_without_being_read() -> None:
    """A million parameters are refused by their number alone."""
    with pytest.raises(MalformedRequestError, match="more than"):
        parse("&".join(["a=1"] * 1_000_000))
