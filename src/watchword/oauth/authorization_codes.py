"""Authorization codes (RFC 6749 §4.1.2): made with their grant, spent once, by the client that they were made for."""

from __future__ import annotations

import secrets
from typing import Final

import msgspec

from watchword.concealed import Concealed
from watchword.credentials.one_time_code import hash_code
from watchword.db.database import Database, Transaction
from watchword.oauth.grants import Grants
from watchword.oauth.models import OAuthClient, StoredCode, StoredGrant
from watchword.oauth.pkce import require_code_verifier
from watchword.oauth.queries_grants import find_used_code, insert_code, mark_code_used
from watchword.oauth_errors import InvalidGrantError

CODE_PREFIX: Final = "ac_"
CODE_TTL_SECONDS: Final = 60
"""RFC 6749 §4.1.2 allows ten minutes; a browser's redirect takes seconds."""

CODE_TTL_SECONDS_FAPI2: Final = 30

_CODE_BYTES: Final = 32
_CODE_CHARACTERS_MAX: Final = 128
"""Bounds what is hashed for a stranger; our codes have 46 characters."""


class Authorized(msgspec.Struct, frozen=True, kw_only=True):
    """What a user has just allowed a client.

    Shapes: ``redirect_uri`` is None where the request left it out; ``code_challenge`` is of S256; ``jkt`` is the
    thumbprint of the DPoP key that the request named (RFC 9449 §10).
    """

    user_id: str
    session_id: str | None
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    authenticated_at_ms: int
    redirect_uri: str | None = None
    code_challenge: str | None = None
    nonce: str | None = None
    jkt: str | None = None


class PresentedCode(Concealed, frozen=True, kw_only=True):
    """A code as a client presents it, with what has to fit it."""

    code: str
    redirect_uri: str | None = None
    code_verifier: str | None = None
    jkt: str | None = None


class SpentAuthorization(msgspec.Struct, frozen=True):
    """What a code stood for."""

    grant: StoredGrant
    nonce: str | None


class AuthorizationCodes:
    """Issue and spend codes."""

    def __init__(self, database: Database, grants: Grants) -> None:
        self._database = database
        self._grants = grants

    async def issue(self, client: OAuthClient, authorized: Authorized, now_ms: int) -> str:
        """Store what was allowed as a grant, and return the code for it.

        Raises:
            UnavailableError: the database cannot be asked.
        """
        code = CODE_PREFIX + secrets.token_urlsafe(_CODE_BYTES)

        async def work(tx: Transaction) -> None:
            grant = await self._grants.start(
                tx,
                client,
                user_id=authorized.user_id,
                session_id=authorized.session_id,
                scopes=authorized.scopes,
                resources=authorized.resources,
                authenticated_at_ms=authorized.authenticated_at_ms,
                now_ms=now_ms,
            )
            await insert_code(
                tx,
                hash_code(code),
                StoredCode(
                    grant_id=grant.id,
                    client_id=client.id,
                    redirect_uri=authorized.redirect_uri,
                    code_challenge=authorized.code_challenge,
                    nonce=authorized.nonce,
                    jkt=authorized.jkt,
                ),
                now_ms=now_ms,
                expires_at_ms=now_ms + _ttl_seconds(client) * 1000,
            )

        await self._database.transaction(work)
        return code

    async def spend(
        self, tx: Transaction, client: OAuthClient, presented: PresentedCode, now_ms: int
    ) -> SpentAuthorization | None:
        """Use up a code and return what it stood for; of any number of parallel callers one succeeds.

        None says that it was spent before: everything that it gave has now been ended (RFC 6749 §4.1.2), which the
        caller has to commit. What proves nothing, such as a wrong verifier, leaves the code as it was.

        Raises:
            InvalidGrantError: unknown, expired, another client's, or what is presented with it does not fit.
        """
        if len(presented.code) > _CODE_CHARACTERS_MAX:
            raise InvalidGrantError(cause="the code is too long")
        code_hash = hash_code(presented.code)
        stored = await mark_code_used(tx, code_hash, client.id, now_ms)
        if stored is None:
            await self._end_what_it_gave(tx, client, code_hash, now_ms)
            return None
        _require_fitting(stored, presented)
        grant = await self._grants.get_living(tx, client, stored.grant_id, now_ms)
        return SpentAuthorization(grant, stored.nonce)

    async def _end_what_it_gave(self, tx: Transaction, client: OAuthClient, code_hash: bytes, now_ms: int) -> None:
        used = await find_used_code(tx, code_hash, client.id)
        if used is None:
            raise InvalidGrantError(cause="no living code of this client")
        await self._grants.end(tx, client.tenant_id, used.grant_id, now_ms)


def _ttl_seconds(client: OAuthClient) -> int:
    return CODE_TTL_SECONDS_FAPI2 if client.settings.profile == "fapi2" else CODE_TTL_SECONDS


def _require_fitting(stored: StoredCode, presented: PresentedCode) -> None:
    _require_redirect_uri(stored, presented.redirect_uri)
    require_code_verifier(stored.code_challenge, presented.code_verifier)
    if stored.jkt is not None and stored.jkt != presented.jkt:
        raise InvalidGrantError(cause="the code is bound to another DPoP key")


def _require_redirect_uri(stored: StoredCode, redirect_uri: str | None) -> None:
    # Required again where the authorization request had it (RFC 6749 §4.1.3); OAuth 2.1 leaves it out, since the
    # verifier already proves that the code came to whoever asked for it.
    if redirect_uri is None and (stored.redirect_uri is None or stored.code_challenge is not None):
        return
    if redirect_uri != stored.redirect_uri:
        raise InvalidGrantError(cause="the redirect_uri is not the authorization request's")
