"""The Chromium of the machine, for tests that look at pages or run their scripts."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright


@pytest.fixture(scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """A started browser; where the machine has none, the test is skipped and says what to install."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        missing = "install Chromium (Debian: apt-get install chromium fonts-nanum), or run .ci/run, which does"
        assert "CI" not in os.environ, missing
        pytest.skip(missing)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        await browser.close()
