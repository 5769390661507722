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


class InvalidClientError(OAuthError):
    """The client is unknown, disabled, or did not prove itself: one answer for all."""

    status = 401
    code = "INVALID_CLIENT"
    oauth_code = "invalid_client"
    sentence = "Client authentication failed"

    def __init__(self, message: str | None = None, *, cause: str = "") -> None:
        super().__init__(message, cause=cause, headers=(("www-authenticate", 'Basic realm="watchword"'),))


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
