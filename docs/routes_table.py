"""The table of routes, and what each of them takes and answers, from the OpenAPI document of an opened product."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

from markdown_table import table
from schema_words import Schema, field_rows, resolved, type_words

from watchword import __version__
from watchword.app import Application
from watchword.config import load_settings
from watchword.observe import Log
from watchword.wire.openapi import openapi_document
from watchword.wire.routes import Route


def load_routes() -> tuple[Route, ...]:
    """Return the routes of a product that was opened for a moment in an empty directory."""

    async def read(directory: Path) -> tuple[Route, ...]:
        settings = load_settings({}, directory, {"WATCHWORD_DATA": str(directory / "data")})
        with (directory / "log").open("wb") as stream:
            log = Log(stream)
            application = await Application.open(settings, log=log)
            await application.close()
            log.close()
        return application.routes

    with tempfile.TemporaryDirectory() as directory:
        return asyncio.run(read(Path(directory)))


def routes_part() -> str:
    """Return the table of all routes, and a section for each that takes or answers data."""
    routes = load_routes()
    document = openapi_document(routes, version=__version__)
    rows = [
        (
            f"`{route.method}`",
            f"`{route.path}`",
            _callers(route),
            f"`{route.permission}`" if route.permission else "",
            f"`{route.limit}`" if route.limit else "",
            route.summary.rstrip("."),
        )
        for route in routes
    ]
    index = table(("Method", "Path", "Who may call", "Permission", "Limit", "What it does"), rows)
    sections = "".join(
        f"\n## `{route.method} {route.path}`\n\n{_operation(document, route)}" for route in routes if _is_data(route)
    )
    return f"{index}{sections}\n"


def _is_data(route: Route) -> bool:
    is_oauth = route.callers == "client" and not route.path.startswith("/t/") and "{" not in route.path
    return is_oauth or (route.path.startswith("/api/") and route.path != "/api/openapi.json")


def _callers(route: Route) -> str:
    if route.callers == "any caller":
        return "any proof, publishable key too" if route.publishable else "session, secret key or access token"
    return "session" if route.callers == "user" else route.callers


def _operation(document: Schema, route: Route) -> str:
    operation = document["paths"][route.path][route.method.lower()]
    lines = [f"{route.summary.rstrip('.')}."]
    parameters = [
        (
            f"`{parameter['name']}`",
            parameter["in"],
            type_words(parameter["schema"], document),
            parameter.get("description", ""),
        )
        for parameter in operation["parameters"]
        if parameter["in"] != "path"
    ]
    if parameters:
        lines.append(table(("Parameter", "In", "Type", ""), parameters).rstrip("\n"))
    body = operation.get("requestBody")
    if body is not None:
        optional = "" if body["required"] else " (the body may be left out)"
        schema = next(iter(body["content"].values()))["schema"]
        lines.append(table((f"Body{optional}", "Type", ""), field_rows(schema, document)).rstrip("\n"))
    answer = operation["responses"][str(route.status)].get("content", {}).get("application/json")
    if answer is not None:
        named = ", ".join(_answer_fields(answer["schema"], document))
        lines.append(f"Answer {route.status}: {named}.")
    return "\n\n".join(lines) + "\n"


def _answer_fields(schema: Schema, document: Schema, *, depth: int = 0) -> Iterator[str]:
    known = resolved(schema, document)
    for name, field in known.get("properties", {}).items():
        inner = resolved(field.get("items", field), document)
        if depth == 0 and "properties" in inner:
            nested = ", ".join(_answer_fields(inner, document, depth=1))
            yield f"`{name}` ({'each: ' if 'items' in field else ''}{nested})"
        else:
            yield f"`{name}`"
