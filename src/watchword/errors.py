"""Every error the product raises on purpose: code, status, public sentence and private cause.

One tree under ``WatchwordError``; ``wire/problems.py`` turns an error into bytes, and ``wire/pages.py`` into a page;
nobody else does. A class is named by what is wrong. ``cause`` goes to the log and never to the caller.
"""

from __future__ import annotations

from typing import ClassVar


class WatchwordError(Exception):
    """The root of all errors raised on purpose.

    Shapes: ``status`` is the HTTP status, ``name`` and ``code`` stand in the answer, ``oauth_code`` in their place under
    ``/oauth`` (RFC 6749 §5.2); ``message`` is the public sentence, ``extensions`` are further public fields, ``headers`` further response headers, ``cause`` is private.
    """

    status: ClassVar[int] = 500
    name: ClassVar[str] = "InternalServerError"
    code: ClassVar[str] = "INTERNAL_SERVER_ERROR"
    oauth_code: ClassVar[str] = "server_error"
    sentence: ClassVar[str] = "Something went wrong."

    def __init__(
        self,
        message: str | None = None,
        *,
        cause: str = "",
        extensions: dict[str, object] | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message or self.sentence)
        self.message = message or self.sentence
        self.cause = cause
        self.extensions = extensions or {}
        self.headers = headers


class InternalError(WatchwordError):
    """A fault of ours; the caller learns the request id only."""


class WrongMasterSecretError(WatchwordError):
    """The stored signing keys cannot be opened with the given master secret; the server does not start."""

    sentence = "WATCHWORD_SECRET is not the secret that this database was made with"


# 400


class MalformedRequestError(WatchwordError):
    """The request cannot be read: broken JSON, repeated credential headers, an impossible parameter."""

    status = 400
    name = "BadRequest"
    code = "BAD_REQUEST"
    oauth_code = "invalid_request"
    sentence = "The request could not be understood"


class TwoCredentialsError(MalformedRequestError):
    """Two different proofs came in the headers of one request."""

    code = "TWO_CREDENTIALS"
    sentence = "The request carries two different credentials; send one"


class InvalidFieldsError(WatchwordError):
    """Fields of the body or query are wrong; ``fields`` names each."""

    status = 400
    name = "ValidationError"
    code = "VALIDATION_ERROR"
    oauth_code = "invalid_request"
    sentence = "The following fields are invalid"

    def __init__(self, fields: dict[str, str], *, cause: str = "") -> None:
        listed = ", ".join(fields)
        super().__init__(
            f"The following field is invalid: {listed}" if len(fields) == 1 else f"{self.sentence}: {listed}",
            cause=cause,
            extensions={"fields": [{"path": path, "message": sentence} for path, sentence in fields.items()]},
        )
        self.faults = fields


class SpentCodeError(MalformedRequestError):
    """A mailed one-time code is unknown, used or past its end: one answer for all three."""

    code = "INVALID_CODE"
    sentence = "The code is invalid or has expired"


# 401 and 419


class NotAuthenticatedError(WatchwordError):
    """No proof, or a dead one: one answer for unknown, wrong, revoked and malformed.

    ``is_final`` says that the credential's own bytes are at fault: no later look at it could end in another way.
    ``is_of_store`` says that what is stored is: no look could, until something else is stored.
    """

    status = 401
    name = "Unauthorized"
    code = "UNAUTHORIZED"
    oauth_code = "invalid_token"
    sentence = "You are not authenticated; log in or send a valid key"

    def __init__(
        self,
        message: str | None = None,
        *,
        cause: str = "",
        reason: str = "",
        is_final: bool = False,
        is_of_store: bool = False,
    ) -> None:
        super().__init__(message, cause=cause or reason, headers=(("www-authenticate", 'Bearer realm="watchword"'),))
        self.is_final = is_final
        self.is_of_store = is_of_store


class WrongPasswordError(NotAuthenticatedError):
    """The e-mail or the password is wrong, or the account is closed: one answer for all."""

    sentence = "The email or password provided is incorrect"


class KeyNotProvedError(NotAuthenticatedError):
    """The access token or API key is bound to a public key, of which no good DPoP proof came along (RFC 9449 §7.1)."""

    code = "KEY_NOT_PROVED"
    oauth_code = "invalid_dpop_proof"
    sentence = "This credential is bound to a public key; send it as DPoP with a fresh proof of that key"


class KeyNonceMissingError(KeyNotProvedError):
    """The DPoP proof carries no nonce of this server, or one that is over; ``headers`` has another (RFC 9449 §9)."""

    code = "KEY_NONCE_MISSING"
    oauth_code = "use_dpop_nonce"
    sentence = "Sign the DPoP proof anew, with the nonce of the header DPoP-Nonce"


class ExpiredSessionTokenError(WatchwordError):
    """The session token was good and has expired; the session can be refreshed or begun anew.

    That is the answer from ``from_ms`` until before ``until_ms`` (Unix time), unless one of ``subjects`` is withdrawn.
    """

    status = 419
    name = "TokenExpired"
    code = "TOKEN_EXPIRED"
    oauth_code = "invalid_token"
    sentence = "The token has expired; refresh it or log in again"

    def __init__(self, *, subjects: tuple[str, ...] = (), from_ms: int = 0, until_ms: int = 0) -> None:
        super().__init__()
        self.subjects = subjects
        self.from_ms = from_ms
        self.until_ms = until_ms


# 403


class ForbiddenError(WatchwordError):
    """A living proof without the right."""

    status = 403
    name = "Forbidden"
    code = "FORBIDDEN"
    oauth_code = "access_denied"
    sentence = "You are not authorized to perform this action"


class InsufficientScopeError(ForbiddenError):
    """The caller's role would allow it, the scopes of its key do not."""

    code = "INSUFFICIENT_SCOPE"
    oauth_code = "insufficient_scope"

    def __init__(self, scope: str) -> None:
        super().__init__(extensions={"requiredScope": scope}, cause=f"scope {scope} is missing")
        self.scope = scope


class SecretKeyInBrowserError(ForbiddenError):
    """A secret key arrived from a browser, where nobody may have it; ``tenant_id`` and ``key_id`` are private."""

    code = "SECRET_KEY_IN_BROWSER"
    sentence = "A secret key was sent from a browser; use a publishable key there and rotate the secret one"

    def __init__(self, *, tenant_id: str = "", key_id: str = "") -> None:
        super().__init__()
        self.tenant_id = tenant_id
        self.key_id = key_id


class OriginNotAllowedError(ForbiddenError):
    """The web origin is not on the publishable key's list."""

    code = "ORIGIN_NOT_ALLOWED"
    sentence = "This web origin may not use this key"


class NetworkNotAllowedError(ForbiddenError):
    """The client address is outside the secret key's networks."""

    code = "NETWORK_NOT_ALLOWED"
    sentence = "This network may not use this key"


class NotAMemberError(ForbiddenError):
    """The user is no member of the tenant that the request names."""

    code = "NOT_A_MEMBER"
    sentence = "You are not a member of this tenant"


class TenantMismatchError(ForbiddenError):
    """The publishable key and the proof beside it name two tenants, or live and test."""

    code = "TENANT_MISMATCH"
    sentence = "The key and the credential belong to different tenants or modes"


class CrossSiteRequestError(ForbiddenError):
    """A change that came with a cookie lacks the proof that it came from the tenant's own site."""

    code = "CROSS_SITE_REQUEST"
    sentence = "This request did not come from an allowed site"


class InsecureTransportError(ForbiddenError):
    """The request came over plain HTTP from elsewhere: whatever credential it carries has been seen on the way."""

    code = "HTTPS_REQUIRED"
    sentence = "Use HTTPS; a credential that was sent in clear should be replaced"


class RegistrationClosedError(ForbiddenError):
    """The tenant does not let strangers register."""

    code = "REGISTRATION_CLOSED"
    sentence = "Registration is not open here"


class EmailNotVerifiedError(ForbiddenError):
    """The password is right, and a tenant of the user wants the e-mail address confirmed first."""

    code = "EMAIL_NOT_VERIFIED"
    sentence = "Confirm your email address first; a new letter is on its way"


# 404, 405, 409, 412, 413, 414, 415


class NotFoundError(WatchwordError):
    """No such thing, or another tenant's: one answer for both."""

    status = 404
    name = "NotFound"
    code = "NOT_FOUND"
    oauth_code = "invalid_request"
    sentence = "The requested resource was not found"


class MethodNotAllowedError(WatchwordError):
    """The path exists, the method does not; ``allowed`` names those that do."""

    status = 405
    name = "MethodNotAllowed"
    code = "METHOD_NOT_ALLOWED"
    oauth_code = "invalid_request"
    sentence = "This method is not allowed here"

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(headers=(("allow", ", ".join(allowed)),))


class ConflictError(WatchwordError):
    """The thing exists already, or changed meanwhile."""

    status = 409
    name = "Conflict"
    code = "CONFLICT"
    oauth_code = "invalid_request"
    sentence = "This conflicts with what is stored"


class PreconditionFailedError(WatchwordError):
    """``If-Match`` names another version than the stored one (RFC 9110 §13.1.1)."""

    status = 412
    name = "PreconditionFailed"
    code = "PRECONDITION_FAILED"
    sentence = "The resource has changed since it was read"


class BodyTooLargeError(WatchwordError):
    """The body is longer than a request may carry."""

    status = 413
    name = "ContentTooLarge"
    code = "CONTENT_TOO_LARGE"
    oauth_code = "invalid_request"
    sentence = "The request body is too large"


class TargetTooLongError(WatchwordError):
    """The request target, path and query, is longer than any honest one."""

    status = 414
    name = "UriTooLong"
    code = "URI_TOO_LONG"
    oauth_code = "invalid_request"
    sentence = "The request target is too long"


class UnsupportedMediaTypeError(WatchwordError):
    """The body is not what the endpoint reads."""

    status = 415
    name = "UnsupportedMediaType"
    code = "UNSUPPORTED_MEDIA_TYPE"
    oauth_code = "invalid_request"
    sentence = "Send the body as application/json"


# 429, 431 and 503


class RateLimitExceededError(WatchwordError):
    """A limit is used up; ``retry_after_seconds`` says when to come again."""

    status = 429
    name = "TooManyRequests"
    code = "RATE_LIMIT_EXCEEDED"
    oauth_code = "temporarily_unavailable"
    sentence = "Rate limit exceeded"

    def __init__(self, retry_after_seconds: int, *, headers: tuple[tuple[str, str], ...] = (), cause: str = "") -> None:
        super().__init__(
            cause=cause,
            extensions={"retryAfter": retry_after_seconds},
            headers=(("retry-after", str(retry_after_seconds)), *headers),
        )
        self.retry_after_seconds = retry_after_seconds


class HeadersTooLargeError(WatchwordError):
    """The headers are more, or longer, than any honest ones."""

    status = 431
    name = "RequestHeaderFieldsTooLarge"
    code = "HEADERS_TOO_LARGE"
    oauth_code = "invalid_request"
    sentence = "The request headers are too large"


class UnavailableError(WatchwordError):
    """A store or a bounded resource cannot serve now; nothing was changed."""

    status = 503
    name = "Unavailable"
    code = "UNAVAILABLE"
    oauth_code = "temporarily_unavailable"
    sentence = "The service is temporarily unavailable; try again"

    def __init__(self, message: str | None = None, *, cause: str = "", retry_after_seconds: int = 1) -> None:
        super().__init__(message, cause=cause, headers=(("retry-after", str(retry_after_seconds)),))


class DatabaseNewerError(UnavailableError):
    """A newer program has changed the database; this one cannot know what it means now, and does not start."""

    sentence = "The database was changed by a newer version of this program"


class ScanTooLongError(WatchwordError):
    """A query looked at more than its deadline allows."""

    status = 400
    name = "BadRequest"
    code = "QUERY_TOO_EXPENSIVE"
    sentence = "The query takes too long; narrow the filter or sort by an indexed field"


class DuplicateError(ConflictError):
    """A unique index refused a row; ``index`` is private and lets a room say which field it was."""

    def __init__(self, index: str) -> None:
        super().__init__(cause=f"unique index {index}")
        self.index = index
