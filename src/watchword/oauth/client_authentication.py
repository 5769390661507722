"""Who the client is (RFC 6749 §2.3): by secret in the header or the form, by assertion, or, if public, by name alone.

One way per request. Unknown, disabled, wrong and not allowed to come this way get one answer, and an unknown client's
secret is compared too, so that the time tells nothing either. A secret that proved its client is remembered until
something of the client or its tenant changes; what proved nobody is looked up each time.
"""

from __future__ import annotations

import base64
import binascii
from hashlib import sha256
from typing import Final
from urllib.parse import unquote_plus

import msgspec

from watchword.audit.writer import AuditWriter
from watchword.callers.call import Call
from watchword.credentials.access_token import IssuerNames
from watchword.credentials.client_assertion import ASSERTION_TYPE, Assertion, ClientAssertions, read_assertion
from watchword.credentials.client_secret import is_client_secret
from watchword.credentials.verified import VerifiedCache
from watchword.db.database import Database
from watchword.limits.limiter import Limiter
from watchword.oauth.client_keys import ClientKeys
from watchword.oauth.client_metadata_documents import ClientFinder
from watchword.oauth.fapi import is_fapi, require_fapi_assertion
from watchword.oauth.models import AuthenticationMethod, ClientCredentials, ClientSecret, OAuthClient
from watchword.oauth.queries import list_secrets
from watchword.oauth_errors import InvalidClientError, InvalidOAuthRequestError
from watchword.wire.request import Head, Request

_NO_SECRET: Final = ClientSecret("", bytes(32), "", 0, None)
"""Whatever is presented is no SHA-256 of these bytes that anybody could find."""

_OF_TENANT: Final = "/t/"
_SECRET_IN_QUERY: Final = (b"client_secret=", b"client_assertion=")


_PRESENTED: Final = "presented client"
"""Under which name the Basic credentials of a head are kept, read."""


class _Presented(msgspec.Struct, frozen=True):
    """How a client says who it is; ``digest`` stands for its secret with the way and the id that it came with."""

    method: AuthenticationMethod
    client_id: str
    proof: str = ""
    assertion: Assertion | None = None
    digest: bytes = b""

    def __repr__(self) -> str:
        return f"_Presented({self.method!r}, {self.client_id!r})"


class _SecretProof(msgspec.Struct, frozen=True):
    """That a secret proves a client, until the secret's end or until the client or its tenant is withdrawn."""

    client: OAuthClient
    secret: ClientSecret


class ClientAuthentication:
    """Authenticates clients at every endpoint that clients call themselves."""

    def __init__(
        self,
        database: Database,
        finder: ClientFinder,
        names: IssuerNames,
        *,
        assertions: ClientAssertions,
        keys: ClientKeys,
        remembered: VerifiedCache,
        limiter: Limiter,
        audit: AuditWriter,
    ) -> None:
        self._database = database
        self._finder = finder
        self._names = names
        self._assertions = assertions
        self._keys = keys
        self._remembered = remembered
        self._limiter = limiter
        self._audit = audit

    async def require_client(self, call: Call, form: ClientCredentials) -> OAuthClient:
        """Return the client that a request proves, at its own tenant's endpoint or at the root's, which serves all.

        Raises:
            InvalidClientError: unknown, disabled, not proved, not by the way this client has to take, or another
                tenant's than the path names.
            InvalidOAuthRequestError: two ways at once, or a secret in the query.
            RateLimitExceededError: the tenant's limit is used up; a public client, which anybody can name, uses none of it.
            UnavailableError: the database cannot be asked.
        """
        request, now_ms = call.request, call.now_ms
        presented = _read(request, form)
        client = self._recall(presented, now_ms) or await self._require_proved(presented, request, now_ms)
        if call.parameters.get("tenant", client.tenant_slug) != client.tenant_slug:
            raise InvalidClientError(cause="the client is another tenant's")
        limited = client.limited
        if limited is not None and self._limiter.is_limited(limited) and client.kind == "confidential":
            await self._limiter.require_caller(limited, now_ms)
        return client

    async def require_confidential_client(self, call: Call, form: ClientCredentials) -> OAuthClient:
        """Return the client that a request proves, as ``require_client``, if it is one that nobody else can name.

        Raises:
            InvalidClientError: as there, or it is public.
            InvalidOAuthRequestError, UnavailableError: as there.
        """
        client = await self.require_client(call, form)
        if client.kind != "confidential":
            raise InvalidClientError(cause="a public client proves nothing of itself")
        return client

    def _recall(self, presented: _Presented, now_ms: int) -> OAuthClient | None:
        """Return the client that this secret proved a moment ago, or None: then it has to be looked up."""
        proof = self._remembered.find(presented.digest, _SecretProof) if presented.digest else None
        if proof is None or not proof.secret.is_living(now_ms):
            return None
        self._audit.note_use(proof.secret.id, now_ms)
        return proof.client

    async def _require_proved(self, presented: _Presented, request: Request, now_ms: int) -> OAuthClient:
        if presented.digest:
            return await self._prove_secret(presented, request, now_ms)
        client = await self._find(presented, request, now_ms)
        if presented.assertion is None:
            return _require_public(client)
        await self._require_assertion(request, client, presented.assertion, now_ms)
        return _require_confidential(client, presented.method)

    async def _find(self, presented: _Presented, request: Request, now_ms: int) -> OAuthClient | None:
        slug = _tenant_of(request)
        return await self._finder.find(presented.client_id, slug, asker=request.client_address, now_ms=now_ms)

    async def _prove_secret(self, presented: _Presented, request: Request, now_ms: int) -> OAuthClient:
        mark = self._remembered.mark()
        # The secret before the client, so that an unknown client takes the very steps of a wrong secret.
        secrets = await list_secrets(self._database, presented.client_id)
        secret = _find_secret(presented.proof, secrets, now_ms)
        if secret is None:
            raise InvalidClientError(cause="the secret is wrong or the client unknown")
        found = await self._find(presented, request, now_ms)
        client = _require_confidential(found, presented.method)
        proof = _SecretProof(client, secret)
        subjects = (f"client:{client.id}", f"tenant:{client.tenant_id}")
        self._remembered.remember(presented.digest, proof, subjects, mark=mark)
        self._audit.note_use(secret.id, now_ms)
        return client

    async def _require_assertion(
        self, request: Request, client: OAuthClient | None, assertion: Assertion, now_ms: int
    ) -> None:
        asker = request.client_address
        keys = () if client is None else await self._keys.list_keys(client, assertion.kid, asker=asker, now_ms=now_ms)
        if client is not None and is_fapi(client):
            require_fapi_assertion(assertion, self._names.issuer(client.tenant_slug))
        await self._assertions.require(assertion, keys, audiences=self._audiences(request, client), now_ms=now_ms)

    def _audiences(self, request: Request, client: OAuthClient | None) -> frozenset[str]:
        """Return by which names a client may mean this server (RFC 7523 §3, RFC 9126 §2)."""
        root = self._names.url
        if client is None:
            return frozenset()
        issuer = self._names.issuer(client.tenant_slug)
        return frozenset({issuer, f"{issuer}/oauth/token", f"{root}/oauth/token", f"{root}{request.path}"})


def _tenant_of(request: Request) -> str | None:
    """Return the tenant that the path names, if it names one."""
    if not request.path.startswith(_OF_TENANT):
        return None
    return request.path.removeprefix(_OF_TENANT).partition("/")[0]


def _read(request: Request, form: ClientCredentials) -> _Presented:
    if request.query and any(name in request.query for name in _SECRET_IN_QUERY):
        # RFC 6749 §2.3.1: whatever stands in a URL ends in logs and histories.
        raise InvalidOAuthRequestError("A client's secret does not belong in the URL")
    ways = []
    if b"authorization" in request.headers:
        ways.append(_of_head(request.head))
    if form.client_secret is not None:
        ways.append(_with_secret("client_secret_post", form.client_id or "", form.client_secret))
    if form.client_assertion is not None:
        ways.append(_read_assertion(form.client_assertion, form.client_assertion_type))
    if len(ways) > 1:
        raise InvalidOAuthRequestError("Authenticate the client in one way only")
    if not ways:
        return _Presented("none", form.client_id or "")
    if form.client_id not in {None, ways[0].client_id}:
        raise InvalidOAuthRequestError("The client_id differs from the one that authenticates")
    return ways[0]


def _of_head(head: Head) -> _Presented:
    presented = head.derived.get(_PRESENTED)
    if not isinstance(presented, _Presented):
        presented = head.derived[_PRESENTED] = _read_basic(head.fields[b"authorization"].decode("latin-1"))
    return presented


def _with_secret(method: AuthenticationMethod, client_id: str, secret: str) -> _Presented:
    # The length keeps an id that goes on from being taken for a secret that begins so.
    text = f"{method} {len(client_id)} {client_id}{secret}"
    return _Presented(method, client_id, secret, digest=sha256(text.encode("utf-8", "surrogatepass")).digest())


def _read_basic(authorization: str) -> _Presented:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClientError(cause="the Authorization header is not Basic")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise InvalidClientError(cause="the Basic credentials cannot be read") from None
    client_id, separator, secret = text.partition(":")
    if not separator:
        raise InvalidClientError(cause="the Basic credentials hold no colon")
    # Both halves are form-encoded inside (RFC 6749 §2.3.1).
    return _with_secret("client_secret_basic", unquote_plus(client_id), unquote_plus(secret))


def _read_assertion(text: str, kind: str | None) -> _Presented:
    if kind != ASSERTION_TYPE:
        raise InvalidClientError(cause="the client_assertion_type is not one that we take")
    assertion = read_assertion(text)
    return _Presented("private_key_jwt", assertion.client_id, assertion=assertion)


def _find_secret(presented: str, stored: list[ClientSecret], now_ms: int) -> ClientSecret | None:
    """Compare with each living secret, and with one that nobody has where there is none: the time tells nothing."""
    found = None
    for secret in [one for one in stored if one.is_living(now_ms)] or [_NO_SECRET]:
        if is_client_secret(presented, secret.secret_hash):
            found = secret
    return found


def _require_public(client: OAuthClient | None) -> OAuthClient:
    if client is None or not client.is_living or client.kind != "public":
        raise InvalidClientError(cause="no public client of this id")
    return client


def _require_confidential(client: OAuthClient | None, method: AuthenticationMethod) -> OAuthClient:
    if client is None or not client.is_living or client.kind != "confidential":
        raise InvalidClientError(cause="no living confidential client of this id")
    chosen = client.settings.authentication_method
    # Without a choice a secret comes either way; an assertion only where it was chosen.
    if chosen != method and (chosen is not None or method == "private_key_jwt"):
        raise InvalidClientError(cause=f"the client does not authenticate by {method}")
    return client
