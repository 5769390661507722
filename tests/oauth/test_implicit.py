"""The implicit grant: for nobody unless an administrator gave it, and then no more than RFC 6749 §4.2 has it."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest
from oauthlib.oauth2 import MobileApplicationClient

from browser import Browser, answer_in
from grants_rig import change
from oauth_pages_world import CALLBACK, add_app, authorize_path, sign_in
from oauth_world import add_client
from watchword.oauth.models import ClientSettings
from world import Api

pytestmark = pytest.mark.filterwarnings("ignore:The implicit grant")

REQUEST: dict[str, str | None] = {
    "response_type": "token", "scope": "products:read", "code_challenge": None, "code_challenge_method": None, "nonce": None,
}  # fmt: skip


async def add_old_app(api: Api, **settings: Any) -> str:  # noqa: ANN401 - the fields of ClientSettings
    """Store a client that an administrator gave the grant to."""
    chosen = msgspec.structs.replace(ClientSettings(redirect_uris=(CALLBACK,)), **settings)
    grants = ("implicit", "refresh_token")
    return await add_client(api.application, api.world.tenants["a"], kind="public", grants=grants, settings=chosen)


def token_path(client_id: str, **changes: str | None) -> str:
    """Return the address that an old client sends people to."""
    fields: dict[str, Any] = {**REQUEST, **changes}
    return authorize_path(client_id, **fields)


async def allowed(api: Api, client_id: str, **changes: str | None) -> httpx.Response:
    """Go through the pages and return the answer."""
    browser = Browser(api)
    page = await sign_in(browser, await browser.get(token_path(client_id, **changes)))
    return await browser.submit(page, decision="allow")


async def test_a_client_that_was_given_it_gets_a_token_in_the_fragment(api: Api) -> None:
    """Oauthlib's MobileApplicationClient reads the answer; there is no refresh token (RFC 6749 §4.2.2)."""
    client_id = await add_old_app(api)
    answer = await allowed(api, client_id)
    assert answer.headers["location"].startswith(f"{CALLBACK}#access_token=")
    assert answer.headers["cache-control"] == "no-store"
    token = MobileApplicationClient(client_id).parse_request_uri_response(
        answer.headers["location"], state="s t/a&te", scope=["products:read"]
    )
    assert (token["token_type"], token["expires_in"], "refresh_token" in token) == ("Bearer", 600, False)
    assert set(answer_in(answer)) == {"access_token", "token_type", "expires_in", "scope", "state", "iss"}
    header = {"authorization": f"Bearer {token['access_token']}"}
    assert (await api.call("GET", "/api/products", headers=header)).status_code == 200


async def test_a_token_ends_with_the_session(api: Api) -> None:
    """What is given shortly before the end of the user's session ends with it."""
    client_id = await add_old_app(api)
    browser = Browser(api)
    page = await sign_in(browser, await browser.get(token_path(client_id)))
    soon = api.application.clock.now_ms() + 60_000
    await change(api.application.database, "UPDATE sessions SET current_expires_at = $1", soon)
    answer = await browser.submit(page, decision="allow")
    assert answer_in(answer)["expires_in"] == "60"


async def test_each_token_leaves_a_warning_in_the_log(api: Api) -> None:
    """The log says who got a token this way, and holds no token."""
    answer = await allowed(api, await add_old_app(api))
    assert "oauth.implicit_token_given" in [event["event"] for event in api.events()]
    assert answer_in(answer)["access_token"] not in api.log_text()


async def test_no_other_client_gets_it(api: Api) -> None:
    """A client with every other grant is told that it may not, in the fragment and without a token (RFC 9700 §2.1.2)."""
    fields = answer_in(await Browser(api).get(token_path(await add_app(api))))
    assert fields["error"] == "unauthorized_client"
    assert "access_token" not in fields


async def test_the_metadata_does_not_offer_it(api: Api) -> None:
    """Whoever reads the metadata finds codes alone."""
    document = (await api.call("GET", "/t/tenant-a/.well-known/oauth-authorization-server")).json()
    assert document["response_types_supported"] == ["code"]
    assert "implicit" not in document["grant_types_supported"]


@pytest.mark.parametrize("response_type", ["id_token", "id_token token", "code token", "token code", "none", "TOKEN"])
async def test_other_types_are_refused(api: Api, response_type: str) -> None:
    """Hybrid answers and tokens for sign-in by the browser are not served."""
    path = token_path(await add_old_app(api), response_type=response_type)
    answer = await Browser(api).get(path)
    assert answer_in(answer)["error"] == "unsupported_response_type"


async def test_a_token_never_travels_in_the_query(api: Api) -> None:
    """Asked for in the query, the answer is a refusal in the fragment (OAuth 2.0 Multiple Response Types §5)."""
    answer = await Browser(api).get(token_path(await add_old_app(api), response_mode="query"))
    assert answer.headers["location"].startswith(f"{CALLBACK}#error=invalid_request")


async def test_a_code_does_not_come_with_it(api: Api) -> None:
    """The grant for tokens gives no codes."""
    answer = await Browser(api).get(authorize_path(await add_old_app(api)))
    assert answer_in(answer)["error"] == "unauthorized_client"


async def test_a_client_whose_tokens_are_bound_gets_none(api: Api) -> None:
    """In a fragment nothing proves a key (RFC 9449 §5), so that no unbound token slips out this way."""
    fields = answer_in(await allowed(api, await add_old_app(api, dpop_bound=True)))
    assert fields["error"] == "unauthorized_client"
    assert "access_token" not in fields


async def test_it_is_never_refreshed_and_dies_with_the_session(api: Api) -> None:
    """With ``offline_access`` asked for there is still nothing to refresh, and signing out ends the token."""
    client_id = await add_old_app(api)
    browser = Browser(api)
    path = token_path(client_id, scope="products:read offline_access")
    fields = answer_in(await browser.submit(await sign_in(browser, await browser.get(path)), decision="allow"))
    assert fields["scope"] == "products:read"
    header = {"authorization": f"Bearer {fields['access_token']}"}
    assert (await api.call("GET", "/api/products", headers=header)).status_code == 200
    account = await browser.get("/t/tenant-a/oauth/account")
    await browser.submit(account, -1)
    assert (await api.call("GET", "/api/products", headers=header)).status_code == 401
