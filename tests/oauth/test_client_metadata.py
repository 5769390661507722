"""What may be set of a client: fields that are wrong, and fields that do not go together."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from watchword.errors import InvalidFieldsError
from watchword.oauth.client_metadata import SCOPES_MAX, ClientDraft, require_settings
from watchword.oauth.models import ClientSettings

CODE = ("authorization_code",)
WEB = ("https://partner.example/cb",)
KEY = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
JWKS = {"keys": [KEY]}


def draft(
    kind: str = "confidential",
    source: str = "administrator",
    grants: tuple[str, ...] = ("client_credentials",),
    scopes: tuple[str, ...] | None = None,
    **settings: Any,  # noqa: ANN401 - a field of the settings, wrong ones too
) -> ClientDraft:
    return ClientDraft(
        kind=kind,  # type: ignore[arg-type] # one of the two
        source=source,  # type: ignore[arg-type] # one of the three
        grants=grants,
        scopes=scopes,
        settings=ClientSettings(**settings),
    )


def faults_of(wanted: ClientDraft) -> list[str]:
    with pytest.raises(InvalidFieldsError) as refused:
        require_settings(wanted)
    fields = refused.value.extensions["fields"]
    assert isinstance(fields, list)
    return [field["path"] for field in fields]


ACCEPTED = [
    draft(),
    draft(grants=()),
    draft(grants=(*CODE, "refresh_token"), redirect_uris=WEB),
    draft(kind="public", grants=CODE, redirect_uris=("http://127.0.0.1/cb",), authentication_method="none"),
    draft(kind="public", grants=("urn:ietf:params:oauth:grant-type:device_code", "refresh_token")),
    draft(scopes=("products:read", "orders:*", "*:*", "openid", "offline_access")),
    draft(grants=("implicit",), redirect_uris=WEB),
    draft(grants=CODE, redirect_uris=WEB, pkce_exempt=True),
    draft(authentication_method="private_key_jwt", jwks=JWKS),
    draft(authentication_method="private_key_jwt", jwks_uri="https://partner.example/jwks"),
    draft(audiences=("https://api.partner.example/v1", "urn:partner:api")),
    draft(web_origins=("https://app.partner.example", "http://localhost:3000")),
]


@pytest.mark.parametrize("wanted", ACCEPTED)
def test_what_goes_together_is_kept(wanted: ClientDraft) -> None:
    """Settings that go together are kept as they are."""
    assert require_settings(wanted) == wanted


REFUSED: dict[str, tuple[ClientDraft, str]] = {
    "an unknown grant": (draft(grants=("password",)), "grants"),
    "client credentials for nobody (RFC 6749 §4.4)": (draft(kind="public"), "grants"),
    "refresh of nothing": (draft(grants=("client_credentials", "refresh_token")), "grants"),
    "refresh of an implicit grant (RFC 6749 §4.2)": (draft(grants=("implicit", "refresh_token"), redirect_uris=WEB), "grants"),
    "codes without a place to go": (draft(grants=CODE), "redirect_uris"),
    "tokens without a place to go": (draft(grants=("implicit",)), "redirect_uris"),
    "a wrong redirect URI": (draft(grants=CODE, redirect_uris=("https://*.example",)), "redirect_uris[0]"),
    "a wrong URI after logout": (draft(post_logout_redirect_uris=("javascript:alert(1)",)), "post_logout_redirect_uris[0]"),
    "implicit that a client gave itself": (draft(source="registration", grants=("implicit",), redirect_uris=WEB), "grants"),
    "implicit of a document": (draft(source="metadata document", grants=("implicit",), redirect_uris=WEB), "grants"),
    "an exemption that a client gave itself": (draft(source="registration", grants=CODE, redirect_uris=WEB, pkce_exempt=True), "pkce_exempt"),
    "an exemption for a public client (RFC 9700 §2.1.1)": (draft(kind="public", grants=CODE, redirect_uris=WEB, pkce_exempt=True), "pkce_exempt"),
    "an unknown scope": (draft(scopes=("products",)), "scopes[0]"),
    "a scope with a quote (RFC 6749 §3.3)": (draft(scopes=('products:"read"',)), "scopes[0]"),
    "too many scopes": (draft(scopes=tuple(f"a{number}:read" for number in range(SCOPES_MAX + 1))), "scopes"),
    "an audience with a fragment (RFC 8707 §2)": (draft(audiences=("https://api.example/#x",)), "audiences[0]"),
    "an audience without a scheme": (draft(audiences=("api.example",)), "audiences[0]"),
    "an audience that cannot be read": (draft(audiences=("https://[::1",)), "audiences[0]"),
    "an audience with a space": (draft(audiences=("https://api.example/ x",)), "audiences[0]"),
    "too many audiences": (draft(audiences=tuple(f"urn:a:{number}" for number in range(51))), "audiences"),
    "an origin with a path": (draft(web_origins=("https://app.example/",)), "web_origins[0]"),
    "a logo that is a script": (draft(logo_uri="javascript:alert(1)"), "logo_uri"),
    "a logo in the clear": (draft(logo_uri="http://partner.example/logo.png"), "logo_uri"),
    "a policy on this machine": (draft(policy_uri="http://localhost/policy"), "policy_uri"),
    "terms that are data": (draft(tos_uri="data:text/html,x"), "tos_uri"),
    "a logout call in the clear": (draft(backchannel_logout_uri="http://partner.example/logout"), "backchannel_logout_uri"),
    "keys fetched in the clear": (draft(authentication_method="private_key_jwt", jwks_uri="http://a.example/jwks"), "jwks_uri"),
    "a key without keys": (draft(authentication_method="private_key_jwt"), "jwks"),
    "keys of two places (RFC 7591 §2)": (draft(authentication_method="private_key_jwt", jwks=JWKS, jwks_uri="https://a.example/j"), "jwks_uri"),
    "keys that prove nothing": (draft(jwks=JWKS), "jwks"),
    "a private key": (draft(authentication_method="private_key_jwt", jwks={"keys": [{**KEY, "d": "AAAA"}]}), "jwks"),
    "a shared secret for a key": (draft(authentication_method="private_key_jwt", jwks={"keys": [{"kty": "oct", "k": "AAAA"}]}), "jwks"),
    "no keys": (draft(authentication_method="private_key_jwt", jwks={"keys": []}), "jwks"),
    "too many keys": (draft(authentication_method="private_key_jwt", jwks={"keys": [KEY] * 11}), "jwks"),
    "a key of great length": (draft(authentication_method="private_key_jwt", jwks={"keys": [{**KEY, "x": "A" * 5000}]}), "jwks"),
    "a key whose type is no name": (draft(authentication_method="private_key_jwt", jwks={"keys": [{"kty": []}]}), "jwks"),
    "keys that are none": (draft(authentication_method="private_key_jwt", jwks={"keys": "all"}), "jwks"),
    "a secret of a public client": (draft(kind="public", grants=(), authentication_method="client_secret_basic"), "authentication_method"),
    "nothing of a confidential client": (draft(authentication_method="none"), "authentication_method"),
    "an absolute end before the sliding one": (draft(refresh_ttl_seconds=1000, refresh_absolute_seconds=999), "refresh_absolute_seconds"),
}  # fmt: skip


@pytest.mark.parametrize(("wanted", "field"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_named(wanted: ClientDraft, field: str) -> None:
    """A field that is wrong, or does not go with the others, is refused by its name."""
    assert faults_of(wanted) == [field]


def test_fapi_is_one_switch() -> None:
    """The profile alone brings bound tokens, pushed requests and the client's own key (FAPI 2.0 §5.3.2)."""
    settings = require_settings(draft(profile="fapi2", jwks=JWKS)).settings
    assert (settings.dpop_bound, settings.require_pushed_requests) == (True, True)
    assert settings.authentication_method == "private_key_jwt"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"authentication_method": "client_secret_basic", "jwks": None}, "authentication_method"),
        ({"pkce_exempt": True}, "pkce_exempt"),
        ({"signing_algorithm": "RS256"}, "signing_algorithm"),
        ({"jwks": None}, "jwks"),
    ],
)
def test_fapi_takes_nothing_less(changes: dict[str, Any], field: str) -> None:
    """What the profile forbids is refused beside it (FAPI 2.0 §5.3.2.1, §5.4.1)."""
    wanted = draft(profile="fapi2", jwks=JWKS)
    settings = msgspec.structs.replace(wanted.settings, **changes)
    assert field in faults_of(msgspec.structs.replace(wanted, settings=settings))


def test_fapi_is_not_for_public_or_implicit_clients() -> None:
    """A public client and the implicit grant are outside of the profile."""
    assert "kind" in faults_of(draft(kind="public", grants=CODE, redirect_uris=WEB, profile="fapi2", jwks=JWKS))
    assert faults_of(draft(grants=("implicit",), redirect_uris=WEB, profile="fapi2", jwks=JWKS)) == ["grants"]


def test_what_came_twice_is_kept_once() -> None:
    """Lists are kept in their order, each entry once; an audience's last slash means nothing (RFC 8707 §2)."""
    checked = require_settings(
        draft(
            grants=("client_credentials", "client_credentials"),
            scopes=("products:read", "products:read"),
            audiences=("https://api.example/", "https://api.example"),
        )
    )
    assert (checked.grants, checked.scopes) == (("client_credentials",), ("products:read",))
    assert checked.settings.audiences == ("https://api.example",)
