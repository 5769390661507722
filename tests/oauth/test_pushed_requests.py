"""Pushed authorization requests (RFC 9126), and requests as objects, which are refused (RFC 9101)."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from browser import Browser, answer_in
from oauth_keys import ClientKey
from oauth_pages_world import CALLBACK, REQUEST, VERIFIER, add_app, authorize_path, sign_in
from oauth_world import basic
from support import SetClock
from watchword.limits.policies import MINUTE, Policy
from watchword.oauth.stored_requests import PUSHED_TTL_SECONDS
from world import Api

PAR = "/oauth/par"
FORM = {"content-type": "application/x-www-form-urlencoded"}
KEY = ClientKey("ES256")


async def push(
    api: Api,
    client: str,
    *,
    path: str = PAR,
    headers: dict[str, str] | None = None,
    **changes: Any,  # noqa: ANN401 - texts, or None
) -> httpx.Response:
    """Push a request as a confidential client; a change to None leaves a parameter out."""
    fields = {name: value for name, value in {**REQUEST, **changes}.items() if value is not None}
    sent = {**FORM, **basic(client), **(headers or {})}
    return await api.call("POST", path, content=urlencode(fields).encode(), headers=sent)


async def pushed_uri(api: Api, client: str, **changes: Any) -> str:  # noqa: ANN401 - as of push
    answer = await push(api, client, **changes)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["request_uri"])


def pushed_path(client: str, uri: str, **more: str) -> str:
    return f"/oauth/authorize?{urlencode({'client_id': client, 'request_uri': uri, **more})}"


async def allow(api: Api, path: str) -> dict[str, str]:
    """Sign in, allow, and return what the client is told."""
    browser = Browser(api)
    page = await sign_in(browser, await browser.get(path))
    return answer_in(page if page.status_code == 303 else await browser.submit(page, decision="allow"))


async def redeem(api: Api, client: str, code: str, headers: dict[str, str] | None = None) -> httpx.Response:
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    sent = {**FORM, **basic(client), **(headers or {})}
    return await api.call("POST", "/oauth/token", content=urlencode(fields).encode(), headers=sent)


async def test_a_pushed_request_is_answered(api: Api) -> None:
    """A client pushes its request, sends the user with its name alone, and gets a code and tokens (RFC 9126 §2, §4)."""
    app = await add_app(api)
    answer = await push(api, app)
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    assert answer.json()["expires_in"] == PUSHED_TTL_SECONDS
    uri = answer.json()["request_uri"]
    assert uri.startswith("urn:ietf:params:oauth:request_uri:")
    fields = await allow(api, pushed_path(app, uri))
    assert fields["state"] == REQUEST["state"]
    assert (await redeem(api, app, fields["code"])).status_code == 200
    assert uri not in api.log_text()


async def test_what_stands_beside_it_counts_for_nothing(api: Api) -> None:
    """Parameters in the address change nothing of what was pushed (RFC 9126 §4)."""
    app = await add_app(api)
    uri = await pushed_uri(api, app, scope="products:read")
    browser = Browser(api)
    path = pushed_path(app, uri, scope="products:write", state="forged", redirect_uri="https://evil.example/")
    page = await sign_in(browser, await browser.get(path))
    assert "evil.example" not in page.text
    fields = answer_in(await browser.submit(page, decision="allow"))
    assert fields["state"] == REQUEST["state"]
    assert (await redeem(api, app, fields["code"])).json()["scope"] == "products:read"


WRONG = {
    "no response type": ({"response_type": None}, "invalid_request"),
    "a response type that is not its own": ({"response_type": "token"}, "unauthorized_client"),
    "another response type": ({"response_type": "code token"}, "unsupported_response_type"),
    "an unregistered redirect URI": ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
    "no challenge": ({"code_challenge": None}, "invalid_request"),
    "a plain challenge": ({"code_challenge_method": "plain"}, "invalid_request"),
    "an unknown scope": ({"scope": "everything"}, "invalid_scope"),
    "another resource": ({"resource": "https://other.example/"}, "invalid_target"),
    "a request_uri": ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "invalid_request"),
    "a request object": ({"request": "eyJ.e30.x"}, "request_not_supported"),
    "another's name": ({"client_id": "cli_00000000000000000000000000"}, "invalid_request"),
    "a wrong prompt": ({"prompt": "none login"}, "invalid_request"),
}


@pytest.mark.parametrize(("changes", "error"), WRONG.values(), ids=WRONG)
async def test_a_wrong_request_is_refused_when_pushed(api: Api, changes: dict[str, Any], error: str) -> None:
    """What the authorization endpoint would refuse is refused to the client itself, before any person (RFC 9126 §2.3)."""
    answer = await push(api, await add_app(api), **changes)
    assert (answer.status_code, answer.json()["error"]) == (400, error), answer.text


async def test_only_its_own_client_pushes(api: Api) -> None:
    """A client proves itself as at the token endpoint; a wrong secret and a foreign tenant's path are refused."""
    app = await add_app(api)
    wrong = await push(api, app, headers=basic(app, "wrong"))
    elsewhere = await push(api, app, path="/t/tenant-b/oauth/par")
    for answer in (wrong, elsewhere):
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert (await push(api, app, path="/t/tenant-a/oauth/par")).status_code == 201


async def test_a_public_client_pushes_too(api: Api) -> None:
    """A public client names itself (RFC 9126 §2)."""
    app = await add_app(api, kind="public")
    fields = {**REQUEST, "client_id": app}
    answer = await api.call("POST", PAR, content=urlencode(fields).encode(), headers=FORM)
    assert answer.status_code == 201
    assert "code" in await allow(api, pushed_path(app, answer.json()["request_uri"]))


async def test_a_pushed_request_is_its_clients_alone(api: Api) -> None:
    """Another client's name beside it, or a made-up one, shows an error and sends nobody anywhere (RFC 9126 §7.1)."""
    app, other = await add_app(api), await add_app(api)
    uri = await pushed_uri(api, app)
    browser = Browser(api)
    for path in (pushed_path(other, uri), pushed_path(app, f"{uri}x"), pushed_path(app, uri[:-1])):
        answer = await browser.get(path)
        assert answer.status_code == 400
        assert "location" not in answer.headers


async def test_a_pushed_request_ends_soon(api: Api, clock: SetClock) -> None:
    """It names a request for a minute; a person who came in time may take as long as anybody (RFC 9126 §2.2)."""
    app = await add_app(api)
    late, in_time = [await pushed_uri(api, app) for _ in range(2)]
    clock.advance(PUSHED_TTL_SECONDS * 1000 - 1)
    browser = Browser(api)
    page = await browser.get(pushed_path(app, in_time))
    clock.advance(1)
    assert (await browser.get(pushed_path(app, late))).status_code == 400
    clock.advance(600_000)
    assert "code" in answer_in(await browser.submit(await sign_in(browser, page), decision="allow"))


async def test_a_pushed_request_is_answered_once(api: Api) -> None:
    """Once answered it is used up, however it is sent again (RFC 9126 §4)."""
    app = await add_app(api)
    uri = await pushed_uri(api, app)
    browser = Browser(api)
    page = await sign_in(browser, await browser.get(pushed_path(app, uri)))
    assert "code" in answer_in(await browser.submit(page, decision="allow"))
    assert (await browser.get(pushed_path(app, uri))).status_code == 400
    again = await browser.submit(page, decision="allow")
    assert "code=" not in again.headers.get("location", "")


async def test_a_client_may_have_to_push(api: Api) -> None:
    """A client that requires it is not served without (RFC 9126 §5)."""
    app = await add_app(api, require_pushed_requests=True)
    fields = answer_in(await Browser(api).get(authorize_path(app)))
    assert fields["error"] == "invalid_request"
    assert "code" in await allow(api, pushed_path(app, await pushed_uri(api, app)))


@pytest.mark.parametrize(
    ("parameter", "value", "error"),
    [
        ("request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported"),
        ("request_uri", "https://evil.example/request.jwt", "request_uri_not_supported"),
        ("request_uri", "http://127.0.0.1/", "request_uri_not_supported"),
    ],
)
async def test_a_request_object_is_refused(api: Api, parameter: str, value: str, error: str) -> None:
    """Requests as objects, or at addresses of others, are refused in so many words, and never fetched (RFC 9101 §6.2)."""
    app = await add_app(api)
    fields = answer_in(await Browser(api).get(authorize_path(app, **{parameter: value})))
    assert fields["error"] == error


async def test_a_pushed_proof_binds_the_code(api: Api) -> None:
    """A code of a request that was pushed with a proof is good with that key alone (RFC 9449 §10.1)."""
    app = await add_app(api)
    url = api.application.settings.url
    other = ClientKey("ES256")
    for key, status in ((None, 400), (other, 400), (KEY, 200)):
        answer = await push(api, app, headers={"dpop": KEY.proof("POST", f"{url}{PAR}")})
        assert answer.status_code == 201, answer.text
        code = (await allow(api, pushed_path(app, answer.json()["request_uri"])))["code"]
        proof = {} if key is None else {"dpop": key.proof("POST", f"{url}/oauth/token")}
        assert (await redeem(api, app, code, proof)).status_code == status


async def test_a_pushed_proof_of_another_key_is_refused(api: Api) -> None:
    """A proof and a ``dpop_jkt`` that name two keys contradict each other (RFC 9449 §10.1); a bad proof is none."""
    app = await add_app(api)
    url = f"{api.application.settings.url}{PAR}"
    cases: list[tuple[str, dict[str, Any]]] = [
        (KEY.proof("POST", url), {"dpop_jkt": ClientKey("ES256").jkt}),
        (KEY.proof("GET", url), {}),
        (KEY.proof("POST", f"{url}/x"), {}),
    ]
    for proof, changes in cases:
        answer = await push(api, app, headers={"dpop": proof}, **changes)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
    assert (await push(api, app, headers={"dpop": KEY.proof("POST", url)}, dpop_jkt=KEY.jkt)).status_code == 201


async def test_of_parallel_answers_one_counts(stored_api: Api) -> None:
    """Of 20 parallel answers to one pushed request one gets a code."""
    api = stored_api
    app = await add_app(api)
    browser = Browser(api)
    page = await sign_in(browser, await browser.get(pushed_path(app, await pushed_uri(api, app))))
    answers = await asyncio.gather(*(browser.post(page, decision="allow") for _ in range(20)))
    codes = [answer for answer in answers if "code=" in answer.headers.get("location", "")]
    assert len(codes) == 1


async def test_strangers_leave_no_more_than_by_sending_people(
    sqlite_api: Api, monkeypatch: pytest.MonkeyPatch, clock: SetClock
) -> None:
    """Whoever names a public client may push as often as the authorization endpoint may be opened; others are not held."""
    attempts = sqlite_api.application._foundation.limiter._attempts
    monkeypatch.setitem(attempts, "authorize", Policy("authorize", 3, MINUTE))
    public, own = await add_app(sqlite_api, kind="public"), await add_app(sqlite_api)
    body = urlencode({**REQUEST, "client_id": public}).encode()
    statuses = [(await sqlite_api.call("POST", PAR, content=body, headers=FORM)).status_code for _ in range(4)]
    assert statuses == [201, 201, 201, 429]
    assert (await push(sqlite_api, own)).status_code == 201
    clock.advance(60_000)
    assert (await sqlite_api.call("POST", PAR, content=body, headers=FORM)).status_code == 201
