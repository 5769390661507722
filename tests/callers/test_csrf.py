"""Changes by cookie need the browser's word that the tenant's own page made them."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from watchword.callers.csrf import require_same_site
from watchword.errors import CrossSiteRequestError
from watchword.wire.request import Request

LISTED = ("https://shop.example",)


def request(method: str, **headers: str) -> Request:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request(method, b"/", [(b"host", b"api.example"), *pairs], client_address="", scheme="https")


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", {}),
        ("POST", {"origin": "https://evil.example"}),
        ("POST", {"origin": "null"}),
        ("POST", {"origin": ""}),
        ("POST", {"origin": "http://api.example"}),
        ("POST", {"origin": "https://api.example.evil.example"}),
        ("POST", {"origin": "https://shop.example:8443"}),
        ("POST", {"origin": "https://evil.example", "sec_fetch_site": "same-origin"}),
        ("PATCH", {"sec_fetch_site": "cross-site"}),
        ("DELETE", {"sec_fetch_site": "same-site"}),
        ("PUT", {"sec_fetch_site": "none"}),
    ],
)
def test_refuses_change_from_elsewhere(method: str, headers: dict[str, str]) -> None:
    """A change without proof, or with proof of another place, is refused; the Origin is believed first."""
    with pytest.raises(CrossSiteRequestError):
        require_same_site(request(method, **headers), LISTED)


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", {"origin": "https://shop.example"}),
        ("POST", {"origin": "https://api.example"}),
        ("DELETE", {"sec_fetch_site": "same-origin"}),
        ("GET", {"origin": "https://evil.example"}),
        ("HEAD", {}),
    ],
)
def test_lets_own_pages_and_reads_through(method: str, headers: dict[str, str]) -> None:
    """The tenant's origins, the server's own pages and reads pass."""
    with nullcontext():
        require_same_site(request(method, **headers), LISTED)
