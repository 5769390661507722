"""Documents of clients, fetched when they are needed.

Each once for all who wait, seldom again after a failure, and never more of them than a bound in a minute, so that
nobody can aim this server at another. In front of that bound stand those of whoever asks, and of the networks around
them, held by all nodes together: a stranger uses up a share and not what others need.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final

import msgspec

from watchword.errors import RateLimitExceededError
from watchword.limits.limiter import Limiter
from watchword.wire.client_address import address_bucket, networks_of
from watchword.wire.fetcher import Fetched, Fetcher, NotFetchedError

_FETCHES_PER_MINUTE: Final = 60
"""Of one process and kind; what is fetched is kept for minutes at least, so that honest clients need few. Where every one
of three kinds waits for its whole time, the fetcher still has places."""

_FAILED_FOR_MS: Final = 30_000
_FAILURES_MAX: Final = 1_000
_MINUTE_MS: Final = 60_000


class FetchedDocuments:
    """Fetches documents by their URL."""

    def __init__(self, fetcher: Fetcher, limiter: Limiter) -> None:
        self._fetcher = fetcher
        self._limiter = limiter
        self._failed_until_ms: OrderedDict[str, int] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[Fetched | None]] = {}
        self._minute = 0
        self._count = 0

    async def find(self, url: str, *, media_types: frozenset[str], asker: str | None, now_ms: int) -> Fetched | None:
        """Return a document, or None: it does not come, or did not a moment ago.

        ``asker`` is the address whose share pays for a fetch; None where nobody's does.

        Raises:
            RateLimitExceededError: the share is used up, or all that this process may fetch in a minute.
        """
        if now_ms < self._failed_until_ms.get(url, 0):
            return None
        if asker is not None and url not in self._under_way:
            await self._require_share(asker, now_ms)
        task = self._under_way.get(url)
        if task is None:
            self._require_fetch(now_ms)
            task = asyncio.get_running_loop().create_task(self._fetch(url, media_types))
            self._under_way[url] = task
            task.add_done_callback(lambda _: self._under_way.pop(url, None))
        # Whoever goes away leaves the fetch to those who wait on.
        fetched = await asyncio.shield(task)
        if fetched is None:
            self._note_failure(url, now_ms)
        return fetched

    async def _fetch(self, url: str, media_types: frozenset[str]) -> Fetched | None:
        try:
            return await self._fetcher.get(url, media_types=media_types)
        except NotFetchedError:
            return None

    async def _require_share(self, address: str, now_ms: int) -> None:
        networks = networks_of(address_bucket(address))
        # The narrow one first: who has used it up takes nothing more from the neighbours.
        await self._limiter.require_attempt("client_document", networks.bucket, now_ms)
        await self._limiter.require_attempt("client_document_near", networks.near, now_ms)
        await self._limiter.require_attempt("client_document_far", networks.far, now_ms)

    def _require_fetch(self, now_ms: int) -> None:
        minute = now_ms // _MINUTE_MS
        if minute != self._minute:
            self._minute, self._count = minute, 0
        if self._count >= _FETCHES_PER_MINUTE:
            raise RateLimitExceededError(_MINUTE_MS // 1000, cause="fetches of this process")
        self._count += 1

    def _note_failure(self, url: str, now_ms: int) -> None:
        self._failed_until_ms[url] = now_ms + _FAILED_FOR_MS
        self._failed_until_ms.move_to_end(url)
        if len(self._failed_until_ms) > _FAILURES_MAX:
            self._failed_until_ms.popitem(last=False)


class Kept(msgspec.Struct, frozen=True):
    """How long something fetched is kept."""

    least_ms: int
    most_ms: int
    usual_ms: int

    def until_ms(self, fetched: Fetched, now_ms: int) -> int:
        """Return when it has to be fetched again: as it says of itself, within these bounds."""
        if fetched.max_age_seconds is None:
            return now_ms + self.usual_ms
        return now_ms + min(max(fetched.max_age_seconds * 1000, self.least_ms), self.most_ms)
