"""The authorization endpoint: whether a person has to be asked, and for what."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from browser import Browser, answer_in
from oauth_pages_world import CALLBACK, REQUEST, VERIFIER, add_app, authorize_path, sign_in
from oauth_world import SECRET, basic
from support import SetClock
from world import Api

LOOPBACK = "http://127.0.0.1:4100/callback"


async def allow(browser: Browser, path: str, who: str = "editor_a") -> httpx.Response:
    """Go all the way through the pages."""
    return await browser.submit(await sign_in(browser, await browser.get(path), who), decision="allow")


async def test_without_a_page_only_what_was_allowed_before(api: Api, browser: Browser) -> None:
    """prompt=none answers at once, with a code or with what would have been asked (OpenID Connect Core §3.1.2.1)."""
    app = await add_app(api)
    await allow(browser, authorize_path(app))
    assert "code" in answer_in(await browser.get(authorize_path(app, prompt="none")))
    wider = answer_in(await browser.get(authorize_path(app, prompt="none", scope="openid email")))
    assert wider["error"] == "consent_required"
    other = await add_app(api, tenant="b")
    assert answer_in(await browser.get(authorize_path(other, prompt="none")))["error"] == "access_denied"


@pytest.mark.parametrize(
    "wish",
    [
        {"acr_values": "urn:example:gold phr"},
        {"claims": '{"id_token": {"acr": {"essential": true, "values": ["gold"]}, "picture": null}}'},
        {"claims": "no JSON"},
    ],
    ids=["acr_values (§3.1.2.1)", "claims (§5.5)", "broken claims (§5.5)"],
)
async def test_a_wish_that_is_not_served_is_no_error(sqlite_api: Api, wish: dict[str, Any]) -> None:
    """Who asks for a level or for single claims is served as without (OpenID Connect Core §3.1.2.1, §5.5, §5.5.1).

    The metadata says that neither is served; a client that needs an ``acr`` looks for it in the ID token (§3.1.3.7).
    """
    app, browser = await add_app(sqlite_api), Browser(sqlite_api)
    await allow(browser, authorize_path(app))
    assert "code" in answer_in(await browser.get(authorize_path(app, prompt="none", **wish)))


async def test_prompt_login_asks_for_the_password_again(api: Api, browser: Browser, clock: SetClock) -> None:
    """A user who is signed in gives the password once more, for this very request (OpenID Connect Core §3.1.2.1)."""
    app = await add_app(api)
    await allow(browser, authorize_path(app))
    clock.advance(1_000)
    page = await browser.get(authorize_path(app, prompt="login"))
    assert "<h1>Sign in</h1>" in page.text
    assert "<h1>Sign in</h1>" in (await browser.get(str(page.url))).text, "and looking again does not go on"
    assert "code" in answer_in(await sign_in(browser, page))


@pytest.mark.parametrize(("max_age", "asks"), [("60", False), ("59", True), ("0", True)])
async def test_max_age_bounds_how_long_ago_the_sign_in_was(
    api: Api, browser: Browser, clock: SetClock, max_age: str, *, asks: bool
) -> None:
    """At the bound the session is recent enough, past it the password is asked for (OpenID Connect Core §3.1.2.1)."""
    app = await add_app(api)
    await allow(browser, authorize_path(app))
    clock.advance(60_000)
    page = await browser.get(authorize_path(app, max_age=max_age))
    assert ("<h1>Sign in</h1>" in page.text) is asks
    silent = answer_in(await browser.get(authorize_path(app, max_age=max_age, prompt="none")))
    assert ("code" in silent) is not asks
    assert (silent.get("error") == "login_required") is asks
    if asks:
        assert "code" in answer_in(await sign_in(browser, page))


@pytest.mark.parametrize("prompt", ["consent", "select_account"])
async def test_a_client_may_want_the_question(api: Api, browser: Browser, prompt: str) -> None:
    """prompt=consent asks again, and prompt=select_account shows whose account it is, with a way to another."""
    app = await add_app(api)
    await allow(browser, authorize_path(app))
    page = await browser.get(authorize_path(app, prompt=prompt))
    assert "Test asks for access" in page.text
    assert "Use another account" in page.text


async def test_a_hint_of_somebody_else_needs_that_one(api: Api, browser: Browser, clock: SetClock) -> None:
    """An id_token_hint names whom the client means: nobody else gets an answer (OpenID Connect Core §3.1.2.1)."""
    app = await add_app(api)
    code = answer_in(await allow(browser, authorize_path(app)))["code"]
    tokens = await api.client.post(
        "/oauth/token",
        data={"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER, "redirect_uri": CALLBACK},
        headers=basic(app, SECRET),
    )
    hint = tokens.json()["id_token"]
    assert "code" in answer_in(await browser.get(authorize_path(app, prompt="none", id_token_hint=hint)))
    other = Browser(api)
    await allow(other, authorize_path(app), "viewer_a")
    clock.advance(1_000)
    silent = answer_in(await other.get(authorize_path(app, prompt="none", id_token_hint=hint)))
    assert silent["error"] == "login_required"
    page = await other.get(authorize_path(app, id_token_hint=hint))
    assert "<h1>Sign in</h1>" in page.text
    assert answer_in(await sign_in(other, page, "viewer_a"))["error"] == "login_required"
    clock.advance(1_000)
    page = await other.get(authorize_path(app, id_token_hint=hint))
    assert "code" in answer_in(await sign_in(other, page, "editor_a"))
    forged = answer_in(await other.get(authorize_path(app, prompt="none", id_token_hint=hint[:-4] + "AAAA")))
    assert forged["error"] == "invalid_request"


@pytest.mark.parametrize(("kind", "asks"), [("public", True), ("confidential", False)])
async def test_a_native_application_is_asked_about_each_time(
    api: Api, browser: Browser, kind: str, *, asks: bool
) -> None:
    """Anybody can take a native application's place, so a consent is not remembered for it (RFC 8252 §8.6)."""
    app = await add_app(api, kind=kind, redirect_uris=("http://127.0.0.1/callback",))
    path = authorize_path(app, redirect_uri=LOOPBACK)
    assert (await allow(browser, path)).headers["location"].startswith(f"{LOOPBACK}?code=")
    again = await browser.get(path)
    assert ("asks for access" in again.text) is asks
    assert (again.status_code == 303) is not asks


async def test_a_client_may_send_people_with_a_form(api: Api, browser: Browser) -> None:
    """A POST of another site is sent on to our own page, where the browser's session is known."""
    app = await add_app(api)
    await allow(browser, authorize_path(app))
    answer = await browser.send_form(
        "/oauth/authorize", {"client_id": app, **REQUEST}, **{"sec-fetch-site": "cross-site"}
    )
    assert answer.status_code == 303
    assert "code" in answer_in(await browser.get(answer.headers["location"]))
    page = await api.call("POST", "/oauth/authorize", json={"client_id": app})
    assert (page.status_code, page.headers["content-type"]) == (415, "text/html; charset=utf-8")


async def test_a_stranger_of_the_tenant_gets_nothing(api: Api, browser: Browser) -> None:
    """Only a member may let a tenant's client in; others are told so and can go back or be somebody else."""
    app = await add_app(api, tenant="b")
    page = await sign_in(browser, await browser.get(authorize_path(app)))
    assert (page.status_code, "is not a member of Tenant b" in page.text) == (403, True)
    forced = await browser.submit(page, decision="allow")
    assert "is not a member of Tenant b" in forced.text
    assert answer_in(await browser.submit(page, decision="deny"))["error"] == "access_denied"
