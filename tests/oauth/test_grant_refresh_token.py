"""Refreshing: each token once, a grace for the same client's repeat, reuse is the end, and never anything wider."""

from __future__ import annotations

from typing import Any

import pytest

from grants_rig import change
from oauth_flow import SCOPES, Flow, require_refused, scalar
from oauth_world import disable_client
from support import SetClock
from watchword.db.database import Statement
from world import Api

DAY_MS = 86_400_000
GRACE_MS = 30_000


@pytest.fixture
async def flow(api: Api) -> Flow:
    """A confidential client of tenant a."""
    return await Flow.begin(api)


async def refreshed(flow: Flow, refresh_token: str, **changes: str | None) -> dict[str, Any]:
    answer = await flow.refresh(refresh_token, **changes)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_refresh_gives_a_new_pair(flow: Flow) -> None:
    """The new access token reads, the new refresh token is another one, and the scope is as before (RFC 6749 §6)."""
    first = await flow.tokens()
    second = await refreshed(flow, first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert second["scope"] == " ".join(SCOPES)
    assert await flow.reads(second["access_token"]) == 200
    assert await flow.reads(first["access_token"]) == 200


async def test_a_refresh_token_is_stored_as_its_hash_only(flow: Flow) -> None:
    """A copy of the database holds none that could be used, used and new ones alike."""
    first = await flow.tokens()
    second = await refreshed(flow, first["refresh_token"])
    rows = await flow.api.application.database.fetch_rows(Statement("SELECT * FROM oauth_refresh_tokens"))
    assert len(rows) == 2
    for token in (first["refresh_token"], second["refresh_token"]):
        assert token[3:] not in str([list(row) for row in rows])


async def test_a_repeat_in_the_grace_gets_the_same_successor(flow: Flow, clock: SetClock) -> None:
    """A client whose answer was lost asks again, until just before the grace ends, and gets what it would have got."""
    first = await flow.tokens()
    second = await refreshed(flow, first["refresh_token"])
    clock.advance(GRACE_MS - 1)
    again = await refreshed(flow, first["refresh_token"])
    assert again["refresh_token"] == second["refresh_token"]
    third = await refreshed(flow, again["refresh_token"])
    assert await flow.reads(third["access_token"]) == 200


async def test_reuse_after_the_grace_ends_the_family(flow: Flow, clock: SetClock) -> None:
    """From the end of the grace on two hold the token: everything of its grant ends (RFC 9700 §4.14.2)."""
    first = await flow.tokens()
    second = await refreshed(flow, first["refresh_token"])
    clock.advance(GRACE_MS)
    require_refused(await flow.refresh(first["refresh_token"]))
    require_refused(await flow.refresh(second["refresh_token"]))
    assert await flow.reads(second["access_token"]) == 401
    assert "oauth.refresh_token_reused" in [event["event"] for event in flow.api.events()]


async def test_reuse_after_the_successor_was_used_ends_the_family(flow: Flow) -> None:
    """Whoever used the successor had the first answer, so a repeat is not a lost answer's, even in the grace."""
    first = await flow.tokens()
    second = await refreshed(flow, first["refresh_token"])
    third = await refreshed(flow, second["refresh_token"])
    require_refused(await flow.refresh(first["refresh_token"]))
    require_refused(await flow.refresh(third["refresh_token"]))
    assert await flow.reads(third["access_token"]) == 401


async def test_reuse_in_another_family_ends_nothing_else(flow: Flow, clock: SetClock) -> None:
    """A family is one grant: another sign-in of the same user at the same client goes on."""
    first, other = await flow.tokens(), await flow.tokens()
    await refreshed(flow, first["refresh_token"])
    clock.advance(GRACE_MS)
    require_refused(await flow.refresh(first["refresh_token"]))
    assert (await flow.refresh(other["refresh_token"])).status_code == 200


async def test_a_refresh_token_slides_up_to_an_absolute_end(api: Api, clock: SetClock) -> None:
    """Used now and then a family lives on, and ends with its grant however often it is used."""
    flow = await Flow.begin(api, refresh_ttl_seconds=30 * 86_400, refresh_absolute_seconds=50 * 86_400)
    token = (await flow.tokens(scopes=("offline_access",)))["refresh_token"]
    clock.advance(29 * DAY_MS)
    token = (await refreshed(flow, token))["refresh_token"]
    clock.advance(20 * DAY_MS)
    token = (await refreshed(flow, token))["refresh_token"]
    clock.advance(DAY_MS)
    require_refused(await flow.refresh(token))


async def test_an_unused_refresh_token_ends(flow: Flow, clock: SetClock) -> None:
    """After thirty days without use it is no good; just before it is."""
    early = (await flow.tokens(scopes=("offline_access",)))["refresh_token"]
    late = (await flow.tokens(scopes=("offline_access",)))["refresh_token"]
    clock.advance(30 * DAY_MS - 1)
    await refreshed(flow, early)
    clock.advance(1)
    require_refused(await flow.refresh(late))
    assert await scalar(flow.api, "SELECT count(*) FROM oauth_grants WHERE ended_at IS NOT NULL") == 0


async def test_an_access_token_ends_with_its_grant(api: Api, clock: SetClock) -> None:
    """Shortly before the absolute end a token is given for what is left, and no longer."""
    flow = await Flow.begin(api, refresh_absolute_seconds=86_400)
    token = (await flow.tokens(scopes=("offline_access",)))["refresh_token"]
    clock.advance(DAY_MS - 60_000)
    assert (await refreshed(flow, token))["expires_in"] == 60


async def test_a_token_ends_with_the_session_it_hangs_on(flow: Flow, clock: SetClock) -> None:
    """Shortly before its session's end a token is given for what is left, and after it nothing is refreshed."""
    given = await flow.tokens()
    await let_session_end(flow, clock.now_ms() + 60_000)
    renewed = await refreshed(flow, given["refresh_token"])
    assert renewed["expires_in"] == 60
    offline = await flow.tokens(scopes=("offline_access",))
    assert offline["expires_in"] == 600
    clock.advance(59_999)
    assert await flow.reads(renewed["access_token"]) == 200
    clock.advance(1)
    assert await flow.reads(renewed["access_token"]) == 401
    require_refused(await flow.refresh(renewed["refresh_token"]))
    await refreshed(flow, offline["refresh_token"])


async def test_a_session_that_is_refreshed_takes_its_grants_along(flow: Flow, clock: SetClock) -> None:
    """Where the user's session goes on beyond its first end, so does what hangs on it, for as long and no longer."""
    api = flow.api
    token = (await flow.tokens())["refresh_token"]
    clock.advance(6 * DAY_MS)
    assert (await api.call("POST", "/api/users/refresh-token", who="editor_a")).status_code == 200
    clock.advance(2 * DAY_MS)
    renewed = await refreshed(flow, token)
    assert renewed["expires_in"] == 600
    clock.advance(5 * DAY_MS)
    require_refused(await flow.refresh(renewed["refresh_token"]))


async def let_session_end(flow: Flow, ends_at_ms: int) -> None:
    """Give the editor's session another end of its own."""
    session_id = flow.api.world.sessions["editor_a"]
    statement = "UPDATE sessions SET current_expires_at = $2 WHERE id = $1"
    await change(flow.api.application.database, statement, session_id, ends_at_ms)


async def test_scope_can_be_narrowed_and_comes_back(flow: Flow) -> None:
    """A narrower token leaves the grant as wide as it was (RFC 6749 §6)."""
    first = await flow.tokens()
    narrow = await refreshed(flow, first["refresh_token"], scope="products:read")
    assert narrow["scope"] == "products:read"
    assert "id_token" not in narrow
    wide = await refreshed(flow, narrow["refresh_token"])
    assert wide["scope"] == " ".join(SCOPES)


@pytest.mark.parametrize("scope", ["orders:read", "*:*", "products:*", "offline_access", "products:read orders:read"])
async def test_scope_is_never_widened(flow: Flow, scope: str) -> None:
    """More than was allowed is refused, and the refresh token stays good (RFC 6749 §6)."""
    first = await flow.tokens()
    require_refused(await flow.refresh(first["refresh_token"], scope=scope), "invalid_scope")
    await refreshed(flow, first["refresh_token"])


async def test_a_part_of_a_wide_scope_may_be_asked_for(flow: Flow) -> None:
    """Where all of products was allowed, reading them is a part of it."""
    first = await flow.tokens(scopes=("products:*",))
    assert (await refreshed(flow, first["refresh_token"], scope="products:read"))["scope"] == "products:read"


async def test_scopes_taken_from_the_client_are_gone(flow: Flow) -> None:
    """What an administrator takes from the client is missing from the next token."""
    first = await flow.tokens()
    await change(flow.api.application.database, "UPDATE oauth_clients SET scopes = '[\"products:read\"]'")
    assert (await refreshed(flow, first["refresh_token"]))["scope"] == "products:read"


async def test_a_resource_beyond_the_consent_is_refused(api: Api) -> None:
    """A resource that the client may have but the user did not allow stays out (RFC 8707 §2.2)."""
    flow = await Flow.begin(api, audiences=("https://reports.example",))
    first = await flow.tokens()
    require_refused(await flow.refresh(first["refresh_token"], resource="https://reports.example"), "invalid_target")
    both = await flow.tokens(resources=(flow.resource, "https://reports.example"))
    only = await refreshed(flow, both["refresh_token"], resource="https://reports.example")
    assert await flow.reads(only["access_token"]) == 401


async def test_another_client_refreshes_nothing(flow: Flow) -> None:
    """A refresh token of another client is as if there were none, and is neither used up nor ended by the try."""
    token = (await flow.tokens())["refresh_token"]
    api = flow.api
    for other in (await Flow.begin(api), await Flow.begin(api, kind="public"), await Flow.begin(api, tenant="b")):
        require_refused(await other.refresh(token))
    await refreshed(flow, token)
    require_refused(await other.refresh(token))
    assert await scalar(api, "SELECT count(*) FROM oauth_grants WHERE ended_at IS NOT NULL") == 0


async def test_a_public_client_rotates_too(api: Api) -> None:
    """A client without a secret refreshes by its name alone, and each token works once (RFC 9700 §4.14)."""
    flow = await Flow.begin(api, kind="public")
    first = await flow.tokens()
    second = await refreshed(flow, first["refresh_token"])
    third = await refreshed(flow, second["refresh_token"])
    require_refused(await flow.refresh(first["refresh_token"]))
    require_refused(await flow.refresh(third["refresh_token"]))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE users SET disabled_at = 1",
        "DELETE FROM memberships",
        "UPDATE oauth_grants SET ended_at = 1",
        "UPDATE sessions SET ended_at = 1",
        "DELETE FROM oauth_grants",
    ],
)
async def test_a_refresh_token_falls_with_what_it_stands_on(flow: Flow, statement: str) -> None:
    """Without its user, the membership, the session or the grant nothing is refreshed any more."""
    token = (await flow.tokens())["refresh_token"]
    await change(flow.api.application.database, statement)
    require_refused(await flow.refresh(token))


@pytest.mark.parametrize(
    "statement", ["UPDATE tenants SET disabled_at = 1", "UPDATE oauth_clients SET disabled_at = 1"]
)
async def test_a_disabled_tenant_or_client_refreshes_nothing(flow: Flow, statement: str) -> None:
    """Neither is let in at all."""
    token = (await flow.tokens())["refresh_token"]
    await change(flow.api.application.database, statement)
    require_refused(await flow.refresh(token), "invalid_client", 401)


async def test_a_disabled_client_is_out_at_once(flow: Flow) -> None:
    """Tokens given before are refused on the next request too."""
    tokens = await flow.tokens()
    assert await flow.reads(tokens["access_token"]) == 200
    await disable_client(flow.api.application, flow.client.id)
    assert await flow.reads(tokens["access_token"]) == 401
    require_refused(await flow.refresh(tokens["refresh_token"]), "invalid_client", 401)


async def test_offline_access_outlives_the_session(flow: Flow) -> None:
    """Signing out ends what was allowed in the session, but not what was allowed for later (Back-Channel Logout §2.7)."""
    bound = (await flow.tokens())["refresh_token"]
    offline = (await flow.tokens(scopes=("openid", "offline_access")))["refresh_token"]
    assert (await flow.api.call("POST", "/api/users/logout", who="editor_a")).status_code == 200
    require_refused(await flow.refresh(bound))
    await refreshed(flow, offline)


@pytest.mark.parametrize(
    "token", ["rt_" + "A" * 43, "rt_", "x", "rt_" + "A" * 5_000, "rt_" + "é" * 43, "ac_" + "A" * 43]
)
async def test_what_is_no_refresh_token_is_refused(flow: Flow, token: str) -> None:
    """Anything else gets the one answer."""
    require_refused(await flow.refresh(token))


async def test_a_refresh_without_a_token(flow: Flow) -> None:
    """A missing parameter is a malformed request."""
    require_refused(await flow.send("/oauth/token", {"grant_type": "refresh_token"}), "invalid_request")


async def test_an_id_token_of_a_refresh_has_no_nonce(flow: Flow) -> None:
    """It tells of the sign-in as before, and repeats no nonce (OpenID Connect Core §12.2)."""
    first = await flow.tokens(nonce="n-1")
    assert "id_token" in await refreshed(flow, first["refresh_token"])
