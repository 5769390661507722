"""The authorization code with PKCE (RFC 6749 §4.1, RFC 7636, RFC 9207) with the clients that people have."""

from __future__ import annotations

import pytest
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from oauthlib.oauth2 import WebApplicationClient
from requests_oauthlib import OAuth2Session

from clients.code_flow import GRANTS, NPM_SCRIPTS, signed_in
from clients.instance import CALLBACK, Instance
from clients.npm_clients import Node

VERIFIER = "a-verifier-that-is-long-enough-for-rfc-7636-4.1"


@pytest.mark.parametrize(("tenant", "kind"), [("a", "confidential"), ("b", "confidential"), ("b", "public")])
def test_authlib(instance: Instance, tenant: str, kind: str) -> None:
    """Authlib makes the challenge, redeems the code and reads the API in the person's place, also without a secret."""
    client = instance.register(tenant, kind=kind, grants=GRANTS, redirect_uris=[CALLBACK])
    session = AuthlibSession(
        client.id,
        client.secret or None,
        token_endpoint_auth_method=None if client.secret else "none",
        redirect_uri=CALLBACK,
        scope="products:read",
        code_challenge_method="S256",
    )
    url, state = session.create_authorization_url(f"{instance.issuer(tenant)}/oauth/authorize", code_verifier=VERIFIER)
    callback = instance.person(f"viewer_{tenant}")(url)
    token = session.fetch_token(
        f"{instance.issuer(tenant)}/oauth/token", authorization_response=callback, state=state, code_verifier=VERIFIER
    )
    assert token["scope"] == "products:read"
    assert session.get(f"{instance.url}/api/products").json()["docs"][0]["name"] == f"live {tenant} 12"


def test_oauthlib(instance: Instance) -> None:
    """WebApplicationClient of oauthlib with PKCE does the same at the root's endpoints, as the document prints them."""
    client = instance.register(grants=GRANTS, redirect_uris=[CALLBACK])
    oauth = OAuth2Session(
        client=WebApplicationClient(client.id), redirect_uri=CALLBACK, scope=["products:read"], pkce="S256"
    )
    url, _ = oauth.authorization_url(f"{instance.url}/oauth/authorize")
    callback = instance.person("viewer_a")(url)
    token = oauth.fetch_token(instance.token_url, authorization_response=callback, client_secret=client.secret)
    assert token["scope"] == ["products:read"]
    assert oauth.get(f"{instance.url}/api/products", timeout=20).status_code == 200


@pytest.mark.parametrize("kind", ["confidential", "public"])
@pytest.mark.parametrize("tenant", ["a", "b"])
@pytest.mark.parametrize("script", NPM_SCRIPTS)
def test_npm_clients(instance: Instance, node: Node, script: str, tenant: str, kind: str) -> None:
    """openid-client and oauth4webapi take the answer's issuer, the ID token and UserInfo, with a secret and without."""
    client = instance.register(tenant, kind=kind, grants=GRANTS, redirect_uris=[CALLBACK])
    proof = {"client_id": client.id, "client_secret": client.secret}
    told = signed_in(instance, node, script, tenant=tenant, scope="openid email products:read", **proof)
    assert (told["status"], told["token_type"], told["iss"]) == (200, "bearer", instance.issuer(tenant))
    assert told["claims"]["sub"] == told["user"]["sub"] == instance.world.users[f"viewer_{tenant}"]
    assert told["user"]["email"] == f"viewer.{tenant}@example.com"
    assert told["claims"]["aud"] in (client.id, [client.id])


def test_a_code_is_spent_once(instance: Instance, node: Node) -> None:
    """openid-client that redeems a code again is told invalid_grant (RFC 6749 §4.1.2)."""
    client = instance.register(grants=GRANTS, redirect_uris=[CALLBACK])
    proof = {"client_id": client.id, "client_secret": client.secret}
    me = f"{instance.url}/api/users/me"
    told = signed_in(instance, node, "authorization_code.mjs", scope="openid", api=me, **proof)
    assert told["replayed"]["error"] == "invalid_grant"


def test_the_answer_of_another_issuer_is_noticed(instance: Instance, node: Node) -> None:
    """oauth4webapi refuses an answer whose ``iss`` names another server, since ours always names itself (RFC 9207)."""
    client = instance.register(kind="public", grants=GRANTS, redirect_uris=[CALLBACK])
    told = signed_in(instance, node, "authorization_code_web_api.mjs", client_id=client.id)
    assert told["mixed_up"]["code"] == "OAUTH_INVALID_RESPONSE"


def test_a_person_may_say_no(instance: Instance) -> None:
    """A person who does not allow the client sends it back with access_denied, the state and the issuer."""
    client = instance.register(kind="public", grants=GRANTS, redirect_uris=[CALLBACK])
    session = AuthlibSession(client.id, redirect_uri=CALLBACK, scope="products:read", code_challenge_method="S256")
    url, state = session.create_authorization_url(f"{instance.url}/oauth/authorize", code_verifier=VERIFIER)
    callback = instance.person("viewer_a", allows=False)(url)
    assert callback.startswith(f"{CALLBACK}?")
    assert "error=access_denied" in callback
    assert f"state={state}" in callback
