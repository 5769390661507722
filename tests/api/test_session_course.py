"""Sessions through the HTTP door, in their course: cookie, refresh and its grace, the ends, the lock-out, letters."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest

from eventually import eventually
from scenario import code_of, require_sound
from support import SetClock
from world import PASSWORD, SHOP_ORIGIN, Api

ANN = "admin.a@example.com"
LOGIN = {"email": ANN, "password": PASSWORD}
NEW_PASSWORD = "an entirely different phrase"
TTL_S = 604_800
START_S = 1_767_780_000
COOKIE_NAME = "__Host-watchword"
ME = "/api/users/me"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def cookie(token: str) -> dict[str, str]:
    return {"cookie": f"{COOKIE_NAME}={token}"}


async def log_in(api: Api, **sent: str) -> httpx.Response:
    response = await api.call("POST", "/api/users/login", json={**LOGIN, **sent})
    require_sound(response)
    return response


async def refresh(api: Api, token: str) -> httpx.Response:
    response = await api.call("POST", "/api/users/refresh-token", headers=bearer(token))
    require_sound(response)
    return response


def set_cookie(response: httpx.Response) -> list[str]:
    return response.headers["set-cookie"].split("; ")


async def mailed_code(api: Api, page: str, *, letters: int = 1) -> str:
    """Wait for so many letters with a link to a page and return the code of the last."""
    pattern = re.compile(rf"/{page}#code=([A-Za-z0-9_-]+)")
    await eventually(lambda: len(pattern.findall(api.log_text())) >= letters, seconds=5)
    return str(pattern.findall(api.log_text())[-1])


async def test_a_login_answers_both_kinds_of_client(api: Api) -> None:
    """The answer carries the document's fields and Payload's, and no more of the user than is shown everywhere."""
    answer = (await log_in(api)).json()
    user = {"id": api.world.users["admin_a"], "email": ANN, "name": "admin_a", "role": "tenant-admin"}
    assert answer == {
        "message": "Login successful.",
        "token": answer["token"],
        "user": {**user, "tenants": [api.world.tenants["a"]], "collection": "users"},
        "exp": START_S + TTL_S,
        "collection": "users",
        "strategy": "local-jwt",
    }


async def test_a_refresh_answers_both_kinds_of_client(api: Api, clock: SetClock) -> None:
    """The new token stands under both names, with its time and end."""
    clock.advance(5_000)
    answer = (await refresh(api, api.world.tokens["viewer_a"])).json()
    assert answer["token"] == answer["refreshedToken"] != api.world.tokens["viewer_a"]
    assert (answer["refreshedAt"], answer["exp"]) == ("2026-01-07T10:00:05.000Z", START_S + 5 + TTL_S)
    assert (answer["setCookie"], answer["collection"], answer["strategy"]) == (False, "users", "local-jwt")
    assert answer["user"]["role"] == "tenant-viewer"


async def test_the_cookie_is_set_renewed_and_cleared(api: Api, clock: SetClock) -> None:
    """The cookie holds the token out of reach of scripts, is renewed by a refresh and taken away by a logout."""
    attributes = ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"]
    begun = await api.call("POST", "/api/users/login?cookie=true", json=LOGIN)
    api.client.cookies.clear()
    first, *rest = set_cookie(begun)
    assert first.startswith(f"{COOKIE_NAME}=eyJ")
    assert sorted(rest) == sorted([f"Max-Age={TTL_S}", *attributes])
    assert "token" not in begun.json()
    own = {"sec-fetch-site": "same-origin"}
    clock.advance(1000)
    renewed = await api.call("POST", "/api/users/refresh-token", headers={"cookie": first, **own})
    api.client.cookies.clear()
    second, *_ = set_cookie(renewed)
    assert second not in {first, f"{COOKIE_NAME}="}
    assert "eyJ" not in renewed.text
    assert renewed.json()["setCookie"] is True
    gone = await api.call("POST", "/api/users/logout", headers={"cookie": second, **own})
    assert set_cookie(gone) == [f"{COOKIE_NAME}=", "Max-Age=0", *attributes]
    for dead in (first, second):
        assert (await api.call("GET", ME, headers={"cookie": dead})).status_code == 401


async def test_a_tenant_decides_for_the_cookie(api: Api) -> None:
    """Where the tenant wants the cookie, a login sets it unasked, and the request can still ask otherwise."""
    body = {"settings": {"session_cookie": True}}
    assert (await api.call("PATCH", "/api/tenants/{tenant_a}", who="admin_a", json=body)).status_code == 200
    for query, is_set in (("", True), ("?cookie=false", False), ("?cookie=true", True)):
        response = await api.call("POST", f"/api/users/login{query}", json=LOGIN)
        api.client.cookies.clear()
        assert ("set-cookie" in response.headers, "token" in response.json()) == (is_set, not is_set)


async def test_a_cookie_writes_from_the_own_site_only(api: Api) -> None:
    """A product is made by cookie from a listed origin, from the server's own pages, and from nowhere else."""
    token = api.world.tokens["admin_a"]
    own = str(api.client.base_url).rstrip("/")
    for proof, status in (
        ({"origin": SHOP_ORIGIN}, 201),
        ({"origin": own}, 201),
        ({"sec-fetch-site": "same-origin"}, 201),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": own + ".evil.example"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"referer": SHOP_ORIGIN}, 403),
        ({}, 403),
    ):
        response = await api.call(
            "POST", "/api/products", json={"name": "x", "price": 1}, headers={**cookie(token), **proof}
        )
        assert response.status_code == status, proof
        assert status == 201 or code_of(response) == "CROSS_SITE_REQUEST"
    assert (await api.call("GET", "/api/products/count", who="sk_live_a")).json() == {"totalDocs": 15}


async def test_a_header_token_needs_no_proof_of_its_site(api: Api) -> None:
    """Whoever sends the token itself may write from anywhere: no browser sends it unasked."""
    for origin in (SHOP_ORIGIN, "https://evil.example", "null"):
        response = await api.call(
            "POST", "/api/products", who="editor_a", json={"name": "x", "price": 1}, headers={"origin": origin}
        )
        assert response.status_code == 201


@pytest.mark.parametrize(("moved_ms", "status"), [(29_999, 200), (30_000, 401), (30_001, 401)])
async def test_an_old_token_has_its_grace(api: Api, clock: SetClock, moved_ms: int, status: int) -> None:
    """A refreshed token serves to the last millisecond of its grace and is 401 from there on, never 419."""
    old = api.world.tokens["admin_a"]
    new = (await refresh(api, old)).json()["token"]
    clock.advance(moved_ms)
    assert (await api.call("GET", ME, headers=bearer(old))).status_code == status
    assert (await api.call("GET", ME, headers=bearer(new))).status_code == 200
    again = await refresh(api, old)
    assert again.status_code == status
    assert status != 200 or again.json()["token"] == new


async def test_fifty_refreshes_at_once_give_one_token(api: Api) -> None:
    """However many tabs refresh together, the session has one new token."""
    old = api.world.tokens["admin_a"]
    answers = await asyncio.gather(*(refresh(api, old) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["token"] for answer in answers}) == 1


@pytest.mark.parametrize(
    ("moved_ms", "me", "refreshed"),
    [(TTL_S * 1000 - 1, 200, 200), (TTL_S * 1000, 419, 419), (TTL_S * 1000 + 1, 419, 419)],
)
async def test_the_cookie_ends_at_its_second(api: Api, clock: SetClock, moved_ms: int, me: int, refreshed: int) -> None:
    """The cookie's token is good until its end and 419 from there on, for reading and for a refresh."""
    headers = {**cookie(api.world.tokens["admin_a"]), "sec-fetch-site": "same-origin"}
    clock.advance(moved_ms)
    assert (await api.call("GET", ME, headers=headers)).status_code == me
    assert (await api.call("POST", "/api/users/refresh-token", headers=headers)).status_code == refreshed


async def test_an_ended_session_is_401_even_when_expired(api: Api, clock: SetClock) -> None:
    """419 is for tokens that could have gone on: a token of an ended session stays 401 after its end."""
    assert (await api.call("POST", "/api/users/logout", who="admin_a")).status_code == 200
    for moved_ms in (0, TTL_S * 1000, 1):
        clock.advance(moved_ms)
        assert (await api.call("GET", ME, who="admin_a")).status_code == 401


async def test_a_session_ends_at_its_absolute_age(api: Api, clock: SetClock) -> None:
    """Refreshing goes on only so long: at the session's own end it is over for every token."""
    token = api.world.tokens["admin_a"]
    for _ in range(200):
        clock.advance(6 * 24 * 3_600_000)
        response = await refresh(api, token)
        if response.status_code != 200:
            break
        token = response.json()["token"]
    assert response.status_code == 401
    assert (await api.call("GET", ME, headers=bearer(token))).status_code == 401
    assert clock.now_ms() - START_S * 1000 >= api.application.settings.session_absolute_seconds * 1000


async def test_a_logout_ends_one_session_and_all_sessions_all(api: Api) -> None:
    """A logout leaves the user's other sessions; ``allSessions`` leaves none, and nobody else's is touched."""
    tokens = [(await log_in(api)).json()["token"] for _ in range(3)]
    await api.call("POST", "/api/users/logout", headers=bearer(tokens[0]))
    statuses = [(await api.call("GET", ME, headers=bearer(token))).status_code for token in tokens]
    assert statuses == [401, 200, 200]
    everywhere = await api.call("POST", "/api/users/logout?allSessions=true", headers=bearer(tokens[1]))
    assert everywhere.json() == {"message": "Logout successful."}
    for token in (*tokens, api.world.tokens["admin_a"]):
        assert (await api.call("GET", ME, headers=bearer(token))).status_code == 401
    assert (await api.call("GET", ME, who="viewer_a")).status_code == 200


async def test_sessions_are_listed_and_ended_one_by_one(api: Api, clock: SetClock) -> None:
    """A user sees the own living sessions with the asking one marked, ends another, and cannot end it twice."""
    clock.advance(1000)
    token = (await log_in(api)).json()["token"]
    page = (await api.call("GET", "/api/users/sessions", headers=bearer(token))).json()
    assert [doc["current"] for doc in page["docs"]] == [True, False]
    assert set(page["docs"][0]) == {
        "id",
        "current",
        "address",
        "userAgent",
        "createdAt",
        "refreshedAt",
        "expiresAt",
        "endsAt",
    }
    other = page["docs"][1]["id"]
    assert other == api.world.sessions["admin_a"]
    assert (await api.call("DELETE", f"/api/users/sessions/{other}", headers=bearer(token))).status_code == 200
    assert (await api.call("GET", ME, who="admin_a")).status_code == 401
    assert (await api.call("DELETE", f"/api/users/sessions/{other}", headers=bearer(token))).status_code == 404
    left = (await api.call("GET", "/api/users/sessions", headers=bearer(token))).json()
    assert [doc["id"] for doc in left["docs"]] == [page["docs"][0]["id"]]


async def test_another_users_session_is_like_none(api: Api) -> None:
    """Ending a colleague's, a stranger's and an unknown session gets one answer, and ends nothing."""
    bodies = set()
    for session in ("{session_editor_a}", "{session_admin_b}", "ses_00000000000000000000000000", "none"):
        response = await api.call("DELETE", f"/api/users/sessions/{session}", who="admin_a")
        bodies.add((response.status_code, response.content))
    assert len(bodies) == 1
    assert bodies.pop()[0] == 404
    for who in ("editor_a", "admin_b"):
        assert (await api.call("GET", ME, who=who)).status_code == 200


@pytest.mark.parametrize("email", [ANN, "nobody@example.com"])
async def test_ten_failures_lock_an_account_known_or_not(api: Api, clock: SetClock, email: str) -> None:
    """After ten wrong passwords the right one is refused too, for a minute, then twice as long; known or not."""
    for _ in range(10):
        assert (await log_in(api, email=email, password="wrong")).status_code == 401
    locked = await log_in(api, email=email)
    assert (locked.status_code, locked.headers["retry-after"]) == (429, "60")
    assert locked.json()["errors"][0]["extensions"] == {"code": "RATE_LIMIT_EXCEEDED", "retryAfter": 60}
    events = [event["event"] for event in api.events()]
    assert events == ["user.login_failed"] * 10 + ["user.locked_out"]
    clock.advance(59_999)
    assert (await log_in(api, email=email, password="wrong")).headers["retry-after"] == "1"
    clock.advance(1)
    assert (await log_in(api, email=email, password="wrong")).status_code == 401
    again = await log_in(api, email=email)
    assert (again.status_code, again.headers["retry-after"]) == (429, "120")


async def test_a_locked_account_keeps_its_sessions_and_neighbours(api: Api) -> None:
    """A stranger who locks an account ends no session of it and locks nobody else out."""
    for _ in range(11):
        await log_in(api, password="wrong")
    assert (await log_in(api)).status_code == 429
    assert (await api.call("GET", ME, who="admin_a")).status_code == 200
    assert (await log_in(api, email="viewer.a@example.com")).status_code == 200


async def test_a_success_forgets_the_failures(api: Api) -> None:
    """Nine failures and a success leave ten new ones before the lock."""
    for _ in range(2):
        for _ in range(9):
            assert (await log_in(api, password="wrong")).status_code == 401
        assert (await log_in(api)).status_code == 200


async def test_unknown_and_known_get_the_same_answers(api: Api) -> None:
    """Login, forgotten passwords and registration tell nobody who has an account."""
    opened = {"settings": {"registration": True}}
    assert (await api.call("PATCH", "/api/tenants/{tenant_a}", who="admin_a", json=opened)).status_code == 200
    for path, rest in (
        ("/api/users/login", {"password": "wrong"}),
        ("/api/users/forgot-password", {}),
        ("/api/users/register", {"password": NEW_PASSWORD}),
    ):
        answers = []
        for email in (ANN, "nobody@example.com"):
            response = await api.call("POST", path, who="pk_live_a", json={"email": email, **rest})
            require_sound(response)
            headers = {name: value for name, value in response.headers.items() if name not in {"x-request-id", "date"}}
            answers.append((response.status_code, response.content, headers))
        assert answers[0] == answers[1]


async def test_a_password_is_reset_once_by_letter(api: Api, clock: SetClock) -> None:
    """The mailed code sets a new password once, ends every session, lifts the lock, and keeps weak ones out."""
    for _ in range(10):
        await log_in(api, password="wrong")
    await api.call("POST", "/api/users/forgot-password", json={"email": ANN.upper()})
    code = await mailed_code(api, "reset-password")
    weak = await api.call("POST", "/api/users/reset-password", json={"token": code, "password": "password"})
    assert (weak.status_code, weak.json()["errors"][0]["extensions"]["fields"][0]["path"]) == (400, "password")
    reset = await api.call("POST", "/api/users/reset-password", json={"token": code, "password": NEW_PASSWORD})
    assert reset.status_code == 200, reset.text
    assert reset.headers["cache-control"] == "no-store"
    assert (await api.call("GET", ME, headers=bearer(reset.json()["token"]))).status_code == 200
    assert (await api.call("GET", ME, who="admin_a")).status_code == 401
    again = await api.call("POST", "/api/users/reset-password", json={"token": code, "password": PASSWORD})
    assert (again.status_code, code_of(again)) == (400, "INVALID_CODE")
    assert (await log_in(api)).status_code == 401
    assert (await log_in(api, password=NEW_PASSWORD)).status_code == 200


async def test_twenty_resets_at_once_have_one_winner(api: Api) -> None:
    """A mailed code is spent once, however many requests bring it together."""
    await api.call("POST", "/api/users/forgot-password", json={"email": ANN})
    code = await mailed_code(api, "reset-password")
    body = {"token": code, "password": NEW_PASSWORD}
    calls = [api.call("POST", "/api/users/reset-password", json=body) for _ in range(20)]
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*calls))
    assert statuses == [200] + [400] * 19


async def test_a_new_address_is_in_force_once_confirmed(api: Api) -> None:
    """A changed e-mail address takes effect by its letter alone, once, and signs in from then on."""
    body = {"email": "ann@new.example", "currentPassword": PASSWORD}
    changed = await api.call("PATCH", ME, who="admin_a", json=body)
    assert (changed.status_code, changed.json()["user"]["email"]) == (200, ANN)
    assert (await log_in(api, email="ann@new.example")).status_code == 401
    code = await mailed_code(api, "verify-email")
    for status in (200, 400):
        assert (await api.call("POST", f"/api/users/verify/{code}")).status_code == status
    assert (await log_in(api, email="ann@new.example")).status_code == 200
    assert (await log_in(api)).status_code == 401


async def test_a_strict_tenant_lets_unconfirmed_people_wait(api: Api) -> None:
    """Where the tenant asks for confirmed addresses, a new user signs in only after the letter."""
    settings = {"settings": {"registration": True, "require_verified_email": True}}
    assert (await api.call("PATCH", "/api/tenants/{tenant_a}", who="admin_a", json=settings)).status_code == 200
    new = {"email": "new@example.com", "password": NEW_PASSWORD}
    assert (await api.call("POST", "/api/users/register", who="pk_live_a", json=new)).status_code == 201
    refused = await log_in(api, **new)
    assert (refused.status_code, code_of(refused)) == (403, "EMAIL_NOT_VERIFIED")
    assert "token" not in refused.text
    code = await mailed_code(api, "verify-email", letters=2)
    assert (await api.call("POST", f"/api/users/verify/{code}")).status_code == 200
    assert (await log_in(api, **new)).json()["user"]["role"] == "tenant-viewer"


@pytest.mark.parametrize(
    ("password", "status"),
    [
        ("ä" * 8, 201),
        ("pässwörd mit leerzeichen", 201),
        ("1234567", 400),
        ("password1", 400),
        ("x" * 129, 400),
        ("new@example.com", 400),
    ],
)
async def test_registration_holds_passwords_to_the_rules(api: Api, password: str, status: int) -> None:
    """8 to 128 characters of any script, none of the common ones, never the own address."""
    settings = {"settings": {"registration": True}}
    assert (await api.call("PATCH", "/api/tenants/{tenant_a}", who="admin_a", json=settings)).status_code == 200
    body = {"email": "new@example.com", "password": password}
    response = await api.call("POST", "/api/users/register", who="pk_live_a", json=body)
    assert response.status_code == status, response.text
    assert password not in response.text or password == "new@example.com"
