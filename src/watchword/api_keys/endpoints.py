"""The handlers of API keys: from a call to the answer's bytes."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from watchword.api_keys.manage import ApiKeyManager, PublicKeyError
from watchword.api_keys.models import (
    ApiKey,
    CreateKey,
    IssuedKey,
    KeyAnswer,
    KeyDone,
    KeyPage,
    KeyRevoked,
    KeyRotated,
    KeyToVerify,
    ListedKey,
    OwnKeyRevoked,
    RotateKey,
    Verdict,
    VerdictAnswer,
    VerifyKey,
)
from watchword.api_keys.verify import KeyVerifier, kind_name
from watchword.callers.call import Call
from watchword.callers.caller import Caller, CallerKind
from watchword.callers.permissions import is_in_scope, require_permission
from watchword.clock import iso_timestamp
from watchword.errors import ForbiddenError, InsufficientScopeError, InvalidFieldsError, MalformedRequestError
from watchword.tenants.actor import actor_of, held_mode
from watchword.tenants.models import PageQuery
from watchword.wire.response import Response, json_response

_VERIFY_PERMISSION = "keys:read"


class KeyEndpoints:
    """Handlers under ``/api/keys``."""

    def __init__(self, keys: ApiKeyManager, verifier: KeyVerifier) -> None:
        self._keys = keys
        self._verifier = verifier

    async def create(self, call: Call) -> Response:
        """Make a key and show it."""
        wanted: CreateKey = call.body
        mode = call.mode if isinstance(wanted.mode, UnsetType) else wanted.mode
        issued = await self._keys.create(_tenant_id(call), mode, wanted, actor=actor_of(call), now_ms=call.now_ms)
        return json_response(201, KeyDone("API key successfully created.", _issued_answer(issued, call.now_ms)))

    async def list(self, call: Call) -> Response:
        """List the tenant's keys."""
        page: PageQuery = call.query
        keys = await self._keys.list(_tenant_id(call), mode=held_mode(call), after=page.after, limit=page.limit + 1)
        more = len(keys) > page.limit
        docs = [_listed_answer(key, call.now_ms) for key in keys[: page.limit]]
        return json_response(
            200, KeyPage(docs=docs, limit=page.limit, has_next_page=more, next_after=docs[-1].id if more else None)
        )

    async def get(self, call: Call) -> Response:
        """Read one key."""
        key = await self._keys.get(_tenant_id(call), call.parameters["id"], mode=held_mode(call))
        return json_response(200, _listed_answer(key, call.now_ms))

    async def change(self, call: Call) -> Response:
        """Change one key."""
        key = await self._keys.change(
            _tenant_id(call), call.parameters["id"], call.body, actor=actor_of(call), now_ms=call.now_ms
        )
        return json_response(200, KeyDone("Updated successfully.", _answer(key, call.now_ms)))

    async def rotate(self, call: Call) -> Response:
        """Replace one key and show the new one."""
        wanted: RotateKey = call.body or RotateKey()
        rotation = await self._keys.rotate(
            _tenant_id(call),
            call.parameters["id"],
            wanted,
            actor=actor_of(call),
            now_ms=call.now_ms,
        )
        new = _issued_answer(rotation.issued, call.now_ms)
        return json_response(201, KeyRotated("API key successfully rotated.", new, _answer(rotation.old, call.now_ms)))

    async def revoke(self, call: Call) -> Response:
        """Revoke one key."""
        key = await self._keys.revoke(_tenant_id(call), call.parameters["id"], actor=actor_of(call), now_ms=call.now_ms)
        return json_response(200, KeyRevoked("Revoked successfully.", key.id, _answer(key, call.now_ms)))

    async def revoke_held(self, call: Call) -> Response:
        """Revoke the key that came in the body, or else in the headers."""
        if call.body is not None:
            await self._keys.revoke_held(call.body.key, address=call.request.client_address, now_ms=call.now_ms)
        else:
            caller = _holder(call)
            await self._keys.revoke(caller.tenant_id, caller.credential_id, actor=actor_of(call), now_ms=call.now_ms)
        return json_response(200, OwnKeyRevoked("The key is revoked."))

    async def verify(self, call: Call) -> Response:
        """Judge a key for a service of the tenant."""
        caller = call.known
        _require_may_verify(caller)
        wanted: VerifyKey = call.body
        verdict = await self._verifier.verify(
            _tenant_id(call),
            held_mode(call),
            KeyToVerify(
                key=wanted.key,
                scopes=tuple(wanted.scopes),
                origin=wanted.origin,
                address=wanted.address,
                dpop=wanted.dpop,
            ),
            now_ms=call.now_ms,
        )
        return json_response(200, _verdict_answer(verdict))


def _tenant_id(call: Call) -> str:
    if not call.tenant_id:
        raise MalformedRequestError("Name the tenant in the header X-Tenant-ID")
    return call.tenant_id


def _holder(call: Call) -> Caller:
    caller = call.caller
    if caller is None or caller.kind is CallerKind.USER:
        raise InvalidFieldsError({"key": "is required, here or in a key header"})
    if caller.kind is CallerKind.PUBLISHABLE_KEY:
        raise PublicKeyError
    return caller


def _require_may_verify(caller: Caller) -> None:
    if caller.kind is CallerKind.USER:
        require_permission(caller, _VERIFY_PERMISSION, public=False)
    elif caller.kind is not CallerKind.SECRET_KEY:
        raise ForbiddenError(cause="a publishable key verifies nothing")
    elif not is_in_scope(caller.scopes, _VERIFY_PERMISSION):
        raise InsufficientScopeError(_VERIFY_PERMISSION)


def _answer(key: ApiKey, now_ms: int) -> KeyAnswer:
    return KeyAnswer(
        id=key.id,
        name=key.name,
        kind=kind_name(key.kind),
        mode=key.mode,
        status=key.status(now_ms),
        disabled=key.disabled_at_ms is not None,
        first_characters=key.first_characters,
        last_characters=key.last_characters,
        scopes=key.scopes,
        allowed_origins=key.allowed_origins,
        allowed_networks=key.allowed_networks,
        rate_limit=key.rate_limit_per_minute,
        created_by=key.created_by,
        created_at=iso_timestamp(key.created_at_ms),
        updated_at=iso_timestamp(key.updated_at_ms),
        expires_at=_iso(key.expires_at_ms),
        revoked_at=_iso(key.revoked_at_ms),
        rotated_to=key.rotated_to,
        dpop_jkt=key.dpop_jkt,
    )


def _issued_answer(issued: IssuedKey, now_ms: int) -> KeyAnswer:
    answer = _answer(issued.record, now_ms)
    answer.key = issued.text
    return answer


def _listed_answer(listed: ListedKey, now_ms: int) -> KeyAnswer:
    answer = _answer(listed.record, now_ms)
    answer.last_used_at = _iso(listed.last_used_at_ms)
    return answer


def _verdict_answer(verdict: Verdict) -> VerdictAnswer:
    answer = VerdictAnswer(valid=verdict.code == "VALID", code=verdict.code, key_id=verdict.key_id or UNSET)
    if verdict.kind is not None and verdict.mode is not None:
        answer.kind = verdict.kind
        answer.mode = verdict.mode
        answer.scopes = verdict.scopes
        answer.expires_at = _iso(verdict.expires_at_ms)
    return answer


def _iso(unix_ms: int | None) -> str | None:
    return None if unix_ms is None else iso_timestamp(unix_ms)
