"""The sign-in page: the right password, every wrong one, and where it may lead."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from browser import Browser, answer_in, forms_of
from oauth_pages_world import add_app, authorize_path, sign_in
from support import SetClock
from watchword.db.database import Statement
from watchword.tenants.models import ChangeTenant, SettingsChange
from watchword.users.attempts import ACCOUNT_POLICY
from world import OPERATOR, PASSWORD, Api

PAGES = "__Host-watchword-pages"
EMAIL = "editor.a@example.com"

LIVING_SESSIONS = Statement("SELECT count(*) FROM sessions WHERE user_id = $1 AND ended_at IS NULL")
LIVING_GRANTS = Statement(
    "SELECT count(*) FROM oauth_grants g JOIN sessions s ON s.id = g.session_id"
    " WHERE g.user_id = $1 AND g.ended_at IS NULL AND s.user_agent <> 'tests'"
)
"""But for those of the sessions that the world began with."""


async def count(api: Api, statement: Statement, who: str) -> int:
    """Count what a user has of these."""
    row = await api.application.database.fetch_row(statement, api.world.users[who])
    assert row is not None
    number: int = row[0]
    return number


async def test_a_sign_in_begins_a_session_in_a_cookie(api: Api, browser: Browser) -> None:
    """The session stands in a cookie that no script reads and no other site's request carries, and nowhere else."""
    page = await browser.get("/t/tenant-a/oauth/sign-in")
    answer = await browser.post(page, email=EMAIL, password=PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/t/tenant-a/oauth/account")
    [line] = answer.headers.get_list("set-cookie")
    assert re.fullmatch(rf"{PAGES}=[\w.-]+; Max-Age=604800; Path=/; Secure; HttpOnly; SameSite=Lax", line)
    assert answer.content == b""
    assert [event["event"] for event in api.events()][-1] == "user.logged_in"


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(
    ("email", "password"),
    [
        (EMAIL, "wrong"),
        ("nobody@example.com", PASSWORD),
        (EMAIL, ""),
        ("", PASSWORD),
        ("", ""),
        (EMAIL, PASSWORD.upper()),
        ("x" * 321, PASSWORD),
        (EMAIL, "x" * 1025),
        ('"><script>alert(1)</script>', "x"),
    ],
    ids=[
        "password",
        "nobody",
        "no password",
        "no address",
        "nothing",
        "case",
        "long address",
        "long password",
        "markup",
    ],
)
async def test_any_wrong_pair_gets_one_answer(
    api: Api, browser: Browser, email: str, password: str, language: str
) -> None:
    """Unknown and wrong look the same, the address stays in its field and the password in none."""
    browser.language = language
    page = await browser.get("/oauth/sign-in")
    answer = await browser.post(page, email=email, password=password)
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert "set-cookie" not in answer.headers
    assert "<script>alert" not in answer.text
    assert not password or len(password) < 6 or password not in answer.text
    fields = forms_of(answer)[0].fields
    assert fields["password"] == ""
    assert fields["email"] == email or "script" in email
    assert PASSWORD not in api.log_text()


async def test_a_closed_account_looks_like_a_wrong_password(api: Api, browser: Browser, clock: SetClock) -> None:
    """Who was shut out learns no more than whoever guesses."""
    wrong = await browser.post(await browser.get("/oauth/sign-in"), email=EMAIL, password="wrong")
    await api.application.users.disable_user(api.world.users["editor_a"], clock.now_ms())
    closed = await browser.post(await browser.get("/oauth/sign-in"), email=EMAIL, password=PASSWORD)
    assert (closed.status_code, closed.text) == (wrong.status_code, wrong.text)


async def test_the_page_locks_as_the_api_does(api: Api, browser: Browser, clock: SetClock) -> None:
    """Wrong passwords count together wherever they were tried; a locked account takes the right one nowhere."""
    page = await browser.get("/oauth/sign-in")
    for number in range(ACCOUNT_POLICY.failures_max):
        if number % 2:
            answer = await browser.post(page, email=EMAIL, password="wrong")
        else:
            answer = await api.call("POST", "/api/users/login", json={"email": EMAIL, "password": "wrong"})
        assert answer.status_code == 401
    locked = await browser.post(page, email=EMAIL, password=PASSWORD)
    assert (locked.status_code, locked.headers["retry-after"]) == (429, "60")
    assert "Too many attempts. Try again in 1 min." in locked.text
    assert (await api.call("POST", "/api/users/login", json={"email": EMAIL, "password": PASSWORD})).status_code == 429
    clock.advance(60_000)
    assert (await browser.post(page, email=EMAIL, password=PASSWORD)).status_code == 303


async def test_an_address_that_is_not_confirmed_gets_a_letter_and_no_session(api: Api, browser: Browser) -> None:
    """Where a tenant wants confirmed addresses the page says so, after the right password only."""
    clock = api.application.clock
    await api.application.tenants.change(
        api.world.tenants["a"],
        ChangeTenant(settings=SettingsChange(require_verified_email=True)),
        actor=OPERATOR,
        now_ms=clock.now_ms(),
    )
    user = await api.application.users.create_user("new@example.com", PASSWORD, now_ms=clock.now_ms())
    await api.application.members.add(
        api.world.tenants["a"], user.email, role="tenant-viewer", actor=OPERATOR, now_ms=clock.now_ms()
    )
    page = await browser.get("/t/tenant-a/oauth/sign-in")
    answer = await browser.post(page, email=user.email, password=PASSWORD)
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
    assert "A new letter is on its way." in answer.text
    assert (await browser.post(page, email=user.email, password="wrong")).status_code == 401


# Where it may lead


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "/oauth/account/../../evil",
        "/oauth/account?x=1",
        "/oauth/account\r\nset-cookie: a=b",
        "/oauth/device?user_code=AB\r\nX: y",
        "/oauth/device?user_code=ABCD-EFGH&x=1",
        "/oauth/authorize",
        "/oauth/authorize/../../evil",
        "/oauth/authorize?x=\r\nset-cookie: a=b",
        "/t/../oauth/account",
        "/t/tenant-a/oauth/account#x",
        "/api/users/me",
        "oauth/account",
        "javascript:alert(1)",
        "",
    ],
)
async def test_signing_in_leads_to_no_other_address(api: Api, browser: Browser, address: str) -> None:
    """A link to the page cannot choose where it leads (RFC 9700 §4.11.2): anything unknown leads to the account."""
    page = await browser.get(f"/oauth/sign-in?next={quote(address, safe='')}")
    form = forms_of(page)[0]
    answer = await browser.send_form(
        form.action, {**form.fields, "email": EMAIL, "password": PASSWORD, "next": address}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/oauth/account")
    assert len(answer.headers.get_list("set-cookie")) == 1
    assert "evil" not in page.text


@pytest.mark.parametrize(
    "address",
    [
        "/oauth/account",
        "/t/tenant-a/oauth/account",
        "/oauth/device",
        "/t/tenant-a/oauth/device?user_code=ABCD-EFGH",
        "/oauth/authorize?client_id=https%3A%2F%2Fapp.example%2Fclient.json&state=x",
    ],
)
async def test_signing_in_leads_on_to_pages_of_our_own(api: Api, browser: Browser, address: str) -> None:
    """Pages that need a user come back to themselves."""
    page = await browser.get(f"/oauth/sign-in?next={quote(address, safe='')}")
    answer = await browser.post(page, email=EMAIL, password=PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, address)


@pytest.mark.parametrize(
    ("address", "targets"),
    [
        ("/oauth/authorize?client_id=https%3A%2F%2Fapp.example%2Fc.json", "'self' https:;"),
        ("/t/tenant-a/oauth/authorize?redirect_uri=http%3A%2F%2F127.0.0.1%2F", "'self' http: https:;"),
        ("/oauth/authorize?redirect_uri=com.example.app%3A%2Fcb", "'self' com.example.app: https:;"),
        ("/oauth/authorize?redirect_uri=%3B+script-src+*%3A", "'self' https:;"),
        ("/oauth/authorize?redirect_uri=javascript%3Aalert(1)", "'self' https:;"),
        ("/oauth/authorize?redirect_uri=http%3A%2F%2Fevil.example%2F", "'self' https:;"),
        ("/oauth/account", "'self';"),
        ("https://evil.example/oauth/authorize?x", "'self';"),
    ],
)
async def test_the_way_behind_signing_in_is_not_barred(api: Api, browser: Browser, address: str, targets: str) -> None:
    """A client that is answered at once gets its answer, though nobody has looked yet who it is (CSP Level 3 §6.4.1)."""
    page = await browser.get(f"/oauth/sign-in?next={quote(address, safe='')}")
    assert f"form-action {targets}" in page.headers["content-security-policy"]


# Whose form it is


@pytest.mark.parametrize(
    ("fields", "headers", "cookies"),
    [
        ({"form_token": "made-up"}, {}, {}),
        ({"form_token": ""}, {}, {}),
        ({}, {"sec-fetch-site": "cross-site"}, {}),
        ({}, {"sec-fetch-site": "same-site"}, {}),
        ({}, {"origin": "https://evil.example"}, {}),
        ({}, {}, {"__Host-watchword-browser": "the attacker's own"}),
        ({}, {}, {"__Host-watchword-browser": ""}),
    ],
    ids=["forged", "none", "cross-site", "subdomain", "origin", "another browser's", "no cookie"],
)
async def test_nobody_is_signed_in_by_another_site(
    api: Api, browser: Browser, fields: dict[str, str], headers: dict[str, str], cookies: dict[str, str]
) -> None:
    """Another site cannot sign a browser in, as the attacker for instance (RFC 6749 §10.12, login CSRF)."""
    form = forms_of(await browser.get("/oauth/sign-in"))[0]
    browser.cookies.update(cookies)
    browser.cookies = {name: value for name, value in browser.cookies.items() if value}
    sent = {**form.fields, "email": EMAIL, "password": PASSWORD, **fields}
    answer = await browser.send_form("/oauth/sign-in", sent, **headers)
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
    assert "CROSS_SITE_REQUEST" in answer.text
    assert await count(api, LIVING_SESSIONS, "editor_a") == 1, "the world's own"


async def test_a_password_in_the_address_signs_nobody_in(api: Api, browser: Browser) -> None:
    """Only a form's body is read: what stands in an address ends in logs and histories."""
    page = await browser.get(f"/oauth/sign-in?email={EMAIL}&password={quote(PASSWORD)}")
    assert PASSWORD not in page.text
    assert PAGES not in browser.cookies
    twice = await browser.send_form("/oauth/sign-in", {**forms_of(page)[0].fields, "email": EMAIL})
    assert twice.status_code == 401


# What a new session does to the one before


async def test_the_same_user_again_replaces_the_session(api: Api, browser: Browser, clock: SetClock) -> None:
    """The session before ends (ASVS 5.0 V7.2.4), and what the user has allowed in it goes on."""
    app = await add_app(api)
    await browser.submit(await sign_in(browser, await browser.get(authorize_path(app))), decision="allow")
    before = browser.cookies[PAGES]
    assert (await count(api, LIVING_SESSIONS, "editor_a"), await count(api, LIVING_GRANTS, "editor_a")) == (2, 1)
    clock.advance(1_000)
    page = await browser.get(authorize_path(app, prompt="login"))
    assert "code" in answer_in(await sign_in(browser, page))
    assert (await count(api, LIVING_SESSIONS, "editor_a"), await count(api, LIVING_GRANTS, "editor_a")) == (2, 2)
    browser.cookies[PAGES] = before
    assert "<h1>Sign in</h1>" in (await browser.get("/t/tenant-a/oauth/account")).text


async def test_a_second_tab_signs_in_too(api: Api, browser: Browser) -> None:
    """Who has the form open in two tabs signs in from both; a form of another browser signs nobody in."""
    path = authorize_path(await add_app(api))
    first, second = [await browser.get(path) for _ in range(2)]
    assert "asks for access" in (await sign_in(browser, first)).text
    assert "asks for access" in (await sign_in(browser, second)).text
    assert (await sign_in(browser, await Browser(api).get(path))).status_code == 403


async def test_another_user_ends_the_session_before(api: Api, browser: Browser) -> None:
    """A browser has one user: who signs in as somebody else signs the first one out, with what hung on that."""
    app = await add_app(api)
    page = await sign_in(browser, await browser.get(authorize_path(app)))
    await browser.submit(page, decision="allow")
    question = await browser.get(authorize_path(app, prompt="consent"))
    another = re.search(r'href="([^"]+another=1)"', question.text)
    assert another is not None
    page = await browser.get(another[1].replace("&amp;", "&"))
    assert "<h1>Sign in</h1>" in page.text
    page = await sign_in(browser, page, "viewer_a")
    assert "viewer.a@example.com" in page.text
    assert (await count(api, LIVING_SESSIONS, "editor_a"), await count(api, LIVING_GRANTS, "editor_a")) == (1, 0)


async def test_the_address_that_the_client_hints_at_is_filled_in(api: Api, browser: Browser) -> None:
    """login_hint stands in the field (OpenID Connect Core §3.1.2.1), as text."""
    app = await add_app(api)
    page = await browser.get(authorize_path(app, login_hint='"><script>kim@example.com'))
    assert "<script>kim" not in page.text
    assert forms_of(page)[0].fields["email"] == '"><script>kim@example.com'


async def test_the_language_that_the_client_asks_for_is_shown(api: Api, browser: Browser) -> None:
    """ui_locales chooses the language of every page on the way (OpenID Connect Core §3.1.2.1)."""
    app = await add_app(api)
    page = await browser.get(authorize_path(app, ui_locales="fr ko"))
    assert "<h1>로그인</h1>" in page.text
    page = await sign_in(browser, page)
    assert "접근 권한을 요청합니다" in page.text
    assert "상품 읽기" in page.text
