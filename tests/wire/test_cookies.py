"""The session cookie."""

from __future__ import annotations

import pytest

from watchword.errors import MalformedRequestError
from watchword.wire.cookies import cleared_session_cookie_line, read_session_cookie, session_cookie_line


def test_the_cookie_is_out_of_reach_of_scripts_other_sites_and_plain_http() -> None:
    """The line carries every attribute that protects the token, and the token's own life."""
    assert session_cookie_line("a.b.c", 604_800) == (
        b"set-cookie: __Host-watchword=a.b.c; Max-Age=604800; Path=/; Secure; HttpOnly; SameSite=Strict\r\n"
    )


def test_clearing_names_the_same_cookie() -> None:
    """The clearing line carries the same attributes, without which browsers would keep a ``__Host-`` cookie."""
    assert cleared_session_cookie_line() == (
        b"set-cookie: __Host-watchword=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict\r\n"
    )


def test_a_token_cannot_end_the_line() -> None:
    """A value with a line break makes no header."""
    with pytest.raises(ValueError, match="unsafe"):
        session_cookie_line("a\r\nset-cookie: b", 1)


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("__Host-watchword=a.b.c", "a.b.c"),
        ("theme=dark; __Host-watchword=a.b.c; lang=ko", "a.b.c"),
        ("theme=dark;__Host-watchword=a.b.c", "a.b.c"),
        ("__Host-watchword=a=b", "a=b"),
        ("", None),
        ("theme=dark", None),
        ("__Host-watchword=", None),
        ("__Host-watchword", None),
        ("__host-watchword=a.b.c", None),
        ("x__Host-watchword=a.b.c", None),
        ("theme=__Host-watchword=a.b.c", None),
    ],
)
def test_the_cookie_is_found_by_its_exact_name(header: str, token: str | None) -> None:
    """Only the cookie of that very name counts, wherever it stands in the header."""
    assert read_session_cookie(header) == token


def test_two_session_cookies_are_refused() -> None:
    """Which of two would count is nobody's choice."""
    with pytest.raises(MalformedRequestError):
        read_session_cookie("__Host-watchword=a; x=y; __Host-watchword=a")
