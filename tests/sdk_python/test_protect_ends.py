"""What ends while a guard believes it: news from the feed, its silence, and more of it than can be remembered."""

from __future__ import annotations

import time

import httpx
import pytest

from sdk_python.guarded import MakeGuard, bearer, code_of, code_soon, get_token, sign_in
from watchword_client.protect import Policy, Way
from watchword_client.protect.caller import Caller
from watchword_client.protect.ends import Ends, Event, EventReader
from watchword_client.protect.presented import Presented
from watchword_client.protect.remembered import Remembered
from watchword_client.testing import WatchwordServer


class Steps:
    """A monotonic clock that also steps ahead when told."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


def test_each_end_reaches_the_offline_verifier(make_guard: MakeGuard, watchword_server: WatchwordServer) -> None:
    """When the client is disabled its tokens are refused a moment later; enabled again, it gets new ones that are taken."""
    server, protection = watchword_server, make_guard()
    token = get_token(server)
    assert protection.identify(bearer(token)).client_id == server.client_id
    admin = {"authorization": f"Bearer {sign_in(server)}"}
    client = f"{server.url}/api/clients/{server.client_id}"
    assert httpx.patch(client, json={"disabled": True}, headers=admin).status_code == 200
    assert code_soon(protection, bearer(token)) == "UNAUTHORIZED"
    assert httpx.patch(client, json={"disabled": False}, headers=admin).status_code == 200
    assert code_of(protection, bearer(token)) == "UNAUTHORIZED"
    server.clock.advance(2)
    assert code_of(protection, bearer(get_token(server))) == ""
    # A guard that begins afterwards knows of it too.
    assert code_of(make_guard(), bearer(token)) == "UNAUTHORIZED"


def test_scopes_that_were_taken_are_taken_here(make_guard: MakeGuard, watchword_server: WatchwordServer) -> None:
    """When scopes are taken from a client, its signed tokens do a moment later what the server lets them do.

    A guard without a client of its own has nobody to ask, and believes the token until its end.
    """
    server = watchword_server
    asking, believing = make_guard(client_id=server.client_id, client_secret=server.client_secret), make_guard()
    token = get_token(server, "orders:read orders:write")
    for protection in (asking, believing):
        assert protection.identify(bearer(token)).may("orders:write")
    admin = {"authorization": f"Bearer {sign_in(server)}"}
    client = f"{server.url}/api/clients/{server.client_id}"
    assert httpx.patch(client, json={"scopes": ["orders:read"]}, headers=admin).status_code == 200
    until = time.monotonic() + 20
    while asking.identify(bearer(token)).may("orders:write") and time.monotonic() < until:
        time.sleep(0.02)
    assert asking.identify(bearer(token)).scopes == ("orders:read",)
    assert believing.identify(bearer(token)).scopes == ("orders:read", "orders:write")
    server.clock.advance(2)
    assert code_of(make_guard(), bearer(get_token(server))) == ""


def test_changes_beyond_memory_make_it_ask() -> None:
    """When more changed than can be known one by one, all that was made before is asked about."""
    ends = Ends(on_forget=lambda _event: None, monotonic=lambda: 0.0)
    claims = {"iat": 1_767_780_001, "sub": "a", "client_id": "never told", "jti": "j", "grant": "g1"}
    for number in range(100_001):
        ends.take(
            Event("changed", str(number), {"kind": "client", "id": f"c{number}", "at": "2026-01-07T10:00:09.000Z"})
        )
    assert ends.is_changed(claims)
    assert not ends.is_changed({**claims, "iat": 1_767_790_000})
    assert not ends.is_ended(claims)
    ends.take(Event("changed", "x", {"kind": "grant", "id": "g1", "at": "2026-01-07T13:00:00.000Z"}))
    assert ends.is_changed({**claims, "iat": 1_767_790_000})


def test_a_revoked_key_is_not_remembered(make_guard: MakeGuard, watchword_server: WatchwordServer) -> None:
    """A key that was vouched for a moment ago is refused as soon as it is revoked, not when the memory of it ends."""
    server = watchword_server
    key = [("x-client-key", server.test_client_key)]
    protection = make_guard(secret_key=server.test_secret_key, client_key=None, policy=Policy(cache_seconds=600))
    assert protection.identify(bearer(server.test_secret_key)).kind == "secret_key"
    assert protection.identify(key).kind == "publishable_key"
    listed = httpx.get(f"{server.url}/api/keys?limit=100", headers={"authorization": f"Bearer {sign_in(server)}"})
    ids = {doc["mode"] + doc["kind"]: doc["id"] for doc in listed.json()["docs"]}
    admin = {"authorization": f"Bearer {sign_in(server)}"}
    assert httpx.delete(f"{server.url}/api/keys/{ids['testpublishable']}", headers=admin).status_code == 200
    assert code_soon(protection, key) == "UNAUTHORIZED"


def test_what_ends_while_its_word_is_kept_is_not_believed() -> None:
    """A key that ends between the server's answer and its being remembered is remembered by nobody."""
    remembered = Remembered(seconds=60, monotonic=time.monotonic)
    ends = Ends(on_forget=remembered.forget, monotonic=time.monotonic)
    presented = Presented("key", "sk_live_x", is_bound=False, origin=None, is_from_browser=False, address=None)
    caller = Caller("https://auth.example", "live", "secret_key", "key_1", None, None, "key_1")
    asked_in = ends.turn
    ends.take(Event("ended", "1", {"kind": "key", "id": "key_1"}))
    remembered.keep(
        presented, caller, names=frozenset({"key_1"}), until=None, still_counts=lambda: asked_in == ends.turn
    )
    assert remembered.find(presented) is None


@pytest.mark.parametrize(("on_silence", "wanted"), [("refuse", "UNAVAILABLE"), ("trust", ""), ("ask", "")])
def test_a_silent_feed(make_guard: MakeGuard, watchword_server: WatchwordServer, on_silence: str, wanted: str) -> None:
    """When the feed was silent for longer than the bound, offline tokens are refused, trusted or asked about, as set."""
    server, steps = watchword_server, Steps()
    protection = make_guard(
        client_id=server.client_id,
        client_secret=server.client_secret,
        policy=Policy(on_silence=on_silence, silence_seconds=60),  # type: ignore[arg-type] # one of three words
        way=Way(monotonic=steps),
    )
    token = get_token(server)
    assert code_of(protection, bearer(token)) == ""
    protection._feed.close()
    steps.ahead = 120
    assert code_of(protection, bearer(token)) == wanted


def test_keys_are_followed_when_they_change(make_guard: MakeGuard, watchword_server: WatchwordServer) -> None:
    """A token signed by a key that was made a moment ago is taken, and one by a key that was thrown away is not."""
    server, protection = watchword_server, make_guard()
    old = get_token(server)
    assert code_of(protection, bearer(old)) == ""
    keys = server.application._foundation.access_tokens.keys
    server.run(lambda: keys.replace(server.tenant_id, "EdDSA", now_ms=server.clock.now_ms()))
    new = get_token(server)
    assert new.split(".")[0] != old.split(".")[0]
    assert code_soon(protection, bearer(old)) == "UNAUTHORIZED"
    assert code_of(protection, bearer(new)) == ""


def test_events_in_pieces_of_any_length() -> None:
    """Events are read whole wherever the pieces are cut."""
    text = b'retry: 1\n\nevent: ended\r\nid: 5\r\ndata: {"kind":"grant",\ndata: "id":"g"}\r\n\r\n: beat\n\nevent: current\ndata: {}\n\n'
    for size in range(1, len(text)):
        reader = EventReader()
        events = [event for at in range(0, len(text), size) for event in reader.feed(text[at : at + size])]
        assert events == [Event("ended", "5", {"kind": "grant", "id": "g"}), Event("current", "5", {})]


def test_ends_beyond_memory_refuse_what_is_older() -> None:
    """When more ended than can be known one by one, all that was made before is refused, never let in."""
    ends = Ends(on_forget=lambda _event: None, monotonic=lambda: 0.0)
    for number in range(100_002):
        at = f"2026-01-07T10:{number // 6000:02d}:{number // 100 % 60:02d}.000+00:00"
        ends.take(Event("ended", str(number), {"kind": "token", "id": f"t{number}", "at": at}))
    claims = {"iat": 1_767_780_001, "sub": "a", "client_id": "a", "jti": "never told"}
    assert ends.is_ended(claims)
    assert not ends.is_ended({**claims, "iat": 1_767_790_000})
    assert len(ends._ended) <= 100_000
