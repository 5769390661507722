"""The guard of an API: set up once, asked about each request, from threads or tasks."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from os import PathLike
from typing import Final, Literal
from urllib.parse import urlsplit

from watchword_client.clock import Clock, SystemClock
from watchword_client.drivers import AsyncDriver, BlockingDriver, open_async, open_blocking, open_events
from watchword_client.errors import setup_error
from watchword_client.flow import Failure, Flow, alone, send, wait
from watchword_client.protect.access_token import Issuer, Keys, read_kid, require_claims
from watchword_client.protect.asking import OF_ANY_GRANT, Proofs, Questions, Word, caller_of
from watchword_client.protect.caller import Caller
from watchword_client.protect.ends import Ends, Event
from watchword_client.protect.listening import FeedThread
from watchword_client.protect.presented import Presented, read_presented
from watchword_client.protect.refusal import Refusal
from watchword_client.protect.remembered import Remembered
from watchword_client.setup_checks import (
    find_trust,
    require_client_key,
    require_one_mode,
    require_secret_key,
    require_web_address,
)

OnSilence = Literal["refuse", "ask", "trust"]

_KEYS_SECONDS: Final = 300.0
"""How long the issuer's keys are taken as they are; a key that is retired stays good no longer."""

_KEYS_SECONDS_MAX: Final = 3_600.0
"""How long they are taken while they cannot be fetched."""

_UNKNOWN_KID_SECONDS: Final = 10.0
"""How often a key that is not known may make us fetch: whoever makes up names of keys must not."""

_FAILED_SECONDS: Final = 1.0
_START_SECONDS: Final = 10.0
"""How long the first requests wait for the feed, before they are told to come again."""

_OK: Final = 200


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What counts, and for how long.

    ``on_silence`` says what becomes of tokens that are verified offline when the feed of revocations was silent for
    ``silence_seconds``: ``refuse`` answers 503, ``ask`` asks the server about each, ``trust`` lets them in until they
    expire. ``cache_seconds`` is how long the server's word on keys, sessions and opaque tokens counts when it does not
    take it back before; 0 asks each time, which a key's own rate limit needs to be exact. ``public_url`` is where callers
    reach your API, in front of the paths of its requests: keys that are bound to a key pair are proved for that address,
    and refused without it.
    """

    on_silence: OnSilence = "refuse"
    silence_seconds: float = 15.0
    cache_seconds: float = 5.0
    public_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class Way:
    """The way to the server: how long an answer may take, whose certificates are good, and what time it is."""

    timeout: float = 5.0
    verify: bool | ssl.SSLContext = True
    ca_file: str | PathLike[str] | None = None
    clock: Clock = field(default_factory=SystemClock)
    monotonic: Callable[[], float] = time.monotonic


class Protection:
    """Finds out who calls an API of yours.

    ``issuer`` is the tenant's (``https://auth.example/t/shop``, or the bare address for the default tenant),
    ``audience`` how your API is named as a resource: tokens for anything else are refused. ``secret_key`` is a key of
    the tenant and decides the mode; its scopes may be ``keys:read`` and ``revocations:read`` alone. Session tokens need
    ``client_key`` where the issuer names no tenant, and opaque tokens ``client_id`` and ``client_secret``.
    ``resource_metadata`` is where your API is described (RFC 9728), for the challenge.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        secret_key: str | None,
        client_key: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        resource_metadata: str | None = None,
        policy: Policy | None = None,
        way: Way | None = None,
    ) -> None:
        self.issuer = require_web_address(issuer)
        self.audience = audience
        self.resource_metadata = resource_metadata
        self._policy, self._way = policy or Policy(), way or Way()
        base_url = _base_of(self.issuer)
        proofs = _require_proofs(secret_key, client_key, client_id, client_secret)
        if self._policy.on_silence == "ask" and client_id is None:
            raise setup_error("MISSING_CLIENT", 'on_silence="ask" needs client_id and client_secret.')
        mode: Literal["live", "test"] = "test" if proofs.secret_key.startswith("sk_test_") else "live"
        reached = None if self._policy.public_url is None else require_web_address(self._policy.public_url)
        self._questions = Questions(base_url, self.issuer, audience, mode, proofs, reached)
        self._issuer = Issuer(self.issuer, audience)
        self._trust = _find_trust(self._way, base_url)
        self._clock, self._monotonic = self._way.clock, self._way.monotonic
        self._remembered = Remembered(seconds=self._policy.cache_seconds, monotonic=self._monotonic)
        self._ends = Ends(on_forget=self._forget, monotonic=self._monotonic)
        self._feed = FeedThread(self._ends, self._open_feed)
        self._keys: Keys | None = None
        self._keys_at = self._keys_failed_at = -_KEYS_SECONDS_MAX
        self._began_at: float | None = None
        self._blocking: BlockingDriver | None = None
        self._async: tuple[object, AsyncDriver] | None = None

    def __repr__(self) -> str:
        return f"Protection(issuer={self.issuer!r}, audience={self.audience!r})"

    def identify(
        self, headers: Iterable[tuple[str, str]], *, address: str | None = None, method: str = "", path: str = ""
    ) -> Caller:
        """Return who sends these headers; ``address`` is the client's, for keys that are bound to networks.

        ``method`` and ``path`` (as it is written in the request) are for keys that are bound to a key pair.

        Raises:
            Refusal: nobody who is let in; its ``status``, ``headers()`` and ``body()`` make the answer.
        """
        presented = read_presented(headers, address=address, method=method, path=path)
        if self._blocking is None:
            self._blocking = open_blocking(clock=self._clock, trust=self._trust, timeout=self._way.timeout)
        return self._blocking.run(self._identify(presented))

    async def identify_async(
        self, headers: Iterable[tuple[str, str]], *, address: str | None = None, method: str = "", path: str = ""
    ) -> Caller:
        """Do as ``identify`` does, without holding up the event loop."""
        presented = read_presented(headers, address=address, method=method, path=path)
        loop = asyncio.get_running_loop()
        if self._async is None or self._async[0] is not loop:
            self._async = (loop, open_async(clock=self._clock, trust=self._trust, timeout=self._way.timeout))
        return await self._async[1].run(self._identify(presented))

    def require(self, caller: Caller, *scopes: str) -> None:
        """Require scopes of a caller.

        Raises:
            Refusal: one of them is missing (RFC 6750 §3.1).
        """
        for scope in scopes:
            if not caller.may(scope):
                raise Refusal("INSUFFICIENT_SCOPE", scope=scope)

    def answer_to(self, refusal: Refusal) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of the answer to whom is not let in."""
        headers = refusal.headers(realm=self.audience, resource_metadata=self.resource_metadata)
        return refusal.status, {"content-type": "application/json", **headers}, refusal.body()

    def close(self) -> None:
        """Stop following the feed and hang up."""
        self._feed.close()
        if self._blocking is not None:
            self._blocking.close()

    async def aclose(self) -> None:
        """Do as ``close`` does, in the event loop that asked."""
        self.close()
        if self._async is not None:
            await self._async[1].aclose()

    def _identify(self, presented: Presented) -> Flow[Caller]:
        self._feed.ensure_running()
        if self._began_at is None:
            self._began_at = self._monotonic()
        if presented.form == "access_token":
            return (yield from self._verify(presented))
        return (yield from self._ask(presented))

    def _verify(self, presented: Presented) -> Flow[Caller]:
        if presented.is_bound:
            raise Refusal("KEY_NOT_PROVED", cause="a bound token")
        kid = read_kid(presented.text)
        keys = yield from self._keys_with(kid)
        claims = keys.open(presented.text, kid)
        require_claims(claims, self._issuer, mode=self._questions.mode, now=self._clock.now())
        if not (yield from self._hears()) and self._policy.on_silence != "trust":
            if self._policy.on_silence == "refuse":
                raise Refusal("UNAVAILABLE", cause="the feed of revocations is silent")
            return (yield from self._ask(presented))
        if self._ends.is_ended(claims):
            raise Refusal("UNAUTHORIZED", cause="what the token hangs on has ended")
        if self._questions.proofs.client_id is not None and self._ends.is_changed(claims):
            # What stands in the token may be more than the server would let it do now.
            return (yield from self._ask(presented))
        return caller_of(claims, issuer=self.issuer, mode=self._questions.mode)

    def _hears(self) -> Flow[bool]:
        """Say whether the feed tells of every end; in the first moments wait until it does."""
        while self._ends.silent_seconds() > self._policy.silence_seconds:
            if self._began_at is None or self._monotonic() - self._began_at > _START_SECONDS:
                return False
            yield from wait(0.02)
        return True

    def _ask(self, presented: Presented) -> Flow[Caller]:
        turn = self._ends.turn
        is_heard = self._ends.silent_seconds() <= self._policy.silence_seconds
        # A proof counts once.
        may_remember = is_heard and not presented.is_bound
        known = self._remembered.find(presented) if may_remember else None
        if known is not None:
            return known
        word: Word = self._questions.read(presented, (yield from send(self._questions.ask(presented))))
        if may_remember:
            until = None if word.ends_at is None else word.ends_at - self._clock.now()
            self._remembered.keep(
                presented,
                word.caller,
                names=word.names,
                until=until,
                still_counts=lambda: turn == self._ends.turn,
            )
        return word.caller

    def _keys_with(self, kid: str) -> Flow[Keys]:
        if self._may_fetch(kid):
            yield from alone(self._fetch_keys(kid))
        keys = self._keys
        if keys is None or self._monotonic() - self._keys_at > _KEYS_SECONDS_MAX:
            raise Refusal("UNAVAILABLE", cause="the issuer's keys cannot be fetched")
        if not keys.has(kid):
            raise Refusal("UNAUTHORIZED", cause="kid")
        return keys

    def _may_fetch(self, kid: str) -> bool:
        now = self._monotonic()
        if now - self._keys_failed_at < _FAILED_SECONDS:
            return False
        age = now - self._keys_at
        return self._keys is None or age > _KEYS_SECONDS or (not self._keys.has(kid) and age > _UNKNOWN_KID_SECONDS)

    def _fetch_keys(self, kid: str) -> Flow[None]:
        if not self._may_fetch(kid):
            return
        turn = self._ends.turn
        answer = yield from send(self._questions.ask_for_keys())
        if isinstance(answer, Failure) or answer.status != _OK:
            self._keys_failed_at = self._monotonic()
            return
        try:
            self._keys = Keys(answer.body)
        except (ValueError, KeyError, TypeError):
            self._keys_failed_at = self._monotonic()
            return
        self._keys_at = self._monotonic()
        if turn != self._ends.turn:
            # They may have changed while they were on their way.
            self._keys_at -= _KEYS_SECONDS

    def _forget(self, event: Event) -> None:
        kind = event.data.get("kind")
        if kind == "grant":
            event = Event(event.name, event.id, {"user": event.data.get("user"), "id": OF_ANY_GRANT})
        self._remembered.forget(event)
        if kind == "tenant" or event.name == "reset":
            self._keys = None

    def _open_feed(self, last_id: str) -> AbstractContextManager[Iterator[bytes]]:
        headers = {"accept": "text/event-stream", "x-api-key": self._questions.proofs.secret_key}
        if last_id:
            headers["last-event-id"] = last_id
        url = f"{self._questions.base_url}/api/revocations"
        return open_events(url, headers, trust=self._trust, silence_seconds=self._policy.silence_seconds)


def _find_trust(way: Way, base_url: str) -> bool | ssl.SSLContext:
    """Return what decides whether the server's certificate is good, read once for all connections."""
    trust = find_trust(way.verify, way.ca_file, base_url=base_url, environment=os.environ)
    if trust is not True:
        return trust
    # Plain HTTP is spoken within this machine only, and there is no certificate.
    return ssl.create_default_context() if base_url.startswith("https:") else False


def _base_of(issuer: str) -> str:
    parts = urlsplit(issuer)
    head, found, slug = parts.path.rpartition("/t/")
    path = head if found and "/" not in slug else parts.path
    return f"{parts.scheme}://{parts.netloc}{path.rstrip('/')}"


def _require_proofs(
    secret_key: str | None, client_key: str | None, client_id: str | None, client_secret: str | None
) -> Proofs:
    secret = require_secret_key(secret_key)
    if client_key is not None:
        require_one_mode(require_client_key(client_key), secret)
    if (client_id is None) is not (client_secret is None):
        raise setup_error("MISSING_CLIENT", "client_id and client_secret come together.")
    return Proofs(secret_key=secret, client_key=client_key, client_id=client_id, client_secret=client_secret)
