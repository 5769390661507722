"""Private files: their modes, and what a crash or a race leaves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from watchword.data_directory import keep_first_file, keep_master_secret, make_private_directory, write_private_file


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_modes(tmp_path: Path) -> None:
    """Directories are made 0700 and files 0600, whatever the umask allows."""
    directory = tmp_path / "a" / "b"
    make_private_directory(directory)
    make_private_directory(directory)
    write_private_file(directory / "file", b"1")
    keep_master_secret(directory)
    assert (mode(tmp_path / "a"), mode(directory)) == (0o700, 0o700)
    assert {mode(path) for path in directory.iterdir()} == {0o600}


def test_existing_directory_keeps_its_mode(tmp_path: Path) -> None:
    """A directory that the operator made is not changed behind their back."""
    tmp_path.chmod(0o750)
    make_private_directory(tmp_path)
    assert mode(tmp_path) == 0o750


def test_replaced_at_once(tmp_path: Path) -> None:
    """A file is replaced whole, closed to others even if it was open before, and nothing is left beside it."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o644)
    write_private_file(path, b"new")
    assert (path.read_bytes(), mode(path)) == (b"new", 0o600)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_first_writer_wins(tmp_path: Path) -> None:
    """Of many writers at once, all get what the one that won wrote."""
    with ThreadPoolExecutor(16) as pool:
        contents = set(pool.map(lambda number: keep_first_file(tmp_path / "file", b"%d" % number), range(50)))
    assert contents == {(tmp_path / "file").read_bytes()}
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_nothing_left_when_refused(tmp_path: Path) -> None:
    """A file that cannot be put in place leaves no copy of its content."""
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_private_file(tmp_path / "taken", b"secret")
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken"]
