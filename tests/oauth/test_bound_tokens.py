"""Codes and refresh tokens that are bound to a DPoP key serve its holder alone (RFC 9449 §5, §10)."""

from __future__ import annotations

import pytest

from grants_rig import CALLBACK, VERIFIER, change
from oauth_flow import Flow
from support import SetClock
from watchword.oauth.grant import GrantContext
from watchword.oauth.grant_authorization_code import AuthorizationCodeGrant
from watchword.oauth.grant_refresh_token import RefreshTokenGrant
from watchword.oauth.models import OAuthClient, TokenAnswer, TokenRequest
from watchword.oauth.queries import find_client_by_id
from watchword.oauth_errors import InvalidGrantError
from world import Api

DAY_MS = 86_400_000


class Holder:
    """A client whose requests prove a key, where the token endpoint has proved it."""

    def __init__(self, flow: Flow) -> None:
        application = flow.api.application
        server, foundation = application.oauth, application._foundation
        names = foundation.access_tokens.names
        self.flow = flow
        self.client: OAuthClient = flow.client
        self._clock = application.clock
        self._by_code = AuthorizationCodeGrant(
            application.database, server.authorization_codes, server.grant_tokens, names, audit=application.audit
        )
        self._by_refresh = RefreshTokenGrant(
            application.database,
            server.grants,
            foundation.refresh_tokens,
            server.grant_tokens,
            names,
            audit=application.audit,
        )

    async def exchange(self, code: str, jkt: str | None) -> TokenAnswer:
        form = TokenRequest(code=code, redirect_uri=CALLBACK, code_verifier=VERIFIER)
        return await self._by_code.answer(self.client, form, self._context(jkt))

    async def refresh(self, token: str | None, jkt: str | None) -> TokenAnswer:
        return await self._by_refresh.answer(self.client, TokenRequest(refresh_token=token), self._context(jkt))

    def _context(self, jkt: str | None) -> GrantContext:
        return GrantContext(self._clock.now_ms(), "127.0.0.1", jkt)


async def holder(api: Api, kind: str) -> Holder:
    return Holder(await Flow.begin(api, kind=kind))


async def test_a_code_for_a_key_needs_the_key(sqlite_api: Api) -> None:
    """The key that the authorization request named has to be proved with the code (RFC 9449 §10)."""
    own = await holder(sqlite_api, "confidential")
    code = await own.flow.code(jkt="mine")
    for jkt in (None, "another"):
        with pytest.raises(InvalidGrantError):
            await own.exchange(code, jkt)
    answer = await own.exchange(code, "mine")
    assert answer.token_type == "DPoP"


async def test_a_public_clients_refresh_token_needs_its_key(sqlite_api: Api) -> None:
    """Every token of the family is held to the key of the first (RFC 9449 §5), and a try without ends nothing."""
    own = await holder(sqlite_api, "public")
    token = (await own.exchange(await own.flow.code(), "mine")).refresh_token
    for _ in range(2):
        for jkt in (None, "another"):
            with pytest.raises(InvalidGrantError):
                await own.refresh(token, jkt)
        token = (await own.refresh(token, "mine")).refresh_token


async def test_a_thief_without_the_key_cannot_end_the_family(sqlite_api: Api, clock: SetClock) -> None:
    """A used token in the hands of somebody without the key is refused and no more."""
    own = await holder(sqlite_api, "public")
    first = (await own.exchange(await own.flow.code(), "mine")).refresh_token
    second = (await own.refresh(first, "mine")).refresh_token
    clock.advance(60_000)
    with pytest.raises(InvalidGrantError):
        await own.refresh(first, "another")
    assert (await own.refresh(second, "mine")).refresh_token is not None


async def test_a_confidential_clients_refresh_token_is_held_to_the_client(sqlite_api: Api) -> None:
    """It proves itself anyhow, so it may change its key (RFC 9449 §5); the access token has the new one."""
    own = await holder(sqlite_api, "confidential")
    token = (await own.exchange(await own.flow.code(), "mine")).refresh_token
    assert (await own.refresh(token, "new")).token_type == "DPoP"


async def test_a_client_of_fapi_keeps_its_token(sqlite_api: Api, clock: SetClock) -> None:
    """The security profile forbids rotation: the token stays, slides, and no other comes (FAPI 2.0 §5.3.2.1)."""
    own = await holder(sqlite_api, "confidential")
    token = (await own.exchange(await own.flow.code(scopes=("offline_access",)), "mine")).refresh_token
    await become_fapi(own)
    for _ in range(3):
        clock.advance(20 * DAY_MS)
        assert (await own.refresh(token, "mine")).refresh_token is None
    clock.advance(30 * DAY_MS)
    with pytest.raises(InvalidGrantError):
        await own.refresh(token, "mine")


async def test_a_used_token_is_no_better_for_a_client_of_fapi(sqlite_api: Api, clock: SetClock) -> None:
    """A token that was used up before the client changed its profile is reuse all the same."""
    own = await holder(sqlite_api, "confidential")
    first = (await own.exchange(await own.flow.code(), "mine")).refresh_token
    second = (await own.refresh(first, "mine")).refresh_token
    await become_fapi(own)
    clock.advance(60_000)
    for token in (first, second):
        with pytest.raises(InvalidGrantError):
            await own.refresh(token, "mine")


async def become_fapi(own: Holder) -> None:
    database = own.flow.api.application.database
    await change(database, 'UPDATE oauth_clients SET settings = \'{"profile":"fapi2"}\'')
    client = await find_client_by_id(database, own.client.id)
    assert client is not None
    own.client = client
