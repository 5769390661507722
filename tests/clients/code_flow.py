"""A person signed in with the npm clients, by the authorization code, for the tests of what they are told."""

from __future__ import annotations

from typing import Any

from clients.instance import CALLBACK, Instance
from clients.npm_clients import Node

GRANTS = ("authorization_code", "refresh_token")
NPM_SCRIPTS = ("authorization_code.mjs", "authorization_code_web_api.mjs")
"""The flow with openid-client, and with oauth4webapi."""


def signed_in(
    instance: Instance,
    node: Node,
    script: str,
    *,
    tenant: str = "a",
    scope: str = "openid products:read",
    **more: object,
) -> dict[str, Any]:
    """Sign the tenant's viewer in, read the API with the token, and return what the script told."""
    told: dict[str, Any] = node(
        script,
        browse=instance.person(f"viewer_{tenant}"),
        issuer=instance.issuer(tenant),
        redirect_uri=CALLBACK,
        scope=scope,
        **{"api": f"{instance.url}/api/products", **more},
    )
    return told
