"""From a client's request through the pages to its answer."""

from __future__ import annotations

import pytest

from browser import Browser, answer_in, forms_of
from oauth_pages_world import CALLBACK, add_app, authorize_path, sign_in
from world import Api


@pytest.fixture
def browser(api: Api) -> Browser:
    """A browser that nobody is signed in with."""
    return Browser(api)


async def test_a_user_signs_in_allows_and_is_sent_back_with_a_code(api: Api, browser: Browser) -> None:
    """The whole way: sign-in, consent, and a code with state and iss at the client's own address."""
    app = await add_app(api)
    page = await browser.get(authorize_path(app))
    assert "<h1>Sign in</h1>" in page.text
    assert "Test" in page.text
    page = await sign_in(browser, page)
    assert "Test asks for access" in page.text
    for text in ("editor.a@example.com", "Tenant a", "Read products", "Know that it is you", "app.example"):
        assert text in page.text
    answer = await browser.submit(page, decision="allow")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{CALLBACK}?code=")
    fields = answer_in(answer)
    assert set(fields) == {"code", "state", "iss"}
    assert fields["state"] == "s t/a&te"
    assert fields["iss"] == f"{api.application.settings.url}/t/tenant-a"


async def test_what_was_allowed_is_remembered(api: Api, browser: Browser) -> None:
    """The second time the same client gets its code at once; for more than before the user is asked again."""
    app = await add_app(api)
    await browser.submit(await sign_in(browser, await browser.get(authorize_path(app))), decision="allow")
    again = await browser.get(authorize_path(app))
    assert set(answer_in(again)) == {"code", "state", "iss"}
    more = await browser.get(authorize_path(app, scope="openid products:write"))
    assert "Test asks for access" in more.text


async def test_no_is_an_answer(api: Api, browser: Browser) -> None:
    """Who denies is sent back with access_denied and no code (RFC 6749 §4.1.2.1)."""
    app = await add_app(api)
    page = await sign_in(browser, await browser.get(authorize_path(app)))
    fields = answer_in(await browser.submit(page, decision="deny"))
    assert (fields["error"], fields["state"]) == ("access_denied", "s t/a&te")
    assert "iss" in fields
    assert len(forms_of(page)) == 1
