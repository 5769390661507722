"""The guard of one's own API: what it believes, what it refuses, and what it does when it cannot ask."""

from __future__ import annotations

import base64
import json
import logging
import time

import pytest

from oauth_keys import ClientKey
from sdk_python.bound_keys import API, BoundKey
from sdk_python.guarded import MakeGuard, bearer, code_of, get_token, sign_in
from watchword_client import WatchwordError
from watchword_client.protect import Policy, Protection, Refusal, Way
from watchword_client.testing import WatchwordServer


def altered(token: str, part: int, **changes: object) -> str:
    """Return a token with other header fields or claims under the old signature."""
    parts = token.split(".")
    content = json.loads(base64.urlsafe_b64decode(parts[part] + "=="))
    encoded = json.dumps({**content, **changes}, separators=(",", ":")).encode()
    parts[part] = base64.urlsafe_b64encode(encoded).decode().rstrip("=")
    return ".".join(parts)


def test_forged_tokens_are_refused(make_guard: MakeGuard, watchword_server: WatchwordServer) -> None:
    """A token with any part changed is refused, whatever algorithm it names."""
    protection, token = make_guard(), get_token(watchword_server)
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


def test_a_token_ends_at_its_time(make_guard: MakeGuard, watchword_server: WatchwordServer) -> None:
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

    assert code_of(make_guard(way=Way(clock=At(595))), bearer(token)) == ""
    assert code_of(make_guard(way=Way(clock=At(601))), bearer(token)) == "TOKEN_EXPIRED"
    assert code_of(make_guard(way=Way(clock=At(-120))), bearer(token)) == "UNAUTHORIZED"


def test_test_and_live_do_not_meet(make_guard: MakeGuard, watchword_server: WatchwordServer) -> None:
    """An API on test data takes no live token, key or session, and the other way about."""
    server = watchword_server
    on_test = make_guard(secret_key=server.test_secret_key, client_key=None)
    for headers in (bearer(get_token(server)), bearer(sign_in(server)), [("x-api-key", server.secret_key)]):
        assert code_of(on_test, headers) == "UNAUTHORIZED"
    assert on_test.identify([("x-api-key", server.test_secret_key)]).mode == "test"
    assert code_of(make_guard(), [("x-api-key", server.test_secret_key)]) == "UNAUTHORIZED"


def test_a_publishable_key_only_reads(make_guard: MakeGuard, watchword_server: WatchwordServer) -> None:
    """A key that anyone may hold has no scope but to read, though nothing narrows it."""
    protection = make_guard()
    caller = protection.identify([("x-client-key", watchword_server.client_key)])
    protection.require(caller, "orders:read")
    for scope in ("orders:write", "orders:*", "*:*", "administration"):
        with pytest.raises(Refusal) as refused:
            protection.require(caller, scope)
        assert refused.value.code == "INSUFFICIENT_SCOPE"


def test_a_remembered_secret_key_is_refused_in_a_browser(
    make_guard: MakeGuard, watchword_server: WatchwordServer
) -> None:
    """A secret key that a page sends is refused although a server sent the same a moment ago."""
    protection = make_guard(policy=Policy(cache_seconds=600))
    assert code_of(protection, bearer(get_token(watchword_server))) == ""
    key = [("x-api-key", watchword_server.secret_key)]
    assert code_of(protection, key) == ""
    assert code_of(protection, [*key, ("sec-fetch-site", "same-origin")]) == "SECRET_KEY_IN_BROWSER"


def test_a_bound_key_is_let_in_once_a_proof(make_guard: MakeGuard, watchword_server: WatchwordServer) -> None:
    """A key that is bound to a key pair comes in with a proof for the very request, and with each proof once."""
    protection, key = make_guard(policy=Policy(public_url=API, cache_seconds=600)), BoundKey(watchword_server)

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


def test_a_bound_key_is_refused_where_no_address_is_known(
    make_guard: MakeGuard, watchword_server: WatchwordServer
) -> None:
    """Without the address that proofs must be made for, what a request says of its own host is not believed."""
    key = BoundKey(watchword_server)
    headers = {**key.headers(key.proof("GET", f"{API}/orders")), "host": "orders.example"}
    with pytest.raises(Refusal) as refused:
        make_guard().identify(headers.items(), method="GET", path="/orders")
    assert refused.value.code == "KEY_NOT_PROVED"


def test_nobody_is_let_in_unasked(
    make_guard: MakeGuard, watchword_server: WatchwordServer, caplog: pytest.LogCaptureFixture
) -> None:
    """While the server cannot be asked, keys and sessions are refused with 503, and nothing secret is logged."""
    server = watchword_server
    session = sign_in(server)
    protection = make_guard(issuer="http://127.0.0.1:9", policy=Policy(cache_seconds=600))
    with caplog.at_level(logging.DEBUG):
        for headers in ([("x-api-key", server.secret_key)], bearer(session), bearer(get_token(server))):
            assert code_of(protection, headers) == "UNAVAILABLE"
    assert server.secret_key not in caplog.text
    assert session not in caplog.text
    assert server.secret_key not in repr(protection)


def test_made_up_kids_do_not_make_us_fetch(make_guard: MakeGuard, watchword_server: WatchwordServer) -> None:
    """However many unknown keys are named, the issuer's are fetched once in a while and no more."""
    protection, token = make_guard(), get_token(watchword_server)
    assert code_of(protection, bearer(token)) == ""
    fetched_at = protection._keys_at
    for number in range(20):
        assert code_of(protection, bearer(altered(token, 0, kid=f"sig_{number}"))) == "UNAUTHORIZED"
    assert protection._keys_at == fetched_at


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
