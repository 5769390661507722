"""The guard of one's own API: what it believes, for how long, and what it does when it cannot know."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from oauth_keys import ClientKey
from sdk_python.bound_keys import API, BoundKey
from watchword_client import WatchwordError
from watchword_client.flow import Reply
from watchword_client.protect import Caller, Policy, Protection, Refusal, Way
from watchword_client.protect.access_token import read_kid
from watchword_client.protect.asking import Proofs, Questions
from watchword_client.protect.ends import Ends, Event, EventReader
from watchword_client.protect.presented import read_presented
from watchword_client.testing import WatchwordServer

Make = Callable[..., Protection]


class Steps:
    """A monotonic clock that also steps ahead when told."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def make(watchword_server: WatchwordServer) -> Iterator[Make]:
    """Make guards of an API beside the server."""
    made: list[Protection] = []

    def make_one(**changes: object) -> Protection:
        settings = {
            "issuer": watchword_server.url,
            "audience": watchword_server.audience,
            "secret_key": watchword_server.secret_key,
            "client_key": watchword_server.client_key,
            **changes,
        }
        made.append(Protection(**settings))  # type: ignore[arg-type] # a table of settings
        return made[-1]

    yield make_one
    for protection in made:
        protection.close()


def get_token(server: WatchwordServer, scope: str = "orders:read") -> str:
    form = {"grant_type": "client_credentials", "scope": scope, "resource": server.audience}
    answer = httpx.post(f"{server.url}/oauth/token", data=form, auth=(server.client_id, server.client_secret))
    token: str = answer.json()["access_token"]
    return token


def sign_in(server: WatchwordServer) -> str:
    person = {"email": server.email, "password": server.password}
    token: str = httpx.post(f"{server.url}/api/users/login", json=person).json()["token"]
    return token


def bearer(token: str) -> list[tuple[str, str]]:
    return [("Authorization", f"Bearer {token}")]


def code_of(protection: Protection, headers: list[tuple[str, str]]) -> str:
    """Return why these headers are refused, or nothing."""
    try:
        protection.identify(headers)
    except Refusal as refusal:
        return refusal.code
    return ""


def code_soon(protection: Protection, headers: list[tuple[str, str]], *, seconds: float = 5) -> str:
    """Return why these headers are refused as soon as they are."""
    until = time.monotonic() + seconds
    while not (code := code_of(protection, headers)) and time.monotonic() < until:
        time.sleep(0.02)
    return code


def altered(token: str, part: int, **changes: object) -> str:
    """Return a token with other header fields or claims under the old signature."""
    parts = token.split(".")
    content = json.loads(base64.urlsafe_b64decode(parts[part] + "=="))
    encoded = json.dumps({**content, **changes}, separators=(",", ":")).encode()
    parts[part] = base64.urlsafe_b64encode(encoded).decode().rstrip("=")
    return ".".join(parts)


def test_forged_tokens_are_refused(make: Make, watchword_server: WatchwordServer) -> None:
    """A token with any part changed is refused, whatever algorithm it names."""
    protection, token = make(), get_token(watchword_server)
    assert code_of(protection, bearer(token)) == ""
    assert code_of(protection, bearer(altered(token, 1, scope="*:*"))) == "UNAUTHORIZED"
    assert code_of(protection, bearer(altered(token, 1, sub="usr_1"))) == "UNAUTHORIZED"
    heads: list[dict[str, object]] = [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "ES256"},
        {"typ": "JWT"},
        {"kid": "sig_x"},
        {"crit": []},
    ]
    for changes in heads:
        assert code_of(protection, bearer(altered(token, 0, **changes))) == "UNAUTHORIZED", changes
    unsigned = token.rpartition(".")[0] + "."
    assert code_of(protection, bearer(unsigned)) == "UNAUTHORIZED"


def test_a_token_ends_at_its_time(make: Make, watchword_server: WatchwordServer) -> None:
    """A token of the past is expired, one of the future is not taken."""
    token = get_token(watchword_server)

    class At:
        def __init__(self, ahead: float) -> None:
            self._ahead = ahead

        def now(self) -> float:
            return time.time() + self._ahead

        def sleep(self, seconds: float) -> None:
            time.sleep(seconds)

        async def sleep_async(self, seconds: float) -> None:
            raise NotImplementedError

    assert code_of(make(way=Way(clock=At(595))), bearer(token)) == ""
    assert code_of(make(way=Way(clock=At(601))), bearer(token)) == "TOKEN_EXPIRED"
    assert code_of(make(way=Way(clock=At(-120))), bearer(token)) == "UNAUTHORIZED"


def test_test_and_live_do_not_meet(make: Make, watchword_server: WatchwordServer) -> None:
    """An API on test data takes no live token, key or session, and the other way about."""
    server = watchword_server
    on_test = make(secret_key=server.test_secret_key, client_key=None)
    for headers in (bearer(get_token(server)), bearer(sign_in(server)), [("x-api-key", server.secret_key)]):
        assert code_of(on_test, headers) == "UNAUTHORIZED"
    assert on_test.identify([("x-api-key", server.test_secret_key)]).mode == "test"
    assert code_of(make(), [("x-api-key", server.test_secret_key)]) == "UNAUTHORIZED"


def test_each_end_reaches_the_offline_verifier(make: Make, watchword_server: WatchwordServer) -> None:
    """When the client is disabled its tokens are refused a moment later; enabled again, it gets new ones that are taken."""
    server, protection = watchword_server, make()
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
    assert code_of(make(), bearer(token)) == "UNAUTHORIZED"


def test_scopes_that_were_taken_are_taken_here(make: Make, watchword_server: WatchwordServer) -> None:
    """When scopes are taken from a client, its signed tokens do a moment later what the server lets them do.

    A guard without a client of its own has nobody to ask, and believes the token until its end.
    """
    server = watchword_server
    asking, believing = make(client_id=server.client_id, client_secret=server.client_secret), make()
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
    assert code_of(make(), bearer(get_token(server))) == ""


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


def test_a_revoked_key_is_not_remembered(make: Make, watchword_server: WatchwordServer) -> None:
    """A key that was vouched for a moment ago is refused as soon as it is revoked, not when the memory of it ends."""
    server, protection = watchword_server, make(policy=Policy(cache_seconds=600))
    key = [("x-client-key", server.test_client_key)]
    protection = make(secret_key=server.test_secret_key, client_key=None, policy=Policy(cache_seconds=600))
    assert protection.identify(bearer_key(server.test_secret_key)).kind == "secret_key"
    assert protection.identify(key).kind == "publishable_key"
    listed = httpx.get(f"{server.url}/api/keys?limit=100", headers={"authorization": f"Bearer {sign_in(server)}"})
    ids = {doc["mode"] + doc["kind"]: doc["id"] for doc in listed.json()["docs"]}
    admin = {"authorization": f"Bearer {sign_in(server)}"}
    assert httpx.delete(f"{server.url}/api/keys/{ids['testpublishable']}", headers=admin).status_code == 200
    assert code_soon(protection, key) == "UNAUTHORIZED"


def bearer_key(key: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {key}")]


def test_a_publishable_key_only_reads(make: Make, watchword_server: WatchwordServer) -> None:
    """A key that anyone may hold has no scope but to read, though nothing narrows it."""
    protection = make()
    caller = protection.identify([("x-client-key", watchword_server.client_key)])
    protection.require(caller, "orders:read")
    for scope in ("orders:write", "orders:*", "*:*", "administration"):
        with pytest.raises(Refusal) as refused:
            protection.require(caller, scope)
        assert refused.value.code == "INSUFFICIENT_SCOPE"


def test_a_remembered_secret_key_is_refused_in_a_browser(make: Make, watchword_server: WatchwordServer) -> None:
    """A secret key that a page sends is refused although a server sent the same a moment ago."""
    protection = make(policy=Policy(cache_seconds=600))
    assert code_of(protection, bearer(get_token(watchword_server))) == ""
    key = [("x-api-key", watchword_server.secret_key)]
    assert code_of(protection, key) == ""
    assert code_of(protection, [*key, ("sec-fetch-site", "same-origin")]) == "SECRET_KEY_IN_BROWSER"


def test_a_bound_key_is_let_in_once_a_proof(make: Make, watchword_server: WatchwordServer) -> None:
    """A key that is bound to a key pair comes in with a proof for the very request, and with each proof once."""
    protection, key = make(policy=Policy(public_url=API, cache_seconds=600)), BoundKey(watchword_server)

    def code(headers: dict[str, str]) -> str:
        try:
            protection.identify(headers.items(), method="GET", path="/orders/a%20b")
        except Refusal as refusal:
            return refusal.code
        return ""

    here = f"{API}/orders/a%20b"
    good = key.headers(key.proof("GET", here))
    assert code(good) == ""
    assert code(good) == "KEY_NOT_PROVED"
    assert code(key.headers(key.proof("GET", here))) == ""
    for wrong in (
        key.headers(key.proof("POST", here)),
        key.headers(key.proof("GET", f"{API}/orders")),
        key.headers(key.proof("GET", "https://elsewhere.example/orders/a%20b")),
        key.headers(key.proof("GET", here, pair=ClientKey())),
        key.headers(key.proof("GET", here), scheme="Bearer"),
        key.headers("no.proof.at-all"),
        {"authorization": f"DPoP {key.text}"},
    ):
        assert code(wrong) == "KEY_NOT_PROVED", wrong


def test_a_bound_key_is_refused_where_no_address_is_known(make: Make, watchword_server: WatchwordServer) -> None:
    """Without the address that proofs must be made for, what a request says of its own host is not believed."""
    key = BoundKey(watchword_server)
    headers = {**key.headers(key.proof("GET", f"{API}/orders")), "host": "orders.example"}
    with pytest.raises(Refusal) as refused:
        make().identify(headers.items(), method="GET", path="/orders")
    assert refused.value.code == "KEY_NOT_PROVED"


QUESTIONS = Questions(
    "https://auth.example",
    "https://auth.example/t/shop",
    "https://orders.example",
    "live",
    Proofs(secret_key="sk_live_a", client_key=None, client_id="cli_1", client_secret="a"),
)


@pytest.mark.parametrize(
    ("role", "reads", "writes"),
    [
        ("super-admin", True, True),
        ("tenant-admin", True, True),
        ("tenant-editor", True, True),
        ("tenant-viewer", True, False),
        ("user", False, False),
        ("made-up", False, False),
    ],
)
def test_a_role_bounds_a_session(role: str, reads: bool, writes: bool) -> None:  # noqa: FBT001 - columns
    """A viewer's session reads and writes nothing, as at the server; without a role that is known it does neither."""
    told = {"user": {"id": "usr_1", "role": role}, "session": "ses_1", "exp": 1}
    presented = read_presented(bearer("eyJ.a.b"), address=None)
    caller = QUESTIONS.read(presented, Reply(200, {}, json.dumps(told).encode())).caller
    assert (caller.may("orders:read"), caller.may("orders:write")) == (reads, writes)


@pytest.mark.parametrize(("told", "code"), [({}, ""), ({"mode": "live"}, ""), ({"mode": "test"}, "UNAUTHORIZED")])
def test_an_opaque_token_of_the_other_mode_is_refused(told: dict[str, str], code: str) -> None:
    """A token that the server says is a test client's is none to an API on live data, whoever asked about it."""
    answer = {"active": True, "aud": ["https://orders.example"], "sub": "cli_1", "client_id": "cli_1", "exp": 1, **told}
    presented, came = read_presented(bearer("at_a"), address=None), ""
    try:
        QUESTIONS.read(presented, Reply(200, {}, json.dumps(answer).encode()))
    except Refusal as refusal:
        came = refusal.code
    assert came == code


def test_a_header_that_nests_without_end_is_refused() -> None:
    """What a stranger nests so deep that no reader follows is no token, and no fault of the program's."""
    head = base64.urlsafe_b64encode(b'{"typ":"at+jwt","a":' + b"[" * 6_000).decode()
    with pytest.raises(Refusal):
        read_kid(f"{head}.e30.e30")


@pytest.mark.parametrize(("on_silence", "wanted"), [("refuse", "UNAVAILABLE"), ("trust", ""), ("ask", "")])
def test_a_silent_feed(make: Make, watchword_server: WatchwordServer, on_silence: str, wanted: str) -> None:
    """When the feed was silent for longer than the bound, offline tokens are refused, trusted or asked about, as set."""
    server, steps = watchword_server, Steps()
    protection = make(
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


def test_nobody_is_let_in_unasked(
    make: Make, watchword_server: WatchwordServer, caplog: pytest.LogCaptureFixture
) -> None:
    """While the server cannot be asked, keys and sessions are refused with 503, and nothing secret is logged."""
    server = watchword_server
    session = sign_in(server)
    protection = make(issuer="http://127.0.0.1:9", policy=Policy(cache_seconds=600))
    with caplog.at_level(logging.DEBUG):
        for headers in ([("x-api-key", server.secret_key)], bearer(session), bearer(get_token(server))):
            assert code_of(protection, headers) == "UNAVAILABLE"
    assert server.secret_key not in caplog.text
    assert session not in caplog.text
    assert server.secret_key not in repr(protection)


def test_made_up_kids_do_not_make_us_fetch(make: Make, watchword_server: WatchwordServer) -> None:
    """However many unknown keys are named, the issuer's are fetched once in a while and no more."""
    protection, token = make(), get_token(watchword_server)
    assert code_of(protection, bearer(token)) == ""
    fetched_at = protection._keys_at
    for number in range(20):
        assert code_of(protection, bearer(altered(token, 0, kid=f"sig_{number}"))) == "UNAUTHORIZED"
    assert protection._keys_at == fetched_at


def test_keys_are_followed_when_they_change(make: Make, watchword_server: WatchwordServer) -> None:
    """A token signed by a key that was made a moment ago is taken, and one by a key that was thrown away is not."""
    server, protection = watchword_server, make()
    old = get_token(server)
    assert code_of(protection, bearer(old)) == ""
    keys = server.application._foundation.access_tokens.keys
    server.run(lambda: keys.replace(server.tenant_id, "EdDSA", now_ms=server.clock.now_ms()))
    new = get_token(server)
    assert new.split(".")[0] != old.split(".")[0]
    assert code_soon(protection, bearer(old)) == "UNAUTHORIZED"
    assert code_of(protection, bearer(new)) == ""


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", "Bearer a"), ("authorization", "Bearer b")],
        [("x-api-key", "sk_live_a"), ("X-API-Key", "sk_live_b")],
    ],
)
def test_a_header_that_came_twice_is_refused(headers: list[tuple[str, str]]) -> None:
    """Which of two would win is not asked."""
    with pytest.raises(Refusal) as refused:
        read_presented(headers, address=None)
    assert refused.value.code == "BAD_REQUEST"


def test_a_challenge_cannot_be_split() -> None:
    """What stands in a challenge cannot end its text or begin another header."""
    refusal = Refusal("INSUFFICIENT_SCOPE", scope='orders:read" x\r\ny: z')
    [value] = [
        text for name, text in refusal.headers(realm="a", resource_metadata=None).items() if name == "www-authenticate"
    ]
    assert value == 'Bearer realm="a", error="insufficient_scope", scope="orders:read xy: z"'


@pytest.mark.parametrize(
    ("held", "scope", "may"),
    [
        (None, "orders:read", True),
        ((), "orders:read", False),
        (("orders:read",), "orders:read", True),
        (("orders:*",), "orders:read", True),
        (("*:read",), "orders:read", True),
        (("orders:read",), "orders:*", False),
        (("orders:read",), "orders:write", False),
        (("openid",), "openid", True),
        (("*:*",), "openid", False),
    ],
)
def test_scopes(held: tuple[str, ...] | None, scope: str, may: bool) -> None:  # noqa: FBT001 - a column
    """A wider scope gives a narrower one and never the other way."""
    assert Caller("t", "live", "client", "s", None, held, "c").may(scope) is may


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


def test_what_is_set_up_wrong_is_said_at_once(watchword_server: WatchwordServer) -> None:
    """A missing or wrong setting is an error with a sentence when the guard is made, and shows no secret."""
    server = watchword_server
    good = {"issuer": server.url, "audience": "https://a.example", "secret_key": server.secret_key}
    for changes in (
        {"secret_key": None},
        {"secret_key": server.client_key},
        {"client_key": server.test_client_key},
        {"client_id": "cli_1"},
        {"issuer": "http://auth.example"},
        {"policy": Policy(on_silence="ask")},
    ):
        with pytest.raises(WatchwordError) as refused:
            Protection(**{**good, **changes})  # type: ignore[arg-type] # a table of settings
        assert server.secret_key not in str(refused.value)
