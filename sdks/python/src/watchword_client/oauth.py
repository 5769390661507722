"""OAuth 2.1: tokens for programs, narrower tokens for a credential in hand, and codes of people for native apps."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import quote, urlencode

from watchword_client.engine import Engine, Request, read_json
from watchword_client.flow import Flow
from watchword_client.models import Tokens, read_tokens
from watchword_client.rooms import AsyncRoom, Awaiting, Blocking, BlockingRoom

_TOKEN_PATH: Final = "/oauth/token"  # noqa: S105 - a path
_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_VERIFIER_BYTES: Final = 48
"""Makes a verifier of 64 characters; RFC 7636 §4.1 wants 43 to 128."""

_SUBJECT_TYPES: Final = (
    ("access_token", "urn:ietf:params:oauth:token-type:access_token"),
    ("session_token", "urn:ietf:params:oauth:token-type:jwt"),
    ("secret_key", "urn:watchword:params:oauth:token-type:api_key"),
)


@dataclass(frozen=True)
class Authorization:
    """Where a person is sent, and what has to be kept until they come back: one use, one person."""

    url: str
    state: str = field(repr=False)
    code_verifier: str = field(repr=False)


class OAuthCalls:
    """What may be asked of the authorization server; a client without ``client_secret`` is a public one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def client_credentials(
        self, *, client_id: str, client_secret: str, scope: str | None = None, resource: str | None = None
    ) -> Flow[Tokens]:
        """Get a token by which a program acts for itself (RFC 6749 §4.4); ``scope`` narrows what it may do."""
        form = {"grant_type": "client_credentials", "scope": scope, "resource": resource}
        return (yield from self._ask(form, client_id, client_secret))

    def exchange_token(
        self,
        *,
        client_id: str,
        client_secret: str,
        subject_token: str,
        subject_kind: Literal["access_token", "session_token", "secret_key"],
        scope: str | None = None,
        resource: str | None = None,
    ) -> Flow[Tokens]:
        """Trade a credential for a token that may do less (RFC 8693)."""
        form = {
            "grant_type": _EXCHANGE,
            "subject_token": subject_token,
            "subject_token_type": dict(_SUBJECT_TYPES)[subject_kind],
            "scope": scope,
            "resource": resource,
        }
        return (yield from self._ask(form, client_id, client_secret))

    def exchange_code(
        self, *, client_id: str, code: str, code_verifier: str, redirect_uri: str, client_secret: str | None = None
    ) -> Flow[Tokens]:
        """Trade the code that a person came back with for tokens (RFC 6749 §4.1.3, RFC 7636 §4.5)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": code_verifier,
            "redirect_uri": redirect_uri,
        }
        return (yield from self._ask(form, client_id, client_secret))

    def refresh(
        self, *, client_id: str, refresh_token: str, client_secret: str | None = None, scope: str | None = None
    ) -> Flow[Tokens]:
        """Trade a refresh token, which is good for one use, for the next tokens (RFC 6749 §6)."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "scope": scope}
        return (yield from self._ask(form, client_id, client_secret, repeatable=True))

    def revoke(self, *, client_id: str, token: str, client_secret: str | None = None) -> Flow[None]:
        """Give a token back (RFC 7009)."""
        yield from self._engine.perform(self._request("/oauth/revoke", {"token": token}, client_id, client_secret))

    def _ask(
        self, form: Mapping[str, str | None], client_id: str, client_secret: str | None, *, repeatable: bool = False
    ) -> Flow[Tokens]:
        request = self._request(_TOKEN_PATH, form, client_id, client_secret, repeatable=repeatable)
        return read_tokens(read_json((yield from self._engine.perform(request))))

    def _request(
        self,
        path: str,
        form: Mapping[str, str | None],
        client_id: str,
        client_secret: str | None,
        *,
        repeatable: bool = False,
    ) -> Request:
        given = {name: value for name, value in form.items() if value is not None}
        headers = {}
        if client_secret is None:
            given["client_id"] = client_id
        else:
            headers["authorization"] = basic(client_id, client_secret)
        return Request(method="POST", path=path, form=given, headers=headers, sender="nobody", repeatable=repeatable)


def begin_authorization(
    base_url: str, *, client_id: str, redirect_uri: str, scope: str | Sequence[str] = (), resource: str | None = None
) -> Authorization:
    """Make the address to which a native app sends a person, with its proof key (RFC 7636) and state.

    When they come back, compare ``state`` with ``is_answer_to`` before the code is used.
    """
    state, verifier = secrets.token_urlsafe(), secrets.token_urlsafe(_VERIFIER_BYTES)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": scope if isinstance(scope, str) else " ".join(scope),
        "resource": resource,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    given = {name: value for name, value in asked.items() if value}
    return Authorization(f"{base_url}/oauth/authorize?{urlencode(given)}", state, verifier)


def is_answer_to(authorization: Authorization, state: str | None) -> bool:
    """Say whether a person came back from where they were sent to, and not from elsewhere."""
    return state is not None and secrets.compare_digest(state, authorization.state)


def basic(client_id: str, client_secret: str) -> str:
    """Write the header by which a client proves itself (RFC 6749 §2.3.1)."""
    pair = f"{quote(client_id, safe='')}:{quote(client_secret, safe='')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


class OAuth(BlockingRoom[OAuthCalls]):
    """The authorization server; each method blocks until it is answered."""

    client_credentials = Blocking(OAuthCalls.client_credentials)
    exchange_token = Blocking(OAuthCalls.exchange_token)
    exchange_code = Blocking(OAuthCalls.exchange_code)
    refresh = Blocking(OAuthCalls.refresh)
    revoke = Blocking(OAuthCalls.revoke)


class AsyncOAuth(AsyncRoom[OAuthCalls]):
    """The authorization server; each method is awaited."""

    client_credentials = Awaiting(OAuthCalls.client_credentials)
    exchange_token = Awaiting(OAuthCalls.exchange_token)
    exchange_code = Awaiting(OAuthCalls.exchange_code)
    refresh = Awaiting(OAuthCalls.refresh)
    revoke = Awaiting(OAuthCalls.revoke)
