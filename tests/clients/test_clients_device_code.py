"""The device code (RFC 8628) with openid-client."""

from __future__ import annotations

import pytest

from clients.instance import Instance
from clients.npm_clients import Node

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.mark.parametrize("tenant", ["a", "b"])
def test_openid_client(instance: Instance, node: Node, tenant: str) -> None:
    """openid-client shows where to go, polls, and has a token when the person has allowed it on another machine."""
    client = instance.register(tenant, kind="public", grants=(DEVICE_CODE, "refresh_token"))
    told = node(
        "device_code.mjs",
        browse=instance.person(f"viewer_{tenant}"),
        issuer=instance.issuer(tenant),
        client_id=client.id,
        scope="products:read",
        api=f"{instance.url}/api/products",
    )
    assert told["device"]["verification_uri"].startswith(instance.url)
    assert (told["status"], told["scope"]) == (200, "products:read")
