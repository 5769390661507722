"""The routes table as an OpenAPI 3.1 document: schemas come from the structs that requests are parsed into."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from watchword.wire.routes import Route

_REF: Final = "#/components/schemas/{name}"

_ERROR_SCHEMA: Final = {
    "type": "object",
    "required": ["errors"],
    "properties": {
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["message", "name", "extensions"],
                "properties": {
                    "message": {"type": "string"},
                    "name": {"type": "string"},
                    "extensions": {
                        "type": "object",
                        "required": ["code"],
                        "properties": {"code": {"type": "string"}},
                    },
                },
            },
        }
    },
}

_OAUTH_ERROR_SCHEMA: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
}
"""RFC 6749 §5.2."""

_FORM: Final = "application/x-www-form-urlencoded"

_SECURITY_SCHEMES: Final = {
    "client": {"type": "http", "scheme": "basic"},
    "session": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "sessionCookie": {"type": "apiKey", "in": "cookie", "name": "__Host-watchword"},
    "secretKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "boundKey": {"type": "http", "scheme": "dpop"},
    "publishableKey": {"type": "apiKey", "in": "header", "name": "X-Publishable-Key"},
}

_REFUSALS: Final = {
    400: "Malformed, or fields are wrong.",
    401: "No proof, or a dead one.",
    403: "A living proof without the right.",
    404: "No such thing here.",
    409: "Conflicts with what is stored.",
    412: "Changed since it was read.",
    413: "The body is too large.",
    414: "The request target is too long.",
    415: "The body is not JSON.",
    419: "The session token has expired.",
    429: "A limit is used up.",
    431: "The request headers are too large.",
    503: "A store is down.",
}

_HEADERS: Final[dict[str, Any]] = {
    "X-Request-Id": {
        "description": "Names this request in the log.",
        "required": True,
        "schema": {"type": "string", "pattern": "^req_[0-9a-f]{24}$"},
    },
    "WWW-Authenticate": {"description": "RFC 6750 §3.", "required": True, "schema": {"type": "string"}},
    "Retry-After": {
        "description": "Seconds until it is worth asking again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "X-RateLimit-Limit": {
        "description": "Requests that the window allows.",
        "required": False,
        "schema": {"type": "integer", "minimum": 1},
    },
    "X-RateLimit-Remaining": {
        "description": "Requests that are left in the window.",
        "required": False,
        "schema": {"type": "integer", "minimum": 0},
    },
    "X-RateLimit-Reset": {
        "description": "When the window ends, in Unix seconds.",
        "required": False,
        "schema": {"type": "integer", "minimum": 1},
    },
}

_LIMITS: Final = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
_HEADERS_OF_STATUS: Final = {
    200: _LIMITS,
    201: _LIMITS,
    401: ("WWW-Authenticate",),
    429: ("Retry-After", *_LIMITS),
    503: ("Retry-After",),
}


def openapi_document(routes: tuple[Route, ...], *, version: str) -> dict[str, Any]:
    """Describe the routes but for pages, which people read; ``version`` is the product's."""
    routes = tuple(route for route in routes if route.callers != "page")
    structs = {struct for route in routes for struct in (route.body, route.form, route.answer) if _is_described(struct)}
    structs |= {route.query for route in routes if route.query is not None}
    ordered = sorted(structs, key=lambda struct: f"{getattr(struct, '__module__', '')}.{struct!r}")
    schemas, components = msgspec.json.schema_components(ordered, ref_template=_REF)
    by_struct = dict(zip(ordered, schemas, strict=True))
    components |= {"Error": _ERROR_SCHEMA, "OAuthError": _OAUTH_ERROR_SCHEMA}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, by_struct, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Watchword",
            "version": version,
            "description": "Sign-in sessions, API keys, tenants and their collections.",
        },
        "paths": paths,
        "components": {"schemas": components, "headers": _HEADERS, "securitySchemes": _SECURITY_SCHEMES},
    }


def _operation(route: Route, schemas: dict[Any, Any], components: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "description": _description(route),
        "tags": [route.tag or "API"],
        "parameters": [
            *_path_parameters(route),
            *_query_parameters(route, schemas, components),
            *route.parameters,
        ],
        "responses": _responses(route, schemas),
        "security": _security(route),
    }
    body = schemas[route.body] if _is_described(route.body) else route.body_schema
    if route.form is not None:
        operation["requestBody"] = {"required": True, "content": {_FORM: {"schema": schemas[route.form]}}}
    elif body is not None:
        operation["requestBody"] = {
            "required": not route.body_is_optional,
            "content": {"application/json": {"schema": body}},
        }
    return operation


def _operation_id(route: Route) -> str:
    words = re.findall(r"[A-Za-z0-9]+", route.path.removeprefix("/api"))
    return route.method.lower() + "".join(word[0].upper() + word[1:] for word in words)


def _description(route: Route) -> str:
    who = {
        "anyone": "Anyone may call this.",
        "user": "Needs a signed-in user.",
        "key": "Needs a key.",
        "any caller": "Needs a session, a key or an access token.",
        "client": "An OAuth client proves itself here where one is needed.",
    }[route.callers]
    permission = f" Permission: {route.permission}." if route.permission else ""
    publishable = " A publishable key may read here." if route.publishable else ""
    return f"{who}{permission}{publishable}"


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]


def _query_parameters(route: Route, schemas: dict[Any, Any], components: dict[str, Any]) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = schemas[route.query]
    if "$ref" in schema:
        schema = components[schema["$ref"].rpartition("/")[2]]
    required = set(schema.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in required, "schema": field}
        for name, field in schema.get("properties", {}).items()
    ]


def _responses(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Done.", "headers": _headers(route.status)}
    if route.answer is not None:
        success["content"] = {"application/json": {"schema": schemas.get(route.answer, {})}}
    elif route.answer_schema is not None:
        success["content"] = {route.media_type: {"schema": route.answer_schema}}
    elif route.path.startswith("/docs"):
        media_type = "text/css" if route.path.endswith(".css") else "text/html"
        success["content"] = {media_type: {"schema": {"type": "string"}}}
    shape = "OAuthError" if route.style == "oauth" else "Error"
    error = {"application/json": {"schema": {"$ref": _REF.format(name=shape)}}}
    refusals = {
        str(status): {"description": sentence, "headers": _headers(status), "content": error}
        for status, sentence in sorted(_refusals(route).items())
    }
    if any(parameter["name"] == "If-None-Match" for parameter in route.parameters):
        refusals["304"] = {"description": "You hold this version already.", "headers": _headers(304)}
    return {str(route.status): success, **refusals}


def _headers(status: int) -> dict[str, Any]:
    names = ("X-Request-Id", *_HEADERS_OF_STATUS.get(status, ()))
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _refusals(route: Route) -> dict[int, str]:
    statuses = {400, 401, 403, 414, 419, 429, 431, 503}
    if "{" in route.path:
        statuses |= {404}
    if route.method in {"POST", "PUT", "PATCH", "DELETE"}:
        statuses |= {404, 409}
    if any(parameter["name"] == "If-Match" for parameter in route.parameters):
        statuses |= {412}
    if route.body is not None or route.body_schema is not None or route.form is not None:
        statuses |= {413, 415}
    return {status: _REFUSALS[status] for status in statuses}


def _security(route: Route) -> list[dict[str, list[str]]]:
    user: list[dict[str, list[str]]] = [{"session": []}, {"sessionCookie": []}]
    key: list[dict[str, list[str]]] = [{"secretKey": []}, {"boundKey": []}]
    publishable: list[dict[str, list[str]]] = [{"publishableKey": []}]
    if route.callers == "user":
        return user
    if route.callers == "client":
        return [{}, {"client": []}]
    if route.callers == "anyone" and route.permission is None:
        return [{}, *user, *key, *publishable]
    return [*([] if route.callers == "key" else user), *key, *(publishable if route.publishable else [])]


def _is_described(struct: Any) -> bool:  # noqa: ANN401 - a struct's type, or the type of a plain container
    return struct is not None and not isinstance(struct, dict)
