"""What the package weighs and gives away."""

from __future__ import annotations

import gzip
from pathlib import Path

from sdk_typescript.package import Package

BROWSER_BYTES_MAX = 6 * 1024
"""What a page downloads for the browser client, compressed: little beside one picture."""


def test_a_page_loads_little(package: Package, directory: Path) -> None:
    """Bundled, minified and compressed, the browser client stays under its bound, and the server's is left out."""
    entry = directory / "entry.mjs"
    entry.write_text("import { createBrowserClient } from '@watchword/sdk'\nglobalThis.make = createBrowserClient\n")
    bundle = package.bundle(entry, directory / "bundle.js").read_bytes()
    assert len(gzip.compress(bundle, 9)) < BROWSER_BYTES_MAX
    assert b"X-API-Key" not in bundle
