"""A client with the FAPI 2.0 Security Profile switched on: the whole way, and every way around it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from browser import Browser, answer_in
from oauth_keys import ASSERTION_TYPE, ClientKey
from oauth_pages_world import CALLBACK, REQUEST, VERIFIER, add_app, authorize_path, sign_in
from oauth_world import basic
from support import SetClock
from world import Api

KEY = ClientKey("ES256", kid="client")
RSA = ClientKey("RS256", kid="rsa")
PROOF_KEY = ClientKey("ES256")
FORM = {"content-type": "application/x-www-form-urlencoded"}


class Fapi:
    """One FAPI client at one door."""

    def __init__(self, api: Api, client: str) -> None:
        self.api = api
        self.client = client
        self.url = api.application.settings.url
        self.issuer = f"{self.url}/t/tenant-a"

    def assertion(self, key: ClientKey = KEY, audience: object = None, **changes: Any) -> dict[str, str]:  # noqa: ANN401 - claims of any shape
        """Return the fields that prove the client, at the clock's time."""
        now_s = self.api.application.clock.now_ms() // 1000
        made = key.assertion(self.client, audience or self.issuer, **{"iat": now_s, "exp": now_s + 60, **changes})
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": made}

    def proof(self, path: str, key: ClientKey = PROOF_KEY) -> dict[str, str]:
        """Return the header of a fresh DPoP proof."""
        return {"dpop": key.proof("POST", f"{self.url}{path}", iat=self.api.application.clock.now_ms() // 1000)}

    async def post(self, path: str, fields: dict[str, str], headers: dict[str, str] | None = None) -> httpx.Response:
        """Send a form."""
        return await self.api.call(
            "POST", path, content=urlencode(fields).encode(), headers={**FORM, **(headers or {})}
        )

    async def push(self, proof: dict[str, str] | None = None, **changes: Any) -> httpx.Response:  # noqa: ANN401 - texts, or None
        """Push a request."""
        fields = {**REQUEST, **self.assertion(), **changes}
        return await self.post(
            "/oauth/par", {name: value for name, value in fields.items() if value is not None}, proof
        )

    async def code(self) -> str:
        """Go as far as the code."""
        uri = (await self.push()).json()["request_uri"]
        browser = Browser(self.api)
        path = f"/oauth/authorize?{urlencode({'client_id': self.client, 'request_uri': uri})}"
        page = await sign_in(browser, await browser.get(path))
        answer = answer_in(page if page.status_code == 303 else await browser.submit(page, decision="allow"))
        assert answer["iss"] == self.issuer
        return answer["code"]

    async def redeem(
        self, code: str, *, proved: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Send a code to the token endpoint."""
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        proof = self.proof("/oauth/token") if headers is None else headers
        return await self.post("/oauth/token", {**fields, **(self.assertion() if proved is None else proved)}, proof)


@pytest.fixture
async def fapi(api: Api) -> Fapi:
    """A client with the switch on."""
    client = await add_app(
        api,
        authentication_method="private_key_jwt",
        jwks={"keys": [KEY.jwk, RSA.jwk]},
        profile="fapi2",
    )
    return Fapi(api, client)


async def test_the_whole_way(fapi: Fapi) -> None:
    """A pushed request, a code with its issuer, tokens bound to a key, and a read with a proof of that key."""
    answer = await fapi.redeem(await fapi.code())
    assert (answer.status_code, answer.json()["token_type"]) == (200, "DPoP"), answer.text
    token = answer.json()["access_token"]
    proof = PROOF_KEY.proof("GET", f"{fapi.url}/api/products", token=token)
    headers = {"authorization": f"DPoP {token}", "dpop": proof}
    assert (await fapi.api.call("GET", "/api/products", headers=headers)).status_code == 200


async def test_a_refresh_token_stays_the_same(fapi: Fapi) -> None:
    """Refresh tokens are not rotated (FAPI 2.0 Security Profile §5.3.2.1, item 9): a lost answer costs nobody the grant."""
    first = (await fapi.redeem(await fapi.code())).json()
    assert first.get("refresh_token")
    for _ in range(3):
        fields = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], **fapi.assertion()}
        answer = await fapi.post("/oauth/token", fields, fapi.proof("/oauth/token"))
        assert answer.status_code == 200, answer.text
        assert answer.json().get("refresh_token") in {None, first["refresh_token"]}


async def test_a_request_must_be_pushed(fapi: Fapi) -> None:
    """A request in the address is refused (§5.3.2.2, item 2)."""
    fields = answer_in(await Browser(fapi.api).get(authorize_path(fapi.client)))
    assert fields["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uri": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"request": "eyJ.e30."}, "request_not_supported"),
    ],
    ids=str,
)
async def test_a_pushed_request_has_to_be_whole(fapi: Fapi, changes: dict[str, Any], error: str) -> None:
    """Redirect URI and PKCE stand in it, and it asks for a code (§5.3.2.2, items 3 to 6)."""
    answer = await fapi.push(**changes)
    assert answer.status_code == 400
    assert answer.json()["error"] in {error, "unauthorized_client"}


async def test_a_token_is_always_bound(fapi: Fapi) -> None:
    """Without a DPoP proof there is no token (§5.3.2.1, item 5), and RSA by PKCS #1 v1.5 signs none (§5.4.1)."""
    for headers in ({}, fapi.proof("/oauth/token", RSA)):
        answer = await fapi.redeem(await fapi.code(), headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
    answer = await fapi.push(proof=fapi.proof("/oauth/par", RSA))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")


async def test_a_client_proves_itself_by_its_key_alone(fapi: Fapi) -> None:
    """No secret, no weaker algorithm, and no audience but the issuer, as one text (§5.3.2.1, items 6 and 8; §5.4.1)."""
    code = await fapi.code()
    wrong = [
        {},
        {"client_id": fapi.client},
        fapi.assertion(RSA),
        fapi.assertion(audience=[fapi.issuer]),
        fapi.assertion(audience=f"{fapi.issuer}/oauth/token"),
        fapi.assertion(audience=f"{fapi.url}/oauth/token"),
        fapi.assertion(audience=[fapi.issuer, f"{fapi.issuer}/oauth/token"]),
    ]
    for proved in wrong:
        assert (await fapi.redeem(code, proved=proved)).status_code == 401, proved
    headers = {**basic(fapi.client), **fapi.proof("/oauth/token")}
    assert (await fapi.redeem(code, proved={}, headers=headers)).status_code == 401
    assert (await fapi.redeem(code)).status_code == 200


async def test_a_code_lives_half_as_long(fapi: Fapi, clock: SetClock) -> None:
    """A code is good for less than 30 seconds, and the limit of the profile is a minute (§5.3.2.1, item 11)."""
    early, late = [await fapi.code() for _ in range(2)]
    clock.advance(29_999)
    assert (await fapi.redeem(early)).status_code == 200
    clock.advance(1)
    answer = await fapi.redeem(late)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
