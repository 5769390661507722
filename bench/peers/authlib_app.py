"""A peer: an authorization server built with Authlib and Flask as its documentation shows, on SQLite.

Run by gunicorn (``authlib_app:app``); ``DATABASE`` is its file, and ``CLIENTS`` names the clients as ID:SECRET with commas between: the first gets
JWT tokens (RFC 9068), the second opaque ones.
"""

import os
import sqlite3
import time
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, grants
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import Flask
from joserfc.jwk import ECKey

SIGNED, OPAQUE = (pair.split(":") for pair in os.environ["CLIENTS"].split(","))


class Client(ClientMixin):
    """A client that may act for itself."""

    def __init__(self, client_id: str, client_secret: str) -> None:
        self.client_id, self.client_secret = client_id, client_secret

    def get_client_id(self) -> str:
        """Name it."""
        return self.client_id

    def get_allowed_scope(self, scope: str) -> str:
        """Allow what is asked."""
        return scope

    def check_client_secret(self, client_secret: str) -> bool:
        """Compare."""
        return self.client_secret == client_secret

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Take the header."""
        return method == "client_secret_basic"

    def check_grant_type(self, grant_type: str) -> bool:
        """Allow one grant."""
        return grant_type == "client_credentials"


class Token:
    """An issued token."""

    def __init__(self, row: Any) -> None:  # noqa: ANN401 - a row of SQLite
        self.text, self.client_id, self.scope, self.issued_at, self.expires_in = row

    def is_expired(self) -> bool:
        """Say whether its time is over."""
        return bool(self.issued_at + self.expires_in < time.time())

    def is_revoked(self) -> bool:
        """Say whether it was ended: nobody does here."""
        return False


store = sqlite3.connect(os.environ["DATABASE"], check_same_thread=False, isolation_level=None)
store.execute("PRAGMA journal_mode=WAL")
store.execute("CREATE TABLE tokens (text TEXT PRIMARY KEY, client_id TEXT, scope TEXT, issued_at REAL, expires_in INT)")
CLIENTS = {pair[0]: Client(*pair) for pair in (SIGNED, OPAQUE)}
app = Flask(__name__)


def save_token(token: dict[str, Any], request: Any) -> None:  # noqa: ANN401 - Authlib's own
    """Store a token, as the documentation does."""
    row = (token["access_token"], request.client.client_id, token.get("scope"), time.time(), token["expires_in"])
    store.execute("INSERT INTO tokens VALUES (?, ?, ?, ?, ?)", row)


class Introspection(IntrospectionEndpoint):
    """RFC 7662."""

    def check_permission(self, token: Token, client: Client, request: object) -> bool:
        """Let every client ask."""
        return True

    def query_token(self, token_string: str, token_type_hint: str | None) -> Token | None:
        """Look a token up."""
        row = store.execute("SELECT * FROM tokens WHERE text = ?", (token_string,)).fetchone()
        return None if row is None else Token(row)

    def introspect_token(self, token: Token) -> dict[str, Any]:
        """Tell of it."""
        return {"active": True, "client_id": token.client_id, "scope": token.scope, "exp": int(token.issued_at + 600)}


class SignedTokens(JWTBearerTokenGenerator):
    """JWT for the first client only."""

    def get_jwks(self) -> dict[str, Any]:
        """Return the key."""
        return {"keys": [KEY]}


KEY = ECKey.generate_key("P-256", {"kid": "bench"}).as_dict(private=True)
app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {"client_credentials": 600}
server = AuthorizationServer(app, query_client=CLIENTS.get, save_token=save_token)
opaque = server.create_bearer_token_generator(app.config)
signed = SignedTokens("https://auth.example", alg="ES256")


def generate(client: Client, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - Authlib's own
    """Choose the form of the token."""
    chosen = signed if client.client_id == SIGNED[0] else opaque
    token: dict[str, Any] = chosen(client=client, **more)
    return token


server.register_token_generator("default", generate)
server.register_grant(grants.ClientCredentialsGrant)
server.register_endpoint(Introspection)


@app.post("/token")
def token() -> Any:  # noqa: ANN401 - a Flask answer
    """Answer the token endpoint."""
    return server.create_token_response()


@app.post("/introspect")
def introspect() -> Any:  # noqa: ANN401 - the same
    """Answer the introspection endpoint."""
    return server.create_endpoint_response(Introspection.ENDPOINT_NAME)
