"""The guarantees of ``credentials/issuer_keys.py``: which key signs when, which are known, and for how long."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from support import START_MS
from tenancy import make_tenant
from watchword.credentials.issuer_keys import PUBLISHED_AHEAD_MS, IssuerKey, IssuerKeys, state_of
from watchword.credentials.signing import SIGNING_ALGORITHMS, SigningAlgorithm, is_signature
from watchword.db.database import Database, Statement, Transaction
from watchword.db.generations import Generations
from watchword.errors import UnavailableError, WrongMasterSecretError
from watchword.tenants.models import Tenant

pytestmark = pytest.mark.anyio

MASTER_SECRET = b"m" * 32
LIFE_SECONDS = 86_400
DAY_MS = 86_400_000
CHANGE_MS = START_MS + PUBLISHED_AHEAD_MS
END_MS = CHANGE_MS + LIFE_SECONDS * 1000


def process(database: Database, generations: Generations, secret: bytes = MASTER_SECRET) -> IssuerKeys:
    """Return the keys as a process of their own sees them."""
    return IssuerKeys(database, generations, secret, longest_life_seconds=LIFE_SECONDS)


@pytest.fixture
def keys(database: Database, generations: Generations) -> IssuerKeys:
    return process(database, generations)


@pytest.fixture
def other(database: Database, generations: Generations) -> IssuerKeys:
    """The same keys in another process of the node."""
    return process(database, generations)


@pytest.fixture
async def tenant(database: Database) -> Tenant:
    return await make_tenant(database)


async def signing(keys: IssuerKeys, tenant: Tenant, now_ms: int, algorithm: SigningAlgorithm = "EdDSA") -> IssuerKey:
    return await keys.signing_key(tenant.id, algorithm, now_ms)


async def published(keys: IssuerKeys, tenant: Tenant, now_ms: int) -> list[str]:
    return [key.id for key in await keys.published(tenant.id, now_ms)]


async def execute(database: Database, text: str, *values: str | int) -> None:
    async def work(tx: Transaction) -> None:
        await tx.execute(Statement(text), *values)

    await database.transaction(work)


async def test_first_key_is_made_once(
    database: Database, generations: Generations, tenant: Tenant, keys: IssuerKeys
) -> None:
    """Nothing is stored before a key is needed; of many processes that need it at once all sign with the same."""
    assert await keys.published(tenant.id, START_MS) == ()
    processes = [process(database, generations) for _ in range(8)]
    made = await asyncio.gather(*(signing(one, tenant, START_MS) for one in processes))
    assert len({key.id for key in made}) == 1
    assert await published(keys, tenant, START_MS) == [made[0].id]


@pytest.mark.parametrize("algorithm", SIGNING_ALGORITHMS)
async def test_key_signs_and_is_the_same_after_a_restart(
    database: Database, generations: Generations, tenant: Tenant, keys: IssuerKeys, algorithm: SigningAlgorithm
) -> None:
    """A restart finds the key, and what it signed before is proved with what is published then."""
    key = await signing(keys, tenant, START_MS, algorithm)
    signature = await key.sign(b"message")
    again = await signing(process(database, generations), tenant, START_MS + 1, algorithm)
    assert again.id == key.id
    assert again.public_jwk == {**key.public_jwk, "alg": algorithm, "use": "sig", "kid": key.id}
    assert is_signature(again.public, signature, b"message")
    assert not is_signature(again.public, signature, b"Message")


async def test_successor_is_published_before_it_signs(tenant: Tenant, keys: IssuerKeys, other: IssuerKeys) -> None:
    """A rotation publishes the new key at once in every process, and the old one signs until verifiers know it."""
    old = await signing(keys, tenant, START_MS)
    assert (await signing(other, tenant, START_MS)).id == old.id
    new = await keys.rotate(tenant.id, "EdDSA", now_ms=START_MS)
    for one in (keys, other):
        assert await published(one, tenant, START_MS) == [old.id, new.id]
        assert (await signing(one, tenant, CHANGE_MS - 1)).id == old.id
        assert (await signing(one, tenant, CHANGE_MS)).id == new.id


async def test_retired_key_ends_with_the_last_token(tenant: Tenant, keys: IssuerKeys) -> None:
    """A retired key is known as long as a token may live that it signed in its last moment, and not longer."""
    old = await signing(keys, tenant, START_MS)
    new = await keys.rotate(tenant.id, "EdDSA", now_ms=START_MS)
    assert await published(keys, tenant, END_MS - 1) == [old.id, new.id]
    assert await published(keys, tenant, END_MS) == [new.id]
    found = await keys.find(old.id, END_MS - 1)
    assert found is not None
    assert (found[0], found[1].id) == (tenant.id, old.id)
    assert await keys.find(old.id, END_MS) is None
    assert await keys.find(new.id, END_MS + 1000 * DAY_MS) is not None


async def test_states_of_keys(tenant: Tenant, keys: IssuerKeys) -> None:
    """A key is next, current, retired and ended, in this order, and one is current at any time."""
    await signing(keys, tenant, START_MS)
    await keys.rotate(tenant.id, "EdDSA", now_ms=START_MS)
    all_keys = await keys.all_of(tenant.id, START_MS)
    seen = {now_ms: [state_of(key, all_keys, now_ms) for key in all_keys] for now_ms in (START_MS, CHANGE_MS, END_MS)}
    assert seen == {START_MS: ["current", "next"], CHANGE_MS: ["retired", "current"], END_MS: ["ended", "current"]}


async def test_rotation_twice_in_the_hour_is_one(tenant: Tenant, keys: IssuerKeys, other: IssuerKeys) -> None:
    """While a successor waits, further rotations give the same one, from many processes at once too."""
    await signing(keys, tenant, START_MS)
    made = await asyncio.gather(
        *(one.rotate(tenant.id, "EdDSA", now_ms=START_MS) for one in (keys, other, keys, other))
    )
    assert len({key.id for key in made}) == 1
    again = await other.rotate(tenant.id, "EdDSA", now_ms=CHANGE_MS - 1)
    assert again.id == made[0].id
    assert len(await keys.all_of(tenant.id, START_MS)) == 2
    assert (await keys.rotate(tenant.id, "EdDSA", now_ms=CHANGE_MS)).id != made[0].id


async def test_rotation_without_a_key_makes_the_first(tenant: Tenant, keys: IssuerKeys) -> None:
    """Where nothing was signed yet, the key that a rotation makes signs at once."""
    made = await keys.rotate(tenant.id, "ES256", now_ms=START_MS)
    assert (await signing(keys, tenant, START_MS, "ES256")).id == made.id


async def test_rotation_is_of_one_tenant_and_algorithm(database: Database, tenant: Tenant, keys: IssuerKeys) -> None:
    """Keys of another algorithm, and of another tenant, go on as they were."""
    neighbour = await make_tenant(database, "other")
    kept = [await signing(keys, tenant, START_MS, "ES256"), await signing(keys, neighbour, START_MS)]
    await signing(keys, tenant, START_MS)
    await keys.rotate(tenant.id, "EdDSA", now_ms=START_MS)
    await keys.replace(tenant.id, "EdDSA", now_ms=START_MS)
    assert (await signing(keys, tenant, END_MS, "ES256")).id == kept[0].id
    assert (await signing(keys, neighbour, END_MS)).id == kept[1].id
    assert await published(keys, neighbour, END_MS) == [kept[1].id]


async def test_replaced_keys_are_gone_at_once(tenant: Tenant, keys: IssuerKeys, other: IssuerKeys) -> None:
    """A key in wrong hands, and the one that waits behind it, are unknown in every process from the next moment on."""
    old = await signing(keys, tenant, START_MS)
    waiting = await keys.rotate(tenant.id, "EdDSA", now_ms=START_MS)
    assert await published(other, tenant, START_MS) == [old.id, waiting.id]
    new = await keys.replace(tenant.id, "EdDSA", now_ms=START_MS + 1)
    for one in (keys, other):
        assert (await signing(one, tenant, START_MS + 1)).id == new.id
        assert await published(one, tenant, START_MS + 1) == [new.id]
        assert await one.find(old.id, START_MS + 1) is None
        assert await one.find(waiting.id, START_MS + 1) is None


async def test_replacing_wins_over_rotations_at_once(
    database: Database, generations: Generations, tenant: Tenant, keys: IssuerKeys
) -> None:
    """However many rotations run beside it, a replacement leaves no key of before."""
    old = await signing(keys, tenant, START_MS)
    others = [process(database, generations) for _ in range(4)]
    await asyncio.gather(
        *(one.rotate(tenant.id, "EdDSA", now_ms=START_MS) for one in others),
        keys.replace(tenant.id, "EdDSA", now_ms=START_MS),
    )
    left = await keys.all_of(tenant.id, START_MS)
    assert old.id not in {key.id for key in left}
    assert len(left) <= 2
    assert left[0].ends_at_ms is None or left[0].ends_at_ms >= END_MS


async def test_clock_behind_signs_with_what_there_is(tenant: Tenant, keys: IssuerKeys, other: IssuerKeys) -> None:
    """A process whose clock is behind the one that made the first key signs with it, and makes no second."""
    made = await signing(keys, tenant, START_MS)
    assert (await signing(other, tenant, START_MS - DAY_MS)).id == made.id
    assert len(await keys.all_of(tenant.id, START_MS)) == 1


async def test_clock_a_day_off_signs_with_published_keys(tenant: Tenant, keys: IssuerKeys, other: IssuerKeys) -> None:
    """What processes sign whose clocks are a day behind or ahead is proved on one that is right."""
    await signing(keys, tenant, START_MS)
    await keys.rotate(tenant.id, "EdDSA", now_ms=START_MS)
    for now_ms in (CHANGE_MS - DAY_MS, CHANGE_MS + DAY_MS):
        assert await keys.find((await signing(other, tenant, now_ms)).id, CHANGE_MS) is not None


@pytest.mark.parametrize(("before_ms", "count"), [(1, 0), (0, 1), (-5 * DAY_MS, 1)])
async def test_keys_of_age(tenant: Tenant, keys: IssuerKeys, before_ms: int, count: int) -> None:
    """A key is of age when its successor, published now, will take over as the days are full; not a moment sooner."""
    await signing(keys, tenant, START_MS)
    now_ms = START_MS + 90 * DAY_MS - PUBLISHED_AHEAD_MS - before_ms
    aged = await keys.list_aged(now_ms, days=90, limit=10)
    assert [(one.tenant_id, one.algorithm) for one in aged] == [(tenant.id, "EdDSA")] * count
    if count:
        await keys.rotate(tenant.id, "EdDSA", now_ms=now_ms)
        assert await keys.list_aged(now_ms, days=90, limit=10) == []


async def test_keys_of_disabled_tenants_do_not_age(database: Database, tenant: Tenant, keys: IssuerKeys) -> None:
    """No successor is made where nothing is signed."""
    await signing(keys, tenant, START_MS)
    await execute(database, "UPDATE tenants SET disabled_at = $1", START_MS)
    assert await keys.list_aged(START_MS + 1000 * DAY_MS, days=90, limit=10) == []


async def test_news_that_never_came(database: Database, tenant: Tenant, keys: IssuerKeys, tmp_path: Path) -> None:
    """A process that no news reaches takes a new key's tokens at once, and signs with that key within a minute."""
    news = Generations(tmp_path / "deaf")
    deaf = process(database, news)
    old = await signing(deaf, tenant, START_MS)
    new = await keys.replace(tenant.id, "EdDSA", now_ms=START_MS)
    assert (await signing(deaf, tenant, START_MS + 59_999)).id == old.id
    assert (await signing(deaf, tenant, START_MS + 60_000)).id == new.id
    newer = await keys.replace(tenant.id, "EdDSA", now_ms=START_MS + 60_001)
    assert await deaf.find(newer.id, START_MS + 60_001) is not None
    assert await deaf.find(old.id, START_MS + 60_001) is None
    news.close()


@pytest.mark.parametrize("secret", [b"w" * 32, MASTER_SECRET + b"m"])
async def test_other_master_secret_opens_nothing(
    database: Database, generations: Generations, tenant: Tenant, keys: IssuerKeys, secret: bytes
) -> None:
    """A copy of the database without its master secret signs nothing."""
    await signing(keys, tenant, START_MS)
    with pytest.raises(WrongMasterSecretError):
        await signing(process(database, generations, secret), tenant, START_MS)


async def test_key_moved_to_another_tenant_does_not_open(
    database: Database, generations: Generations, tenant: Tenant, keys: IssuerKeys
) -> None:
    """A stored key that somebody gives to another tenant signs nothing for that one."""
    await signing(keys, tenant, START_MS)
    neighbour = await make_tenant(database, "other")
    await execute(database, "UPDATE oauth_signing_keys SET tenant_id = $1", neighbour.id)
    with pytest.raises(WrongMasterSecretError):
        await signing(process(database, generations), neighbour, START_MS)


async def test_database_that_is_gone(tenant: Tenant, keys: IssuerKeys, database: Database) -> None:
    """Without the database nothing is rotated, and no unknown key is taken for known."""
    key = await signing(keys, tenant, START_MS)
    await database.close()
    with pytest.raises(UnavailableError):
        await keys.rotate(tenant.id, "EdDSA", now_ms=START_MS)
    with pytest.raises(UnavailableError):
        await keys.find(key.id, START_MS)


async def test_key_hides_its_secret(tenant: Tenant, keys: IssuerKeys) -> None:
    """Neither the text form of a key nor what is published of it holds the private part."""
    for algorithm in SIGNING_ALGORITHMS:
        key = await signing(keys, tenant, START_MS, algorithm)
        assert repr(key) == f"IssuerKey('{key.id}')"
        assert {"d", "p", "q", "dp", "dq", "qi", "k"} & key.public_jwk.keys() == set()
