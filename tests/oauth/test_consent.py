"""The question to the user: what it shows, whose answer counts, and what stays of it."""

from __future__ import annotations

import re
from typing import Any

import httpx
import msgspec
import pytest

from browser import Browser, Form, answer_in, forms_of
from oauth_pages_world import CALLBACK, add_app, authorize_path, sign_in
from watchword.db.database import Statement, Transaction
from watchword.oauth.authorization_codes import Authorized
from watchword.oauth.models import OAuthClient
from watchword.tenants.models import ChangeTenant, SettingsChange
from world import OPERATOR, Api

CONSENTS = Statement("SELECT tenant_id, user_id, client_id, scopes FROM oauth_consents")
CODES = Statement("SELECT count(*) FROM oauth_codes")


async def question(browser: Browser, app: str, who: str = "editor_a", **changes: str) -> httpx.Response:
    """Go as far as the question."""
    page = await sign_in(browser, await browser.get(authorize_path(app, **changes)), who)
    assert "asks for access" in page.text
    return page


async def require_nothing_given(api: Api) -> None:
    """Hold that no consent is kept and no code was made."""
    assert list(await api.application.database.scan_rows(CONSENTS)) == []
    codes = await api.application.database.fetch_row(CODES)
    assert codes is not None
    assert codes[0] == 0


async def test_the_answer_is_kept_for_this_user_client_and_tenant(api: Api, browser: Browser) -> None:
    """A consent is one user's to one client, and leaves an event."""
    app = await add_app(api)
    await browser.submit(await question(browser, app), decision="allow")
    [row] = await api.application.database.scan_rows(CONSENTS)
    assert tuple(row) == (
        api.world.tenants["a"], api.world.users["editor_a"], app, '["openid","products:read"]',
    )  # fmt: skip
    assert "oauth.consent_given" in [event["event"] for event in api.events()]
    assert "asks for access" in (await question(Browser(api), app, "viewer_a")).text


@pytest.mark.parametrize(
    ("settings", "scope", "language", "text"),
    [
        ({}, "openid", "en", "lasts 365 days at most. It ends earlier if it is not used for 30 days. It ends when you"),
        ({"refresh_ttl_seconds": 5_400}, "openid", "en", "if it is not used for 90 minutes."),
        (
            {"refresh_ttl_seconds": 86_400, "refresh_absolute_seconds": 86_400},
            "openid offline_access", "en", "The access lasts 1 day at most.</p>",
        ),
        ({}, "openid", "ko", "이 접근 권한은 최대 365일 동안 유지됩니다. 30일 동안"),
    ],
    ids=["as it is unless told", "minutes", "one end alone", "in Korean"],
)  # fmt: skip
async def test_the_question_says_for_how_long(
    api: Api, settings: dict[str, Any], scope: str, language: str, text: str
) -> None:
    """Who is asked reads for how long the access lasts, and when it ends earlier (ASVS V10.7.2)."""
    browser = Browser(api, language=language)
    path = authorize_path(await add_app(api, **settings), scope=scope)
    assert text in (await sign_in(browser, await browser.get(path))).text


async def test_without_refresh_the_access_lasts_as_long_as_its_token(api: Api, browser: Browser) -> None:
    """A client that may not refresh is shown with the life of an access token, and with the end of the session."""
    app = await add_app(api, grants=("authorization_code",))
    page = await question(browser, app)
    assert (
        "The access lasts 10 minutes at most. It ends when you sign out here or your sign-in runs out.</p>" in page.text
    )


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"form_token": "made-up"}, {"sec-fetch-site": "same-origin"}),
        ({"form_token": ""}, {"sec-fetch-site": "same-origin"}),
        ({}, {"sec-fetch-site": "cross-site"}),
        ({}, {"sec-fetch-site": "same-site"}),
        ({}, {"sec-fetch-site": "none"}),
        ({}, {"origin": "https://evil.example"}),
        ({"decision": ""}, {"sec-fetch-site": "same-origin"}),
        ({"decision": "yes"}, {"sec-fetch-site": "same-origin"}),
    ],
    ids=["forged", "no token", "cross-site", "subdomain", "no page", "origin", "no word", "another word"],
)
async def test_only_the_user_says_yes(
    api: Api, browser: Browser, fields: dict[str, str], headers: dict[str, str]
) -> None:
    """No other site can allow anything in a user's name (RFC 6749 §10.12)."""
    form = forms_of(await question(browser, await add_app(api)))[0]
    answer = await browser.send_form(form.action, {**form.fields, "decision": "allow", **fields}, **headers)
    assert answer.status_code in {400, 403}
    assert "location" not in answer.headers
    await require_nothing_given(api)


async def test_a_yes_to_one_request_is_none_to_another(api: Api, browser: Browser) -> None:
    """The token of one question does not answer another, nor the one of the sign-in or of another user."""
    app = await add_app(api)
    page = await browser.get(authorize_path(app))
    tokens = [forms_of(page)[0].fields["form_token"]]
    first = forms_of(await sign_in(browser, page))[0]
    second = forms_of(await browser.get(authorize_path(app, scope="openid email")))[0]
    other = forms_of(await question(Browser(api), app, "viewer_a"))[0]
    tokens += [second.fields["form_token"], other.fields["form_token"]]
    for token in tokens:
        answer = await _allow(browser, first, form_token=token)
        assert answer.status_code == 403
    await require_nothing_given(api)


async def test_a_handle_alone_is_no_sign_in(api: Api, browser: Browser) -> None:
    """Who finds out another's request has to sign in as with any: the handle proves nobody."""
    form = forms_of(await question(browser, await add_app(api)))[0]
    stranger = Browser(api)
    page = await stranger.get(f"/oauth/consent?request={form.fields['request']}")
    assert "<h1>Sign in</h1>" in page.text
    assert (await _allow(stranger, form)).status_code == 403
    await require_nothing_given(api)


async def test_a_session_that_ended_says_nothing_more(api: Api, browser: Browser) -> None:
    """Between question and answer the session may end: then the answer counts for nothing."""
    form = forms_of(await question(browser, await add_app(api)))[0]
    await api.application.users.end_sessions(api.world.users["editor_a"], api.application.clock.now_ms())
    assert (await _allow(browser, form)).status_code == 403
    await require_nothing_given(api)


async def test_a_question_of_another_tenant_is_not_shown_there(api: Api, browser: Browser) -> None:
    """A kept request is answered under its own tenant's path, or at the root."""
    form = forms_of(await question(browser, await add_app(api)))[0]
    handle = form.fields["request"]
    page = await browser.get(f"/t/tenant-b/oauth/consent?request={handle}")
    assert (page.status_code, "UNKNOWN_CLIENT" in page.text) == (400, True)
    page = await browser.get(f"/t/tenant-a/oauth/consent?request={handle}")
    assert "asks for access" in page.text


async def test_the_question_cannot_be_framed_and_leads_only_home_or_over_https(api: Api, browser: Browser) -> None:
    """No site can lay the question under its own buttons (RFC 9700 §4.16), and its form leads nowhere in the clear."""
    page = await question(browser, await add_app(api))
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https:;" in policy
    assert "script-src" not in policy
    assert page.headers["x-frame-options"] == "DENY"


async def test_scopes_of_other_servers_are_not_asked_for(api: Api, browser: Browser) -> None:
    """What is no scope here is left out of the question and of the answer (OpenID Connect Core §3.1.2.1)."""
    page = await question(browser, await add_app(api), scope="openid groups https://else.example/read products:read")
    assert re.findall(r"<li>(.*?)</li>", page.text) == ["Know that it is you", "Read products"]


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ("How Test handles your data", "The terms of Test", "The website of Test")),
        ("ko", ("Test의 개인정보 처리 방침", "Test의 이용 약관", "Test의 웹사이트")),
    ],
)
async def test_a_client_tells_of_itself_by_links(api: Api, language: str, texts: tuple[str, ...]) -> None:
    """Who is asked finds the client's policy, terms and site (RFC 7591 §2, OpenID Connect Registration §2)."""
    uris: dict[str, Any] = {field: f"https://app.example/{field}" for field in ("policy_uri", "tos_uri", "client_uri")}
    browser = Browser(api, language=language)
    page = await sign_in(browser, await browser.get(authorize_path(await add_app(api, **uris))))
    for uri, text in zip(uris.values(), texts, strict=True):
        assert f'<a href="{uri}" rel="noreferrer noopener">{text}</a>' in page.text


async def test_what_others_named_themselves_is_text(api: Api, browser: Browser) -> None:
    """A client's name is markup nowhere, and its own picture is not loaded."""
    app = await add_app(api, logo_uri="https://evil.example/logo.png", policy_uri='https://app.example/?a=1&b="2')

    async def work(tx: Transaction) -> None:
        await tx.execute(Statement("UPDATE oauth_clients SET name = $2 WHERE id = $1"), app, "<b>{Evil}</b>%s")

    await api.application.database.transaction(work)
    page = await question(browser, app)
    assert "<b>" not in page.text
    assert "&lt;b&gt;{Evil}&lt;/b&gt;%s" in page.text
    assert "evil.example" not in page.text


@pytest.mark.parametrize("source", ["registration", "metadata document"])
async def test_who_registered_itself_is_shown_as_unknown(api: Api, browser: Browser, source: str) -> None:
    """The user is warned of a client that nobody at the tenant has looked at (RFC 7591 §5)."""
    app = await add_app(api)
    assert "has registered itself" not in (await question(browser, app)).text

    async def work(tx: Transaction) -> None:
        await tx.execute(Statement("UPDATE oauth_clients SET source = $2 WHERE id = $1"), app, source)

    await api.application.database.transaction(work)
    page = await browser.get(authorize_path(app))
    assert "Test has registered itself. Tenant a has not checked who is behind it." in page.text


async def test_every_kind_of_scope_is_said_in_words(api: Api, browser: Browser) -> None:
    """What is asked for stands there in words; a tenant's own collection by its name."""
    scope = "openid profile email offline_access orders:read members:write notes:* *:read *:write *:*"
    page = await question(browser, await add_app(api), scope=scope)
    for text in (
        "Know that it is you", "See your name", "See your e-mail address", "Keep this access while you are away",
        "Read orders", "Add, change and delete members", "Read, add, change and delete notes",
        "Read everything that your role may see", "Add, change and delete everything that your role may change",
        "Do everything that your role allows",
    ):  # fmt: skip
        assert f"<li>{text}</li>" in page.text


async def test_another_resource_is_named(api: Api, browser: Browser) -> None:
    """Where access is not for the tenant's own API the user sees where it is for (RFC 8707 §3)."""
    app = await add_app(api, audiences=("https://reports.example/api",))
    page = await question(browser, app, resource="https://reports.example/api")
    assert "<code>https://reports.example/api</code>" in page.text


async def test_the_tenants_logo_is_loaded_from_its_own_host_alone(api: Api, browser: Browser) -> None:
    """A tenant's pages carry its picture, and the policy names that host only."""
    logo = "https://cdn.example/logo.png"
    await api.application.tenants.change(
        api.world.tenants["a"],
        ChangeTenant(settings=SettingsChange(logo_url=logo)),
        actor=OPERATOR,
        now_ms=api.application.clock.now_ms(),
    )
    page = await question(browser, await add_app(api))
    assert f'src="{logo}"' in page.text
    assert "img-src https://cdn.example;" in page.headers["content-security-policy"]


@pytest.mark.parametrize("name", ["request", "form_token", "decision"])
async def test_a_field_that_came_twice_is_refused(api: Api, browser: Browser, name: str) -> None:
    """Which of two answers counts is no question here."""
    form = forms_of(await question(browser, await add_app(api)))[0]
    twice = form.action, {**form.fields, "decision": "allow"}
    answer = await api.call(
        "POST",
        twice[0],
        content="&".join([*(f"{key}={value}" for key, value in twice[1].items()), f"{name}=x"]).encode(),
        headers={
            "content-type": "application/x-www-form-urlencoded",
            "cookie": "; ".join(f"{key}={value}" for key, value in browser.cookies.items()),
        },
    )
    assert (answer.status_code, answer.headers["content-type"]) == (400, "text/html; charset=utf-8")
    await require_nothing_given(api)


async def test_a_narrower_request_needs_no_new_question(api: Api, browser: Browser) -> None:
    """What was allowed covers what is less; what is more joins it once it is allowed."""
    app = await add_app(api)
    await browser.submit(await question(browser, app, scope="openid products:*"), decision="allow")
    assert "code" in answer_in(await browser.get(authorize_path(app, scope="products:write")))
    more = await browser.get(authorize_path(app, scope="email"))
    await browser.submit(more, decision="allow")
    [row] = await api.application.database.scan_rows(CONSENTS)
    assert msgspec.json.decode(row[3]) == ["openid", "products:*", "email"]


async def test_the_page_does_not_tell_the_client_where_it_was_seen(api: Api, browser: Browser) -> None:
    """No address of ours, which holds a handle, travels on as a referrer (RFC 9700 §4.2.4)."""
    page = await question(browser, await add_app(api))
    assert page.headers["referrer-policy"] == "no-referrer"
    assert re.search(r'href="https://[^"]*"(?! rel="noreferrer)', page.text) is None
    assert CALLBACK not in page.text


async def _allow(browser: Browser, form: Form, **fields: str) -> httpx.Response:
    sent = {**form.fields, "decision": "allow", **fields}
    return await browser.send_form(form.action, sent, **{"sec-fetch-site": "same-origin"})


async def test_two_answers_are_not_a_third(sqlite_api: Api) -> None:
    """What was allowed at one API and what was allowed at another is remembered as that, and not as all at both."""
    own = f"{sqlite_api.application.settings.url}/t/tenant-a/api"
    files = "https://files.example"
    app, browser = await add_app(sqlite_api, audiences=(files,)), Browser(sqlite_api)
    await browser.submit(await question(browser, app, scope="products:read", resource=own), decision="allow")
    there = {"scope": "products:write", "resource": files}
    await browser.submit(await browser.get(authorize_path(app, **there)), decision="allow")
    for scope, resource, is_asked in (
        ("products:read", own, False),
        ("products:write", files, False),
        ("products:write", own, True),
        ("products:read", files, True),
    ):
        page = await browser.get(authorize_path(app, scope=scope, resource=resource))
        assert ("asks for access" in page.text) is is_asked, (scope, resource)
    row = await sqlite_api.application.database.fetch_row(CONSENTS)
    assert row is not None
    assert row[3] == '["products:read","products:write"]'


async def test_a_consent_taken_back_at_this_very_moment_gives_nothing(
    sqlite_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the consent and the grant it may be withdrawn: the grant ends with the others."""
    app, browser = await add_app(sqlite_api), Browser(sqlite_api)
    await browser.submit(await question(browser, app), decision="allow")
    application, user_id = sqlite_api.application, sqlite_api.world.users["editor_a"]
    codes, tenant_id = application.oauth.authorization_codes, sqlite_api.world.tenants["a"]
    issue = codes.issue

    async def withdraw_and_issue(client: OAuthClient, authorized: Authorized, now_ms: int) -> str:
        await application.database.transaction(
            lambda tx: application.oauth.grants.withdraw_consent(tx, tenant_id, user_id, app, now_ms)
        )
        return await issue(client, authorized, now_ms)

    monkeypatch.setattr(codes, "issue", withdraw_and_issue)
    assert answer_in(await browser.get(authorize_path(app)))["error"] == "access_denied"
    living = await application.database.fetch_row(
        Statement("SELECT count(*) FROM oauth_grants WHERE client_id = $1 AND ended_at IS NULL"), app
    )
    assert living is not None
    assert living[0] == 0
