"""Signing out as a client asks: who is believed, who is asked, and where the browser is never sent."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from oauth_flow import FORM, Flow
from oauth_world import disable_client
from support import SetClock
from world import Api

DONE = "https://client.example/signed-out?from=us"
PAGES = "__Host-watchword-pages"
SAME_ORIGIN = {"sec-fetch-site": "same-origin"}


@pytest.fixture
async def flow(api: Api) -> Flow:
    """A client of tenant a that may send users to one address after they signed out."""
    return await Flow.begin(api, post_logout_redirect_uris=(DONE,))


def cookie(api: Api, who: str = "editor_a") -> dict[str, str]:
    """Return what the browser of somebody who signed in on our pages sends."""
    return {"cookie": f"{PAGES}={api.world.tokens[who]}"}


async def ask(
    api: Api, who: str | None = "editor_a", path: str = "/oauth/logout", **fields: str | None
) -> httpx.Response:
    sent = urlencode({name: value for name, value in fields.items() if value is not None})
    return await api.call("GET", f"{path}?{sent}", headers={} if who is None else cookie(api, who))


async def send(api: Api, path: str, headers: dict[str, str], fields: dict[str, str]) -> httpx.Response:
    return await api.call("POST", path, content=urlencode(fields).encode(), headers={**FORM, **headers})


async def is_signed_in(api: Api, who: str = "editor_a") -> bool:
    return (await api.call("GET", "/api/users/me", who=who)).status_code == 200


def form_of(answer: httpx.Response) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', answer.text))


async def test_whoever_shows_the_sessions_id_token_is_believed(api: Api, flow: Flow) -> None:
    """With an ID token of the very session it ends without a question, and the browser goes on with ``state`` (§2, §3)."""
    tokens = await flow.tokens()
    answer = await ask(api, id_token_hint=tokens["id_token"], post_logout_redirect_uri=DONE, state="a b&c")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{DONE}&state=a+b%26c")
    assert f"{PAGES}=; Max-Age=0" in answer.headers["set-cookie"]
    assert not await is_signed_in(api)
    assert "user.logged_out" in {event["event"] for event in api.events()}


async def test_what_the_session_allowed_ends_with_it(api: Api, flow: Flow) -> None:
    """The client's tokens of the session are refused at once; those of offline access are not (Back-Channel §2.7)."""
    online, offline = await flow.tokens(), await flow.tokens(scopes=("openid", "offline_access", "products:read"))
    await ask(api, id_token_hint=online["id_token"])
    for tokens, status in ((online, 401), (offline, 200)):
        read = await api.call(
            "GET", "/api/products?limit=1", headers={"authorization": f"Bearer {tokens['access_token']}"}
        )
        assert read.status_code == status
        assert (await flow.refresh(tokens["refresh_token"])).status_code == (400 if status == 401 else 200)


async def test_an_expired_id_token_is_good_enough(api: Api, flow: Flow, clock: SetClock) -> None:
    """A client may ask hours later: the hint is whose session it was, not a credential (§2)."""
    tokens = await flow.tokens()
    clock.advance(86_400_000 - 1)
    answer = await ask(api, id_token_hint=tokens["id_token"], post_logout_redirect_uri=DONE)
    assert answer.headers["location"] == DONE


async def test_an_id_token_whose_key_was_replaced_is_none(api: Api, flow: Flow) -> None:
    """Signed by a key that was replaced as compromised, it proves nothing any more: the user is asked (§2)."""
    tokens = await flow.tokens()
    now_ms = api.application.clock.now_ms()
    await api.application.oauth.signing_keys.replace(flow.client.tenant_id, None, now_ms=now_ms)
    hint = tokens["id_token"]
    page = await ask(api, id_token_hint=hint, client_id=flow.client.id, post_logout_redirect_uri=DONE)
    assert (page.status_code, "location" in page.headers) == (200, False)
    assert hint not in page.text
    assert await is_signed_in(api)
    # Without a client's name nobody knows any more whose address it is.
    assert (await ask(api, id_token_hint=hint, post_logout_redirect_uri=DONE)).status_code == 400
    assert await is_signed_in(api)


async def test_a_key_that_rotated_still_proves_an_id_token(api: Api, flow: Flow, clock: SetClock) -> None:
    """What the key before the present one signed is believed, also when that key has ended (§2)."""
    tokens = await flow.tokens()
    now_ms = api.application.clock.now_ms()
    await api.application.oauth.signing_keys.rotate(flow.client.tenant_id, None, now_ms=now_ms)
    clock.advance(2 * 86_400_000)
    answer = await ask(api, id_token_hint=tokens["id_token"], post_logout_redirect_uri=DONE)
    assert answer.headers["location"] == DONE
    assert not await is_signed_in(api)


async def hint_of(api: Api, flow: Flow, kind: str) -> str | None:
    """Return an ID token that is not of the browser's session, or is none at all."""
    tokens = await flow.tokens("viewer_a" if kind == "another user's" else "editor_a")
    good: str = tokens["id_token"]
    header, payload, signature = good.split(".")
    found: dict[str, str | None] = {
        "none": None,
        "another user's": good,
        "altered": f"{header}.{payload[:-4]}AAAA.{signature}",
        "unsigned": f"eyJhbGciOiJub25lIn0.{payload}.",
        "an access token": tokens["access_token"],
        "a refresh token": tokens["refresh_token"],
        "a session token": api.world.tokens["editor_a"],
        "nonsense": "x" * 9000,
    }
    return found[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "none",
        "another user's",
        "altered",
        "unsigned",
        "an access token",
        "a refresh token",
        "a session token",
        "nonsense",
    ],
)
async def test_nobody_else_signs_a_user_out(api: Api, flow: Flow, kind: str) -> None:
    """Without an ID token of this session, whatever it is instead (RFC 8725 §3.11), the user is asked first."""
    answer = await ask(api, id_token_hint=await hint_of(api, flow, kind), client_id=flow.client.id)
    assert answer.status_code == 200
    assert "editor.a@example.com" in answer.text
    assert await is_signed_in(api)


async def test_the_user_decides(api: Api, flow: Flow) -> None:
    """On our page the user's own click ends the session, and sends the browser where the client asked."""
    page = await ask(api, client_id=flow.client.id, post_logout_redirect_uri=DONE, state="s")
    fields = form_of(page)
    assert fields["client_id"] == flow.client.id
    assert "form-action 'self' https:;" in page.headers["content-security-policy"]
    answer = await send(api, "/oauth/logout/confirm", {**cookie(api), **SAME_ORIGIN}, {**fields, "decision": "allow"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{DONE}&state=s")
    assert not await is_signed_in(api)


async def test_the_user_stays(api: Api, flow: Flow) -> None:
    """Who does not want to sign out stays here, signed in, and is not sent to the client."""
    fields = form_of(await ask(api, client_id=flow.client.id, post_logout_redirect_uri=DONE))
    answer = await send(api, "/oauth/logout/confirm", {**cookie(api), **SAME_ORIGIN}, {**fields, "decision": "deny"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/oauth/account")
    assert await is_signed_in(api)


@pytest.mark.parametrize(
    ("headers", "changes"),
    [
        (SAME_ORIGIN, {"form_token": ""}),
        (SAME_ORIGIN, {"form_token": "made-up"}),
        ({"sec-fetch-site": "cross-site"}, {}),
        ({"sec-fetch-site": "same-site"}, {}),
        ({"origin": "https://evil.example"}, {}),
    ],
)
async def test_forms_of_others_sign_nobody_out(
    api: Api, flow: Flow, headers: dict[str, str], changes: dict[str, str]
) -> None:
    """A form that another site made ends nothing (RFC 9700 §4.16: what a click means must be seen)."""
    fields = form_of(await ask(api, client_id=flow.client.id))
    answer = await send(
        api, "/oauth/logout/confirm", {**cookie(api), **headers}, {**fields, **changes, "decision": "allow"}
    )
    assert answer.status_code == 403
    assert await is_signed_in(api)


async def test_a_form_of_another_browser_signs_nobody_out(api: Api, flow: Flow) -> None:
    """The token that our page gave one user's form is worth nothing in another's."""
    fields = form_of(await ask(api, "viewer_a", client_id=flow.client.id))
    answer = await send(api, "/oauth/logout/confirm", {**cookie(api), **SAME_ORIGIN}, {**fields, "decision": "allow"})
    assert answer.status_code == 403


SPELLINGS = [
    "https://client.example/signed-out",
    "https://client.example/signed-out?from=us&x=1",
    "https://client.example/signed-out?from=us/",
    "https://client.example:443/signed-out?from=us",
    "https://CLIENT.example/signed-out?from=us",
    "https://client.example@evil.example/signed-out?from=us",
    "https://client.example.evil.example/signed-out?from=us",
    "https://client.example\\@evil.example/signed-out?from=us",
    "https://evil.example/?https://client.example/signed-out?from=us",
    "https://client.example/../signed-out?from=us",
    "https://client.example/%73igned-out?from=us",
    "http://client.example/signed-out?from=us",
    "//client.example/signed-out?from=us",
    "javascript:alert(1)",
    "https://client。example/signed-out?from=us",
    " https://client.example/signed-out?from=us",
    "https://client.example/callback",
]


@pytest.mark.parametrize("uri", SPELLINGS)
@pytest.mark.parametrize("who", ["editor_a", None])
async def test_logout_is_no_open_redirect(api: Api, flow: Flow, uri: str, who: str | None) -> None:
    """Only the registered address, letter for letter, is ever gone to; else nothing ends (§3, RFC 9700 §4.11)."""
    tokens = await flow.tokens()
    answer = await ask(api, who, id_token_hint=tokens["id_token"], post_logout_redirect_uri=uri)
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "UNKNOWN_REDIRECT_URI" in answer.text
    assert await is_signed_in(api)


async def test_an_address_needs_its_client(api: Api, flow: Flow) -> None:
    """Without a client, or with an unknown, another or a disabled one, no address is gone to."""
    other = await Flow.begin(api)
    for client_id in (None, "cli_unknown", other.client.id):
        answer = await ask(api, client_id=client_id, post_logout_redirect_uri=DONE)
        assert (answer.status_code, "location" in answer.headers) == (400, False)


async def test_hint_and_client_must_agree(api: Api, flow: Flow) -> None:
    """An ID token of one client beside the name of another is refused (§2)."""
    other = await Flow.begin(api, post_logout_redirect_uris=(DONE,))
    tokens = await flow.tokens()
    answer = await ask(api, id_token_hint=tokens["id_token"], client_id=other.client.id, post_logout_redirect_uri=DONE)
    assert answer.status_code == 400
    assert await is_signed_in(api)


@pytest.mark.parametrize(("path", "status"), [("/t/tenant-a/oauth/logout", 303), ("/t/tenant-b/oauth/logout", 400)])
async def test_each_tenants_path_serves_its_clients(api: Api, flow: Flow, path: str, status: int) -> None:
    """A client signs out at its own tenant's endpoint, and not at another's."""
    tokens = await flow.tokens()
    answer = await ask(api, path=path, id_token_hint=tokens["id_token"])
    assert answer.status_code == status
    if status == 303:
        assert answer.headers["location"] == "/t/tenant-a/oauth/signed-out"


async def test_who_is_not_signed_in_just_goes_on(api: Api, flow: Flow) -> None:
    """Where no session is, the browser is sent on at once, and nobody else's session ends."""
    tokens = await flow.tokens()
    answer = await ask(api, None, id_token_hint=tokens["id_token"], post_logout_redirect_uri=DONE)
    assert (answer.status_code, answer.headers["location"]) == (303, DONE)
    assert await is_signed_in(api)
    assert (await ask(api, None)).headers["location"] == "/oauth/signed-out"


async def posted(api: Api, id_token: str, **more: str) -> str:
    """Send a form as a client's page does, without a cookie of ours, and return where the browser goes on."""
    fields = {"id_token_hint": id_token, "post_logout_redirect_uri": DONE, "state": "s", **more}
    answer = await send(api, "/t/tenant-a/oauth/logout", {"sec-fetch-site": "cross-site"}, fields)
    assert answer.status_code == 303
    location: str = answer.headers["location"]
    assert id_token not in location
    return location


async def test_a_posted_id_token_is_believed_too(api: Api, flow: Flow) -> None:
    """With an ID token of the very session in a form, the session ends without a question as well (§2)."""
    location = await posted(api, (await flow.tokens())["id_token"])
    assert await is_signed_in(api)
    answer = await api.call("GET", location, headers=cookie(api))
    assert (answer.status_code, answer.headers["location"]) == (303, f"{DONE}&state=s")
    assert not await is_signed_in(api)


@pytest.mark.parametrize("wrong", ["late", "another session", "another client", "changed", "no time", "long", "none"])
async def test_a_ticket_is_for_one_session_one_client_and_a_minute(
    api: Api, flow: Flow, clock: SetClock, wrong: str
) -> None:
    """What a posted ID token proved holds for its session and client, a minute long; else the user is asked (§2)."""
    location = await posted(api, (await flow.tokens())["id_token"])
    fields = dict(parse_qsl(urlsplit(location).query))
    who = "viewer_a" if wrong == "another session" else "editor_a"
    if wrong == "late":
        clock.advance(60_000)
    elif wrong == "another client":
        fields["client_id"] = (await Flow.begin(api, post_logout_redirect_uris=(DONE,))).client.id
    elif wrong == "none":
        del fields["ticket"]
    else:
        fields["ticket"] = {
            "changed": str(int(fields["ticket"].partition(".")[0]) + 1) + "." + fields["ticket"].partition(".")[2],
            "no time": "." + fields["ticket"].partition(".")[2],
            "long": "9" * 5_000 + ".x",
        }.get(wrong, fields["ticket"])
    page = await ask(api, who, **fields)
    assert page.status_code == 200
    assert "ticket" not in form_of(page)
    assert await is_signed_in(api, who)


async def test_a_ticket_is_good_until_its_last_moment(api: Api, flow: Flow, clock: SetClock) -> None:
    """Just before its minute is over it still holds."""
    location = await posted(api, (await flow.tokens())["id_token"])
    clock.advance(60_000 - 1 - clock.now_ms() % 1_000)
    assert (await api.call("GET", location, headers=cookie(api))).headers["location"] == f"{DONE}&state=s"


async def test_a_posted_request_comes_back_by_get(api: Api, flow: Flow) -> None:
    """A form of the client's site brings no cookie: the browser comes back by a GET, and without an ID token is asked."""
    fields = {"client_id": flow.client.id, "post_logout_redirect_uri": DONE, "state": "s", "ui_locales": "ko"}
    answer = await send(api, "/t/tenant-a/oauth/logout", {}, fields)
    assert answer.status_code == 303
    parts = urlsplit(answer.headers["location"])
    assert parts.path == "/t/tenant-a/oauth/logout"
    assert dict(parse_qsl(parts.query)) == {
        "client_id": flow.client.id, "post_logout_redirect_uri": DONE, "state": "s", "ui_locales": "ko",
    }  # fmt: skip
    page = await api.call("GET", answer.headers["location"], headers=cookie(api))
    assert (page.status_code, page.headers["content-language"]) == (200, "ko")


async def test_a_parameter_that_came_twice_is_refused(api: Api, flow: Flow) -> None:
    """Which of two addresses counts must not be the sender's choice (RFC 6749 §3.1)."""
    query = f"client_id={flow.client.id}&post_logout_redirect_uri={DONE}&post_logout_redirect_uri=https://evil.example"
    assert (await api.call("GET", f"/oauth/logout?{query}")).status_code == 400
    answer = await api.call("POST", "/oauth/logout", content=query.encode(), headers=FORM)
    assert answer.status_code == 400


async def test_the_question_cannot_be_framed(api: Api, flow: Flow) -> None:
    """No other site can put the question under somebody's click (RFC 9700 §4.16)."""
    page = await ask(api, client_id=flow.client.id)
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["cache-control"] == "no-store"


async def test_a_disabled_client_sends_nobody_anywhere(api: Api, flow: Flow) -> None:
    """Nobody is sent to a client that is no more."""
    await disable_client(api.application, flow.client.id)
    gone = await ask(api, client_id=flow.client.id, post_logout_redirect_uri=DONE)
    assert (gone.status_code, "location" in gone.headers) == (400, False)
