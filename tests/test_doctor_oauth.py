"""The doctor's walk through OAuth's checklist: what it finds on a configuration as it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from oauth_world import add_client
from support import START_MS, SetClock
from watchword.app import Application
from watchword.config import Settings, load_settings
from watchword.db.database import Statement, Transaction
from watchword.doctor import Finding
from watchword.doctor_oauth import examine_oauth
from watchword.oauth.models import ClientSettings
from watchword.tenants.actor import OPERATOR
from watchword.tenants.models import CreateTenant

DAY_MS = 86_400_000
STRICT: dict[str, Any] = {
    "authentication_method": "private_key_jwt",
    "jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]},
    "redirect_uris": ("https://client.example/callback",),
    "dpop_bound": True,
}


def names_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


def settings_of(directory: Path, **texts: str) -> Settings:
    given = {"WATCHWORD_PUBLIC_URL": "https://auth.example", **texts}
    return load_settings({}, directory, {"WATCHWORD_DATA": str(directory / "data"), **given})


async def inhabit(where: Settings, clock: SetClock, client: dict[str, Any] | None = None) -> str:
    """Make a tenant with a client, strict but for what is given, and a signing key; return the client's id."""
    application = await Application.open(where, clock=clock)
    try:
        wanted = CreateTenant(name="Shop", slug="shop")
        tenant = await application.tenants.create(wanted, actor=OPERATOR, now_ms=clock.now_ms())
        await application.oauth.id_tokens._keys.signing_key(tenant.id, "EdDSA", clock.now_ms())
        fields = {"grants": ("authorization_code",), "scopes": ("openid",), **(client or {})}
        fields["settings"] = ClientSettings(**{**STRICT, **fields.get("settings", {})})
        return await add_client(application, tenant.id, **fields)
    finally:
        await application.close()


async def change(settings: Settings, text: str) -> None:
    async def work(tx: Transaction) -> None:
        await tx.execute(Statement(text))

    application = await Application.open(settings)
    await application.database.transaction(work)
    await application.close()


def section_of(finding: Finding) -> str:
    return finding.subject.split()[0].rstrip(",")


async def faults(settings: Settings, clock: SetClock) -> list[tuple[str, str]]:
    """Return section and verdict of each answer that is not good."""
    found = await examine_oauth(settings, clock)
    return [(section_of(finding), finding.verdict) for finding in found if finding.verdict != "good"]


async def test_a_strict_configuration_has_no_fault(tmp_path: Path) -> None:
    """Where everything is as RFC 9700 recommends, every question is answered well."""
    settings, clock = settings_of(tmp_path), SetClock()
    await inhabit(settings, clock)
    found = await examine_oauth(settings, clock)
    assert [finding for finding in found if finding.verdict != "good"] == []
    assert len(found) == 14


SHORT = [
    ({"settings": {"pkce_exempt": True}}, "§2.1.1", "note"),
    ({"settings": {"pkce_exempt": True}, "kind": "public"}, "§2.1.1", "bad"),
    ({"grants": ("implicit",)}, "§2.1.2", "note"),
    ({"settings": {"redirect_uris": ("http://client.example/callback",)}}, "§2.1", "bad"),
    ({"settings": {"redirect_uris": ("https://*.example/callback",)}}, "§2.1", "bad"),
    ({"settings": {"post_logout_redirect_uris": ("http://client.example/",)}}, "§2.1", "bad"),
    ({"settings": {"dpop_bound": False}}, "§2.2.1", "note"),
    (
        {"grants": ("authorization_code", "refresh_token"), "settings": {"refresh_absolute_seconds": 367 * 86_400}},
        "§2.2.2",
        "note",
    ),
    ({"scopes": None}, "§2.3", "note"),
    ({"settings": {"access_ttl_seconds": 3_601}}, "§2.3", "note"),
    ({"settings": {"jwks": None}}, "§2.5", "bad"),
    ({"settings": {"authentication_method": None}}, "§2.5", "note"),
    ({"settings": {"authentication_method": None}, "secret_expires_at_ms": START_MS - 1}, "§2.5", "note"),
    ({"settings": {"web_origins": ("http://shop.example",)}}, "web", "bad"),
]


@pytest.mark.parametrize(("client", "section", "verdict"), SHORT)
async def test_what_a_client_falls_short_of(tmp_path: Path, client: dict[str, Any], section: str, verdict: str) -> None:
    """Each weakness of a client is found under its section, named with the client or counted, and nothing else is."""
    settings, clock = settings_of(tmp_path), SetClock()
    client_id = await inhabit(settings, clock, client)
    found = [finding for finding in await examine_oauth(settings, clock) if finding.verdict != "good"]
    assert {(section_of(finding), finding.verdict) for finding in found} == {(section, verdict)}
    assert all(finding.remedy for finding in found)
    assert any(client_id in finding.seen or " of 1 " in finding.seen for finding in found)


@pytest.mark.parametrize(
    "client",
    [
        {"settings": {"redirect_uris": ("http://127.0.0.1/callback", "com.example.app:/callback")}, "kind": "public"},
        {"settings": {"web_origins": ("http://localhost:3000",)}},
        {"settings": {"access_ttl_seconds": 3_600}},
        {"settings": {"refresh_absolute_seconds": 366 * 86_400}, "grants": ("refresh_token",)},
    ],
)
async def test_what_is_within_bounds_is_no_fault(tmp_path: Path, client: dict[str, Any]) -> None:
    """Loopback addresses, an application's own scheme and lives up to their bounds are as they should be."""
    settings, clock = settings_of(tmp_path), SetClock()
    await inhabit(settings, clock, client)
    assert await faults(settings, clock) == []


@pytest.mark.parametrize(
    ("texts", "section", "verdict"),
    [
        ({"WATCHWORD_PUBLIC_URL": ""}, "§2.6", "note"),
        (
            {"WATCHWORD_PUBLIC_URL": "", "WATCHWORD_HOST": "192.0.2.1", "WATCHWORD_BEHIND_PROXY": "10.0.0.0/8"},
            "§2.6",
            "bad",
        ),
        ({"WATCHWORD_DEFAULT_TENANT": "nobody"}, "§2.6", "bad"),
        ({"WATCHWORD_BEHIND_PROXY": "0.0.0.0/0"}, "§4.13", "bad"),
        ({"WATCHWORD_SIGNING_KEY_DAYS": "0"}, "signing", "note"),
        ({"WATCHWORD_TOKEN_REQUESTS_PER_MINUTE_PER_ADDRESS": "0"}, "guessing", "bad"),
    ],
)
async def test_what_the_settings_fall_short_of(
    tmp_path: Path, texts: dict[str, str], section: str, verdict: str
) -> None:
    """Each setting that weakens the server is found, with what to set instead."""
    clock = SetClock()
    await inhabit(settings_of(tmp_path), clock)
    assert await faults(settings_of(tmp_path, **texts), clock) == [(section, verdict)]


@pytest.mark.parametrize(("days", "count"), [(92, 0), (93, 1)])
async def test_old_keys(tmp_path: Path, days: int, count: int) -> None:
    """A key that its upkeep should have rotated days ago is named with the command that does it."""
    settings, clock = settings_of(tmp_path), SetClock()
    await inhabit(settings, clock)
    clock.advance(days * DAY_MS)
    found = [finding for finding in await examine_oauth(settings, clock) if finding.verdict == "bad"]
    wanted = Finding(
        "signing keys", "bad", "shop signs EdDSA with a key of 93 days", "watchword jwks rotate --tenant shop"
    )
    assert found == [wanted] * count


async def test_clients_of_their_own_making(tmp_path: Path) -> None:
    """Clients that registered themselves are counted."""
    settings, clock = settings_of(tmp_path), SetClock()
    await inhabit(settings, clock)
    await change(settings, "UPDATE oauth_clients SET source = 'registration'")
    assert await faults(settings, clock) == [("clients", "note")]


async def test_disabled_clients_are_nobodys_business(tmp_path: Path) -> None:
    """What cannot be used any more weakens nothing."""
    settings, clock = settings_of(tmp_path), SetClock()
    await inhabit(settings, clock, {"grants": ("implicit",)})
    await change(settings, "UPDATE oauth_clients SET disabled_at = 1")
    assert await faults(settings, clock) == []


async def test_many_of_a_kind_are_counted(tmp_path: Path) -> None:
    """A question names twenty clients and counts the rest."""
    settings, clock = settings_of(tmp_path), SetClock()
    await inhabit(settings, clock, {"grants": ("implicit",)})
    application = await Application.open(settings, clock=clock)
    [tenant] = await application.tenants.list_all()
    for _ in range(22):
        await add_client(
            application, tenant.id, grants=("implicit",), scopes=("openid",), settings=ClientSettings(**STRICT)
        )
    await application.close()
    found = [finding for finding in await examine_oauth(settings, clock) if finding.subject.startswith("§2.1.2")]
    assert len(found) == 21
    assert found[-1].seen == "and 3 more of this kind"


async def test_nothing_is_made(tmp_path: Path) -> None:
    """On an empty directory there is nothing to look at, and nothing is made."""
    assert [finding.verdict for finding in await examine_oauth(settings_of(tmp_path), SetClock())] == ["note"]
    assert names_in(tmp_path) == []


async def test_a_database_of_before(tmp_path: Path) -> None:
    """A database that was not brought up to date is said to be so, and not changed."""
    settings = settings_of(tmp_path)
    settings.data_directory.mkdir(mode=0o700)
    (settings.data_directory / "watchword.db").touch(mode=0o600)
    [found] = await examine_oauth(settings, SetClock())
    assert (found.verdict, "watchword migrate" in found.remedy) == ("bad", True)


async def test_postgres(tmp_path: Path, postgres_url: str) -> None:
    """The same walk on PostgreSQL."""
    settings, clock = settings_of(tmp_path, WATCHWORD_DATABASE_URL=postgres_url), SetClock()
    await inhabit(settings, clock, {"settings": {"pkce_exempt": True}})
    assert await faults(settings, clock) == [("§2.1.1", "note")]
