"""The document's browser programs in a real Chromium, from a page on another origin than the server."""

from __future__ import annotations

from sdk_typescript.node_program import document_block
from sdk_typescript.web_pages import WebPages

HEAD = "import { createBrowserClient, createServerClient } from '@01.software/sdk'\n"
SIX_DAYS_AND_A_HALF_MS = 561_600_000


async def test_a_page_elsewhere_signs_in_and_reads(pages: WebPages) -> None:
    """The document's block, as printed, signs in from another origin, and its next request is the user's."""
    page = await pages.open(document_block("browser_client") + "\nglobalThis.ended = data")
    data = await page.evaluate("ended")
    assert (len(data["docs"]), data["pagination"]["totalDocs"]) == (10, 12)
    assert "authorization" in await pages.sent_to("/api/products")[0].all_headers()
    assert pages.complaints == []


async def test_a_page_stores_the_new_token_before_the_old_one_ends(pages: WebPages) -> None:
    """The document's onTokenRefresh is called with the new token by itself, with no request of the page."""
    login = "\nawait client.collections.users.login({ email: 'user@example.com', password: 'password' })"
    source = (
        HEAD + document_block("automatic_refresh") + login + "\nglobalThis.client = client\nglobalThis.ended = true"
    )
    await pages.context.clock.install()
    page = await pages.open(source)
    assert await page.evaluate("localStorage.getItem('auth_token')") is None
    await pages.context.clock.fast_forward(SIX_DAYS_AND_A_HALF_MS)
    await page.wait_for_function("localStorage.getItem('auth_token')")
    stored = await page.evaluate("localStorage.getItem('auth_token')")
    me = await page.evaluate("client.collections.users.me()")
    assert me["token"] == stored
    assert len(pages.sent_to("/refresh-token")) == 1
