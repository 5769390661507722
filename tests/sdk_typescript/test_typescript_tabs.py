"""Sessions in a real Chromium: shared by tabs, kept in storage or in the cookie, and none of it by the wrong page."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page

from sdk_typescript.installation import list_origin
from sdk_typescript.web_pages import WebPages
from world import Api

LIFE_MS = 604_800_000

HEAD = """
import { createBrowserClient, createServerClient } from '@watchword/sdk'
const told = globalThis.told = { tokens: [], states: [] }
const make = globalThis.make = (options = {}) => createBrowserClient({
  clientKey: process.env.NEXT_PUBLIC_SOFTWARE_CLIENT_KEY,
  onTokenRefresh: (token) => told.tokens.push(token),
  onAuthStateChange: (state) => told.states.push(state.signedIn),
  retry: { retryDelay: () => 1 },
  ...options,
})
const refusal = globalThis.refusal = async (work) => {
  try { await work() } catch (error) { return { code: error.code, status: error.status } }
}
const credentials = { email: 'user@example.com', password: 'password' }
"""
SIGN_IN = "await client.collections.users.login(credentials)\n"
END = "globalThis.client = client\nglobalThis.ended = true\n"


def program(options: str, *, signs_in: bool) -> str:
    """Write a page's module: it makes a client, and signs in where it is told."""
    return f"{HEAD}const client = make({options})\n{SIGN_IN if signs_in else ''}{END}"


async def in_page(page: Page, expression: str) -> Any:  # noqa: ANN401 - JSON
    """Evaluate an expression in a page."""
    return await page.evaluate(expression)


async def test_two_tabs_refresh_once(pages: WebPages) -> None:
    """Of tabs that share a stored session one refreshes; both have the new token and tell their page of it."""
    await pages.context.clock.install()
    options = "{ storage: 'localStorage' }"
    first = await pages.open(program(options, signs_in=True))
    second = await pages.open(program(options, signs_in=False))
    await pages.context.clock.fast_forward(LIFE_MS * 95 // 100)
    for page in (first, second):
        await page.wait_for_function("told.tokens.length > 0")
    tokens = [
        await in_page(page, "client.collections.users.me().then(({ token }) => token)") for page in (first, second)
    ]
    told = [await in_page(page, "told.tokens") for page in (first, second)]
    assert tokens[0] == tokens[1]
    assert told == [[tokens[0]], [tokens[0]]]
    assert len(pages.sent_to("/refresh-token")) == 1


async def test_parallel_requests_of_two_tabs_refresh_once(pages: WebPages) -> None:
    """Requests of both tabs that find the token old wait for one refresh, and all of them are answered."""
    await pages.context.clock.install()
    options = "{ storage: 'localStorage' }"
    tabs = [await pages.open(program(options, signs_in=number == 0)) for number in range(2)]
    find = "globalThis.all = Promise.all(Array.from({ length: 10 }, () => client.from('products').find()))"
    for tab in tabs:
        # The page's time jumps without its timers: the next request is what notices.
        await in_page(tab, f"{{ const now = Date.now; Date.now = () => now() + {LIFE_MS * 95 // 100} }}")
    for tab in tabs:
        await in_page(tab, f"{{ {find} }}")
    answered = [await in_page(tab, "all.then((list) => list.filter(({ data }) => data).length)") for tab in tabs]
    assert answered == [10, 10]
    assert len(pages.sent_to("/refresh-token")) == 1


async def test_who_signs_out_in_one_tab_is_signed_out_in_all(pages: WebPages) -> None:
    """The other tab is told once, forgets the session, and goes on with the client key."""
    options = "{ storage: 'localStorage' }"
    first = await pages.open(program(options, signs_in=True))
    second = await pages.open(program(options, signs_in=False))
    await in_page(first, "client.collections.users.logout()")
    await second.wait_for_function("told.states.length > 0")
    assert await in_page(second, "told.states") == [False]
    assert await in_page(second, "localStorage.length") == 0
    assert await in_page(second, "client.from('products').find().then(({ data }) => data.docs.length)") == 10


async def test_a_session_in_memory_ends_with_its_page(pages: WebPages) -> None:
    """Unless chosen otherwise nothing is stored, and a page that is opened anew has no session."""
    page = await pages.open(program("{}", signs_in=True))
    assert await in_page(page, "localStorage.length + sessionStorage.length") == 0
    other = await pages.open(program("{}", signs_in=False))
    assert (await in_page(other, "refusal(() => client.collections.users.me())"))["code"] == "FORBIDDEN"


async def test_the_cookie_carries_a_session_that_no_script_sees(pages: WebPages) -> None:
    """On the server's own site the session is in the HttpOnly cookie: other tabs have it, no script does."""
    pages.defined["NEXT_PUBLIC_WATCHWORD_URL"] = pages.defined["NEXT_PUBLIC_WATCHWORD_URL"].replace(
        "127.0.0.1", "localhost"
    )
    page = await pages.open(program("{ cookie: true }", signs_in=True))
    other = await pages.open(program("{ cookie: true }", signs_in=False))
    me = await in_page(other, "client.collections.users.me()")
    assert (me["user"]["email"], "token" in me) == ("user@example.com", False)
    assert await in_page(other, "document.cookie + localStorage.length + sessionStorage.length") == "00"
    await in_page(other, "client.collections.users.refresh()")
    assert await in_page(page, "client.collections.users.update({ name: 'Ann' }).then(({ name }) => name)") == "Ann"
    await in_page(page, "client.collections.users.logout()")
    assert (await in_page(other, "refusal(() => client.collections.users.me())"))["code"] == "FORBIDDEN"
    assert await in_page(other, "told.states") == [True, False]


async def test_tabs_with_the_cookie_refresh_once(pages: WebPages) -> None:
    """Though no tab sees the token, one refreshes in time and the others know that it has.

    The clock of these pages is months before the server's: the first refresh tells them how long a token lives.
    """
    api = pages.defined["NEXT_PUBLIC_WATCHWORD_URL"]
    pages.defined["NEXT_PUBLIC_WATCHWORD_URL"] = api.replace("127.0.0.1", "localhost")
    tabs = [await pages.open(program("{ cookie: true }", signs_in=number == 0)) for number in range(2)]
    for tab in tabs:
        await in_page(tab, "client.collections.users.me().then(() => client.collections.users.me())")
    refreshes = len(pages.sent_to("/refresh-token"))
    for tab in tabs:
        await in_page(tab, f"{{ const now = Date.now; Date.now = () => now() + {LIFE_MS * 95 // 100} }}")
    find = "globalThis.all = Promise.all(Array.from({ length: 5 }, () => client.from('products').find()))"
    for tab in tabs:
        await in_page(tab, f"{{ {find} }}")
    answered = [await in_page(tab, "all.then((list) => list.filter(({ data }) => data).length)") for tab in tabs]
    assert answered == [5, 5]
    assert len(pages.sent_to("/refresh-token")) == refreshes + 1


async def test_the_cookie_stays_on_its_own_site(pages: WebPages) -> None:
    """A page of another site signs in and has no session by it: SameSite=Strict keeps the cookie from travelling."""
    page = await pages.open(program("{ cookie: true }", signs_in=True))
    refused = await in_page(page, "refusal(() => client.collections.users.me())")
    assert refused["code"] in {"UNAUTHORIZED", "FORBIDDEN"}


async def test_a_dead_cookie_keeps_nobody_from_reading(pages: WebPages, installation: Api) -> None:
    """A page that finds a cookie whose session has ended elsewhere reads what is public without it."""
    pages.defined["NEXT_PUBLIC_WATCHWORD_URL"] = pages.defined["NEXT_PUBLIC_WATCHWORD_URL"].replace(
        "127.0.0.1", "localhost"
    )
    await pages.open(program("{ cookie: true }", signs_in=True))
    application = installation.application
    user = await application.users.find_user("user@example.com")
    assert user is not None
    tokens = application.session_tokens
    await application.database.transaction(lambda tx: tokens.end_all(tx, user.id, application.clock.now_ms()))
    other = await pages.open(program("{ cookie: true }", signs_in=False))
    assert await in_page(other, "client.from('products').find().then(({ data }) => data.docs.length)") == 10


async def test_no_secret_key_leaves_a_page(pages: WebPages, environment: dict[str, str]) -> None:
    """A secret key in a page is refused by the package with a sentence, before anything is sent."""
    pages.defined["SOFTWARE_SECRET_KEY"] = environment["SOFTWARE_SECRET_KEY"]
    source = HEAD + (
        "const key = process.env.NEXT_PUBLIC_SOFTWARE_CLIENT_KEY, secret = process.env.SOFTWARE_SECRET_KEY\n"
        "globalThis.ended = Promise.all([\n"
        "  refusal(async () => make({ clientKey: secret })),\n"
        "  refusal(async () => createServerClient({ clientKey: key, secretKey: secret })),\n"
        "])"
    )
    page = await pages.open(source)
    assert [refused["code"] for refused in await in_page(page, "ended")] == ["SECRET_KEY_IN_BROWSER"] * 2
    assert pages.sent == []


async def test_no_secret_key_leaves_a_worker(pages: WebPages, environment: dict[str, str]) -> None:
    """A worker of a page is a browser too."""
    pages.defined["SOFTWARE_SECRET_KEY"] = environment["SOFTWARE_SECRET_KEY"]
    source = HEAD + (
        "if (globalThis.document) {\n"
        "  const worker = new Worker('/page.js', { type: 'module' })\n"
        "  globalThis.ended = new Promise((resolve) => { worker.onmessage = ({ data }) => resolve(data) })\n"
        "} else {\n"
        "  const secretKey = process.env.SOFTWARE_SECRET_KEY, clientKey = process.env.NEXT_PUBLIC_SOFTWARE_CLIENT_KEY\n"
        "  refusal(async () => createServerClient({ clientKey, secretKey })).then(postMessage)\n"
        "}"
    )
    page = await pages.open(source)
    assert (await in_page(page, "ended"))["code"] == "SECRET_KEY_IN_BROWSER"


async def test_a_page_that_nobody_listed_is_told_what_may_be_wrong(pages: WebPages, installation: Api) -> None:
    """From an origin on no list nothing is read, and the error's sentence names the likely reason."""
    await list_origin(installation, "https://elsewhere.example")
    page = await pages.open(program("{}", signs_in=False))
    error = await in_page(page, "client.from('products').find().then(({ error }) => [error.code, error.message])")
    assert error[0] == "NETWORK_ERROR"
    assert "origin" in error[1]
