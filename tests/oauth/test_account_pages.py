"""A user's own pages: what has access, taking it away, choosing the tenant, signing out."""

from __future__ import annotations

import httpx
import pytest

from browser import Browser, answer_in, forms_of
from oauth_pages_world import CALLBACK, VERIFIER, add_app, authorize_path, sign_in
from oauth_world import basic
from world import OPERATOR, PASSWORD, Api

PAGES = "__Host-watchword-pages"
ACCOUNT = "/t/tenant-a/oauth/account"


async def allow(browser: Browser, app: str, who: str = "editor_a", **changes: str) -> str:
    """Allow a client what it asks for, and return the code that it gets."""
    page = await sign_in(browser, await browser.get(authorize_path(app, **changes)), who)
    return answer_in(await browser.submit(page, decision="allow"))["code"]


async def redeem(api: Api, app: str, code: str) -> httpx.Response:
    """Spend a code at the token endpoint."""
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    return await api.client.post("/oauth/token", data=fields, headers=basic(app))


async def read_products(api: Api, token: str) -> int:
    return (await api.call("GET", "/api/products?limit=1", headers={"authorization": f"Bearer {token}"})).status_code


async def test_a_user_sees_what_has_access(api: Api, browser: Browser) -> None:
    """Each application stands there with what it was allowed and since when, only the user's own in this tenant."""
    await allow(browser, await add_app(api))
    page = await browser.get(ACCOUNT)
    for text in ("editor.a@example.com at Tenant a", "<h3>Test</h3>", "Since 2026-01-07", "<li>Read products</li>"):
        assert text in page.text
    other = Browser(api)
    await sign_in(other, await other.get("/t/tenant-a/oauth/sign-in"), "viewer_a")
    assert "No application has access to your account." in (await other.get(ACCOUNT)).text


async def test_withdrawing_ends_everything_at_once(api: Api, browser: Browser) -> None:
    """With the consent end its access tokens, refresh tokens and codes, and the next time the user is asked again."""
    app = await add_app(api)
    tokens = (await redeem(api, app, await allow(browser, app))).json()
    waiting = answer_in(await browser.get(authorize_path(app)))["code"]
    assert await read_products(api, tokens["access_token"]) == 200
    page = await browser.submit(await browser.get(ACCOUNT))
    assert "The access was withdrawn." in page.text
    assert "No application has access to your account." in page.text
    assert await read_products(api, tokens["access_token"]) == 401
    refreshed = await api.client.post(
        "/oauth/token",
        data={"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]},
        headers=basic(app),
    )
    assert refreshed.json()["error"] == "invalid_grant"
    assert (await redeem(api, app, waiting)).json()["error"] == "invalid_grant"
    assert "asks for access" in (await browser.get(authorize_path(app))).text
    assert "oauth.consent_withdrawn" in [event["event"] for event in api.events()]


@pytest.mark.parametrize("attack", ["forged", "another client's", "another user's", "cross-site", "at the root"])
async def test_only_the_user_takes_access_away(api: Api, browser: Browser, attack: str) -> None:
    """No other site, and no form that was for something else, ends an application's access."""
    app = await add_app(api)
    await allow(browser, app)
    form = forms_of(await browser.get(ACCOUNT))[0]
    fields, headers, path = dict(form.fields), {"sec-fetch-site": "same-origin"}, form.action
    if attack == "forged":
        fields["form_token"] = "made-up"
    elif attack == "another client's":
        fields["client_id"] = await add_app(api)
    elif attack == "another user's":
        other = Browser(api)
        await allow(other, app, "viewer_a")
        fields["form_token"] = forms_of(await other.get(ACCOUNT))[0].fields["form_token"]
    elif attack == "cross-site":
        headers = {"sec-fetch-site": "cross-site"}
    else:
        path = "/oauth/withdraw"
    answer = await browser.send_form(path, fields, **headers)
    assert answer.status_code == (404 if attack == "at the root" else 403)
    assert "<h3>Test</h3>" in (await browser.get(ACCOUNT)).text


async def test_a_strangers_account_is_not_shown(api: Api, browser: Browser) -> None:
    """Without a session one signs in first and comes back; another tenant's pages are not there."""
    page = await browser.get(ACCOUNT)
    assert "<h1>Sign in</h1>" in page.text
    assert "Tenant a" in page.text
    page = await sign_in(browser, page)
    assert "<h1>Your account</h1>" in page.text
    for path in ("/t/tenant-b/oauth/account", "/t/nobodys/oauth/account"):
        missing = await browser.get(path)
        assert (missing.status_code, "There is no such page." in missing.text) == (404, True)


async def test_the_only_tenant_needs_no_choice(api: Api, browser: Browser) -> None:
    """At the root a member of one tenant gets there at once, and one of none is told so."""
    page = await sign_in(browser, await browser.get("/oauth/sign-in"))
    assert "<h1>Your account</h1>" in page.text
    assert "Choose another organisation" not in page.text
    stranger = Browser(api)
    page = await stranger.submit(await stranger.get("/oauth/sign-in"), email="outsider@example.com", password=PASSWORD)
    assert "belongs to no organisation yet" in page.text


async def test_of_several_tenants_the_user_chooses(api: Api, browser: Browser) -> None:
    """At the root a member of several tenants chooses, for the account and for a client that is no tenant's own."""
    now_ms = api.application.clock.now_ms()
    await api.application.members.add(
        api.world.tenants["b"], "editor.a@example.com", role="tenant-viewer", actor=OPERATOR, now_ms=now_ms
    )
    page = await sign_in(browser, await browser.get("/oauth/sign-in"))
    assert "<h1>Choose an organisation</h1>" in page.text
    for name, slug in (("Tenant a", "tenant-a"), ("Tenant b", "tenant-b")):
        assert f'<a href="/t/{slug}/oauth/account">{name}</a>' in page.text
    assert "editor.a@example.com at Tenant b" in (await browser.get("/t/tenant-b/oauth/account")).text
    path = authorize_path("https://app.example/client.json")
    page = await browser.get(path)
    assert f'<a href="/t/tenant-b{path.replace("&", "&amp;")}">Tenant b</a>' in page.text


async def test_a_client_that_is_no_tenants_own_needs_a_user_first(api: Api, browser: Browser) -> None:
    """At the root, before anybody is known, the sign-in comes first and leads on to the only tenant's endpoint."""
    path = authorize_path("https://app.example/client.json")
    page = await browser.get(path)
    assert "<h1>Sign in</h1>" in page.text
    answer = await browser.post(page, email="editor.a@example.com", password=PASSWORD)
    assert answer.headers["location"] == path
    last = await api.call("GET", path, headers={"cookie": f"{PAGES}={browser.cookies[PAGES]}"})
    assert (last.status_code, last.headers["location"]) == (303, f"/t/tenant-a{path}")
    posted = await browser.send_form("/oauth/authorize", {"client_id": "https://app.example/client.json"})
    assert (posted.status_code, "TENANT_NOT_NAMED" in posted.text) == (400, True)


async def test_signing_out_ends_the_session_everywhere(api: Api, browser: Browser) -> None:
    """The cookie goes, the session ends for whoever has a copy, and access without offline_access ends with it."""
    app = await add_app(api)
    access = (await redeem(api, app, await allow(browser, app))).json()["access_token"]
    copied = dict(browser.cookies)
    page = await browser.get(ACCOUNT)
    answer = await browser.post(page, len(forms_of(page)) - 1)
    assert (answer.status_code, answer.headers["location"]) == (303, "/t/tenant-a/oauth/signed-out")
    assert PAGES not in browser.cookies
    assert "You are signed out" in (await browser.get("/t/tenant-a/oauth/signed-out")).text
    browser.cookies = copied
    assert "<h1>Sign in</h1>" in (await browser.get(ACCOUNT)).text
    assert await read_products(api, access) == 401
    assert [event["event"] for event in api.events()][-1] == "user.logged_out"


async def test_no_other_site_signs_anybody_out(api: Api, browser: Browser) -> None:
    """Signing out needs the account page's own form; without a session there is nothing to end."""
    await sign_in(browser, await browser.get("/t/tenant-a/oauth/sign-in"))
    for fields, site in (({"form_token": "made-up"}, "same-origin"), ({}, "cross-site")):
        answer = await browser.send_form("/t/tenant-a/oauth/sign-out", fields, **{"sec-fetch-site": site})
        assert (answer.status_code, PAGES in browser.cookies) == (403, True)
    assert "<h1>Your account</h1>" in (await browser.get(ACCOUNT)).text
    stranger = await Browser(api).send_form("/oauth/sign-out", {})
    assert stranger.headers["location"] == "/oauth/signed-out"
