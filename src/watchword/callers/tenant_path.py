"""A tenant's API under a path of its own, ``/t/{slug}/api/…``: the same routes, the tenant named by the path.

It is what a tenant's access tokens are for (RFC 8707 §2), and all that a client has to be told to find the rest.
"""

from __future__ import annotations

import re
from typing import Final

from watchword.errors import MalformedRequestError, NotFoundError
from watchword.wire.request import Request

_SLUG: Final = re.compile(r"[a-z0-9-]{2,63}")
_OF_TENANT: Final = re.compile(rf"/t/({_SLUG.pattern})(/api(?:/.*)?)", re.DOTALL)
_HEADER: Final = b"x-tenant-id"


def enter_tenant_path(request: Request) -> str | None:
    """Make a request to a tenant's own path one to ``/api`` that names the tenant in its header; return the slug.

    None is returned, and nothing changed, where the path names no tenant. Whether there is such a tenant, and whether
    the caller is one of its own, is asked where it is asked of the header.

    Raises:
        MalformedRequestError: the header is there too and differs: which of two would win is a question attackers ask.
    """
    if not request.path.startswith("/t/"):
        return None
    matched = _OF_TENANT.fullmatch(request.path)
    if matched is None:
        return None
    slug, path = matched.groups()
    named = request.header(_HEADER)
    if named not in {None, slug}:
        raise MalformedRequestError("The path names the tenant; leave out the header X-Tenant-ID")
    request.path = path
    request.add_header(_HEADER, slug.encode("ascii"))
    return slug


def require_slug(parameters: dict[str, str]) -> None:
    """Refuse a path that names a tenant as none can be called, before anything is looked up or written of it.

    Raises:
        NotFoundError: it does.
    """
    slug = parameters.get("tenant")
    if slug is not None and _SLUG.fullmatch(slug) is None:
        raise NotFoundError
