"""The table of standards: each section that a test's own sentence cites, with that sentence and the test."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

TESTS: Final = Path(__file__).resolve().parent.parent / "tests"

TITLES: Final = {
    "RFC 6749": "The OAuth 2.0 authorization framework",
    "RFC 6750": "Bearer tokens",
    "RFC 7009": "Token revocation",
    "RFC 7517": "JSON Web Key",
    "RFC 7519": "JSON Web Token",
    "RFC 7523": "JWT client assertions",
    "RFC 7591": "Dynamic client registration",
    "RFC 7592": "Management of registered clients",
    "RFC 7636": "PKCE",
    "RFC 7638": "JWK thumbprint",
    "RFC 7662": "Token introspection",
    "RFC 8252": "OAuth for native apps",
    "RFC 8414": "Authorization server metadata",
    "RFC 8628": "Device authorization grant",
    "RFC 8693": "Token exchange",
    "RFC 8707": "Resource indicators",
    "RFC 8725": "JWT best current practices",
    "RFC 9068": "JWT access tokens",
    "RFC 9101": "JWT-secured authorization requests",
    "RFC 9126": "Pushed authorization requests",
    "RFC 9207": "Issuer identification",
    "RFC 9449": "DPoP",
    "RFC 9700": "OAuth security best current practice",
    "RFC 9728": "Protected resource metadata",
    "OpenID Connect Core": "OpenID Connect Core 1.0",
    "OpenID Connect Discovery": "OpenID Connect Discovery 1.0",
    "OpenID Connect RP-Initiated Logout": "OpenID Connect RP-Initiated Logout 1.0",
    "OpenID Connect Back-Channel Logout": "OpenID Connect Back-Channel Logout 1.0",
    "FAPI 2.0": "FAPI 2.0 Security Profile",
    "CIMD": "OAuth client ID metadata documents (draft)",
    "MCP": "Model Context Protocol, authorization",
}
"""Whatever else a test cites is no standard of an authorization server."""

_SECTION: Final = r"(?:§\s?[\d.]*\d)"
_CITED: Final = re.compile(
    r"(?P<standard>RFC \d+|OpenID Connect Core|OIDC Core|OpenID Connect Discovery|OIDC Discovery"
    r"|(?:OpenID Connect |OIDC )?RP-Initiated Logout|(?:OpenID Connect |OIDC )?Back-Channel Logout"
    r"|FAPI 2\.0|CIMD|MCP)(?: 1\.0)?(?: Security Profile)?(?: authorization)?"
    rf"(?P<sections>(?:,? (?:and )?{_SECTION})*)"
)


class Shown(NamedTuple):
    """One citation: where in which standard, what is guaranteed, and the test that shows it."""

    standard: str
    section: str
    guarantee: str
    test: str


def standards_part() -> str:
    """Return a table for each standard, sections in their order."""
    tables: dict[str, list[Shown]] = defaultdict(list)
    for shown in sorted(set(_all_shown()), key=_order):
        tables[shown.standard].append(shown)
    parts = []
    for standard, title in TITLES.items():
        if standard not in tables:
            continue
        heading = title if standard in title else f"{standard}: {title}"
        rows = [f"| {one.section} | {one.guarantee} | `{one.test}` |" for one in tables[standard]]
        parts.append("\n".join([f"## {heading}", "", "| Section | Guarantee | Test |", "|---|---|---|", *rows, ""]))
    return "\n" + "\n".join(parts) + "\n"


def _all_shown() -> Iterator[Shown]:
    for path in sorted(TESTS.rglob("test_*.py")):
        module = ast.parse(path.read_text("utf-8"))
        of_module = list(_citations(ast.get_docstring(module) or ""))
        for node in ast.walk(module):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                words = ast.get_docstring(node) or ""
                test = f"{path.relative_to(TESTS.parent).as_posix()}::{node.name}"
                guarantee = words.split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
                for standard, section in list(_citations(words)) or of_module:
                    yield Shown(standard, section, guarantee, test)


def _citations(words: str) -> Iterator[tuple[str, str]]:
    for found in _CITED.finditer(words):
        standard = found["standard"].replace("OIDC", "OpenID Connect")
        if standard.endswith("Logout") and not standard.startswith("OpenID Connect"):
            standard = f"OpenID Connect {standard}"
        if standard in TITLES:
            for section in re.findall(_SECTION, found["sections"]) or ["whole"]:
                yield standard, section.replace(" ", "")


def _order(shown: Shown) -> tuple[str, list[int], str]:
    return shown.standard, [int(number) for number in re.findall(r"\d+", shown.section)], shown.test
