"""Which web origins a tenant or key may list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.errors import InvalidFieldsError
from watchword.tenants.web_origins import ORIGINS_MAX, require_web_origins

GOOD = [
    "https://shop.example.com",
    "https://shop.example.com:8443",
    "https://xn--bcher-kva.example",
    "https://a",
    "https://192.0.2.7",
    "https://[2001:db8::1]",
    "http://localhost",
    "http://localhost:3000",
    "http://127.0.0.1:5173",
    "http://[::1]:8080",
    "https://localhost:8443",
]

BAD = [
    "",
    "*",
    "null",
    "https://*",
    "https://*.example.com",
    "https://example.com/",
    "https://example.com/path",
    "https://example.com?x",
    "https://example.com#x",
    "https://user@example.com",
    "https://example.com:443",
    "http://localhost:80",
    "https://example.com:0",
    "https://example.com:08443",
    "https://example.com:65536",
    "https://example.com:",
    "https://Example.com",
    "HTTPS://example.com",
    "http://example.com",
    "http://localhost.example.com",
    "http://127.0.0.2",
    "http://192.168.0.1:3000",
    "ftp://example.com",
    "file://",
    "javascript:alert(1)",
    "example.com",
    "//example.com",
    "https://example.com.",
    "https://.example.com",
    "https://exa mple.com",
    "https://example.com\n",
    "\nhttps://example.com",
    "https://-a.example",
    "https://a-.example",
    "https://1.2.3",
    "https://0x7f.1",
    "https://192.0.2.07",
    "https://256.0.0.1",
    "https://[2001:DB8::1]",
    "https://[2001:db8:0:0:0:0:0:1]",
    "https://[::1%eth0]",
    "https://[1:2]",
    "https://bücher.example",
    "https://" + "a" * 64 + ".example",
    "https://" + ".".join(["a" * 60] * 5),
]


@pytest.mark.parametrize("origin", GOOD)
def test_origins_as_browsers_send_them_are_taken(origin: str) -> None:
    """An origin in the spelling of browsers is kept as it is."""
    assert require_web_origins([origin]) == (origin,)


@pytest.mark.parametrize("origin", BAD)
def test_anything_else_is_refused(origin: str) -> None:
    """What no browser would send as an origin, or sends over plain HTTP from elsewhere, is refused by its place."""
    with pytest.raises(InvalidFieldsError) as refusal:
        require_web_origins(["https://good.example", origin])
    assert refusal.value.extensions["fields"][0]["path"] == "allowed_origins[1]"  # type: ignore[index]


def test_repeated_origins_are_kept_once() -> None:
    """An origin listed twice stands once, in its first place."""
    assert require_web_origins(["https://b.example", "https://a.example", "https://b.example"]) == (
        "https://b.example",
        "https://a.example",
    )


def test_the_list_is_bounded() -> None:
    """One origin more than the bound is refused."""
    origins = [f"https://a{number}.example" for number in range(ORIGINS_MAX + 1)]
    assert len(require_web_origins(origins[:-1])) == ORIGINS_MAX
    with pytest.raises(InvalidFieldsError):
        require_web_origins(origins)


@given(st.text(max_size=60))
def test_no_text_makes_it_fail_otherwise(text: str) -> None:
    """Whatever text comes, it is kept unchanged or refused by field."""
    try:
        assert require_web_origins([f"https://{text}"]) == (f"https://{text}",)
    except InvalidFieldsError:
        return
