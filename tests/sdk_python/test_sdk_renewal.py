"""A session that is renewed around requests, and how it ends: once, and only when the server said so."""

from __future__ import annotations

import dataclasses

import pytest

from sdk_python.sdk_script import (
    LIFE,
    LIST,
    NOW,
    UNSENT,
    Script,
    StandingClock,
    Told,
    bearers,
    make_engine,
    refusal,
    refused,
    renewed,
    reply,
    session_of,
    token_of,
)
from watchword_client.errors import WatchwordError
from watchword_client.flow import Alone, Failure, Outgoing, Reply
from watchword_client.users import UserCalls


def test_a_refused_token_that_was_passed_ends_no_session() -> None:
    """The client's own session has nothing to do with somebody else's dead token."""
    told = Told()
    engine = make_engine(session=session_of("ann"), told=told)
    script = Script(refusal(419, "TOKEN_EXPIRED"))
    with pytest.raises(WatchwordError):
        script.run(UserCalls(engine).me(token="theirs"))
    assert told.ends == []
    assert engine.sessions.current is not None


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
