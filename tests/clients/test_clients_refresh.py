"""Refresh with rotation (RFC 6749 §6, RFC 9700 §4.14) with Authlib and openid-client."""

from __future__ import annotations

import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession

from clients.instance import CALLBACK, Instance
from clients.npm_clients import Node
from clients.test_clients_authorization_code import VERIFIER

GRANTS = ("authorization_code", "refresh_token")
SCOPE = "openid offline_access products:read"


def test_authlib_refreshes(instance: Instance) -> None:
    """Authlib gets a new pair for the old refresh token, and the new access token reads the API."""
    client = instance.register(grants=GRANTS, redirect_uris=[CALLBACK])
    session = AuthlibSession(client.id, client.secret, redirect_uri=CALLBACK, scope=SCOPE, code_challenge_method="S256")
    url, state = session.create_authorization_url(f"{instance.url}/oauth/authorize", code_verifier=VERIFIER)
    callback = instance.person("viewer_a")(url)
    first = session.fetch_token(
        instance.token_url, authorization_response=callback, state=state, code_verifier=VERIFIER
    )
    second = session.refresh_token(instance.token_url)
    assert second["refresh_token"] != first["refresh_token"]
    assert session.get(f"{instance.url}/api/products").status_code == 200
    with pytest.raises(OAuthError) as refused:
        session.refresh_token(instance.token_url, refresh_token="rt_unknown")
    assert refused.value.error == "invalid_grant"


def test_openid_client_refreshes(instance: Instance, node: Node) -> None:
    """openid-client rotates and narrows; an old refresh token that comes back ends all that hangs on its grant."""
    client = instance.register(kind="public", grants=GRANTS, redirect_uris=[CALLBACK])
    told = node(
        "refresh.mjs",
        browse=instance.person("viewer_a"),
        issuer=instance.url,
        client_id=client.id,
        redirect_uri=CALLBACK,
        scope=SCOPE,
        narrower="products:read",
        api=f"{instance.url}/api/products",
    )
    assert told["rotated"]
    assert told["scope"] == "products:read"
    assert told["before"] == 200
    assert told["reused"]["error"] == told["ended"]["error"] == "invalid_grant"
    assert told["after"]["status"] == 401
