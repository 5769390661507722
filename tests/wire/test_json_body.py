"""JSON bodies: read strictly, refused with the place of the fault."""

from __future__ import annotations

import contextlib
import json
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import InvalidFieldsError, MalformedRequestError, WatchwordError
from watchword.wire.json_body import DEPTH_MAX, INTEGER_MAX, decode_json, decode_struct


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    """A struct inside."""

    size: int


class Wanted(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A body."""

    name: str
    count: int | None = None
    kind: Literal["a", "b"] = "a"
    sizes: list[int] = []
    inner: Inner | None = None


REFUSED = [
    pytest.param(b"", "empty", id="nothing"),
    pytest.param(b" \n", "empty", id="blank"),
    pytest.param(b"{", "line 1, column 2", id="cut off"),
    pytest.param(b'{"a": 1,\n "b": }', "line 2, column 7", id="second line"),
    pytest.param(b"{'a': 1}", "line 1, column 2", id="single quotes"),
    pytest.param(b'{"a": 1,}', "column [89]", id="trailing comma"),
    pytest.param(b"1 2", "extra data at line 1, column 3", id="two values"),
    pytest.param(b"\xef\xbb\xbf{}", "column 1", id="byte order mark"),
    pytest.param(b'{"a":"\xff"}', "not valid UTF-8 at line 1, column 7", id="broken UTF-8"),
    pytest.param(b'"\xed\xa0\x80"', "not valid UTF-8", id="raw surrogate"),
    pytest.param(b'"\x00"', "invalid control character at line 1", id="raw NUL"),
    pytest.param(b'"\\u0000"', "NUL", id="escaped NUL"),
    pytest.param(b'{"\\u0000": 1}', "NUL", id="NUL in a name"),
    pytest.param(b'"\\ud800"', "surrogate", id="lone surrogate"),
    pytest.param(b'[{"\\udc00": 1}]', "surrogate", id="lone surrogate in a name"),
    pytest.param(b'{"a": 1, "a": 1}', "the name a twice", id="repeated name"),
    pytest.param(b'{"x": [{"a": 1, "\\u0061": 2}]}', "the name a twice", id="repeated name, spelled twice"),
    pytest.param(b"NaN", "NaN", id="NaN"),
    pytest.param(b"[-Infinity]", "-Infinity", id="infinity"),
    pytest.param(b"1e999", "too large", id="infinite by exponent"),
    pytest.param(b"9007199254740992", "beyond", id="one past the largest integer"),
    pytest.param(b"-9007199254740992", "beyond", id="one past the smallest integer"),
    pytest.param(b"9" * 100_000, "beyond", id="a hundred thousand digits"),
    pytest.param(b"[" * 33 + b"]" * 33, "deeper", id="one level too deep"),
    pytest.param(b'{"a":' * 33 + b"1" + b"}" * 33, "deeper", id="one object too deep"),
    pytest.param(b"[" * 10_000 + b"]" * 10_000, "deeper", id="ten thousand levels"),
    pytest.param(b"[" * 1_000_000, "more than 20000 values", id="a million brackets"),
    pytest.param(b"[" + b"1," * 20_000 + b"1]", "more than 20000 values", id="one value too many"),
]


@pytest.mark.parametrize(("body", "sentence"), REFUSED)
def test_a_text_that_can_be_read_in_two_ways_is_refused(body: bytes, sentence: str) -> None:
    """What is no JSON, or JSON that parsers read differently, is refused with a sentence that says where or why."""
    with pytest.raises(MalformedRequestError, match=sentence):
        decode_json(body)


class Bounded(msgspec.Struct):
    """One field for each bound that a request's struct may set."""

    name: Annotated[str, msgspec.Meta(min_length=2, max_length=3)] = "abc"
    words: Annotated[list[str], msgspec.Meta(min_length=1, max_length=1)] = msgspec.field(default_factory=lambda: ["a"])
    count: Annotated[int, msgspec.Meta(ge=1, le=5)] = 1
    share: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.5


@pytest.mark.parametrize(
    ("body", "field", "sentence"),
    [
        (b'{"name": ""}', "name", "must have 2 or more characters"),
        (b'{"name": "abcd"}', "name", "must have at most 3 characters"),
        (b'{"words": []}', "words", "must have 1 or more items"),
        (b'{"words": ["a", "b"]}', "words", "must have at most 1 items"),
        (b'{"count": 0}', "count", "must be 1 or more"),
        (b'{"count": 6}', "count", "must be 5 or less"),
        (b'{"share": 0.0}', "share", "must be more than 0.0"),
        (b'{"share": 1.0}', "share", "must be less than 1.0"),
        (b'{"count": "1"}', "count", "must be an integer, not text"),
    ],
)
def test_bounds_are_told_in_words(body: bytes, field: str, sentence: str) -> None:
    """What a field may hold is said as a person says it, without signs of comparison."""
    with pytest.raises(InvalidFieldsError) as refused:
        decode_struct(body, Bounded)
    assert refused.value.faults == {field: sentence}


def test_broken_json_carries_line_and_column() -> None:
    """A client can point at the fault from the numbers beside the sentence."""
    with pytest.raises(MalformedRequestError) as refused:
        decode_json(b'{\n  "a": x\n}')
    assert refused.value.extensions == {"line": 2, "column": 8}


def test_the_edges_are_taken() -> None:
    """The deepest nesting, the largest integers and a surrogate pair are still JSON."""
    assert decode_json(b"[" * DEPTH_MAX + b"]" * DEPTH_MAX)
    assert decode_json(str(INTEGER_MAX).encode()) == INTEGER_MAX
    assert decode_json(str(-INTEGER_MAX).encode()) == -INTEGER_MAX
    assert decode_json(b'"\\ud83d\\ude00"') == "\N{GRINNING FACE}"
    assert decode_json(b'"\\\\u0000"') == "\\u0000"


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_our_error(body: bytes) -> None:
    """Whatever bytes come, the answer is a value or our error."""
    with contextlib.suppress(MalformedRequestError):
        decode_json(body)


_plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-INTEGER_MAX, INTEGER_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", codec="utf-8")),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text("abc\u00e9", max_size=3), inner, max_size=5),
    max_leaves=20,
)


@given(value=_plain, ascii_only=st.booleans())
def test_what_json_writes_is_read_back(*, value: object, ascii_only: bool) -> None:
    """Every plain value survives being written and read, escaped or raw."""
    assert decode_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


def test_every_wrong_field_is_named_at_once() -> None:
    """A struct's refusal lists each field by path with what it must be, unknown names included."""
    body = b'{"name": 1, "count": "x", "kind": "c", "sizes": [1, "x"], "admin": true, "inner": {"size": "a"}}'
    with pytest.raises(InvalidFieldsError) as refused:
        decode_struct(body, Wanted)
    assert refused.value.extensions["fields"] == [
        {"path": "admin", "message": "is not a field of this request"},
        {"path": "name", "message": "must be text, not an integer"},
        {"path": "count", "message": "must be an integer or null, not text"},
        {"path": "kind", "message": "must be one of a, b"},
        {"path": "sizes[1]", "message": "must be an integer, not text"},
        {"path": "inner.size", "message": "must be an integer, not text"},
    ]


@pytest.mark.parametrize(
    ("body", "path", "sentence"),
    [
        (b"{}", "name", "is required"),
        (b'{"name": null}', "name", "must be text, not null"),
        (b'{"name": "a", "inner": {}}', "inner.size", "is required"),
        (b'{"name": "a", "inner": {"size": 1, "x": 1}}', "inner.x", "is not a field of this request"),
        (b'{"name": "a", "kind": 5}', "kind", "must be text, not an integer"),
        (b'{"name": ["a"]}', "name", "must be text, not a list"),
        (b'{"name": {"$ne": ""}}', "name", "must be text, not an object"),
    ],
)
def test_a_wrong_field_is_named_by_its_path(body: bytes, path: str, sentence: str) -> None:
    """One wrong field gives its path and a clear sentence, however deep it lies."""
    with pytest.raises(InvalidFieldsError) as refused:
        decode_struct(body, Wanted)
    assert refused.value.extensions["fields"] == [{"path": path, "message": sentence}]


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"null"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    """Where an object is wanted, every other JSON value is refused."""
    with pytest.raises(MalformedRequestError, match="must be a JSON object"):
        decode_struct(body, Wanted)


def test_a_long_name_is_not_repeated_whole() -> None:
    """An error repeats at most a few characters of a name that the sender made up."""
    with pytest.raises(WatchwordError) as refused:
        decode_struct(json.dumps({"name": "a", "x" * 5000: 1}).encode(), Wanted)
    assert len(str(refused.value.extensions)) < 300


def test_a_right_body_becomes_the_struct() -> None:
    """Right fields arrive in the struct, defaults filled in."""
    assert decode_struct(b'{"name": "a", "count": 3}', Wanted) == Wanted(name="a", count=3)
