"""Passwords: which ones are taken, and Argon2id in a bounded pool of threads.

The parameters are OWASP's; hashing leaves the event loop free and cannot fill the memory however many people log in.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import os
import secrets
import sys
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from importlib.resources import files
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from watchword import heap
from watchword.errors import InvalidFieldsError, UnavailableError, WrongPasswordError

PASSWORD_CHARACTERS_MIN: Final = 8
"""ASVS 6.2.1."""

PASSWORD_CHARACTERS_MAX: Final = 128
"""Twice what ASVS 6.2.9 wants to be possible; bounds what is normalized and hashed."""

_TYPED_CHARACTERS_MAX: Final = 1024
"""Bounds the work of a log-in with a text that cannot be anyone's password."""

_OWN_WORD: Final = "watchword"
_CONTEXT_CHARACTERS_MIN: Final = 4
_REST_LETTERS_MIN: Final = 4
"""A context word with fewer letters beside it than this is the word and decoration; words shorter than four
characters occur in good passwords by chance."""

_NICENESS: Final = 10
"""Measured: with plain threads eight parallel log-ins took the p99 of other requests to 183 ms, so to 15."""

_QUIET_SECONDS: Final = 0.5
"""How long nobody hashes before the memory of hashing is given back: taking it anew costs half a hash."""

_HASH_BYTES: Final = 32
_SALT_BYTES: Final = 16

Result = TypeVar("Result")


class Passwords:
    """Hash and compare passwords.

    Shapes: ``memory_cost_kib`` is per running hash; ``threads`` hashes run at once and ``queue_max`` more may wait.
    """

    def __init__(
        self,
        *,
        time_cost: int = 2,
        memory_cost_kib: int = 19456,
        parallelism: int = 1,
        threads: int,
        queue_max: int,
    ) -> None:
        self._hasher = PasswordHasher(
            time_cost=time_cost,
            memory_cost=memory_cost_kib,
            parallelism=parallelism,
            hash_len=_HASH_BYTES,
            salt_len=_SALT_BYTES,
        )
        # Nobody's hash: comparing with it takes what a real comparison takes and never succeeds.
        self._dummy_hash = (
            f"$argon2id$v=19$m={memory_cost_kib},t={time_cost},p={parallelism}"
            f"${_random_base64(_SALT_BYTES)}${_random_base64(_HASH_BYTES)}"
        )
        self._places = threading.BoundedSemaphore(threads + queue_max)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="password", initializer=_step_back)
        self._under_way = 0
        self._quiet: asyncio.TimerHandle | None = None
        common_passwords()

    async def hash(self, password: str) -> str:
        """Return the Argon2id hash of a password in PHC form.

        Raises:
            UnavailableError: too many wait already.
        """
        return await self._run(functools.partial(self._hasher.hash, _bytes_of(password)))

    async def require_match(self, password: str, password_hash: str | None) -> bool:
        """Require a password to be the hashed one; True says that it should be hashed anew with today's parameters.

        None, for an account that does not exist or has no password, costs the same time and gives the same error.

        Raises:
            WrongPasswordError: it is not.
            UnavailableError: too many wait already.
        """
        is_impossible = len(password) > _TYPED_CHARACTERS_MAX
        typed = b"" if is_impossible else _bytes_of(password)
        known = None if is_impossible or not password_hash else password_hash
        if not await self._run(functools.partial(self._is_match, typed, known)):
            raise WrongPasswordError
        return known is not None and self._hasher.check_needs_rehash(known)

    def close(self) -> None:
        """Let running hashes finish and drop those that wait; calls after it raise ``UnavailableError``."""
        if self._quiet is not None:
            self._quiet.cancel()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _is_match(self, typed: bytes, known: str | None) -> bool:
        if known is not None:
            try:
                return self._hasher.verify(known, typed)
            except InvalidHashError:
                known = None  # no hash at all took no time: the dummy takes it
            except Argon2Error:
                return False
        try:
            self._hasher.verify(self._dummy_hash, typed)
        except Argon2Error:
            return False
        return False

    async def _run(self, work: Callable[[], Result]) -> Result:
        if not self._places.acquire(blocking=False):
            raise UnavailableError(cause="too many passwords wait to be hashed")
        try:
            future = self._executor.submit(work)
        except RuntimeError:
            self._places.release()
            raise UnavailableError(cause="password hashing is closed") from None
        # The place is free when the work is over, which may be after the caller has gone away.
        future.add_done_callback(self._leave)
        self._begin()
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise UnavailableError(cause="password hashing was closed") from None
        finally:
            self._end()

    def _begin(self) -> None:
        self._under_way += 1
        if self._quiet is not None:
            self._quiet.cancel()

    def _end(self) -> None:
        self._under_way -= 1
        if not self._under_way:
            self._quiet = asyncio.get_running_loop().call_later(_QUIET_SECONDS, self._give_back)

    def _give_back(self) -> None:
        with suppress(RuntimeError):  # closed
            self._executor.submit(heap.give_back)

    def _leave(self, _future: Future[Result]) -> None:
        self._places.release()


def normalize_password(text: str) -> str:
    """Return the one spelling of a password that different keyboards write differently (NFKC)."""
    return unicodedata.normalize("NFKC", text)


def require_acceptable_password(
    password: str, *, email: str, context_words: tuple[str, ...] = (), field: str = "password"
) -> None:
    """Require a new password to be hard enough to guess; there are no rules of composition.

    ``context_words`` are names that an attacker would try here (the tenant's, the product's).

    Raises:
        InvalidFieldsError: naming ``field``.
    """
    fault = _find_fault(password, email, context_words)
    if fault is not None:
        raise InvalidFieldsError({field: fault})


@functools.cache
def common_passwords() -> frozenset[str]:
    """Return the packaged list of common passwords, case-folded; read once, the first time."""
    text = files("watchword.credentials").joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(text.splitlines())


def _find_fault(password: str, email: str, context_words: tuple[str, ...]) -> str | None:  # noqa: PLR0911 - a line a rule
    if len(password) > PASSWORD_CHARACTERS_MAX:
        return f"The password may have at most {PASSWORD_CHARACTERS_MAX} characters"
    if any("\ud800" <= character <= "\udfff" for character in password):
        return "The password holds characters that no text can hold"
    folded = _fold(password)
    if len(normalize_password(password)) < PASSWORD_CHARACTERS_MIN:
        return f"The password must have at least {PASSWORD_CHARACTERS_MIN} characters"
    if folded in common_passwords():
        return "This password is among the most common ones; choose another"
    address = _fold(email)
    if folded in {address, address.partition("@")[0]}:
        return "The password may not be the email address or a part of it"
    if _is_decorated_context(folded, (*context_words, _OWN_WORD)):
        return "The password is too close to a name that is used here; choose another"
    return None


def _is_decorated_context(folded: str, context_words: tuple[str, ...]) -> bool:
    rest = folded
    for word in sorted((_fold(word) for word in context_words), key=len, reverse=True):
        if len(word) >= _CONTEXT_CHARACTERS_MIN:
            rest = rest.replace(word, "")
    return rest != folded and sum(character.isalpha() for character in rest) < _REST_LETTERS_MIN


def _fold(text: str) -> str:
    return normalize_password(text).casefold()


def _bytes_of(password: str) -> bytes:
    return normalize_password(password).encode("utf-8", "surrogatepass")


def _random_base64(length: int) -> str:
    return base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")


def _step_back() -> None:
    """Let every other thread of the machine go first; Linux alone gives a thread a niceness of its own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
