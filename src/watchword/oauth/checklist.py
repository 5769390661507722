"""RFC 9700, the best current practice for OAuth's security, as questions to a configuration as it stands.

What the program always does is no question: ``docs/rfc9700.md`` goes through all of it, with the test of each line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Literal

import msgspec

from watchword.config import Settings
from watchword.errors import InvalidFieldsError
from watchword.oauth.models import OAuthClient
from watchword.oauth.redirect_uris import require_redirect_uris
from watchword.setting_kinds import is_loopback

_DAY_MS: Final = 86_400_000
_ROTATION_DAYS: Final = 90
"""What a key's age is held to where nothing rotates it by itself."""

_LATE_DAYS: Final = 2
"""How much older a key may be before somebody should look: the hourly upkeep makes a hundred keys at a time."""

_ACCESS_SECONDS: Final = 3_600
"""A longer access token is worth a word: a signed one is believed until its end, wherever it is verified offline."""

_REFRESH_SECONDS: Final = 366 * 86_400
_WIDE_PREFIX: Final = {4: 8, 6: 32}
"""A network shorter than these is no network of one's own proxies."""

_NOTICE_MS: Final = 3_600_000


class ClientFacts(msgspec.Struct, frozen=True):
    """A living client, and how many of its secrets live, and how many of those have no end."""

    client: OAuthClient
    living_secrets: int
    endless_secrets: int

    @property
    def name(self) -> str:
        """How an operator finds it."""
        return f"{self.client.id} of {self.client.tenant_slug}"


class KeyFacts(msgspec.Struct, frozen=True):
    """A tenant's youngest signing key of an algorithm."""

    tenant_slug: str
    algorithm: str
    active_at_ms: int


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """All that is looked at."""

    settings: Settings
    clients: list[ClientFacts]
    keys: list[KeyFacts]
    has_default_tenant: bool
    notices_waiting_since_ms: int | None
    now_ms: int


class Fault(msgspec.Struct, frozen=True):
    """One answer that falls short: ``note`` where somebody may have decided it so, ``bad`` where nobody should."""

    verdict: Literal["note", "bad"]
    seen: str
    remedy: str


Find = Callable[[Installation], Iterator[Fault]]


class Question(msgspec.Struct, frozen=True):
    """A line of the checklist: the section, and what is seen where nothing falls short."""

    section: str
    good: str
    find: Find


def _transport(found: Installation) -> Iterator[Fault]:
    url = found.settings.url
    if url.startswith("http://") and not is_loopback(url.removeprefix("http://").partition(":")[0]):
        yield Fault("bad", f"the issuer is {url}", "set WATCHWORD_PUBLIC_URL to an https:// URL")
    elif found.settings.public_url is None:
        yield Fault("note", f"tokens name {url} as their issuer", "set WATCHWORD_PUBLIC_URL before clients rely on it")
    slug = found.settings.default_tenant
    if slug is not None and not found.has_default_tenant:
        yield Fault("bad", f"WATCHWORD_DEFAULT_TENANT is {slug}, and no tenant is", "name a tenant's slug")


def _proxies(found: Installation) -> Iterator[Fault]:
    for network in found.settings.behind_proxy:
        if network.prefixlen < _WIDE_PREFIX[network.version]:
            yield Fault(
                "bad",
                f"whoever calls from {network} is believed to be a proxy",
                "set WATCHWORD_BEHIND_PROXY to the proxy's own network, and let it replace X-Forwarded-*",
            )


def _redirect_uris(found: Installation) -> Iterator[Fault]:
    for one in found.clients:
        settings = one.client.settings
        try:
            require_redirect_uris((*settings.redirect_uris, *settings.post_logout_redirect_uris))
        except InvalidFieldsError as error:
            yield Fault("bad", f"{one.name}: {error.message}", _change(one, "--redirect-uri https://…"))


def _pkce(found: Installation) -> Iterator[Fault]:
    for one in found.clients:
        if one.client.settings.pkce_exempt:
            verdict: Literal["note", "bad"] = "note" if one.client.kind == "confidential" else "bad"
            yield Fault(verdict, f"{one.name} need not use PKCE", _change(one, "--set pkce_exempt=false"))


def _implicit(found: Installation) -> Iterator[Fault]:
    for one in found.clients:
        if "implicit" in one.client.grants:
            seen = f"{one.name} may use the implicit grant: its tokens come in URLs"
            yield Fault("note", seen, "move it to authorization_code with PKCE, and take implicit out of its grants")


def _bound_tokens(found: Installation) -> Iterator[Fault]:
    free = [one for one in found.clients if not one.client.settings.dpop_bound]
    if free:
        seen = f"{len(free)} of {len(found.clients)} clients may use tokens that whoever holds them can use"
        yield Fault(
            "note",
            seen,
            "where a client speaks DPoP, set dpop_bound, or the profile fapi2, and its tenant's --dpop-nonces if it answers them",
        )


def _refresh(found: Installation) -> Iterator[Fault]:
    for one in found.clients:
        if "refresh_token" in one.client.grants and one.client.settings.refresh_absolute_seconds > _REFRESH_SECONDS:
            yield Fault(
                "note",
                f"{one.name} stays allowed for over a year",
                _change(one, "--set refresh_absolute_seconds=31536000"),
            )


def _privileges(found: Installation) -> Iterator[Fault]:
    for one in found.clients:
        if one.client.scopes is None:
            yield Fault("note", f"{one.name} may ask for every scope", _change(one, "--scope products:read"))
        if one.client.settings.access_ttl_seconds > _ACCESS_SECONDS:
            minutes = one.client.settings.access_ttl_seconds // 60
            yield Fault(
                "note",
                f"{one.name} gets access tokens of {minutes} minutes",
                _change(one, "--set access_ttl_seconds=600"),
            )


def _authentication(found: Installation) -> Iterator[Fault]:
    confidential = [one for one in found.clients if one.client.kind == "confidential"]
    for one in confidential:
        by_key = one.client.settings.authentication_method == "private_key_jwt"
        if by_key and one.client.settings.jwks is None and one.client.settings.jwks_uri is None:
            yield Fault("bad", f"{one.name} has no key to prove itself with", "give it jwks or jwks_uri")
        elif not by_key and one.living_secrets == 0:
            yield Fault("note", f"{one.name} has no living secret", "add one, or disable the client")
        elif not by_key and one.endless_secrets:
            yield Fault("note", f"{one.name} has {one.endless_secrets} secrets without an end", _rotate(one))
    secret = [one for one in confidential if one.client.settings.authentication_method != "private_key_jwt"]
    if secret:
        seen = f"{len(secret)} of {len(confidential)} confidential clients prove themselves with a secret"
        yield Fault("note", seen, "give those that can private_key_jwt: a key never leaves its owner")


def _origins(found: Installation) -> Iterator[Fault]:
    for one in found.clients:
        for origin in one.client.settings.web_origins:
            if origin.startswith("http://") and not is_loopback(origin.removeprefix("http://").partition(":")[0]):
                yield Fault("bad", f"{one.name} lists the web origin {origin}", "use https://")


def _strangers(found: Installation) -> Iterator[Fault]:
    strangers = [one for one in found.clients if one.client.source != "administrator"]
    if strangers:
        seen = f"{len(strangers)} of {len(found.clients)} clients registered themselves"
        yield Fault("note", seen, "look through watchword clients list now and then")


def _keys(found: Installation) -> Iterator[Fault]:
    days = found.settings.signing_key_days
    if days == 0:
        yield Fault("note", "no key is rotated by its age", "set WATCHWORD_SIGNING_KEY_DAYS, or watchword jwks rotate")
    oldest_ms = found.now_ms - ((days or _ROTATION_DAYS) + _LATE_DAYS) * _DAY_MS
    for key in found.keys:
        if key.active_at_ms < oldest_ms:
            age = (found.now_ms - key.active_at_ms) // _DAY_MS
            seen = f"{key.tenant_slug} signs {key.algorithm} with a key of {age} days"
            yield Fault("bad", seen, f"watchword jwks rotate --tenant {key.tenant_slug}")


def _limits(found: Installation) -> Iterator[Fault]:
    if found.settings.token_requests_per_minute_per_address == 0:
        remedy = "set WATCHWORD_TOKEN_REQUESTS_PER_MINUTE_PER_ADDRESS"
        yield Fault("bad", "nothing bounds guesses at the token endpoint", remedy)


def _notices(found: Installation) -> Iterator[Fault]:
    since_ms = found.notices_waiting_since_ms
    if since_ms is not None and since_ms < found.now_ms - _NOTICE_MS:
        minutes = (found.now_ms - since_ms) // 60_000
        seen = f"a client has waited {minutes} minutes to hear of a session's end"
        yield Fault("note", seen, "see that a server runs, and that it can reach the clients' addresses")


def _change(one: ClientFacts, option: str) -> str:
    return f"watchword clients change {one.client.id} --tenant {one.client.tenant_slug} {option}"


def _rotate(one: ClientFacts) -> str:
    return f"watchword clients rotate {one.client.id} --tenant {one.client.tenant_slug}"


QUESTIONS: Final = (
    Question(
        "§2.1, §4.1 redirect URIs", "each is matched letter for letter and keeps codes from the clear", _redirect_uris
    ),
    Question("§2.1.1, §4.5 PKCE", "every client has to use it", _pkce),
    Question("§2.1.2 implicit grant", "no client may use it", _implicit),
    Question("§2.2.1 bound access tokens", "every client's tokens are bound to its key", _bound_tokens),
    Question("§2.2.2, §4.14 refresh tokens", "they rotate, and every family ends within a year", _refresh),
    Question("§2.3 privileges", "every client is held to its scopes, with short access tokens", _privileges),
    Question("§2.5 client authentication", "every confidential client proves itself with a key", _authentication),
    Question("§2.6 address and TLS", "clients find the server by HTTPS at one lasting address", _transport),
    Question("§4.13 proxies", "what they add is believed from nobody else", _proxies),
    Question("web origins", "none is open to those on the way", _origins),
    Question("clients that registered themselves", "there are none", _strangers),
    Question("signing keys", "none is older than it should be", _keys),
    Question("guessing", "requests to the token endpoint are bounded", _limits),
    Question("session ends", "every client has heard of those it waits for", _notices),
)
"""Sections are those of RFC 9700; questions without one are what its rules stand on."""
