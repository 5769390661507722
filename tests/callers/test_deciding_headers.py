"""The headers by which an identity is remembered are all the headers that have a part in it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from watchword.callers import identify, presented, tenant
from watchword.wire import request as wire_request

HEADER_NAME_LENGTH_MIN = 3


def header_names_in(path: str) -> set[bytes]:
    """Return each bytes constant of a module that can be a header's name."""
    constants = [
        node.value for node in ast.walk(ast.parse(Path(path).read_text("utf-8"))) if isinstance(node, ast.Constant)
    ]
    return {
        value
        for value in constants
        if isinstance(value, bytes) and len(value) >= HEADER_NAME_LENGTH_MIN and value.replace(b"-", b"").isalnum()
    }


def test_every_header_that_decides_is_named() -> None:
    """Whatever header the identifying modules read stands in the set that a remembered identity depends on."""
    named = set[bytes]().union(*(header_names_in(str(module.__file__)) for module in (identify, presented, tenant)))
    assert named == presented.DECIDING


def test_every_header_is_read_by_name() -> None:
    """No header's name is made up while running, where the test above could not see it."""
    for module in (identify, presented, tenant):
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "header":
                assert isinstance(node.args[0], ast.Constant)


def test_an_identity_is_remembered_by_a_proof_alone() -> None:
    """Only a header that carries a proof can stand alone; where it came from and where it goes cannot."""
    assert {b"authorization", b"x-api-key", b"apikey", b"x-client-key", b"x-publishable-key"} == presented.ALONE
    assert presented.ALONE < presented.DECIDING


@pytest.mark.parametrize("name", sorted(presented.DECIDING - {b"sec-fetch-site"}))
def test_a_deciding_header_comes_once(name: bytes) -> None:
    """What decides who is calling may not come twice: one of the two would be ignored."""
    assert name in wire_request.SINGLE_HEADERS
