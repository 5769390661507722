"""Introspection (RFC 7662) and revocation (RFC 7009), with Authlib and openid-client."""

from __future__ import annotations

import pytest
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession

from clients.instance import Instance
from clients.npm_clients import Node


@pytest.mark.parametrize("token_format", ["jwt", "opaque"])
def test_authlib(instance: Instance, token_format: str) -> None:
    """Authlib sees what a token is worth, ends it, and sees that it is worth nothing from then on."""
    client = instance.register(token_format=token_format)
    session = AuthlibSession(client.id, client.secret)
    token = session.fetch_token(instance.token_url, grant_type="client_credentials", scope="products:read")
    introspect = f"{instance.url}/oauth/introspect"
    living = session.introspect_token(introspect, token=token["access_token"]).json()
    assert (living["active"], living["client_id"], living["scope"]) == (True, client.id, "products:read")
    assert session.revoke_token(f"{instance.url}/oauth/revoke", token=token["access_token"]).status_code == 200
    assert session.introspect_token(introspect, token=token["access_token"]).json() == {"active": False}
    assert session.get(f"{instance.url}/api/products").status_code == 401


@pytest.mark.parametrize("token_format", ["jwt", "opaque"])
@pytest.mark.parametrize("tenant", ["a", "b"])
def test_openid_client(instance: Instance, node: Node, tenant: str, token_format: str) -> None:
    """openid-client finds both endpoints by discovery; dead and unknown tokens are told apart by nobody."""
    client = instance.register(tenant, token_format=token_format)
    told = node(
        "introspect_and_revoke.mjs",
        issuer=instance.issuer(tenant),
        client_id=client.id,
        client_secret=client.secret,
        api=f"{instance.url}/api/products",
    )
    assert (told["living"]["active"], told["living"]["iss"]) == (True, instance.issuer(tenant))
    assert told["dead"] == told["unknown"] == {"active": False}
    assert told["read"]["status"] == 401
