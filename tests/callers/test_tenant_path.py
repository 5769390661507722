"""A tenant's own path is the same API with the tenant named."""

from __future__ import annotations

import pytest

from watchword.callers.tenant_path import enter_tenant_path
from watchword.errors import MalformedRequestError
from watchword.wire.request import Request


def request(path: str, *headers: tuple[bytes, bytes]) -> Request:
    return Request("GET", path.encode(), headers, client_address="", scheme="https")


@pytest.mark.parametrize(
    ("path", "slug", "rest"),
    [
        ("/t/acme/api/products", "acme", "/api/products"),
        ("/t/acme/api/products/x", "acme", "/api/products/x"),
        ("/t/a-1/api", "a-1", "/api"),
        ("/t/acme/api/", "acme", "/api/"),
        ("/t/acme/api/t/other/api/x", "acme", "/api/t/other/api/x"),
    ],
)
def test_the_path_names_the_tenant(path: str, slug: str, rest: str) -> None:
    """Behind ``/t/{slug}`` the path is the API's, and the header names the tenant."""
    made = request(path)
    assert enter_tenant_path(made) == slug
    assert (made.path, made.header(b"x-tenant-id")) == (rest, slug)


@pytest.mark.parametrize(
    "path",
    [
        "/api/products",
        "/t/acme/oauth/token",
        "/t/acme/apis/products",
        "/t/acme/api;x/products",
        "/t//api/products",
        "/t/a/api/products",
        "/t/ACME/api/products",
        "/t/acme%22/api/products",
        "/t/acme/x/api/products",
        "/x/t/acme/api/products",
        "/t/acme%2fapi/products",
        "/T/acme/api/products",
        f"/t/{'a' * 64}/api/products",
    ],
)
def test_no_other_path_names_one(path: str) -> None:
    """A path of another form stays as it is, and no header is added."""
    made = request(path)
    before = made.path
    assert enter_tenant_path(made) is None
    assert (made.path, made.header(b"x-tenant-id")) == (before, None)


def test_the_path_and_the_header_may_agree() -> None:
    """The same tenant named twice is one tenant."""
    assert enter_tenant_path(request("/t/acme/api/products", (b"x-tenant-id", b"acme"))) == "acme"


@pytest.mark.parametrize("named", [b"other", b"", b"ten_00000000000000000000000000", b"acme "])
def test_the_path_and_the_header_may_not_differ(named: bytes) -> None:
    """Two names are refused, whichever tenant each of them means."""
    with pytest.raises(MalformedRequestError):
        enter_tenant_path(request("/t/acme/api/products", (b"x-tenant-id", named)))


def test_the_headers_that_came_are_left_alone() -> None:
    """Whoever else holds the headers of the connection does not see the one that was added."""
    made = request("/t/acme/api/products", (b"accept", b"*/*"))
    came = made.headers
    enter_tenant_path(made)
    assert came == {b"accept": b"*/*"}
