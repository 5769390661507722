"""Listing and ending one's own sessions."""

from __future__ import annotations

import pytest

from users_rig import TTL_SECONDS, House

pytestmark = pytest.mark.anyio


async def test_the_list_shows_living_sessions_newest_first(house: House) -> None:
    """A user sees each of their living sessions with times and device, the asking one marked, and nobody else's."""
    await house.make_user()
    await house.make_user("bob@example.com")
    await house.token("bob@example.com")
    ended = await house.token()
    await house.call("POST", "logout", token=ended)
    await house.token()
    house.clock.advance(1000)
    token = await house.token()
    answer = await house.call("GET", "sessions", token=token)
    docs = answer.body.pop("docs")
    assert answer.body == {"limit": 10, "hasNextPage": False, "nextAfter": None}
    assert [doc["current"] for doc in docs] == [True, False]
    assert docs[0] == {
        "id": docs[0]["id"],
        "current": True,
        "address": "192.0.2.1",
        "userAgent": "tests",
        "createdAt": "2026-01-07T10:00:01.000Z",
        "refreshedAt": "2026-01-07T10:00:01.000Z",
        "expiresAt": "2026-01-14T10:00:01.000Z",
        "endsAt": "2026-02-06T10:00:01.000Z",
    }
    assert token not in str(docs)


async def test_the_list_goes_page_by_page(house: House) -> None:
    """Pages follow each other without gap or repeat."""
    await house.make_user()
    for _ in range(4):
        house.clock.advance(1000)
        await house.token()
    token = await house.token()
    first = (await house.call("GET", "sessions?limit=3", token=token)).body
    assert first["hasNextPage"] is True
    second = (await house.call("GET", f"sessions?limit=3&after={first['nextAfter']}", token=token)).body
    assert second["hasNextPage"] is False
    ids = [doc["id"] for doc in first["docs"] + second["docs"]]
    assert len(set(ids)) == 5
    assert ids == sorted(ids, reverse=True)


async def test_expired_sessions_are_not_listed(house: House) -> None:
    """A session that has expired is gone from the list at that second."""
    await house.make_user()
    await house.token()
    house.clock.advance(TTL_SECONDS * 1000 - 1)
    token = await house.token()
    assert len((await house.call("GET", "sessions", token=token)).body["docs"]) == 2
    house.clock.advance(1)
    assert len((await house.call("GET", "sessions", token=token)).body["docs"]) == 1


async def test_ending_one_session_leaves_the_others(house: House) -> None:
    """Another device is signed out and this one is not; ending it twice is 404."""
    await house.make_user()
    other, token = await house.token(), await house.token()
    docs = (await house.call("GET", "sessions", token=token)).body["docs"]
    other_id = next(doc["id"] for doc in docs if not doc["current"])
    answer = await house.call("DELETE", f"sessions/{other_id}", token=token)
    assert (answer.status, answer.body) == (200, {"message": "Session ended.", "id": other_id})
    assert "set-cookie" not in answer.headers
    assert (await house.call("GET", "me", token=other)).status == 401
    assert (await house.call("GET", "me", token=token)).status == 200
    assert (await house.call("DELETE", f"sessions/{other_id}", token=token)).status == 404


async def test_ending_the_own_session_clears_the_cookie(house: House) -> None:
    """Ending the session that asks is a logout."""
    await house.make_user()
    token = await house.token()
    docs = (await house.call("GET", "sessions", token=token)).body["docs"]
    answer = await house.call("DELETE", f"sessions/{docs[0]['id']}", token=token)
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert (await house.call("GET", "me", token=token)).status == 401


async def test_another_users_session_does_not_exist(house: House) -> None:
    """Another's session is 404 like an unknown or impossible id, and lives on."""
    await house.make_user()
    await house.make_user("bob@example.com")
    bobs, token = await house.token("bob@example.com"), await house.token()
    bobs_id = (await house.call("GET", "sessions", token=bobs)).body["docs"][0]["id"]
    for session_id in (bobs_id, "ses_" + "0" * 26, "x", "%00", "%27%20OR%201=1", "usr_" + "0" * 26):
        answer = await house.call("DELETE", f"sessions/{session_id}", token=token)
        assert (answer.status, answer.code) == (404, "NOT_FOUND")
    assert (await house.call("GET", "me", token=bobs)).status == 200


@pytest.mark.parametrize(("method", "target"), [("GET", "sessions"), ("DELETE", "sessions/ses_" + "0" * 26)])
async def test_sessions_need_a_session(house: House, method: str, target: str) -> None:
    """Nobody without proof learns of sessions."""
    assert (await house.call(method, target)).status == 401


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=1&limit=2", "after=" + "x" * 65])
async def test_impossible_pages_are_refused(house: House, query: str) -> None:
    """A page that cannot be is 400."""
    await house.make_user()
    assert (await house.call("GET", f"sessions?{query}", token=await house.token())).status == 400
