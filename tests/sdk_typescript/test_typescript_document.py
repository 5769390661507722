"""The document's own programs, as it prints them, against a running server."""

from __future__ import annotations

import json

import pytest

from sdk_typescript.node_program import NodePrograms, document_block
from world import Api

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


async def test_the_server_block_runs_as_printed(
    node: NodePrograms, environment: dict[str, str], installation: Api
) -> None:
    """The block orders: the only change is the order in the place of its three dots."""
    product = installation.world.products["live_a"]
    order = {"orderProducts": [{"product": product, "quantity": 2, "price": 100}], "totalAmount": 200}
    block = document_block("server_client").replace(
        "const client", f"const order = {json.dumps(order)}\nconst client", 1
    )
    data = await node(block + TELL, **environment)
    assert (data["status"], data["totalAmount"], len(data["orderNumber"])) == ("pending", 200, 12)


async def test_an_order_goes_through_its_life(
    node: NodePrograms, environment: dict[str, str], installation: Api
) -> None:
    """An order is made under a number of one's own, read and moved on by it; a jump names the steps there are."""
    line = json.dumps([{"product": installation.world.products["live_a"], "quantity": 1}])
    source = f"""
    import {{ createServerClient, generateOrderNumber }} from '@watchword/sdk'
    const client = createServerClient({{
      clientKey: process.env.NEXT_PUBLIC_SOFTWARE_CLIENT_KEY,
      secretKey: process.env.SOFTWARE_SECRET_KEY,
    }})
    const orderNumber = generateOrderNumber()
    const order = {{ orderNumber, orderProducts: {line}, totalAmount: 100, email: 'kim@example.com' }}
    const made = await client.api.createOrder(order)
    const again = await client.api.createOrder(order)
    const paid = await client.api.updateOrder({{ orderNumber, status: 'paid' }})
    const jump = await client.api.updateOrder({{ orderNumber, status: 'delivered' }})
    const read = await client.api.getOrder({{ orderNumber }})
    const listed = await client.from('orders').find({{ where: {{ email: {{ equals: 'kim@example.com' }} }} }})
    console.log(JSON.stringify([
      made.data.id === read.data.id, again.error.code, paid.data.status, jump.error.code, jump.error.details.allowed,
      read.data.status, listed.data.docs.length,
    ]))
    """
    wanted = [True, "CONFLICT", "paid", "STATUS_JUMP", ["preparing", "canceled"], "paid", 1]
    assert await node(source, **environment) == wanted
