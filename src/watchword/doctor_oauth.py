"""Walks through OAuth's checklist on a configuration as it stands; changes nothing."""

from __future__ import annotations

from typing import Final

from watchword.clock import Clock
from watchword.config import Settings
from watchword.data_directory import DATABASE_NAME
from watchword.db.database import Database, Statement
from watchword.doctor import Finding, open_database
from watchword.errors import WatchwordError
from watchword.oauth.checklist import QUESTIONS, ClientFacts, Installation, KeyFacts, Question
from watchword.oauth.queries import CLIENT_COLUMNS, CLIENT_TABLES, client_of

_SHOWN_MAX: Final = 20
"""Clients that one question names; the rest are counted."""

_AT_ONCE: Final = 500

_CLIENTS: Final = Statement(
    f"SELECT {CLIENT_COLUMNS},"  # noqa: S608 - the column list of the room
    " (SELECT count(*) FROM oauth_client_secrets s"
    " WHERE s.client_id = c.id AND (s.expires_at IS NULL OR s.expires_at > $2)),"
    " (SELECT count(*) FROM oauth_client_secrets s WHERE s.client_id = c.id AND s.expires_at IS NULL)"
    f" FROM {CLIENT_TABLES} WHERE c.id > $1 AND c.disabled_at IS NULL AND t.disabled_at IS NULL"
    " ORDER BY c.id LIMIT $3"
)
_KEYS: Final = Statement(
    "SELECT t.slug, k.algorithm, MAX(k.active_at) FROM oauth_signing_keys k JOIN tenants t ON t.id = k.tenant_id"
    " WHERE t.disabled_at IS NULL GROUP BY t.slug, k.algorithm ORDER BY MAX(k.active_at) LIMIT 1000"
)
_SLUG: Final = Statement("SELECT slug FROM tenants WHERE slug = $1 AND disabled_at IS NULL")
_NOTICES: Final = Statement("SELECT MIN(created_at) FROM oauth_logout_notices")


async def examine_oauth(settings: Settings, clock: Clock) -> list[Finding]:
    """Ask every question and return the answers, good and bad."""
    if settings.database_url is None and not (settings.data_directory / DATABASE_NAME).exists():
        return [Finding("database", "note", "none yet", "the first start makes it")]
    try:
        async with open_database(settings) as database:
            installation = await _look(settings, database, clock.now_ms())
    except WatchwordError as error:
        remedy = "see that it runs, and is up to date: watchword migrate"
        return [Finding("database", "bad", f"{error.message} ({error.cause})", remedy)]
    return [finding for question in QUESTIONS for finding in _ask(question, installation)]


def _ask(question: Question, installation: Installation) -> list[Finding]:
    faults = list(question.find(installation))
    if not faults:
        return [Finding(question.section, "good", question.good)]
    shown = [Finding(question.section, fault.verdict, fault.seen, fault.remedy) for fault in faults[:_SHOWN_MAX]]
    if len(faults) > _SHOWN_MAX:
        shown.append(Finding(question.section, "note", f"and {len(faults) - _SHOWN_MAX} more of this kind"))
    return shown


async def _look(settings: Settings, database: Database, now_ms: int) -> Installation:
    waiting = await database.fetch_row(_NOTICES)
    return Installation(
        settings=settings,
        clients=await _clients(database, now_ms),
        keys=[KeyFacts(*row) for row in await database.scan_rows(_KEYS)],
        has_default_tenant=bool(await database.fetch_rows(_SLUG, settings.default_tenant or "")),
        notices_waiting_since_ms=None if waiting is None else waiting[0],
        now_ms=now_ms,
    )


async def _clients(database: Database, now_ms: int) -> list[ClientFacts]:
    clients: list[ClientFacts] = []
    while True:
        after = clients[-1].client.id if clients else ""
        rows = await database.scan_rows(_CLIENTS, after, now_ms, _AT_ONCE)
        clients += [ClientFacts(client_of(row), row[-2], row[-1]) for row in rows]
        if len(rows) < _AT_ONCE:
            return clients
