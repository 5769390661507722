"""Responses and their header lines."""

from __future__ import annotations

import pytest

from watchword.errors import ForbiddenError, NotAuthenticatedError
from watchword.wire.problems import problem_response
from watchword.wire.response import STATUS_LINES, header_line, json_response


@pytest.mark.parametrize("value", ["a\r\nset-cookie: b=c", "a\nb", "a\x00b", "a\x7f", "a\u2028b", "snowman ☃"])
def test_refuses_a_value_that_could_split_the_header(value: str) -> None:
    """No value with a control character or outside Latin-1 becomes a header."""
    with pytest.raises(ValueError, match="unsafe value"):
        header_line("x-a", value)


def test_private_answers_are_not_stored() -> None:
    """JSON answers forbid caching unless they are made public on purpose."""
    assert (b"cache-control", b"no-store") in json_response(200, {}).header_pairs()
    assert b"cache-control" not in dict(json_response(200, {}, private=False).header_pairs())


def test_419_has_a_reason_phrase() -> None:
    """The one status that HTTP does not know is still a whole status line."""
    assert STATUS_LINES[419] == b"HTTP/1.1 419 Token Expired\r\n"


def test_problem_has_the_documents_shape() -> None:
    """An error under /api is the first document's body, to the letter."""
    response = problem_response(ForbiddenError(cause="private"))
    assert response.body == (
        b'{"errors":[{"message":"You are not authorized to perform this action",'
        b'"name":"Forbidden","extensions":{"code":"FORBIDDEN"}}]}'
    )


def test_problem_keeps_its_cause() -> None:
    """The private cause is in no part of the answer."""
    response = problem_response(NotAuthenticatedError(cause="user 17 is unknown"))
    assert b"17" not in response.body + response.lines


def test_401_says_how_to_authenticate() -> None:
    """Each 401 carries WWW-Authenticate (RFC 9110 §11.6.1)."""
    assert dict(problem_response(NotAuthenticatedError()).header_pairs())[b"www-authenticate"].startswith(b"Bearer")


def test_oauth_style_is_rfc_6749() -> None:
    """An error under /oauth has error and error_description (RFC 6749 §5.2)."""
    assert problem_response(ForbiddenError(), "oauth").body == (
        b'{"error":"access_denied","error_description":"You are not authorized to perform this action"}'
    )
