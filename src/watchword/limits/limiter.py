"""The limits of a request: per address, per endpoint, per key and per tenant, and the header lines that tell of them.

One process counts in its own memory. Several processes or nodes hold one limit together by leasing shares of each
window from the store (``shares.py``): a request waits for the store only when the process's share is used up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from watchword.errors import RateLimitExceededError
from watchword.limits.policies import ATTEMPTS, HOUR, MINUTE, Policy
from watchword.limits.shares import Shares
from watchword.limits.window import WindowCounter
from watchword.setting_kinds import PlanLimits

_WINDOW_NAMES: Final = {MINUTE: "minute", HOUR: "hour"}


class Verdict(msgspec.Struct, frozen=True):
    """What a limit says of one request that may pass; ``resets_at_s`` is Unix seconds."""

    limit: int
    remaining: int
    resets_at_s: int
    reset_seconds: int
    window_seconds: int


Holder = Literal["key", "user", "client"]


class Limited(msgspec.Struct, frozen=True):
    """What limits see of a caller: the tenant with its plan, and who calls in it, whatever the credential.

    Shapes: ``plan`` is a plan's name; ``per_minute`` and ``per_hour`` are the tenant's own numbers in place of the
    plan's, None for the plan's; ``key_per_minute`` is None but for a key with a limit of its own.
    """

    tenant_id: str
    plan: str
    holder_id: str
    key_per_minute: int | None
    per_minute: int | None = None
    per_hour: int | None = None
    holder: Holder = "key"


class Limiter:
    """Counts requests and refuses those over a limit.

    ``address_per_minute``, ``user_per_minute`` and ``client_per_minute`` 0 are no limit of that kind.
    """

    def __init__(
        self,
        *,
        plans: Mapping[str, PlanLimits],
        address_per_minute: int,
        user_per_minute: int = 0,
        client_per_minute: int = 0,
        attempts: Mapping[str, Policy] = ATTEMPTS,
        shares: Shares | None = None,
    ) -> None:
        self._attempts = attempts
        self._plans = plans
        self._address = Policy("address", address_per_minute, MINUTE)
        self._of_holders = {
            holder: count for holder, count in (("user", user_per_minute), ("client", client_per_minute)) if count
        }
        self._shares = shares
        self._counters: dict[str, WindowCounter] = {}
        self._of_addresses = WindowCounter(MINUTE)
        self._unlimited_plans = {
            name for name, plan in plans.items() if plan.requests_per_minute is None and plan.requests_per_hour is None
        }

    def require_address(self, bucket: str, now_ms: int) -> None:
        """Refuse an address that floods this process; in memory alone, before anything else is done.

        Raises:
            RateLimitExceededError: too many requests of one address within a minute.
        """
        address = self._address
        if address.count and self._of_addresses.take(bucket, address.count, now_ms) < 0:
            raise _refusal(address, self._of_addresses, now_ms)

    async def require_attempt(self, name: str, subject: str, now_ms: int) -> None:
        """Refuse more attempts at an endpoint than its policy allows one subject; a count of 0 is no limit.

        Raises:
            RateLimitExceededError: the window is used up.
            UnavailableError: the store is down and this limit refuses then.
        """
        policy = self._attempts[name]
        if policy.count:
            await self._take(policy, subject, now_ms)

    def is_limited(self, caller: Limited) -> bool:
        """Say whether anything limits this caller; ``require_caller`` need not be asked for those whom nothing does."""
        return not (
            caller.plan in self._unlimited_plans
            and caller.key_per_minute is None
            and caller.per_minute is None
            and caller.per_hour is None
            and caller.holder not in self._of_holders
        )

    async def require_caller(self, caller: Limited, now_ms: int) -> Verdict | None:
        """Count a request of a proved caller: the key's, user's or client's own limit, then the tenant's ceilings.

        Returns the verdict of the tightest minute limit, or None when nothing limits this caller.

        Raises:
            RateLimitExceededError: one of them is used up; what was taken from the others stays taken.
        """
        verdict = None
        own = self._of_holders.get(caller.holder) if caller.key_per_minute is None else caller.key_per_minute
        if own is not None:
            verdict = await self._take(Policy(caller.holder, own, MINUTE), caller.holder_id, now_ms)
        plan = self._plans[caller.plan]
        per_hour = plan.requests_per_hour if caller.per_hour is None else caller.per_hour
        if per_hour is not None:
            await self._take(Policy("tenant_hour", per_hour, HOUR), caller.tenant_id, now_ms)
        per_minute = plan.requests_per_minute if caller.per_minute is None else caller.per_minute
        if per_minute is not None:
            policy = Policy("tenant_minute", per_minute, MINUTE)
            ceiling = await self._take(policy, caller.tenant_id, now_ms)
            if verdict is None or ceiling.remaining < verdict.remaining:
                verdict = ceiling
        return verdict

    async def has_key_request_left(self, credential_id: str, per_minute: int, now_ms: int) -> bool:
        """Count one use of a key by a tenant's own service and say whether its limit allowed it."""
        try:
            await self._take(Policy("key", per_minute, MINUTE), credential_id, now_ms)
        except RateLimitExceededError:
            return False
        return True

    async def _take(self, policy: Policy, subject: str, now_ms: int) -> Verdict:
        counter = self._counter(policy.name, policy.window_seconds)
        if self._shares is None:
            remaining = counter.take(subject, policy.count, now_ms)
        else:
            remaining = await self._shares.take(policy, subject, now_ms)
        if remaining < 0:
            raise _refusal(policy, counter, now_ms)
        return Verdict(
            policy.count, remaining, counter.ends_at_s(now_ms), counter.seconds_left(now_ms), policy.window_seconds
        )

    def _counter(self, name: str, window_seconds: int) -> WindowCounter:
        counter = self._counters.get(name)
        if counter is None:
            counter = self._counters[name] = WindowCounter(window_seconds)
        return counter


def verdict_lines(verdict: Verdict) -> bytes:
    """Write a verdict as response headers: the ``X-RateLimit`` family, and ``RateLimit`` with its policy."""
    return (
        b"x-ratelimit-limit: %d\r\nx-ratelimit-remaining: %d\r\nx-ratelimit-reset: %d\r\n"
        b'ratelimit-policy: "default";q=%d;w=%d\r\nratelimit: "default";r=%d;t=%d\r\n'
    ) % (
        verdict.limit,
        verdict.remaining,
        verdict.resets_at_s,
        verdict.limit,
        verdict.window_seconds,
        verdict.remaining,
        verdict.reset_seconds,
    )


def _refusal(policy: Policy, counter: WindowCounter, now_ms: int) -> RateLimitExceededError:
    left = counter.seconds_left(now_ms)
    return RateLimitExceededError(
        left,
        headers=(
            ("x-ratelimit-limit", str(policy.count)),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", str(counter.ends_at_s(now_ms))),
            ("x-ratelimit-window", _WINDOW_NAMES[policy.window_seconds]),
            ("ratelimit-policy", f'"default";q={policy.count};w={policy.window_seconds}'),
            ("ratelimit", f'"default";r=0;t={left}'),
        ),
        cause=f"limit {policy.name}",
    )
