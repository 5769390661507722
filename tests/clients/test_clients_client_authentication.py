"""How clients prove themselves (RFC 6749 §2.3, RFC 7523), with Authlib and openid-client."""

from __future__ import annotations

from typing import Any

import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey, OKPKey, RSAKey

from clients.application import Application
from clients.instance import Instance
from clients.npm_clients import Node

KEYS: dict[str, Any] = {
    "ES256": lambda: ECKey.generate_key("P-256", {"kid": "one", "alg": "ES256"}),
    "EdDSA": lambda: OKPKey.generate_key("Ed25519", {"kid": "one", "alg": "EdDSA"}),
    "RS256": lambda: RSAKey.generate_key(2048, {"kid": "one", "alg": "RS256"}),
}


def make_key(algorithm: str) -> Any:  # noqa: ANN401 - one of joserfc's three kinds
    return KEYS[algorithm]()


def test_authlib_by_its_key(instance: Instance) -> None:
    """Authlib proves itself by an assertion that it signed with its own key, and another key proves nothing."""
    key, other = make_key("ES256"), make_key("ES256")
    client = instance.register(authentication_method="private_key_jwt", jwks={"keys": [key.as_dict(private=False)]})
    for private, is_own in ((key, True), (other, False)):
        session = AuthlibSession(client.id, private, token_endpoint_auth_method="private_key_jwt")
        session.register_client_auth_method(PrivateKeyJWT(instance.token_url, headers={"kid": "one"}, alg="ES256"))
        if is_own:
            session.fetch_token(instance.token_url, grant_type="client_credentials")
            assert session.get(f"{instance.url}/api/products").status_code == 200
        else:
            with pytest.raises(OAuthError) as refused:
                session.fetch_token(instance.token_url, grant_type="client_credentials")
            assert refused.value.error == "invalid_client"


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
@pytest.mark.parametrize("tenant", ["a", "b"])
def test_openid_client_by_its_key(instance: Instance, node: Node, tenant: str, algorithm: str) -> None:
    """openid-client does the same with the issuer as the audience of its assertion, in each algorithm."""
    key = make_key(algorithm)
    client = instance.register(
        tenant, authentication_method="private_key_jwt", jwks={"keys": [key.as_dict(private=False)]}
    )
    told = node(
        "private_key_jwt.mjs",
        issuer=instance.issuer(tenant),
        client_id=client.id,
        key=key.as_dict(private=True),
        api=f"{instance.url}/api/products",
    )
    assert told["status"] == 200
    assert told["refused"]["status"] == 401


def test_openid_client_by_a_key_that_it_publishes(instance: Instance, node: Node, application: Application) -> None:
    """The keys may stand at the client's own address, from where they are fetched (``jwks_uri``)."""
    key = make_key("ES256")
    application.documents["/jwks.json"] = {"keys": [key.as_dict(private=False)]}
    client = instance.register(authentication_method="private_key_jwt", jwks_uri=f"{application.url}/jwks.json")
    told = node(
        "private_key_jwt.mjs",
        issuer=instance.url,
        client_id=client.id,
        key=key.as_dict(private=True),
        api=f"{instance.url}/api/products",
    )
    assert told["status"] == 200
    assert told["refused"]["status"] == 401
