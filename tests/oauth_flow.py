"""A client at the token endpoint with what a user of the world allowed it: from the code on, without any page."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec

from grants_rig import CALLBACK, GRANTS, VERIFIER
from oauth_world import add_client, basic
from watchword.db.database import Statement
from watchword.oauth.authorization_codes import Authorized
from watchword.oauth.models import ClientSettings, OAuthClient
from watchword.oauth.pkce import make_code_challenge
from watchword.oauth.queries import find_client_by_id
from world import Api

FORM = {"content-type": "application/x-www-form-urlencoded"}
SCOPES = ("openid", "profile", "email", "products:read", "products:write")


class Flow:
    """One client, and what it sends through a door."""

    def __init__(self, api: Api, client: OAuthClient) -> None:
        self.api = api
        self.client = client

    @classmethod
    async def begin(
        cls,
        api: Api,
        *,
        tenant: str = "a",
        kind: str = "confidential",
        mode: str = "live",
        grants: tuple[str, ...] = GRANTS,
        scopes: tuple[str, ...] | None = None,
        **settings: Any,  # noqa: ANN401 - the fields of ClientSettings
    ) -> Flow:
        """Store a client of a tenant and return its flow."""
        client_id = await add_client(
            api.application,
            api.world.tenants[tenant],
            kind=kind,
            mode=mode,
            grants=grants,
            scopes=scopes,
            settings=ClientSettings(redirect_uris=(CALLBACK,), **settings),
        )
        client = await find_client_by_id(api.application.database, client_id)
        assert client is not None
        return cls(api, client)

    def at(self, door: Api) -> Flow:
        """Return the same client at another process's door."""
        return Flow(door, self.client)

    @property
    def resource(self) -> str:
        """The tenant's API, as a resource."""
        return f"{self.api.application.settings.url}/t/{self.client.tenant_slug}/api"

    async def code(self, who: str = "editor_a", **changes: object) -> str:
        """Let a user of the world allow the client the scopes, and return the code."""
        now_ms = self.api.application.clock.now_ms()
        authorized = Authorized(
            user_id=self.api.world.users[who],
            session_id=self.api.world.sessions[who],
            scopes=SCOPES,
            resources=(self.resource,),
            authenticated_at_ms=now_ms - 5_000,
            redirect_uri=CALLBACK,
            code_challenge=make_code_challenge(VERIFIER),
        )
        codes = self.api.application.oauth.authorization_codes
        return await codes.issue(self.client, msgspec.structs.replace(authorized, **changes), now_ms)

    async def send(
        self,
        path: str,
        fields: dict[str, str | None],
        *,
        door: Api | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Send a form as the client; fields that are None are left out."""
        sent = {name: value for name, value in fields.items() if value is not None}
        own = {**FORM, **(headers or {})}
        if self.client.kind == "confidential":
            own |= basic(self.client.id)
        else:
            sent["client_id"] = self.client.id
        return await self.api.call("POST", path, content=urlencode(sent).encode(), headers=own)

    async def exchange(self, code: str, **changes: str | None) -> httpx.Response:
        """Send a code to the token endpoint."""
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
            **changes,
        }
        return await self.send("/oauth/token", fields)

    async def refresh(self, refresh_token: str, **changes: str | None) -> httpx.Response:
        """Send a refresh token to the token endpoint."""
        fields = {"grant_type": "refresh_token", "refresh_token": refresh_token, **changes}
        return await self.send("/oauth/token", fields)

    async def tokens(self, who: str = "editor_a", **changes: object) -> dict[str, Any]:
        """Go from the code to the tokens and return the answer."""
        answer = await self.exchange(await self.code(who, **changes))
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def reads(self, access_token: str) -> int:
        """Read products with an access token and return the status."""
        header = {"authorization": f"Bearer {access_token}"}
        return (await self.api.call("GET", "/api/products?limit=1", headers=header)).status_code


def require_refused(answer: httpx.Response, error: str = "invalid_grant", status: int = 400) -> None:
    """Hold an answer to be this refusal, and nothing more (RFC 6749 §5.2)."""
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert set(answer.json()) == {"error", "error_description"}
    assert answer.headers["cache-control"] == "no-store"


async def scalar(api: Api, statement: str, *values: str) -> int:
    """Return the one number of a query."""
    row = await api.application.database.fetch_row(Statement(statement), *values)
    assert row is not None
    return int(row[0])
