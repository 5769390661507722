"""The end of sessions."""

from __future__ import annotations

import pytest

from users_rig import House

pytestmark = pytest.mark.anyio


async def test_logout_ends_every_token_of_its_session_and_no_other(house: House) -> None:
    """After logout the token and the one before it are refused, another session's works, and the cookie is cleared."""
    await house.make_user()
    other, old = await house.token(), await house.token()
    house.clock.advance(1000)
    fresh = (await house.call("POST", "refresh-token", token=old)).body["token"]
    answer = await house.call("POST", "logout", token=fresh)
    assert (answer.status, answer.body) == (200, {"message": "Logout successful."})
    assert answer.headers["set-cookie"] == ("__Host-watchword=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict")
    assert (await house.call("GET", "me", token=fresh)).status == 401
    assert (await house.call("GET", "me", token=old)).status == 401
    assert (await house.call("GET", "me", token=other)).status == 200


async def test_logout_of_all_sessions_leaves_other_users_alone(house: House) -> None:
    """``allSessions=true`` ends every session of the user and none of another's."""
    await house.make_user()
    await house.make_user("bob@example.com")
    first, second, bobs = await house.token(), await house.token(), await house.token("bob@example.com")
    assert (await house.call("POST", "logout?allSessions=true", token=first)).status == 200
    assert (await house.call("GET", "me", token=second)).status == 401
    assert (await house.call("GET", "me", token=bobs)).status == 200


@pytest.mark.parametrize("target", ["logout", "logout?allSessions=true"])
async def test_without_a_session_there_is_nothing_to_end(house: House, target: str) -> None:
    """Logging out needs a session, and one that ended cannot be ended again."""
    await house.make_user()
    token = await house.token()
    assert (await house.call("POST", target)).status == 401
    await house.call("POST", "logout", token=token)
    assert (await house.call("POST", target, token=token)).status == 401


async def test_a_wrong_switch_is_refused(house: House) -> None:
    """A value that is neither true nor false ends no session by guess."""
    await house.make_user()
    token = await house.token()
    assert (await house.call("POST", "logout?allSessions=perhaps", token=token)).status == 400
    assert (await house.call("GET", "me", token=token)).status == 200
