"""The matcher of the routes table."""

from __future__ import annotations

import pytest

from watchword.callers.call import Call
from watchword.errors import MethodNotAllowedError, NotFoundError
from watchword.wire.response import Response, no_content
from watchword.wire.routes import Route, RouteTable


async def handler(_call: Call) -> Response:
    return no_content()


def route(method: str, path: str) -> Route:
    return Route(method=method, path=path, handler=handler, callers="anyone", summary="")


TABLE = RouteTable(
    [
        route("GET", "/api/keys"),
        route("POST", "/api/keys"),
        route("POST", "/api/keys/verify"),
        route("GET", "/api/keys/{id}"),
        route("DELETE", "/api/keys/{id}"),
        route("GET", "/api/tenants/{id}/members/{user_id}"),
    ]
)


def test_fixed_path_wins_over_parameter() -> None:
    """A path spelled out in the table is never taken for a parameter."""
    assert TABLE.match("POST", "/api/keys/verify").route.path == "/api/keys/verify"
    assert TABLE.match("GET", "/api/keys/key_1").parameters == {"id": "key_1"}


def test_gives_every_parameter_its_name() -> None:
    """Each brace gets the segment that stands in its place."""
    match = TABLE.match("GET", "/api/tenants/ten_1/members/usr_2")
    assert match.parameters == {"id": "ten_1", "user_id": "usr_2"}


def test_head_is_served_by_get() -> None:
    """HEAD finds the GET route (RFC 9110 §9.3.2)."""
    assert TABLE.match("HEAD", "/api/keys/key_1").route.method == "GET"
    assert TABLE.match("HEAD", "/api/keys").route.method == "GET"


@pytest.mark.parametrize(
    "path",
    ["/", "", "/api", "/api/keys/", "/api//keys", "/api/keys/a/b", "/API/KEYS", "/api/tenants/ten_1/members/", "*"],
)
def test_unknown_path_is_not_found(path: str) -> None:
    """Nothing near a path is taken for it: no trailing slash, no empty segment, no other case."""
    with pytest.raises(NotFoundError):
        TABLE.match("GET", path)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/api/keys", "GET, POST, HEAD, OPTIONS"),
        ("GET", "/api/keys/verify", "POST, OPTIONS"),
        ("DELETE", "/api/keys/verify", "POST, OPTIONS"),
        ("TRACE", "/api/keys/key_1", "DELETE, GET, HEAD, OPTIONS"),
    ],
)
def test_other_method_is_refused_with_those_allowed(method: str, path: str, allow: str) -> None:
    """A method that a path is not served with is refused, and ``Allow`` names the others (RFC 9110 §15.5.6)."""
    with pytest.raises(MethodNotAllowedError) as refusal:
        TABLE.match(method, path)
    assert refusal.value.headers == (("allow", allow),)


def test_two_routes_of_one_endpoint_are_refused() -> None:
    """A table in which one route hides another cannot be built."""
    with pytest.raises(ValueError, match="two routes"):
        RouteTable([route("GET", "/a/{b}"), route("GET", "/a/{c}")])
