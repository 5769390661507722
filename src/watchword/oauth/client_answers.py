"""How a client and its secrets look in an answer, the same from the endpoints and from the command line."""

from __future__ import annotations

from watchword.clock import iso_timestamp
from watchword.oauth.client_metadata import weaknesses_of
from watchword.oauth.client_models import ClientAnswer, ListedClient, ReadClient, SecretAnswer
from watchword.oauth.models import ClientSecret, OAuthClient


def client_answer(client: OAuthClient) -> ClientAnswer:
    """Show a client without its secrets."""
    settings = client.settings
    return ClientAnswer(
        id=client.id,
        name=client.name,
        kind=client.kind,
        mode=client.mode,
        source=client.source,
        disabled=client.disabled_at_ms is not None,
        grants=client.grants,
        scopes=client.scopes,
        **{name: getattr(settings, name) for name in settings.__struct_fields__},
        warnings=weaknesses_of(client),
        created_at=iso_timestamp(client.created_at_ms),
        updated_at=iso_timestamp(client.updated_at_ms),
    )


def secret_answer(secret: ClientSecret, now_ms: int) -> SecretAnswer:
    """Show what is known of a secret."""
    return SecretAnswer(
        id=secret.id,
        status="active" if secret.is_living(now_ms) else "expired",
        last_characters=secret.last_characters,
        created_at=iso_timestamp(secret.created_at_ms),
        expires_at=_iso(secret.expires_at_ms),
    )


def listed_answer(listed: ListedClient) -> ClientAnswer:
    """Show a client and when it was last used."""
    answer = client_answer(listed.client)
    answer.last_used_at = _iso(listed.last_used_at_ms)
    return answer


def read_answer(read: ReadClient, now_ms: int) -> ClientAnswer:
    """Show all that is known of a client."""
    answer = listed_answer(read.listed)
    answer.secrets = []
    for listed in read.secrets:
        secret = secret_answer(listed.record, now_ms)
        secret.last_used_at = _iso(listed.last_used_at_ms)
        answer.secrets.append(secret)
    return answer


def _iso(unix_ms: int | None) -> str | None:
    return None if unix_ms is None else iso_timestamp(unix_ms)
