"""Forms: read once for headers and body that come again, and never taken for another."""

from __future__ import annotations

import msgspec
import pytest

from watchword.errors import UnsupportedMediaTypeError
from watchword.oauth_errors import InvalidOAuthRequestError
from watchword.wire.form_body import read_form
from watchword.wire.request import Head, Request

FORM = (b"content-type", b"application/x-www-form-urlencoded")
PROVED = (b"authorization", b"Basic YTpi")


class Asked(msgspec.Struct, frozen=True):
    """A form that nobody can change."""

    scope: str | None = None


class AskedOtherwise(msgspec.Struct, frozen=True):
    """Another form with the same field."""

    scope: str | None = None


class Changing(msgspec.Struct):
    """A form that its handler could change."""

    scope: str | None = None


def request(head: Head, body: bytes) -> Request:
    return Request("POST", b"/oauth/token", head, "192.0.2.1", "https", body)


async def test_the_same_again_is_not_read_again() -> None:
    """Behind the same headers the same bytes give the form that they gave before."""
    head = Head([FORM, PROVED])
    first = await read_form(request(head, b"scope=a%3Ab"), Asked)
    assert first == Asked("a:b")
    assert await read_form(request(head, b"scope=a%3Ab"), Asked) is first


async def test_another_body_is_read_anew() -> None:
    """What one request asked for is never taken for what the next asks for."""
    head = Head([FORM, PROVED])
    await read_form(request(head, b"scope=a"), Asked)
    assert await read_form(request(head, b"scope=b"), Asked) == Asked("b")
    assert await read_form(request(head, b""), Asked) == Asked(None)
    assert await read_form(request(head, b"scope=a"), Asked) == Asked("a")


async def test_another_form_is_read_anew() -> None:
    """The same bytes at another endpoint are that endpoint's form."""
    head = Head([FORM, PROVED])
    await read_form(request(head, b"scope=a"), Asked)
    assert await read_form(request(head, b"scope=a"), AskedOtherwise) == AskedOtherwise("a")


@pytest.mark.parametrize(
    ("head", "body", "struct"),
    [
        pytest.param(Head([FORM]), b"scope=a", Asked, id="nobody is proved by a header"),
        pytest.param(Head([FORM, PROVED]), b"scope=" + b"a" * 300, Asked, id="long"),
        pytest.param(Head([FORM, PROVED]), b"scope=a", Changing, id="could be changed"),
    ],
)
async def test_nothing_else_is_kept(head: Head, body: bytes, struct: type[msgspec.Struct]) -> None:
    """A form that may hold a person's password, is long, or could be changed is read each time."""
    first = await read_form(request(head, body), struct)
    assert await read_form(request(head, body), struct) is not first
    assert not head.derived


async def test_what_was_refused_is_refused_again() -> None:
    """A parameter that comes twice is refused each time, also where a good form came before."""
    head = Head([FORM, PROVED])
    await read_form(request(head, b"scope=a"), Asked)
    for _ in range(2):
        with pytest.raises(InvalidOAuthRequestError):
            await read_form(request(head, b"scope=a&scope=b"), Asked)


@pytest.mark.parametrize("content_type", [b"application/json", b""])
async def test_what_is_no_form_is_refused_unread(content_type: bytes) -> None:
    """A body that is said to be something else is not waited for."""

    async def body() -> bytes:
        raise AssertionError

    head = Head([(b"content-type", content_type), PROVED])
    with pytest.raises(UnsupportedMediaTypeError):
        await read_form(Request("POST", b"/oauth/token", head, "192.0.2.1", "https", body), Asked)


async def test_a_kept_form_shows_nothing() -> None:
    """A code or a refresh token of a kept form is in no text of it."""
    head = Head([FORM, PROVED])
    await read_form(request(head, b"scope=secret"), Asked)
    assert "secret" not in repr(head.derived)
