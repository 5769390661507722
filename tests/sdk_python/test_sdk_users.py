"""People's calls against a running server: the whole course of an account."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clients.instance import Instance
from served import wait_for
from watchword_client import Client, ServerClient, WatchwordError, create_client
from world import PASSWORD

EMAIL = "new.person@example.com"


def code_of_letter(instance: Instance, before: set[Path]) -> str:
    """Wait for the next letter and return the code in it."""
    outbox = instance.server.data / "outbox"

    def letters() -> set[Path]:
        return set(outbox.glob("*")) - before

    wait_for(lambda: bool(letters()), seconds=20, what="a letter")
    found = re.search(r"give this code to the application: (\S+)", letters().pop().read_text("utf-8"))
    assert found is not None
    return found[1]


def letters_so_far(instance: Instance) -> set[Path]:
    return set((instance.server.data / "outbox").glob("*"))


def test_course_of_an_account(instance: Instance, client: Client) -> None:
    """Register, confirm, sign in, change, lose the password, choose another, sign out everywhere."""
    users = client.collections.users
    instance.set("a", registration=True)
    before = letters_so_far(instance)
    assert users.register(email=EMAIL, password=PASSWORD, name="New").data.message
    users.verify_email(code=code_of_letter(instance, before))
    assert users.login(email=EMAIL, password=PASSWORD).data.user.email == EMAIL
    assert users.change(name="Newer").data.user.name == "Newer"
    before = letters_so_far(instance)
    users.forgot_password(email=EMAIL)
    other = "quite another " + PASSWORD
    assert users.reset_password(code=code_of_letter(instance, before), password=other).data.user.name == "Newer"
    assert users.me().data.user.tenants == (instance.world.tenants["a"],)
    assert len(users.sessions().data) == 1
    assert users.logout(all_sessions=True).data.message
    assert client.token is None
    with pytest.raises(WatchwordError):
        users.login(email=EMAIL, password=PASSWORD)


def test_session_on_another_device(instance: Instance, client: Client) -> None:
    """A session can be kept and taken up again by its token, and ended from elsewhere."""
    users = client.collections.users
    first = users.login(email="viewer.a@example.com", password=PASSWORD).data.token
    old = next(session["id"] for session in users.sessions().data if session["current"])
    users.login(email="viewer.a@example.com", password=PASSWORD)
    ended: list[WatchwordError] = []
    with create_client(
        instance.world.keys["pk_live_a"],
        base_url=instance.url,
        ca_file=instance.authority,
        token=first,
        on_session_end=ended.append,
    ) as elsewhere:
        assert elsewhere.collections.users.me().data.user.email == "viewer.a@example.com"
        users.end_session(old)
        with pytest.raises(WatchwordError) as caught:
            elsewhere.collections.users.me()
        assert ended == [caught.value]
        assert elsewhere.token is None


def test_refresh_when_asked(client: Client) -> None:
    """A new token can be had at any time, and is the one that is used."""
    users = client.collections.users
    old = users.login(email="viewer.a@example.com", password=PASSWORD).data.token
    fresh = users.refresh().data
    assert client.token == fresh.token != old
    assert fresh.exp
    assert users.me().data.user.email == "viewer.a@example.com"


def test_servers_act_for_people_by_their_tokens(server_client: ServerClient) -> None:
    """A server passes each person's token along and holds none."""
    users = server_client.collections.users
    signed_in = users.login(email="viewer.a@example.com", password=PASSWORD).data
    assert users.me(token=signed_in.token).data.user.email == "viewer.a@example.com"
    fresh = users.refresh(token=signed_in.token).data
    assert users.sessions(token=fresh.token).data
    users.logout(token=fresh.token)
    with pytest.raises(WatchwordError) as caught:
        users.me(token=fresh.token)
    assert caught.value.code == "UNAUTHORIZED"


def test_closed_registration_says_so(instance: Instance, server_client: ServerClient) -> None:
    """A refusal carries the server's code, sentence and request id."""
    instance.set("a", registration=False)
    with pytest.raises(WatchwordError) as caught:
        server_client.collections.users.register(email="other@example.com", password=PASSWORD)
    error = caught.value
    assert (error.code, error.status, error.name) == ("REGISTRATION_CLOSED", 403, "Forbidden")
    assert str(error) == error.message == "Registration is not open here"
    assert str(error.request_id).startswith("req_")
