"""Why a request is not let in, and the answer that says so (RFC 6750 §3, RFC 9728 §5.1)."""

from __future__ import annotations

import json
import re
from typing import Final, Literal

Code = Literal[
    "BAD_REQUEST",
    "TWO_CREDENTIALS",
    "UNAUTHORIZED",
    "TOKEN_EXPIRED",
    "KEY_NOT_PROVED",
    "FORBIDDEN",
    "INSUFFICIENT_SCOPE",
    "ORIGIN_NOT_ALLOWED",
    "NETWORK_NOT_ALLOWED",
    "SECRET_KEY_IN_BROWSER",
    "RATE_LIMIT_EXCEEDED",
    "UNAVAILABLE",
]

_ROWS: Final[dict[Code, tuple[int, str, str]]] = {
    "BAD_REQUEST": (400, "BadRequest", "The request could not be understood"),
    "TWO_CREDENTIALS": (400, "BadRequest", "The request carries two different credentials; send one"),
    "UNAUTHORIZED": (401, "Unauthorized", "You are not authenticated; log in or send a valid credential"),
    "TOKEN_EXPIRED": (401, "TokenExpired", "The token has expired; refresh it or log in again"),
    "KEY_NOT_PROVED": (401, "Unauthorized", "This credential is bound to a key, which is not proved here"),
    "FORBIDDEN": (403, "Forbidden", "You are not authorized to perform this action"),
    "INSUFFICIENT_SCOPE": (403, "Forbidden", "Your credential's scopes leave this out"),
    "ORIGIN_NOT_ALLOWED": (403, "Forbidden", "This web origin may not use this key"),
    "NETWORK_NOT_ALLOWED": (403, "Forbidden", "This network may not use this key"),
    "SECRET_KEY_IN_BROWSER": (403, "Forbidden", "A secret key was sent from a browser; replace it"),
    "RATE_LIMIT_EXCEEDED": (429, "TooManyRequests", "Rate limit exceeded"),
    "UNAVAILABLE": (503, "Unavailable", "Who you are cannot be found out now; try again"),
}
_UNSAFE: Final = re.compile(r'[^\x20-\x7e]|["\\]')


class Refusal(Exception):  # noqa: N818 - an answer to a caller, not a fault of the program
    """A request that is not let in.

    Attributes:
        status: the HTTP status of the answer.
        code: stable, for programs.
        message: the sentence, for people.
        cause: why, for the log of whoever runs the API and nobody else; never a credential.
        scope: the scope that is missing, where one is.
    """

    def __init__(self, code: Code, *, cause: str = "", scope: str = "", is_without_credential: bool = False) -> None:
        self.code = code
        self.status, self.name, self.message = _ROWS[code]
        self.cause = cause
        self.scope = scope
        self._is_without_credential = is_without_credential
        super().__init__(self.message)

    def headers(self, *, realm: str, resource_metadata: str | None) -> dict[str, str]:
        """Return the headers of the answer, names in lower case."""
        headers = {"cache-control": "no-store"}
        if self.status in {429, 503}:
            headers["retry-after"] = "1"
        if self.status == 401 or self.code == "INSUFFICIENT_SCOPE":  # noqa: PLR2004 - an HTTP status
            headers["www-authenticate"] = self._challenge(realm, resource_metadata)
        return headers

    def body(self) -> bytes:
        """Return the answer's body, as the server itself writes errors."""
        extensions: dict[str, str] = {"code": self.code}
        if self.scope:
            extensions["requiredScope"] = self.scope
        return json.dumps({"errors": [{"message": self.message, "name": self.name, "extensions": extensions}]}).encode()

    def _challenge(self, realm: str, resource_metadata: str | None) -> str:
        parameters = {"realm": realm}
        if self.code == "INSUFFICIENT_SCOPE":
            parameters |= {"error": "insufficient_scope", "scope": self.scope}
        elif not self._is_without_credential:
            # Who sent nothing is told no error (RFC 6750 §3.1).
            parameters |= {"error": "invalid_token", "error_description": self.message}
        if resource_metadata is not None:
            parameters["resource_metadata"] = resource_metadata
        return "Bearer " + ", ".join(f'{name}="{_UNSAFE.sub("", value)}"' for name, value in parameters.items())
