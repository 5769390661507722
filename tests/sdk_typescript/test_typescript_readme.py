"""The examples of the package's README, as they are printed."""

from __future__ import annotations

import pytest

from sdk_typescript.node_program import NodePrograms, blocks_of
from sdk_typescript.package import PROJECT
from world import Api

BLOCKS = blocks_of(PROJECT / "README.md")


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
async def test_the_examples_run_as_printed(
    node: NodePrograms, environment: dict[str, str], installation: Api, block: str
) -> None:
    """Each program runs in Node, types and all, and does what it says, also where the newest product is not on sale."""
    draft = {"name": "Draft", "price": 1, "status": "draft"}
    assert (await installation.call("POST", "/api/products", who="sk_live_a", json=draft)).status_code == 201
    assert await node(block + "\nconsole.log(true)\n", suffix=".mts", **environment) is True


def test_the_examples_are_found() -> None:
    """The README holds programs, so that the test above shows something."""
    assert len(BLOCKS) == 5
    assert "createOrder" in BLOCKS[1]
