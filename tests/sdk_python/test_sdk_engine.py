"""What happens around a request, step by step: no network, no clock, no thread."""

from __future__ import annotations

import logging
from email.utils import formatdate

import pytest

from sdk_python.sdk_script import (
    CLIENT_KEY,
    LIFE,
    LIST,
    NOW,
    SECRET_KEY,
    UNSENT,
    Script,
    bearers,
    make_engine,
    refusal,
    refused,
    reply,
    session_of,
    token_of,
)
from watchword_client.collection import CollectionCalls
from watchword_client.engine import Request
from watchword_client.errors import WatchwordError
from watchword_client.flow import Failure, Reply
from watchword_client.users import UserCalls

USER = {"id": "usr_1", "email": "ann@example.com", "name": "Ann", "role": "tenant-viewer", "tenants": ["ten_1"]}
CREATE = Request(method="POST", path="/api/products", json={"name": "Tea"})

BROKEN = Failure("NETWORK_ERROR", may_have_arrived=True, cause=OSError())
LATE = Failure("TIMEOUT", may_have_arrived=True, cause=OSError())
UNTRUSTED = Failure("CERTIFICATE_NOT_TRUSTED", may_have_arrived=False, cause=OSError())


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
