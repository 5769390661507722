"""The guarantees of ``credentials/api_key.py``."""

from __future__ import annotations

import ipaddress
import string
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credentials.world import Run, World
from watchword.credentials.api_key import (
    KEY_CHARACTERS,
    KEY_PREFIXES,
    ApiKeyProver,
    KeyKind,
    KeyMode,
    has_key_shape,
    hash_key,
    is_well_formed,
    make_key,
)
from watchword.db.database import Statement
from watchword.db.generations import Generations
from watchword.errors import InternalError, NotAuthenticatedError, UnavailableError

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
KINDS: tuple[tuple[KeyKind, KeyMode, str], ...] = (
    ("secret_key", "live", "sk_live_"),
    ("secret_key", "test", "sk_test_"),
    ("publishable_key", "live", "pk_live_"),
    ("publishable_key", "test", "pk_test_"),
)


async def require_refused(world: World, key: str, reason: str, *, now_ms: int | None = None) -> None:
    """Require the one public answer, from memory and anew, and the private reason."""
    at_ms = world.now_ms if now_ms is None else now_ms
    for keys in (world.keys, world.keys, ApiKeyProver(world.database, world.cache(), world.generations)):
        with pytest.raises(NotAuthenticatedError) as refusal:
            await keys.prove(key, at_ms)
        assert refusal.value.message == NotAuthenticatedError.sentence
        assert refusal.value.extensions == {}
        assert key not in refusal.value.cause or not key
        verdict = await keys.find(key, at_ms)
        assert verdict.reason == reason
        assert verdict.proof is None


# Form


@pytest.mark.parametrize(("kind", "mode", "prefix"), KINDS)
def test_made_key_has_the_form(kind: KeyKind, mode: KeyMode, prefix: str) -> None:
    """A key has its prefix, 30 random base62 characters and the checksum of all before it, and no other character."""
    made = {make_key(kind, mode) for _ in range(300)}
    assert len(made) == 300
    for key in made:
        assert key.startswith(prefix)
        assert len(key) == KEY_CHARACTERS
        assert set(key[8:]) <= set(BASE62)
        number = sum(BASE62.index(character) * 62**place for place, character in enumerate(reversed(key[-6:])))
        assert number == crc32(key[:-6].encode())
        assert is_well_formed(key)
        assert has_key_shape(key)
    assert prefix in KEY_PREFIXES


@given(st.data())
def test_any_mistyped_character_is_noticed(data: st.DataObject) -> None:
    """A key with one character replaced, or two neighbours exchanged, is not well formed."""
    kind, mode, _ = data.draw(st.sampled_from(KINDS))
    key = make_key(kind, mode)
    place = data.draw(st.integers(8, KEY_CHARACTERS - 1))
    other = BASE62[(BASE62.index(key[place]) + data.draw(st.integers(1, len(BASE62) - 1))) % len(BASE62)]
    assert not is_well_formed(key[:place] + other + key[place + 1 :])
    exchanged = key[: place - 1] + key[place] + key[place - 1] + key[place + 1 :]
    if place > 8 and exchanged != key:
        assert not is_well_formed(exchanged)


@given(st.text(max_size=150))
def test_any_text_can_be_judged(text: str) -> None:
    """Whatever comes after a prefix, or instead of one, is judged and never an error."""
    assert isinstance(is_well_formed(text), bool)
    for prefix in KEY_PREFIXES:
        if is_well_formed(prefix + text):
            assert 20 <= len(prefix + text) <= 128
            assert (prefix + text).isascii()
            assert len(prefix + text) != KEY_CHARACTERS or (prefix + text).isalnum() is False


@given(st.sampled_from(KEY_PREFIXES), st.text(BASE62 + "_", min_size=12, max_size=120))
def test_keys_of_older_forms_are_opaque(prefix: str, rest: str) -> None:
    """What follows the prefix in another length than today's may be any key characters."""
    if len(rest) != KEY_CHARACTERS - len(prefix):
        assert is_well_formed(prefix + rest)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sk_live_",
        "sk_live_" + "0" * 36,
        "sk_live_" + "0" * 11,
        "sk_live_" + "0" * 121,
        "sk_live_" + "0" * 39 + "-",
        "sk_live_" + "0" * 39 + "\n",
        "sk_live_" + "0" * 39 + "\u0663",
        "sk_live_" + "0" * 39 + "\u017f",
        "sk_prod_" + "0" * 40,
        "SK_LIVE_" + "0" * 40,
        " sk_live_" + "0" * 40,
        "xk_live_" + "0" * 40,
    ],
)
def test_what_is_no_key_is_not_well_formed(text: str) -> None:
    """Another prefix, length or character makes a text no key, and a wrong checksum too."""
    assert not is_well_formed(text)


@pytest.mark.parametrize("text", ["", "sk_", "sk_live", "eyJ.a.b", "SK_LIVE_x", " sk_live_x", "rk_live_x"])
def test_other_credentials_have_not_the_shape(text: str) -> None:
    """Only the four prefixes make a credential an API key."""
    assert not has_key_shape(text)


# Proof


@pytest.mark.parametrize(("kind", "mode", "prefix"), KINDS)
def test_key_proves_what_is_stored(each_world: World, run: Run[Any], kind: KeyKind, mode: KeyMode, prefix: str) -> None:
    """A key proves its tenant, kind, mode and whatever narrows it, the first time and from memory."""

    async def scenario() -> None:
        tenant_id = await each_world.tenant(
            plan="pro", allowed_origins=("https://tenant.example",), requests_per_minute=8, requests_per_hour=9
        )
        key_id, key = await each_world.key(
            tenant_id,
            kind,
            mode,
            scopes=("products:read",),
            allowed_origins=("https://shop.example",),
            allowed_networks=("192.0.2.0/24", "2001:db8::/32"),
            rate_limit_per_minute=7,
            expires_at_ms=each_world.now_ms + 1,
        )
        for _ in range(2):
            proof = await each_world.keys.prove(key, each_world.now_ms)
            assert (proof.key_id, proof.tenant_id, proof.kind, proof.mode) == (key_id, tenant_id, kind, mode)
            assert proof.scopes == ("products:read",)
            assert proof.allowed_origins == ("https://shop.example",)
            assert proof.allowed_networks == (
                ipaddress.ip_network("192.0.2.0/24"),
                ipaddress.ip_network("2001:db8::/32"),
            )
            assert (proof.rate_limit_per_minute, proof.expires_at_ms) == (7, each_world.now_ms + 1)
            assert (proof.plan, proof.tenant_origins) == ("pro", ("https://tenant.example",))
            assert (proof.requests_per_minute, proof.requests_per_hour) == (8, 9)
            assert proof.tenant_slug == tenant_id.replace("_", "-")
            verdict = await each_world.keys.find(key, each_world.now_ms)
            assert (verdict.reason, verdict.proof, verdict.tenant_id) == ("VALID", proof, tenant_id)

    run(scenario())


def test_no_scopes_differs_from_none(world: World, run: Run[Any]) -> None:
    """A key with an empty list of scopes may do nothing; only a key without a list is not narrowed."""

    async def scenario() -> None:
        tenant_id = await world.tenant()
        _, narrowed = await world.key(tenant_id, scopes=())
        _, free = await world.key(tenant_id)
        assert (await world.keys.prove(narrowed, world.now_ms)).scopes == ()
        assert (await world.keys.prove(free, world.now_ms)).scopes is None

    run(scenario())


def test_key_of_an_older_form_is_proved(world: World, run: Run[Any]) -> None:
    """A stored key without today's length is found."""

    async def scenario() -> None:
        key_id, key = await world.key(await world.tenant(), text="sk_live_" + "older_form" * 3)
        assert (await world.keys.prove(key, world.now_ms)).key_id == key_id

    run(scenario())


@pytest.mark.parametrize(
    "make",
    [
        lambda key: "",
        lambda key: key[:-1],
        lambda key: key + "0",
        lambda key: key + " ",
        lambda key: key.swapcase(),
        lambda key: key[:-1] + ("0" if key[-1] != "0" else "1"),
        lambda key: make_key("secret_key", "live"),
        lambda key: "pk" + key[2:],
        lambda key: key.replace("live", "test"),
        lambda key: key + "\u00e9",
        lambda key: key + "\ud800",
        lambda key: "sk_live_" + "0" * 1_000_000,
        lambda key: "sk_live_" + "0" * 40,
        lambda key: hash_key(key).hex(),
    ],
)
def test_wrong_key_is_refused(world: World, run: Run[Any], make: Any) -> None:  # noqa: ANN401 - a row's lambda
    """A key that differs in anything from the stored one is unknown, also while the good one is remembered."""

    async def scenario() -> None:
        _, key = await world.key(await world.tenant())
        await world.keys.prove(key, world.now_ms)
        await require_refused(world, make(key), "NOT_FOUND")

    run(scenario())


def test_mistyped_key_is_refused_without_the_database(each_world: World, run: Run[Any]) -> None:
    """A wrong checksum is noticed with no database at all; a right one needs it and gets 503."""

    async def scenario() -> None:
        await each_world.database.close()
        with pytest.raises(NotAuthenticatedError):
            await each_world.keys.prove("sk_live_" + "0" * 36, each_world.now_ms)
        with pytest.raises(UnavailableError):
            await each_world.keys.prove(make_key("secret_key", "live"), each_world.now_ms)
        with pytest.raises(UnavailableError):
            await each_world.keys.find(make_key("secret_key", "live"), each_world.now_ms)

    run(scenario())


@pytest.mark.parametrize("column", ["disabled_at", "revoked_at"])
def test_dead_key_is_refused_at_once(each_world: World, run: Run[Any], column: str) -> None:
    """A key that is disabled or revoked is refused at the next request though it was remembered."""

    async def scenario() -> None:
        key_id, key = await each_world.key(await each_world.tenant())
        await each_world.keys.prove(key, each_world.now_ms)
        await each_world.change(f"UPDATE api_keys SET {column} = 1 WHERE id = $1", key_id, withdraw=(f"key:{key_id}",))
        await require_refused(each_world, key, "DISABLED")

    run(scenario())


def test_key_of_a_disabled_tenant_is_refused_at_once(each_world: World, run: Run[Any]) -> None:
    """All keys of a tenant end with it."""

    async def scenario() -> None:
        tenant_id = await each_world.tenant()
        _, key = await each_world.key(tenant_id)
        await each_world.keys.prove(key, each_world.now_ms)
        await each_world.change(
            "UPDATE tenants SET disabled_at = 1 WHERE id = $1", tenant_id, withdraw=(f"tenant:{tenant_id}",)
        )
        await require_refused(each_world, key, "DISABLED")

    run(scenario())


def test_change_of_the_tenant_is_in_force_at_once(world: World, run: Run[Any]) -> None:
    """A new plan counts for the next request of every key."""

    async def scenario() -> None:
        tenant_id = await world.tenant()
        _, key = await world.key(tenant_id)
        assert (await world.keys.prove(key, world.now_ms)).plan == "free"
        await world.change(
            "UPDATE tenants SET plan = 'pro' WHERE id = $1", tenant_id, withdraw=(f"tenant:{tenant_id}",)
        )
        assert (await world.keys.prove(key, world.now_ms)).plan == "pro"

    run(scenario())


@pytest.mark.parametrize("is_remembered", [True, False])
def test_key_ends_exactly_at_its_end(each_world: World, run: Run[Any], is_remembered: bool) -> None:  # noqa: FBT001 - a row
    """A key is good until the millisecond before ``expires_at`` and dead at it and after it."""

    async def scenario() -> None:
        end_ms = each_world.now_ms + 5000
        _, key = await each_world.key(await each_world.tenant(), expires_at_ms=end_ms)
        if is_remembered:
            await each_world.keys.prove(key, each_world.now_ms)
        await each_world.keys.prove(key, end_ms - 1)
        assert (await each_world.keys.find(key, end_ms - 1)).reason == "VALID"
        await require_refused(each_world, key, "EXPIRED", now_ms=end_ms)
        await require_refused(each_world, key, "EXPIRED", now_ms=end_ms + 1)

    run(scenario())


def test_verdict_names_the_tenant_it_may_be_told_to(world: World, run: Run[Any]) -> None:
    """A verdict on a dead key still says whose it was, so that no other tenant need learn that it exists."""

    async def scenario() -> None:
        tenant_id = await world.tenant()
        key_id, key = await world.key(tenant_id, expires_at_ms=world.now_ms)
        verdict = await world.keys.find(key, world.now_ms)
        assert (verdict.reason, verdict.tenant_id, verdict.key_id) == ("EXPIRED", tenant_id, key_id)
        unknown = await world.keys.find(make_key("secret_key", "live"), world.now_ms)
        assert (unknown.reason, unknown.tenant_id, unknown.key_id) == ("NOT_FOUND", "", "")

    run(scenario())


def test_withdrawal_by_another_process_is_in_force_here(world: World, run: Run[Any], tmp_path: Path) -> None:
    """A process that shares only the file of generations drops a key that it remembers."""

    async def scenario() -> None:
        key_id, key = await world.key(await world.tenant())
        await world.keys.prove(key, world.now_ms)
        other = Generations(tmp_path / "generations")
        await world.change("UPDATE api_keys SET revoked_at = 1")
        await world.keys.prove(key, world.now_ms)
        other.bump((f"key:{key_id}",))
        await require_refused(world, key, "DISABLED")
        other.close()

    run(scenario())


def test_nothing_remembered_is_used_without_news(world: World, run: Run[Any]) -> None:
    """While news of withdrawals does not arrive, each request asks the database."""

    async def scenario() -> None:
        _, key = await world.key(await world.tenant())
        await world.keys.prove(key, world.now_ms)
        await world.change("UPDATE api_keys SET revoked_at = 1")
        world.generations.set_trusted(False)
        await require_refused(world, key, "DISABLED")

    run(scenario())


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE api_keys SET scopes = '{'",
        "UPDATE api_keys SET allowed_origins = '[1]'",
        "UPDATE api_keys SET allowed_networks = '[\"everywhere\"]'",
        "UPDATE tenants SET settings = 'none'",
    ],
)
def test_unreadable_row_is_no_success(world: World, run: Run[Any], change: str) -> None:
    """A stored list that cannot be read never means that nothing narrows the key."""

    async def scenario() -> None:
        _, key = await world.key(await world.tenant())
        await world.change(change)
        with pytest.raises(InternalError):
            await world.keys.prove(key, world.now_ms)

    run(scenario())


def test_key_is_stored_as_a_hash_only(each_world: World, run: Run[Any]) -> None:
    """The row holds the key's hash, first 12 and last 4 characters, and not the key."""

    async def scenario() -> None:
        _, key = await each_world.key(await each_world.tenant())
        [row] = await each_world.database.fetch_rows(Statement("SELECT * FROM api_keys"))
        assert key not in str(row)
        assert key[12:-4] not in str(row)
        assert hash_key(key) in list(row)

    run(scenario())
