"""What the process keeps of memory that nobody uses any more: how often it is looked for, and who has it then.

The C library keeps what was given back to it: on glibc, and elsewhere nothing is done about it. glibc gives each thread
an arena, and what a thread frees at the top of its own is not given to the system: every thread that hashes passwords
would hold its block for ever. In one arena for all, what is free can be given back.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import sys
from collections.abc import Iterator
from typing import Final

_ARENA_MAX: Final = -8
"""``M_ARENA_MAX`` of malloc.h."""

_OBJECTS_BETWEEN_COLLECTIONS: Final = 10_000
"""How many more objects are made than freed before cycles are looked for. Requests that wait at one time hold some of
each: with Python's 700 a tenth of an opaque token's time went into looking (``bench/answer.py``), and nothing was found.
What may wait for it meanwhile are a few MiB."""


@contextlib.contextmanager
def collected_seldom() -> Iterator[None]:
    """Look for cycles less often while this lasts, and never again among what is there already; enter it behind the start.

    What the start made lives as long as the process, and looking through all of it would hold every request.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def share_one_arena() -> None:
    """Let all threads take memory from one arena; call it before there are any, since what they have they keep.

    Measured: Argon2 in two threads is as fast, since it asks for memory twice in its 20 ms; Python asks under its lock.
    """
    library = _find_glibc()
    if library is not None:
        library.mallopt(_ARENA_MAX, 1)


def give_back() -> None:
    """Give what is free to the system: 3 ms after two hashes. Their next use of it costs half a hash more."""
    library = _find_glibc()
    if library is not None:
        library.malloc_trim(0)


@functools.cache
def _find_glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") and hasattr(library, "mallopt") else None
