"""A device without a browser: its codes, the person who decides, its polling, and everything that must not pass."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import pytest

from browser import Browser, forms_of
from oauth_flow import Flow, require_refused, scalar
from oauth_pages_world import sign_in
from oauth_users import stored_hash
from oauth_world import disable_client
from support import SetClock
from watchword.db.database import Statement
from watchword.oauth.device_codes import USER_CODE_ALPHABET, shown_user_code, typed_user_code
from world import Api

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
GRANTS = (DEVICE, "refresh_token")
USER_CODE = re.compile(f"[{USER_CODE_ALPHABET}]{{4}}-[{USER_CODE_ALPHABET}]{{4}}")


@pytest.fixture
async def device(api: Api) -> Flow:
    """A public client, as on a television."""
    return await Flow.begin(api, kind="public", grants=GRANTS)


async def codes_of(device: Flow, **fields: str) -> dict[str, Any]:
    """Return a device's codes."""
    answer = await device.send("/oauth/device_authorization", {"scope": "openid products:read", **fields})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def poll(device: Flow, device_code: str, **fields: str) -> httpx.Response:
    """Ask as the device does."""
    return await device.send("/oauth/token", {"grant_type": DEVICE, "device_code": device_code, **fields})


async def question(
    browser: Browser, user_code: str, *, who: str = "editor_a", path: str = "/oauth/device"
) -> httpx.Response:
    """Sign in where that is needed, type the code, and return the page that asks."""
    page = await browser.get(path)
    if "password" in page.text:
        page = await sign_in(browser, page, who)
    return await browser.submit(page, user_code=user_code)


async def allow(browser: Browser, user_code: str, *, who: str = "editor_a", decision: str = "allow") -> httpx.Response:
    """Decide about a device."""
    return await browser.submit(await question(browser, user_code, who=who), decision=decision)


# The way through


async def test_a_device_is_allowed_and_gets_its_tokens(api: Api, device: Flow, browser: Browser) -> None:
    """Codes, the page, the decision and the tokens, each as RFC 8628 §3.1 to §3.5 have it."""
    answer = await device.send("/oauth/device_authorization", {"scope": "openid products:read"})
    assert answer.headers["cache-control"] == "no-store"
    codes = answer.json()
    page = f"{api.application.settings.url}/t/tenant-a/oauth/device"
    assert USER_CODE.fullmatch(codes["user_code"])
    assert (codes["verification_uri"], codes["expires_in"], codes["interval"]) == (page, 600, 5)
    assert codes["verification_uri_complete"] == f"{page}?user_code={codes['user_code']}"
    require_refused(await poll(device, codes["device_code"]), "authorization_pending")
    asked = await question(browser, codes["user_code"])
    for text in ("Test", "editor.a@example.com", "Tenant a", "Read products", codes["user_code"]):
        assert text in asked.text
    done = await browser.submit(asked, decision="allow")
    assert (done.status_code, "connected" in done.text) == (200, True)
    tokens = (await poll(device, codes["device_code"])).json()
    assert set(tokens) == {"access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"}
    assert tokens["scope"] == "openid products:read"
    assert await device.reads(tokens["access_token"]) == 200
    assert (await device.refresh(tokens["refresh_token"])).status_code == 200


async def test_a_scanned_code_is_filled_in_and_not_yet_taken(api: Api, device: Flow, browser: Browser) -> None:
    """The complete address saves typing, and the person still says yes (RFC 8628 §3.3.1), also through the sign-in."""
    codes = await codes_of(device)
    path = codes["verification_uri_complete"].removeprefix(api.application.settings.url)
    page = await sign_in(browser, await browser.get(path))
    (form,) = forms_of(page)
    assert form.fields["user_code"] == codes["user_code"]
    require_refused(await poll(device, codes["device_code"]), "authorization_pending")


@pytest.mark.parametrize(
    "change", [str.lower, lambda code: code.replace("-", ""), lambda code: f" {code[0]} {code[1:]}. "]
)
async def test_a_code_may_be_typed_as_people_type(device: Flow, browser: Browser, change: Any) -> None:  # noqa: ANN401 - a function of text
    """Case, spaces and dashes do not matter (RFC 8628 §6.1)."""
    codes = await codes_of(device)
    await allow(browser, change(codes["user_code"]))
    assert (await poll(device, codes["device_code"])).status_code == 200


async def test_the_question_says_for_how_long_a_device_is_let_in(device: Flow, browser: Browser) -> None:
    """A device's access does not end with the browser's session, and the page does not say so (ASVS V10.7.2)."""
    page = await question(browser, (await codes_of(device))["user_code"])
    assert "lasts 365 days at most. It ends earlier if it is not used for 30 days.</p>" in page.text


async def test_the_device_outlives_the_browsers_session(api: Api, device: Flow, browser: Browser) -> None:
    """Who signs out on the telephone goes on watching on the television; the account page takes its access away."""
    codes = await codes_of(device)
    await allow(browser, codes["user_code"])
    tokens = (await poll(device, codes["device_code"])).json()
    account = await browser.get("/t/tenant-a/oauth/account")
    forms = forms_of(account)
    (sign_out,) = [index for index, form in enumerate(forms) if form.action.endswith("sign-out")]
    await browser.submit(account, sign_out)
    assert await device.reads(tokens["access_token"]) == 200
    account = await sign_in(browser, await browser.get("/t/tenant-a/oauth/account"))
    (withdraw,) = [index for index, form in enumerate(forms_of(account)) if form.action.endswith("withdraw")]
    await browser.submit(account, withdraw)
    assert await device.reads(tokens["access_token"]) == 401
    require_refused(await device.refresh(tokens["refresh_token"]))


async def test_a_confidential_client_has_to_prove_itself(api: Api) -> None:
    """The endpoint asks for what the token endpoint asks (RFC 8628 §3.1)."""
    device = await Flow.begin(api, grants=GRANTS)
    assert (await codes_of(device))["interval"] == 5
    form = f"client_id={device.client.id}".encode()
    answer = await api.call(
        "POST",
        "/oauth/device_authorization",
        content=form,
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    require_refused(answer, "invalid_client", 401)


# Polling


async def test_a_device_that_asks_too_often_is_slowed_down(device: Flow, clock: SetClock) -> None:
    """Within the interval it is told to slow down, by five seconds each time (RFC 8628 §3.5)."""
    device_code = (await codes_of(device))["device_code"]
    require_refused(await poll(device, device_code), "authorization_pending")
    clock.advance(4_999)
    require_refused(await poll(device, device_code), "slow_down")
    clock.advance(9_999)
    require_refused(await poll(device, device_code), "slow_down")
    clock.advance(15_000)
    require_refused(await poll(device, device_code), "authorization_pending")


async def test_polling_fills_no_log(api: Api, device: Flow) -> None:
    """That nobody has decided yet is no event."""
    await poll(device, (await codes_of(device))["device_code"])
    assert [event["event"] for event in api.events() if event["event"].startswith("oauth.token_refused")] == []


async def test_a_code_ends(device: Flow, browser: Browser, clock: SetClock) -> None:
    """Until just before its end it can be allowed, from its end on neither allowed nor fetched (RFC 8628 §3.2, §3.5)."""
    late, early = await codes_of(device), await codes_of(device)
    clock.advance(599_999)
    await allow(browser, early["user_code"])
    assert (await poll(device, early["device_code"])).status_code == 200
    asked = await question(browser, late["user_code"])
    clock.advance(1)
    done = await browser.submit(asked, decision="allow")
    assert done.status_code == 400
    require_refused(await poll(device, late["device_code"]), "expired_token")


async def test_an_allowed_code_that_nobody_fetches_ends_too(device: Flow, browser: Browser, clock: SetClock) -> None:
    """What was allowed and not fetched in time is not given any more."""
    codes = await codes_of(device)
    await allow(browser, codes["user_code"])
    clock.advance(600_000)
    require_refused(await poll(device, codes["device_code"]), "expired_token")


async def test_no_is_an_answer(api: Api, device: Flow, browser: Browser) -> None:
    """After a no the device hears access_denied, whatever else comes (RFC 8628 §3.5)."""
    codes = await codes_of(device)
    asked = await question(browser, codes["user_code"])
    done = await browser.submit(asked, decision="deny")
    assert (done.status_code, "Nothing was connected" in done.text) == (200, True)
    assert (await browser.submit(asked, decision="allow")).status_code == 400
    require_refused(await poll(device, codes["device_code"]), "access_denied")
    assert "oauth.device_denied" in [event["event"] for event in api.events()]


async def test_a_code_gives_tokens_once(device: Flow, browser: Browser) -> None:
    """The second time it is no grant any more, and what the first time gave lives on: devices ask twice."""
    codes = await codes_of(device)
    await allow(browser, codes["user_code"])
    tokens = (await poll(device, codes["device_code"])).json()
    require_refused(await poll(device, codes["device_code"]))
    assert await device.reads(tokens["access_token"]) == 200


async def test_of_fifty_parallel_polls_one_gets_the_tokens(stored_api: Api) -> None:
    """Whatever the database, an allowed code is spent once."""
    device = await Flow.begin(stored_api, kind="public", grants=GRANTS)
    codes = await codes_of(device)
    await allow(Browser(stored_api), codes["user_code"])
    answers = await asyncio.gather(*(poll(device, codes["device_code"]) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 49
    for answer in answers:
        if answer.status_code == 400:
            require_refused(answer)


async def test_one_of_two_decisions_counts(doors: tuple[Api, Api]) -> None:
    """Allowed in one browser and denied in another at once: one of them is told that it came late."""
    first, second = doors
    device = await Flow.begin(first, kind="public", grants=GRANTS)
    codes = await codes_of(device)
    allowing, denying = Browser(first), Browser(second)
    pages = [await question(browser, codes["user_code"]) for browser in (allowing, denying)]
    answers = await asyncio.gather(
        allowing.submit(pages[0], decision="allow"), denying.submit(pages[1], decision="deny")
    )
    assert sorted(answer.status_code for answer in answers) == [200, 400]
    told = await poll(device, codes["device_code"])
    assert (told.status_code == 200) is (answers[0].status_code == 200)


# Guessing


async def test_only_who_is_signed_in_may_try_codes(api: Api, device: Flow, browser: Browser) -> None:
    """Strangers are sent to sign in, so that every guess is somebody's (RFC 8628 §5.1)."""
    codes = await codes_of(device)
    page = await browser.get("/oauth/device")
    assert "<h1>Sign in</h1>" in page.text
    answer = await browser.send_form("/oauth/device", {"user_code": codes["user_code"]})
    assert (answer.status_code, "/oauth/sign-in" in answer.headers["location"]) == (303, True)


async def test_a_user_may_try_few_codes_an_hour(api: Api, device: Flow, browser: Browser, clock: SetClock) -> None:
    """After twenty wrong codes the right one helps no more, from no other browser and address either (RFC 8628 §5.1)."""
    page = await sign_in(browser, await browser.get("/oauth/device"))
    for _ in range(20):
        page = await browser.submit(page, user_code="BBBB-BBBB")
        assert (page.status_code, "There is no such code" in page.text) == (400, True)
    codes = await codes_of(device)
    assert (await browser.submit(page, user_code=codes["user_code"])).status_code == 429
    other = Browser(api)
    assert (await question(other, codes["user_code"])).status_code == 429
    assert (await question(Browser(api), codes["user_code"], who="viewer_a")).status_code == 200
    clock.advance(3_600_000)
    codes = await codes_of(device)
    assert (await question(Browser(api), codes["user_code"])).status_code == 200


async def test_deciding_is_no_way_around_the_limit(device: Flow, browser: Browser) -> None:
    """The form that decides works for the code that was typed, and for no other."""
    typed, other = await codes_of(device), await codes_of(device)
    asked = await question(browser, typed["user_code"])
    refusal = await browser.post(asked, user_code=other["user_code"], decision="allow")
    assert refusal.status_code == 403
    require_refused(await poll(device, other["device_code"]), "authorization_pending")


@pytest.mark.parametrize(
    "typed", ["", "AAAA-AAAA", "BBBB-BBBB", "BBBBBBBBB", "B", "é" * 8, "x" * 500, "BBBB-BBB\u212a"]
)
async def test_what_is_no_code_gets_one_answer(api: Api, browser: Browser, typed: str) -> None:
    """Malformed, unknown and expired codes look alike, and what was typed is not repeated."""
    page = await sign_in(browser, await browser.get("/oauth/device"))
    answer = await browser.submit(page, user_code=typed)
    assert (answer.status_code, "There is no such code" in answer.text) == (400, True)
    assert len(typed) < 10 or typed not in answer.text


# Others' codes


async def test_a_device_code_is_for_its_client(api: Api, device: Flow, browser: Browser) -> None:
    """Another client gets nothing for it, though it was allowed, and the right one still does (RFC 8628 §3.4)."""
    codes = await codes_of(device)
    await allow(browser, codes["user_code"])
    other = await Flow.begin(api, kind="public", grants=GRANTS)
    require_refused(await poll(other, codes["device_code"]))
    assert (await poll(device, codes["device_code"])).status_code == 200


async def test_who_is_no_member_cannot_allow(api: Api, device: Flow, browser: Browser) -> None:
    """A user of another tenant is told so, and a form made by hand allows nothing."""
    codes = await codes_of(device)
    asked = await question(browser, codes["user_code"], who="admin_b")
    assert (asked.status_code, "not a member" in asked.text) == (403, True)
    forced = await browser.submit(asked, decision="allow")
    assert forced.status_code == 400
    require_refused(await poll(device, codes["device_code"]), "authorization_pending")


async def test_another_tenants_page_does_not_know_the_code(device: Flow, browser: Browser) -> None:
    """At a tenant's own page only that tenant's devices are allowed."""
    codes = await codes_of(device)
    wrong = await question(browser, codes["user_code"], path="/t/tenant-b/oauth/device")
    assert wrong.status_code == 400
    assert (await question(browser, codes["user_code"], path="/t/tenant-a/oauth/device")).status_code == 200


async def test_a_form_of_another_site_allows_nothing(api: Api, device: Flow, browser: Browser) -> None:
    """Without the token that stands in our own page, or from elsewhere, neither form is taken."""
    codes = await codes_of(device)
    asked = await question(browser, codes["user_code"])
    (form,) = forms_of(asked)
    fields = {**form.fields, "decision": "allow"}
    for changed, headers in (
        ({**fields, "form_token": ""}, {}),
        ({**fields, "form_token": "x"}, {}),
        (fields, {"sec-fetch-site": "cross-site"}),
        (fields, {"origin": "https://evil.example"}),
    ):
        assert (await browser.send_form("/oauth/device/decide", changed, **headers)).status_code == 403
    assert (await browser.send_form("/oauth/device", {"user_code": codes["user_code"]})).status_code == 403
    require_refused(await poll(device, codes["device_code"]), "authorization_pending")


async def test_a_closed_client_is_not_allowed_any_more(api: Api, device: Flow, browser: Browser) -> None:
    """Once the client is disabled, its codes are unknown and its device is refused."""
    codes = await codes_of(device)
    await allow(browser, codes["user_code"])
    other = await codes_of(device)
    await disable_client(api.application, device.client.id)
    require_refused(await poll(device, codes["device_code"]), "invalid_client", 401)
    assert (await question(browser, other["user_code"])).status_code == 400


# Malformed


async def test_scopes_and_resources_are_the_clients_own(api: Api) -> None:
    """More than the client may have is refused before anybody is asked."""
    device = await Flow.begin(api, kind="public", grants=GRANTS, scopes=("products:read",))
    require_refused(await device.send("/oauth/device_authorization", {"scope": "products:write"}), "invalid_scope")
    require_refused(
        await device.send("/oauth/device_authorization", {"resource": "https://files.example"}), "invalid_target"
    )


async def test_a_client_without_the_grant_gets_no_codes(api: Api) -> None:
    """Neither codes nor tokens, and another tenant's endpoint does not know the client."""
    other = await Flow.begin(api)
    require_refused(await other.send("/oauth/device_authorization", {}), "unauthorized_client")
    require_refused(await poll(other, "dc_x"), "unauthorized_client")
    device = await Flow.begin(api, kind="public", grants=GRANTS)
    require_refused(await device.send("/t/tenant-b/oauth/device_authorization", {}), "invalid_client", 401)


async def test_other_codes_are_no_device_codes(api: Api, device: Flow) -> None:
    """A user code, a code of another flow, a token or nothing is refused at the token endpoint."""
    codes = await codes_of(device)
    for wrong in (codes["user_code"], "ac_x", "x" * 200, "é", api.world.tokens["admin_a"]):
        require_refused(await poll(device, wrong))
    require_refused(await device.send("/oauth/token", {"grant_type": DEVICE}), "invalid_request")
    require_refused(await device.exchange(codes["device_code"]), "unauthorized_client")


async def test_only_hashes_are_stored(api: Api, device: Flow) -> None:
    """Neither code stands in the database or the log."""
    codes = await codes_of(device)
    row = "SELECT count(*) FROM oauth_device_codes WHERE device_code_hash = $1"
    found = await api.application.database.fetch_row(Statement(row), stored_hash(codes["device_code"]))
    assert found is not None
    assert found[0] == 1
    assert await scalar(api, "SELECT count(*) FROM oauth_device_codes") == 1
    dumped = (
        str(await api.application.database.scan_rows(Statement("SELECT * FROM oauth_device_codes"))) + api.log_text()
    )
    for code in (codes["device_code"], codes["user_code"], typed_user_code(codes["user_code"]) or ""):
        assert code not in dumped


def test_a_user_code_reads_in_two_halves() -> None:
    """What is shown is what is stored, whichever way it is typed back."""
    assert shown_user_code("BCDFGHJK") == "BCDF-GHJK"
    assert typed_user_code("bcdf-ghjk") == "BCDFGHJK"


async def test_without_the_database_nothing_is_given(api: Api, device: Flow) -> None:
    """With the database gone both endpoints answer 503."""
    await api.application.database.close()
    assert (await device.send("/oauth/device_authorization", {})).status_code == 503
    assert (await poll(device, "dc_x")).status_code == 503
