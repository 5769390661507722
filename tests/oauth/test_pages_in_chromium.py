"""The pages in a real Chromium: with and without scripts, in both languages, light and dark, wide and narrow.

Screenshots are kept in the directory that ``WATCHWORD_SCREENSHOTS`` names.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route, async_playwright

from oauth_pages_world import CALLBACK, add_app, authorize_path
from support import SetClock
from world import PASSWORD, Api, World, open_api

EMAIL = "editor.a@example.com"
LOOKS: list[tuple[str, Literal["light", "dark"], int]] = [
    (language, scheme, width) for language in ("en", "ko") for scheme in ("light", "dark") for width in (1280, 360)
]

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
        await keep_picture(self.page, f"{name}-{self.name}")
        assert await self.page.evaluate(FAULTS_OF_TEXT) == [], name
        assert await self.page.evaluate(FAULTS_OF_FIELDS) == [], name

    async def sign_in(self, email: str = EMAIL, password: str = PASSWORD) -> None:
        """Fill in the form with the keyboard, as it stands."""
        await self.page.fill("#email", email)
        await self.page.fill("#password", password)
        await self.page.press("#password", "Enter")


async def keep_picture(page: Page, name: str) -> None:
    directory = os.environ.get("WATCHWORD_SCREENSHOTS")
    if directory:
        await page.screenshot(path=Path(directory) / f"{name}.png", full_page=True)


@pytest.fixture(scope="module")
async def installation(template: tuple[Path, World], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """A served copy that the module shares."""
    directory, world = template
    async with open_api(directory, world, tmp_path_factory.mktemp("chromium"), "fast", SetClock()) as api:
        yield api


@pytest.fixture(scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """The Chromium of the machine."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path is not None, "install Chromium (Debian: apt-get install chromium fonts-nanum); .ci/run does"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        await browser.close()


@asynccontextmanager
async def opened(
    chromium: Browser,
    api: Api,
    *,
    language: str = "en",
    scheme: Literal["light", "dark"] = "light",
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


@pytest.mark.parametrize(("language", "scheme", "width"), LOOKS)
async def test_the_way_through_the_pages(
    chromium: Browser, installation: Api, language: str, scheme: Literal["light", "dark"], width: int
) -> None:
    """Without any script a user gets from a request to the client and back to the account; nothing is blocked.

    Every page on the way has contrast, labels, headings and size (WCAG 2.2 §1.4.3, §1.4.10, §2.5.8, §3.3.2).
    """
    app = await add_app(installation, policy_uri="https://app.example/privacy")
    async with opened(chromium, installation, language=language, scheme=scheme, width=width) as seen:
        await seen.open(authorize_path(app))
        assert await seen.page.get_attribute("html", "lang") == language
        await seen.look("sign-in")
        await seen.sign_in(password="wrong")
        await seen.look("sign-in-wrong")
        seen.complaints.clear()  # of the status, 401
        await seen.sign_in()
        await seen.look("consent")
        await seen.page.click("button[value=allow]")
        await seen.page.wait_for_url(f"{CALLBACK}?code=*")
        await seen.open("/oauth/account")
        await seen.look("account")
        await seen.page.click("form:last-of-type button")
        await seen.look("signed-out")
        assert seen.complaints == []


@pytest.mark.parametrize(("language", "scheme", "width"), LOOKS)
async def test_the_other_pages(
    chromium: Browser, installation: Api, language: str, scheme: Literal["light", "dark"], width: int
) -> None:
    """Errors, the choice of tenant and the word to strangers keep the same promises."""
    app, other = await add_app(installation), await add_app(installation, tenant="b")
    async with opened(chromium, installation, language=language, scheme=scheme, width=width) as seen:
        await seen.open("/oauth/authorize?client_id=nobody")
        await seen.look("unknown-client")
        await seen.open(authorize_path(app, redirect_uri="https://evil.example/"))
        await seen.look("unknown-redirect-uri")
        await seen.open(authorize_path(other))
        await seen.sign_in()
        await seen.look("not-a-member")
        await seen.open("/oauth/sign-in")
        await seen.sign_in("outsider@example.com")
        await seen.look("no-tenant")
