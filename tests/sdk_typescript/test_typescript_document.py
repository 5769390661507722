"""The document's own programs, as it prints them, against a running server."""

from __future__ import annotations

import pytest

from sdk_typescript.node_program import NodePrograms, document_block

TELL = "\nconsole.log(JSON.stringify(data))"


async def test_the_browser_block_runs_as_printed(node: NodePrograms, environment: dict[str, str]) -> None:
    """The block signs in and reads products; with this package nothing is added to it."""
    data = await node(document_block("browser_client") + TELL, **environment)
    assert (len(data["docs"]), data["pagination"]["totalDocs"]) == (10, 12)


@pytest.mark.parametrize("block", ["client_key", "secret_key", "automatic_refresh"])
async def test_the_blocks_that_make_a_client_run_as_printed(
    node: NodePrograms, environment: dict[str, str], block: str
) -> None:
    """Each makes a client that reads; the import is the one of the document's other blocks."""
    head = "import { createBrowserClient, createServerClient } from '@01.software/sdk'\n"
    tail = "\nconst { data } = await client.from('products').count()" + TELL
    assert await node(head + document_block(block) + tail, **environment) == {"totalDocs": 12}
