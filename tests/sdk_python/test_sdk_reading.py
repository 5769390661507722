"""What the client makes of texts from outside: answers of any shape, tokens, and the options of a list."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdk_python.sdk_script import LIFE, NOW, Script, make_engine, reply, token_of
from watchword_client.collection import CollectionCalls
from watchword_client.errors import refusal
from watchword_client.flow import Reply
from watchword_client.models import RateLimit, result_of
from watchword_client.orders import generate_order_number
from watchword_client.query import write_query
from watchword_client.session import session_from

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["errors", "extensions", "fields", "error"]), inner)
    ),
)


@given(body=st.binary() | JSON.map(lambda value: str(value).replace("'", '"').encode()))
def test_refusals_of_any_shape_are_errors(body: bytes) -> None:
    """Whatever a refusal holds, it is told as one, with a code and a sentence."""
    error = refusal(502, {"retry-after": "soon"}, body, now=NOW)
    assert error.status == 502
    assert error.code
    assert error.message


@pytest.mark.parametrize(
    ("body", "code", "message", "name"),
    [
        (b'{"error": "invalid_grant", "error_description": "No."}', "invalid_grant", "No.", "OAuthError"),
        (b'{"message": "Route not found"}', "HTTP_404", "Route not found", "HttpError"),
        (b'{"errors": [{"message": "No."}]}', "HTTP_404", "No.", "HttpError"),
        (b"<html>Bad gateway</html>", "HTTP_404", "The server answered with status 404", "HttpError"),
        (b"", "HTTP_404", "The server answered with status 404", "HttpError"),
        (b'{"errors": []}', "HTTP_404", "The server answered with status 404", "HttpError"),
    ],
)
def test_refusals_of_others(body: bytes, code: str, message: str, name: str) -> None:
    """OAuth's errors, a proxy's pages and older servers' texts are read for what they have."""
    error = refusal(404, {}, body, now=NOW)
    assert (error.code, error.name) == (code, name)
    assert error.message.startswith(message)


def test_errors_can_be_copied_and_sent_to_another_process() -> None:
    """Nothing of an error is lost on the way through pickle."""
    error = refusal(409, {"x-request-id": "req_1"}, reply(409, FULL).body, now=NOW)
    other = pickle.loads(pickle.dumps(error))
    assert vars(other) == vars(error)
    assert str(other) == str(error) == "No."
    assert (other.extensions, other.fields[0].path) == ({"allowed": ["paid"]}, "status")


FULL = {
    "errors": [
        {
            "message": "No.",
            "name": "Conflict",
            "extensions": {
                "code": "STATUS_JUMP",
                "allowed": ["paid"],
                "fields": [{"path": "status", "message": "m"}],
            },
        }
    ]
}


@pytest.mark.parametrize("answer", [Reply(200, {}, b"<html>"), Reply(200, {}, b""), reply(200, [])])
def test_what_answers_may_be_no_watchword(answer: Reply) -> None:
    """A success that is no JSON object is an error that asks for the address."""
    with pytest.raises(Exception, match="base_url") as caught:
        Script(answer).run(CollectionCalls(make_engine(), "products").find())
    assert caught.value.code == "WRONG_ANSWER"  # type: ignore[attr-defined] # of the package's one class


@given(token=st.text())
def test_tokens_of_any_shape_are_held(token: str) -> None:
    """A token whose claims cannot be read is used until the server says otherwise."""
    session = session_from(token, now=NOW)
    assert session.renew_at > NOW


def test_kept_tokens_live_until_their_own_end() -> None:
    """A token that was kept is renewed by its own times, a new one by the time that it came."""
    late = NOW + LIFE // 2
    kept = session_from(token_of("ann"), now=late)
    assert (kept.renew_at, kept.ends_at) == (NOW + LIFE * 0.9, NOW + LIFE)
    assert session_from(token_of("ann"), now=late, is_new=True).ends_at == late + LIFE


@pytest.mark.parametrize(
    ("options", "query"),
    [
        ({}, ""),
        ({"limit": 5, "page": None}, "?limit=5"),
        ({"sort": "-price"}, "?sort=-price"),
        ({"sort": ["-price", "name"]}, "?sort=-price%2Cname"),
        ({"where": {"price": {"less_than": 5}}}, "?where%5Bprice%5D%5Bless_than%5D=5"),
        ({"where": {"stock": {"exists": False}}}, "?where%5Bstock%5D%5Bexists%5D=false"),
        ({"where": {"sku": {"in": ("a", "b")}}}, "?where%5Bsku%5D%5Bin%5D=a%2Cb"),
        ({"where": {"name": {"equals": "a&b=c"}}}, "?where%5Bname%5D%5Bequals%5D=a%26b%3Dc"),
        ({"where": {"or": [{"a": {"equals": None}}]}}, "?where%5Bor%5D%5B0%5D%5Ba%5D%5Bequals%5D=null"),
        (
            {"where": {"createdAt": {"less_than": datetime(2026, 1, 7, tzinfo=UTC)}}},
            "?where%5BcreatedAt%5D%5Bless_than%5D=2026-01-07T00%3A00%3A00%2B00%3A00",
        ),
        ({"select": ["name"]}, "?select%5Bname%5D=true"),
        ({"select": {"name": False}}, "?select%5Bname%5D=false"),
    ],
)
def test_options_are_written(options: dict[str, Any], query: str) -> None:
    """Options reach the server as it reads them, whatever is in their values."""
    assert write_query(options) == query


@pytest.mark.parametrize(
    ("headers", "limit"),
    [
        ({"x-ratelimit-limit": "60", "x-ratelimit-remaining": "59", "x-ratelimit-reset": "7"}, RateLimit(60, 59, 7)),
        ({"x-ratelimit-limit": "60"}, None),
        ({"x-ratelimit-limit": "a", "x-ratelimit-remaining": "b", "x-ratelimit-reset": "c"}, None),
        ({}, None),
    ],
)
def test_limits_are_read(headers: dict[str, str], limit: RateLimit | None) -> None:
    """The limit stands beside what was asked for, where there is one."""
    assert result_of("data", headers).rate_limit == limit


def test_order_numbers_begin_with_the_day() -> None:
    """A made number is today as six digits and six more, another each time."""
    made = {generate_order_number() for _ in range(10)}
    assert len(made) > 1
    assert all(len(number) == 12 and number.isdecimal() for number in made)
