"""Without its database the authorization server says 503 and lets nobody in; what it was asked works afterwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest

from oauth_flow import Flow, require_refused
from world import Api

Send = Callable[[Flow, dict[str, str]], Awaitable[httpx.Response]]

SENT: dict[str, Send] = {
    "a code": lambda flow, held: flow.exchange(held["code"]),
    "a refresh token": lambda flow, held: flow.refresh(held["refresh_token"]),
    "introspection": lambda flow, held: flow.send("/oauth/introspect", {"token": held["access_token"]}),
    "revocation": lambda flow, held: flow.send("/oauth/revoke", {"token": held["refresh_token"]}),
    "UserInfo": lambda flow, held: flow.api.call(
        "GET", "/oauth/userinfo", headers={"authorization": f"Bearer {held['access_token']}"}
    ),
}


@pytest.mark.parametrize("name", SENT)
async def test_a_database_that_is_gone_is_503(api: Api, name: str) -> None:
    """Never a success, never a refusal that would make the client throw away what it holds."""
    flow = await Flow.begin(api)
    held = {**await flow.tokens(), "code": await flow.code()}
    await api.application.database.close()
    answer = await SENT[name](flow, held)
    require_refused(answer, "temporarily_unavailable", 503)
    assert answer.headers["retry-after"] == "1"
