"""What is the same for everybody: the style sheet, the script, the page after signing out, and errors as pages."""

from __future__ import annotations

import pytest

from world import SHOP_ORIGIN, Api


async def test_a_file_of_the_pages_is_served(shared: Api) -> None:
    """The style sheet is served, and nothing else of the folder."""
    style = await shared.call("GET", "/oauth/files/pages.css?v=1")
    assert (style.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    for name in ("words.en.json", "..%2Fmodels.py", "%2e%2e", "sign_in.html"):
        assert (await shared.call("GET", f"/oauth/files/{name}")).status_code == 404


@pytest.mark.parametrize("path", ["/oauth/signed-out", "/t/tenant-a/oauth/signed-out"])
async def test_the_page_after_signing_out(shared: Api, path: str) -> None:
    """Whoever signed out is told so, in the language of the browser."""
    page = await shared.call("GET", path, headers={"accept-language": "ko-KR"})
    assert (page.status_code, page.headers["content-language"]) == (200, "ko")
    assert "로그아웃되었습니다" in page.text
    assert ("Tenant a" in page.text) is path.startswith("/t/")
    assert f'href="{path.replace("signed-out", "sign-in")}"' in page.text


async def test_an_error_at_a_page_is_a_page(shared: Api) -> None:
    """Whoever looks at a page reads its errors as one, with what protects every page."""
    page = await shared.call("GET", "/oauth/files/none", headers={"accept-language": "en"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "There is no such page." in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"


async def test_no_other_sites_script_reads_a_page(shared: Api) -> None:
    """Not even an origin that the tenant lists may read a page, whose forms carry tokens (ASVS 5.0 V3.4.2)."""
    page = await shared.call("GET", "/oauth/signed-out", headers={"origin": SHOP_ORIGIN})
    assert page.status_code == 200
    assert not [name for name in page.headers if name.startswith("access-control-")]
