"""The public keys that a client registered, by which it proves itself: in its settings, or at an address of its own."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import msgspec

from watchword.credentials.client_assertion import keys_that_fit
from watchword.credentials.jwk import ForeignKey, WrongJwkError, read_jwk_set
from watchword.errors import MalformedRequestError, RateLimitExceededError
from watchword.oauth.fetched_documents import FetchedDocuments, Kept
from watchword.oauth.models import OAuthClient
from watchword.wire.json_body import decode_json

_MEDIA_TYPES: Final = frozenset({"application/json", "application/jwk-set+json"})
_KEPT: Final = Kept(least_ms=60_000, most_ms=900_000, usual_ms=300_000)
"""A key that a client takes back counts no longer than the most of these."""

_LOOKED_AGAIN_MS: Final = 30_000
"""How long after a fetch a ``kid`` that is not there is believed not to be there."""

_SETS_MAX: Final = 1_000


class _Set(msgspec.Struct, frozen=True):
    keys: tuple[ForeignKey, ...]
    fetched_at_ms: int
    until_ms: int


class ClientKeys:
    """Finds the keys of clients; what is fetched is kept in memory for minutes.

    ``documents`` fetches those of clients that an administrator registered, ``strangers`` all others: each with a bound of
    its own, so that who lets clients in by themselves lets nobody use up what the others need.
    """

    def __init__(self, documents: FetchedDocuments, *, strangers: FetchedDocuments) -> None:
        self._documents = documents
        self._strangers = strangers
        self._sets: OrderedDict[str, _Set] = OrderedDict()

    async def list_keys(
        self, client: OAuthClient, kid: str | None, *, asker: str, now_ms: int
    ) -> tuple[ForeignKey, ...]:
        """Return the keys that a ``kid`` may mean; none for a client without keys, or whose keys cannot be had.

        ``asker`` is the address that pays for what need not be fetched for a client that an administrator registered.
        """
        settings = client.settings
        if settings.jwks_uri is None:
            return keys_that_fit(_read(settings.jwks), kid)
        is_known = client.source == "administrator"
        documents = self._documents if is_known else self._strangers
        kept = self._sets.get(settings.jwks_uri)
        if kept is None or now_ms >= kept.until_ms:
            kept = await self._fetch(documents, settings.jwks_uri, None if is_known else asker, now_ms)
        found = () if kept is None else keys_that_fit(kept.keys, kid)
        if not found and kept is not None and now_ms >= kept.fetched_at_ms + _LOOKED_AGAIN_MS:
            # A key that the client has just put there. If nothing comes, those at hand stay good until their own end:
            # anybody can name a key that there is none of.
            kept = await self._fetch(documents, settings.jwks_uri, asker, now_ms)
            found = () if kept is None else keys_that_fit(kept.keys, kid)
        return found

    async def _fetch(self, documents: FetchedDocuments, uri: str, asker: str | None, now_ms: int) -> _Set | None:
        try:
            fetched = await documents.find(uri, media_types=_MEDIA_TYPES, asker=asker, now_ms=now_ms)
        except RateLimitExceededError:
            # As with keys that do not come: a 429 would tell that there is such a client.
            return None
        if fetched is None:
            return None
        try:
            document = decode_json(fetched.body)
        except MalformedRequestError:
            document = None
        kept = _Set(_read(document), now_ms, _KEPT.until_ms(fetched, now_ms))
        self._sets[uri] = kept
        self._sets.move_to_end(uri)
        if len(self._sets) > _SETS_MAX:
            self._sets.popitem(last=False)
        return kept


def _read(document: object) -> tuple[ForeignKey, ...]:
    try:
        return read_jwk_set(document)
    except WrongJwkError:
        return ()
