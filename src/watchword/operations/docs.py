"""The OpenAPI document and a page of it, made once from the routes table."""

from __future__ import annotations

import html
import re
from functools import cached_property
from typing import Any, Final

import msgspec

from watchword.callers.call import Call
from watchword.operations.models import FrontDoorAnswer
from watchword.wire.openapi import openapi_document
from watchword.wire.response import JSON_TYPE, Response, json_response
from watchword.wire.routes import Route

_PAGE_LINES: Final = (
    b"content-type: text/html; charset=utf-8\r\n"
    b"content-security-policy: default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none';"
    b" frame-ancestors 'none'\r\n"
    b"cross-origin-opener-policy: same-origin\r\n"
)
_STYLE_LINES: Final = b"content-type: text/css; charset=utf-8\r\ncache-control: public, max-age=3600\r\n"


class DocsPages:
    """Serves the document and its page, both made at the first request: a start has better things to do.

    ``describe`` hands over the routes once all of them are known.
    """

    def __init__(self, version: str) -> None:
        self._version = version
        self._routes: tuple[Route, ...] = ()

    def describe(self, routes: tuple[Route, ...]) -> None:
        """Take the routes table that is to be described."""
        self._routes = routes

    @cached_property
    def _document(self) -> dict[str, Any]:
        return openapi_document(self._routes, version=self._version)

    @cached_property
    def _openapi(self) -> bytes:
        return msgspec.json.encode(self._document)

    @cached_property
    def _page(self) -> bytes:
        return _render(self._document).encode()

    async def front_door(self, _call: Call) -> Response:
        """Say what answers here, to whoever opens the bare address (ASVS 5.0 V13.4.6: and no version)."""
        return json_response(200, FrontDoorAnswer())

    async def openapi(self, _call: Call) -> Response:
        """Answer the OpenAPI document."""
        return Response(200, self._openapi, JSON_TYPE + b"cache-control: no-cache\r\n")

    async def page(self, _call: Call) -> Response:
        """Answer the page."""
        return Response(200, self._page, _PAGE_LINES)

    async def style(self, _call: Call) -> Response:
        """Answer the page's style sheet."""
        return Response(200, _STYLE, _STYLE_LINES)


def _render(document: dict[str, Any]) -> str:
    sections: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            sections.setdefault(operation["tags"][0], []).append(_operation(method, path, operation, document))
    contents = "".join(f'<li><a href="#{_anchor(tag)}">{html.escape(tag)}</a></li>' for tag in sections)
    body = "".join(
        f'<section id="{_anchor(tag)}"><h2>{html.escape(tag)}</h2>{"".join(entries)}</section>'
        for tag, entries in sections.items()
    )
    contents += '<li><a href="#types">Types</a></li>'
    body += f'<section id="types"><h2>Types</h2>{_types(document)}</section>'
    info = document["info"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(info['title'])} API</title>"
        '<link rel="stylesheet" href="/docs/docs.css"></head><body>'
        f"<header><h1>{html.escape(info['title'])} API <small>{html.escape(info['version'])}</small></h1>"
        f"<p>{html.escape(info['description'])} "
        'As a file: <a href="/api/openapi.json">openapi.json</a>.</p></header>'
        f'<div class="columns"><nav aria-label="Sections"><ul>{contents}</ul></nav><main>{body}</main></div>'
        "</body></html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any], document: dict[str, Any]) -> str:
    parts = [
        (
            f'<details><summary><span class="method {method}">{method.upper()}</span> '
            f"<code>{html.escape(path)}</code> <span>{html.escape(operation['summary'])}</span></summary>"
        ),
        f"<p>{html.escape(operation['description'])}</p>",
    ]
    if operation.get("parameters"):
        rows = "".join(
            f"<tr><td><code>{html.escape(parameter['name'])}</code></td><td>{parameter['in']}</td>"
            f"<td>{_type_of(parameter['schema'])}</td><td>{_text(parameter.get('description', ''))}</td></tr>"
            for parameter in operation["parameters"]
        )
        parts.append(f"<h3>Parameters</h3><table>{rows}</table>")
    if "requestBody" in operation:
        schema = next(iter(operation["requestBody"]["content"].values()))["schema"]
        parts.append(f"<h3>Body</h3>{_fields(schema, document)}")
    for status, response in operation["responses"].items():
        content = response.get("content", {}).get("application/json")
        if status.startswith("2") and content is not None:
            parts.append(f"<h3>Answer {status}</h3>{_fields(content['schema'], document)}")
    refusals = ", ".join(status for status in operation["responses"] if not status.startswith("2"))
    parts.append(f"<p>Refusals: {refusals}</p></details>")
    return "".join(parts)


def _fields(schema: dict[str, Any], document: dict[str, Any]) -> str:
    resolved = _resolve(schema, document)
    properties = resolved.get("properties")
    if not properties:
        return f"<p>{_type_of(resolved)}</p>"
    required = set(resolved.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{html.escape(name)}</code>{' *' if name in required else ''}</td>"
        f"<td>{_type_of(field)}</td></tr>"
        for name, field in properties.items()
    )
    return f"<table>{rows}</table>"


def _types(document: dict[str, Any]) -> str:
    """Describe every type that has a name, once, where the types of fields lead to."""
    return "".join(
        f'<h3 id="type-{_anchor(name)}">{html.escape(name)}</h3><p>{_text(schema.get("description", ""))}</p>'
        f"{_fields(schema, document)}"
        for name, schema in sorted(document["components"]["schemas"].items())
    )


def _type_of(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return f'<a href="#type-{_anchor(name)}">{html.escape(name)}</a>'
    if "anyOf" in schema:
        return " or ".join(_type_of(choice) for choice in schema["anyOf"])
    if "enum" in schema:
        return html.escape(" | ".join(str(value) for value in schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {_type_of(schema.get('items', {}))}"
    kind = schema.get("type", "any")
    return html.escape(" or ".join(kind) if isinstance(kind, list) else str(kind))


def _text(description: str) -> str:
    return re.sub("``(.+?)``", r"<code>\1</code>", html.escape(description))


def _resolve(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _anchor(tag: str) -> str:
    return html.escape(tag.lower().replace(" ", "-"))


_STYLE: Final = b"""
:root { color-scheme: light dark; --line: light-dark(#d8dde3, #39414b); --soft: light-dark(#f5f7f9, #1d2228);
  --text: light-dark(#1b2127, #e6eaee); --link: light-dark(#0b5cad, #7ab8ff); }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: light-dark(#fff, #14181c); }
header { padding: 1.5rem clamp(1rem, 4vw, 3rem); border-bottom: 1px solid var(--line); }
h1 { margin: 0; font-size: 1.6rem; } h1 small { font-weight: normal; opacity: .7; }
h2 { margin: 2rem 0 .5rem; font-size: 1.2rem; } h3 { margin: 1rem 0 .3rem; font-size: 1rem; }
a { color: var(--link); } a:focus-visible, summary:focus-visible { outline: 2px solid var(--link); }
.columns { display: grid; grid-template-columns: 12rem minmax(0, 1fr); gap: 2rem; padding: 0 clamp(1rem, 4vw, 3rem) 3rem; }
nav ul { position: sticky; top: 1rem; list-style: none; margin: 2rem 0 0; padding: 0; }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .4rem 0; background: var(--soft); }
summary { cursor: pointer; padding: .5rem .75rem; } details > :not(summary) { margin-inline: .75rem; }
details table { margin-bottom: .75rem; }
.method { display: inline-block; min-width: 4.2rem; font: 600 .8rem ui-monospace, monospace; }
.get { color: light-dark(#0a6b3d, #6fdba5); } .post { color: light-dark(#0b5cad, #7ab8ff); }
.patch, .put { color: light-dark(#8a5300, #ffc266); } .delete { color: light-dark(#b3261e, #ff9a92); }
code { font: .9em ui-monospace, monospace; overflow-wrap: anywhere; }
table { border-collapse: collapse; } td { border-top: 1px solid var(--line); padding: .25rem 1rem .25rem 0; vertical-align: top; }
@media (max-width: 45rem) { .columns { grid-template-columns: minmax(0, 1fr); gap: 0; } nav ul { position: static; } }
"""
