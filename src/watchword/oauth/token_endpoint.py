"""The token endpoint (RFC 6749 §3.2): who the client is, whether it may use the grant, and the grant's answer."""

from __future__ import annotations

from collections.abc import Iterable

from watchword.audit.writer import AuditWriter
from watchword.callers.call import Call
from watchword.credentials.dpop import DpopProofs, GoodProof, ProvedRequest
from watchword.db.database import Database
from watchword.oauth.client_authentication import ClientAuthentication
from watchword.oauth.fapi import is_fapi, proof_algorithms
from watchword.oauth.grant import Grant, GrantContext
from watchword.oauth.held import holds_something
from watchword.oauth.models import OAuthClient, TokenAnswer, TokenRequest
from watchword.oauth.refusals import Refusals
from watchword.oauth_errors import (
    AuthorizationPendingError,
    DpopNonceMissingError,
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
        self,
        database: Database,
        clients: ClientAuthentication,
        grants: Iterable[Grant],
        *,
        proofs: DpopProofs,
        audit: AuditWriter,
    ) -> None:
        self._database = database
        self._clients = clients
        self._grants = {grant.grant_type: grant for grant in grants}
        self._proofs = proofs
        self._audit = audit
        self._refusals = Refusals(audit=audit)

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
            proof = self._find_proof(client, call)
            context = GrantContext(call.now_ms, call.request.client_address, None if proof is None else proof.jkt)
            if proof is None:
                answered = await grant.answer(client, request, context)
            else:
                answered = await self._answer_bound(grant, client, request, context, proof)
        except (AuthorizationPendingError, DpopNonceMissingError):
            # A device asks every few seconds, and a nonce ends for everybody: no refusals to be looked into.
            raise
        except OAuthError as error:
            self._refusals.record(client, error, address=call.request.client_address, now_ms=call.now_ms)
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

    def _find_proof(self, client: OAuthClient, call: Call) -> GoodProof | None:
        """Return the DPoP proof of a request, not used up yet, None where none came and none must.

        Raises:
            InvalidDpopProofError: it is not good, or this client's tokens are all bound and none came (RFC 9449 §5.2).
        """
        proof = call.request.header(b"dpop")
        if proof is not None:
            wants_nonce = client.tenant_wants_nonces
            proved = ProvedRequest(call.request.method, call.request.addressed_path, wants_nonce=wants_nonce)
            return self._proofs.require_good(proof, proved, call.now_ms, algorithms=proof_algorithms(client))
        if client.settings.dpop_bound or is_fapi(client):
            raise InvalidDpopProofError("This client's tokens are bound to a key; send a DPoP proof")
        return None

    async def _answer_bound(
        self, grant: Grant, client: OAuthClient, request: TokenRequest, context: GrantContext, proof: GoodProof
    ) -> TokenAnswer:
        if client.kind == "confidential" or await holds_something(self._database, client, request, context.now_ms):
            await self._proofs.spend(proof, context.now_ms)
            return await grant.answer(client, request, context)
        # A stranger who names a public client holds nothing: its proof takes no place in the store, unless something
        # came to be given for it this moment.
        answer = await grant.answer(client, request, context)
        await self._proofs.spend(proof, context.now_ms)
        return answer
