"""What OAuth clients, requests and answers look like, stored and on the wire."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from watchword.callers.caller import Mode
from watchword.concealed import Concealed
from watchword.credentials.access_token import ActingParty, Confirmation
from watchword.credentials.scope_sets import is_covered
from watchword.credentials.signing import SigningAlgorithm
from watchword.limits.limiter import Limited

GrantType = Literal[
    "client_credentials",
    "authorization_code",
    "refresh_token",
    "implicit",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:token-exchange",
]
ClientKind = Literal["confidential", "public"]
ClientSource = Literal["administrator", "registration", "metadata document"]
TokenFormat = Literal["jwt", "opaque"]
AuthenticationMethod = Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
Profile = Literal["oauth2.1", "fapi2"]

ACCESS_TTL_SECONDS_DEFAULT: Final = 600
REFRESH_TTL_SECONDS_DEFAULT: Final = 30 * 86_400
REFRESH_ABSOLUTE_SECONDS_DEFAULT: Final = 365 * 86_400
ACCESS_TTL_SECONDS_MAX: Final = 86_400
"""A signed token is believed offline until its end, whatever happens to its client; a day is long for that."""


class ClientSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What may be set of a client; stored as JSON beside it, in these very names.

    Shapes: ``default_scopes`` are what a client that registered itself asks its users for when it names none;
    ``redirect_uris`` match exactly, but for the port of a loopback address (RFC 8252 §7.3); ``audiences`` are
    the resources that it may ask tokens for besides the tenant's API; lives are in seconds, that of refresh slides up
    to its absolute end; ``authentication_method`` None takes a secret either way; ``pkce_exempt`` and ``implicit`` are
    for old clients and given by an administrator alone; ``profile`` ``fapi2`` asks for all of FAPI 2.0; ``document_uri``
    is the address of the metadata document by which the client is named in place of its id.
    """

    default_scopes: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    web_origins: tuple[str, ...] = ()
    token_format: TokenFormat = "jwt"  # noqa: S105 - the name of a form
    signing_algorithm: SigningAlgorithm = "EdDSA"
    access_ttl_seconds: int = ACCESS_TTL_SECONDS_DEFAULT
    refresh_ttl_seconds: int = REFRESH_TTL_SECONDS_DEFAULT
    refresh_absolute_seconds: int = REFRESH_ABSOLUTE_SECONDS_DEFAULT
    authentication_method: AuthenticationMethod | None = None
    jwks: dict[str, Any] | None = None
    jwks_uri: str | None = None
    pkce_exempt: bool = False
    dpop_bound: bool = False
    require_pushed_requests: bool = False
    profile: Profile = "oauth2.1"
    client_uri: str | None = None
    logo_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool = False
    document_uri: str | None = None


class OAuthClient(msgspec.Struct, frozen=True, kw_only=True):
    """A stored client with what of its tenant is needed to serve it.

    Shapes: ``scopes`` is None when nothing narrows the client; times are Unix milliseconds; ``tenant_wants_nonces`` in
    DPoP proofs; ``limited`` is what limits see of it, None for one that is being made.
    """

    id: str
    tenant_id: str
    tenant_slug: str
    mode: Mode
    name: str
    kind: ClientKind
    source: ClientSource
    grants: tuple[str, ...]
    scopes: tuple[str, ...] | None
    settings: ClientSettings
    created_at_ms: int
    updated_at_ms: int
    disabled_at_ms: int | None
    tenant_disabled_at_ms: int | None
    tenant_wants_nonces: bool = False
    limited: Limited | None = None

    @property
    def client_id(self) -> str:
        """What the client calls itself."""
        return self.settings.document_uri or self.id

    @property
    def is_living(self) -> bool:
        """Say whether neither the client nor its tenant is disabled."""
        return self.disabled_at_ms is None and self.tenant_disabled_at_ms is None


class ClientSecret(msgspec.Struct, frozen=True):
    """One of a client's secrets, as its hash; ``expires_at_ms`` is None for one without an end."""

    id: str
    secret_hash: bytes
    last_characters: str
    created_at_ms: int
    expires_at_ms: int | None

    def is_living(self, now_ms: int) -> bool:
        """Say whether the secret has not ended yet."""
        return self.expires_at_ms is None or now_ms < self.expires_at_ms

    def __repr__(self) -> str:
        return f"ClientSecret({self.id!r})"


class ClientCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a form by which a client names and proves itself (RFC 6749 §2.3.1, RFC 7521 §4.2)."""

    client_id: str | None = None
    client_secret: str | None = None
    client_assertion_type: str | None = None
    client_assertion: str | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(client_id={self.client_id!r})"


class TokenRequest(ClientCredentials, frozen=True, kw_only=True):
    """The form of the token endpoint (RFC 6749 §4, RFC 7636 §4.5, RFC 8628 §3.4, RFC 8693 §2.1, RFC 8707 §2.2)."""

    grant_type: str | None = None
    scope: str | None = None
    resource: tuple[str, ...] = ()
    audience: tuple[str, ...] = ()
    code: str | None = None
    redirect_uri: str | None = None
    code_verifier: str | None = None
    refresh_token: str | None = None
    device_code: str | None = None
    subject_token: str | None = None
    subject_token_type: str | None = None
    actor_token: str | None = None
    actor_token_type: str | None = None
    requested_token_type: str | None = None

    def __repr__(self) -> str:
        return f"TokenRequest(grant_type={self.grant_type!r}, client_id={self.client_id!r})"


class PresentedToken(ClientCredentials, frozen=True, kw_only=True):
    """The form of introspection and revocation (RFC 7662 §2.1, RFC 7009 §2.1)."""

    token: str | None = None
    token_type_hint: str | None = None


class IntrospectionAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a token stands for (RFC 7662 §2.2); of one that is not active nothing else is told.

    Shapes: ``mode`` is said of test tokens alone, as in the tokens themselves.
    """

    active: bool
    scope: str | None = None
    client_id: str | None = None
    token_type: Literal["Bearer", "DPoP"] | None = None
    exp: int | None = None
    iat: int | None = None
    sub: str | None = None
    aud: tuple[str, ...] = ()
    iss: str | None = None
    jti: str | None = None
    auth_time: int | None = None
    cnf: Confirmation | None = None
    act: ActingParty | None = None
    mode: Literal["live", "test"] = "live"


class TokenAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the token endpoint answers (RFC 6749 §5.1, RFC 8693 §2.2.1)."""

    access_token: str
    token_type: Literal["Bearer", "DPoP"]
    expires_in: int
    scope: str
    refresh_token: str | None = None
    id_token: str | None = None
    issued_token_type: str | None = None

    def __repr__(self) -> str:
        return f"TokenAnswer(scope={self.scope!r})"


ResponseMode = Literal["query", "fragment", "form_post"]


class AuthorizationRequest(Concealed, frozen=True, kw_only=True, omit_defaults=True):
    """The parameters of an authorization request, as they came (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1).

    Stored as JSON in these very names while a person decides, and when a client has pushed them (RFC 9126).
    """

    client_id: str | None = None
    response_type: str | None = None
    response_mode: str | None = None
    redirect_uri: str | None = None
    scope: str | None = None
    state: str | None = None
    resource: tuple[str, ...] = ()
    code_challenge: str | None = None
    code_challenge_method: str | None = None
    dpop_jkt: str | None = None
    nonce: str | None = None
    prompt: str | None = None
    max_age: str | None = None
    login_hint: str | None = None
    id_token_hint: str | None = None
    ui_locales: str | None = None
    request: str | None = None
    request_uri: str | None = None


class PushedRequest(AuthorizationRequest, kw_only=True, frozen=True):
    """The form of a pushed authorization request: its parameters, and what proves the client (RFC 9126 §2.1)."""

    client_secret: str | None = None
    client_assertion_type: str | None = None
    client_assertion: str | None = None


class SignInForm(Concealed, frozen=True, kw_only=True):
    """The form of the sign-in page; ``request`` or ``next`` says where to go on."""

    form_token: str | None = None
    request: str | None = None
    next: str | None = None
    email: str | None = None
    password: str | None = None


class ConsentForm(Concealed, frozen=True, kw_only=True):
    """The form of the consent page."""

    form_token: str | None = None
    request: str | None = None
    decision: str | None = None


class WithdrawForm(Concealed, frozen=True, kw_only=True):
    """The form by which a user takes an application's access away."""

    form_token: str | None = None
    client_id: str | None = None


class SignOutForm(Concealed, frozen=True, kw_only=True):
    """The form of signing out."""

    form_token: str | None = None


class VisitQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What the address of a page says: the request that it is part of, or where to go on."""

    request: str | None = None
    next: str | None = None
    another: str | None = None
    withdrawn: str | None = None


class JwkSet(msgspec.Struct, frozen=True):
    """A tenant's public keys (RFC 7517 §5)."""

    keys: tuple[dict[str, Any], ...]


OFFLINE_ACCESS: Final = "offline_access"
"""The scope that lets a grant outlive its session (OpenID Connect Core §11, Back-Channel Logout §2.7)."""


class StoredGrant(msgspec.Struct, frozen=True, kw_only=True):
    """What a user, or nobody but the client itself, allowed a client: every token of it hangs on this.

    Shapes: ``session_id`` is the public id of the sign-in session in which it was allowed; times are Unix
    milliseconds; after ``expires_at_ms`` nothing that hangs on it lives, however often it is refreshed; where it does
    not outlive its session, that ends at ``session_ends_at_ms`` unless it is refreshed.
    """

    id: str
    tenant_id: str
    mode: Mode
    client_id: str
    user_id: str | None
    session_id: str | None
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    authenticated_at_ms: int | None
    created_at_ms: int
    expires_at_ms: int
    ended_at_ms: int | None
    session_ends_at_ms: int | None = None

    @property
    def hangs_on_session(self) -> bool:
        """Whether it is over when its session is."""
        return self.session_id is not None and OFFLINE_ACCESS not in self.scopes

    @property
    def tokens_end_at_ms(self) -> int:
        """When an access token made now ends at the latest."""
        if self.session_ends_at_ms is None:
            return self.expires_at_ms
        return min(self.expires_at_ms, self.session_ends_at_ms)


class GrantState(msgspec.Struct, frozen=True, kw_only=True):
    """A grant with what the database has now of its user; ``role`` is the user's in the tenant."""

    grant: StoredGrant
    user_disabled_at_ms: int | None
    role: str | None


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """What a user allowed a client once and need not be asked again; times are Unix milliseconds.

    Shapes: ``allowed`` holds the scopes by resource; ``scopes`` and ``resources`` are all there are, to be shown.
    """

    tenant_id: str
    user_id: str
    client_id: str
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    allowed: dict[str, tuple[str, ...]]
    created_at_ms: int
    updated_at_ms: int

    def covers(self, scopes: tuple[str, ...], resources: tuple[str, ...]) -> bool:
        """Say whether all of the scopes were allowed at each of the resources."""
        return all(is_covered(scope, self.allowed.get(resource, ())) for resource in resources for scope in scopes)


class StoredCode(msgspec.Struct, frozen=True, kw_only=True):
    """What an authorization code stands for; ``redirect_uri`` is None where the request left it out."""

    grant_id: str
    client_id: str
    redirect_uri: str | None
    code_challenge: str | None
    nonce: str | None
    jkt: str | None


class LogoutRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks at the end of a session (OpenID Connect RP-Initiated Logout §2).

    Shapes: ``ticket`` is our own word that the client has just shown the ID token, which came as a form.
    """

    id_token_hint: str | None = None
    client_id: str | None = None
    post_logout_redirect_uri: str | None = None
    state: str | None = None
    ui_locales: str | None = None
    ticket: str | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(client_id={self.client_id!r})"


class LogoutDecision(LogoutRequest, frozen=True, kw_only=True):
    """What the user decided about it on our page."""

    form_token: str | None = None
    decision: str | None = None
