"""The documents by which clients find their way say what is served, for each tenant, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from support import SetClock
from watchword.tenants.actor import OPERATOR
from watchword.tenants.models import ChangeTenant, SettingsChange
from watchword.wire.routes import Route
from world import Api, World, open_api

ISSUER = "https://127.0.0.1:8443/t/tenant-a"
OF_SERVER = "/t/tenant-a/.well-known/oauth-authorization-server"
OF_API = "/.well-known/oauth-protected-resource/t/tenant-a/api"
MANAGED_BY_CLIENT = {"/oauth/register/{id}"}
"""Endpoints whose address a client is told in another way."""


async def document(api: Api, path: str = OF_SERVER) -> dict[str, Any]:
    answer = await api.call("GET", path)
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


def endpoints_of(told: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in told.items() if name.endswith(("_endpoint", "_uri"))}


def client_routes(api: Api) -> set[str]:
    """Return the paths of the root that clients call themselves, but for the well-known documents."""

    def is_of_clients(route: Route) -> bool:
        return route.callers == "client" and route.path.startswith("/oauth/")

    return {route.path for route in api.application.routes if is_of_clients(route)}


async def test_every_endpoint_told_is_served(api: Api) -> None:
    """Each address in the document leads to a route of this tenant, and stands under the issuer (RFC 8414 §2)."""
    told = endpoints_of(await document(api))
    served = {route.path for route in api.application.routes}
    assert {"token_endpoint", "jwks_uri"} <= told.keys()
    for address in told.values():
        assert address.startswith(f"{ISSUER}/")
        assert address.replace(ISSUER, "/t/{tenant}") in served


async def test_every_endpoint_served_is_told(api: Api, clock: SetClock) -> None:
    """An endpoint that clients call and that the document does not name is noticed; the tenant offers all there is."""
    wanted = ChangeTenant(settings=SettingsChange(client_registration="open"))
    await api.application.tenants.change(api.world.tenants["a"], wanted, actor=OPERATOR, now_ms=clock.now_ms())
    told = {address.removeprefix(ISSUER) for address in endpoints_of(await document(api)).values()}
    assert client_routes(api) - MANAGED_BY_CLIENT <= told


async def test_what_is_not_served_is_not_told(api: Api) -> None:
    """No field is empty; request objects, which we refuse, are said to be refused (OIDC Discovery §3)."""
    told = await document(api)
    assert [name for name, value in told.items() if value in (None, "", [])] == []
    assert told["request_uri_parameter_supported"] is False
    assert "request_parameter_supported" not in told
    assert told["claims_parameter_supported"] is False
    assert "acr_values_supported" not in told
    listed = {one for value in told.values() if isinstance(value, list) for one in value}
    assert listed & {"plain", "token", "password", "implicit", "HS256"} == set()


async def test_grants_told_are_grants_served(api: Api) -> None:
    """Each grant in the document is known at the token endpoint, and one that is not there is not."""
    told = await document(api)
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert "password" not in told["grant_types_supported"]
    answer = await api.call("POST", "/oauth/token", content=b"grant_type=password", headers=form)
    assert answer.json()["error"] in {"invalid_client", "unsupported_grant_type"}


async def test_document_of_the_api(api: Api) -> None:
    """The API names its authorization server and how tokens are brought (RFC 9728 §2), under its own path (§3.1)."""
    told = await document(api, OF_API)
    server = await document(api)
    assert told["resource"] == f"{ISSUER}/api"
    assert told["authorization_servers"] == [server["issuer"]] == [ISSUER]
    assert told["resource"] in server["protected_resources"]
    assert told["jwks_uri"] == server["jwks_uri"]
    assert told["bearer_methods_supported"] == ["header"]
    assert set(told["scopes_supported"]) <= set(server["scopes_supported"])


@pytest.mark.parametrize("path", [OF_SERVER, OF_API, "/t/tenant-a/oauth/jwks"])
async def test_documents_are_public(api: Api, path: str) -> None:
    """Any web page may read them, and caches keep them for minutes: a rotation is published for an hour before."""
    answer = await api.call("GET", path, headers={"origin": "https://anywhere.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    found = re.search(r"public, max-age=(\d+)", answer.headers["cache-control"])
    assert found is not None
    assert int(found[1]) <= 600


@pytest.mark.parametrize("path", [OF_SERVER, OF_API, "/t/tenant-a/oauth/jwks"])
async def test_disabled_tenant_has_none(api: Api, clock: SetClock, path: str) -> None:
    """A disabled tenant is not found, as an unknown one is not."""
    tenant_id = api.world.tenants["a"]
    wanted = ChangeTenant(disabled=True)
    await api.application.tenants.change(tenant_id, wanted, actor=OPERATOR, now_ms=clock.now_ms())
    gone = await api.call("GET", path)
    unknown = await api.call("GET", path.replace("tenant-a", "tenant-z"))
    assert (gone.status_code, unknown.status_code) == (404, 404)
    assert gone.content == unknown.content


async def test_default_tenant_stands_at_the_root(
    template: tuple[Path, World], lane: str, clock: SetClock, tmp_path: Path
) -> None:
    """The default tenant's issuer is the bare address, and its documents stand there and nowhere else."""
    directory, world = template
    changes = {"WATCHWORD_DEFAULT_TENANT": "tenant-a"}
    async with open_api(directory, world, tmp_path / "data", lane, clock, **changes) as api:
        told = await document(api, "/.well-known/oauth-authorization-server")
        assert told["issuer"] == "https://127.0.0.1:8443"
        assert told["token_endpoint"] == "https://127.0.0.1:8443/oauth/token"
        resource = await document(api, "/.well-known/oauth-protected-resource/api")
        assert resource["authorization_servers"] == [told["issuer"]]
        for path in (OF_SERVER, OF_API, "/t/tenant-a/oauth/jwks"):
            assert (await api.call("GET", path)).status_code == 404
