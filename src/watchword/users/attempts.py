"""The lock-out: how often a password may be guessed, for one account and from one address.

An attempt is counted in the database before anything is hashed and given back when it succeeds, so parallel guesses
cannot outrun the count, a restart lifts nothing, and a database that cannot count lets nobody in. Unknown e-mail
addresses are counted like known ones. Sessions that are open already, and a new password by letter, remain the
owner's ways in while a stranger keeps the account locked (ASVS 5.0 V6.1.1).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Final

import msgspec

from watchword.db.database import Database, Transaction
from watchword.errors import RateLimitExceededError, UnavailableError
from watchword.tenants.email_address import fold_email
from watchword.users import queries
from watchword.wire.client_address import address_bucket

_MINUTE_MS: Final = 60_000
_TURNS_AT_ONCE: Final = 4
"""Passwords of one account in the hands of one process at once: enough to keep its hashing threads busy, and with
two processes below the bound of failures, so that no burst of right passwords locks its own account."""

_TURNS_WAITING_MAX: Final = 100


class AttemptPolicy(msgspec.Struct, frozen=True):
    """A bound: after ``failures_max`` attempts each further one must wait, twice as long each time."""

    failures_max: int
    first_wait_ms: int
    wait_ms_max: int
    forgotten_after_ms: int


ACCOUNT_POLICY: Final = AttemptPolicy(10, _MINUTE_MS, 60 * _MINUTE_MS, 24 * 60 * _MINUTE_MS)
ADDRESS_POLICY: Final = AttemptPolicy(100, 15 * _MINUTE_MS, 15 * _MINUTE_MS, 15 * _MINUTE_MS)
"""Wider than the account's, since an office or a mobile network shares one address."""

LETTER_POLICY: Final = AttemptPolicy(5, 15 * _MINUTE_MS, 15 * _MINUTE_MS, 15 * _MINUTE_MS)
"""Letters that strangers can cause to one address; without growth, so that nobody can be kept from a new password."""


class Attempt(msgspec.Struct, frozen=True):
    """A counted attempt; ``failures_before`` are the account's, ``locks_account`` says that this was the last one."""

    account: str
    address: str
    failures_before: int
    locks_account: bool


class _Turns(msgspec.Struct):
    gate: asyncio.Semaphore
    waiting: int = 0


class Attempts:
    """Counts attempts in the database, and makes those of one account take turns in this process."""

    def __init__(
        self,
        database: Database,
        *,
        account: AttemptPolicy = ACCOUNT_POLICY,
        address: AttemptPolicy = ADDRESS_POLICY,
        letter: AttemptPolicy = LETTER_POLICY,
    ) -> None:
        self._database = database
        self._account = account
        self._address = address
        self._letter = letter
        self._turns: dict[str, _Turns] = {}

    @asynccontextmanager
    async def attempt(self, email: str, address: str, now_ms: int) -> AsyncIterator[Attempt]:
        """Wait for a turn and count an attempt, as a failure until ``succeed`` says otherwise.

        An attempt that could not be made for want of a resource of ours is given back.

        Raises:
            RateLimitExceededError: the account or the address is locked, and nothing was counted; or too many wait
                for the same account.
            UnavailableError: the database cannot count.
        """
        async with self._turn(account_subject(email)):
            attempt = await self._reserve(email, address, now_ms)
            try:
                yield attempt
            except UnavailableError:
                with contextlib.suppress(UnavailableError):
                    await self._database.transaction(lambda transaction: self._give_back(transaction, attempt))
                raise

    async def succeed(self, transaction: Transaction, attempt: Attempt) -> None:
        """Forget the account's failures and give the address its attempt back.

        The address keeps its other failures: an attacker with one account of his own clears nothing else.
        """
        await queries.forget_attempts(transaction, attempt.account)
        await queries.give_attempt_back(transaction, attempt.address, self._address.failures_max)

    async def forget_account(self, transaction: Transaction, email: str) -> None:
        """Lift an account's lock: its owner has proved to read its letters."""
        await queries.forget_attempts(transaction, account_subject(email))

    async def reserve_letter(self, transaction: Transaction, email: str, now_ms: int) -> None:
        """Count a letter to an address, known or not.

        Raises:
            RateLimitExceededError: it has had too many; the transaction is to be given up.
        """
        subject = f"letter:{_digest(fold_email(email))}"
        await _take(transaction, subject, self._letter, now_ms)

    async def prune(self, now_ms: int) -> int:
        """Delete what no longer counts and return how many rows that were; for the hourly clean-up."""
        before_ms = now_ms - max(p.forgotten_after_ms for p in (self._account, self._address, self._letter))

        async def work(transaction: Transaction) -> int:
            return await queries.prune_attempts(transaction, forgotten_before_ms=before_ms, now_ms=now_ms)

        return await self._database.transaction(work)

    @asynccontextmanager
    async def _turn(self, subject: str) -> AsyncIterator[None]:
        turns = self._turns.setdefault(subject, _Turns(asyncio.Semaphore(_TURNS_AT_ONCE)))
        if turns.waiting >= _TURNS_WAITING_MAX:
            raise RateLimitExceededError(1, cause="too many attempts at one account at once")
        turns.waiting += 1
        try:
            async with turns.gate:
                yield
        finally:
            turns.waiting -= 1
            if not turns.waiting:
                del self._turns[subject]

    async def _reserve(self, email: str, address: str, now_ms: int) -> Attempt:
        account, source = account_subject(email), address_subject(address)

        async def work(transaction: Transaction) -> Attempt:
            failures = await _take(transaction, account, self._account, now_ms)
            await _take(transaction, source, self._address, now_ms)
            return Attempt(account, source, failures - 1, failures >= self._account.failures_max)

        return await self._database.transaction(work)

    async def _give_back(self, transaction: Transaction, attempt: Attempt) -> None:
        await queries.give_attempt_back(transaction, attempt.account, self._account.failures_max)
        await queries.give_attempt_back(transaction, attempt.address, self._address.failures_max)


def account_subject(email: str) -> str:
    """Name the account of an e-mail address, known or not, without storing what a stranger typed."""
    return f"account:{_digest(fold_email(email))}"


def address_subject(address: str) -> str:
    """Name a client address; an IPv6 client owns its whole /64, so that is what counts."""
    return f"address:{address_bucket(address)}"


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


async def _take(transaction: Transaction, subject: str, policy: AttemptPolicy, now_ms: int) -> int:
    failures = await queries.take_attempt(
        transaction, subject, now_ms=now_ms, forgotten_before_ms=now_ms - policy.forgotten_after_ms
    )
    if failures is None:
        left_ms = await queries.find_locked_until_ms(transaction, subject) - now_ms
        raise RateLimitExceededError(max(1, -(-left_ms // 1000)), cause=f"locked: {subject.partition(':')[0]}")
    if failures >= policy.failures_max:
        doublings = min(failures - policy.failures_max, 30)
        wait_ms = min(policy.first_wait_ms << doublings, policy.wait_ms_max)
        await queries.lock_subject(transaction, subject, now_ms + wait_ms)
    return failures
