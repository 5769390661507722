"""An authorization request, read and checked: first whose it is and where its answer goes, then all the rest.

Whatever is wrong before the client and its redirect URI are known is told to the person alone and never redirected
(RFC 6749 §4.1.2.1, RFC 9700 §4.11); whatever is wrong after that is told to the client.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final, Protocol, cast

import msgspec

from watchword.callers.call import Call
from watchword.concealed import Concealed
from watchword.credentials.access_token import IssuerNames
from watchword.errors import MalformedRequestError
from watchword.oauth.models import AuthorizationRequest, OAuthClient, ResponseMode
from watchword.oauth.pkce import require_code_challenge
from watchword.oauth.redirect_uris import find_redirect_uri
from watchword.oauth.resources import require_resources
from watchword.oauth.scopes import require_user_scopes
from watchword.oauth.stored_requests import REQUEST_URI_PREFIX, StoredRequests
from watchword.oauth_errors import (
    InvalidOAuthRequestError,
    RequestNotSupportedError,
    RequestUriNotSupportedError,
    TenantNotNamedError,
    UnauthorizedClientError,
    UnknownClientError,
    UnknownRedirectUriError,
    UnsupportedResponseTypeError,
)
from watchword.wire.form_body import require_form_type
from watchword.wire.query import parse_pairs


class FindClient(Protocol):
    """Finds the client of an id, at a tenant's own path or at the root (None), for an address that asks."""

    def __call__(self, client_id: str, slug: str | None, *, asker: str, now_ms: int) -> Awaitable[OAuthClient | None]:
        """Return the client, or None."""
        ...


PROMPTS: Final = frozenset({"none", "login", "consent", "select_account"})
"""OpenID Connect Core §3.1.2.1."""

RESPONSE_MODES: Final = ("query", "fragment", "form_post")
_GRANT_OF_TYPE: Final = {"code": "authorization_code", "token": "implicit"}
_DOCUMENT_SCHEME: Final = "https://"
"""How the id of a client begins that is the address of its metadata document, and so no tenant's."""

_REQUEST_BYTES_MAX: Final = 16_384
"""As long as an address may be; whoever comes has proved nothing, and what is kept is kept for half an hour."""

_MAX_AGE_DIGITS: Final = 10
_NONCE_CHARACTERS_MAX: Final = 512
_JKT_CHARACTERS: Final = 43
"""A SHA-256 in base64url (RFC 9449 §10)."""


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """Where the answer to a request goes, and how; ``state`` comes back as it was."""

    client: OAuthClient
    redirect_uri: str
    mode: ResponseMode
    state: str | None


class Received(Concealed, frozen=True, kw_only=True):
    """A request whose client and destination are known, and nothing else is checked yet.

    Shapes: ``repeated`` names parameters that came more than once; ``pushed_uri`` is how the client named a request
    that it had pushed; ``began_ms`` is when the person first came with it; ``handle`` is how it is kept meanwhile.
    """

    destination: Destination
    parameters: AuthorizationRequest
    repeated: tuple[str, ...] = ()
    pushed_uri: str | None = None
    began_ms: int
    handle: str | None = None


class ReadyRequest(Concealed, frozen=True, kw_only=True):
    """A request that may be put before a user.

    Shapes: ``prompts`` are what the client asks to be shown; ``max_age_seconds`` bounds how long ago the user signed in;
    ``redirect_uri`` in ``received.parameters`` is None where the request left it out.
    """

    received: Received
    response_type: str
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    code_challenge: str | None
    prompts: frozenset[str]
    max_age_seconds: int | None

    @property
    def client(self) -> OAuthClient:
        """Who asks."""
        return self.received.destination.client


class AuthorizationRequests:
    """Reads and checks requests; ``response_types`` are those that are served."""

    def __init__(
        self,
        names: IssuerNames,
        stored: StoredRequests,
        *,
        find_client: FindClient,
        response_types: tuple[str, ...],
    ) -> None:
        self._names = names
        self._stored = stored
        self._find_client = find_client
        self._response_types = response_types

    async def receive(self, call: Call) -> Received:
        """Read a request from the query or the form, and find its client and destination.

        Raises:
            MalformedRequestError: it cannot be read.
            TenantNotNamedError: neither the client nor the path says in which tenant.
            UnknownClientError: the client is unknown, disabled, or another tenant's than the path's.
            UnknownRedirectUriError: the answer would go where the client has not registered.
            InvalidRequestUriError: a pushed request is not there (any more).
        """
        parameters, repeated = await _read(call)
        client = await self._require_client(parameters, repeated, call)
        pushed_uri = None
        if parameters.request_uri is not None and parameters.request_uri.startswith(REQUEST_URI_PREFIX):
            pushed_uri = parameters.request_uri
            # What stands beside it in the address counts for nothing (RFC 9126 §4).
            parameters, repeated = await self._stored.get_pushed(client, pushed_uri, call.now_ms), ()
        return Received(
            destination=find_destination(client, parameters, repeated),
            parameters=parameters,
            repeated=repeated,
            pushed_uri=pushed_uri,
            began_ms=call.now_ms,
        )

    async def resume(self, handle: str | None, call: Call) -> Received:
        """Return a request that a person is deciding about, as far as its client still stands to it.

        Raises:
            RequestExpiredError: nothing is kept under this handle.
            UnknownClientError: the client was closed meanwhile, or is another tenant's than the path's.
            UnknownRedirectUriError: the client has taken its redirect URI back.
        """
        kept = await self._stored.get_page_request(handle, call.now_ms)
        parameters = kept.parameters
        client = await self._require_living(kept.client_id, call)
        pushed_uri, parameters = parameters.request_uri, msgspec.structs.replace(parameters, request_uri=None)
        return Received(
            destination=find_destination(client, parameters, ()),
            parameters=parameters,
            pushed_uri=pushed_uri,
            began_ms=kept.created_at_ms,
            handle=kept.handle,
        )

    def check(self, received: Received) -> ReadyRequest:
        """Check everything else of a request.

        Raises:
            OAuthError: something is wrong that the client is to be told.
        """
        if received.repeated:
            # RFC 6749 §3.1: which of two values would win is a question attackers ask.
            raise InvalidOAuthRequestError(f"The parameter {received.repeated[0]} came more than once")
        client, parameters = received.destination.client, received.parameters
        _require_plain(parameters)
        _require_pushed(client, received)
        response_type = self._require_response_type(client, parameters)
        _require_response_mode(parameters.response_mode, response_type)
        _require_bounded(parameters)
        return ReadyRequest(
            received=received,
            response_type=response_type,
            scopes=require_user_scopes(client, parameters.scope),
            resources=require_resources(self._names, client, parameters.resource),
            code_challenge=_find_challenge(client, parameters, response_type),
            prompts=_parse_prompt(parameters.prompt),
            max_age_seconds=_parse_max_age(parameters.max_age),
        )

    def check_pushed(self, client: OAuthClient, parameters: AuthorizationRequest) -> ReadyRequest:
        """Check a request that a proved client pushes (RFC 9126 §2.1).

        Raises:
            OAuthError: something is wrong with it, the redirect URI too.
        """
        if parameters.request_uri is not None:
            raise InvalidOAuthRequestError("A pushed request does not carry a request_uri")
        destination = find_destination(client, parameters, ())
        return self.check(
            Received(destination=destination, parameters=parameters, pushed_uri=REQUEST_URI_PREFIX, began_ms=0)
        )

    def own_resource(self, client: OAuthClient) -> str:
        """Return the API of the client's tenant, which every request is about that names no other."""
        return self._names.resource(client.tenant_slug)

    async def _require_client(
        self, parameters: AuthorizationRequest, repeated: tuple[str, ...], call: Call
    ) -> OAuthClient:
        if parameters.client_id is None or "client_id" in repeated:
            raise UnknownClientError(cause="no client_id, or several")
        tenant = call.parameters.get("tenant", self._names.default_slug)
        if tenant is None and parameters.client_id.startswith(_DOCUMENT_SCHEME):
            raise TenantNotNamedError
        return await self._require_living(parameters.client_id, call)

    async def _require_living(self, client_id: str, call: Call) -> OAuthClient:
        tenant, asker = call.parameters.get("tenant"), call.request.client_address
        return _require_living(await self._find_client(client_id, tenant, asker=asker, now_ms=call.now_ms), tenant)

    def _require_response_type(self, client: OAuthClient, parameters: AuthorizationRequest) -> str:
        response_type = parameters.response_type
        if response_type is None:
            raise InvalidOAuthRequestError("The parameter response_type is missing")
        if response_type not in self._response_types:
            raise UnsupportedResponseTypeError
        if _GRANT_OF_TYPE[response_type] not in client.grants:
            raise UnauthorizedClientError("This client may not use this response type")
        return response_type


def find_destination(client: OAuthClient, parameters: AuthorizationRequest, repeated: tuple[str, ...]) -> Destination:
    """Return where the answer goes, also that of a request with other faults.

    Raises:
        UnknownRedirectUriError: nowhere that the client has registered.
    """
    presented = parameters.redirect_uri
    if "redirect_uri" in repeated:
        raise UnknownRedirectUriError("The parameter redirect_uri came more than once")
    mode = parameters.response_mode
    usual: ResponseMode = "fragment" if parameters.response_type == "token" else "query"
    is_known = mode in RESPONSE_MODES and not (mode == "query" and usual == "fragment")
    return Destination(
        client=client,
        redirect_uri=find_redirect_uri(client, presented),
        mode=cast("ResponseMode", mode) if is_known else usual,
        state=None if "state" in repeated else parameters.state,
    )


async def _read(call: Call) -> tuple[AuthorizationRequest, tuple[str, ...]]:
    text = call.request.query
    if call.request.method == "POST":
        # OpenID Connect Core §3.1.2.1 lets clients send people with a form too.
        require_form_type(call.request.header(b"content-type"))
        text = await call.request.body()
    if len(text) > _REQUEST_BYTES_MAX:
        raise MalformedRequestError("The authorization request is too long")
    known = {field.name for field in msgspec.structs.fields(AuthorizationRequest)}
    values: dict[str, Any] = {}
    repeated: list[str] = []
    for name, value in parse_pairs(text):
        if name not in known or not value:
            # Unknown ones are ignored, empty ones were left out (RFC 6749 §3.1).
            continue
        if name == "resource":
            values[name] = (*values.get(name, ()), value)
        elif name in values:
            repeated.append(name)
        else:
            values[name] = value
    return msgspec.convert(values, AuthorizationRequest), tuple(repeated)


def _require_living(client: OAuthClient | None, tenant: str | None) -> OAuthClient:
    if client is None or not client.is_living:
        raise UnknownClientError(cause="no living client of this id")
    if tenant not in {None, client.tenant_slug}:
        raise UnknownClientError(cause="the client is another tenant's")
    return client


def _require_plain(parameters: AuthorizationRequest) -> None:
    if parameters.request is not None:
        raise RequestNotSupportedError
    if parameters.request_uri is not None:
        raise RequestUriNotSupportedError


def _require_pushed(client: OAuthClient, received: Received) -> None:
    settings = client.settings
    if received.pushed_uri is None and (settings.require_pushed_requests or settings.profile == "fapi2"):
        raise InvalidOAuthRequestError("This client has to push its authorization requests")


def _require_response_mode(mode: str | None, response_type: str) -> None:
    if mode is None:
        return
    if mode not in RESPONSE_MODES:
        raise InvalidOAuthRequestError("This response_mode is not supported")
    if mode == "query" and response_type != "code":
        # OAuth 2.0 Multiple Response Types §5: what a query carries ends in logs and histories.
        raise InvalidOAuthRequestError("Tokens are not answered in a query")


def _require_bounded(parameters: AuthorizationRequest) -> None:
    if len(msgspec.json.encode(parameters)) > _REQUEST_BYTES_MAX:
        # Anybody can push in the name of a public client.
        raise InvalidOAuthRequestError("The authorization request is too long")
    if len(parameters.nonce or "") > _NONCE_CHARACTERS_MAX:
        raise InvalidOAuthRequestError("The parameter nonce is too long")
    if parameters.dpop_jkt is not None and len(parameters.dpop_jkt) != _JKT_CHARACTERS:
        raise InvalidOAuthRequestError("The parameter dpop_jkt is not the base64url of a SHA-256")


def _find_challenge(client: OAuthClient, parameters: AuthorizationRequest, response_type: str) -> str | None:
    if response_type != "code":
        return None
    return require_code_challenge(client, parameters.code_challenge, parameters.code_challenge_method)


def _parse_prompt(text: str | None) -> frozenset[str]:
    prompts = frozenset((text or "").split())
    if not prompts <= PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise InvalidOAuthRequestError("The parameter prompt is none that is known, or contradicts itself")
    return prompts


def _parse_max_age(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > _MAX_AGE_DIGITS:
        raise InvalidOAuthRequestError("The parameter max_age is no number of seconds")
    return int(text)
