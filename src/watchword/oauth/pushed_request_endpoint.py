"""Pushed authorization requests (RFC 9126): the client sends what it asks for itself, proved, before it sends a person."""

from __future__ import annotations

from typing import Final

import msgspec

from watchword.callers.call import Call
from watchword.credentials.dpop import DpopProofs, GoodProof, ProvedRequest
from watchword.limits.limiter import Limiter
from watchword.oauth.authorization_request import AuthorizationRequests
from watchword.oauth.client_authentication import ClientAuthentication
from watchword.oauth.fapi import proof_algorithms, require_fapi_request
from watchword.oauth.models import AuthorizationRequest, ClientCredentials, OAuthClient, PushedRequest
from watchword.oauth.routes import twice
from watchword.oauth.stored_requests import PUSHED_TTL_SECONDS, REQUEST_URI_PREFIX, StoredRequests
from watchword.oauth_errors import InvalidDpopProofError, InvalidOAuthRequestError
from watchword.wire.client_address import address_bucket
from watchword.wire.response import Response, json_response
from watchword.wire.routes import Route

_PARAMETERS: Final = tuple(field.name for field in msgspec.structs.fields(AuthorizationRequest))


class PushedAnswer(msgspec.Struct, frozen=True):
    """How a pushed request is named from now on, for this many seconds (RFC 9126 §2.2)."""

    request_uri: str
    expires_in: int

    def __repr__(self) -> str:
        return "PushedAnswer(…)"


class PushedRequestEndpoint:
    """Answers the root's endpoint and each tenant's."""

    def __init__(
        self,
        clients: ClientAuthentication,
        requests: AuthorizationRequests,
        stored: StoredRequests,
        *,
        proofs: DpopProofs,
        limiter: Limiter,
    ) -> None:
        self._clients = clients
        self._requests = requests
        self._stored = stored
        self._proofs = proofs
        self._limiter = limiter

    async def push(self, call: Call) -> Response:
        """Keep a request and name it."""
        pushed: PushedRequest = call.body
        client = await self._clients.require_client(call, _credentials_of(pushed))
        if client.kind == "public":
            # Anybody can name it, and what is pushed is kept: no more than by sending people with their requests.
            await self._limiter.require_attempt("authorize", address_bucket(call.request.client_address), call.now_ms)
        proof = self._find_proof(client, call)
        parameters = _bound(_parameters_of(pushed, client), proof)
        require_fapi_request(client, parameters)
        self._requests.check_pushed(client, parameters)
        if proof is not None:
            await self._proofs.spend(proof, call.now_ms)
        handle = await self._stored.keep_pushed(client, parameters, call.now_ms)
        return json_response(201, PushedAnswer(REQUEST_URI_PREFIX + handle, PUSHED_TTL_SECONDS))

    def _find_proof(self, client: OAuthClient, call: Call) -> GoodProof | None:
        proof = call.request.header(b"dpop")
        if proof is None:
            return None
        wants_nonce = client.tenant_wants_nonces
        proved = ProvedRequest(call.request.method, call.request.addressed_path, wants_nonce=wants_nonce)
        return self._proofs.require_good(proof, proved, call.now_ms, algorithms=proof_algorithms(client))


def _bound(parameters: AuthorizationRequest, proof: GoodProof | None) -> AuthorizationRequest:
    """Bind what comes of the request to the key that a DPoP proof beside it proves (RFC 9449 §10.1)."""
    if proof is None:
        return parameters
    if parameters.dpop_jkt not in {None, proof.jkt}:
        raise InvalidDpopProofError("The DPoP proof is of another key than dpop_jkt names")
    return msgspec.structs.replace(parameters, dpop_jkt=proof.jkt)


def make_pushed_request_routes(endpoint: PushedRequestEndpoint) -> tuple[Route, ...]:
    """Return the routes."""
    return twice(
        (
            Route(
                method="POST",
                path="/oauth/par",
                handler=endpoint.push,
                callers="client",
                summary="Push an authorization request (RFC 9126)",
                limit="token",
                style="oauth",
                form=PushedRequest,
                answer=PushedAnswer,
                status=201,
                tag="OAuth",
            ),
        )
    )


def _credentials_of(pushed: PushedRequest) -> ClientCredentials:
    return ClientCredentials(
        client_id=pushed.client_id,
        client_secret=pushed.client_secret,
        client_assertion_type=pushed.client_assertion_type,
        client_assertion=pushed.client_assertion,
    )


def _parameters_of(pushed: PushedRequest, client: OAuthClient) -> AuthorizationRequest:
    if pushed.request_uri is not None:
        # RFC 9126 §2.1, item 2.
        raise InvalidOAuthRequestError("A pushed request does not carry a request_uri")
    values = {name: getattr(pushed, name) for name in _PARAMETERS}
    return AuthorizationRequest(**{**values, "client_id": client.id})
