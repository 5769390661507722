"""The token endpoint (RFC 6749 §3.2): who the client is, whether it may use the grant, and the grant's answer."""

from __future__ import annotations

from collections.abc import Iterable

from watchword.audit.events import Event
from watchword.audit.writer import AuditWriter
from watchword.callers.call import Call
from watchword.credentials.dpop import DpopProofs, ProvedRequest
from watchword.oauth.client_authentication import ClientAuthentication
from watchword.oauth.fapi import is_fapi, proof_algorithms
from watchword.oauth.grant import Grant, GrantContext
from watchword.oauth.models import OAuthClient, TokenRequest
from watchword.oauth_errors import (
    AuthorizationPendingError,
    InvalidDpopProofError,
    InvalidOAuthRequestError,
    OAuthError,
    UnauthorizedClientError,
    UnsupportedGrantTypeError,
)
from watchword.wire.response import Response, json_response


class TokenEndpoint:
    """Answers the root's token endpoint and each tenant's."""

    def __init__(
        self, clients: ClientAuthentication, grants: Iterable[Grant], *, proofs: DpopProofs, audit: AuditWriter
    ) -> None:
        self._clients = clients
        self._grants = {grant.grant_type: grant for grant in grants}
        self._proofs = proofs
        self._audit = audit

    @property
    def grant_types(self) -> tuple[str, ...]:
        """The grants that are served, for the metadata."""
        return tuple(self._grants)

    async def answer(self, call: Call) -> Response:
        """Give tokens for a grant."""
        request: TokenRequest = call.body
        client = await self._clients.require_client(call, request)
        try:
            grant = self._require_grant(client, request.grant_type)
            jkt = await find_proved_key(self._proofs, client, call)
            context = GrantContext(call.now_ms, call.request.client_address, jkt)
            answered = await grant.answer(client, request, context)
        except AuthorizationPendingError:
            # A device asks every few seconds; that is no refusal to be looked into.
            raise
        except OAuthError as error:
            self._record(call, Event.TOKEN_REFUSED, client, {"error": error.oauth_code})
            raise
        self._audit.note_use(client.id, call.now_ms)
        return json_response(200, answered)

    def _require_grant(self, client: OAuthClient, grant_type: str | None) -> Grant:
        if grant_type is None:
            raise InvalidOAuthRequestError("The parameter grant_type is missing")
        grant = self._grants.get(grant_type)
        if grant is None:
            raise UnsupportedGrantTypeError
        if grant_type not in client.grants:
            raise UnauthorizedClientError
        return grant

    def _record(self, call: Call, event: Event, client: OAuthClient, detail: dict[str, str]) -> None:
        self._audit.record(
            event,
            tenant_id=client.tenant_id,
            subject=client.id,
            credential_id=client.id,
            address=call.request.client_address,
            detail=detail,
            now_ms=call.now_ms,
        )


async def find_proved_key(proofs: DpopProofs, client: OAuthClient, call: Call) -> str | None:
    """Return the thumbprint of the key that a request's DPoP proof proves, None where none came and none must.

    Raises:
        InvalidDpopProofError: the proof is not good, or this client's tokens are all bound and none came (RFC 9449 §5.2).
    """
    request = call.request
    proof = request.header(b"dpop")
    if proof is not None:
        proved = ProvedRequest(request.method, request.addressed_path)
        return await proofs.require(proof, proved, call.now_ms, algorithms=proof_algorithms(client))
    if client.settings.dpop_bound or is_fapi(client):
        raise InvalidDpopProofError("This client's tokens are bound to a key; send a DPoP proof")
    return None
