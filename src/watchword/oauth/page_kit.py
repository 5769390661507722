"""What the pages share: whose they look like, how scopes read in a language, and addresses that lead from one to another."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qs, urlencode

import msgspec
from markupsafe import Markup

from watchword.db.database import Database
from watchword.errors import NotFoundError
from watchword.oauth.models import OFFLINE_ACCESS, OAuthClient
from watchword.oauth.redirect_uris import may_be_registered
from watchword.oauth.scopes import IDENTITY_SCOPES
from watchword.tenants.models import Tenant
from watchword.tenants.queries import find_tenant, find_tenant_by_slug
from watchword.wire.pages import Brand, Language, Pages, Words

_NEXT: Final = re.compile(
    r"(?:/t/[a-z0-9-]{2,63})?/oauth/(?:account|device(?:\?user_code=[A-Za-z0-9-]{1,20})?|authorize\?[!-~]{1,4000})"
)
"""Where signing in may lead to besides a kept request: pages of our own, so that no link leads astray."""

_CLIENT_LINKS: Final = (
    ("policy_uri", "consent.policy"),
    ("tos_uri", "consent.terms"),
    ("client_uri", "consent.site"),
)
"""Where a client explains itself (RFC 7591 §2); its logo is not among them, since a picture can be taken of anybody's."""

_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


class Link(msgspec.Struct, frozen=True):
    """A link that a page shows."""

    href: str
    label: Markup


class PageKit:
    """Makes values that more than one page shows."""

    def __init__(self, database: Database, pages: Pages) -> None:
        self._database = database
        self.pages = pages

    async def get_tenant(self, tenant_id: str) -> Tenant:
        """Return a client's or a member's tenant.

        Raises:
            NotFoundError: it has been deleted meanwhile.
        """
        tenant = await find_tenant(self._database, tenant_id)
        if tenant is None:
            raise NotFoundError
        return tenant

    async def find_tenant_of_path(self, parameters: dict[str, str]) -> Tenant | None:
        """Return the tenant that a page's path names, None at the root.

        Raises:
            NotFoundError: the path names none that lives.
        """
        slug = parameters.get("tenant")
        if slug is None:
            return None
        tenant = await find_tenant_by_slug(self._database, slug)
        if tenant is None or tenant.disabled_at_ms is not None:
            raise NotFoundError
        return tenant

    def scope_texts(self, scopes: tuple[str, ...], language: Language) -> list[str]:
        """Return what each scope allows, as people say it."""
        return [self._scope_text(scope, language) for scope in scopes]

    def client_links(self, client: OAuthClient, language: Language) -> list[Link]:
        """Return the links by which a client tells who it is and how it treats what it gets."""
        say = self.pages.words(language).say
        found = ((getattr(client.settings, field), key) for field, key in _CLIENT_LINKS)
        return [Link(uri, say(key, client=client.name)) for uri, key in found if uri is not None]

    def lasting_texts(
        self, client: OAuthClient, scopes: tuple[str, ...], language: Language, *, in_session: bool
    ) -> list[Markup]:
        """Return how long what a client is allowed lasts (ASVS V10.7.2).

        ``in_session`` says that it is allowed in a browser's session, with which it ends unless it was asked for longer.
        """
        words, settings = self.pages.words(language), client.settings
        is_refreshed = "refresh_token" in client.grants
        longest = settings.refresh_absolute_seconds if is_refreshed else settings.access_ttl_seconds
        texts = [words.say("lasting.at_most", time=_time_text(longest, words))]
        if is_refreshed and settings.refresh_ttl_seconds < longest:
            texts.append(words.say("lasting.unused", time=_time_text(settings.refresh_ttl_seconds, words)))
        if in_session and OFFLINE_ACCESS not in scopes:
            texts.append(words.say("lasting.session"))
        return texts

    def _scope_text(self, scope: str, language: Language) -> str:
        words = self.pages.words(language)
        say = words.say
        if scope in IDENTITY_SCOPES:
            return say(f"scope.{scope}")
        resource, _, action = scope.partition(":")
        if resource == "*":
            return say("scope.all" if action == "*" else f"scope.{action}_all")
        # A tenant's own collections are called what the tenant calls them.
        named = words.texts.get(f"resource.{resource}", resource)
        return say("scope.any" if action == "*" else f"scope.{action}", resource=named)


def brand_of(tenant: Tenant) -> Brand:
    """Return how a tenant looks."""
    return Brand(tenant.name, tenant.settings.logo_url)


def page_path(parameters: dict[str, str], page: str, **query: str | None) -> str:
    """Return the address of a page beside the one that is called: under the same tenant, or at the root as that."""
    tenant = parameters.get("tenant")
    path = f"/oauth/{page}" if tenant is None else f"/t/{tenant}/oauth/{page}"
    named = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(named)}" if named else path


def _time_text(seconds: int, words: Words) -> Markup:
    unit, length = next((unit, length) for unit, length in _UNITS if seconds % length == 0)
    count = seconds // length
    return words.say(f"time.{unit}" if count == 1 else f"time.{unit}s", count=count)


def is_own_page(path: str | None) -> bool:
    """Say whether an address is one of the pages that signing in may lead to."""
    return path is not None and _NEXT.fullmatch(path) is not None


def targets_behind(path: str | None) -> tuple[str, ...]:
    """Return where a page of ours sends the browser in turn: to the client, where it is the authorization endpoint."""
    page, _, query = (path or "").partition("?")
    if not page.endswith("/oauth/authorize"):
        return ()
    # Not looked up, as nobody says here whose it is: no more than its scheme gets into the policy, and none of a script.
    return (*filter(may_be_registered, parse_qs(query).get("redirect_uri", ())), "https:")
