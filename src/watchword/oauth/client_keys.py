"""The public keys that a client registered, by which it proves itself: in its settings (``jwks``)."""

from __future__ import annotations

from watchword.credentials.client_assertion import keys_that_fit
from watchword.credentials.jwk import ForeignKey, WrongJwkError, read_jwk_set
from watchword.oauth.models import OAuthClient


class ClientKeys:
    """Finds the keys of clients."""

    async def list_keys(self, client: OAuthClient, kid: str | None) -> tuple[ForeignKey, ...]:
        """Return the keys that a ``kid`` may mean; none for a client without keys, or whose keys cannot be read."""
        try:
            keys = read_jwk_set(client.settings.jwks)
        except WrongJwkError:
            return ()
        return keys_that_fit(keys, kid)
