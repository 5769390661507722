"""The hooks of the TypeScript package with React and TanStack Query, in a real Chromium against a real server."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Page

from sdk_typescript.node_program import block_of
from sdk_typescript.package import PROJECT, Package
from sdk_typescript.web_pages import WebPages

RENDER = """
import { createElement } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
createRoot(document.body.appendChild(document.createElement('main'))).render(createElement(App))
globalThis.ended = true
"""

HEAD = """
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createBrowserClient } from '@watchword/sdk'
import { createHooks } from '@watchword/sdk/react'
const clientKey = process.env.NEXT_PUBLIC_SOFTWARE_CLIENT_KEY
const client = globalThis.client = createBrowserClient({ clientKey, retry: { maxRetries: 0 } })
const hooks = createHooks(client)
const cache = new QueryClient()
const seen = globalThis.seen = {}
export const App = () => <QueryClientProvider client={cache}><Probe /></QueryClientProvider>
"""
CREDENTIALS = "{ email: 'user@example.com', password: 'password' }"


async def render(pages: WebPages, directory: Path, source: str) -> Page:
    """Open a page that renders the ``App`` of a module."""
    (directory / "app.tsx").write_text(source)
    return await pages.open(RENDER)


async def probe(pages: WebPages, directory: Path, body: str) -> Page:
    """Open a page whose only component has this body and shows nothing."""
    return await render(pages, directory, f"{HEAD}function Probe() {{ {body}; return null }}\n")


async def test_the_printed_component_signs_in_and_out(pages: WebPages, directory: Path) -> None:
    """The README's component lists products, and tells at once who has signed in and that nobody is any more."""
    page = await render(pages, directory, block_of(PROJECT / "README.md", "tsx"))
    await page.wait_for_function("document.querySelectorAll('li').length === 5")
    await page.click("text=Sign in")
    await page.click("text=Sign out user@example.com")
    await page.wait_for_selector("text=Sign in")
    assert len(pages.sent_to("/api/users/logout")) == 1
    assert pages.complaints == []


async def test_what_one_person_read_is_not_shown_to_the_next(pages: WebPages, directory: Path) -> None:
    """A session that ends takes along what was read with it, and lists are asked for anew by whoever is left."""
    body = (
        "const { data: orders, error } = hooks.useCollection('orders')\n"
        "seen.orders = orders?.docs.length ?? error?.code\n"
        "seen.user = hooks.useUser().data?.email"
    )
    page = await probe(pages, directory, body)
    await page.wait_for_function("seen.orders === 'FORBIDDEN' && seen.user === undefined")
    await page.evaluate(f"client.collections.users.login({CREDENTIALS})")
    await page.wait_for_function("seen.orders === 1 && seen.user === 'user@example.com'")
    await page.evaluate("client.collections.users.logout()")
    await page.wait_for_function("seen.orders === 'FORBIDDEN' && seen.user === undefined")
    assert len(pages.sent_to("/api/orders")) == 3
    assert len(pages.sent_to("/api/users/me")) == 1


async def test_a_change_is_seen(pages: WebPages, directory: Path) -> None:
    """What is created, changed or removed is seen in the lists and documents of its collection, and no other is asked for."""
    body = (
        "const where = { name: { equals: 'Tea' } }\n"
        "seen.names = hooks.useCollection('products', { where }).data?.docs.map(({ price }) => price).join()\n"
        "seen.price = hooks.useDocument('products', seen.id).data?.price\n"
        "hooks.useCollection('orders')\n"
        "const slug = 'products'\n"
        "Object.assign(seen, { create: hooks.useCreate(slug), update: hooks.useUpdate(slug), remove: hooks.useRemove(slug) })"
    )
    page = await probe(pages, directory, body)
    await page.evaluate(f"client.collections.users.login({CREDENTIALS})")
    made = "seen.create.mutateAsync({ name: 'Tea', price: 4500, status: 'published' }).then(({ id }) => void (seen.id = id))"
    await page.evaluate(made)
    await page.wait_for_function("seen.names === '4500' && seen.price === 4500")
    orders = len(pages.sent_to("/api/orders"))
    await page.evaluate("void seen.update.mutate({ id: seen.id, data: { price: 5000 } })")
    await page.wait_for_function("seen.names === '5000' && seen.price === 5000")
    await page.evaluate("void seen.remove.mutate(seen.id)")
    await page.wait_for_function("seen.names === ''")
    assert len(pages.sent_to("/api/orders")) == orders


async def test_two_clients_share_nothing(pages: WebPages, directory: Path) -> None:
    """Clients under one cache keep what they read apart, by the names of their hooks."""
    body = (
        "seen.own = hooks.useCollection('products').data?.docs.length\n"
        "seen.other = others.useCollection('products').error?.code"
    )
    other = "const others = createHooks(createBrowserClient({ clientKey: 'pk_live_other' }), 'other')\n"
    page = await render(pages, directory, f"{HEAD}{other}function Probe() {{ {body}; return null }}\n")
    await page.wait_for_function("seen.own === 10 && seen.other === 'UNAUTHORIZED'")


async def test_a_refusal_is_told_once(pages: WebPages, directory: Path) -> None:
    """The error is the package's own, and a request that the client gave up is not repeated by the cache."""
    body = (
        "seen.list = hooks.useCollection('products', { sort: 'nothing' }).error?.code\n"
        "seen.one = hooks.useDocument('products', 'prd_none').error?.code\n"
        "seen.none = hooks.useDocument('products', undefined).fetchStatus\n"
        "seen.login = hooks.useLogin()"
    )
    page = await probe(pages, directory, body)
    await page.wait_for_function("seen.list === 'VALIDATION_ERROR' && seen.one === 'NOT_FOUND' && seen.none === 'idle'")
    refused = "seen.login.mutateAsync({ email: 'user@example.com', password: 'x' }).catch(({ code, status }) => [code, status])"
    assert await page.evaluate(refused) == ["UNAUTHORIZED", 401]
    assert len(pages.sent_to("/api/products")) == 1


def test_who_uses_no_react_loads_none(package: Package, directory: Path) -> None:
    """The entry is a door of its own: a page without it has neither React nor TanStack Query in its bundle."""
    entry = directory / "entry.mjs"
    entry.write_text("export * from '@watchword/sdk'\n")
    assert b"QueryClient" not in package.bundle(entry, directory / "bundle.js").read_bytes()
