"""What happens around a request, step by step: no network, no clock, no thread."""

from __future__ import annotations

import dataclasses
import logging
from email.utils import formatdate

import pytest

from sdk_python.sdk_script import (
    CLIENT_KEY,
    LIFE,
    NOW,
    SECRET_KEY,
    Script,
    StandingClock,
    Told,
    bearers,
    make_engine,
    refusal,
    renewed,
    reply,
    session_of,
    token_of,
)
from watchword_client.collection import CollectionCalls
from watchword_client.engine import Engine, Request
from watchword_client.errors import WatchwordError
from watchword_client.flow import Alone, Failure, Outgoing, Reply
from watchword_client.users import UserCalls

LIST = Request(method="GET", path="/api/products?limit=1")
CREATE = Request(method="POST", path="/api/products", json={"name": "Tea"})

UNSENT = Failure("NETWORK_ERROR", may_have_arrived=False, cause=OSError())
BROKEN = Failure("NETWORK_ERROR", may_have_arrived=True, cause=OSError())
LATE = Failure("TIMEOUT", may_have_arrived=True, cause=OSError())
UNTRUSTED = Failure("CERTIFICATE_NOT_TRUSTED", may_have_arrived=False, cause=OSError())


def refused(script: Script, engine: Engine, request: Request) -> WatchwordError:
    """Perform a request that fails."""
    with pytest.raises(WatchwordError) as caught:
        script.run(engine.perform(request))
    return caught.value


# Again


@pytest.mark.parametrize("again", [*(reply(status) for status in (408, 429, 500, 502, 503, 504)), UNSENT, BROKEN, LATE])
@pytest.mark.parametrize("request_", [LIST, CREATE], ids=["read", "write"])
def test_what_may_help_is_tried_again(again: Reply | Failure, request_: Request) -> None:
    """Passing faults are tried three times more, later each time, and not at regular times."""
    script = Script(again, again, again, reply(200))
    assert script.run(make_engine().perform(request_)).status == 200
    assert len(script.waits) == 3
    for wait, most in zip(script.waits, (0.25, 0.5, 1.0), strict=True):
        assert most / 2 <= wait <= most


@pytest.mark.parametrize("again", [reply(503), BROKEN])
def test_tries_end(again: Reply | Failure) -> None:
    """A fault that does not pass is told after the fourth try."""
    script = Script(*[again] * 5)
    error = refused(script, make_engine(), LIST)
    assert error.status == (503 if isinstance(again, Reply) else None)
    assert len(script.sent) == 4


STATUSES = (
    400,
    401,
    402,
    403,
    404,
    405,
    406,
    409,
    410,
    412,
    413,
    414,
    415,
    418,
    419,
    422,
    423,
    431,
    451,
    501,
    505,
    302,
)


@pytest.mark.parametrize("status", STATUSES)
def test_refusals_are_final(status: int) -> None:
    """No other refusal is answered by asking again."""
    script = Script(reply(status))
    assert refused(script, make_engine(), CREATE).status == status
    assert script.waits == []


def test_untrusted_certificates_are_final() -> None:
    """A server that cannot prove itself is not asked again."""
    script = Script(UNTRUSTED)
    assert refused(script, make_engine(), LIST).code == "CERTIFICATE_NOT_TRUSTED"


@pytest.mark.parametrize("again", [reply(429), reply(503), UNSENT])
def test_calls_that_count_are_repeated_where_nothing_was_done(again: Reply | Failure) -> None:
    """A login is sent again when the server says that it did nothing, or was never reached."""
    engine = make_engine()
    script = Script(again, reply(200, {"token": token_of("ann"), "exp": NOW + LIFE, "user": USER}))
    script.run(UserCalls(engine).login(email="ann@example.com", password="secret"))
    assert len(script.sent) == 2


USER = {"id": "usr_1", "email": "ann@example.com", "name": "Ann", "role": "tenant-viewer", "tenants": ["ten_1"]}


@pytest.mark.parametrize("again", [reply(500), reply(502), reply(504), reply(408), BROKEN, LATE])
def test_calls_that_count_are_not_repeated_otherwise(again: Reply | Failure) -> None:
    """A login that the server may have done is not sent again."""
    script = Script(again)
    with pytest.raises(WatchwordError):
        script.run(UserCalls(make_engine()).login(email="ann@example.com", password="secret"))
    assert len(script.sent) == 1


def test_retry_after_counts() -> None:
    """Where the server says when to come again, that is when; those who were told the same come apart."""
    script = Script(reply(429, retry_after="7"), refusal(503, "UNAVAILABLE", retryAfter=9), reply(200))
    script.run(make_engine().perform(LIST))
    assert 7 <= script.waits[0] <= 7.25
    assert 9 <= script.waits[1] <= 9.25


def test_retry_after_may_be_a_date() -> None:
    """Retry-After as a date (RFC 9110 §10.2.3) is the time until then; one in the past is now; nonsense is nothing."""
    dates = (formatdate(NOW + 20, usegmt=True), formatdate(NOW - 20, usegmt=True), "soon")
    script = Script(*(reply(503, retry_after=date) for date in dates), reply(200))
    script.run(make_engine().perform(LIST))
    assert [round(wait) for wait in script.waits] == [20, 0, 1]


@pytest.mark.parametrize(("seconds", "tries"), [(30, 2), (31, 1)])
def test_nobody_waits_for_ever(seconds: int, tries: int) -> None:
    """A wait that is longer than the longest is the caller's to decide about."""
    script = Script(refusal(429, "RATE_LIMIT_EXCEEDED", retryAfter=seconds), reply(200))
    if tries == 1:
        assert refused(script, make_engine(), LIST).retry_after_seconds == seconds
    else:
        script.run(make_engine().perform(LIST))
    assert len(script.sent) == tries


# Idempotency-Key


def test_tries_of_a_write_carry_one_key() -> None:
    """All tries of one write carry one Idempotency-Key, another write another; reads carry none."""
    engine, script = make_engine(), Script(reply(500), BROKEN, reply(201), reply(201), reply(200))
    for request in (CREATE, CREATE, LIST):
        script.run(engine.perform(request))
    keys = [outgoing.headers.get("idempotency-key") for outgoing in script.sent]
    assert keys[0] == keys[1] == keys[2]
    assert keys[3] not in {None, keys[0]}
    assert keys[4] is None


def test_key_of_ones_own_is_kept() -> None:
    """A key that the application chose is the one that is sent."""
    script = Script(reply(201, {"doc": {}}))
    script.run(CollectionCalls(make_engine(), "products").create({}, idempotency_key="order-1734"))
    assert script.sent[0].headers["idempotency-key"] == "order-1734"


# Who a request comes from


def test_server_clients_send_their_keys() -> None:
    """A server's request carries the secret key as its one proof, and the client key beside it."""
    script = Script(reply(200))
    script.run(make_engine(secret=True).perform(LIST))
    headers = script.sent[0].headers
    assert headers["x-api-key"] == SECRET_KEY
    assert headers["x-client-key"] == CLIENT_KEY
    assert "authorization" not in headers


def test_server_clients_hold_no_session() -> None:
    """Whoever signs in through a server's client is not who its next request comes from."""
    engine = make_engine(secret=True)
    script = Script(reply(200, {"token": token_of("ann"), "exp": NOW + LIFE, "user": USER}), reply(200))
    script.run(UserCalls(engine).login(email="ann@example.com", password="secret"))
    script.run(engine.perform(LIST))
    assert bearers(script.sent) == [None, None]


def test_a_passed_token_is_the_only_proof() -> None:
    """A call for somebody's token sends neither the secret key nor the session of the client."""
    script = Script(reply(200, {"user": USER, "exp": 1}), reply(200, {"user": USER, "exp": 1}))
    script.run(UserCalls(make_engine(secret=True)).me(token="theirs"))
    script.run(UserCalls(make_engine(session=session_of("ann"))).me(token="theirs"))
    assert bearers(script.sent) == ["theirs", "theirs"]
    assert all("x-api-key" not in outgoing.headers for outgoing in script.sent)


@pytest.mark.parametrize("secret", [True, False])
def test_nobody_signed_in_is_told_before_anything_is_sent(*, secret: bool) -> None:
    """What needs a session is not sent without one."""
    script = Script()
    with pytest.raises(WatchwordError) as caught:
        script.run(UserCalls(make_engine(secret=secret)).me())
    assert caught.value.code == "NOT_SIGNED_IN"


def test_a_refused_token_that_was_passed_ends_no_session() -> None:
    """The client's own session has nothing to do with somebody else's dead token."""
    told = Told()
    engine = make_engine(session=session_of("ann"), told=told)
    script = Script(refusal(419, "TOKEN_EXPIRED"))
    with pytest.raises(WatchwordError):
        script.run(UserCalls(engine).me(token="theirs"))
    assert told.ends == []
    assert engine.sessions.current is not None


# Renewal


@pytest.mark.parametrize(
    ("passed", "is_renewed"), [(0, False), (LIFE * 0.9 - 1, False), (LIFE * 0.9, True), (LIFE - 1, True)]
)
def test_token_is_renewed_in_the_last_tenth_of_its_life(passed: float, is_renewed: bool) -> None:  # noqa: FBT001 - a column
    """Before that a token is used as it is; the new one is what the request carries, and what the application is told."""
    clock, told = StandingClock(), Told()
    engine = make_engine(clock=clock, session=session_of("old"), told=told)
    clock.at += passed
    script = Script(*([renewed("new")] if is_renewed else []), reply(200))
    script.run(engine.perform(LIST))
    assert bearers(script.sent)[-1] == token_of("new" if is_renewed else "old")
    assert told.tokens == ([token_of("new")] if is_renewed else [])


def test_renewal_carries_the_token_and_no_key() -> None:
    """A dead key must not make a good session look refused."""
    clock = StandingClock()
    engine = make_engine(clock=clock, session=session_of("old"))
    clock.at += LIFE * 0.95
    script = Script(renewed("new"), reply(200))
    script.run(engine.perform(LIST))
    assert bearers(script.sent) == [token_of("old"), token_of("new")]
    assert "x-client-key" not in script.sent[0].headers
    assert script.sent[0].url == "https://api.example.com/api/users/refresh-token?cookie=false"


def test_wrong_clocks_do_no_harm() -> None:
    """The life of a new token is measured from when it came, whatever this machine's clock says of the server's."""
    clock = StandingClock()
    clock.at += 10 * LIFE
    engine = make_engine(clock=clock)
    engine.begin(token_of("ann"), NOW + LIFE)
    script = Script(reply(200))
    script.run(engine.perform(LIST))
    assert bearers(script.sent) == [token_of("ann")]


def test_419_renews_once_and_asks_again() -> None:
    """Where the server finds a token expired, the next one is fetched and the request is made once more."""
    told = Told()
    engine = make_engine(session=session_of("old"), told=told)
    script = Script(refusal(419, "TOKEN_EXPIRED"), renewed("new"), reply(200))
    assert script.run(engine.perform(LIST)).status == 200
    assert bearers(script.sent) == [token_of("old"), token_of("old"), token_of("new")]
    assert told.tokens == [token_of("new")]


def test_419_twice_is_an_error() -> None:
    """A request is not repeated for ever between a renewal and a 419."""
    engine = make_engine(session=session_of("old"))
    script = Script(refusal(419, "TOKEN_EXPIRED"), renewed("new"), refusal(419, "TOKEN_EXPIRED"))
    assert refused(script, engine, LIST).code == "TOKEN_EXPIRED"
    assert script.answers == []


@pytest.mark.parametrize("status", [400, 401, 403, 419])
def test_a_refused_renewal_ends_the_session(status: int) -> None:
    """The application is told once, and the client goes on by its key."""
    told = Told()
    engine = make_engine(session=session_of("old"), told=told)
    script = Script(refusal(419, "TOKEN_EXPIRED"), refusal(status, "NO"), reply(200))
    assert refused(script, engine, LIST).code == "NO"
    assert [error.status for error in told.ends] == [status]
    script.run(engine.perform(LIST))
    assert bearers(script.sent)[-1] is None


@pytest.mark.parametrize("again", [reply(503), UNSENT])
def test_a_renewal_that_cannot_be_had_now_is_put_off(again: Reply | Failure) -> None:
    """While the old token is good it serves, and the server is not asked for a new one with every request."""
    clock, told = StandingClock(), Told()
    engine = make_engine(clock=clock, session=session_of("old"), told=told)
    clock.at += LIFE * 0.95
    script = Script(again, again, again, again, reply(200), reply(200))
    script.run(engine.perform(LIST))
    script.run(engine.perform(LIST))
    assert bearers(script.sent)[4:] == [token_of("old")] * 2
    clock.at += 31
    script.answers = [renewed("new"), reply(200)]
    script.run(engine.perform(LIST))
    assert told.tokens == [token_of("new")]
    assert told.ends == []


@pytest.mark.parametrize("passed", [LIFE * 0.95, LIFE + 1])
def test_who_waited_for_a_renewal_that_failed_does_not_try_again(passed: float) -> None:
    """A hundred calls that wait for one renewal do not ask a server that is away a hundred times, one after another."""
    clock = StandingClock()
    engine = make_engine(clock=clock, session=session_of("old"))
    clock.at += passed
    session = engine.sessions.current
    assert session is not None
    waiting = next(engine.renew(session))
    assert isinstance(waiting, Alone)
    script = Script(*[UNSENT] * 4)
    with pytest.raises(WatchwordError) as first:
        script.run(engine.renew(session))
    with pytest.raises(WatchwordError) as second:
        script.run(waiting.flow)
    assert second.value.code == first.value.code == "NETWORK_ERROR"
    script.answers = [renewed("new")]
    script.run(engine.renew(session))
    assert bearers(script.sent) == [token_of("old")] * 5


def test_a_renewal_that_cannot_be_had_after_the_end_is_an_error() -> None:
    """A token past its end is not sent; the session stays, for when the server is back."""
    clock, told = StandingClock(), Told()
    engine = make_engine(clock=clock, session=session_of("old"), told=told)
    clock.at += LIFE
    script = Script(*[UNSENT] * 4)
    assert refused(script, engine, LIST).code == "NETWORK_ERROR"
    assert all("refresh-token" in outgoing.url for outgoing in script.sent)
    assert engine.sessions.current is not None
    assert told.ends == []


@pytest.mark.parametrize("status", [401, 419])
def test_a_token_that_was_replaced_in_flight_is_no_end(status: int) -> None:
    """A request that left with the token before the present one is made again with that, without a renewal."""
    told = Told()
    engine = make_engine(session=session_of("old"), told=told)

    def replace_and_refuse(_: Outgoing) -> Reply:
        engine.sessions.replace(session_of("old"), session_of("new"))
        return refusal(status, "UNAUTHORIZED")

    script = Script(replace_and_refuse, reply(200))
    script.run(engine.perform(LIST))
    assert bearers(script.sent) == [token_of("old"), token_of("new")]
    assert told.ends == []


def test_401_ends_the_session_once() -> None:
    """A session that was ended elsewhere is over: the error is the caller's, the news the application's, once."""
    told = Told()
    engine = make_engine(session=session_of("old"), told=told)
    first, second = engine.perform(LIST), engine.perform(LIST)
    script = Script()
    next(first), next(second)
    for flow in (first, second):
        with pytest.raises(WatchwordError):
            script.run_from(flow, refusal(401, "UNAUTHORIZED"))
    assert [error.code for error in told.ends] == ["UNAUTHORIZED"]


def test_a_wrong_password_ends_no_session() -> None:
    """401 to a change of one's account is about the password that came with it."""
    told = Told()
    engine = make_engine(session=session_of("old"), told=told)
    script = Script(refusal(401, "UNAUTHORIZED"))
    with pytest.raises(WatchwordError):
        script.run(UserCalls(engine).change(password="a new one", current_password="wrong"))
    assert told.ends == []
    assert engine.sessions.current is not None


def test_a_new_login_outlives_a_late_renewal() -> None:
    """Whoever signs in while the last session is being renewed stays signed in."""
    clock, told = StandingClock(), Told()
    engine = make_engine(clock=clock, session=session_of("old"), told=told)
    clock.at += LIFE * 0.95

    def sign_in_and_renew(_: Outgoing) -> Reply:
        engine.sessions.begin(dataclasses.replace(session_of("other"), renew_at=clock.at + LIFE))
        return renewed("new")

    script = Script(sign_in_and_renew, reply(200))
    script.run(engine.perform(LIST))
    assert bearers(script.sent)[-1] == token_of("other")
    assert told.tokens == []


# The log


def test_log_lines_hold_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """A line tells method, path, status and request id, and nothing of query, headers or body."""
    caplog.set_level(logging.DEBUG, logger="watchword_client")
    engine = make_engine(secret=True)
    script = Script(refusal(503, "UNAVAILABLE"), reply(200, {"token": "t"}))
    request = Request(method="POST", path="/api/x?code=hidden", json={"password": "hidden"}, token="hidden")
    script.run(engine.perform(request))
    assert [record.getMessage() for record in caplog.records] == [
        "POST /api/x: 503, try 1 req_1",
        "POST /api/x: 200, try 2 ",
    ]
