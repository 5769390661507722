"""Pushed requests (RFC 9126), keys bound on request (RFC 9449) and both as FAPI 2.0 asks, with the npm clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clients.code_flow import GRANTS, NPM_SCRIPTS, signed_in
from clients.instance import CALLBACK, Instance
from clients.npm_clients import Node
from clients.test_clients_client_authentication import make_key


@pytest.mark.parametrize("tenant", ["a", "b"])
@pytest.mark.parametrize("script", NPM_SCRIPTS)
def test_pushed(instance: Instance, node: Node, script: str, tenant: str) -> None:
    """The parameters go to the server beforehand; the browser carries the client's name and a reference alone."""
    client = instance.register(tenant, grants=GRANTS, redirect_uris=[CALLBACK], require_pushed_requests=True)
    told = signed_in(
        instance, node, script, tenant=tenant, client_id=client.id, client_secret=client.secret, pushed=True
    )
    assert told["sent"].keys() == {"client_id", "request_uri"}
    assert told["status"] == 200


def test_a_request_object_is_refused(instance: Instance, node: Node) -> None:
    """Both clients read a clear error where they send a signed request object (RFC 9101, OIDC Core §3.1.2.6)."""
    client = instance.register(grants=GRANTS, redirect_uris=[CALLBACK])
    told = node(
        "request_object.mjs",
        issuer=instance.url,
        client_id=client.id,
        client_secret=client.secret,
        redirect_uri=CALLBACK,
        scope="openid",
    )
    assert {way: refused["error"] for way, refused in told.items()} == {
        "read": "request_not_supported",
        "pushed": "request_not_supported",
    }


@pytest.mark.parametrize("pushed", [False, True])
@pytest.mark.parametrize("script", NPM_SCRIPTS)
def test_bound_to_a_key(instance: Instance, node: Node, script: str, pushed: bool) -> None:  # noqa: FBT001 - a parameter
    """Tokens asked for with a proof are bound to its key and read the API with proofs of it."""
    client = instance.register(kind="public", grants=GRANTS, redirect_uris=[CALLBACK])
    told = signed_in(instance, node, script, client_id=client.id, dpop=True, pushed=pushed)
    assert (told["status"], told["token_type"]) == (200, "dpop")


@pytest.fixture
def nonces(instance: Instance) -> Iterator[str]:
    """A tenant that wants the server's nonce in proofs, for as long as the test lasts."""
    instance.set("b", dpop_nonces=True)
    yield "b"
    instance.set("b", dpop_nonces=False)


@pytest.mark.parametrize("script", NPM_SCRIPTS)
def test_with_the_servers_nonces(instance: Instance, node: Node, nonces: str, script: str) -> None:
    """Both clients answer use_dpop_nonce by themselves and read the API with the server's nonce (RFC 9449 §8, §9)."""
    client = instance.register(nonces, kind="public", grants=GRANTS, redirect_uris=[CALLBACK])
    told = signed_in(instance, node, script, tenant=nonces, client_id=client.id, dpop=True, pushed=True)
    assert (told["status"], told["token_type"]) == (200, "dpop")


def test_a_secret_key_bound_to_a_pair(instance: Instance, node: Node) -> None:
    """Both clients send a bound secret key with proofs of their pair, and read no further without (RFC 9449 §7.1)."""
    told = node(
        "bound_key.mjs",
        issuer=instance.url,
        admin=instance.world.tokens["admin_a"],
        keys=f"{instance.url}/api/keys",
        api=f"{instance.url}/api/products",
    )
    refused = [401, "dpop", "invalid_dpop_proof"]
    assert told == {"statuses": [200, 200], "stolen": refused, "anothers": refused}


@pytest.mark.parametrize("script", NPM_SCRIPTS)
@pytest.mark.parametrize("tenant", ["a", "b"])
def test_fapi2(instance: Instance, node: Node, script: str, tenant: str) -> None:
    """A client of the FAPI 2.0 profile signs a person in: pushed, bound, proved by its key, answered with the issuer."""
    key = make_key("ES256")
    client = instance.register(
        tenant,
        grants=GRANTS,
        redirect_uris=[CALLBACK],
        profile="fapi2",
        authentication_method="private_key_jwt",
        signing_algorithm="ES256",
        jwks={"keys": [key.as_dict(private=False)]},
    )
    proof = key.as_dict(private=True)
    told = signed_in(instance, node, script, tenant=tenant, client_id=client.id, key=proof, dpop=True, pushed=True)
    assert (told["status"], told["token_type"], told["iss"]) == (200, "dpop", instance.issuer(tenant))
