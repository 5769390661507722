"""Private files and the directory they live in: made closed to everyone else, written whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PRIVATE_DIRECTORY: Final = 0o700
_PRIVATE_FILE: Final = 0o600

DATABASE_NAME: Final = "watchword.db"
BOOKKEEPING_NAME: Final = "bookkeeping.db"
GENERATIONS_NAME: Final = "generations"
OUTBOX_NAME: Final = "outbox"
MASTER_SECRET_NAME: Final = "secret"  # noqa: S105 - a file's name, not a secret
_MASTER_SECRET_BYTES: Final = 32
"""256 bits: the strength of what is sealed under it."""


def make_private_directory(path: Path) -> None:
    """Make a directory that only its owner can enter; one that exists keeps its mode (``doctor`` reports it)."""
    missing = [step for step in (path, *path.parents) if not step.exists()]
    for step in reversed(missing):
        with contextlib.suppress(FileExistsError):
            step.mkdir(mode=_PRIVATE_DIRECTORY)


def write_private_file(path: Path, content: bytes) -> None:
    """Replace a file's content at once: a reader sees the old or the new, a crash leaves one of them."""
    temporary = _write_beside(path, content)
    try:
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def keep_first_file(path: Path, content: bytes) -> bytes:
    """Write a file unless it exists and return what it holds: of several processes that race, one wins for all."""
    if not path.exists():
        temporary = _write_beside(path, content)
        try:
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)
        finally:
            temporary.unlink()
    return path.read_bytes()


def keep_master_secret(directory: Path) -> str:
    """Return the installation's own master secret, made on the first start."""
    path = directory / MASTER_SECRET_NAME
    return keep_first_file(path, f"{secrets.token_urlsafe(_MASTER_SECRET_BYTES)}\n".encode()).decode("ascii").strip()


@contextlib.contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Keep every other process and thread that asks out of a directory meanwhile."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write_beside(path: Path, content: bytes) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return temporary
