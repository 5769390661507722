"""The layout of the house, file by file with its sentence, and its layers, from the import contracts."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Final

from markdown_table import table

_ROOT: Final = Path(__file__).resolve().parents[1]
_SOURCE: Final = _ROOT / "src" / "watchword"
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


def layout_part() -> str:
    """Return every file in its room, each with the first sentence of its docstring."""
    lines = ["```text"]
    for title, names in _FLOORS:
        lines += ["", f"── {title} ──"]
        for name in names:
            lines += _room(name) if name in _ROOMS else [_entry(_SOURCE / f"{name}.py", 0)]
    return "\n".join([*lines, "```", ""])


def _room(name: str) -> list[str]:
    files = [path for path in sorted((_SOURCE / name).glob("*.py")) if path.name != "__init__.py"]
    return [f"{name + '/':<36}{_ROOMS[name]}", *(_entry(path, 2) for path in files)]


def _entry(path: Path, indent: int) -> str:
    docstring = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n\n")[0]
    words = _SENTENCE_END.split(docstring.replace("\n", " ").replace("``", ""))[0].removesuffix(".")
    return f"{' ' * indent}{path.name:<{36 - indent}}{words}"


def layers_part() -> str:
    """Return who may import whom, and where each library lives."""
    contracts = tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    homes = [
        (", ".join(f"`{name}`" for name in contract["forbidden_modules"]), contract["name"])
        for contract in contracts
        if contract["type"] == "forbidden"
    ]
    return "\n".join(["```text", *layers, "```", "", table(("Library", "Where"), homes)])
