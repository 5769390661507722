"""OAuth with the TypeScript package in a real Chromium: through the server's pages and back, with PKCE."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page

from oauth_world import add_client
from sdk_typescript.web_pages import WebPages
from watchword.oauth.models import ClientSettings
from world import Api

HEAD = """
import { createBrowserClient } from '@watchword/sdk'
const states = globalThis.states = []
const client = globalThis.client = createBrowserClient({
  clientKey: process.env.NEXT_PUBLIC_SOFTWARE_CLIENT_KEY,
  onAuthStateChange: ({ signedIn }) => states.push(signedIn),
  retry: { retryDelay: () => 1 },
})
"""
CALLBACK = "globalThis.ended = await client.oauth.callback().catch(({ code }) => code) ?? null\n"
SCOPE = "openid email products:read offline_access"


@pytest.fixture
async def client_id(installation: Api, pages: WebPages) -> str:
    """A public client that is called back at the application's page."""
    return await add_client(
        installation.application,
        installation.world.tenants["a"],
        kind="public",
        grants=("authorization_code", "refresh_token"),
        settings=ClientSettings(redirect_uris=(f"{pages.origin}/",)),
    )


async def leave(pages: WebPages, client_id: str, **parameters: str) -> Page:
    """Open the application and have it send the person to the server's pages."""
    page = await pages.open(HEAD + CALLBACK)
    options: dict[str, Any] = {"clientId": client_id, "scope": SCOPE, "tenant": "tenant-a", "parameters": parameters}
    await page.evaluate("(options) => void client.oauth.redirect(options)", options)
    await page.wait_for_url("**/oauth/**")
    return page


async def sign_in(page: Page) -> None:
    """Sign in on the server's page."""
    await page.fill("#email", "user@example.com")
    await page.fill("#password", "password")
    await page.press("#password", "Enter")


async def test_a_person_signs_in_on_the_server_s_pages(pages: WebPages, client_id: str, installation: Api) -> None:
    """The page that they come back to has a session, reads with it, and shows no code in its address.

    Signing out gives the tokens back: they are dead at the server too (RFC 7009 §2).
    """
    page = await leave(pages, client_id)
    await sign_in(page)
    await page.click("button[value=allow]")
    await page.wait_for_url(f"{pages.origin}/*")
    await pages.wait_for_end(page)
    ended = await page.evaluate("ended")
    assert sorted(ended["scope"].split()) == sorted(SCOPE.split())
    assert ended["idToken"].count(".") == 2
    assert await page.evaluate("location.href") == f"{pages.origin}/"
    assert await page.evaluate("states") == [True]
    assert await page.evaluate("client.from('products').find().then(({ data }) => data.docs.length)") == 10
    assert "authorization" in await pages.sent_to("/api/products")[0].all_headers()
    await page.evaluate("client.collections.users.refresh()")
    assert await page.evaluate("client.from('products').count().then(({ data }) => data.totalDocs)") == 12
    bearer = {"authorization": f"Bearer {await page.evaluate('client.token')}"}
    assert (await installation.call("GET", "/api/products", headers=bearer)).status_code == 200
    await page.evaluate("client.collections.users.logout()")
    assert await page.evaluate("states") == [True, False]
    assert (await installation.call("GET", "/api/products", headers=bearer)).status_code == 401


async def test_who_says_no_is_heard(pages: WebPages, client_id: str) -> None:
    """A denial comes back as an error, and nobody is signed in."""
    page = await leave(pages, client_id)
    await sign_in(page)
    await page.click("button[value=deny]")
    await page.wait_for_url(f"{pages.origin}/*")
    await pages.wait_for_end(page)
    assert await page.evaluate("[ended, states.length]") == ["access_denied", 0]


@pytest.mark.parametrize(
    "query",
    ["?code=stolen&state=another&iss=https://elsewhere.example", "?error=access_denied&state=another"],
)
async def test_an_answer_that_nobody_asked_for_is_refused(pages: WebPages, client_id: str, query: str) -> None:
    """An answer to no request of this tab is refused before anything is sent (RFC 9700 §4.7)."""
    page = await pages.open(HEAD + CALLBACK, query=query)
    assert await page.evaluate("ended") == "STATE_MISMATCH"
    assert pages.sent_to("/oauth/token") == []


async def test_a_made_up_answer_ends_no_request_that_waits(pages: WebPages, client_id: str) -> None:
    """A tab that somebody sent to a made-up answer still takes the server's own, once."""
    page = await pages.open(HEAD + CALLBACK)
    address = await page.evaluate("(id) => client.oauth.authorizeUrl({ clientId: id, tenant: 'tenant-a' })", client_id)
    await page.goto(f"{pages.origin}/?code=stolen&state=another&iss=https://elsewhere.example")
    await pages.wait_for_end(page)
    assert await page.evaluate("ended") == "STATE_MISMATCH"
    await page.goto(address)
    await sign_in(page)
    await page.click("button[value=deny]")
    await page.wait_for_url(f"{pages.origin}/*")
    await pages.wait_for_end(page)
    assert await page.evaluate("[ended, sessionStorage.length]") == ["access_denied", 0]


async def test_an_answer_of_another_server_is_refused(pages: WebPages, client_id: str) -> None:
    """The right state with another issuer is a mix-up (RFC 9207 §2.4)."""
    page = await pages.open(HEAD + CALLBACK)
    options = {"clientId": client_id, "tenant": "tenant-a"}
    address = await page.evaluate("(options) => client.oauth.authorizeUrl(options)", options)
    state = address.partition("state=")[2].partition("&")[0]
    answer = f"{pages.origin}/?code=x&state={state}&iss=https://elsewhere.example"
    refused = await page.evaluate("(answer) => client.oauth.callback(answer).catch(({ code }) => code)", answer)
    assert refused == "STATE_MISMATCH"
    assert pages.sent_to("/oauth/token") == []


async def test_any_other_page_is_left_alone(pages: WebPages, client_id: str) -> None:
    """A page that nobody came back to has nothing to finish."""
    page = await pages.open(HEAD + CALLBACK, query="?page=2&state=open")
    assert await page.evaluate("[ended, location.search]") == [None, "?page=2&state=open"]
