"""Whether a request at the token endpoint holds what tokens are given for: a code, a refresh token, an allowed device.

Of a public client that is all that tells the client from a stranger, who can name it as well.
"""

from __future__ import annotations

from typing import Final

from watchword.credentials.one_time_code import hash_code
from watchword.credentials.queries import Reader
from watchword.db.database import Statement
from watchword.oauth.models import OAuthClient, TokenRequest

_HELD_CHARACTERS_MAX: Final = 128
"""Bounds what is hashed for a stranger; ours have 46 characters."""

_LIVING: Final = "client_id = $2 AND used_at IS NULL AND expires_at > $3"
_FIND_CODE: Final = Statement(f"SELECT 1 FROM oauth_codes WHERE code_hash = $1 AND {_LIVING}")  # noqa: S608 - texts of this file
_FIND_REFRESH: Final = Statement(f"SELECT 1 FROM oauth_refresh_tokens WHERE token_hash = $1 AND {_LIVING}")  # noqa: S608 - texts of this file
_FIND_DEVICE: Final = Statement(
    f"SELECT 1 FROM oauth_device_codes WHERE device_code_hash = $1 AND decision = 'allowed' AND {_LIVING}"  # noqa: S608 - texts of this file
)


async def holds_something(reader: Reader, client: OAuthClient, request: TokenRequest, now_ms: int) -> bool:
    """Say whether there is something living of the client's behind what the request presents.

    Raises:
        UnavailableError: the database cannot be asked.
    """
    for text, statement in (
        (request.code, _FIND_CODE),
        (request.refresh_token, _FIND_REFRESH),
        (request.device_code, _FIND_DEVICE),
    ):
        if text is None or len(text) > _HELD_CHARACTERS_MAX:
            continue
        if await reader.fetch_row(statement, hash_code(text), client.id, now_ms) is not None:
            return True
    return False
