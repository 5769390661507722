"""A window of a real Chromium onto the pages, and what is promised of every page that is seen in it.

Screenshots are kept in the directory that ``SCREENSHOTS_DIRECTORY`` names.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, BrowserContext, Page, Route

from world import PASSWORD, Api

EMAIL = "editor.a@example.com"
Scheme = Literal["light", "dark"]

FAULTS_OF_TEXT = """() => {
  const channel = (value) => { const c = value / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const luminance = (rgb) => 0.2126 * channel(rgb[0]) + 0.7152 * channel(rgb[1]) + 0.0722 * channel(rgb[2]);
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const backOf = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const back = parse(getComputedStyle(one).backgroundColor);
      if (back.length === 3 || back[3] === 1) return back;
    }
    return [255, 255, 255];
  };
  const faults = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    const [one, two] = [parse(getComputedStyle(element).color), backOf(element)].map(luminance);
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.5) faults.push(`${walker.currentNode.data.trim()}: ${ratio.toFixed(2)}`);
  }
  return faults;
}"""
"""Every text on the page whose contrast is under 4.5 to 1 (WCAG 2.2 §1.4.3)."""

FAULTS_OF_FIELDS = """() => {
  const faults = [];
  for (const field of document.querySelectorAll('input:not([type=hidden])')) {
    if (field.labels.length !== 1) faults.push(`${field.name} has no label`);
    for (const id of (field.getAttribute('aria-describedby') || '').split(' ').filter(Boolean))
      if (!document.getElementById(id)) faults.push(`${field.name} is described by nothing`);
  }
  for (const element of document.querySelectorAll('button, input:not([type=hidden]), a.button')) {
    if (element.getBoundingClientRect().height < 44) faults.push(`${element.textContent} is small`);
  }
  if (document.querySelectorAll('h1').length !== 1) faults.push('not one h1');
  if (document.querySelectorAll('main').length !== 1) faults.push('not one main');
  if (document.documentElement.scrollWidth > window.innerWidth) faults.push('wider than the window');
  return faults;
}"""
"""Fields without a label, targets too small for a finger, wrong headings, and what sticks out to the right."""


FOCUSED = """() => {
  const element = document.activeElement;
  const style = getComputedStyle(element);
  if (style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 2) return 'nothing that one sees';
  return element.name && element.tagName === 'INPUT' ? element.name : element.textContent.trim();
}"""


class Seen:
    """A page in one look, with all that the browser complained about."""

    def __init__(self, page: Page, api: Api, name: str) -> None:
        self.page = page
        self.api = api
        self.name = name
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    async def open(self, path: str) -> None:
        """Open an address of the installation."""
        await self.page.goto(f"{str(self.api.client.base_url).rstrip('/')}{path}")

    async def look(self, name: str) -> None:
        """Hold what is shown against what is promised of every page, and keep a picture of it."""
        # A click waits for the next page's beginning; without its style sheet nothing has its size yet.
        await self.page.wait_for_load_state("load")
        await keep_picture(self.page, f"{name}-{self.name}")
        assert await self.page.evaluate(FAULTS_OF_TEXT) == [], name
        assert await self.page.evaluate(FAULTS_OF_FIELDS) == [], name

    async def focused(self) -> str:
        """Return the name of what has the focus; it has to be visible that it has."""
        name: str = await self.page.evaluate(FOCUSED)
        return name

    async def sign_in(self, email: str = EMAIL, password: str = PASSWORD) -> None:
        """Fill in the form with the keyboard, as it stands, and wait for the next page with its style."""
        await self.page.fill("#email", email)
        await self.page.fill("#password", password)
        async with self.page.expect_navigation(wait_until="load"):
            await self.page.press("#password", "Enter")


async def keep_picture(page: Page, name: str) -> None:
    directory = os.environ.get("SCREENSHOTS_DIRECTORY")
    if directory:
        await page.screenshot(path=Path(directory) / f"{name}.png", full_page=True)


@asynccontextmanager
async def opened(
    chromium: Browser,
    api: Api,
    *,
    language: str = "en",
    scheme: Scheme = "light",
    width: int = 1280,
    scripts: bool = False,
) -> AsyncIterator[Seen]:
    """Open a window; the client's own site answers with an empty page."""
    context = await chromium.new_context(
        locale={"en": "en-US", "ko": "ko-KR"}[language],
        color_scheme=scheme,
        viewport={"width": width, "height": 800},
        java_script_enabled=scripts,
    )
    await _stand_in_for_the_client(context)
    try:
        yield Seen(await context.new_page(), api, f"{language}-{scheme}-{width}")
    finally:
        await context.close()


async def _stand_in_for_the_client(context: BrowserContext) -> None:
    async def answer(route: Route) -> None:
        await route.fulfill(status=200, content_type="text/html", body="<title>Client</title>")

    await context.route("https://app.example/**", answer)
