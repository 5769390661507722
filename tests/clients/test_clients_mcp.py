"""The official ``mcp`` Python client finds its way from a tenant's API URL alone (MCP authorization, RFC 9728, 8414, 7591)."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from mcp.client.auth import OAuthClientProvider
from mcp.client.auth.exceptions import OAuthFlowError
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

from clients.application import Application
from clients.instance import Instance
from clients.person import Person

CALLBACK = "http://127.0.0.1:33418/callback"
"""A loopback address, as native clients register it (RFC 8252 §7.3)."""

PRODUCT = {"name": "Made by an AI agent", "price": 1}


class Store:
    """Where the client keeps what it has got."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Agent:
    """An AI agent's client: it knows the URL of an API and a person with a browser, and nothing else."""

    def __init__(
        self,
        instance: Instance,
        api: str,
        person: Person,
        store: Store | None = None,
        *,
        document: str | None = None,
    ) -> None:
        self.api = api
        self.store = store or Store()
        self.asked: list[dict[str, list[str]]] = []
        self._person = person
        self._callback = ""
        metadata = OAuthClientMetadata(
            client_name="An AI agent",
            redirect_uris=[AnyUrl(CALLBACK)],
            grant_types=["authorization_code", "refresh_token"],
            response_types=["code"],
            token_endpoint_auth_method="none",
        )
        provider = OAuthClientProvider(api, metadata, self.store, self._open, self._wait, document)
        self.http = httpx2.AsyncClient(verify=instance.trust, auth=provider)

    async def _open(self, url: str) -> None:
        self.asked.append(parse_qs(urlsplit(url).query))
        self._callback = await asyncio.to_thread(self._person, url)

    async def _wait(self) -> AuthorizationCodeResult:
        answer = parse_qs(urlsplit(self._callback).query)
        return AuthorizationCodeResult(
            code=answer.get("code", [""])[0], state=answer["state"][0], iss=answer.get("iss", [None])[0]
        )

    @property
    def scopes(self) -> set[str]:
        """The scopes that its token has."""
        assert self.store.tokens is not None
        return set((self.store.tokens.scope or "").split())


@pytest.mark.parametrize("tenant", ["a", "b"])
async def test_an_agent_connects_from_the_url_alone(instance: Instance, tenant: str) -> None:
    """From 401 by the metadata, its own registration and the person to the answer, at a tenant's path and at the root."""
    instance.set(tenant, client_registration="open")
    api = f"{instance.issuer(tenant)}/api"
    agent = Agent(instance, api, instance.person(f"editor_{tenant}"))
    async with agent.http as http:
        answer = await http.get(f"{api}/products?limit=1")
        assert (answer.status_code, answer.json()["docs"][0]["name"]) == (200, f"live {tenant} 12")
        assert agent.asked[0]["resource"] == [api]
        assert "products:read" in agent.scopes
        assert "products:write" not in agent.scopes
        assert agent.store.client is not None
        assert agent.store.client.client_id.startswith("cli_")
        again = await http.get(f"{api}/products/count")
    assert (again.status_code, len(agent.asked)) == (200, 1)


async def test_an_agent_steps_up(instance: Instance) -> None:
    """Told which scope is missing, it asks the person for that one too, and keeps what it had (RFC 6750 §3.1)."""
    instance.set("b", client_registration="open")
    api = f"{instance.issuer('b')}/api"
    agent = Agent(instance, api, instance.person("editor_b"))
    async with agent.http as http:
        assert (await http.get(f"{api}/products?limit=1")).status_code == 200
        made = await http.post(f"{api}/products", json=PRODUCT)
        assert made.status_code == 201, made.text
        assert {"products:read", "products:write"} <= agent.scopes
        assert len(agent.asked) == 2
        assert (await http.get(f"{api}/products?limit=1")).status_code == 200
    assert len(agent.asked) == 2


async def test_a_step_up_gives_no_more_than_the_person_has(instance: Instance) -> None:
    """A viewer's agent may not write whatever it asks for: a refusal without a challenge, and nobody is asked again."""
    instance.set("b", client_registration="open")
    api = f"{instance.issuer('b')}/api"
    agent = Agent(instance, api, instance.person("viewer_b"))
    async with agent.http as http:
        assert (await http.get(f"{api}/products?limit=1")).status_code == 200
        assert (await http.post(f"{api}/products", json=PRODUCT)).status_code == 403
    assert len(agent.asked) == 1


async def test_an_agent_goes_on_with_its_refresh_token(instance: Instance) -> None:
    """When its token has expired it refreshes, without the person."""
    instance.set("b", client_registration="open")
    api = f"{instance.issuer('b')}/api"
    first = Agent(instance, api, instance.person("editor_b"))
    async with first.http as http:
        assert (await http.get(f"{api}/products?limit=1")).status_code == 200
    assert first.store.tokens is not None
    first.store.tokens.access_token += "x"
    later = Agent(instance, api, instance.person("editor_b"), first.store)
    provider = later.http.auth
    assert isinstance(provider, OAuthClientProvider)
    before = first.store.tokens.access_token
    async with later.http as http:
        await provider._initialize()
        provider.context.token_expiry_time = 1.0
        provider.context.oauth_metadata = first.http.auth.context.oauth_metadata  # type: ignore[union-attr] # the same provider
        answer = await http.get(f"{api}/products?limit=1")
    assert (answer.status_code, len(later.asked)) == (200, 0)
    assert later.store.tokens is not None
    assert later.store.tokens.access_token != before


async def test_a_person_says_no(instance: Instance) -> None:
    """Denied, the agent has no token and the API stays shut."""
    instance.set("b", client_registration="open")
    api = f"{instance.issuer('b')}/api"
    agent = Agent(instance, api, instance.person("editor_b", allows=False))
    async with agent.http as http:
        with pytest.raises(OAuthFlowError):
            await http.get(f"{api}/products?limit=1")
    assert agent.store.tokens is None


async def test_a_token_is_for_one_tenants_api(instance: Instance) -> None:
    """The audience is the API that was asked for: at another tenant's the token opens nothing (RFC 8707 §2)."""
    instance.set("b", client_registration="open")
    api = f"{instance.issuer('b')}/api"
    agent = Agent(instance, api, instance.person("editor_b"))
    async with agent.http as http:
        assert (await http.get(f"{api}/products?limit=1")).status_code == 200
    assert agent.store.tokens is not None
    bearer = {"authorization": f"Bearer {agent.store.tokens.access_token}"}
    with instance.open() as plain:
        assert plain.get("/t/tenant-b/api/products", headers=bearer).status_code == 200
        assert plain.get("/t/tenant-a/api/products", headers=bearer).status_code == 403


@pytest.mark.parametrize("tenant", ["a", "b"])
async def test_an_agent_is_named_by_its_document(instance: Instance, application: Application, tenant: str) -> None:
    """Where the tenant takes metadata documents, the address of its own is the client's name; nothing registers (CIMD)."""
    instance.set(tenant, client_registration="off", client_metadata_documents=True)
    document = f"{application.url}/agent.json"
    application.documents["/agent.json"] = {
        "client_id": document,
        "client_name": "An AI agent with a document",
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
    }
    api = f"{instance.issuer(tenant)}/api"
    agent = Agent(instance, api, instance.person(f"editor_{tenant}"), document=document)
    async with agent.http as http:
        assert (await http.get(f"{api}/products?limit=1")).status_code == 200
    assert agent.asked[0]["client_id"] == [document]
