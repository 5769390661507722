"""A third driver: does the steps of a flow by a script, and notes them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import pytest

from watchword_client.clock import Clock
from watchword_client.engine import Credentials, Engine, Request
from watchword_client.errors import WatchwordError
from watchword_client.flow import Alone, Failure, Flow, Outgoing, Reply, Send, Step, Tell, Wait
from watchword_client.retry import Retry
from watchword_client.session import Session, session_from

T = TypeVar("T")

NOW = 1_767_780_000
LIFE = 604_800
CLIENT_KEY = "pk_live_" + "a" * 36
SECRET_KEY = "sk_live_" + "b" * 36

LIST = Request(method="GET", path="/api/products?limit=1")
UNSENT = Failure("NETWORK_ERROR", may_have_arrived=False, cause=OSError())

Answer = Reply | Failure | Callable[[Outgoing], Reply]


class StandingClock:
    """A clock that stands until it is moved; nobody sleeps by it."""

    def __init__(self) -> None:
        self.at = float(NOW)

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)

    async def sleep_async(self, seconds: float) -> None:
        raise AssertionError(seconds)


class Script:
    """Answers requests in turn; notes what was sent and how long the flow waited."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.sent: list[Outgoing] = []
        self.waits: list[float] = []

    def run(self, flow: Flow[T]) -> T:
        """Do all steps and return what the flow returns."""
        return self._go_on(flow, lambda: next(flow))

    def run_from(self, flow: Flow[T], came: object) -> T:
        """Do the steps after the first, of which this came."""
        return self._go_on(flow, lambda: flow.send(came))

    def _go_on(self, flow: Flow[T], begin: Callable[[], Step]) -> T:
        try:
            step = begin()
            while True:
                try:
                    came = self._do(step)
                except WatchwordError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(came)
        except StopIteration as end:
            return cast("T", end.value)

    def _do(self, step: Step) -> object:
        match step:
            case Send(outgoing):
                self.sent.append(outgoing)
                answer = self.answers.pop(0)
                return answer(outgoing) if callable(answer) else answer
            case Wait(seconds):
                self.waits.append(seconds)
            case Alone(flow):
                return self.run(flow)
            case Tell(listener, news):
                listener(news)
        return None


class Told:
    """What the application was told."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.ends: list[WatchwordError] = []


def make_engine(
    *, clock: Clock | None = None, session: Session | None = None, secret: bool = False, told: Told | None = None
) -> Engine:
    """Make an engine as a client does."""
    told = told or Told()
    return Engine(
        base_url="https://api.example.com",
        user_agent="tests",
        credentials=Credentials(client_key=CLIENT_KEY, secret_key=SECRET_KEY if secret else None),
        retry=Retry(),
        clock=clock or StandingClock(),
        session=session,
        on_token_refresh=told.tokens.append,
        on_session_end=told.ends.append,
    )


def token_of(name: str, *, iat: int = NOW, exp: int = NOW + LIFE) -> str:
    """Make a text of the shape of a session token."""
    claims = base64.urlsafe_b64encode(json.dumps({"sub": name, "iat": iat, "exp": exp}).encode()).rstrip(b"=")
    return f"eyJhbGciOiJIUzI1NiJ9.{claims.decode()}.c2lnbmF0dXJl"


def session_of(name: str) -> Session:
    """Make a session that began now."""
    return session_from(token_of(name), now=NOW, is_new=True)


def reply(status: int, content: object = None, **headers: str) -> Reply:
    """Make an answer; an underscore in a header's name is a dash."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, named, json.dumps({} if content is None else content).encode())


def refusal(status: int, code: str, **extensions: object) -> Reply:
    """Make a refusal as the server writes them."""
    error = {"message": f"{code} it is", "name": "Refused", "extensions": {"code": code, **extensions}}
    return reply(status, {"errors": [error]}, x_request_id="req_1")


def renewed(name: str) -> Reply:
    """Make the answer of a refresh."""
    return reply(200, {"token": token_of(name), "exp": NOW + LIFE})


def bearers(sent: Iterable[Outgoing]) -> list[Any]:
    """Return the session token of each request."""
    return [outgoing.headers.get("authorization", "").removeprefix("Bearer ") or None for outgoing in sent]


def refused(script: Script, engine: Engine, request: Request) -> WatchwordError:
    """Perform a request that fails."""
    with pytest.raises(WatchwordError) as caught:
        script.run(engine.perform(request))
    return caught.value
