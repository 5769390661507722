"""Which limit refuses whom, and what a refusal says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from watchword.db.database import Database
from watchword.errors import RateLimitExceededError, UnavailableError
from watchword.limits.limiter import Holder, Limited, Limiter, Verdict, verdict_lines
from watchword.limits.policies import ATTEMPTS, Policy, attempts_with
from watchword.limits.shares import Shares
from watchword.setting_kinds import PLANS

NOW = 1_767_780_000_000


def caller(
    *,
    tenant_minute: int | None = None,
    tenant_hour: int | None = None,
    tenant: str = "ten_1",
    key: str = "key_1",
    per_minute: int | None = None,
) -> Limited:
    return Limited(tenant, "enterprise", key, per_minute, tenant_minute, tenant_hour)


def make_limiter(shares: Shares | None = None, *, address_per_minute: int = 1_000) -> Limiter:
    return Limiter(plans=PLANS, address_per_minute=address_per_minute, shares=shares)


async def count_let_in(*requests: Awaitable[object]) -> int:
    """Say how many of these requests, made at once, are not refused."""
    answers = await asyncio.gather(*requests, return_exceptions=True)
    refusals = [answer for answer in answers if isinstance(answer, BaseException)]
    assert all(isinstance(refusal, RateLimitExceededError) for refusal in refusals)
    return len(answers) - len(refusals)


async def count_passing(limiter: Limiter, *callers: Limited) -> int:
    """Say how many of these callers, who come at once, pass."""
    return await count_let_in(*(limiter.require_caller(limited, NOW) for limited in callers))


def lets_in(limiter: Limiter, address: str) -> bool:
    """Say whether one request more of an address passes."""
    try:
        limiter.require_address(address, NOW)
    except RateLimitExceededError:
        return False
    return True


async def test_of_50_parallel_requests_exactly_20_pass() -> None:
    """A limit of 20 lets exactly 20 of 50 parallel requests through."""
    limiter = make_limiter()
    assert await count_passing(limiter, *[caller(per_minute=20)] * 50) == 20


async def test_many_keys_do_not_multiply_the_tenants_ceiling() -> None:
    """The tenant's ceiling holds over all its keys together."""
    limiter = make_limiter()
    callers = [caller(tenant_minute=20, key=f"key_{number}", per_minute=1_000) for number in range(50)]
    assert await count_passing(limiter, *callers) == 20


async def test_one_tenant_does_not_use_up_another() -> None:
    """Each tenant has its own window."""
    limiter = make_limiter()
    assert await count_passing(limiter, *[caller(tenant_minute=1)] * 5) == 1
    assert await count_passing(limiter, caller(tenant_minute=1, tenant="ten_2")) == 1


async def test_the_hour_refuses_when_the_minute_would_not() -> None:
    """The hour's number holds too, and the refusal names its window."""
    limiter = make_limiter()
    limited = caller(tenant_minute=100, tenant_hour=1)
    await limiter.require_caller(limited, NOW)
    with pytest.raises(RateLimitExceededError) as refusal:
        await limiter.require_caller(limited, NOW)
    assert dict(refusal.value.headers) == {
        "retry-after": "3600",
        "x-ratelimit-limit": "1",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": str(NOW // 1000 + 3600),
        "x-ratelimit-window": "hour",
        "ratelimit-policy": '"default";q=1;w=3600',
        "ratelimit": '"default";r=0;t=3600',
    }


def test_an_address_that_floods_is_refused() -> None:
    """One address more than its number is refused and another is not."""
    limiter = make_limiter(address_per_minute=2)
    assert [lets_in(limiter, "198.51.100.1") for _ in range(3)] == [True, True, False]
    assert lets_in(limiter, "198.51.100.2")


def test_no_address_limit_when_it_is_set_to_none() -> None:
    """An operator who sets the number to 0 gets no limit and not a closed door."""
    limiter = make_limiter(address_per_minute=0)
    assert [lets_in(limiter, "198.51.100.1") for _ in range(3)] == [True, True, True]


async def test_attempts_are_counted_by_name() -> None:
    """Attempts at one endpoint leave the others' numbers alone."""
    limiter = make_limiter()
    for _ in range(ATTEMPTS["register"].count):
        await limiter.require_attempt("register", "198.51.100.1", NOW)
    with pytest.raises(RateLimitExceededError):
        await limiter.require_attempt("register", "198.51.100.1", NOW)
    await limiter.require_attempt("login", "198.51.100.1", NOW)


async def test_the_operator_sets_the_number_of_sign_ins() -> None:
    """Sign-ins of one address are bounded by the operator's number; 0 is no bound."""
    for allowed, passes in [(1, [1, 0, 0]), (0, [1, 1, 1])]:
        limiter = Limiter(plans=PLANS, address_per_minute=0, attempts=attempts_with(login=allowed))
        attempts = [await count_let_in(limiter.require_attempt("login", "198.51.100.1", NOW)) for _ in range(3)]
        assert attempts == passes


async def test_the_tightest_minute_limit_is_told() -> None:
    """The headers speak of the limit that a caller will meet first."""
    limiter = make_limiter()
    assert await limiter.require_caller(caller(tenant_minute=10, per_minute=5), NOW) == Verdict(
        5, 4, NOW // 1000 + 60, 60, 60
    )
    assert await limiter.require_caller(caller(tenant_minute=3, tenant="t", key="k", per_minute=5), NOW) == Verdict(
        3, 2, NOW // 1000 + 60, 60, 60
    )
    assert await limiter.require_caller(caller(), NOW) is None


@pytest.mark.parametrize(("holder", "passing"), [("user", 2), ("client", 3), ("key", 5)])
async def test_users_and_clients_have_limits_of_their_own(holder: Holder, passing: int) -> None:
    """One user or client passes its number and another is not held up, also in a tenant without any limit."""
    limiter = Limiter(plans=PLANS, address_per_minute=0, user_per_minute=2, client_per_minute=3)
    one, other = (Limited("ten_1", "enterprise", name, None, holder=holder) for name in ("one", "other"))
    assert limiter.is_limited(one) is (holder != "key")
    assert await count_passing(limiter, *[one] * 5) == passing
    assert await count_passing(limiter, other) == 1


async def test_key_use_by_a_tenants_own_service_is_counted() -> None:
    """A service's verify calls use up the key's own window."""
    limiter = make_limiter()
    assert [await limiter.has_key_request_left("key_1", 1, NOW) for _ in range(2)] == [True, False]


async def test_a_tenants_own_number_replaces_its_plans() -> None:
    """A plan's number holds until the tenant has one of its own."""
    limiter = make_limiter()
    assert await limiter.require_caller(Limited("a", "free", "key_1", None), NOW) == Verdict(
        600, 599, NOW // 1000 + 60, 60, 60
    )
    assert await limiter.require_caller(Limited("b", "free", "key_1", None, 7), NOW) == Verdict(
        7, 6, NOW // 1000 + 60, 60, 60
    )


@pytest.mark.parametrize(
    ("limited", "is_limited"),
    [
        (caller(), False),
        (caller(per_minute=1), True),
        (caller(tenant_minute=1), True),
        (caller(tenant_hour=1), True),
        (Limited("ten_1", "free", "key_1", None), True),
    ],
)
def test_whoever_has_any_limit_is_counted(limited: Limited, is_limited: bool) -> None:  # noqa: FBT001 - a column
    """Only a caller without a limit of the key, the tenant and the plan goes uncounted."""
    assert make_limiter().is_limited(limited) is is_limited


def test_plans_are_the_designs() -> None:
    """The plans hold the published numbers."""
    assert [(plan.requests_per_minute, plan.requests_per_hour) for plan in PLANS.values()] == [
        (600, 10_000),
        (1_200, 30_000),
        (3_000, 100_000),
        (6_000, 200_000),
        (None, None),
    ]


def test_header_lines() -> None:
    """Both families of headers tell the same numbers."""
    assert verdict_lines(Verdict(600, 599, 1_795_361_242, 42, 60)) == (
        b"x-ratelimit-limit: 600\r\nx-ratelimit-remaining: 599\r\nx-ratelimit-reset: 1795361242\r\n"
        b'ratelimit-policy: "default";q=600;w=60\r\nratelimit: "default";r=599;t=42\r\n'
    )


@pytest.mark.parametrize("limit", [1, 20, 100])
async def test_processes_hold_one_limit_together(database: Database, limit: int) -> None:
    """Three processes that lease from one store pass exactly the limit between them."""
    limiters = [make_limiter(Shares(database)) for _ in range(3)]
    limited = caller(per_minute=limit)
    passed = await asyncio.gather(*[count_passing(limiter, *[limited] * (limit + 5)) for limiter in limiters])
    assert sum(passed) == limit


async def test_a_burst_is_not_refused_early(database: Database) -> None:
    """A burst of half a limit passes whole, however many wait for a lease at once."""
    limiter = make_limiter(Shares(database))
    assert await count_let_in(*(limiter.require_attempt("refresh", "198.51.100.1", NOW) for _ in range(60))) == 60


async def test_a_large_shared_limit_is_never_exceeded(database: Database) -> None:
    """Three processes with a large limit pass no more than it, and use up all of it when they go on asking."""
    limiters = [make_limiter(Shares(database)) for _ in range(3)]
    passed = [await count_passing(limiter, *[caller(per_minute=300)] * 400) for limiter in limiters]
    assert sum(passed) == 300


async def test_a_new_window_is_leased_anew(database: Database) -> None:
    """What is used up in one window is there again in the next."""
    limiter = make_limiter(Shares(database))
    for now in (NOW, NOW + 60_000):
        await limiter.require_caller(caller(per_minute=1), now)
        with pytest.raises(RateLimitExceededError):
            await limiter.require_caller(caller(per_minute=1), now)


async def test_login_is_refused_when_the_store_is_down(database: Database) -> None:
    """A limit that guards passwords refuses while nobody can count."""
    await database.close()
    limiter = make_limiter(Shares(database))
    with pytest.raises(UnavailableError):
        await limiter.require_attempt("login", "198.51.100.1", NOW)


async def test_data_limits_count_on_the_node_when_the_store_is_down(database: Database) -> None:
    """A data limit goes on in this process's memory, and still is a limit."""
    await database.close()
    limiter = make_limiter(Shares(database))
    assert await count_passing(limiter, *[caller(per_minute=3)] * 10) == 3


def test_every_attempt_policy_says_what_a_dead_store_means() -> None:
    """Limits that guard passwords and codes refuse when the store is down."""
    assert {name: policy.when_store_is_down for name, policy in ATTEMPTS.items()} == {
        "login": "refuse",
        "refresh": "count on this node",
        "register": "refuse",
        "mail": "refuse",
        "code": "refuse",
        "verify_key": "count on this node",
        "token": "count on this node",
        "client_registration": "refuse",
        "client_document": "count on this node",
        "client_document_near": "count on this node",
        "client_document_far": "count on this node",
        "authorize": "count on this node",
        "device": "count on this node",
        "user_code": "refuse",
    }
    assert Policy("a", 1, 60).when_store_is_down == "count on this node"
