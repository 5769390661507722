"""The Route record and the matcher: one line of a room's ``routes.py`` says all about an endpoint but what it does.

One of the places that may be less plain for speed (``bench/answer.py``): a fixed path is found by one dictionary
look-up, a path with a parameter by one look-up a segment.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, Literal

import msgspec

from watchword.errors import MethodNotAllowedError, NotFoundError
from watchword.wire.response import Response

Callers = Literal["anyone", "user", "key", "any caller", "client", "page"]
"""Who may call: ``anyone`` without proof too, ``user`` with a session, ``key`` with a secret or publishable key.
``client`` is an OAuth client, whom the endpoint itself authenticates (RFC 6749 §2.3), ``page`` whoever looks at a page
for people, which knows them by a cookie of its own: of these two no credential header is read."""

ErrorStyle = Literal["document", "oauth", "page"]
"""How an error looks: as under ``/api``, as RFC 6749 §5.2 has it, or as a page."""
Handler = Callable[[Any], Awaitable[Response]]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint.

    Shapes: ``path`` has parameters in braces (``/api/keys/{id}``); ``permission`` is ``resource:action`` or None
    where the handler decides for itself whom it serves; ``publishable`` lets a publishable key read here; ``limit`` is a name in ``limits/policies.py`` counted before
    anything else; ``body`` (JSON) or ``form`` (a form's fields) and ``query`` are the structs
    that the request is parsed into, once; ``answer`` documents
    what comes back with ``status``, ``media_type`` in which form. Where the handler reads body or query by itself, ``body_schema`` and
    ``answer_schema`` (JSON Schema) and ``parameters`` (of OpenAPI) describe them instead.
    """

    method: str
    path: str
    handler: Handler
    callers: Callers
    summary: str
    permission: str | None = None
    publishable: bool = False
    limit: str | None = None
    style: ErrorStyle = "document"
    body: Any = None
    body_is_optional: bool = False
    form: Any = None
    query: Any = None
    answer: Any = None
    body_schema: dict[str, Any] | None = None
    answer_schema: dict[str, Any] | None = None
    parameters: tuple[dict[str, Any], ...] = ()
    status: int = 200
    media_type: str = "application/json"
    tag: str = ""


class Match(msgspec.Struct, frozen=True):
    """A route and what its braces matched."""

    route: Route
    parameters: dict[str, str]


class _Node:
    __slots__ = ("children", "parameter", "routes")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.routes: dict[str, Route] = {}


_OF_OAUTH: Final = re.compile(r"(?:/t/[^/]*)?/oauth(?:/|$)")
"""What stands at the root and under each tenant's own path."""

_NO_PARAMETERS: Final[dict[str, str]] = {}
_NO_MATCHES: Final[dict[str, Match]] = {}
_NO_ROUTES: Final[dict[str, tuple[Route, str]]] = {}


class RouteTable:
    """All routes of the running product."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._fixed: dict[str, dict[str, Match]] = {}
        self._fixed_paths: set[str] = set()
        self._of_one: dict[str, dict[str, tuple[Route, str]]] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self._root = _Node()
        for route in self.routes:
            self._add(route)

    def match(self, method: str, path: str) -> Match:
        """Find the route of a request; a fixed segment wins over a parameter; HEAD is served by GET.

        Raises:
            NotFoundError: no route has this path.
            MethodNotAllowedError: the path is served with other methods.
        """
        found = self._fixed.get(method, _NO_MATCHES).get(path)
        if found is not None:
            return found
        head, _, tail = path.rpartition("/")
        of_one = self._of_one.get(method, _NO_ROUTES).get(head)
        if of_one is not None and tail and path not in self._fixed_paths:
            route, name = of_one
            return Match(route, {name: tail})
        return self._match_by_walking(method, path)

    def _match_by_walking(self, method: str, path: str) -> Match:
        values: list[str] = []
        node = self._walk(self._root, path.split("/")[1:], 0, values)
        if node is None:
            raise NotFoundError
        route = node.routes.get(method) or (node.routes.get("GET") if method == "HEAD" else None)
        if route is None:
            raise MethodNotAllowedError(_allowed(node.routes))
        return Match(route, dict(zip(self._names[route.path], values, strict=True)) if values else _NO_PARAMETERS)

    def methods(self, path: str) -> tuple[str, ...]:
        """Return the methods that a path is served with, none for an unknown path."""
        node = self._walk(self._root, path.split("/")[1:], 0, [])
        return _allowed(node.routes) if node is not None else ()

    def style(self, path: str) -> ErrorStyle:
        """Return how an error looks at a path before its route is found: as at its routes, or as around an unknown path."""
        node = self._walk(self._root, path.split("/")[1:], 0, [])
        if node is not None:
            return next(iter(node.routes.values())).style
        return "document" if _OF_OAUTH.match(path) is None else "oauth"

    def _add(self, route: Route) -> None:
        node = self._root
        for segment in route.path.split("/")[1:]:
            if segment.startswith("{"):
                if node.parameter is None:
                    node.parameter = _Node()
                node = node.parameter
            else:
                node = node.children.setdefault(segment, _Node())
        if route.method in node.routes:
            msg = f"two routes for {route.method} {route.path}"
            raise ValueError(msg)
        node.routes[route.method] = route
        names = self._names[route.path] = tuple(re.findall(r"\{(\w+)\}", route.path))
        if not names:
            self._fixed.setdefault(route.method, {})[route.path] = Match(route, _NO_PARAMETERS)
            self._fixed_paths.add(route.path)
        elif len(names) == 1 and route.path.endswith("}"):
            # A path whose last segment alone is a parameter, as most with one are, needs no walk.
            self._of_one.setdefault(route.method, {})[route.path.rpartition("/")[0]] = (route, names[0])

    def _walk(self, node: _Node, segments: list[str], index: int, values: list[str]) -> _Node | None:
        if index == len(segments):
            return node if node.routes else None
        segment = segments[index]
        child = node.children.get(segment)
        if child is not None:
            found = self._walk(child, segments, index + 1, values)
            if found is not None:
                return found
        if node.parameter is None or not segment:
            return None
        values.append(segment)
        found = self._walk(node.parameter, segments, index + 1, values)
        if found is None:
            values.pop()
        return found


def _allowed(routes: dict[str, Route]) -> tuple[str, ...]:
    methods = sorted(routes)
    if "GET" in routes:
        methods.append("HEAD")
    return (*methods, "OPTIONS")
