"""The subject that names what ended where no row is left to tell whose it was."""

from __future__ import annotations

from typing import Final

import msgspec

_PREFIX: Final = "ended:"


class EndedSubject(msgspec.Struct, frozen=True):
    """Something that ended: ``kind`` and ``id`` name it, ``mode`` and ``user_id`` are empty where it has none."""

    tenant_id: str
    mode: str
    kind: str
    id: str
    user_id: str = ""

    def text(self) -> str:
        """Return the subject to withdraw."""
        return f"{_PREFIX}{self.tenant_id}:{self.mode}:{self.kind}:{self.user_id}:{self.id}"


def read_ended_subject(subject: str) -> EndedSubject | None:
    """Read such a subject back; None for every other."""
    if not subject.startswith(_PREFIX):
        return None
    tenant_id, mode, kind, user_id, id_ = subject.removeprefix(_PREFIX).split(":", 4)
    return EndedSubject(tenant_id, mode, kind, id_, user_id)
