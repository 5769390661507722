"""API keys: their form, their checksum, and whether one presented key is good.

One of the places that may be less plain for speed (``bench/session_token.py``): a key proved before costs one hash
and one look-up; a mistyped one is refused without the database.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from hashlib import sha256
from typing import Final, Literal, cast
from zlib import crc32

import msgspec

from watchword.credentials.queries import StoredKey, find_key
from watchword.credentials.verified import VerifiedCache
from watchword.db.database import Database
from watchword.db.generations import Generations
from watchword.errors import InternalError, NotAuthenticatedError

KeyKind = Literal["secret_key", "publishable_key"]
KeyMode = Literal["live", "test"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

KEY_PREFIXES: Final = ("pk_live_", "pk_test_", "sk_live_", "sk_test_")

KEY_CHARACTERS: Final = 44
"""Prefix 8, random 30 (178 bits), checksum 6: the form that ``make_key`` gives."""

KEY_CHARACTERS_MAX: Final = 128
"""Bounds what is hashed and looked up for a stranger; keys of older forms were shorter."""

_RANDOM_CHARACTERS: Final = 30
_CHECKSUM_CHARACTERS: Final = 6
_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS: Final = tuple(high + low for high in _BASE62 for low in _BASE62)
_WELL_FORMED: Final = re.compile(r"[ps]k_(?:live|test)_[A-Za-z0-9_]{12,120}", re.ASCII)

Reason = Literal["VALID", "NOT_FOUND", "DISABLED", "EXPIRED"]


class KeyProof(msgspec.Struct, frozen=True):
    """What a good key proves.

    Shapes: ``scopes`` is None when nothing narrows the key; an empty ``allowed_origins`` or ``allowed_networks``
    allows all; ``expires_at_ms`` is Unix time; ``plan`` and what follows it are the tenant's, the two
    numbers None for its plan's; ``jkt`` is the thumbprint of the public key it is bound to, if to any: then the key
    alone proves nobody yet, and its proof needs a nonce where ``tenant_wants_nonces``.
    """

    key_id: str
    tenant_id: str
    kind: KeyKind
    mode: KeyMode
    scopes: tuple[str, ...] | None
    allowed_origins: tuple[str, ...]
    allowed_networks: tuple[Network, ...]
    rate_limit_per_minute: int | None
    expires_at_ms: int | None
    plan: str
    tenant_slug: str
    tenant_origins: tuple[str, ...]
    requests_per_minute: int | None
    requests_per_hour: int | None
    jkt: str | None = None
    tenant_wants_nonces: bool = False


class KeyVerdict(msgspec.Struct, frozen=True):
    """What is to be said of a key to the tenant it belongs to, and to no other.

    Shapes: ``tenant_id`` and ``key_id`` are empty for an unknown key; ``proof`` stands with ``VALID`` only.
    """

    reason: Reason
    tenant_id: str = ""
    key_id: str = ""
    proof: KeyProof | None = None


class ApiKeyProver:
    """Decide whether one presented key is good."""

    def __init__(self, database: Database, cache: VerifiedCache, generations: Generations) -> None:
        self._database = database
        self._cache = cache
        self._generations = generations

    async def prove(self, key: str, now_ms: int) -> KeyProof:
        """Return what the key proves.

        Raises:
            NotAuthenticatedError: mistyped, unknown, disabled, revoked or expired: one answer for all.
            UnavailableError: the database cannot be asked.
        """
        digest = _digest_of(key)
        proof = self._cache.find(digest, KeyProof)
        if proof is None:
            verdict = await self._look_up(key, digest)
            if verdict.proof is None:
                # Nothing but what is stored has decided, neither the time nor where the request comes from.
                raise NotAuthenticatedError(reason=f"the key is {verdict.reason}", is_of_store=True)
            proof = verdict.proof
        if proof.expires_at_ms is not None and now_ms >= proof.expires_at_ms:
            raise NotAuthenticatedError(reason="the key is EXPIRED")
        return proof

    async def find(self, key: str, now_ms: int) -> KeyVerdict:
        """Say what is to be said of a key, with the reason that ``prove`` keeps from strangers.

        Raises:
            UnavailableError: the database cannot be asked.
        """
        digest = _digest_of(key)
        proof = self._cache.find(digest, KeyProof)
        verdict = await self._look_up(key, digest) if proof is None else _valid(proof)
        proof = verdict.proof
        if proof is not None and proof.expires_at_ms is not None and now_ms >= proof.expires_at_ms:
            return KeyVerdict("EXPIRED", proof.tenant_id, proof.key_id)
        return verdict

    async def _look_up(self, key: str, digest: bytes) -> KeyVerdict:
        """Ask the database; a living key is remembered whatever its end, which the callers look at each time."""
        if not is_well_formed(key):
            return KeyVerdict("NOT_FOUND")
        mark = self._generations.read_any()
        stored = await find_key(self._database, digest)
        if stored is None:
            return KeyVerdict("NOT_FOUND")
        if _is_dead(stored):
            return KeyVerdict("DISABLED", stored.tenant_id, stored.key_id)
        proof = _proof_of(stored)
        self._cache.remember(digest, proof, (f"key:{stored.key_id}", f"tenant:{stored.tenant_id}"), mark=mark)
        return _valid(proof)


def make_key(kind: KeyKind, mode: KeyMode) -> str:
    """Make a new key; it is shown once and stored as ``hash_key`` gives it."""
    prefix = f"{'sk' if kind == 'secret_key' else 'pk'}_{mode}_"
    body = prefix + "".join(secrets.choice(_BASE62) for _ in range(_RANDOM_CHARACTERS))
    return body + _checksum(body)


def has_key_shape(text: str) -> bool:
    """Say whether a credential is meant as an API key; not whether it is well formed or known."""
    return text.startswith(KEY_PREFIXES)


def is_well_formed(text: str) -> bool:
    """Say whether a text can be a key: the checksum of today's form is right, or it has the length of an older form.

    What follows the prefix of another length is opaque, so that keys of older forms stay valid.
    """
    if _WELL_FORMED.fullmatch(text) is None:
        return False
    if len(text) != KEY_CHARACTERS:
        return True
    return _checksum(text[:-_CHECKSUM_CHARACTERS]) == text[-_CHECKSUM_CHARACTERS:]


def _digest_of(text: str) -> bytes:
    """Hash what a stranger presented; what is too long for a key, or not ASCII, has the digest of none."""
    return hash_key(text) if len(text) <= KEY_CHARACTERS_MAX and text.isascii() else b""


def hash_key(text: str) -> bytes:
    """Return what is stored in place of the key: it is random enough that no slow hash is needed."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def _checksum(body: str) -> str:
    # Two digits at a time: an unknown key should not cost more than a known one, and digit by digit took twice as long.
    number = crc32(body.encode("ascii"))
    return _PAIRS[number // 62**4] + _PAIRS[number // 62**2 % 62**2] + _PAIRS[number % 62**2]


def _is_dead(stored: StoredKey) -> bool:
    return (
        stored.disabled_at_ms is not None
        or stored.revoked_at_ms is not None
        or stored.tenant_disabled_at_ms is not None
    )


def _valid(proof: KeyProof) -> KeyVerdict:
    return KeyVerdict("VALID", proof.tenant_id, proof.key_id, proof)


def _proof_of(stored: StoredKey) -> KeyProof:
    try:
        networks = tuple(ipaddress.ip_network(network) for network in stored.networks)
    except ValueError as error:
        raise InternalError(cause=f"the stored networks of {stored.key_id} cannot be read: {error}") from None
    return KeyProof(
        key_id=stored.key_id,
        tenant_id=stored.tenant_id,
        kind=cast("KeyKind", stored.kind),
        mode=cast("KeyMode", stored.mode),
        scopes=stored.scopes,
        allowed_origins=stored.allowed_origins,
        allowed_networks=networks,
        rate_limit_per_minute=stored.rate_limit_per_minute,
        expires_at_ms=stored.expires_at_ms,
        plan=stored.plan,
        tenant_slug=stored.tenant_slug,
        tenant_origins=stored.tenant_settings.allowed_origins,
        requests_per_minute=stored.tenant_settings.requests_per_minute,
        requests_per_hour=stored.tenant_settings.requests_per_hour,
        jkt=stored.dpop_jkt,
        tenant_wants_nonces=stored.tenant_settings.dpop_nonces,
    )
