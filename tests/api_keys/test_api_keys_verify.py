"""The verdict on a key that a tenant's own service was given."""

from __future__ import annotations

import asyncio

import pytest

from support import START_MS
from tenancy import ADMIN, ReadableAudit
from watchword.api_keys.manage import ApiKeyManager
from watchword.api_keys.models import ChangeKey, CreateKey, IssuedKey, KeyToVerify, Verdict
from watchword.api_keys.verify import KeyVerifier
from watchword.credentials.api_key import KeyMode, make_key
from watchword.db.database import Database, Statement
from watchword.errors import InvalidFieldsError
from watchword.tenants.models import Tenant

LATER_MS = START_MS + 1000
NOT_FOUND = Verdict(code="NOT_FOUND")
LAST_USED = Statement("SELECT credential_id FROM credential_usage")


async def make(
    keys: ApiKeyManager, tenant: Tenant, mode: KeyMode = "live", wanted: CreateKey | None = None
) -> IssuedKey:
    wanted = wanted or CreateKey(name="Till", kind="secret")
    return await keys.create(tenant.id, mode, wanted, actor=ADMIN, now_ms=START_MS)


async def verdict(
    verifier: KeyVerifier,
    tenant: Tenant,
    key: str,
    *scopes: str,
    mode: KeyMode | None = None,
    origin: str | None = None,
    address: str | None = None,
    now_ms: int = LATER_MS,
) -> Verdict:
    wanted = KeyToVerify(key=key, scopes=scopes, origin=origin, address=address)
    return await verifier.verify(tenant.id, mode, wanted, now_ms=now_ms)


async def test_a_good_key_is_valid(
    keys: ApiKeyManager, verifier: KeyVerifier, database: Database, acme: Tenant, audit: ReadableAudit
) -> None:
    """The verdict on a good key names it, and its use is noted."""
    wanted = CreateKey(name="Till", kind="secret", scopes=["orders:*"], expires_at="2026-01-07T11:00:00Z")
    issued = await make(keys, acme, "test", wanted)
    assert await verdict(verifier, acme, issued.text, "orders:read", "orders:write") == Verdict(
        code="VALID",
        key_id=issued.record.id,
        kind="secret",
        mode="test",
        scopes=("orders:*",),
        expires_at_ms=START_MS + 3_600_000,
    )
    await audit.writer.flush()
    assert await database.fetch_rows(LAST_USED) == [(issued.record.id,)]


async def test_another_tenants_key_is_unknown(
    keys: ApiKeyManager, verifier: KeyVerifier, acme: Tenant, other: Tenant
) -> None:
    """A key of another tenant, good or ended, answers exactly as one that was never made."""
    good, revoked = await make(keys, other), await make(keys, other)
    await keys.revoke(other.id, revoked.record.id, actor=ADMIN, now_ms=START_MS)
    for key in (good.text, revoked.text, make_key("secret_key", "live"), "sk_live_x", "", "é", good.record.id):
        assert await verdict(verifier, acme, key) == NOT_FOUND


@pytest.mark.parametrize(("mode", "asking", "found"), [("live", "test", 0), ("test", "live", 0), ("test", "test", 1)])
async def test_modes_do_not_meet(
    keys: ApiKeyManager, verifier: KeyVerifier, acme: Tenant, mode: KeyMode, asking: KeyMode, found: int
) -> None:
    """A test key learns nothing of live keys, nor a live one of test keys, whatever became of them."""
    issued = await make(keys, acme, mode)
    assert (await verdict(verifier, acme, issued.text, mode=asking) != NOT_FOUND) is bool(found)
    await keys.revoke(acme.id, issued.record.id, actor=ADMIN, now_ms=START_MS)
    assert (await verdict(verifier, acme, issued.text, mode=asking) != NOT_FOUND) is bool(found)


async def test_ended_keys_say_why(keys: ApiKeyManager, verifier: KeyVerifier, acme: Tenant) -> None:
    """Revoked and disabled keys are DISABLED, ended ones EXPIRED from the very millisecond of their end."""
    revoked, disabled = await make(keys, acme), await make(keys, acme)
    assert (await verdict(verifier, acme, revoked.text)).code == "VALID"
    await keys.revoke(acme.id, revoked.record.id, actor=ADMIN, now_ms=START_MS)
    await keys.change(acme.id, disabled.record.id, ChangeKey(disabled=True), actor=ADMIN, now_ms=START_MS)
    assert await verdict(verifier, acme, revoked.text) == Verdict(code="DISABLED", key_id=revoked.record.id)
    assert await verdict(verifier, acme, disabled.text) == Verdict(code="DISABLED", key_id=disabled.record.id)
    ending = await make(keys, acme, "live", CreateKey(name="A", kind="secret", expires_at=START_MS // 1000 + 1))
    assert (await verdict(verifier, acme, ending.text, now_ms=LATER_MS - 1)).code == "VALID"
    assert (await verdict(verifier, acme, ending.text, now_ms=LATER_MS)).code == "EXPIRED"


@pytest.mark.parametrize(
    ("kind", "held", "wanted", "code"),
    [
        ("secret", None, "orders:write", "VALID"),
        ("secret", ["orders:*"], "orders:write", "VALID"),
        ("secret", ["*:read"], "orders:read", "VALID"),
        ("secret", ["*:read"], "orders:write", "INSUFFICIENT_SCOPE"),
        ("secret", ["orders:read"], "products:read", "INSUFFICIENT_SCOPE"),
        ("secret", [], "products:read", "INSUFFICIENT_SCOPE"),
        ("secret", None, "keys:write", "INSUFFICIENT_SCOPE"),
        ("secret", ["*:*"], "installation:write", "INSUFFICIENT_SCOPE"),
        ("publishable", None, "products:read", "VALID"),
        ("publishable", None, "products:write", "INSUFFICIENT_SCOPE"),
        ("publishable", ["products:write"], "products:write", "INSUFFICIENT_SCOPE"),
    ],
)
async def test_scopes_are_held_to(
    keys: ApiKeyManager,
    verifier: KeyVerifier,
    acme: Tenant,
    kind: str,
    held: list[str] | None,
    wanted: str,
    code: str,
) -> None:
    """A verdict grants what the product itself would: scopes narrow, and a publishable key never writes."""
    created = CreateKey(name="A", kind="secret" if kind == "secret" else "publishable", scopes=held)
    issued = await make(keys, acme, "live", created)
    assert (await verdict(verifier, acme, issued.text, wanted)).code == code


@pytest.mark.parametrize("scope", ["", "orders", "orders:*", "*:read", "orders:destroy"])
async def test_a_wanted_scope_is_one_thing(
    keys: ApiKeyManager, verifier: KeyVerifier, acme: Tenant, scope: str
) -> None:
    """What is wanted of a key must be one resource and one action."""
    issued = await make(keys, acme)
    with pytest.raises(InvalidFieldsError):
        await verdict(verifier, acme, issued.text, scope)


@pytest.mark.parametrize(
    ("origin", "code"),
    [
        ("https://shop.example", "VALID"),
        ("https://shop.example:8443", "ORIGIN_NOT_ALLOWED"),
        ("http://shop.example", "ORIGIN_NOT_ALLOWED"),
        ("https://evil.example", "ORIGIN_NOT_ALLOWED"),
        ("https://shop.example.evil.example", "ORIGIN_NOT_ALLOWED"),
        ("null", "ORIGIN_NOT_ALLOWED"),
        ("", "ORIGIN_NOT_ALLOWED"),
        (None, "ORIGIN_NOT_ALLOWED"),
    ],
)
async def test_origins_are_held_to(
    keys: ApiKeyManager, verifier: KeyVerifier, acme: Tenant, origin: str | None, code: str
) -> None:
    """A key bound to web origins is good for exactly these, and not without one."""
    created = CreateKey(name="A", kind="publishable", allowed_origins=["https://shop.example"])
    issued = await make(keys, acme, "live", created)
    assert (await verdict(verifier, acme, issued.text, origin=origin)).code == code


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("10.1.2.3", "VALID"),
        ("::ffff:10.1.2.3", "VALID"),
        ("2001:db8::5", "VALID"),
        ("11.0.0.1", "NETWORK_NOT_ALLOWED"),
        ("2001:db9::5", "NETWORK_NOT_ALLOWED"),
        ("::ffff:11.0.0.1", "NETWORK_NOT_ALLOWED"),
        ("10.1.2.3, 11.0.0.1", "NETWORK_NOT_ALLOWED"),
        ("localhost", "NETWORK_NOT_ALLOWED"),
        ("", "NETWORK_NOT_ALLOWED"),
        (None, "NETWORK_NOT_ALLOWED"),
    ],
)
async def test_networks_are_held_to(
    keys: ApiKeyManager, verifier: KeyVerifier, acme: Tenant, address: str | None, code: str
) -> None:
    """A key bound to networks is good from these, and not without an address."""
    created = CreateKey(name="A", kind="secret", allowed_networks=["10.0.0.0/8", "2001:db8::/32"])
    issued = await make(keys, acme, "live", created)
    assert (await verdict(verifier, acme, issued.text, address=address)).code == code


async def test_a_keys_own_limit_counts(keys: ApiKeyManager, verifier: KeyVerifier, acme: Tenant) -> None:
    """Of 50 parallel verdicts on a key with a limit of 20 exactly 20 are VALID; refusals take nothing from it."""
    wanted = CreateKey(name="A", kind="secret", rate_limit=20, scopes=["orders:read"])
    issued = await make(keys, acme, "live", wanted)
    refused = await asyncio.gather(*[verdict(verifier, acme, issued.text, "orders:write") for _ in range(50)])
    assert {one.code for one in refused} == {"INSUFFICIENT_SCOPE"}
    given = await asyncio.gather(*[verdict(verifier, acme, issued.text, "orders:read") for _ in range(50)])
    codes = [one.code for one in given]
    assert (codes.count("VALID"), codes.count("RATE_LIMITED")) == (20, 30)
