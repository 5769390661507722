"""Query strings into structs."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import InvalidFieldsError, MalformedRequestError
from watchword.wire.query import PARAMETERS_MAX, parse_pairs, parse_query


class Query(msgspec.Struct):
    limit: int = 10
    name: str = ""


def test_reads_known_parameters_and_leaves_others() -> None:
    """Known parameters are converted; unknown ones are nobody's business here."""
    assert parse_query(b"limit=5&other=1&name=a+b%26c&&", Query) == Query(limit=5, name="a b&c")


@pytest.mark.parametrize("query", [b"limit=1&limit=1", b"name=a&name=b"])
def test_refuses_repeated_parameter(query: bytes) -> None:
    """A known parameter that comes twice is refused."""
    with pytest.raises(MalformedRequestError, match="more than once"):
        parse_query(query, Query)


@pytest.mark.parametrize("query", [b"limit=five", b"limit=1.5", b"limit="])
def test_names_the_wrong_parameter(query: bytes) -> None:
    """A value of the wrong type is refused with the parameter's name."""
    with pytest.raises(InvalidFieldsError) as refusal:
        parse_query(query, Query)
    assert "limit" in refusal.value.message


@pytest.mark.parametrize("query", [b"name=%ff", b"%ff=1", b"name=%00", b"name=%ed%a0%80"])
def test_refuses_what_is_no_text(query: bytes) -> None:
    """Bytes that are not UTF-8, and NUL, are refused."""
    with pytest.raises(MalformedRequestError):
        parse_pairs(query)


def test_refuses_more_parameters_than_the_bound() -> None:
    """The bound itself passes, one more is refused before anything is decoded."""
    assert len(parse_pairs(b"&".join([b"a=1"] * PARAMETERS_MAX))) == PARAMETERS_MAX
    with pytest.raises(MalformedRequestError):
        parse_pairs(b"&".join([b"a=1"] * (PARAMETERS_MAX + 1)))
    with pytest.raises(MalformedRequestError):
        parse_pairs(b"a=1&" * 1_000_000)


@given(st.binary(max_size=200))
def test_any_bytes_parse_or_are_refused(query: bytes) -> None:
    """Whatever arrives is parsed or refused with an error of ours."""
    parsed = Query()
    with suppress(MalformedRequestError, InvalidFieldsError):
        parsed = parse_query(query, Query)
    assert isinstance(parsed.limit, int)
