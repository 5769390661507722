"""Write the parts of these pages that the code knows better: ``python docs/generate.py``. A test compares them.

A part stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``; the words around it are written by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from architecture import layers_part, layout_part
from callers_tables import attempts_part, permissions_part, plans_part
from errors_table import errors_part
from python_reference import python_reference
from routes_table import routes_part
from shop_tables import fields_part, operators_part, order_life_part, orders_sent_part
from standards_table import standards_part
from typescript_reference import typescript_part

DOCS: Final = Path(__file__).resolve().parent
ROOT: Final = DOCS.parent

_PART: Final = re.compile(r"(?<=<!-- generated: )([a-z]+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)


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


PARTS: Final[dict[str, Callable[[], str]]] = {
    "routes": routes_part,
    "errors": errors_part,
    "attempts": attempts_part,
    "plans": plans_part,
    "permissions": permissions_part,
    "fields": fields_part,
    "operators": operators_part,
    "ordersent": orders_sent_part,
    "orderlife": order_life_part,
    "layout": layout_part,
    "layers": layers_part,
    "standards": standards_part,
    "pythonclient": python_reference,
    "typescript": typescript_part,
}


if __name__ == "__main__":
    main()
