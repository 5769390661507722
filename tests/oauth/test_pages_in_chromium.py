"""The pages in a real Chromium: with and without scripts, in both languages, light and dark, wide and narrow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.async_api import Browser

from chromium_pages import Scheme, Seen, opened
from oauth_pages_world import CALLBACK, add_app, add_stranger, authorize_path
from oauth_world import add_client
from support import SetClock
from world import OPERATOR, Api, World, open_api

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
LOOKS: list[tuple[str, Scheme, int]] = [
    ("en", "light", 1280),
    ("en", "dark", 360),
    ("ko", "light", 360),
    ("ko", "dark", 1280),
]
"""Each language in each light and at each width, in as few ways through the pages as that takes."""


@pytest.fixture(scope="module")
async def installation(template: tuple[Path, World], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """A served copy that the module shares."""
    directory, world = template
    async with open_api(directory, world, tmp_path_factory.mktemp("chromium"), "fast", SetClock()) as api:
        yield api


@pytest.mark.parametrize(("language", "scheme", "width"), LOOKS)
async def test_the_way_through_the_pages(
    chromium: Browser, installation: Api, language: str, scheme: Scheme, width: int
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
        await seen.page.click("form[action$=withdraw] button")
        await seen.look("withdrawn")
        await seen.page.click("form[action$=sign-out] button")
        await seen.look("signed-out")
        assert seen.page.url.endswith("/oauth/signed-out")
        assert seen.complaints == []


@pytest.mark.parametrize(("language", "scheme", "width"), LOOKS)
async def test_the_other_pages(chromium: Browser, installation: Api, language: str, scheme: Scheme, width: int) -> None:
    """Errors, the choice of tenant and the word to strangers keep the same promises."""
    app, other = await add_app(installation), await add_app(installation, tenant="b")
    async with opened(chromium, installation, language=language, scheme=scheme, width=width) as seen:
        await seen.open("/oauth/authorize?client_id=nobody")
        await seen.look("unknown-client")
        await seen.open(authorize_path(app, redirect_uri="https://evil.example/"))
        await seen.look("unknown-redirect-uri")
        await seen.open(authorize_path(await add_stranger(installation), prompt="none"))
        await seen.look("leaving")
        await seen.open(authorize_path(other))
        await seen.sign_in()
        await seen.look("not-a-member")
        await seen.open("/oauth/sign-in")
        await seen.sign_in("outsider@example.com")
        await seen.look("no-tenant")
        now_ms = installation.application.clock.now_ms()
        await installation.application.members.add(
            installation.world.tenants["b"], "viewer.a@example.com", role="tenant-viewer", actor=OPERATOR, now_ms=now_ms
        )
        await seen.open("/oauth/sign-in")
        await seen.sign_in("viewer.a@example.com")
        await seen.look("choose-tenant")
        await installation.application.members.remove(
            installation.world.tenants["b"], installation.world.users["viewer_a"], actor=OPERATOR, now_ms=now_ms
        )
        await seen.open("/oauth/logout")
        await seen.look("sign-out")


@pytest.mark.parametrize(("language", "scheme", "width"), LOOKS)
async def test_the_way_of_a_device(
    chromium: Browser, installation: Api, language: str, scheme: Scheme, width: int
) -> None:
    """The code of a device is typed, asked about and done with, without any script."""
    device = await add_client(
        installation.application, installation.world.tenants["a"], kind="public", grants=(DEVICE,)
    )
    begun = await installation.client.post(
        "/oauth/device_authorization", data={"client_id": device, "scope": "products:read"}
    )
    async with opened(chromium, installation, language=language, scheme=scheme, width=width) as seen:
        await seen.open("/oauth/device")
        await seen.sign_in()
        await seen.look("device")
        await seen.page.fill("#user_code", "WRNG-CODE")
        await seen.page.press("#user_code", "Enter")
        await seen.look("device-wrong")
        seen.complaints.clear()  # of the status, 400
        await seen.page.fill("#user_code", begun.json()["user_code"].lower())
        await seen.page.press("#user_code", "Enter")
        await seen.look("device-confirm")
        await seen.page.click("button[value=allow]")
        await seen.look("device-done")
        assert seen.complaints == []


@pytest.mark.parametrize("scripts", [True, False])
async def test_an_answer_in_a_form_reaches_the_client(chromium: Browser, installation: Api, *, scripts: bool) -> None:
    """The form of response_mode=form_post is sent by our one script, or by whoever presses its button."""
    app = await add_app(installation)
    async with opened(chromium, installation, scripts=scripts) as seen:
        async with seen.page.expect_request(lambda request: request.url == CALLBACK) as sent:
            await seen.open(authorize_path(app, response_mode="form_post", prompt="none"))
            if not scripts:
                await seen.look("form-post")
                await seen.page.click("button")
        request = await sent.value
        assert (request.method, "error=login_required" in (request.post_data or "")) == ("POST", True)
        assert seen.complaints == []


@pytest.mark.parametrize(
    "uri", ["http://[::1]:4100/callback", "http://127.0.0.1:4100/callback", "com.example.app:/callback"]
)
async def test_no_policy_keeps_a_native_application_from_its_answer(
    chromium: Browser, installation: Api, uri: str
) -> None:
    """Where a form leads the browser may go, for each kind of address that an application has (RFC 8252 §7)."""
    app = await add_app(installation, kind="public", redirect_uris=(uri,))
    async with opened(chromium, installation) as seen:
        await seen.open(authorize_path(app, redirect_uri=uri))
        await seen.sign_in()
        await seen.page.click("button[value=deny]", no_wait_after=True)
        await seen.page.wait_for_timeout(500)
        assert not [complaint for complaint in seen.complaints if "form-action" in complaint]


@pytest.mark.parametrize("decision", ["allow", "deny"])
async def test_an_answer_arrives_at_a_native_applications_ipv6_address(
    chromium: Browser, installation: Api, decision: str
) -> None:
    """A policy cannot name ``[::1]`` (CSP Level 3 §2.3.1): the browser goes there from the form all the same."""
    received: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readline()).decode()
        if not received.done():
            received.set_result(line)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(listen, "::1", 0) as server, opened(chromium, installation) as seen:
        uri = f"http://[::1]:{server.sockets[0].getsockname()[1]}/callback"
        app = await add_app(installation, kind="public", redirect_uris=("http://[::1]/callback",))
        await seen.open(authorize_path(app, redirect_uri=uri))
        await seen.sign_in()
        await seen.page.click(f"button[value={decision}]", no_wait_after=True)
        line = await asyncio.wait_for(received, 20)
        assert line.startswith("GET /callback?code=" if decision == "allow" else "GET /callback?error=access_denied")
        assert seen.complaints == []


async def test_a_client_sends_the_browser_on_to_another_site(chromium: Browser, installation: Api) -> None:
    """Browsers hold a client's own redirects to the policy of our form: none keeps a person from arriving."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        head = b"302 Found\r\nlocation: " + home.encode() if b"/callback" in line else b"200 OK"
        writer.write(b"HTTP/1.1 " + head + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server, opened(chromium, installation) as seen:
        port = server.sockets[0].getsockname()[1]
        uri, home = f"http://127.0.0.1:{port}/callback", f"http://localhost:{port}/home"
        app = await add_app(installation, redirect_uris=(uri,), post_logout_redirect_uris=(uri,))
        path = authorize_path(app, redirect_uri=uri)
        await seen.open(path)
        await seen.sign_in()
        await seen.page.click("button[value=allow]")
        await seen.page.wait_for_url(home)
        await seen.open(f"/oauth/logout?client_id={app}&post_logout_redirect_uri={uri}")
        await seen.page.click("button[value=allow]")
        await seen.page.wait_for_url(home)
        await seen.open(f"/oauth/sign-in?next={quote(path, safe='')}")
        await seen.sign_in()
        await seen.page.wait_for_url(home)
        assert not [complaint for complaint in seen.complaints if "form-action" in complaint]


async def test_a_client_hears_from_the_window_that_it_opened(chromium: Browser, installation: Api) -> None:
    """A client that opens the request in a window of its own is told there: no page on the way cuts the two off."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        page = b"<script>opener.postMessage(location.search, '*')</script>" if b"/callback" in line else b"<p>Client"
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n" + page)
        writer.close()

    async with (
        await asyncio.start_server(answer, "127.0.0.1", 0) as server,
        opened(chromium, installation, scripts=True) as seen,
    ):
        site = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        app = await add_app(installation, redirect_uris=(f"{site}/callback",))
        path = authorize_path(app, redirect_uri=f"{site}/callback")
        await seen.page.goto(site)
        async with seen.page.expect_popup() as opening:
            await seen.page.evaluate(
                "address => { window.other = open(address, 'other', 'popup');"
                " addEventListener('message', event => { window.told = event.data; }); }",
                f"{str(installation.client.base_url).rstrip('/')}{path}",
            )
        other = Seen(await opening.value, installation, "other")
        await other.sign_in()
        assert await seen.page.evaluate("() => other.closed") is False
        await other.page.click("button[value=allow]")
        await seen.page.wait_for_function("() => (window.told || '').startsWith('?code=')")


async def test_no_site_can_show_a_page_in_a_frame(chromium: Browser, installation: Api) -> None:
    """A page in another site's frame stays empty: nothing can be laid over its buttons (RFC 9700 §4.16)."""
    address = f"{str(installation.client.base_url).rstrip('/')}/oauth/sign-in"
    async with opened(chromium, installation, scripts=True) as seen:
        await seen.page.goto("https://app.example/")
        await seen.page.set_content(f'<iframe src="{address}"></iframe>')
        await seen.page.wait_for_timeout(500)
        assert [await frame.query_selector("form") for frame in seen.page.frames] == [None, None]
        assert seen.page.frames[1].url.startswith("chrome-error:")


async def test_the_keyboard_goes_through_a_page_in_its_order(chromium: Browser, installation: Api) -> None:
    """Each field, button and link is reached by the keyboard, and shows that it is (WCAG 2.2 §2.1.1, §2.4.7)."""
    app = await add_app(installation)
    async with opened(chromium, installation) as seen:
        await seen.open(authorize_path(app))
        reached = [await seen.focused()]
        for _ in range(2):
            await seen.page.keyboard.press("Tab")
            reached.append(await seen.focused())
        assert reached == ["email", "password", "Sign in"]
        await seen.sign_in()
        reached = []
        for _ in range(3):
            await seen.page.keyboard.press("Tab")
            reached.append(await seen.focused())
        assert reached == ["Allow", "Deny", "Use another account"]


async def test_a_screen_reader_is_told_what_everything_is(chromium: Browser, installation: Api) -> None:
    """Fields have names and descriptions, a refusal is an alert, and what only decorates is left out."""
    async with opened(chromium, installation) as seen:
        await seen.open("/oauth/sign-in")
        await seen.sign_in(password="wrong")
        told = await seen.page.locator("body").aria_snapshot()
        for line in (
            'heading "Sign in" [level=1]',
            "alert: The e-mail address or the password is wrong. Try again.",
            'textbox "E-mail address"',
            'textbox "Password"',
            'button "Sign in"',
        ):
            assert line in told
        assert "W\n" not in told.replace("Watchword", "")
