"""Nonces in DPoP proofs, where a tenant asks for them (RFC 9449 §8, §9)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from oauth_keys import NOW_S, ClientKey
from oauth_tenants import allow
from oauth_world import add_client, basic
from support import SetClock
from watchword.api_keys.models import CreateKey
from watchword.credentials.dpop_nonce import STEP_MS, DpopNonces
from watchword.oauth.models import ClientSettings
from world import OPERATOR, Api

KEY = ClientKey("ES256")
FORM = {"content-type": "application/x-www-form-urlencoded"}
NONCES = DpopNonces(b"m" * 32)
NOW_MS = 7 * STEP_MS
STEP_S = STEP_MS // 1000


@pytest.mark.parametrize(
    ("made_ms", "looked_ms", "good"),
    [
        (NOW_MS, NOW_MS, True),
        (NOW_MS, NOW_MS + 2 * STEP_MS - 1, True),
        (NOW_MS, NOW_MS + 2 * STEP_MS, False),
        (NOW_MS + STEP_MS, NOW_MS + STEP_MS - 1, True),
        (NOW_MS + STEP_MS, NOW_MS - 1, False),
    ],
)
def test_a_nonce_is_good_for_its_step_and_the_next(made_ms: int, looked_ms: int, good: bool) -> None:  # noqa: FBT001 - a column
    """What was given out is good to the end of the step after, and a step early by a clock that is behind."""
    assert NONCES.is_good(NONCES.make(made_ms), looked_ms) is good


@pytest.mark.parametrize(
    "nonce", [None, "", "x", "\ud800", DpopNonces(b"n" * 32).make(NOW_MS), NONCES.make(NOW_MS)[:-1]]
)
def test_what_is_no_nonce_of_ours(nonce: str | None) -> None:
    """Nobody makes one, and another installation's is none."""
    assert not NONCES.is_good(nonce, NOW_MS)


@pytest.fixture
async def door(sqlite_api: Api) -> Api:
    """The door of an installation whose tenant a wants nonces."""
    await allow(sqlite_api, dpop_nonces=True)
    return sqlite_api


async def call(
    api: Api,
    method: str,
    path: str,
    *,
    headers: dict[str, str],
    token: str | None = None,
    body: str | None = None,
    **claims: Any,  # noqa: ANN401 - claims of any kind
) -> httpx.Response:
    """Send a request with a proof of it."""
    proof = KEY.proof(method, f"{api.application.settings.url}{path}", token=token, **claims)
    content = None if body is None else body.encode()
    return await api.call(method, path, content=content, headers={**headers, "dpop": proof})


async def ask(api: Api, client: str, **claims: Any) -> httpx.Response:  # noqa: ANN401 - claims of any kind
    body = "grant_type=client_credentials&scope=products:read"
    return await call(api, "POST", "/oauth/token", headers={**FORM, **basic(client)}, body=body, **claims)


async def read(api: Api, token: str, **claims: Any) -> httpx.Response:  # noqa: ANN401 - claims of any kind
    return await call(api, "GET", "/api/products", headers={"authorization": f"DPoP {token}"}, token=token, **claims)


def nonce_of(answer: httpx.Response, status: int) -> str:
    """Hold an answer to be the demand of a nonce, and return that."""
    assert answer.status_code == status, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.headers["dpop-nonce"]


async def test_a_token_is_given_for_a_proof_with_the_nonce(door: Api) -> None:
    """Without a nonce, or with a made-up one, the token endpoint says use_dpop_nonce and gives one (RFC 9449 §8)."""
    client = await add_client(door.application, door.world.tenants["a"])
    for claims in ({}, {"nonce": "made-up"}, {"nonce": ""}):
        refused = await ask(door, client, **claims)
        assert refused.json()["error"] == "use_dpop_nonce"
        nonce = nonce_of(refused, 400)
    answer = await ask(door, client, nonce=nonce)
    assert (answer.status_code, answer.json()["token_type"]) == (200, "DPoP")
    assert (await ask(door, client, nonce=7)).json()["error"] == "invalid_dpop_proof"


async def test_a_resource_is_read_by_a_proof_with_the_nonce(door: Api) -> None:
    """The API says it in its challenge, and takes the token endpoint's nonce: both are one server (RFC 9449 §9)."""
    client = await add_client(door.application, door.world.tenants["a"])
    nonce = nonce_of(await ask(door, client), 400)
    token = (await ask(door, client, nonce=nonce)).json()["access_token"]
    refused = await read(door, token)
    assert nonce_of(refused, 401) == nonce
    challenge = refused.headers["www-authenticate"]
    assert challenge.startswith("DPoP ")
    assert 'error="use_dpop_nonce"' in challenge
    assert refused.json()["errors"][0]["extensions"]["code"] == "KEY_NONCE_MISSING"
    assert (await read(door, token, nonce=nonce)).status_code == 200


async def test_a_bound_key_is_proved_with_the_nonce(door: Api) -> None:
    """A secret key that is bound to a pair is held to it as a token is."""
    issued = await door.application.api_keys.create(
        door.world.tenants["a"],
        "live",
        CreateKey(name="bound", kind="secret", dpop_jkt=KEY.jkt),
        actor=OPERATOR,
        now_ms=door.application.clock.now_ms(),
    )
    nonce = nonce_of(await read(door, issued.text), 401)
    assert (await read(door, issued.text, nonce=nonce)).status_code == 200


async def test_a_pushed_request_is_proved_with_the_nonce(door: Api) -> None:
    """Where a proof comes with a pushed request, it is held to it too (RFC 9449 §10.1)."""
    settings = ClientSettings(redirect_uris=("https://app.example/callback",))
    client = await add_client(
        door.application, door.world.tenants["a"], grants=("authorization_code",), settings=settings
    )
    body = f"response_type=code&code_challenge={'a' * 43}&code_challenge_method=S256"
    headers = {**FORM, **basic(client)}
    refused = await call(door, "POST", "/oauth/par", headers=headers, body=body)
    assert refused.json()["error"] == "use_dpop_nonce"
    pushed = await call(door, "POST", "/oauth/par", headers=headers, body=body, nonce=nonce_of(refused, 400))
    assert pushed.status_code == 201, pushed.text


async def test_nonces_change_with_the_time(door: Api, clock: SetClock) -> None:
    """A nonce is taken for one step more than it is given; after that the answer has the next one."""
    client = await add_client(door.application, door.world.tenants["a"])
    first = nonce_of(await ask(door, client), 400)
    clock.advance(STEP_MS)
    assert (await ask(door, client, nonce=first, iat=NOW_S + STEP_S)).status_code == 200
    clock.advance(STEP_MS)
    second = nonce_of(await ask(door, client, nonce=first, iat=NOW_S + 2 * STEP_S), 400)
    assert second != first
    assert (await ask(door, client, nonce=second, iat=NOW_S + 2 * STEP_S)).status_code == 200


@pytest.mark.parametrize("claims", [{"iat": NOW_S - 60}, {"iat": NOW_S + 61}, {"htm": "GET"}, {"jti": None}], ids=str)
async def test_a_nonce_makes_no_proof_good(door: Api, claims: dict[str, Any]) -> None:
    """With a good nonce a proof is held to all the rest, and only one that keeps it is given a nonce."""
    client = await add_client(door.application, door.world.tenants["a"])
    nonce = nonce_of(await ask(door, client), 400)
    for given in ({}, {"nonce": nonce}):
        refused = await ask(door, client, **given, **claims)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_dpop_proof")


async def test_a_nonce_lets_no_proof_be_used_twice(door: Api) -> None:
    """A proof with a nonce counts once (RFC 9449 §11.1); one that lacked it was not used."""
    client = await add_client(door.application, door.world.tenants["a"])
    nonce = nonce_of(await ask(door, client, jti="one"), 400)
    answers = [await ask(door, client, jti="one", nonce=nonce) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 400]
    assert answers[1].json()["error"] == "invalid_dpop_proof"


async def test_a_nonce_is_wanted_where_it_is_asked_for(door: Api) -> None:
    """Another tenant's proofs need none, tokens that are not bound none, and switched off none is needed again."""
    other = await add_client(door.application, door.world.tenants["b"])
    assert (await ask(door, other)).status_code == 200
    assert (await ask(door, other, nonce="anything")).status_code == 200
    assert (await door.call("GET", "/api/products", who="sk_live_a")).status_code == 200
    client = await add_client(door.application, door.world.tenants["a"])
    token = (await ask(door, client, nonce=nonce_of(await ask(door, client), 400))).json()["access_token"]
    nonce_of(await read(door, token), 401)
    await allow(door, dpop_nonces=False)
    assert [(await ask(door, client)).status_code, (await read(door, token)).status_code] == [200, 200]


async def test_a_demand_of_a_nonce_is_no_refusal_to_look_into(door: Api) -> None:
    """Every client is told of a new nonce now and then: that leaves no event."""
    client = await add_client(door.application, door.world.tenants["a"])
    await ask(door, client)
    assert "USE_DPOP_NONCE" not in str(door.events())


async def test_any_process_takes_anothers_nonce(doors: tuple[Api, Api]) -> None:
    """Nothing of a nonce is stored: one that the first process gave is good at the second, on either database."""
    first, second = doors
    await allow(first, dpop_nonces=True)
    client = await add_client(first.application, first.world.tenants["a"])
    nonce = nonce_of(await ask(first, client), 400)
    assert (await ask(second, client, nonce=nonce)).status_code == 200


async def test_a_page_may_read_the_nonce(door: Api) -> None:
    """A browser's script reads the header, or it could not answer (Fetch §3.2)."""
    client = await add_client(door.application, door.world.tenants["a"])
    token = (await ask(door, client, nonce=nonce_of(await ask(door, client), 400))).json()["access_token"]
    headers = {"authorization": f"DPoP {token}", "origin": "https://shop.example"}
    answer = await call(door, "GET", "/api/products", headers=headers, token=token)
    nonce_of(answer, 401)
    assert "DPoP-Nonce" in answer.headers["access-control-expose-headers"]
