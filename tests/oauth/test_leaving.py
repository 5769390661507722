"""Addresses that strangers registered: nobody is sent there by us without being asked (RFC 9700 §4.11.2)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import pytest

from browser import Browser, forms_of
from oauth_flow import Flow
from oauth_pages_world import CALLBACK, add_app, add_stranger, authorize_path, become_stranger, sign_in
from world import Api

HOST = "app.example"
SOURCES = ("registration", "metadata document")
PAGES = "__Host-watchword-pages"


@pytest.fixture
def api(sqlite_api: Api) -> Api:
    """One door and database are enough: nothing here differs between them."""
    return sqlite_api


def require_leaving(page: httpx.Response, error: str | None = None, *, host: str = HOST) -> None:
    """Hold an answer to be the page in between: it leads nowhere by itself and tells where the way would lead."""
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert not {"location", "refresh"} & set(page.headers)
    assert "<script" not in page.text
    assert "script-src" not in page.headers["content-security-policy"]
    assert host in page.text
    assert '<span class="brand-name">Tenant a</span>' in page.text
    if error is not None:
        assert error in page.text


def faults(silent: str) -> list[tuple[dict[str, Any], str]]:
    """Return what may be wrong with a request, and the error; ``silent`` is that of one which wants no page."""
    return [
        ({"prompt": "none"}, silent),
        ({"scope": "nonsense"}, "invalid_scope"),
        ({"response_type": "token"}, "unauthorized_client"),
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"request": "eyJ"}, "request_not_supported"),
    ]


@pytest.mark.parametrize("source", SOURCES)
async def test_a_strangers_faulty_request_leads_nowhere(api: Api, source: str) -> None:
    """An erroneous or silent request shows a page, before anybody signs in and after (RFC 9700 §4.11.2)."""
    app, browser = await add_stranger(api, source), Browser(api)
    for silent in ("login_required", "consent_required"):
        for changes, error in faults(silent):
            require_leaving(await browser.get(authorize_path(app, **changes)), f"error={error}")
        await sign_in(browser, await browser.get("/oauth/sign-in"), "viewer_a")


async def test_the_same_of_an_administrators_client_goes_at_once(api: Api) -> None:
    """Whom an administrator registered is told at once, silent requests above all (OpenID Connect Core §3.1.2.6)."""
    app = await add_app(api)
    for changes, error in faults("login_required"):
        answer = await api.call("GET", authorize_path(app, **changes))
        assert answer.status_code == 303
        assert answer.headers["location"].replace("#", "?").startswith(f"{CALLBACK}?error={error}&")


async def test_a_link_carries_the_answer_whole(api: Api) -> None:
    """Who goes on brings the client the error, its state and the issuer (RFC 6749 §4.1.2.1, RFC 9207 §2)."""
    app = await add_stranger(api)
    page = await api.call("GET", authorize_path(app, prompt="none", state='"><b>&x'))
    [link] = [part.partition('"')[0] for part in page.text.split('href="') if part.startswith("https://app.example")]
    assert "<b>" not in page.text
    told = dict(parse_qsl(urlsplit(link.replace("&amp;", "&").replace("&#34;", '"')).query))
    assert (told["error"], told["state"]) == ("login_required", '"><b>&x')
    assert told["iss"] == f"{api.application.settings.url}/t/tenant-a"


async def test_a_form_is_sent_by_the_person_alone(api: Api) -> None:
    """With response_mode=form_post the answer stands in a form that no script sends."""
    app = await add_stranger(api)
    page = await api.call("GET", authorize_path(app, prompt="none", response_mode="form_post"))
    require_leaving(page)
    [form] = forms_of(page)
    assert (form.action, form.fields["error"]) == (CALLBACK, "login_required")
    assert "form-action 'self' https:;" in page.headers["content-security-policy"]


async def test_who_denies_is_not_sent_on(api: Api) -> None:
    """Declined or not, a consent page would else lead to the stranger's site (RFC 9700 §4.11.2, the second attack)."""
    app, browser = await add_stranger(api), Browser(api)
    asked = await sign_in(browser, await browser.get(authorize_path(app)))
    assert "If you allow it, you will be sent on to" in asked.text
    require_leaving(await browser.submit(asked, decision="deny"), "error=access_denied")


async def test_who_is_no_member_is_not_sent_on(api: Api) -> None:
    """Neither is whoever cannot allow anything, and goes back."""
    app, browser = await add_stranger(api), Browser(api)
    page = await sign_in(browser, await browser.get(authorize_path(app)), "editor_b")
    assert page.status_code == 403
    require_leaving(await browser.submit(page, decision="deny"), "error=access_denied")


async def test_who_allows_is_sent_on(api: Api) -> None:
    """Consent is the person's word: the code goes to the client at once, and silently the next time."""
    app, browser = await add_stranger(api), Browser(api)
    asked = await sign_in(browser, await browser.get(authorize_path(app)))
    allowed = await browser.submit(asked, decision="allow")
    assert allowed.headers["location"].startswith(f"{CALLBACK}?code=")
    again = await browser.get(authorize_path(app, prompt="none"))
    assert again.headers["location"].startswith(f"{CALLBACK}?code=")


@pytest.mark.parametrize("uri", ["http://127.0.0.1/cb", "http://[::1]:4100/cb", "http://localhost/cb"])
async def test_a_native_application_is_told_at_once(api: Api, uri: str) -> None:
    """No stranger has a site on the person's own machine: what listens there is told at once (RFC 8252 §7.3)."""
    app = await add_stranger(api, kind="public", redirect_uris=(uri,))
    presented = uri.replace("localhost/", "localhost:999/")
    answer = await api.call("GET", authorize_path(app, redirect_uri=presented, prompt="none"))
    assert answer.headers["location"].startswith(f"{presented}?error=login_required")


@pytest.mark.parametrize("uri", ["http://localhost.evil.example/cb", "https://127.0.0.1/cb", "com.example.app:/cb"])
async def test_what_only_looks_like_ones_own_machine_is_not(api: Api, uri: str) -> None:
    """Other hosts, and applications that somebody may have put there, are gone to by a click alone."""
    app = await add_stranger(api, kind="public", redirect_uris=(uri,))
    page = await api.call("GET", authorize_path(app, redirect_uri=uri, prompt="none"))
    require_leaving(page, host=urlsplit(uri).netloc or "com.example.app")


async def test_the_page_speaks_the_persons_language(api: Api) -> None:
    """In Korean where the browser or the request asks for it."""
    app = await add_stranger(api)
    for path, headers in (
        (authorize_path(app, prompt="none"), {"accept-language": "ko"}),
        (authorize_path(app, prompt="none", ui_locales="ko-KR"), {}),
    ):
        page = await api.call("GET", path, headers=headers)
        assert "이 사이트를 떠납니다" in page.text
        assert page.headers["content-language"] == "ko"


# Signing out


async def stranger_flow(api: Api) -> Flow:
    flow = await Flow.begin(api, post_logout_redirect_uris=(f"https://{HOST}/out",))
    await become_stranger(api, flow.client.id)
    return flow


def logout_path(flow: Flow, **more: str) -> str:
    query = "".join(f"&{name}={quote(value)}" for name, value in more.items())
    return f"/oauth/logout?client_id={flow.client.id}&post_logout_redirect_uri=https://{HOST}/out{query}"


async def test_a_strangers_logout_leads_nowhere(api: Api) -> None:
    """A link to sign out sends nobody to a stranger's site (OpenID Connect RP-Initiated Logout §3, RFC 9700 §4.11.2)."""
    flow = await stranger_flow(api)
    require_leaving(await api.call("GET", logout_path(flow, state="x")), "/out?state=x")
    cookie = {"cookie": f"{PAGES}={api.world.tokens['editor_a']}"}
    browser = Browser(api)
    browser.cookies[PAGES] = api.world.tokens["editor_a"]
    asked = await api.call("GET", logout_path(flow), headers=cookie)
    done = await browser.submit(asked, decision="allow")
    require_leaving(done)
    assert f"{PAGES}=; Max-Age=0" in done.headers["set-cookie"]
    assert (await api.call("GET", "/api/users/me", who="editor_a")).status_code == 401


async def test_a_stranger_who_shows_the_sessions_id_token_is_believed(api: Api) -> None:
    """With an ID token of the very session the person had let that client in: the browser goes on at once (§3)."""
    flow = await stranger_flow(api)
    tokens = await flow.tokens()
    cookie = {"cookie": f"{PAGES}={api.world.tokens['editor_a']}"}
    answer = await api.call("GET", logout_path(flow, id_token_hint=tokens["id_token"]), headers=cookie)
    assert (answer.status_code, answer.headers["location"]) == (303, f"https://{HOST}/out")
    require_leaving(await api.call("GET", logout_path(flow, id_token_hint=tokens["id_token"])))
