"""The errors that OAuth's own endpoints answer, named by the protocol (RFC 6749 §5.2, RFC 8707 §2)."""

from __future__ import annotations

from watchword.errors import WatchwordError


class OAuthError(WatchwordError):
    """A request to an OAuth endpoint is refused; the root of those that its protocol names."""

    status = 400
    name = "OAuthError"
    code = "OAUTH_ERROR"


class InvalidOAuthRequestError(OAuthError):
    """A parameter is missing, repeated, or in a form that the protocol does not know."""

    code = "INVALID_REQUEST"
    oauth_code = "invalid_request"
    sentence = "A parameter is missing or malformed"


class UnknownRedirectUriError(OAuthError):
    """The redirect URI is none of the client's; whoever asks is told here and never sent there."""

    code = "UNKNOWN_REDIRECT_URI"
    oauth_code = "invalid_request"
    sentence = "The redirect_uri is not one of this client's"


class TenantNotNamedError(OAuthError):
    """The client is no tenant's own and came to the root's endpoint: somebody has to say in which tenant it may act."""

    code = "TENANT_NOT_NAMED"
    oauth_code = "invalid_request"
    sentence = "Use the authorization endpoint of a tenant"


class UnknownClientError(OAuthError):
    """The client of a page is unknown, disabled or another tenant's; whoever came is told here and never redirected."""

    code = "UNKNOWN_CLIENT"
    oauth_code = "invalid_request"
    sentence = "The application is unknown or no longer active"


class InvalidRequestUriError(OAuthError):
    """The pushed request is unknown, used, expired or another client's (RFC 9126 §4, RFC 9101 §6.3)."""

    code = "INVALID_REQUEST_URI"
    oauth_code = "invalid_request_uri"
    sentence = "The request_uri is unknown, used or expired"


class RequestNotSupportedError(OAuthError):
    """Parameters came inside a signed request object, which is not served (OpenID Connect Core §3.1.2.6)."""

    code = "REQUEST_NOT_SUPPORTED"
    oauth_code = "request_not_supported"
    sentence = "The parameter request is not supported; push the request instead"


class RequestUriNotSupportedError(OAuthError):
    """The request_uri is not one that was pushed here (OpenID Connect Core §3.1.2.6)."""

    code = "REQUEST_URI_NOT_SUPPORTED"
    oauth_code = "request_uri_not_supported"
    sentence = "Only a request_uri of a request that was pushed here is supported"


class RequestExpiredError(OAuthError):
    """A person took too long over a page, or came back to one that is done."""

    code = "REQUEST_EXPIRED"
    oauth_code = "invalid_request"
    sentence = "The request has expired; start again"


class UnsupportedResponseTypeError(OAuthError):
    """No such response type here, or not for this client."""

    code = "UNSUPPORTED_RESPONSE_TYPE"
    oauth_code = "unsupported_response_type"
    sentence = "This response type is not supported"


class AccessDeniedError(OAuthError):
    """The user said no, or is no member of the client's tenant."""

    code = "ACCESS_DENIED"
    oauth_code = "access_denied"
    sentence = "Access was denied"


class LoginRequiredError(OAuthError):
    """The user would have to sign in, and the client wants no page to be shown (OpenID Connect Core §3.1.2.6)."""

    code = "LOGIN_REQUIRED"
    oauth_code = "login_required"
    sentence = "The user has to sign in"


class ConsentRequiredError(OAuthError):
    """The user would have to be asked, and the client wants no page to be shown (OpenID Connect Core §3.1.2.6)."""

    code = "CONSENT_REQUIRED"
    oauth_code = "consent_required"
    sentence = "The user has to be asked"


class InvalidClientError(OAuthError):
    """The client is unknown, disabled, or did not prove itself: one answer for all."""

    status = 401
    code = "INVALID_CLIENT"
    oauth_code = "invalid_client"
    sentence = "Client authentication failed"

    def __init__(self, message: str | None = None, *, cause: str = "") -> None:
        super().__init__(message, cause=cause, headers=(("www-authenticate", 'Basic realm="watchword"'),))


class InvalidDpopProofError(OAuthError):
    """The DPoP proof is missing, malformed, old, used before, or for another request (RFC 9449 §5)."""

    code = "INVALID_DPOP_PROOF"
    oauth_code = "invalid_dpop_proof"
    sentence = "The DPoP proof is missing, or not good for this request"


class DpopNonceMissingError(InvalidDpopProofError):
    """The DPoP proof carries no nonce of this server, or one that is over; the answer has another (RFC 9449 §8)."""

    code = "USE_DPOP_NONCE"
    oauth_code = "use_dpop_nonce"
    sentence = "Sign the DPoP proof anew, with the nonce of the header DPoP-Nonce"

    def __init__(self, nonce: str) -> None:
        super().__init__(headers=(("dpop-nonce", nonce),))


class InvalidGrantError(OAuthError):
    """The code, refresh token or other grant is unknown, used, expired, or another client's: one answer for all."""

    code = "INVALID_GRANT"
    oauth_code = "invalid_grant"
    sentence = "The grant is invalid, expired, revoked, or was given to another client"


class UnauthorizedClientError(OAuthError):
    """The client is proved and may not use this grant."""

    code = "UNAUTHORIZED_CLIENT"
    oauth_code = "unauthorized_client"
    sentence = "This client may not use this grant type"


class UnsupportedGrantTypeError(OAuthError):
    """No such grant here."""

    code = "UNSUPPORTED_GRANT_TYPE"
    oauth_code = "unsupported_grant_type"
    sentence = "This grant type is not supported"


class InvalidScopeError(OAuthError):
    """A scope is unknown, malformed, or more than the client may have."""

    code = "INVALID_SCOPE"
    oauth_code = "invalid_scope"
    sentence = "A requested scope is unknown or more than this client may have"


class InvalidTargetError(OAuthError):
    """The resource or audience is unknown, malformed, or not one of the client's (RFC 8707 §2)."""

    code = "INVALID_TARGET"
    oauth_code = "invalid_target"
    sentence = "A requested resource is unknown or not one that this client may use"


class AuthorizationPendingError(OAuthError):
    """Nobody has decided about the device yet; it asks again after its interval (RFC 8628 §3.5)."""

    code = "AUTHORIZATION_PENDING"
    oauth_code = "authorization_pending"
    sentence = "Nobody has allowed the device yet; ask again"


class SlowDownError(AuthorizationPendingError):
    """The device asks faster than it was told; its interval grows by five seconds (RFC 8628 §3.5)."""

    code = "SLOW_DOWN"
    oauth_code = "slow_down"
    sentence = "Ask again, five seconds later than before"


class ExpiredDeviceCodeError(OAuthError):
    """The device's code has expired (RFC 8628 §3.5)."""

    code = "EXPIRED_TOKEN"
    oauth_code = "expired_token"
    sentence = "The device code has expired; begin anew"


class InvalidClientMetadataError(OAuthError):
    """What a client says of itself cannot be registered (RFC 7591 §3.2.2)."""

    code = "INVALID_CLIENT_METADATA"
    oauth_code = "invalid_client_metadata"
    sentence = "The client metadata cannot be registered"


class UnregistrableRedirectUriError(OAuthError):
    """A redirect URI that a client wants to register is not one that may be (RFC 7591 §3.2.2)."""

    code = "INVALID_REDIRECT_URI"
    oauth_code = "invalid_redirect_uri"
    sentence = "A redirect URI cannot be registered"


class ClientRegistrationClosedError(OAuthError):
    """The tenant does not let clients register by themselves."""

    status = 403
    code = "CLIENT_REGISTRATION_CLOSED"
    oauth_code = "access_denied"
    sentence = "Clients are registered by an administrator here"


class InvalidRegistrationTokenError(OAuthError):
    """The token that a registration, or its management, needs is missing or not good (RFC 7591 §3, RFC 7592 §2)."""

    status = 401
    code = "INVALID_REGISTRATION_TOKEN"
    oauth_code = "invalid_token"
    sentence = "The registration needs a token, and this is not one"

    def __init__(self, *, cause: str = "") -> None:
        super().__init__(
            cause=cause, headers=(("www-authenticate", 'Bearer realm="watchword", error="invalid_token"'),)
        )
