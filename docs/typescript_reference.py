"""The reference of the TypeScript package, from the comments and declarations in its source."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_SOURCE: Final = Path(__file__).resolve().parents[1] / "sdks" / "typescript" / "src"
_EXPORT: Final = re.compile(r"^export (?:type )?\{([^}]*)\} from '\./(\w+)\.js'", re.MULTILINE)
_DECLARED: Final = (
    r"(?:^/\*\*(?:(?!\*/).)*\*/\n)?^(?:export )?(?:async )?(?P<kind>interface|type|class|function) NAME\b"
)
_TITLES: Final = {
    "browser": "The client of a page",
    "server": "The client of a server",
    "users": "People",
    "session": "Sessions",
    "collection": "Collections and results",
    "query": "What a list is asked for",
    "catalog": "Collections as types",
    "orders": "Orders",
    "order_number": "Order numbers",
    "oauth": "OAuth on a page",
    "server_oauth": "OAuth on a server",
    "errors": "Errors",
    "transport": "Requests",
    "react": "React: `@watchword/sdk/react`",
    "webhook": "Webhooks: `@watchword/sdk/webhook`",
    "testing": "A server for tests: `@watchword/sdk/testing`",
}
"""The order and the headings of the reference, by source file."""

_ENTRIES: Final = ("react", "webhook", "testing")
"""Files that are entries of their own: all that they export is for programs."""

_OWN_EXPORT: Final = re.compile(r"^export (?:async )?(?:interface|type|class|function) (\w+)", re.MULTILINE)


def typescript_part() -> str:
    """Write every exported name with its comment and its declaration."""
    names: dict[str, list[str]] = {}
    for listed, file in _EXPORT.findall((_SOURCE / "index.ts").read_text("utf-8")):
        words = [name.strip().removeprefix("type ") for name in listed.split(",")]
        names.setdefault(file, []).extend(word for word in words if word)
    for file in _ENTRIES:
        names[file] = _OWN_EXPORT.findall((_SOURCE / f"{file}.ts").read_text("utf-8"))
    parts = []
    for file in sorted(names, key=list(_TITLES).index):
        text = (_SOURCE / f"{file}.ts").read_text("utf-8")
        declared = [_declaration(text, name) for name in sorted(names[file], key=lambda name: _place(text, name))]
        parts.append(f"## {_TITLES[file]}\n\n```ts\n" + "\n\n".join(declared) + "\n```\n")
    return "\n" + "\n".join(parts) + "\n"


def _place(text: str, name: str) -> int:
    return _find(text, name).start()


def _find(text: str, name: str) -> re.Match[str]:
    found = re.search(_DECLARED.replace("NAME", name), text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise LookupError(name)
    return found


def _declaration(text: str, name: str) -> str:
    found = _find(text, name)
    rest = text[found.start() :]
    if found["kind"] == "function":
        # Its first line says all; the body is its own business.
        ends = rest.index(" {\n")
    elif found["kind"] == "class":
        ends = rest.index("\n\n  constructor")
    elif "{\n" in rest[: rest.find("\n\n")]:
        ends = rest.index("\n}\n") + len("\n}")
    else:
        ends = rest.find("\n\n")
    closed = "\n}" if found["kind"] == "class" else ""
    return re.sub(r"^export ", "", rest[:ends], flags=re.MULTILINE) + closed
