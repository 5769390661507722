"""Write the parts of these pages that the code knows better: ``python docs/generate.py``. A test compares them.

A part stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``; the words around it are written by hand.
"""
# ruff: noqa: INP001 - a script beside the pages it writes, no package

from __future__ import annotations

import ast
import asyncio
import re
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from python_reference import python_reference
from standards_table import standards_part
from typescript_reference import typescript_part

from watchword import __version__
from watchword.app import Application
from watchword.callers.caller import Caller, CallerKind, Role
from watchword.callers.permissions import require_permission
from watchword.commerce.life_cycle import NEXT
from watchword.commerce.models import CreateOrder
from watchword.config import load_settings
from watchword.errors import DatabaseNewerError, ForbiddenError, WatchwordError, WrongMasterSecretError
from watchword.limits.policies import ATTEMPTS, HOUR, MINUTE
from watchword.observe import Log
from watchword.records.definitions import PRODUCTS
from watchword.records.fields import make_fields
from watchword.records.filter import OPERATOR_NAMES
from watchword.setting_kinds import PLANS
from watchword.wire.openapi import openapi_document
from watchword.wire.routes import Route

DOCS: Final = Path(__file__).resolve().parent
ROOT: Final = DOCS.parent
SOURCE: Final = ROOT / "src" / "watchword"

Schema = dict[str, Any]

_PART: Final = re.compile(r"(?<=<!-- generated: )([a-z]+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)
_ENDS_A_START: Final = (DatabaseNewerError, WrongMasterSecretError)
_AT_THE_COMMAND_LINE: Final = frozenset({"WRONG_SETTING", "WRONG_COMMAND", "DEMO_LOST"})
_WINDOWS: Final = {MINUTE: "minute", HOUR: "hour"}


def main() -> None:
    """Write every page anew and say which ones changed."""
    for path, text in pages().items():
        if path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            sys.stdout.write(f"{path.name} is written\n")


def pages() -> dict[Path, str]:
    """Return the pages with generated parts as they should be."""
    parts = {name: make() for name, make in PARTS.items()}
    return {
        path: _PART.sub(lambda found: f"{found[1]}{found[2]}{parts[found[1]]}", path.read_text("utf-8"))
        for path in (ROOT / "ARCHITECTURE.md", *sorted(DOCS.glob("*.md")))
        if "<!-- generated:" in path.read_text("utf-8")
    }


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


# Routes


def _routes_part() -> str:
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
    table = _table(("Method", "Path", "Who may call", "Permission", "Limit", "What it does"), rows)
    sections = "".join(
        f"\n## `{route.method} {route.path}`\n\n{_operation(document, route)}" for route in routes if _is_data(route)
    )
    return f"{table}{sections}\n"


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
            _type(parameter["schema"], document),
            parameter.get("description", ""),
        )
        for parameter in operation["parameters"]
        if parameter["in"] != "path"
    ]
    if parameters:
        lines.append(_table(("Parameter", "In", "Type", ""), parameters).rstrip("\n"))
    body = operation.get("requestBody")
    if body is not None:
        optional = "" if body["required"] else " (the body may be left out)"
        schema = next(iter(body["content"].values()))["schema"]
        lines.append(_table((f"Body{optional}", "Type", ""), _fields(schema, document)).rstrip("\n"))
    answer = operation["responses"][str(route.status)].get("content", {}).get("application/json")
    if answer is not None:
        named = ", ".join(_answer_fields(answer["schema"], document))
        lines.append(f"Answer {route.status}: {named}.")
    return "\n\n".join(lines) + "\n"


def _fields(schema: Schema, document: Schema) -> Iterator[tuple[str, ...]]:
    resolved = _resolve(schema, document)
    required = set(resolved.get("required", ()))
    for name, field in resolved.get("properties", {}).items():
        word = "required" if name in required else ""
        yield f"`{name}`", _type(field, document), ". ".join(filter(None, (word, field.get("description", ""))))


def _answer_fields(schema: Schema, document: Schema, *, depth: int = 0) -> Iterator[str]:
    resolved = _resolve(schema, document)
    for name, field in resolved.get("properties", {}).items():
        inner = _resolve(field.get("items", field), document)
        if depth == 0 and "properties" in inner:
            nested = ", ".join(_answer_fields(inner, document, depth=1))
            yield f"`{name}` ({'each: ' if 'items' in field else ''}{nested})"
        else:
            yield f"`{name}`"


def _type(schema: Schema, document: Schema) -> str:
    schema = _resolve(schema, document)
    if "anyOf" in schema:
        return " or ".join(_type(choice, document) for choice in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"] if value is not None)
    kinds = schema.get("type", "any value")
    if isinstance(kinds, list):
        return " or ".join(_type({**schema, "type": kind}, document) for kind in kinds)
    if kinds == "array":
        return f"list of {_type(schema.get('items', {}), document)}"
    words = {"string": "text", "integer": "integer", "boolean": "true or false", "null": "null", "object": "object"}
    bounds = "" if kinds == "null" else _bounds(schema)
    return f"{words.get(str(kinds), str(kinds))}{bounds}"


def _bounds(schema: Schema) -> str:
    low = schema.get("minimum", schema.get("minLength"))
    high = schema.get("maximum", schema.get("maxLength"))
    if low is not None and high is not None:
        return f" {low} to {high}" if "minimum" in schema else f", {low} to {high} characters"
    if high is not None:
        return f" to {high}" if "maximum" in schema else f", at most {high} characters"
    return "" if low is None else f", {low} or more"


def _resolve(schema: Schema, document: Schema) -> Schema:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


# Errors


def answered_errors() -> dict[str, list[type[WatchwordError]]]:
    """Return the classes that an answer can carry by their code, in the order of their status."""
    found: dict[str, list[type[WatchwordError]]] = {}
    for kind in sorted(_below(WatchwordError), key=lambda kind: (kind.status, kind.__module__ != "watchword.errors")):
        if kind not in _ENDS_A_START and kind.code not in _AT_THE_COMMAND_LINE:
            found.setdefault(kind.code, []).append(kind)
    return found


def _errors_part() -> str:
    rows = []
    for code, kinds in answered_errors().items():
        sentences = dict.fromkeys(kind.sentence for kind in kinds)
        when = _public_part(kinds[0])
        rows.append((str(kinds[0].status), kinds[0].name, f"`{code}`", when, "<br>".join(sentences)))
    return _table(("Status", "`name`", "`code`", "When", "Usual `message`"), rows)


def _below(kind: type[WatchwordError]) -> Iterator[type[WatchwordError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def _public_part(kind: type[WatchwordError]) -> str:
    """Return what the docstring says before it turns to the class's own attributes."""
    first_line = (kind.__doc__ or "").strip().partition("\n")[0]
    return first_line.partition(";")[0].removesuffix(".").replace("``", "`")


# Limits, permissions, products


def _attempts_part() -> str:
    rows = [
        (f"`{policy.name}`", f"{policy.count} a {_WINDOWS[policy.window_seconds]}", policy.when_store_is_down)
        for policy in ATTEMPTS.values()
    ]
    return _table(("Limit", "For each client address", "When the store is down"), rows)


def _plans_part() -> str:
    rows = [
        (f"`{name}`", _number(plan.requests_per_minute), _number(plan.requests_per_hour))
        for name, plan in PLANS.items()
    ]
    return _table(("Plan", "Requests a minute", "Requests an hour"), rows)


def _number(value: int | None) -> str:
    return "no limit" if value is None else f"{value:,}"


_PERMISSIONS: Final = (
    ("read public collections (`products:read`)", "products:read", True),
    ("read other collections (`orders:read`)", "orders:read", False),
    ("write collections, place and change orders (`products:write`, `orders:write`)", "products:write", False),
    ("read keys (`keys:read`)", "keys:read", False),
    ("make, change and revoke keys (`keys:write`)", "keys:write", False),
    ("read OAuth clients and grants (`clients:read`)", "clients:read", False),
    ("make, change and delete OAuth clients, end grants (`clients:write`)", "clients:write", False),
    ("read members and invitations (`members:read`)", "members:read", False),
    ("invite, change and remove members (`members:write`)", "members:write", False),
    ("read the tenant (`tenants:read`)", "tenants:read", False),
    ("change the tenant (`tenants:write`)", "tenants:write", False),
    ("follow what ends (`revocations:read`)", "revocations:read", False),
    ("make tenants, add members unasked (`installation:write`)", "installation:write", False),
)


def _permissions_part() -> str:
    kinds = (CallerKind.PUBLISHABLE_KEY, CallerKind.SECRET_KEY)
    callers = [(kind.value.replace("_", " "), Caller(kind, "t", "live", "s", None, None, "c")) for kind in kinds]
    callers += [(role.value, Caller(CallerKind.USER, "t", "live", "s", role, None, "c")) for role in Role]
    rows = [
        (what, *("yes" if _holds(caller, permission, public=public) else "no" for _, caller in callers))
        for what, permission, public in _PERMISSIONS
    ]
    return _table(("", *(name for name, _ in callers)), rows)


def _holds(caller: Caller, permission: str, *, public: bool) -> bool:
    try:
        require_permission(caller, permission, public=public)
    except ForbiddenError:
        return False
    return True


def _fields_part() -> str:
    schema = PRODUCTS.schema
    rows = []
    for name, field in schema["properties"].items():
        default = field.get("default")
        state = "required" if name in schema["required"] else f"`{default}`" if default else "left out"
        rows.append((f"`{name}`", _type(field, {}), state, field.get("description", "")))
    return _table(("Field", "Value", "When not sent", ""), rows)


def _operators_part() -> str:
    fields = make_fields(
        PRODUCTS.schema["properties"], required=frozenset(PRODUCTS.schema["required"]), counted_field="status"
    )
    sortable = ", ".join(f"`{field.name}`" for field in fields.values() if field.is_sortable)
    operators = ", ".join(f"`{name}`" for name in OPERATOR_NAMES)
    return f"Operators: {operators}.\n\nFields to sort by: {sortable}.\n"


# Orders


def _orders_sent_part() -> str:
    [schema], components = msgspec.json.schema_components([CreateOrder], ref_template="#/components/schemas/{name}")
    rows = list(_nested_fields(schema, {"components": {"schemas": components}}, ""))
    return _table(("Field", "Value", ""), rows)


def _nested_fields(schema: Schema, document: Schema, above: str) -> Iterator[tuple[str, ...]]:
    resolved = _resolve(schema, document)
    for name, field in resolved["properties"].items():
        choices = [choice for choice in field.get("anyOf", [field]) if choice.get("type") != "null"]
        inner = _resolve(choices[0].get("items", choices[0]), document)
        word = "required" if name in resolved["required"] else ""
        sentence = ". ".join(filter(None, (word, _described(choices[0], document))))
        yield f"`{above}{name}`", _type(choices[0], document), sentence
        if "properties" in inner:
            yield from _nested_fields(inner, document, f"{above}{name}{'[]' if 'items' in choices[0] else ''}.")


def _described(schema: Schema, document: Schema) -> str:
    return str(_resolve(schema, document).get("description", "")).replace("``", "`")


def _order_life_part() -> str:
    return _table(
        ("Status", "Can become"),
        [(f"`{status}`", ", ".join(f"`{step}`" for step in steps) or "nothing else") for status, steps in NEXT.items()],
    )


# The architecture

_FLOORS: Final = (
    (
        "the command line and the processes",
        ("__main__", "cli", "commands", "demo", "doctor", "doctor_oauth", "worker", "supervisor"),
    ),
    (
        "what builds, and what every request walks through",
        ("app", "oauth_server", "oauth_entrance", "oauth_pages", "foundation", "pipeline"),
    ),
    (
        "floor 4: what callers can do",
        ("oauth", "commerce", "records", "users", "api_keys", "tenants", "operations", "revocations"),
    ),
    ("floor 3: who is calling", ("callers",)),
    ("floor 2: abilities; values in, values out, no request", ("credentials", "limits", "audit")),
    ("floor 1: ground", ("wire", "db", "mail")),
    (
        "what everyone may import",
        (
            "config",
            "setting_table",
            "setting_kinds",
            "observe",
            "data_directory",
            "errors",
            "oauth_errors",
            "order_errors",
            "clock",
            "ids",
            "concealed",
            "heap",
        ),
    ),
)
_ROOMS: Final = {
    "commands": "what each verb of the command line does: parse, call, print",
    "oauth": "OAuth 2.1 and OpenID Connect, one file per duty, named by its RFC word",
    "commerce": "what products and orders mean: totals, stock, the order's life cycle",
    "records": "a tenant's collections, served as REST",
    "users": "people: register, sign in, refresh, recover, one's own account and sessions",
    "api_keys": "where a tenant creates, lists, rotates, revokes and verifies its keys",
    "tenants": "tenants, settings and plans, members with one role each, invitations",
    "operations": "health, the OpenAPI document and its page, the hourly clean-up",
    "revocations": "what ended, told at once to a tenant's own services",
    "callers": "from a request to one frozen Caller, and what it may do",
    "credentials": "everything a caller can prove itself with; the only cryptography but for certificates",
    "limits": "how many requests and attempts",
    "audit": "what an operator may have to answer for",
    "wire": "bytes in, bytes out; knows nothing of accounts",
    "db": "reads, transactions, withdrawals; SQLite and PostgreSQL behind one interface",
    "mail": "letters and how they leave",
}
"""The order and the sentences of the layout; a room that is missing here is missing there, which a test notices."""

_SENTENCE_END: Final = re.compile(r"(?<=[a-z0-9])[.;](?: |$)")


def _layout_part() -> str:
    lines = ["```text"]
    for title, names in _FLOORS:
        lines += ["", f"── {title} ──"]
        for name in names:
            lines += _room(name) if name in _ROOMS else [_entry(SOURCE / f"{name}.py", 0)]
    return "\n".join([*lines, "```", ""])


def _room(name: str) -> list[str]:
    files = [path for path in sorted((SOURCE / name).glob("*.py")) if path.name != "__init__.py"]
    return [f"{name + '/':<36}{_ROOMS[name]}", *(_entry(path, 2) for path in files)]


def _entry(path: Path, indent: int) -> str:
    docstring = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n\n")[0]
    words = _SENTENCE_END.split(docstring.replace("\n", " ").replace("``", ""))[0].removesuffix(".")
    return f"{' ' * indent}{path.name:<{36 - indent}}{words}"


def _layers_part() -> str:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    homes = [
        (", ".join(f"`{name}`" for name in contract["forbidden_modules"]), contract["name"])
        for contract in contracts
        if contract["type"] == "forbidden"
    ]
    return "\n".join(["```text", *layers, "```", "", _table(("Library", "Where"), homes)])


def _table(head: tuple[str, ...], rows: Any) -> str:  # noqa: ANN401 - any iterable of rows of text
    lines = [" | ".join(head), "|".join("---" for _ in head)]
    lines += [" | ".join(cell.replace("\n", " ").replace("|", "\\|") for cell in row) for row in rows]
    return "".join(f"| {line} |\n" if "---" not in line else f"|{line}|\n" for line in lines)


PARTS: Final[dict[str, Callable[[], str]]] = {
    "routes": _routes_part,
    "errors": _errors_part,
    "attempts": _attempts_part,
    "plans": _plans_part,
    "permissions": _permissions_part,
    "fields": _fields_part,
    "operators": _operators_part,
    "ordersent": _orders_sent_part,
    "orderlife": _order_life_part,
    "layout": _layout_part,
    "layers": _layers_part,
    "standards": standards_part,
    "pythonclient": python_reference,
    "typescript": typescript_part,
}


if __name__ == "__main__":
    main()
