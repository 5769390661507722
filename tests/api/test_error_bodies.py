"""The exact body of every error that a client can see, most of them as they come through the HTTP door."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import msgspec
import pytest

from scenario import filled_names
from support import SetClock
from watchword import errors, oauth_errors, order_errors
from watchword.db.database import Statement, Transaction
from watchword.errors import WatchwordError
from watchword.wire.problems import problem_response
from world import PASSWORD, SHOP_ORIGIN, Api

PRODUCTS = "/api/products"
NEW_PASSWORD = "an entirely different phrase"
COOKIE = {"cookie": "__Host-watchword={token_admin_a}"}


def body_of(message: str, name: str, code: str, **extensions: object) -> dict[str, Any]:
    return {"errors": [{"message": message, "name": name, "extensions": {"code": code, **extensions}}]}


def conflict_of(message: str, code: str, faults: dict[str, str], **extensions: object) -> dict[str, Any]:
    fields = [{"path": path, "message": sentence} for path, sentence in faults.items()]
    return body_of(message, "Conflict", code, fields=fields, **extensions)


UNAUTHORIZED = body_of("You are not authenticated; log in or send a valid key", "Unauthorized", "UNAUTHORIZED")
FORBIDDEN = body_of("You are not authorized to perform this action", "Forbidden", "FORBIDDEN")
UNAVAILABLE = body_of("The service is temporarily unavailable; try again", "Unavailable", "UNAVAILABLE")

# Each class that a client can meet, made as the product makes it, with its status and exact body.
CLASSES: list[tuple[WatchwordError, int, dict[str, Any]]] = [
    (errors.InternalError(), 500, body_of("Something went wrong.", "InternalServerError", "INTERNAL_SERVER_ERROR")),
    (errors.MalformedRequestError(), 400, body_of("The request could not be understood", "BadRequest", "BAD_REQUEST")),
    (errors.TwoCredentialsError(), 400, body_of("The request carries two different credentials; send one", "BadRequest", "TWO_CREDENTIALS")),
    (errors.InvalidFieldsError({"a": "is required"}), 400, body_of("The following field is invalid: a", "ValidationError", "VALIDATION_ERROR", fields=[{"path": "a", "message": "is required"}])),
    (errors.InvalidFieldsError({"a": "x", "b": "y"}), 400, body_of("The following fields are invalid: a, b", "ValidationError", "VALIDATION_ERROR", fields=[{"path": "a", "message": "x"}, {"path": "b", "message": "y"}])),
    (errors.SpentCodeError(), 400, body_of("The code is invalid or has expired", "BadRequest", "INVALID_CODE")),
    (errors.ScanTooLongError(), 400, body_of("The query takes too long; narrow the filter or sort by an indexed field", "BadRequest", "QUERY_TOO_EXPENSIVE")),
    (errors.NotAuthenticatedError(), 401, UNAUTHORIZED),
    (errors.KeyNonceMissingError(), 401, body_of("Sign the DPoP proof anew, with the nonce of the header DPoP-Nonce", "Unauthorized", "KEY_NONCE_MISSING")),
    (errors.KeyNotProvedError(), 401, body_of("This credential is bound to a public key; send it as DPoP with a fresh proof of that key", "Unauthorized", "KEY_NOT_PROVED")),
    (errors.WrongPasswordError(), 401, body_of("The email or password provided is incorrect", "Unauthorized", "UNAUTHORIZED")),
    (errors.ExpiredSessionTokenError(), 419, body_of("The token has expired; refresh it or log in again", "TokenExpired", "TOKEN_EXPIRED")),
    (errors.ForbiddenError(), 403, FORBIDDEN),
    (errors.InsufficientScopeError("products:write"), 403, body_of("You are not authorized to perform this action", "Forbidden", "INSUFFICIENT_SCOPE", requiredScope="products:write")),
    (errors.SecretKeyInBrowserError(), 403, body_of("A secret key was sent from a browser; use a publishable key there and rotate the secret one", "Forbidden", "SECRET_KEY_IN_BROWSER")),
    (errors.OriginNotAllowedError(), 403, body_of("This web origin may not use this key", "Forbidden", "ORIGIN_NOT_ALLOWED")),
    (errors.NetworkNotAllowedError(), 403, body_of("This network may not use this key", "Forbidden", "NETWORK_NOT_ALLOWED")),
    (errors.NotAMemberError(), 403, body_of("You are not a member of this tenant", "Forbidden", "NOT_A_MEMBER")),
    (errors.TenantMismatchError(), 403, body_of("The key and the credential belong to different tenants or modes", "Forbidden", "TENANT_MISMATCH")),
    (errors.CrossSiteRequestError(), 403, body_of("This request did not come from an allowed site", "Forbidden", "CROSS_SITE_REQUEST")),
    (errors.InsecureTransportError(), 403, body_of("Use HTTPS; a credential that was sent in clear should be replaced", "Forbidden", "HTTPS_REQUIRED")),
    (errors.RegistrationClosedError(), 403, body_of("Registration is not open here", "Forbidden", "REGISTRATION_CLOSED")),
    (errors.EmailNotVerifiedError(), 403, body_of("Confirm your email address first; a new letter is on its way", "Forbidden", "EMAIL_NOT_VERIFIED")),
    (errors.NotFoundError(), 404, body_of("The requested resource was not found", "NotFound", "NOT_FOUND")),
    (errors.MethodNotAllowedError(("GET",)), 405, body_of("This method is not allowed here", "MethodNotAllowed", "METHOD_NOT_ALLOWED")),
    (errors.ConflictError(), 409, body_of("This conflicts with what is stored", "Conflict", "CONFLICT")),
    (errors.DuplicateError("users_email"), 409, body_of("This conflicts with what is stored", "Conflict", "CONFLICT")),
    (errors.PreconditionFailedError(), 412, body_of("The resource has changed since it was read", "PreconditionFailed", "PRECONDITION_FAILED")),
    (errors.BodyTooLargeError(), 413, body_of("The request body is too large", "ContentTooLarge", "CONTENT_TOO_LARGE")),
    (errors.TargetTooLongError(), 414, body_of("The request target is too long", "UriTooLong", "URI_TOO_LONG")),
    (errors.UnsupportedMediaTypeError(), 415, body_of("Send the body as application/json", "UnsupportedMediaType", "UNSUPPORTED_MEDIA_TYPE")),
    (errors.RateLimitExceededError(7), 429, body_of("Rate limit exceeded", "TooManyRequests", "RATE_LIMIT_EXCEEDED", retryAfter=7)),
    (errors.HeadersTooLargeError(), 431, body_of("The request headers are too large", "RequestHeaderFieldsTooLarge", "HEADERS_TOO_LARGE")),
    (errors.UnavailableError(), 503, UNAVAILABLE),
    (order_errors.OrderConflictError({"a": "b"}), 409, conflict_of("This conflicts with what is stored", "CONFLICT", {"a": "b"})),
    (order_errors.ProductNotOnSaleError({"a": "b"}), 409, conflict_of("The order names a product that is not on sale", "PRODUCT_NOT_ON_SALE", {"a": "b"})),
    (order_errors.MixedCurrenciesError({"a": "b"}), 409, conflict_of("All products of an order have prices in one currency", "MIXED_CURRENCIES", {"a": "b"})),
    (order_errors.PriceMismatchError({"a": "b"}), 409, conflict_of("A price is not the product's", "PRICE_MISMATCH", {"a": "b"})),
    (order_errors.TotalMismatchError(9), 409, conflict_of("The total is not what the products come to", "TOTAL_MISMATCH", {"totalAmount": "must be 9"}, totalAmount=9)),
    (order_errors.OutOfStockError({"a": "b"}), 409, conflict_of("A product of the order is out of stock", "OUT_OF_STOCK", {"a": "b"})),
    (order_errors.OrderFixedError({"a": "b"}), 409, conflict_of("This can no longer be changed", "ORDER_FIXED", {"a": "b"})),
    (order_errors.StatusJumpError("paid", "returned", ("preparing", "canceled")), 409, body_of("The order is paid; it can become preparing, canceled", "Conflict", "STATUS_JUMP", status="paid", allowed=["preparing", "canceled"])),
    (order_errors.StatusJumpError("failed", "paid", ()), 409, body_of("The order is failed, and that is its last status", "Conflict", "STATUS_JUMP", status="failed", allowed=[])),
    (oauth_errors.OAuthError(), 400, body_of("Something went wrong.", "OAuthError", "OAUTH_ERROR")),
    (oauth_errors.InvalidOAuthRequestError(), 400, body_of("A parameter is missing or malformed", "OAuthError", "INVALID_REQUEST")),
    (oauth_errors.UnknownRedirectUriError(), 400, body_of("The redirect_uri is not one of this client's", "OAuthError", "UNKNOWN_REDIRECT_URI")),
    (oauth_errors.TenantNotNamedError(), 400, body_of("Use the authorization endpoint of a tenant", "OAuthError", "TENANT_NOT_NAMED")),
    (oauth_errors.UnknownClientError(), 400, body_of("The application is unknown or no longer active", "OAuthError", "UNKNOWN_CLIENT")),
    (oauth_errors.InvalidRequestUriError(), 400, body_of("The request_uri is unknown, used or expired", "OAuthError", "INVALID_REQUEST_URI")),
    (oauth_errors.RequestNotSupportedError(), 400, body_of("The parameter request is not supported; push the request instead", "OAuthError", "REQUEST_NOT_SUPPORTED")),
    (oauth_errors.RequestUriNotSupportedError(), 400, body_of("Only a request_uri of a request that was pushed here is supported", "OAuthError", "REQUEST_URI_NOT_SUPPORTED")),
    (oauth_errors.RequestExpiredError(), 400, body_of("The request has expired; start again", "OAuthError", "REQUEST_EXPIRED")),
    (oauth_errors.UnsupportedResponseTypeError(), 400, body_of("This response type is not supported", "OAuthError", "UNSUPPORTED_RESPONSE_TYPE")),
    (oauth_errors.AccessDeniedError(), 400, body_of("Access was denied", "OAuthError", "ACCESS_DENIED")),
    (oauth_errors.LoginRequiredError(), 400, body_of("The user has to sign in", "OAuthError", "LOGIN_REQUIRED")),
    (oauth_errors.ConsentRequiredError(), 400, body_of("The user has to be asked", "OAuthError", "CONSENT_REQUIRED")),
    (oauth_errors.InvalidClientError(), 401, body_of("Client authentication failed", "OAuthError", "INVALID_CLIENT")),
    (oauth_errors.DpopNonceMissingError("n"), 400, body_of("Sign the DPoP proof anew, with the nonce of the header DPoP-Nonce", "OAuthError", "USE_DPOP_NONCE")),
    (oauth_errors.InvalidDpopProofError(), 400, body_of("The DPoP proof is missing, or not good for this request", "OAuthError", "INVALID_DPOP_PROOF")),
    (oauth_errors.InvalidClientMetadataError(), 400, body_of("The client metadata cannot be registered", "OAuthError", "INVALID_CLIENT_METADATA")),
    (oauth_errors.UnregistrableRedirectUriError(), 400, body_of("A redirect URI cannot be registered", "OAuthError", "INVALID_REDIRECT_URI")),
    (oauth_errors.ClientRegistrationClosedError(), 403, body_of("Clients are registered by an administrator here", "OAuthError", "CLIENT_REGISTRATION_CLOSED")),
    (oauth_errors.InvalidRegistrationTokenError(), 401, body_of("The registration needs a token, and this is not one", "OAuthError", "INVALID_REGISTRATION_TOKEN")),
    (oauth_errors.InvalidGrantError(), 400, body_of("The grant is invalid, expired, revoked, or was given to another client", "OAuthError", "INVALID_GRANT")),
    (oauth_errors.UnauthorizedClientError(), 400, body_of("This client may not use this grant type", "OAuthError", "UNAUTHORIZED_CLIENT")),
    (oauth_errors.UnsupportedGrantTypeError(), 400, body_of("This grant type is not supported", "OAuthError", "UNSUPPORTED_GRANT_TYPE")),
    (oauth_errors.InvalidScopeError(), 400, body_of("A requested scope is unknown or more than this client may have", "OAuthError", "INVALID_SCOPE")),
    (oauth_errors.InvalidTargetError(), 400, body_of("A requested resource is unknown or not one that this client may use", "OAuthError", "INVALID_TARGET")),
    (oauth_errors.AuthorizationPendingError(), 400, body_of("Nobody has allowed the device yet; ask again", "OAuthError", "AUTHORIZATION_PENDING")),
    (oauth_errors.SlowDownError(), 400, body_of("Ask again, five seconds later than before", "OAuthError", "SLOW_DOWN")),
    (oauth_errors.ExpiredDeviceCodeError(), 400, body_of("The device code has expired; begin anew", "OAuthError", "EXPIRED_TOKEN")),
]  # fmt: skip

AT_START_ONLY = {errors.WatchwordError, errors.WrongMasterSecretError, errors.DatabaseNewerError}
"""Errors that end the start of the program, and the root."""


@pytest.mark.parametrize(("error", "status", "body"), CLASSES, ids=lambda row: type(row).__name__)
def test_an_error_has_its_exact_body(error: WatchwordError, status: int, body: dict[str, Any]) -> None:
    """Each error says exactly this, and its private cause to nobody."""
    error.cause = "a private cause"
    response = problem_response(error)
    assert (response.status, msgspec.json.decode(response.body)) == (status, body)
    assert b"private" not in response.lines
    assert b"cache-control: no-store\r\n" in response.lines


def test_the_table_has_every_error() -> None:
    """An error class that is added is added to the table above."""
    classes = {
        value
        for module in (errors, oauth_errors, order_errors)
        for _, value in inspect.getmembers(module, inspect.isclass)
        if issubclass(value, WatchwordError)
    }
    assert {type(error) for error, _, _ in CLASSES} == classes - AT_START_ONLY


def test_codes_and_statuses_agree() -> None:
    """A code stands for one status and one name, wherever it is met."""
    seen: dict[str, tuple[int, str]] = {}
    for error, status, _ in CLASSES:
        assert seen.setdefault(error.code, (status, error.name)) == (status, error.name)


class Met(msgspec.Struct, frozen=True, kw_only=True):
    """How a client meets an error: one request, and the exact body."""

    name: str
    method: str = "GET"
    path: str = PRODUCTS
    who: str = "nobody"
    headers: dict[str, str] = {}
    json: object = None
    content: bytes | None = None
    status: int
    body: dict[str, Any]


MET = [
    Met(name="no proof", status=401, body=UNAUTHORIZED),
    Met(name="a forged token", headers={"authorization": "Bearer eyJ.e30.x"}, status=401, body=UNAUTHORIZED),
    Met(name="a wrong password", method="POST", path="/api/users/login", json={"email": "admin.a@example.com", "password": "wrong"}, status=401, body=body_of("The email or password provided is incorrect", "Unauthorized", "UNAUTHORIZED")),
    Met(name="an unknown e-mail", method="POST", path="/api/users/login", json={"email": "no@example.com", "password": "wrong"}, status=401, body=body_of("The email or password provided is incorrect", "Unauthorized", "UNAUTHORIZED")),
    Met(name="two credentials", who="admin_a", headers={"apikey": "{secret_sk_live_a}"}, status=400, body=body_of("The request carries two different credentials; send one", "BadRequest", "TWO_CREDENTIALS")),
    Met(name="a header twice in one", headers={"cookie": "__Host-watchword=a; __Host-watchword=b"}, status=400, body=body_of("The session cookie came more than once", "BadRequest", "BAD_REQUEST")),
    Met(name="no tenant", who="super", status=400, body=body_of("Name the tenant in the header X-Tenant-ID", "BadRequest", "BAD_REQUEST")),
    Met(name="another tenant", who="admin_a", headers={"x-tenant-id": "tenant-b"}, status=403, body=body_of("You are not a member of this tenant", "Forbidden", "NOT_A_MEMBER")),
    Met(name="two tenants", who="sk_live_a", headers={"x-tenant-id": "tenant-b"}, status=403, body=body_of("The key and the credential belong to different tenants or modes", "Forbidden", "TENANT_MISMATCH")),
    Met(name="a key in a browser", who="sk_live_a", headers={"origin": SHOP_ORIGIN}, status=403, body=body_of("A secret key was sent from a browser; use a publishable key there and rotate the secret one", "Forbidden", "SECRET_KEY_IN_BROWSER")),
    Met(name="a write by publishable key", method="POST", who="pk_live_a", json={"name": "x", "price": 1}, status=403, body=FORBIDDEN),
    Met(name="a cookie from elsewhere", method="PATCH", path="/api/users/me", headers=COOKIE, json={}, status=403, body=body_of("This request did not come from an allowed site", "Forbidden", "CROSS_SITE_REQUEST")),
    Met(name="registration", method="POST", path="/api/users/register", who="pk_live_a", json={"email": "n@example.com", "password": NEW_PASSWORD}, status=403, body=body_of("Registration is not open here", "Forbidden", "REGISTRATION_CLOSED")),
    Met(name="what only a super-admin may", method="PATCH", path="/api/tenants/{tenant_a}", who="admin_a", json={"plan": "pro", "disabled": True}, status=403, body=body_of("Only a super-admin changes plan, disabled", "Forbidden", "FORBIDDEN")),
    Met(name="a publishable key to stop", method="POST", path="/api/keys/self-revoke", who="pk_live_a", status=403, body=body_of("A publishable key is public; only its tenant's administrator revokes it", "Forbidden", "FORBIDDEN")),
    Met(name="no such route", path="/api/nothing", status=404, body=body_of("The requested resource was not found", "NotFound", "NOT_FOUND")),
    Met(name="another tenant's product", path="/api/products/{product_live_b}", who="admin_a", status=404, body=body_of("The requested resource was not found", "NotFound", "NOT_FOUND")),
    Met(name="no such method", method="PUT", status=405, body=body_of("This method is not allowed here", "MethodNotAllowed", "METHOD_NOT_ALLOWED")),
    Met(name="no such method of an OAuth endpoint", path="/oauth/token", status=405, body={"error": "invalid_request", "error_description": "This method is not allowed here"}),
    Met(name="no such OAuth endpoint", method="POST", path="/t/tenant-a/oauth/tokens", status=404, body={"error": "invalid_request", "error_description": "The requested resource was not found"}),
    Met(name="a name that no description may hold", method="POST", path="/oauth/register", content='{"한\\"x": 1, "한\\"x": 2}'.encode(), status=400, body={"error": "invalid_request", "error_description": "The body has the name ??x twice in one object"}),
    Met(name="a name that only begins so", path="/oauthority", status=404, body=body_of("The requested resource was not found", "NotFound", "NOT_FOUND")),
    Met(name="a slug taken", method="POST", path="/api/tenants", who="super", json={"name": "X", "slug": "tenant-a"}, status=409, body=body_of("The slug tenant-a is taken", "Conflict", "CONFLICT")),
    Met(name="a member already", method="POST", path="/api/tenants/{tenant_a}/invitations", who="admin_a", json={"email": "viewer.a@example.com"}, status=409, body=body_of("The owner of this e-mail address is a member already", "Conflict", "CONFLICT")),
    Met(name="the last administrator", method="DELETE", path="/api/tenants/{tenant_a}/members/{user_admin_a}", who="admin_a", status=409, body=body_of("A tenant keeps at least one tenant-admin", "Conflict", "CONFLICT")),
    Met(name="a number taken", method="POST", who="admin_a", json={"name": "x", "price": 1, "sku": "S1"}, status=409, body=body_of("A product with this sku exists already", "Conflict", "CONFLICT", fields=[{"path": "sku", "message": "is taken"}])),
    Met(name="an old version", method="DELETE", path="/api/products/{product_live_a}", who="admin_a", headers={"if-match": '"7"'}, status=412, body=body_of("The resource has changed since it was read", "PreconditionFailed", "PRECONDITION_FAILED")),
    Met(name="too large", method="POST", who="admin_a", content=b" " * 1_048_577, status=413, body=body_of("The request body is too large", "ContentTooLarge", "CONTENT_TOO_LARGE")),
    Met(name="no JSON", method="POST", who="admin_a", content=b"a=b", headers={"content-type": "text/plain"}, status=415, body=body_of("Send the body as application/json", "UnsupportedMediaType", "UNSUPPORTED_MEDIA_TYPE")),
    Met(name="broken JSON", method="POST", who="admin_a", content=b'{"name": "x",\n"price" 1}', status=400, body=body_of("The body is not valid JSON: expecting ':' delimiter at line 2, column 9", "BadRequest", "BAD_REQUEST", line=2, column=9)),
    Met(name="a name twice", method="POST", who="admin_a", content=b'{"name": "x", "name": "y"}', status=400, body=body_of("The body has the name name twice in one object", "BadRequest", "BAD_REQUEST")),
    Met(name="wrong fields of a product", method="POST", who="admin_a", json={"name": 1, "colour": "red"}, status=400, body=body_of("The following fields are invalid: price, name, colour", "ValidationError", "VALIDATION_ERROR", fields=[{"path": "price", "message": "is required"}, {"path": "name", "message": "must be text"}, {"path": "colour", "message": "is not a field of this collection"}])),
    Met(name="wrong fields of a key", method="POST", path="/api/keys", who="admin_a", json={"kind": "public", "x": 1, "scopes": ["a", 1]}, status=400, body=body_of("The following fields are invalid: x, name, kind, scopes[1]", "ValidationError", "VALIDATION_ERROR", fields=[{"path": "x", "message": "is not a field of this request"}, {"path": "name", "message": "is required"}, {"path": "kind", "message": "must be one of publishable, publishable_key, secret, secret_key"}, {"path": "scopes[1]", "message": "must be text, not an integer"}])),
    Met(name="a wrong query", path="/api/products?limit=x", who="admin_a", status=400, body=body_of("The following field is invalid: limit", "ValidationError", "VALIDATION_ERROR", fields=[{"path": "limit", "message": "must be an integer between 0 and 1000000000"}])),
    Met(name="a wrong query of a list of keys", path="/api/keys?limit=x", who="admin_a", status=400, body=body_of("The following field is invalid: limit", "ValidationError", "VALIDATION_ERROR", fields=[{"path": "limit", "message": "must be an integer"}])),
    Met(name="a query out of bounds", path="/api/keys?limit=0", who="admin_a", status=400, body=body_of("The following field is invalid: limit", "ValidationError", "VALIDATION_ERROR", fields=[{"path": "limit", "message": "must be 1 or more"}])),
    Met(name="a made-up code", method="POST", path="/api/users/verify/none", status=400, body=body_of("The code is invalid or has expired", "BadRequest", "INVALID_CODE")),
    Met(name="a made-up invitation", method="POST", path="/api/invitations/accept", json={"code": "none"}, status=400, body=body_of("The code is invalid or has expired", "BadRequest", "INVALID_CODE")),
    Met(name="a made-up reset", method="POST", path="/api/users/reset-password", json={"token": "none", "password": NEW_PASSWORD}, status=400, body=body_of("The code is invalid or has expired", "BadRequest", "INVALID_CODE")),
]  # fmt: skip


@pytest.mark.parametrize("met", MET, ids=lambda met: met.name)
async def test_a_client_meets_an_error_with_its_exact_body(shared: Api, met: Met) -> None:
    """Each refusal through the door has exactly the documented body."""
    names = filled_names(shared.world)
    headers = {name: value.format_map(names) for name, value in met.headers.items()}
    response = await shared.call(met.method, met.path, who=met.who, json=met.json, content=met.content, headers=headers)
    assert (response.status_code, response.json()) == (met.status, met.body)


async def test_an_expired_token(api: Api, clock: SetClock) -> None:
    """419 has its exact body, its status line and no challenge, since the token is known."""
    clock.advance(604_800_000)
    response = await api.call("GET", "/api/users/me", who="admin_a")
    assert response.status_code == 419
    assert response.json() == body_of(
        "The token has expired; refresh it or log in again", "TokenExpired", "TOKEN_EXPIRED"
    )


async def sql(api: Api, statement: str, *values: str) -> None:
    async def work(tx: Transaction) -> None:
        await tx.execute(Statement(statement), *values)
        tx.withdraw(*(f"key:{key_id}" for key_id in api.world.key_ids.values()))

    await api.application.database.transaction(work)


async def test_a_fault_of_ours_tells_nothing(api: Api) -> None:
    """What cannot be read of our own store gives 500 with a request id, and the trace goes to the log alone."""
    await sql(
        api, "UPDATE api_keys SET allowed_networks = '[\"nonsense\"]' WHERE id = $1", api.world.key_ids["sk_live_a"]
    )
    response = await api.call("GET", PRODUCTS, who="sk_live_a")
    assert response.status_code == 500
    assert response.json() == body_of("Something went wrong.", "InternalServerError", "INTERNAL_SERVER_ERROR")
    assert response.headers["x-request-id"]
    assert response.headers["cache-control"] == "no-store"
    assert "nonsense" not in response.text
    assert response.headers["x-request-id"] in api.log_text()


async def test_an_unforeseen_fault_tells_nothing(api: Api) -> None:
    """An error that nobody raised on purpose gives the same 500, and its place stands in the log without its values."""
    await sql(api, "UPDATE documents SET document = '[\"nonsense\"]' WHERE id = $1", api.world.products["live_a"])
    response = await api.call("GET", "/api/products/{product_live_a}?select[name]=true", who="sk_live_a")
    assert response.status_code == 500
    assert response.json() == body_of("Something went wrong.", "InternalServerError", "INTERNAL_SERVER_ERROR")
    assert "nonsense" not in response.text + api.log_text()
    assert "request.failed" in [event["event"] for event in api.events()]


Call = Callable[[Api], Awaitable[httpx.Response]]


@pytest.mark.parametrize(
    ("method", "path", "who", "body"),
    [
        ("GET", PRODUCTS, "sk_live_a", None),
        ("GET", PRODUCTS, "viewer_a", None),
        ("POST", PRODUCTS, "editor_a", {"name": "x", "price": 1}),
        ("POST", "/api/users/login", "nobody", {"email": "admin.a@example.com", "password": PASSWORD}),
        ("POST", "/api/users/forgot-password", "nobody", {"email": "admin.a@example.com"}),
        ("POST", "/api/users/refresh-token", "admin_a", None),
        ("GET", "/api/health", "nobody", None),
        ("GET", "/health/ready", "nobody", None),
    ],
)
async def test_a_database_that_is_gone_is_503(api: Api, method: str, path: str, who: str, body: object) -> None:
    """Without its database the product says 503 with the time to come again, to everyone, and never lets anyone in."""
    await api.application.database.close()
    response = await api.call(method, path, who=who, json=body)
    assert (response.status_code, response.json()) == (503, UNAVAILABLE)
    assert response.headers["retry-after"] == "1"
    assert response.headers["cache-control"] == "no-store"


async def test_without_its_database_the_process_still_lives(api: Api) -> None:
    """Liveness asks nobody, so that a lost database restarts no process."""
    await api.application.database.close()
    assert (await api.call("GET", "/health/live")).status_code == 200
