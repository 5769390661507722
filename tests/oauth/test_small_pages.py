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


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/oauth/device/decide", 405, "This address is no page to open."),
        ("/t/tenant-a/oauth/sign-out", 405, "This address is no page to open."),
        ("/oauth/acount", 404, "There is no such page."),
        ("/t/tenant-a/oauth/", 404, "There is no such page."),
    ],
)
async def test_a_mistyped_address_is_answered_by_a_page(shared: Api, path: str, status: int, words: str) -> None:
    """Whoever opens the address of a form, or one that is none, reads so: nobody is shown JSON."""
    page = await shared.call("GET", path, headers={"accept": "text/html,*/*;q=0.8", "accept-language": "en"})
    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert words in page.text


async def test_a_refusal_before_an_endpoint_is_its_endpoints(shared: Api) -> None:
    """What is refused before its route is found is told as the endpoint tells its own refusals (RFC 6749 §5.2)."""
    twice = [("authorization", "Basic YTpi"), ("authorization", "Basic Yzpk")]
    answer = await shared.client.request("POST", "/oauth/token", data={"grant_type": "x"}, headers=twice)
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "invalid_request", "error_description": "The header authorization came more than once"},
    )


async def test_no_other_sites_script_reads_a_page(shared: Api) -> None:
    """Not even an origin that the tenant lists may read a page, whose forms carry tokens (ASVS 5.0 V3.4.2)."""
    page = await shared.call("GET", "/oauth/signed-out", headers={"origin": SHOP_ORIGIN})
    assert page.status_code == 200
    assert not [name for name in page.headers if name.startswith("access-control-")]
