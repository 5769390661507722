"""The implicit grant (RFC 6749 §4.2), off unless an administrator gave it, with oauthlib."""

from __future__ import annotations

import pytest
from oauthlib.oauth2 import MobileApplicationClient, OAuth2Error
from requests_oauthlib import OAuth2Session

from clients.instance import CALLBACK, Instance


def test_oauthlib(instance: Instance) -> None:
    """MobileApplicationClient of oauthlib reads the token from the fragment; no refresh token comes with it."""
    client = instance.register(kind="public", grants=("implicit",), redirect_uris=[CALLBACK])
    oauth = OAuth2Session(client=MobileApplicationClient(client.id), redirect_uri=CALLBACK, scope=["products:read"])
    url, _ = oauth.authorization_url(f"{instance.url}/oauth/authorize")
    token = oauth.token_from_fragment(instance.person("viewer_a")(url))
    assert "refresh_token" not in token
    assert oauth.get(f"{instance.url}/api/products", timeout=20).status_code == 200


def test_it_is_off(instance: Instance) -> None:
    """A client that was not given it is refused, in the fragment where oauthlib looks for it."""
    client = instance.register(kind="public", grants=("authorization_code",), redirect_uris=[CALLBACK])
    oauth = OAuth2Session(client=MobileApplicationClient(client.id), redirect_uri=CALLBACK, scope=["products:read"])
    url, _ = oauth.authorization_url(f"{instance.url}/oauth/authorize")
    with pytest.raises(OAuth2Error) as refused:
        oauth.token_from_fragment(instance.person("viewer_a")(url))
    assert refused.value.error in {"unauthorized_client", "unsupported_response_type"}
