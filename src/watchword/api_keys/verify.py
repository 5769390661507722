"""Tell a tenant's own service whether a key that it was given is good, and if not, why."""

from __future__ import annotations

from collections.abc import Awaitable
from ipaddress import ip_address
from typing import Protocol

from watchword.api_keys.models import KeyToVerify, KindName, Verdict, VerdictCode
from watchword.audit.writer import AuditWriter
from watchword.callers.caller import Caller, CallerKind
from watchword.callers.permissions import SCOPE_PATTERN, require_permission
from watchword.credentials.api_key import ApiKeyProver, KeyKind, KeyMode, KeyProof
from watchword.credentials.dpop import DpopProofs, request_elsewhere
from watchword.errors import ForbiddenError, InvalidFieldsError
from watchword.oauth_errors import InvalidDpopProofError


class HasRequestLeft(Protocol):
    """Counts one use of a key that has a limit of its own, and says whether the limit allowed it."""

    def __call__(self, credential_id: str, per_minute: int, now_ms: int) -> Awaitable[bool]:
        """Count and answer."""
        ...


class KeyVerifier:
    """Judges keys for the tenant they belong to."""

    def __init__(
        self,
        prover: ApiKeyProver,
        *,
        dpop_proofs: DpopProofs,
        has_request_left: HasRequestLeft,
        audit: AuditWriter,
    ) -> None:
        self._prover = prover
        self._dpop_proofs = dpop_proofs
        self._has_request_left = has_request_left
        self._audit = audit

    async def verify(self, tenant_id: str, mode: KeyMode | None, wanted: KeyToVerify, *, now_ms: int) -> Verdict:
        """Judge a key; a good one is counted as used. ``mode`` is that of the asking key, None for a person.

        A key of another tenant or mode is ``NOT_FOUND``, a revoked one ``DISABLED``.

        Raises:
            InvalidFieldsError: a wanted scope is not ``resource:read`` or ``resource:write``.
            UnavailableError: the database or the counters cannot be asked.
        """
        _require_wanted_scopes(wanted.scopes)
        found = await self._prover.find(wanted.key, now_ms)
        if found.reason == "NOT_FOUND" or found.tenant_id != tenant_id or not _is_of_mode(wanted.key, mode):
            return Verdict(code="NOT_FOUND")
        if found.proof is None:
            return Verdict(code=found.reason, key_id=found.key_id)
        code = await self._judge(found.proof, wanted, now_ms)
        if code == "VALID":
            self._audit.note_use(found.key_id, now_ms)
        return Verdict(
            code=code,
            key_id=found.key_id,
            kind=kind_name(found.proof.kind),
            mode=found.proof.mode,
            scopes=found.proof.scopes,
            expires_at_ms=found.proof.expires_at_ms,
        )

    async def _judge(self, proof: KeyProof, wanted: KeyToVerify, now_ms: int) -> VerdictCode:
        if proof.allowed_origins and wanted.origin not in proof.allowed_origins:
            return "ORIGIN_NOT_ALLOWED"
        if proof.allowed_networks and not _is_in_networks(wanted.address, proof):
            return "NETWORK_NOT_ALLOWED"
        if not _holds_all(proof, wanted.scopes):
            return "INSUFFICIENT_SCOPE"
        if not await self._is_key_proved(proof, wanted, now_ms):
            return "KEY_NOT_PROVED"
        limit = proof.rate_limit_per_minute
        # Last, so that a use which is refused anyway takes nothing from the limit.
        if limit is not None and not await self._has_request_left(proof.key_id, limit, now_ms):
            return "RATE_LIMITED"
        return "VALID"

    async def _is_key_proved(self, proof: KeyProof, wanted: KeyToVerify, now_ms: int) -> bool:
        """Say whether a bound key came with a proof of its public key, and one that is not bound without any."""
        if wanted.dpop is None or proof.jkt is None:
            return wanted.dpop is None and proof.jkt is None
        try:
            request = request_elsewhere(wanted.dpop.method, wanted.dpop.url, wanted.key)
            await self._dpop_proofs.require(wanted.dpop.proof, request, now_ms, jkt=proof.jkt)
        except InvalidDpopProofError:
            return False
        return True


def kind_name(kind: KeyKind) -> KindName:
    """Return how answers write a kind."""
    return "secret" if kind == "secret_key" else "publishable"


def _require_wanted_scopes(scopes: tuple[str, ...]) -> None:
    faults = {
        f"scopes[{index}]": "must be resource:read or resource:write"
        for index, scope in enumerate(scopes)
        if SCOPE_PATTERN.fullmatch(scope) is None or "*" in scope
    }
    if faults:
        raise InvalidFieldsError(faults)


def _is_of_mode(key: str, mode: KeyMode | None) -> bool:
    return mode is None or key[3:7] == mode


def _is_in_networks(address: str | None, proof: KeyProof) -> bool:
    try:
        client = ip_address(address or "")
    except ValueError:
        return False
    mapped = client.ipv4_mapped if client.version == 6 else None  # noqa: PLR2004 - IP versions
    client = mapped or client
    return any(client.version == network.version and client in network for network in proof.allowed_networks)


def _holds_all(proof: KeyProof, scopes: tuple[str, ...]) -> bool:
    caller = Caller(CallerKind(proof.kind), proof.tenant_id, proof.mode, proof.key_id, None, proof.scopes, proof.key_id)
    try:
        for scope in scopes:
            require_permission(caller, scope, public=True)
    except ForbiddenError:
        return False
    return True
