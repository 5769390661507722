"""Create, list, change, rotate and revoke keys, and what a key proves after each."""

from __future__ import annotations

import asyncio

import pytest

from support import START_MS
from tenancy import ADMIN, ReadableAudit
from watchword.api_keys.manage import ApiKeyManager, PublicKeyError, Rotation
from watchword.api_keys.models import ChangeKey, CreateKey, IssuedKey, RotateKey, WantedKind
from watchword.credentials.api_key import ApiKeyProver, KeyMode, hash_key, is_well_formed, make_key
from watchword.db.database import Database, Statement
from watchword.errors import ConflictError, InvalidFieldsError, NotAuthenticatedError, NotFoundError
from watchword.tenants.models import Tenant

START_S = START_MS // 1000
LATER_MS = START_MS + 60_000
DAY_MS = 24 * 3600 * 1000
EVERYTHING = Statement("SELECT * FROM api_keys")


async def make(
    keys: ApiKeyManager,
    tenant: Tenant,
    kind: WantedKind = "secret",
    mode: KeyMode = "live",
    *,
    expires_at: int | None = None,
) -> IssuedKey:
    wanted = CreateKey(name="Till", kind=kind, expires_at=expires_at)
    return await keys.create(tenant.id, mode, wanted, actor=ADMIN, now_ms=START_MS)


async def is_good(prover: ApiKeyProver, key: str, now_ms: int = LATER_MS) -> bool:
    try:
        await prover.prove(key, now_ms)
    except NotAuthenticatedError:
        return False
    return True


@pytest.mark.parametrize(
    ("kind", "mode", "prefix"),
    [
        ("secret", "live", "sk_live_"),
        ("secret_key", "test", "sk_test_"),
        ("publishable", "live", "pk_live_"),
        ("publishable_key", "test", "pk_test_"),
    ],
)
async def test_a_new_key_proves_what_was_asked(
    keys: ApiKeyManager, prover: ApiKeyProver, acme: Tenant, kind: WantedKind, mode: KeyMode, prefix: str
) -> None:
    """A key has the form of its kind and mode and proves its tenant, kind, mode and scopes."""
    wanted = CreateKey(name="Till", kind=kind, scopes=["products:read"], rate_limit=7, expires_at=START_S + 3600)
    issued = await keys.create(acme.id, mode, wanted, actor=ADMIN, now_ms=START_MS)
    assert issued.text.startswith(prefix)
    assert is_well_formed(issued.text)
    proof = await prover.prove(issued.text, START_MS)
    assert (proof.key_id, proof.tenant_id, proof.mode) == (issued.record.id, acme.id, mode)
    assert proof.kind == ("secret_key" if prefix.startswith("sk") else "publishable_key")
    assert (proof.scopes, proof.rate_limit_per_minute) == (("products:read",), 7)
    assert proof.expires_at_ms == START_MS + 3_600_000


async def test_the_key_is_stored_as_a_hash_only(
    keys: ApiKeyManager, database: Database, acme: Tenant, audit: ReadableAudit
) -> None:
    """Neither database, log, list nor repr has a key's text; its first 12 and last 4 characters stand beside the hash."""
    issued = await make(keys, acme)
    (row,) = await database.fetch_rows(EVERYTHING)
    assert hash_key(issued.text) in [bytes(value) for value in row if isinstance(value, bytes)]
    shown = f"{row} {audit.text()} {await keys.list(acme.id)} {issued!r}"
    assert issued.text not in shown
    assert issued.text[12:-4] not in shown
    (listed,) = await keys.list(acme.id)
    assert (listed.record.first_characters, listed.record.last_characters) == (issued.text[:12], issued.text[-4:])
    assert audit.events() == ["key.created"]


@pytest.mark.parametrize(
    "wanted",
    [
        CreateKey(name="", kind="secret"),
        CreateKey(name="a\x00", kind="secret"),
        CreateKey(name="x" * 101, kind="secret"),
        CreateKey(name="A", kind="secret", scopes=["everything"]),
        CreateKey(name="A", kind="secret", expires_at=START_S),
        CreateKey(name="A", kind="secret", allowed_origins=["https://a.example"]),
        CreateKey(name="A", kind="secret", allowed_networks=["10.0.0.1/8"]),
        CreateKey(name="A", kind="publishable", allowed_networks=["10.0.0.0/8"]),
        CreateKey(name="A", kind="publishable", allowed_origins=["*"]),
    ],
)
async def test_wrong_fields_make_nothing(keys: ApiKeyManager, acme: Tenant, wanted: CreateKey) -> None:
    """A key with a wrong field is refused whole, also where no request was parsed before."""
    with pytest.raises(InvalidFieldsError):
        await keys.create(acme.id, "live", wanted, actor=ADMIN, now_ms=START_MS)
    assert list(await keys.list(acme.id)) == []


async def test_an_unknown_tenant_gets_no_key(keys: ApiKeyManager, acme: Tenant) -> None:
    """A key for a tenant that does not exist is refused."""
    with pytest.raises(NotFoundError):
        await keys.create("ten_x", "live", CreateKey(name="A", kind="secret"), actor=ADMIN, now_ms=START_MS)


async def test_the_list_is_the_tenants_own(
    keys: ApiKeyManager, acme: Tenant, other: Tenant, audit: ReadableAudit
) -> None:
    """A tenant lists its own keys in pages, with when each was last used."""
    made = sorted([(await make(keys, acme)).record.id for _ in range(3)])
    await make(keys, other)
    audit.writer.note_use(made[0], LATER_MS)
    await audit.writer.flush()
    first = await keys.list(acme.id, limit=2)
    rest = await keys.list(acme.id, after=first[-1].record.id, limit=2)
    assert [key.record.id for key in (*first, *rest)] == made
    assert [key.last_used_at_ms for key in (*first, *rest)] == [LATER_MS, None, None]
    assert (await keys.get(acme.id, made[0])).last_used_at_ms == LATER_MS


async def test_another_tenants_key_cannot_be_touched(
    keys: ApiKeyManager, prover: ApiKeyProver, acme: Tenant, other: Tenant
) -> None:
    """Reading, changing, rotating or revoking a key of another tenant is refused and changes nothing."""
    issued = await make(keys, other)
    key_id = issued.record.id
    with pytest.raises(NotFoundError):
        await keys.get(acme.id, key_id)
    with pytest.raises(NotFoundError):
        await keys.change(acme.id, key_id, ChangeKey(disabled=True), actor=ADMIN, now_ms=LATER_MS)
    with pytest.raises(NotFoundError):
        await keys.rotate(acme.id, key_id, RotateKey(), actor=ADMIN, now_ms=LATER_MS)
    with pytest.raises(NotFoundError):
        await keys.revoke(acme.id, key_id, actor=ADMIN, now_ms=LATER_MS)
    assert (await keys.get(other.id, key_id)).record == issued.record
    assert await is_good(prover, issued.text)


async def test_a_change_is_in_force_on_the_next_request(
    keys: ApiKeyManager, prover: ApiKeyProver, acme: Tenant
) -> None:
    """A proof remembered before a change is not used after it: scopes, limit, networks, disabling, enabling."""
    issued = await make(keys, acme)
    key_id = issued.record.id
    assert (await prover.prove(issued.text, LATER_MS)).scopes is None
    change = ChangeKey(name="New", scopes=["orders:read"], rate_limit=9, allowed_networks=["10.0.0.0/8"])
    await keys.change(acme.id, key_id, change, actor=ADMIN, now_ms=LATER_MS)
    proof = await prover.prove(issued.text, LATER_MS)
    assert (proof.scopes, proof.rate_limit_per_minute) == (("orders:read",), 9)
    assert [str(network) for network in proof.allowed_networks] == ["10.0.0.0/8"]
    await keys.change(acme.id, key_id, ChangeKey(disabled=True), actor=ADMIN, now_ms=LATER_MS)
    assert not await is_good(prover, issued.text)
    await keys.change(acme.id, key_id, ChangeKey(disabled=False, scopes=None), actor=ADMIN, now_ms=LATER_MS)
    proof = await prover.prove(issued.text, LATER_MS)
    assert (proof.scopes, proof.rate_limit_per_minute) == (None, 9)


@pytest.mark.parametrize(
    "change",
    [
        ChangeKey(name=""),
        ChangeKey(scopes=["x"]),
        ChangeKey(expires_at=START_S),
        ChangeKey(allowed_origins=["https://a.example"]),
        ChangeKey(name="New", allowed_networks=["x"]),
    ],
)
async def test_wrong_fields_change_nothing(keys: ApiKeyManager, acme: Tenant, change: ChangeKey) -> None:
    """A change with a wrong field is refused whole."""
    issued = await make(keys, acme)
    with pytest.raises(InvalidFieldsError):
        await keys.change(acme.id, issued.record.id, change, actor=ADMIN, now_ms=LATER_MS)
    assert (await keys.get(acme.id, issued.record.id)).record == issued.record


@pytest.mark.parametrize("offset_ms", [-1, 0, 1])
async def test_a_key_ends_at_its_end(keys: ApiKeyManager, prover: ApiKeyProver, acme: Tenant, offset_ms: int) -> None:
    """A key is good until the last millisecond before its end, and not from the end on."""
    issued = await make(keys, acme, expires_at=START_S + 60)
    assert await is_good(prover, issued.text, LATER_MS + offset_ms) is (offset_ms < 0)


async def test_an_ended_key_stays_ended(keys: ApiKeyManager, prover: ApiKeyProver, acme: Tenant) -> None:
    """Neither a change nor a rotation brings a revoked or an expired key back."""
    revoked = await make(keys, acme)
    await keys.revoke(acme.id, revoked.record.id, actor=ADMIN, now_ms=START_MS)
    expired = await make(keys, acme, expires_at=START_S + 60)
    for issued in (revoked, expired):
        for change in (ChangeKey(expires_at=None), ChangeKey(disabled=False), ChangeKey(name="New")):
            with pytest.raises(ConflictError):
                await keys.change(acme.id, issued.record.id, change, actor=ADMIN, now_ms=LATER_MS)
        with pytest.raises(ConflictError):
            await keys.rotate(acme.id, issued.record.id, RotateKey(), actor=ADMIN, now_ms=LATER_MS)
        assert not await is_good(prover, issued.text)


async def test_rotation_overlaps(keys: ApiKeyManager, prover: ApiKeyProver, acme: Tenant, audit: ReadableAudit) -> None:
    """Both keys work until the overlap ends, then the new one alone; it has what the old one had."""
    wanted = CreateKey(name="Till", kind="secret", scopes=["orders:*"], allowed_networks=["10.0.0.0/8"], rate_limit=5)
    old = await keys.create(acme.id, "test", wanted, actor=ADMIN, now_ms=START_MS)
    await prover.prove(old.text, START_MS)
    rotation = await keys.rotate(acme.id, old.record.id, RotateKey(overlap_seconds=3600), actor=ADMIN, now_ms=LATER_MS)
    new = rotation.issued
    end_ms = LATER_MS + 3_600_000
    assert (rotation.old.rotated_to, rotation.old.expires_at_ms) == (new.record.id, end_ms)
    assert (await keys.get(acme.id, old.record.id)).record == rotation.old
    assert await is_good(prover, old.text, end_ms - 1)
    assert not await is_good(prover, old.text, end_ms)
    assert await is_good(prover, new.text, end_ms)
    assert new.text != old.text
    assert new.text.startswith("sk_test_")
    for field in ("name", "kind", "mode", "scopes", "allowed_networks", "rate_limit_per_minute", "expires_at_ms"):
        assert getattr(new.record, field) == getattr(old.record, field)
    assert audit.events() == ["key.created", "key.rotated"]


async def test_rotation_without_overlap_ends_the_old_key_now(
    keys: ApiKeyManager, prover: ApiKeyProver, acme: Tenant
) -> None:
    """With an overlap of 0 the old key, proved a moment ago, is refused on its next request."""
    old = await make(keys, acme)
    assert await is_good(prover, old.text)
    rotation = await keys.rotate(acme.id, old.record.id, RotateKey(overlap_seconds=0), actor=ADMIN, now_ms=LATER_MS)
    assert not await is_good(prover, old.text)
    assert await is_good(prover, rotation.issued.text)


async def test_rotation_never_lengthens_the_old_key(keys: ApiKeyManager, acme: Tenant) -> None:
    """A key that ends before the overlap keeps its end; the new one lives as long as the old one was meant to."""
    old = await make(keys, acme, expires_at=START_S + 3600)
    rotation = await keys.rotate(acme.id, old.record.id, RotateKey(), actor=ADMIN, now_ms=LATER_MS)
    assert rotation.old.expires_at_ms == old.record.expires_at_ms
    assert rotation.issued.record.expires_at_ms == LATER_MS + 3_600_000
    for later in (None, START_S + 7200):
        with pytest.raises(ConflictError):
            await keys.change(acme.id, old.record.id, ChangeKey(expires_at=later), actor=ADMIN, now_ms=LATER_MS)
    earlier = ChangeKey(expires_at=START_S + 120)
    await keys.change(acme.id, old.record.id, earlier, actor=ADMIN, now_ms=LATER_MS)


async def test_a_key_is_rotated_once(keys: ApiKeyManager, acme: Tenant) -> None:
    """Of 50 parallel rotations of one key exactly one succeeds, and one new key is there."""
    old = await make(keys, acme)
    results = await asyncio.gather(
        *[keys.rotate(acme.id, old.record.id, RotateKey(), actor=ADMIN, now_ms=LATER_MS) for _ in range(50)],
        return_exceptions=True,
    )
    assert sum(isinstance(result, Rotation) for result in results) == 1
    assert sum(isinstance(result, ConflictError) for result in results) == 49
    assert len(await keys.list(acme.id)) == 2


async def test_a_disabled_key_is_not_rotated(keys: ApiKeyManager, acme: Tenant) -> None:
    """Rotation does not turn a disabled key into a working one."""
    old = await make(keys, acme)
    await keys.change(acme.id, old.record.id, ChangeKey(disabled=True), actor=ADMIN, now_ms=LATER_MS)
    with pytest.raises(ConflictError):
        await keys.rotate(acme.id, old.record.id, RotateKey(), actor=ADMIN, now_ms=LATER_MS)


async def test_revocation_is_for_ever(keys: ApiKeyManager, prover: ApiKeyProver, acme: Tenant) -> None:
    """A revoked key is refused on its next request; revoking it again succeeds and keeps the first time."""
    issued = await make(keys, acme)
    assert await is_good(prover, issued.text)
    first = await keys.revoke(acme.id, issued.record.id, actor=ADMIN, now_ms=LATER_MS)
    assert not await is_good(prover, issued.text)
    again = await keys.revoke(acme.id, issued.record.id, actor=ADMIN, now_ms=LATER_MS + DAY_MS)
    assert first.revoked_at_ms == again.revoked_at_ms == LATER_MS


async def test_revocation_wins_over_changes_beside_it(keys: ApiKeyManager, prover: ApiKeyProver, acme: Tenant) -> None:
    """A key revoked while 49 changes are under way is revoked after all of them."""
    issued = await make(keys, acme)
    changes = [
        keys.change(
            acme.id, issued.record.id, ChangeKey(disabled=False, name=f"N{number}"), actor=ADMIN, now_ms=LATER_MS
        )
        for number in range(49)
    ]
    revocation = keys.revoke(acme.id, issued.record.id, actor=ADMIN, now_ms=LATER_MS)
    await asyncio.gather(*changes[:25], revocation, *changes[25:], return_exceptions=True)
    assert (await keys.get(acme.id, issued.record.id)).record.revoked_at_ms == LATER_MS
    assert not await is_good(prover, issued.text)


async def test_a_finder_stops_a_leaked_key(
    keys: ApiKeyManager, prover: ApiKeyProver, acme: Tenant, audit: ReadableAudit
) -> None:
    """Whoever holds a secret key's text can revoke it, disabled or not; a second time it is unknown."""
    for disabled in (False, True):
        issued = await make(keys, acme)
        change = ChangeKey(disabled=disabled)
        await keys.change(acme.id, issued.record.id, change, actor=ADMIN, now_ms=LATER_MS)
        await keys.revoke_held(issued.text, address="192.0.2.9", now_ms=LATER_MS)
        assert not await is_good(prover, issued.text)
        assert (await keys.get(acme.id, issued.record.id)).record.revoked_at_ms == LATER_MS
        with pytest.raises(NotAuthenticatedError):
            await keys.revoke_held(issued.text, address="192.0.2.9", now_ms=LATER_MS)
        assert issued.text not in audit.text()


async def test_others_than_a_holder_stop_nothing(keys: ApiKeyManager, prover: ApiKeyProver, acme: Tenant) -> None:
    """An unknown, mistyped, shortened or expired key revokes nothing, and all get one answer."""
    issued = await make(keys, acme, expires_at=START_S + 60)
    guesses = [
        make_key("secret_key", "live"),
        issued.text[:-1],
        issued.text[:-1] + "~",
        issued.record.id,
        "",
        "sk_live_",
    ]
    for guess in guesses:
        with pytest.raises(NotAuthenticatedError):
            await keys.revoke_held(guess, address="192.0.2.9", now_ms=START_MS)
    with pytest.raises(NotAuthenticatedError):
        await keys.revoke_held(issued.text, address="192.0.2.9", now_ms=LATER_MS)
    assert await is_good(prover, issued.text, START_MS)


async def test_a_visitor_cannot_stop_a_site(keys: ApiKeyManager, prover: ApiKeyProver, acme: Tenant) -> None:
    """A publishable key is not revoked by those who can read it, which is everyone; known and unknown answer alike."""
    issued = await make(keys, acme, "publishable")
    for text in (issued.text, make_key("publishable_key", "live")):
        with pytest.raises(PublicKeyError):
            await keys.revoke_held(text, address="192.0.2.9", now_ms=LATER_MS)
    assert await is_good(prover, issued.text)
