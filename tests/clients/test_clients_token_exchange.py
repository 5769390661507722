"""Token exchange (RFC 8693) with httpx and with oauthlib."""

from __future__ import annotations

import httpx
import pytest
from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session

from clients.instance import Instance

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


def test_httpx_trades_a_token_for_a_narrower_one(instance: Instance) -> None:
    """A token that may do much is traded for one that may only read, and never the other way."""
    client = instance.register(grants=("client_credentials", TOKEN_EXCHANGE))
    auth = httpx.BasicAuth(client.id, client.secret)
    with instance.open() as http:
        wide = http.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=auth).json()
        exchange = {"grant_type": TOKEN_EXCHANGE, "subject_token_type": ACCESS_TOKEN}
        form = {**exchange, "subject_token": wide["access_token"], "scope": "products:read"}
        answer = http.post("/oauth/token", data=form, auth=auth)
        assert answer.status_code == 200, answer.text
        narrow = answer.json()
        assert (narrow["scope"], narrow["issued_token_type"]) == ("products:read", ACCESS_TOKEN)
        bearer = {"authorization": f"Bearer {narrow['access_token']}"}
        assert http.get("/api/products", headers=bearer).status_code == 200
        form = {**exchange, "subject_token": narrow["access_token"], "scope": "products:write"}
        refused = http.post("/oauth/token", data=form, auth=auth)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize("who", ["session", "key"])
def test_oauthlib_trades_a_session_or_key(instance: Instance, who: str) -> None:
    """A token is what oauthlib asks for in exchange for a session token or a secret key, with the grant's own parameters."""
    client = instance.register(grants=(TOKEN_EXCHANGE,))
    backend = BackendApplicationClient(client.id)
    backend.grant_type = TOKEN_EXCHANGE
    oauth = OAuth2Session(client=backend)
    subjects = {
        "session": (instance.world.tokens["editor_a"], "urn:ietf:params:oauth:token-type:jwt"),
        "key": (instance.world.keys["sk_live_a"], "urn:watchword:params:oauth:token-type:api_key"),
    }
    subject_token, subject_token_type = subjects[who]
    token = oauth.fetch_token(
        instance.token_url,
        client_id=client.id,
        client_secret=client.secret,
        subject_token=subject_token,
        subject_token_type=subject_token_type,
        scope="products:read",
    )
    assert token["scope"] == ["products:read"]
    assert oauth.get(f"{instance.url}/api/products", timeout=20).status_code == 200
