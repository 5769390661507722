"""Requests of the TypeScript package in Node: what is sent again, what never, and what is shown of a secret."""

from __future__ import annotations

from typing import Any

import pytest

from sdk_typescript.node_program import NodePrograms
from world import Api

HEAD = """
import { createBrowserClient, createServerClient, generateOrderNumber, WatchwordError } from '@watchword/sdk'
const { NEXT_PUBLIC_SOFTWARE_CLIENT_KEY: clientKey, SOFTWARE_SECRET_KEY: secretKey } = process.env
const tell = (value) => console.log(JSON.stringify(value))
const credentials = { email: 'user@example.com', password: 'password' }
"""

ANSWERING = """
const seen = []
const answering = (status, headers = {}, after = 1) => async (url, init) => {
  seen.push(new Headers(init.headers).get('Idempotency-Key'))
  if (seen.length > after) return fetch(url, init)
  if (status === 'lost') { await fetch(url, init); throw new TypeError('fetch failed') }
  return new Response('{}', { status, headers })
}
const retry = { retryDelay: () => 1 }
"""


async def run(node: NodePrograms, source: str, environment: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
    """Run a program that tells one value."""
    return await node(HEAD + source, **environment)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_what_may_pass_is_tried_again(node: NodePrograms, environment: dict[str, str], status: int) -> None:
    """After an answer that another try may mend the request is sent again, and answered."""
    source = ANSWERING + (
        f"const client = createBrowserClient({{ clientKey, retry, fetch: answering({status}) }})\n"
        "const { data } = await client.from('products').find({ limit: 3 })\n"
        "tell([seen.length, data.docs.length])"
    )
    assert await run(node, source, environment) == [2, 3]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 413, 415, 419, 422, 501])
async def test_what_is_refused_is_not_tried_again(node: NodePrograms, environment: dict[str, str], status: int) -> None:
    """Any other refusal comes back as the error of the result, with its status, after one try."""
    source = ANSWERING + (
        f"const client = createBrowserClient({{ clientKey, retry, fetch: answering({status}) }})\n"
        "const { data, error } = await client.from('products').find()\n"
        "tell([seen.length, data ?? null, error instanceof WatchwordError, error.status])"
    )
    assert await run(node, source, environment) == [1, None, True, status]


async def test_tries_come_to_an_end(node: NodePrograms, environment: dict[str, str]) -> None:
    """After the first try and three more the error is the last answer's."""
    source = ANSWERING + (
        "const client = createBrowserClient({ clientKey, retry, fetch: answering(503, {}, 9) })\n"
        "const { error } = await client.from('products').find()\n"
        "tell([seen.length, error.status])"
    )
    assert await run(node, source, environment) == [4, 503]


async def test_a_write_whose_answer_was_lost_is_done_once(node: NodePrograms, environment: dict[str, str]) -> None:
    """It is sent again with the same Idempotency-Key, and the server gives the answer that was lost."""
    source = ANSWERING + (
        "const client = createServerClient({ clientKey, secretKey, retry, fetch: answering('lost') })\n"
        "const { data } = await client.from('products').create({ name: 'Tea', price: 4500, sku: 'TEA-1' })\n"
        "const { data: page } = await client.from('products').find({ where: { sku: { equals: 'TEA-1' } } })\n"
        "tell([page.docs.map(({ id }) => id === data.id), seen[0].length > 30, seen[0] === seen[1]])"
    )
    assert await run(node, source, environment) == [[True], True, True]


async def test_a_sign_in_whose_answer_was_lost_is_not_repeated(node: NodePrograms, environment: dict[str, str]) -> None:
    """A second attempt would count against the account, so the error comes at once."""
    source = ANSWERING + (
        "const client = createBrowserClient({ clientKey, retry, fetch: answering('lost') })\n"
        "const error = await client.collections.users.login(credentials).catch((error) => error)\n"
        "tell([seen.length, error.code, error.status])"
    )
    assert await run(node, source, environment) == [1, "NETWORK_ERROR", 0]


async def test_an_answer_that_takes_too_long_is_given_up(node: NodePrograms, environment: dict[str, str]) -> None:
    """The time-out has a code of its own."""
    source = (
        "const fetch = (url, { signal }) => new Promise((_, reject) => signal.onabort = () => reject(signal.reason))\n"
        "const client = createBrowserClient({ clientKey, fetch, timeout: 5, retry: { maxRetries: 0 } })\n"
        # Node alone would end while it only waits for the signal.
        "const alive = setInterval(() => {}, 1000)\n"
        "const { error } = await client.from('products').find()\n"
        "clearInterval(alive)\n"
        "tell(error.code)"
    )
    assert await run(node, source, environment) == "TIMEOUT"


@pytest.mark.parametrize("as_seen_by", ["302, { headers: { Location: 'https://example.org' } }", "0"])
async def test_a_redirect_leads_nowhere(node: NodePrograms, environment: dict[str, str], as_seen_by: str) -> None:
    """A key is for the server that it was given for: nothing asks to follow, and the error says what came, after one try.

    A page is shown a redirect as a status of 0.
    """
    source = (
        "const answer = (status, init) => status ? new Response(null, { status, ...init }) : Response.error()\n"
        "const asked = []\n"
        f"const redirecting = async (_, init) => (asked.push(init.redirect), answer({as_seen_by}))\n"
        "const { error } = await createServerClient({ clientKey, secretKey, fetch: redirecting }).from('products').find()\n"
        "tell([asked, error.code])"
    )
    assert await run(node, source, environment) == [["manual"], "WRONG_ANSWER"]


async def test_nothing_shows_a_secret(node: NodePrograms, environment: dict[str, str]) -> None:
    """Neither printing a client, nor its errors, nor debug output shows a key, a token or a password."""
    source = (
        "import { inspect } from 'node:util'\n"
        "const lines = []\n"
        "console.debug = (...words) => lines.push(words.join(' '))\n"
        "const browser = createBrowserClient({ clientKey, debug: true })\n"
        "const { token } = await browser.collections.users.login(credentials)\n"
        "await browser.from('products').find({ where: { name: { contains: 'quiet' } } })\n"
        "const server = createServerClient({ clientKey, secretKey, debug: true })\n"
        "const { error } = await server.from('products').findById('prd_none')\n"
        "const deep = { depth: 20, showHidden: true }\n"
        "const shown = [inspect(browser, deep), inspect(server, deep), inspect(error, deep), lines.join('\\n')].join()\n"
        "tell([lines.length, [clientKey, secretKey, token, 'password', 'quiet'].filter((one) => shown.includes(one))])"
    )
    assert await run(node, source, environment) == [6, []]


async def test_a_refusal_says_what_and_where(
    node: NodePrograms, environment: dict[str, str], installation: Api
) -> None:
    """The error has the server's code, name, sentence, fields, and the id that the server's log has of the request."""
    source = (
        "const { error } = await createServerClient({ clientKey, secretKey }).from('products').create({ price: -1 })\n"
        "const { code, name, message, requestId, fields } = error\n"
        "tell({ code, name, message, requestId, fields: fields.map(({ path }) => path).sort() })"
    )
    told = await run(node, source, environment)
    assert told.pop("requestId") in installation.log_text()
    assert told == {
        "code": "VALIDATION_ERROR",
        "name": "ValidationError",
        "message": "The following fields are invalid: name, price",
        "fields": ["name", "price"],
    }


async def test_a_missing_document_is_no_data(node: NodePrograms, environment: dict[str, str]) -> None:
    """Looking for an id that is none gives no data, and an error that says so."""
    source = (
        "const { data, error } = await createBrowserClient({ clientKey }).from('products').findById('prd_none')\n"
        "tell([data ?? null, error.code])"
    )
    assert await run(node, source, environment) == [None, "NOT_FOUND"]


@pytest.mark.parametrize("text", ["", ".", ".."])
async def test_no_id_leads_elsewhere(node: NodePrograms, environment: dict[str, str], text: str) -> None:
    """What would be another path is refused before anything is sent; all else is one segment, whatever it holds."""
    source = (
        "const sent = []\n"
        "const spied = (url, init) => (sent.push(url.replace(process.env.WATCHWORD_URL, '')), fetch(url, init))\n"
        "const client = createServerClient({ clientKey, secretKey, fetch: spied })\n"
        f"const refused = await client.from('products').remove('{text}')\n"
        f"const order = await client.api.getOrder({{ orderNumber: '{text}' }})\n"
        "const { error } = await client.from('products').findById('../orders?x#y')\n"
        "tell([refused.error.code, order.error.code, error.code, sent])"
    )
    sent = ["/api/products/..%2Forders%3Fx%23y"]
    assert await run(node, source, environment) == ["WRONG_ID", "WRONG_ID", "NOT_FOUND", sent]


async def test_every_word_of_a_query_arrives(node: NodePrograms, environment: dict[str, str]) -> None:
    """Filters nest, lists hold commas, fields are chosen, and several fields sort."""
    source = (
        "const products = createBrowserClient({ clientKey }).collections.products\n"
        "const where = { or: [{ price: { in: [100, 300] } }, { sku: { in: ['S5', 'a,b'] } }], price: { less_than: 501 } }\n"
        "const { data } = await products.find({ where, select: { price: true }, sort: ['-status', '-price'], limit: 2 })\n"
        "const count = await products.count({ where })\n"
        "tell([data.docs.map((doc) => [Object.keys(doc).length, doc.price]), data.pagination.hasNextPage, count.data])"
    )
    assert await run(node, source, environment) == [[[2, 500], [2, 300]], True, {"totalDocs": 3}]


async def test_all_pages_are_walked_through(node: NodePrograms, environment: dict[str, str]) -> None:
    """Pages follow each other by cursor from where one begins, and a failure on the way is thrown."""
    source = (
        "const products = createBrowserClient({ clientKey }).from('products')\n"
        "const sizes = []\n"
        "for await (const { docs } of products.pages({ limit: 5 })) sizes.push(docs.length)\n"
        "const prices = []\n"
        "for await (const { price } of products.all({ limit: 5, page: 2, sort: 'price' })) prices.push(price)\n"
        "const thrown = await products.all({ sort: 'nothing' }).next().catch(({ code }) => code)\n"
        "tell([sizes, prices, thrown])"
    )
    later = [600, 700, 800, 900, 1000, 1100, 1200]
    assert await run(node, source, environment) == [[5, 5, 2], later, "VALIDATION_ERROR"]


async def test_order_numbers_have_the_day_and_six_digits(node: NodePrograms, environment: dict[str, str]) -> None:
    """As in the product's own samples: YYMMDD and six digits."""
    number = await run(node, "tell(generateOrderNumber())", environment)
    assert (len(number), number.isdigit(), number[2:4] <= "12") == (12, True, True)


async def test_a_server_gets_tokens_for_its_jobs(
    node: NodePrograms, environment: dict[str, str], installation: Api
) -> None:
    """Client credentials give an access token that reads; a secret key is exchanged for one that may do less."""
    world = installation.world
    client = f"clientId: '{world.clients['a']}', clientSecret: '{world.client_secrets['a']}', tenant: 'tenant-a'"
    source = (
        "const { oauth } = createServerClient({ clientKey, secretKey })\n"
        f"const {{ accessToken, scope, expiresIn }} = await oauth.clientCredentials({{ {client}, scope: 'products:read' }})\n"
        "const answer = await fetch(`${process.env.WATCHWORD_URL}/api/products`, "
        "{ headers: { Authorization: `Bearer ${accessToken}` } })\n"
        f"const refused = await oauth.tokenExchange({{ {client} }}).catch((error) => [error.code, error.name, error.status])\n"
        "tell([answer.status, scope, expiresIn, refused])"
    )
    told = await run(node, source, environment)
    assert told == [200, "products:read", 600, ["unauthorized_client", "OAuthError", 400]]
