"""What the tests of API keys share: a manager and a verifier on a real database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tenancy import ReadableAudit, make_tenant
from watchword.api_keys.manage import ApiKeyManager
from watchword.api_keys.verify import KeyVerifier
from watchword.credentials.api_key import ApiKeyProver
from watchword.credentials.dpop import DpopProofs
from watchword.credentials.dpop_nonce import DpopNonces
from watchword.credentials.seen_proofs import SeenProofs
from watchword.credentials.verified import VerifiedCache
from watchword.db.database import Database
from watchword.db.generations import Generations
from watchword.limits.limiter import Limiter
from watchword.setting_kinds import PLANS
from watchword.tenants.models import Tenant


@pytest.fixture
def audit(database: Database) -> Iterator[ReadableAudit]:
    log = ReadableAudit(database)
    yield log
    log.close()


@pytest.fixture
def prover(database: Database, generations: Generations) -> ApiKeyProver:
    return ApiKeyProver(database, VerifiedCache(generations, entries_max=100), generations)


@pytest.fixture
def keys(database: Database, audit: ReadableAudit) -> ApiKeyManager:
    return ApiKeyManager(database, bookkeeping=database, audit=audit.writer)


@pytest.fixture
def verifier(prover: ApiKeyProver, database: Database, audit: ReadableAudit) -> KeyVerifier:
    limiter = Limiter(plans=PLANS, address_per_minute=1_000)
    proofs = DpopProofs(SeenProofs(database), DpopNonces(b"m" * 32), url="https://auth.example")
    return KeyVerifier(prover, dpop_proofs=proofs, has_request_left=limiter.has_key_request_left, audit=audit.writer)


@pytest.fixture
async def acme(database: Database) -> Tenant:
    return await make_tenant(database, "acme")


@pytest.fixture
async def other(database: Database) -> Tenant:
    return await make_tenant(database, "other")
