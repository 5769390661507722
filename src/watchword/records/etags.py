"""Entity tags: a document's version as a strong validator, and the conditions that name one (RFC 9110 §8.8.3, §13.1)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from watchword.errors import PreconditionFailedError

_TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


def make_etag(version: int) -> str:
    """Write a version as an entity tag; an id is never given twice, so the version alone tells representations apart."""
    return f'"{version}"'


@lru_cache(maxsize=1024)
def etag_line(version: int) -> bytes:
    """Write the header line of a version; those of documents that changed seldom are kept."""
    return f"etag: {make_etag(version)}\r\n".encode()


def require_match(if_match: str | None, version: int) -> None:
    """Refuse a change that was meant for another version; no header refuses nothing.

    Weak tags never match here (RFC 9110 §13.1.1), and what is no tag at all matches nothing.

    Raises:
        PreconditionFailedError: the header names other versions only.
    """
    if if_match is None or if_match.strip() == "*":
        return
    if not any(not weak and tag == str(version) for weak, tag in _TAG.findall(if_match)):
        raise PreconditionFailedError


def is_unchanged(if_none_match: str | None, version: int) -> bool:
    """Say whether the caller holds this version already; weak tags count here (RFC 9110 §13.1.2)."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or any(tag == str(version) for _, tag in _TAG.findall(if_none_match))
