"""The example shop in a real Chromium: products, a log-in, and an order through its own small server.

Pictures are kept in the directory that ``SCREENSHOTS_DIRECTORY`` names.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, Page

from sdk_typescript.installation import DOCUMENT_EMAIL, DOCUMENT_PASSWORD, free_port, list_origin
from sdk_typescript.package import Package
from world import Api

SERVER = Path(__file__).resolve().parents[2] / "examples" / "shop" / "server.py"


@pytest.fixture
async def shop(package: Package, installation: Api, environment: dict[str, str]) -> AsyncIterator[str]:
    """The shop's own server in a process of its own; its address."""
    command = (sys.executable, str(SERVER), str(free_port()), str(package.modules / "@watchword" / "sdk" / "dist"))
    process = await asyncio.create_subprocess_exec(
        *command,
        env={
            "PATH": "",
            "WATCHWORD_URL": environment["WATCHWORD_URL"],
            "WATCHWORD_CLIENT_KEY": environment["NEXT_PUBLIC_SOFTWARE_CLIENT_KEY"],
            "WATCHWORD_SECRET_KEY": environment["SOFTWARE_SECRET_KEY"],
        },
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        url = (await process.stdout.readline()).decode().strip()
        await list_origin(installation, url)
        yield url
    finally:
        process.kill()
        await process.wait()


async def keep_picture(page: Page, name: str) -> None:
    """Keep a picture of the page where one is wanted."""
    if directory := os.environ.get("SCREENSHOTS_DIRECTORY"):
        await page.screenshot(path=Path(directory) / name)


async def test_the_shop_sells(chromium: Browser, shop: str, installation: Api) -> None:
    """Whoever logs in orders a product, and the order is theirs, at the product's own price."""
    page = await chromium.new_page(viewport={"width": 1100, "height": 760})
    try:
        await page.goto(shop)
        await page.wait_for_selector("article")
        assert await page.locator("article").count() == 12
        assert await page.locator("article button:enabled").count() == 0
        await keep_picture(page, "example-shop-signed-out.png")
        await page.fill("[name=email]", DOCUMENT_EMAIL)
        await page.fill("[name=password]", "wrong")
        await page.click("#login button")
        await page.wait_for_selector("#message.refused")
        await page.fill("[name=password]", DOCUMENT_PASSWORD)
        await page.press("[name=password]", "Enter")
        await page.wait_for_selector("#account:not([hidden])")
        await page.click("article:has-text('live a 3') button")
        await page.wait_for_function("document.getElementById('message').textContent.startsWith('Ordered')")
        number = (await page.inner_text("#message")).rpartition(" ")[2]
        await keep_picture(page, "example-shop.png")
    finally:
        await page.close()
    order = (await installation.call("GET", f"/api/orders/by-number/{number}", who="sk_live_a")).json()
    assert (order["email"], order["totalAmount"], order["status"]) == (DOCUMENT_EMAIL, 300, "pending")


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({}, b'{"product": "prd_1"}', 400),
        ({"authorization": "Bearer not-a-token"}, b'{"product": "prd_1"}', 401),
        ({"authorization": "Bearer not-a-token"}, b"", 400),
        ({"authorization": "Bearer not-a-token"}, b"[1]", 400),
    ],
)
async def test_the_shop_orders_for_nobody_else(shop: str, headers: dict[str, str], content: bytes, status: int) -> None:
    """Without a session, or with what is no order, nothing is ordered."""
    async with httpx.AsyncClient(base_url=shop, timeout=60) as client:
        answer = await client.post("/order", content=content, headers=headers)
    assert answer.status_code == status


@pytest.mark.parametrize("path", ["/server.py", "/../server.py", "/sdk/../package.json", "/page/index.html"])
async def test_the_shop_gives_out_its_page_only(shop: str, path: str) -> None:
    """No file outside of the page and the package is to be had."""
    async with httpx.AsyncClient(base_url=shop, timeout=60) as client:
        assert (await client.get(path)).status_code == 404
