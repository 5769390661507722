"""The SQL of users, their sessions and their failed sign-ins, and the rows under their names."""

# ruff: noqa: S608 - what is put into a statement's text is a column list from this file, never a value

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from watchword.db.database import Row, Statement, Transaction
from watchword.tenants.email_address import fold_email
from watchword.tenants.models import TenantSettings
from watchword.tenants.queries import Reader
from watchword.users.models import StoredSession, User, UserMembership

_USER: Final = (
    "u.id, u.email, u.name, u.password_hash, u.is_super_admin, u.email_verified_at, u.disabled_at, u.created_at"
)

_FIND_USER: Final = Statement(f"SELECT {_USER} FROM users u WHERE u.id = $1")
_LOCK_USER: Final = Statement(
    f"SELECT {_USER} FROM users u WHERE u.id = $1 FOR NO KEY UPDATE",
    sqlite=f"SELECT {_USER} FROM users u WHERE u.id = $1",
)
_FIND_USER_BY_EMAIL: Final = Statement(f"SELECT {_USER} FROM users u WHERE u.email_folded = $1")
_LIST_USERS: Final = Statement(f"SELECT {_USER} FROM users u WHERE u.id > $1 ORDER BY u.id LIMIT $2")
_LIST_USERS_OF_TENANT: Final = Statement(
    f"SELECT {_USER} FROM memberships m JOIN users u ON u.id = m.user_id "
    "WHERE m.tenant_id = $1 AND m.user_id > $2 ORDER BY m.user_id LIMIT $3"
)
_INSERT_USER: Final = Statement(
    "INSERT INTO users (id, email, email_folded, name, password_hash, is_super_admin, email_verified_at, "
    "disabled_at, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, $8, $8)"
)
_UPDATE_NAME: Final = Statement("UPDATE users SET name = $2, updated_at = $3 WHERE id = $1")
_UPDATE_PASSWORD: Final = Statement("UPDATE users SET password_hash = $2, updated_at = $3 WHERE id = $1")
_UPDATE_EMAIL: Final = Statement(
    "UPDATE users SET email = $2, email_folded = $3, email_verified_at = $4, updated_at = $4 WHERE id = $1"
)
_CONFIRM_EMAIL: Final = Statement(
    "UPDATE users SET email_verified_at = COALESCE(email_verified_at, $2), updated_at = $2 WHERE id = $1"
)
_DISABLE_USER: Final = Statement(
    "UPDATE users SET disabled_at = $2, updated_at = $2 WHERE id = $1 AND disabled_at IS NULL"
)
_ENABLE_USER: Final = Statement(
    "UPDATE users SET disabled_at = NULL, updated_at = $2 WHERE id = $1 AND disabled_at IS NOT NULL"
)
_WITHDRAW_CODES: Final = Statement("DELETE FROM one_time_codes WHERE user_id = $1")
_FIND_CODE_OWNER: Final = Statement(
    f"SELECT {_USER} FROM one_time_codes c JOIN users u ON u.id = c.user_id "
    "WHERE c.code_hash = $1 AND c.purpose = $2 AND c.used_at IS NULL AND c.expires_at > $3"
)
_LIST_USER_MEMBERSHIPS: Final = Statement(
    "SELECT t.id, m.role, t.settings FROM memberships m JOIN tenants t ON t.id = m.tenant_id "
    "WHERE m.user_id = $1 AND t.disabled_at IS NULL ORDER BY m.created_at, t.id"
)
_LIST_SESSIONS: Final = Statement(
    "SELECT id, address, user_agent, created_at, refreshed_at, current_expires_at, expires_at FROM sessions "
    "WHERE user_id = $1 AND ended_at IS NULL AND current_expires_at > $2 AND id < $3 ORDER BY id DESC LIMIT $4"
)
_FIND_SESSION: Final = Statement("SELECT id FROM sessions WHERE user_id = $1 AND id = $2 AND ended_at IS NULL")

_TAKE_ATTEMPT: Final = Statement(
    "INSERT INTO login_attempts (subject, failures, last_failure_at, locked_until) VALUES ($1, 1, $2, 0) "
    "ON CONFLICT (subject) DO UPDATE SET last_failure_at = $2, "
    "failures = CASE WHEN login_attempts.last_failure_at < $3 THEN 1 ELSE login_attempts.failures + 1 END "
    "WHERE login_attempts.locked_until <= $2 RETURNING failures"
)
_FIND_LOCK: Final = Statement("SELECT locked_until FROM login_attempts WHERE subject = $1")
_LOCK_SUBJECT: Final = Statement("UPDATE login_attempts SET locked_until = $2 WHERE subject = $1")
_FORGET_ATTEMPTS: Final = Statement("DELETE FROM login_attempts WHERE subject = $1")
_GIVE_ATTEMPT_BACK: Final = Statement(
    "UPDATE login_attempts SET failures = failures - 1, "
    "locked_until = CASE WHEN failures - 1 < $2 THEN 0 ELSE locked_until END WHERE subject = $1 AND failures > 0"
)
_PRUNE_ATTEMPTS: Final = Statement("DELETE FROM login_attempts WHERE last_failure_at < $1 AND locked_until < $2")


# Users


async def find_user(reader: Reader, user_id: str) -> User | None:
    """Return a user, disabled or not, or None."""
    row = await reader.fetch_row(_FIND_USER, user_id)
    return None if row is None else _user(row)


async def lock_user(transaction: Transaction, user_id: str) -> User | None:
    """Return a user as they are now, or None, and make other changes of them wait until this one is done."""
    row = await transaction.fetch_row(_LOCK_USER, user_id)
    return None if row is None else _user(row)


async def find_user_by_email(reader: Reader, email: str) -> User | None:
    """Return the user with this e-mail address however it is spelt in upper and lower case, or None."""
    row = await reader.fetch_row(_FIND_USER_BY_EMAIL, fold_email(email))
    return None if row is None else _user(row)


async def list_users(reader: Reader, tenant_id: str | None, *, after: str, limit: int) -> list[User]:
    """Return users in the order of their ids: a tenant's, or for None the whole installation's."""
    if tenant_id is None:
        return [_user(row) for row in await reader.fetch_rows(_LIST_USERS, after, limit)]
    return [_user(row) for row in await reader.fetch_rows(_LIST_USERS_OF_TENANT, tenant_id, after, limit)]


async def insert_user(transaction: Transaction, user: User) -> None:
    """Store a new user.

    Raises:
        DuplicateError: somebody has the e-mail address (``users_email_folded``).
    """
    await transaction.execute(
        _INSERT_USER,
        user.id,
        user.email,
        fold_email(user.email),
        user.name,
        user.password_hash,
        int(user.is_super_admin),
        user.email_verified_at_ms,
        user.created_at_ms,
    )


async def update_name(transaction: Transaction, user_id: str, name: str, now_ms: int) -> None:
    """Give a user another name."""
    await transaction.execute(_UPDATE_NAME, user_id, name, now_ms)


async def update_password(transaction: Transaction, user_id: str, password_hash: str, now_ms: int) -> None:
    """Give a user another password; ending the sessions is the caller's part."""
    await transaction.execute(_UPDATE_PASSWORD, user_id, password_hash, now_ms)


async def update_email(transaction: Transaction, user_id: str, email: str, now_ms: int) -> None:
    """Give a user another, proved e-mail address.

    Raises:
        DuplicateError: somebody else has it (``users_email_folded``).
    """
    await transaction.execute(_UPDATE_EMAIL, user_id, email, fold_email(email), now_ms)


async def confirm_email(transaction: Transaction, user_id: str, now_ms: int) -> None:
    """Record that the user reads letters sent to the account's address."""
    await transaction.execute(_CONFIRM_EMAIL, user_id, now_ms)


async def disable_user(transaction: Transaction, user_id: str, now_ms: int) -> bool:
    """Close an account; False when there is none or it is closed already."""
    return await transaction.execute(_DISABLE_USER, user_id, now_ms) > 0


async def enable_user(transaction: Transaction, user_id: str, now_ms: int) -> bool:
    """Open a closed account again; False when there is none or it is open."""
    return await transaction.execute(_ENABLE_USER, user_id, now_ms) > 0


async def withdraw_codes(transaction: Transaction, user_id: str) -> None:
    """Make every mailed code of a user worthless, a pending change of address among them."""
    await transaction.execute(_WITHDRAW_CODES, user_id)


async def find_code_owner(reader: Reader, code_hash: bytes, *, purpose: str, now_ms: int) -> User | None:
    """Return whom a code that can still be spent was mailed to, or None; the code is not spent."""
    row = await reader.fetch_row(_FIND_CODE_OWNER, code_hash, purpose, now_ms)
    return None if row is None else _user(row)


async def list_user_memberships(reader: Reader, user_id: str) -> list[UserMembership]:
    """Return a user's living tenants, the first joined first."""
    return [_membership(row) for row in await reader.fetch_rows(_LIST_USER_MEMBERSHIPS, user_id)]


# Sessions


async def list_sessions(reader: Reader, user_id: str, *, after: str, limit: int, now_ms: int) -> list[StoredSession]:
    """Return a user's living sessions, the newest first; ``after`` is the last id of the page before, or empty."""
    rows: Sequence[Row] = await reader.fetch_rows(_LIST_SESSIONS, user_id, now_ms, after or "~", limit)
    return [
        StoredSession(
            id=row[0],
            address=row[1],
            user_agent=row[2],
            created_at_ms=row[3],
            refreshed_at_ms=row[4],
            expires_at_ms=row[5],
            ends_at_ms=row[6],
        )
        for row in rows
    ]


async def has_session(reader: Reader, user_id: str, session_id: str) -> bool:
    """Say whether a session is this user's and not ended."""
    return await reader.fetch_row(_FIND_SESSION, user_id, session_id) is not None


# Failed sign-ins


async def take_attempt(transaction: Transaction, subject: str, *, now_ms: int, forgotten_before_ms: int) -> int | None:
    """Count one attempt and return how many there are now; None, and nothing counted, while the subject is locked."""
    row = await transaction.fetch_row(_TAKE_ATTEMPT, subject, now_ms, forgotten_before_ms)
    return None if row is None else int(row[0])


async def find_locked_until_ms(transaction: Transaction, subject: str) -> int:
    """Return when a subject's lock ends, 0 for one that has none."""
    row = await transaction.fetch_row(_FIND_LOCK, subject)
    return 0 if row is None else int(row[0])


async def lock_subject(transaction: Transaction, subject: str, locked_until_ms: int) -> None:
    """Let no attempt of a subject pass before a time."""
    await transaction.execute(_LOCK_SUBJECT, subject, locked_until_ms)


async def forget_attempts(transaction: Transaction, subject: str) -> None:
    """Forget a subject's failures and lift its lock."""
    await transaction.execute(_FORGET_ATTEMPTS, subject)


async def give_attempt_back(transaction: Transaction, subject: str, failures_max: int) -> None:
    """Take one attempt off the count, and lift the lock where the count falls below the bound."""
    await transaction.execute(_GIVE_ATTEMPT_BACK, subject, failures_max)


async def prune_attempts(transaction: Transaction, *, forgotten_before_ms: int, now_ms: int) -> int:
    """Delete what no longer counts and return how many rows that were."""
    return await transaction.execute(_PRUNE_ATTEMPTS, forgotten_before_ms, now_ms)


def _user(row: Row) -> User:
    return User(
        id=row[0],
        email=row[1],
        name=row[2],
        password_hash=row[3],
        is_super_admin=bool(row[4]),
        email_verified_at_ms=row[5],
        disabled_at_ms=row[6],
        created_at_ms=row[7],
    )


def _membership(row: Row) -> UserMembership:
    settings = msgspec.json.decode(row[2], type=TenantSettings)
    return UserMembership(row[0], row[1], settings.session_cookie, settings.require_verified_email)
