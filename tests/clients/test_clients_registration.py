"""Clients that nobody registered by hand: by registration (RFC 7591, RFC 7592) and by metadata document (CIMD)."""

from __future__ import annotations

import httpx
import pytest

from clients.application import Application
from clients.instance import CALLBACK, Instance
from clients.npm_clients import Node

METADATA = {"client_name": "By itself", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"}


@pytest.mark.parametrize("tenant", ["a", "b"])
def test_openid_client_registers_itself(instance: Instance, node: Node, tenant: str) -> None:
    """openid-client registers where the tenant lets everybody, and signs a person in with what it got."""
    instance.set(tenant, client_registration="open")
    told = node(
        "register.mjs",
        browse=instance.person(f"viewer_{tenant}"),
        issuer=instance.issuer(tenant),
        redirect_uri=CALLBACK,
        scope="openid products:read",
    )
    assert told["claims"]["aud"] in (told["client_id"], [told["client_id"]])
    assert told["claims"]["sub"] == instance.world.users[f"viewer_{tenant}"]


def test_openid_client_brings_an_initial_access_token(instance: Instance, node: Node) -> None:
    """Where the tenant wants a key for it, openid-client sends one, and without it is refused (RFC 7591 §3)."""
    instance.set("b", client_registration="token")
    told = node(
        "register.mjs",
        browse=instance.person("viewer_b"),
        issuer=instance.issuer("b"),
        initial_access_token=instance.make_key("b", "clients:write"),
        redirect_uri=CALLBACK,
        scope="openid",
    )
    assert told["client_id"].startswith("cli_")
    with instance.open() as http:
        refused = http.post("/t/tenant-b/oauth/register", json=METADATA)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")


def test_httpx_manages_what_it_registered(instance: Instance) -> None:
    """With its registration token a client reads, changes and deletes itself, and is nobody afterwards (RFC 7592 §2)."""
    instance.set("b", client_registration="open")
    with instance.open() as http:
        made = http.post("/t/tenant-b/oauth/register", json=METADATA)
        assert made.status_code == 201, made.text
        client = made.json()
        address = client["registration_client_uri"]
        own = {"authorization": f"Bearer {client['registration_access_token']}"}
        assert http.get(address, headers=own).json()["client_name"] == "By itself"
        changed = http.put(
            address, json={**METADATA, "client_id": client["client_id"], "client_name": "Renamed"}, headers=own
        )
        assert (changed.status_code, changed.json()["client_name"]) == (200, "Renamed")
        own = {"authorization": f"Bearer {changed.json().get('registration_access_token') or own_token(own)}"}
        assert http.delete(address, headers=own).status_code == 204
        assert http.get(address, headers=own).status_code == 401


def own_token(headers: dict[str, str]) -> str:
    return headers["authorization"].removeprefix("Bearer ")


@pytest.mark.parametrize("tenant", ["a", "b"])
def test_openid_client_is_named_by_its_document(
    instance: Instance, node: Node, application: Application, tenant: str
) -> None:
    """The address of its own metadata document is all that openid-client needs to be a client (CIMD)."""
    instance.set(tenant, client_metadata_documents=True)
    client_id = f"{application.url}/client.json"
    application.documents["/client.json"] = {**METADATA, "client_id": client_id}
    told = node(
        "authorization_code.mjs",
        browse=instance.person(f"viewer_{tenant}"),
        issuer=instance.issuer(tenant),
        client_id=client_id,
        redirect_uri=CALLBACK,
        scope="openid products:read",
        api=f"{instance.url}/api/products",
    )
    assert told["status"] == 200
    assert told["claims"]["aud"] in (client_id, [client_id])


def test_a_document_speaks_for_itself_alone(instance: Instance, application: Application) -> None:
    """A document that names another address than its own stands for nobody, and nothing is redirected (CIMD)."""
    instance.set("a", client_metadata_documents=True)
    address = f"{application.url}/borrowed.json"
    application.documents["/borrowed.json"] = {**METADATA, "client_id": f"{application.url}/other.json"}
    asked = {"client_id": address, "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid"}
    with instance.open() as http:
        refused = http.get("/oauth/authorize", params=asked)
    assert refused.status_code == 400
    assert "location" not in refused.headers


def test_registration_is_off_until_a_tenant_opens_it(instance: Instance) -> None:
    """Where the tenant has not said otherwise the metadata name no registration, and the endpoint refuses."""
    instance.set("b", client_registration="off")
    with instance.open() as http:
        metadata = http.get("/t/tenant-b/.well-known/openid-configuration").json()
        refused: httpx.Response = http.post("/t/tenant-b/oauth/register", json=METADATA)
    assert "registration_endpoint" not in metadata
    assert refused.status_code == 403
