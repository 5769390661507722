"""Whether a request is sent again, and when."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Final

from watchword_client.errors import WatchwordError
from watchword_client.flow import Failure, Reply

_NOTHING_DONE: Final = frozenset({429, 503})
"""Statuses by which the server says that it has changed nothing."""

_JITTER_SECONDS: Final = 0.25
"""How far those who were told the same time to wait come apart."""


@dataclass(frozen=True, kw_only=True)
class Retry:
    """How often and how patiently requests are sent again; every time between tries is in seconds.

    A delay doubles from ``first_delay`` on, half of it at random, so that those who failed together do not come back
    together. ``Retry-After`` counts instead where the server sent it; where it asks for more than ``delay_max``, the
    error comes at once.
    """

    tries_after_first: int = 3
    statuses: frozenset[int] = frozenset({408, 429, 500, 502, 503, 504})
    first_delay: float = 0.25
    delay_max: float = 30.0

    def delay_after(
        self, answer: Reply | Failure, error: WatchwordError, tries: int, *, repeatable: bool
    ) -> float | None:
        """Return how long to wait before the next try; None when there is none.

        What is not ``repeatable`` is sent again only when the server cannot have done it.
        """
        if tries > self.tries_after_first or not self._may_help(answer):
            return None
        if not repeatable and not _was_nothing_done(answer):
            return None
        if error.retry_after_seconds is None:
            doubled = min(self.delay_max, math.ldexp(self.first_delay, tries - 1))
            return doubled * random.uniform(0.5, 1)  # noqa: S311 - no secret
        if error.retry_after_seconds > self.delay_max:
            return None
        return error.retry_after_seconds + random.uniform(0, _JITTER_SECONDS)  # noqa: S311 - no secret

    def _may_help(self, answer: Reply | Failure) -> bool:
        if isinstance(answer, Failure):
            return answer.code != "CERTIFICATE_NOT_TRUSTED"
        return answer.status in self.statuses


def _was_nothing_done(answer: Reply | Failure) -> bool:
    return not answer.may_have_arrived if isinstance(answer, Failure) else answer.status in _NOTHING_DONE
