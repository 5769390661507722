"""Access tokens at an API of one's own (RFC 9068): verified offline with nothing but the published keys."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError
from joserfc.jwk import KeySet

from clients.instance import Instance, Registered
from clients.npm_clients import Node

ALGORITHMS = ["EdDSA", "ES256", "RS256"]
ORDERS = "https://orders.example/api"

# joserfc remarks that RFC 9864 has a new name for EdDSA with this curve, which most verifiers do not know yet.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")


def token_of(instance: Instance, client: Registered, **fields: str) -> str:
    with instance.open() as http:
        form = {"grant_type": "client_credentials", **fields}
        answer = http.post("/oauth/token", data=form, auth=httpx.BasicAuth(client.id, client.secret))
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access_token"]
    return token


def published(instance: Instance, tenant: str) -> KeySet:
    with instance.open() as http:
        metadata = http.get(f"{instance.issuer(tenant)}/.well-known/openid-configuration").json()
        return KeySet.import_key_set(http.get(metadata["jwks_uri"]).json())


def verified(text: str, keys: KeySet, *, issuer: str, audience: str) -> dict[str, Any]:
    """Verify as RFC 9068 §4 says, with joserfc alone."""
    token = jwt.decode(text, keys, algorithms=ALGORITHMS)
    assert token.header["typ"] == "at+jwt"
    jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": audience},
        exp={"essential": True},
        iat={"essential": True},
    ).validate(token.claims)
    return token.claims


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("tenant", ["a", "b"])
def test_joserfc_verifies_offline(instance: Instance, tenant: str, algorithm: str) -> None:
    """A token in each algorithm is verified with the tenant's published keys, issuer and audience."""
    client = instance.register(tenant, signing_algorithm=algorithm, audiences=[ORDERS])
    text = token_of(instance, client, resource=ORDERS, scope="orders:read")
    claims = verified(text, published(instance, tenant), issuer=instance.issuer(tenant), audience=ORDERS)
    assert (claims["sub"], claims["client_id"], claims["scope"]) == (client.id, client.id, "orders:read")
    assert claims["exp"] - claims["iat"] == 600
    assert claims["jti"]


def test_joserfc_refuses_another_tenants_keys(instance: Instance) -> None:
    """The keys of one tenant do not verify a token of another."""
    text = token_of(instance, instance.register("a"))
    with pytest.raises((BadSignatureError, InvalidKeyIdError)):
        verified(text, published(instance, "b"), issuer=instance.issuer("a"), audience=f"{instance.url}/api")


def test_joserfc_refuses_a_changed_token(instance: Instance) -> None:
    """One more scope written into a token breaks its signature."""
    text = token_of(instance, instance.register(), scope="products:read")
    header, payload, signature = text.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["scope"] = "products:write"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    with pytest.raises(BadSignatureError):
        verified(
            f"{header}.{forged}.{signature}",
            published(instance, "a"),
            issuer=instance.issuer("a"),
            audience=f"{instance.url}/api",
        )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_jose_verifies_offline(instance: Instance, node: Node, algorithm: str) -> None:
    """``jose`` fetches the keys by itself and takes the token; another audience, issuer or type it refuses."""
    client = instance.register("b", signing_algorithm=algorithm)
    issuer = instance.issuer("b")
    told = node(
        "verify_access_token.mjs",
        jwks_uri=f"{issuer}/oauth/jwks",
        token=token_of(instance, client),
        issuer=issuer,
        audience=f"{issuer}/api",
        elsewhere=instance.issuer("a"),
    )
    assert told["claims"]["client_id"] == client.id
    assert told["refused"] == {
        "audience": "ERR_JWT_CLAIM_VALIDATION_FAILED",
        "issuer": "ERR_JWT_CLAIM_VALIDATION_FAILED",
        "typ": "ERR_JWT_CLAIM_VALIDATION_FAILED",
        "changed": "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
    }


def test_an_opaque_token_tells_nothing(instance: Instance) -> None:
    """A client that takes opaque tokens gets one that holds no claims, and it reads the API as well."""
    text = token_of(instance, instance.register(token_format="opaque"))
    assert text.startswith("at_")
    assert "." not in text
    with instance.open() as http:
        assert http.get("/api/products", headers={"authorization": f"Bearer {text}"}).status_code == 200


def test_a_token_is_for_its_audience_alone(instance: Instance) -> None:
    """A token for another API is refused at ours (RFC 8707 §2.2), and a resource that is none of the client's at all."""
    client = instance.register(audiences=[ORDERS])
    text = token_of(instance, client, resource=ORDERS)
    with instance.open() as http:
        assert http.get("/api/products", headers={"authorization": f"Bearer {text}"}).status_code == 401
        form = {"grant_type": "client_credentials", "resource": "https://elsewhere.example"}
        refused = http.post("/oauth/token", data=form, auth=httpx.BasicAuth(client.id, client.secret))
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_target")
