"""Client credentials (RFC 6749 §4.4) with the clients that people have, unchanged, over TLS."""

from __future__ import annotations

import httpx
import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuth2Client
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error
from requests_oauthlib import OAuth2Session

from clients.instance import Instance
from clients.npm_clients import Node


def test_oauthlib_as_the_document_prints_it(instance: Instance) -> None:
    """BackendApplicationClient of oauthlib gets a token with its id and secret, and the token reads the API."""
    client = instance.register()
    oauth = OAuth2Session(client=BackendApplicationClient(client_id=client.id))
    token = oauth.fetch_token(token_url=instance.token_url, client_id=client.id, client_secret=client.secret)
    assert token["token_type"] == "Bearer"
    answer = oauth.get(
        f"{instance.url}/api/products", headers={"Authorization": f"Bearer {token['access_token']}"}, timeout=20
    )
    assert (answer.status_code, answer.json()["totalDocs"]) == (200, 12)


def test_oauthlib_asks_for_less(instance: Instance) -> None:
    """A scope that oauthlib asks for is the token's whole scope, and a write with it is refused."""
    client = instance.register()
    oauth = OAuth2Session(client=BackendApplicationClient(client_id=client.id, scope=["products:read"]))
    token = oauth.fetch_token(token_url=instance.token_url, client_id=client.id, client_secret=client.secret)
    assert token["scope"] == ["products:read"]
    assert oauth.get(f"{instance.url}/api/products", timeout=20).status_code == 200
    refused = oauth.post(f"{instance.url}/api/products", json={"name": "x", "price": 1}, timeout=20)
    assert refused.status_code == 403


def test_oauthlib_reads_a_refusal(instance: Instance) -> None:
    """A wrong secret reaches oauthlib as the error of RFC 6749 §5.2 that it has a class for."""
    client = instance.register()
    oauth = OAuth2Session(client=BackendApplicationClient(client_id=client.id))
    with pytest.raises(OAuth2Error) as refused:
        oauth.fetch_token(token_url=instance.token_url, client_id=client.id, client_secret="wrong")
    assert refused.value.error == "invalid_client"


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_with_requests(instance: Instance, method: str) -> None:
    """Authlib on requests gets and uses a token, whichever way it sends the secret."""
    client = instance.register("b")
    session = AuthlibSession(client.id, client.secret, token_endpoint_auth_method=method)
    session.fetch_token(f"{instance.issuer('b')}/oauth/token", grant_type="client_credentials", scope="products:read")
    assert session.get(f"{instance.url}/api/products").json()["docs"][0]["name"] == "live b 12"


async def test_authlib_with_httpx(instance: Instance) -> None:
    """Authlib on httpx does the same, also asynchronously."""
    client = instance.register(token_format="opaque")
    with OAuth2Client(client.id, client.secret, verify=instance.trust) as session:
        session.fetch_token(instance.token_url, grant_type="client_credentials")
        assert session.get(f"{instance.url}/api/products").status_code == 200
    async with AsyncOAuth2Client(client.id, client.secret, verify=instance.trust) as session:
        await session.fetch_token(instance.token_url, grant_type="client_credentials")
        assert (await session.get(f"{instance.url}/api/products")).status_code == 200


def test_httpx_alone(instance: Instance) -> None:
    """Nothing but httpx is needed: one form in, one JSON out, not to be kept by any cache (RFC 6749 §5.1)."""
    client = instance.register()
    with instance.open() as http:
        form = {"grant_type": "client_credentials", "scope": "products:read"}
        answer = http.post("/oauth/token", data=form, auth=httpx.BasicAuth(client.id, client.secret))
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        token = answer.json()
        assert (token["token_type"], token["expires_in"], token["scope"]) == ("Bearer", 600, "products:read")
        bearer = {"authorization": f"Bearer {token['access_token']}"}
        assert http.get("/api/products", headers=bearer).status_code == 200
        refused = http.post("/oauth/token", data=form, auth=httpx.BasicAuth(client.id, client.secret + "x"))
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
        assert refused.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize("tenant", ["a", "b"])
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_openid_client(instance: Instance, node: Node, tenant: str, method: str) -> None:
    """openid-client finds the server by discovery, at the root and under a tenant's path, and gets a token."""
    client = instance.register(tenant)
    told = node(
        "client_credentials.mjs",
        issuer=instance.issuer(tenant),
        api=f"{instance.url}/api/products",
        client_id=client.id,
        client_secret=client.secret,
        method=method,
    )
    assert told["status"] == 200
    assert told["names"][0] == f"live {tenant} 12"
    assert told["refused"]["error"] == "invalid_client"


@pytest.mark.parametrize("algorithm", ["oidc", "oauth2"])
@pytest.mark.parametrize("tenant", ["a", "b"])
def test_oauth4webapi(instance: Instance, node: Node, tenant: str, algorithm: str) -> None:
    """oauth4webapi finds the server by either well-known form and gets a token that it verifies itself."""
    client = instance.register(tenant)
    told = node(
        "client_credentials_web_api.mjs",
        issuer=instance.issuer(tenant),
        algorithm=algorithm,
        api=f"{instance.url}/api/products",
        resource=f"{instance.issuer(tenant)}/api",
        client_id=client.id,
        client_secret=client.secret,
    )
    assert told["status"] == 200
    assert told["claims"]["client_id"] == told["claims"]["sub"] == client.id
    assert told["resource"] == f"{instance.issuer(tenant)}/api"
