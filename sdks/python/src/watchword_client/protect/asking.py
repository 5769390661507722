"""What the server is asked about credentials that only it can judge: requests written, answers read, nothing sent."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, cast
from urllib.parse import quote, urlencode

from watchword_client.flow import Failure, Outgoing, Reply
from watchword_client.protect.caller import Caller, Mode
from watchword_client.protect.presented import Presented
from watchword_client.protect.refusal import Code, Refusal

_OK: Final = 200
_REFUSED: Final[dict[int, Code]] = {401: "UNAUTHORIZED", 403: "FORBIDDEN", 419: "TOKEN_EXPIRED"}
_VERDICTS: Final[dict[str, Code]] = {
    "ORIGIN_NOT_ALLOWED": "ORIGIN_NOT_ALLOWED",
    "NETWORK_NOT_ALLOWED": "NETWORK_NOT_ALLOWED",
    "RATE_LIMITED": "RATE_LIMIT_EXCEEDED",
    "KEY_NOT_PROVED": "KEY_NOT_PROVED",
}
_WRITERS: Final = frozenset({"tenant-editor", "tenant-admin", "super-admin"})
_VIEWER: Final = "tenant-viewer"
OF_ANY_GRANT: Final = "*grant"
"""Among the names with which a word ends: the server does not say on which grant an opaque token hangs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofs:
    """By what this API proves itself when it asks."""

    secret_key: str = field(repr=False)
    client_key: str | None = field(repr=False)
    client_id: str | None
    client_secret: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Word:
    """The server's word on a credential: who it is, the ids with which that ends, and its end in Unix seconds."""

    caller: Caller
    names: frozenset[str]
    ends_at: float | None


@dataclass(frozen=True, slots=True)
class Questions:
    """Writes the questions of one API, and reads the answers."""

    base_url: str
    issuer: str
    audience: str
    mode: Mode
    proofs: Proofs
    public_url: str | None = None

    def ask(self, presented: Presented) -> Outgoing:
        """Write the question about a credential.

        Raises:
            Refusal: it is of a form about which this API was not set up to ask.
        """
        if presented.form == "key":
            return self._ask_of_key(presented)
        if presented.form == "session_token":
            return self._ask_of_session(presented)
        return self._ask_of_token(presented)

    def read(self, presented: Presented, answer: Reply | Failure) -> Word:
        """Read the answer.

        Raises:
            Refusal: the server does not vouch for the credential, or did not answer.
        """
        if isinstance(answer, Failure):
            raise Refusal("UNAVAILABLE", cause=answer.code)
        if presented.form == "session_token" and answer.status in _REFUSED:
            raise Refusal(_REFUSED[answer.status], cause="the session token is refused")
        if answer.status != _OK:
            # A question that is refused says nothing of the caller: this API's own proof or limit is at fault.
            raise Refusal("UNAVAILABLE", cause=f"the server answered the question with {answer.status}")
        content = _read_object(answer)
        if presented.form == "key":
            return self._read_key(content)
        if presented.form == "session_token":
            return self._read_session(content)
        return self._read_token(content)

    def ask_for_keys(self) -> Outgoing:
        """Write the request for the issuer's public keys."""
        return Outgoing("GET", f"{self.issuer}/oauth/jwks", {"accept": "application/json"})

    def _ask_of_key(self, presented: Presented) -> Outgoing:
        if presented.text.startswith("sk_") and presented.is_from_browser:
            raise Refusal("SECRET_KEY_IN_BROWSER")
        question = {
            "key": presented.text,
            "origin": presented.origin,
            "address": presented.address,
            "dpop": self._proof_of(presented) if presented.is_bound else None,
        }
        return Outgoing(
            "POST",
            f"{self.base_url}/api/keys/verify",
            {"content-type": "application/json", "x-api-key": self.proofs.secret_key},
            json.dumps({name: value for name, value in question.items() if value is not None}).encode(),
        )

    def _proof_of(self, presented: Presented) -> dict[str, str]:
        """Return the proof of a bound key with the request that it has to be made for, which the server judges."""
        if presented.proof is None or not presented.method:
            raise Refusal("KEY_NOT_PROVED", cause="a bound key without a proof")
        if self.public_url is None:
            # What the request itself says of its host is no measure: a proof for another API would say the same.
            raise Refusal("KEY_NOT_PROVED", cause="bound keys need public_url here")
        return {"proof": presented.proof, "method": presented.method, "url": self.public_url + presented.path}

    def _ask_of_session(self, presented: Presented) -> Outgoing:
        key = self.proofs.client_key
        if presented.is_bound or (key is None and (self.issuer == self.base_url or self.mode == "test")):
            # Without a publishable key nothing would say for which tenant and mode the session is asked about.
            raise Refusal("UNAUTHORIZED", cause="session tokens need client_key here")
        headers = {"authorization": f"Bearer {presented.text}", **({} if key is None else {"x-client-key": key})}
        return Outgoing("GET", f"{self.issuer}/api/users/me", headers)

    def _ask_of_token(self, presented: Presented) -> Outgoing:
        proofs = self.proofs
        if proofs.client_id is None or proofs.client_secret is None:
            raise Refusal("UNAUTHORIZED", cause="introspection needs client_id and client_secret here")
        pair = f"{quote(proofs.client_id, safe='')}:{quote(proofs.client_secret, safe='')}"
        headers = {
            "authorization": "Basic " + base64.b64encode(pair.encode()).decode(),
            "content-type": "application/x-www-form-urlencoded",
        }
        url = f"{self.issuer}/oauth/introspect"
        return Outgoing("POST", url, headers, urlencode({"token": presented.text}).encode())

    def _read_key(self, content: dict[str, Any]) -> Word:
        code = str(content.get("code"))
        if content.get("valid") is not True:
            raise Refusal(_VERDICTS.get(code, "UNAUTHORIZED"), cause=f"the key: {code}")
        if content.get("mode") != self.mode:
            raise Refusal("UNAUTHORIZED", cause="the key is of the other mode")
        id_ = str(content["keyId"])
        is_secret = content.get("kind") == "secret"
        scopes = None if content.get("scopes") is None else tuple(content["scopes"])
        caller = Caller(
            tenant=self.issuer,
            mode=self.mode,
            kind="secret_key" if is_secret else "publishable_key",
            subject=id_,
            role=None,
            # Anyone may hold a publishable key: it reads, at the server too, and writes nothing.
            scopes=scopes if is_secret else _reading(scopes),
            credential_id=id_,
        )
        return Word(caller, frozenset({id_}), _seconds_of(content.get("expiresAt")))

    def _read_session(self, content: dict[str, Any]) -> Word:
        user = content["user"]
        session, role = str(content.get("session", "")), str(user["role"])
        caller = Caller(
            tenant=self.issuer,
            mode=self.mode,
            kind="user",
            subject=str(user["id"]),
            role=None if role == "user" else role,
            scopes=_scopes_of(role),
            credential_id=session,
        )
        return Word(caller, frozenset({caller.subject, session}), float(content["exp"]))

    def _read_token(self, content: dict[str, Any]) -> Word:
        if content.get("active") is not True:
            raise Refusal("UNAUTHORIZED", cause="the token is not active")
        if self.audience not in content.get("aud", ()):
            raise Refusal("UNAUTHORIZED", cause="aud")
        if content.get("mode", "live") != self.mode:
            raise Refusal("UNAUTHORIZED", cause="the token is of the other mode")
        if content.get("cnf"):
            raise Refusal("KEY_NOT_PROVED", cause="the token is bound to a key")
        caller = caller_of(content, issuer=self.issuer, mode=self.mode)
        names = frozenset({caller.subject, caller.credential_id, str(content.get("jti", "")), OF_ANY_GRANT})
        return Word(caller, names, float(content["exp"]))


def caller_of(claims: Any, *, issuer: str, mode: Mode) -> Caller:  # noqa: ANN401 - a mapping of checked claims
    """Return the caller that the claims of an access token name: a user through a client, or the client itself."""
    client_id, subject = str(claims["client_id"]), str(claims["sub"])
    return Caller(
        tenant=issuer,
        mode=mode,
        kind="client" if subject == client_id else "user",
        subject=subject,
        role=None,
        scopes=tuple(str(claims.get("scope", "")).split()),
        credential_id=client_id,
        client_id=client_id,
    )


def _scopes_of(role: str) -> tuple[str, ...] | None:
    """Return what a role leaves to somebody who signed in: as at the server, viewers read, and no role is nothing."""
    if role in _WRITERS:
        return None
    return _reading(None) if role == _VIEWER else ()


def _reading(scopes: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return what of these scopes is reading."""
    parts = [scope.partition(":") for scope in (("*:*",) if scopes is None else scopes)]
    return tuple(dict.fromkeys(f"{resource}:read" for resource, _, action in parts if action in {"*", "read"}))


def _read_object(answer: Reply) -> dict[str, Any]:
    try:
        content = json.loads(answer.body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise Refusal("UNAVAILABLE", cause="the answer is no JSON object")
    return cast("dict[str, Any]", content)


def _seconds_of(at: object) -> float | None:
    return None if at is None else datetime.fromisoformat(str(at)).timestamp()
