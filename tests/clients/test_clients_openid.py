"""OpenID Connect with Authlib and openid-client: who signed in and when, and leaving again."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from authlib.integrations.base_client import BaseApp, OAuth2Mixin, OpenIDMixin
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from joserfc import jwt
from joserfc.jwk import KeySet

from clients.application import Application
from clients.instance import CALLBACK, Instance, Registered
from clients.npm_clients import Node
from clients.person import Person
from served import wait_for

GRANTS = ("authorization_code", "refresh_token")
LEFT = "https://app.example/left"

# Authlib verifies with joserfc, which remarks that RFC 9864 has a new name for EdDSA with this curve.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")


class RelyingParty(OAuth2Mixin, OpenIDMixin, BaseApp):  # type: ignore[misc] # Authlib has no types
    """Authlib's OpenID Connect client without a web framework around it."""

    client_cls = AuthlibSession


def relying_party(instance: Instance, tenant: str, client: Registered) -> Any:  # noqa: ANN401 - Authlib has no types
    return RelyingParty(
        None,
        client_id=client.id,
        client_secret=client.secret,
        server_metadata_url=f"{instance.issuer(tenant)}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256"},
    )


def sign_in(app: Any, person: Person, **asked: str) -> dict[str, Any]:  # noqa: ANN401 - Authlib has no types
    """Sign a person in and return the tokens, with what Authlib read from the verified ID token as ``userinfo``."""
    request = app.create_authorization_url(CALLBACK, **asked)
    answer = {name: values[0] for name, values in parse_qs(urlsplit(person(request["url"])).query).items()}
    assert answer["state"] == request["state"], answer
    token: dict[str, Any] = app.fetch_access_token(
        redirect_uri=CALLBACK, code=answer["code"], code_verifier=request["code_verifier"]
    )
    token["userinfo"] = app.parse_id_token(token, nonce=request["nonce"])
    return token


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
@pytest.mark.parametrize("tenant", ["a", "b"])
def test_authlib_verifies_the_id_token(instance: Instance, tenant: str, algorithm: str) -> None:
    """Authlib verifies an ID token in each algorithm, its nonce and its hash of the access token, and reads UserInfo."""
    client = instance.register(tenant, grants=GRANTS, redirect_uris=[CALLBACK], signing_algorithm=algorithm)
    app = relying_party(instance, tenant, client)
    began = int(time.time())
    token = sign_in(app, instance.person(f"viewer_{tenant}"))
    told = token["userinfo"]
    assert (told["iss"], told["sub"]) == (instance.issuer(tenant), instance.world.users[f"viewer_{tenant}"])
    assert told["auth_time"] >= began - 1
    assert "at_hash" in told
    user = app.userinfo(token=token)
    assert (user["sub"], user["email"], user["email_verified"]) == (
        told["sub"],
        f"viewer.{tenant}@example.com",
        True,
    )


def test_authlib_asks_for_a_fresh_sign_in(instance: Instance) -> None:
    """A person who is signed in passes silently, and signs in anew where the client asks for it."""
    client = instance.register(grants=GRANTS, redirect_uris=[CALLBACK])
    app, person = relying_party(instance, "a", client), instance.person("viewer_a")
    first = sign_in(app, person)["userinfo"]["auth_time"]
    assert sign_in(app, person, prompt="none")["userinfo"]["auth_time"] == first
    assert person.sign_ins == 1
    sign_in(app, person, prompt="login")
    assert person.sign_ins == 2
    sign_in(app, person, max_age="0")
    assert person.sign_ins == 3


def test_openid_client_is_told_that_nobody_is_there(instance: Instance, node: Node) -> None:
    """A silent request for somebody who is not signed in comes back with login_required, to openid-client as well."""
    client = instance.register(kind="public", grants=GRANTS, redirect_uris=[CALLBACK])
    told = node(
        "sign_in_silently.mjs",
        browse=instance.person("viewer_a"),
        issuer=instance.url,
        client_id=client.id,
        redirect_uri=CALLBACK,
        scope="openid",
    )
    assert told["before"] == "login_required"
    assert told["fresh"]["auth_time"] <= told["aged"]["auth_time"]
    assert told["silent"]["sub"] == told["fresh"]["sub"] == instance.world.users["viewer_a"]


@pytest.mark.parametrize("tenant", ["a", "b"])
def test_openid_client_leaves(instance: Instance, node: Node, tenant: str) -> None:
    """A person leaves at the client's wish, comes back to the registered address, and is signed out (RP-Initiated Logout §3)."""
    client = instance.register(
        tenant, kind="public", grants=GRANTS, redirect_uris=[CALLBACK], post_logout_redirect_uris=[LEFT]
    )
    told = node(
        "logout.mjs",
        browse=instance.person(f"viewer_{tenant}"),
        issuer=instance.issuer(tenant),
        client_id=client.id,
        redirect_uri=CALLBACK,
        post_logout_redirect_uri=LEFT,
        scope="openid",
    )
    assert told == {"left": f"{LEFT}?state=left", "quietly": "login_required"}


def test_authlib_leaves(instance: Instance) -> None:
    """Authlib makes the address at which the same happens."""
    client = instance.register(grants=GRANTS, redirect_uris=[CALLBACK], post_logout_redirect_uris=[LEFT])
    app, person = relying_party(instance, "a", client), instance.person("viewer_a")
    token = sign_in(app, person)
    leaving = app.create_logout_url(post_logout_redirect_uri=LEFT, id_token_hint=token["id_token"])
    assert person(leaving["url"]) == f"{LEFT}?state={leaving['state']}"


@pytest.mark.parametrize("tenant", ["a", "b"])
def test_a_client_is_told_that_its_user_has_left(instance: Instance, application: Application, tenant: str) -> None:
    """A logout token for the very session reaches the client's server; joserfc verifies it (Back-Channel Logout §2.4)."""
    client = instance.register(
        tenant, grants=GRANTS, redirect_uris=[CALLBACK], backchannel_logout_uri=f"{application.url}/told"
    )
    app, person = relying_party(instance, tenant, client), instance.person(f"viewer_{tenant}")
    token = sign_in(app, person)
    person(app.create_logout_url(id_token_hint=token["id_token"])["url"])
    wait_for(lambda: bool(application.told), seconds=30, what="the logout token")
    path, form = application.told[0]
    assert path == "/told"
    told = jwt.decode(form["logout_token"], KeySet.import_key_set(app.fetch_jwk_set()), algorithms=["EdDSA"])
    assert told.header["typ"] == "logout+jwt"
    assert (told.claims["iss"], told.claims["aud"]) == (instance.issuer(tenant), client.id)
    assert told.claims["sid"] == token["userinfo"]["sid"]
    assert told.claims["sub"] == token["userinfo"]["sub"]
    assert "http://schemas.openid.net/event/backchannel-logout" in told.claims["events"]
    assert "nonce" not in told.claims
