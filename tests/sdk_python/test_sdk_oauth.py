"""The client's OAuth calls against a running server."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from clients.instance import CALLBACK, Instance
from watchword_client import Client, WatchwordError, begin_authorization, create_client, is_answer_to


def test_program_acts_for_itself(instance: Instance, client: Client) -> None:
    """Client credentials give a token that the API takes, narrowed as asked."""
    registered = instance.register()
    tokens = client.oauth.client_credentials(
        client_id=registered.id, client_secret=registered.secret, scope="products:read"
    )
    assert (tokens.token_type, tokens.scope, tokens.refresh_token) == ("Bearer", "products:read", None)
    assert client.request("GET", "/api/products", query={"limit": 1}, token=tokens.access_token).data["docs"]
    assert tokens.access_token not in repr(tokens)


def test_wrong_secret_is_told_in_oauths_words(instance: Instance, client: Client) -> None:
    """An OAuth refusal is the same kind of error, with OAuth's own code."""
    registered = instance.register()
    with pytest.raises(WatchwordError) as caught:
        client.oauth.client_credentials(client_id=registered.id, client_secret="wrong")
    assert (caught.value.code, caught.value.name, caught.value.status) == ("invalid_client", "OAuthError", 401)


EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


@pytest.mark.parametrize("kind", ["secret_key", "access_token"])
def test_exchange_narrows(instance: Instance, client: Client, kind: str) -> None:
    """A credential in hand is traded for a token that may do less."""
    registered = instance.register(grants=("client_credentials", EXCHANGE))
    proof = {"client_id": registered.id, "client_secret": registered.secret}
    if kind == "secret_key":
        subject = instance.world.keys["sk_live_a"]
    else:
        subject = client.oauth.client_credentials(**proof).access_token
    tokens = client.oauth.exchange_token(**proof, subject_token=subject, subject_kind=kind, scope="products:read")  # type: ignore[arg-type] # one of the kinds above
    assert tokens.scope == "products:read"
    assert tokens.issued_token_type == "urn:ietf:params:oauth:token-type:access_token"
    with pytest.raises(WatchwordError) as caught:
        client.request("POST", "/api/products", json={"name": "Tea", "price": 1}, token=tokens.access_token)
    assert caught.value.code == "INSUFFICIENT_SCOPE"


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("tenant", ["a", "b"])
@pytest.mark.parametrize("kind", ["public", "confidential"])
def test_person_allows_a_native_app(instance: Instance, tenant: str, kind: str) -> None:
    """A code with its proof key gives tokens, these the next ones, and a revoked one none."""
    grants = ("authorization_code", "refresh_token")
    registered = instance.register(tenant, kind=kind, grants=grants, redirect_uris=[CALLBACK])
    secret = registered.secret or None
    key = instance.world.keys[f"pk_live_{tenant}"]
    with create_client(key, base_url=instance.issuer(tenant), ca_file=instance.authority) as client:
        asked = begin_authorization(
            client.base_url,
            client_id=registered.id,
            redirect_uri=CALLBACK,
            scope=["products:read", "offline_access"],
        )
        came = parse_qs(urlsplit(instance.person(f"viewer_{tenant}")(asked.url)).query)
        assert is_answer_to(asked, came["state"][0])
        tokens = client.oauth.exchange_code(
            client_id=registered.id,
            client_secret=secret,
            code=came["code"][0],
            code_verifier=asked.code_verifier,
            redirect_uri=CALLBACK,
        )
        assert client.request("GET", "/api/products", token=tokens.access_token).data["docs"]
        assert tokens.refresh_token is not None
        following = client.oauth.refresh(
            client_id=registered.id, client_secret=secret, refresh_token=tokens.refresh_token
        )
        assert following.refresh_token is not None
        client.oauth.revoke(client_id=registered.id, client_secret=secret, token=following.refresh_token)
        with pytest.raises(WatchwordError) as caught:
            client.oauth.refresh(client_id=registered.id, client_secret=secret, refresh_token=following.refresh_token)
        assert caught.value.code == "invalid_grant"


@pytest.mark.parametrize("state", [None, "", "another"])
def test_answers_from_elsewhere_are_told_apart(state: str | None) -> None:
    """Only the state of this authorization is taken for its answer, and what has to be kept is not shown."""
    asked = begin_authorization("https://api.example.com", client_id="c", redirect_uri=CALLBACK)
    assert not is_answer_to(asked, state)
    assert asked.code_verifier not in repr(asked)
    assert asked.code_verifier not in asked.url
