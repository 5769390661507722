"""Opens the stores and the abilities that every room draws on, in order; whoever called closes them in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from typing import Final

import msgspec

from watchword import heap
from watchword.audit.writer import AuditWriter
from watchword.clock import Clock
from watchword.config import SettingError, Settings, open_data_directory, open_master_secret
from watchword.credentials.access_token import AccessTokens, IssuerNames
from watchword.credentials.api_key import ApiKeyProver
from watchword.credentials.dpop import DpopProofs
from watchword.credentials.dpop_nonce import DpopNonces
from watchword.credentials.issuer_keys import IssuerKeys
from watchword.credentials.key_ring import KeyRing
from watchword.credentials.logout_ticket import LogoutTickets
from watchword.credentials.password import Passwords
from watchword.credentials.refresh_token import RefreshTokens
from watchword.credentials.seen_proofs import SeenProofs
from watchword.credentials.session_token import SessionTokens
from watchword.credentials.verified import VerifiedCache
from watchword.db.database import Database
from watchword.db.generations import Generations
from watchword.db.migrate import migrate
from watchword.db.sqlite import SqliteDatabase
from watchword.errors import UnavailableError
from watchword.limits.limiter import Limiter
from watchword.limits.policies import attempts_with
from watchword.limits.shares import Shares
from watchword.mail.letters import Site
from watchword.mail.outbound import Outbound
from watchword.mail.outbox import OutboxSender
from watchword.mail.sender import Sender
from watchword.observe import Log
from watchword.revocations.record import make_teller
from watchword.wire.fetcher import Fetcher

_PROOFS_MAX: Final = 50_000
"""Remembered proofs of a process: some 30 MiB when all of them are in use."""


LONGEST_TOKEN_SECONDS: Final = 86_400
"""The longest that any token signed for others may live: so long a retired key stays published, and what ended told."""

_FORGOTTEN_AFTER_SECONDS: Final = 60.0
"""Withdrawals are announced at once. A process killed between its commit and the announcement has acknowledged nothing,
but what it committed must not stay unseen: so nothing is remembered for longer than this."""


class Stores(msgspec.Struct, frozen=True):
    """Where everything is kept; ``bookkeeping`` holds what must not wait in front of a revocation."""

    database: Database
    bookkeeping: Database
    generations: Generations


class Foundation(msgspec.Struct, frozen=True):
    """The abilities that every room draws on."""

    stores: Stores
    log: Log
    audit: AuditWriter
    key_ring: KeyRing
    passwords: Passwords
    session_tokens: SessionTokens
    api_key_prover: ApiKeyProver
    access_tokens: AccessTokens
    refresh_tokens: RefreshTokens
    logout_tickets: LogoutTickets
    seen_proofs: SeenProofs
    dpop_proofs: DpopProofs
    proofs: VerifiedCache
    limiter: Limiter
    sender: Sender
    outbound: Outbound
    fetcher: Fetcher
    site: Site


async def lay_foundation(
    settings: Settings,
    clock: Clock,
    log: Log | None,
    passwords: Passwords | None,
    opened: contextlib.AsyncExitStack,
) -> Foundation:
    """Open everything below the rooms; ``opened`` gathers how each is closed again.

    Raises:
        SettingError: the data directory, the master secret or the database cannot be opened.
        WrongMasterSecretError: the stored signing keys were sealed under another master secret.
        DatabaseNewerError: a newer program has been here.
    """
    open_data_directory(settings)
    log = log or _open_log(settings, opened)
    stores = await _require_stores(settings, clock, opened)
    master_secret = open_master_secret(settings).reveal().encode()
    key_ring = await KeyRing.open(stores.database, stores.generations, master_secret, clock.now_ms())
    passwords = passwords or Passwords(threads=settings.password_threads, queue_max=settings.password_queue_max)
    opened.callback(passwords.close)
    audit = AuditWriter(log=log, bookkeeping=stores.bookkeeping)
    opened.push_async_callback(audit.close)
    sender = _make_sender(settings, clock, log)
    outbound = Outbound(sender, log=_line_of(log, clock, "mail"))
    opened.push_async_callback(outbound.close)
    proofs = _open_proofs(stores, opened)
    seen_proofs = SeenProofs(stores.bookkeeping)
    return Foundation(
        stores=stores,
        log=log,
        audit=audit,
        key_ring=key_ring,
        passwords=passwords,
        session_tokens=_make_session_tokens(settings, stores, proofs, key_ring),
        api_key_prover=ApiKeyProver(stores.database, proofs, stores.generations),
        access_tokens=_make_access_tokens(settings, stores, proofs, master_secret),
        refresh_tokens=RefreshTokens(master_secret, grace_seconds=settings.refresh_grace_seconds),
        logout_tickets=LogoutTickets(master_secret),
        seen_proofs=seen_proofs,
        dpop_proofs=DpopProofs(seen_proofs, DpopNonces(master_secret), url=settings.url),
        proofs=proofs,
        limiter=_make_limiter(settings, stores),
        sender=sender,
        outbound=outbound,
        fetcher=_open_fetcher(settings, opened),
        site=Site(api_url=settings.url, pages_url=settings.pages_url),
    )


def _open_log(settings: Settings, opened: contextlib.AsyncExitStack) -> Log:
    log = Log(sys.stderr.buffer, log_format=settings.log_format, level=settings.log_level)
    opened.push_async_callback(asyncio.to_thread, log.close)
    return log


def _open_fetcher(settings: Settings, opened: contextlib.AsyncExitStack) -> Fetcher:
    fetcher = Fetcher(allowed_networks=settings.fetch_networks, ca_file=settings.fetch_ca_file)
    opened.callback(fetcher.close)
    return fetcher


def _make_session_tokens(settings: Settings, stores: Stores, proofs: VerifiedCache, key_ring: KeyRing) -> SessionTokens:
    return SessionTokens(
        stores.database,
        stores.generations,
        key_ring,
        proofs,
        issuer=settings.token_issuer,
        ttl_seconds=settings.token_expiration_seconds,
        grace_seconds=settings.refresh_grace_seconds,
        absolute_ttl_seconds=settings.session_absolute_seconds,
    )


def _make_access_tokens(
    settings: Settings, stores: Stores, proofs: VerifiedCache, master_secret: bytes
) -> AccessTokens:
    keys = IssuerKeys(stores.database, stores.generations, master_secret, longest_life_seconds=LONGEST_TOKEN_SECONDS)
    names = IssuerNames(settings.url, default_slug=settings.default_tenant)
    return AccessTokens(stores.database, stores.generations, keys, proofs, names)


async def _require_stores(settings: Settings, clock: Clock, opened: contextlib.AsyncExitStack) -> Stores:
    try:
        return await _open_stores(settings, clock, opened)
    except UnavailableError as error:
        if settings.database_url is None:
            wanted = (
                f'WATCHWORD_DATA is "{settings.data_directory}"; it must hold a database that can be opened, or none.'
            )
        else:
            wanted = (
                "WATCHWORD_DATABASE_URL has a value that is not shown here; "
                "it must be a PostgreSQL that answers and lets its user in."
            )
        raise SettingError(wanted, cause=error.cause) from None


async def _open_stores(settings: Settings, clock: Clock, opened: contextlib.AsyncExitStack) -> Stores:
    tell = make_teller(clock)
    generations = Generations(settings.data_directory / "generations")
    opened.callback(generations.close)
    database: Database
    bookkeeping: Database
    if settings.database_url is not None:
        from watchword.db.postgres import PostgresDatabase  # noqa: PLC0415 - its driver is slow to load

        database = await PostgresDatabase.connect(
            settings.database_url.reveal(),
            generations=generations,
            connections=settings.database_connections,
            scan_deadline_ms=settings.scan_deadline_ms,
            tell=tell,
        )
        bookkeeping = database
        opened.push_async_callback(database.close)
    else:
        database = SqliteDatabase(
            settings.data_directory / "watchword.db",
            generations=generations,
            scan_deadline_ms=settings.scan_deadline_ms,
            tell=tell,
        )
        opened.push_async_callback(database.close)
        bookkeeping = SqliteDatabase(
            settings.data_directory / "bookkeeping.db", generations=generations, synchronous="OFF", readers=1
        )
        opened.push_async_callback(bookkeeping.close)
    applied = (await migrate(database, "main")).applied + (await migrate(bookkeeping, "bookkeeping")).applied
    if applied:
        # An index over a million rows is sorted in memory, which a worker would hold for ever.
        heap.give_back()
    return Stores(database, bookkeeping, generations)


def _open_proofs(stores: Stores, opened: contextlib.AsyncExitStack) -> VerifiedCache:
    proofs = VerifiedCache(stores.generations, entries_max=_PROOFS_MAX)
    forgetting = asyncio.get_running_loop().create_task(_forget_now_and_then(proofs))
    opened.push_async_callback(_end, forgetting)
    return proofs


async def _forget_now_and_then(proofs: VerifiedCache) -> None:
    while True:
        await asyncio.sleep(_FORGOTTEN_AFTER_SECONDS)
        proofs.forget()


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait((task,))


def _make_limiter(settings: Settings, stores: Stores) -> Limiter:
    # One process alone counts in its memory; several hold each limit together through the store.
    alone = settings.workers == 1 and settings.database_url is None
    return Limiter(
        plans=settings.plans,
        address_per_minute=settings.requests_per_minute_per_address,
        user_per_minute=settings.requests_per_minute_per_user,
        client_per_minute=settings.requests_per_minute_per_client,
        attempts=attempts_with(
            login=settings.logins_per_minute_per_address, token=settings.token_requests_per_minute_per_address
        ),
        shares=None if alone else Shares(stores.bookkeeping),
    )


def _make_sender(settings: Settings, clock: Clock, log: Log) -> Sender:
    if settings.smtp_url is not None:
        from watchword.mail.smtp import SmtpSender  # noqa: PLC0415 - its library is slow to load

        return SmtpSender(settings.smtp_url.reveal(), from_address=settings.mail_from, clock=clock)
    return OutboxSender(settings.data_directory / "outbox", clock=clock, log=_line_of(log, clock, "mail.outbox"))


def _line_of(log: Log, clock: Clock, event: str) -> Callable[[str], None]:
    def write(message: str) -> None:
        log.event("info", event, clock.now_ms(), message=message)

    return write
