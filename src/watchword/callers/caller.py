"""Who is calling, as one small frozen value that all later code works with."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

Mode = Literal["live", "test"]


class CallerKind(StrEnum):
    """What kind of credential proved the caller."""

    USER = "user"
    SECRET_KEY = "secret_key"  # noqa: S105 - the name of a kind, not a secret
    PUBLISHABLE_KEY = "publishable_key"
    CLIENT = "client"


class Role(StrEnum):
    """What a user is to a tenant, or to the installation."""

    TENANT_VIEWER = "tenant-viewer"
    TENANT_EDITOR = "tenant-editor"
    TENANT_ADMIN = "tenant-admin"
    SUPER_ADMIN = "super-admin"


class Caller(msgspec.Struct, frozen=True):
    """The caller of one request.

    Shapes: ``tenant_id`` is empty for a user who belongs to no tenant; ``subject`` is the user's, the key's or the OAuth
    client's id; ``role`` is None for keys and clients; ``scopes`` is None when nothing narrows the caller;
    ``credential_id`` is the session's, the key's or the client's id; ``from_cookie`` says that a browser may have sent
    the credential unasked; ``client_id`` is the OAuth client through which a user, or the client itself, calls.
    """

    kind: CallerKind
    tenant_id: str
    mode: Mode
    subject: str
    role: Role | None
    scopes: tuple[str, ...] | None
    credential_id: str
    from_cookie: bool = False
    client_id: str | None = None
