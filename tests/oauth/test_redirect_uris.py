"""Redirect URIs: what may be registered, and that a presented one is compared as text (RFC 9700 §4.1.3)."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import START_MS
from watchword.errors import InvalidFieldsError
from watchword.oauth.models import ClientSettings, OAuthClient
from watchword.oauth.redirect_uris import (
    URI_CHARACTERS_MAX,
    URIS_MAX,
    find_redirect_uri,
    require_https_uri,
    require_redirect_uris,
)
from watchword.oauth_errors import UnknownRedirectUriError

WEB = "https://partner.example/oauth/callback"
LOOPBACK = "http://127.0.0.1/callback"
LOOPBACK_IPV6 = "http://[::1]:8080/callback"
LOCALHOST = "http://localhost:3000/callback?from=app"
PRIVATE = "com.example.app:/callback"
QUERY = "https://partner.example/cb?tenant=1"
ALL = (WEB, LOOPBACK, LOOPBACK_IPV6, LOCALHOST, PRIVATE, QUERY)


def client_with(*uris: str) -> OAuthClient:
    return OAuthClient(
        id="cli_1",
        tenant_id="ten_1",
        tenant_slug="acme",
        mode="live",
        name="Partner",
        kind="public",
        source="administrator",
        grants=("authorization_code",),
        scopes=None,
        settings=ClientSettings(redirect_uris=uris),
        created_at_ms=START_MS,
        updated_at_ms=START_MS,
        disabled_at_ms=None,
        tenant_disabled_at_ms=None,
    )


# Registration


@pytest.mark.parametrize(
    "uri",
    [
        *ALL,
        "https://partner.example",
        "https://partner.example:8443/cb",
        "https://192.0.2.7/cb",
        "https://[2001:db8::1]/cb",
        "https://xn--bcher-kva.example/cb",
        "https://partner.example/a%20b/cb",
        "http://localhost",
        "com.example.app://host/callback",
    ],
)
def test_a_plain_uri_is_registered_as_it_is(uri: str) -> None:
    """HTTPS, loopback HTTP and private schemes with a dot are kept letter for letter (RFC 8252 §7)."""
    assert require_redirect_uris([uri, uri]) == (uri,)


REFUSED = {
    "nothing": "",
    "a fragment (RFC 6749 §3.1.2)": "https://partner.example/cb#x",
    "an empty fragment": "https://partner.example/cb#",
    "a wildcard host (RFC 9700 §4.1.1)": "https://*.partner.example/cb",
    "a wildcard path": "https://partner.example/*",
    "plain http": "http://partner.example/cb",
    "http on a name that begins like localhost": "http://localhost.evil.example/cb",
    "http on a name that ends like localhost": "http://evil-localhost/cb",
    "http on another loopback address": "http://127.0.0.2/cb",
    "http on a short loopback address": "http://127.1/cb",
    "http on a decimal loopback address": "http://2130706433/cb",
    "http on a hexadecimal loopback address": "http://0x7f000001/cb",
    "http on an octal loopback address": "http://0177.0.0.1/cb",
    "a decimal address": "https://3221226219/cb",
    "an IPv6 address in a long spelling": "https://[2001:0db8:0:0:0:0:0:1]/cb",
    "an IPv4 address inside an IPv6 one": "https://[::ffff:192.0.2.7]/cb",
    "an IPv6 address with a zone": "https://[fe80::1%25eth0]/cb",
    "letters behind an IPv6 address": "https://[::1].evil.example/cb",
    "a user": "https://partner.example@evil.example/cb",
    "a user and a password": "https://a:b@evil.example/cb",
    "a user that looks like a port": "https://partner.example:443@evil.example/cb",
    "a user behind an IPv6 address": "https://[::1]@evil.example/cb",
    "a backslash": "https://partner.example\\@evil.example/cb",
    "a backslash in the path": "https://partner.example/\\evil.example",
    "a host in capitals": "https://Partner.example/cb",
    "a scheme in capitals": "HTTPS://partner.example/cb",
    "a dot at the end": "https://partner.example./cb",
    "an empty label": "https://partner..example/cb",
    "no host": "https:///cb",
    "no slashes": "https:partner.example/cb",
    "one slash": "https:/partner.example/cb",
    "no scheme": "//partner.example/cb",
    "a path alone": "/cb",
    "a look-alike dot (U+3002)": "https://partner\u3002example/cb",
    "a look-alike letter (Cyrillic)": "https://p\u0430rtner.example/cb",
    "a look-alike slash (U+2215)": "https://partner.example\u2215cb",
    "an encoded dot in the host": "https://partner%2eexample/cb",
    "a space": "https://partner.example/c b",
    "a line break": "https://partner.example/cb\r\nSet-Cookie: a=b",
    "a tab": "https://partner.example/\tcb",
    "a NUL": "https://partner.example/\x00",
    "a broken escape": "https://partner.example/%zz",
    "an escape cut short": "https://partner.example/cb%2",
    "a path that leads back": "https://partner.example/a/../cb",
    "a path that leads back at its end": "https://partner.example/a/..",
    "a path of one dot": "https://partner.example/./cb",
    "a path that leads back, encoded": "https://partner.example/a/%2e%2e/cb",
    "a path that leads back, half encoded": "https://partner.example/a%2f.%2E/cb",
    "a path that leads back by a backslash, encoded": "https://partner.example/a%5c../cb",
    "port zero": "https://partner.example:0/cb",
    "a port too large": "https://partner.example:65536/cb",
    "a port with a zero in front": "https://partner.example:0443/cb",
    "an empty port": "https://partner.example:/cb",
    "a port of letters": "https://partner.example:http/cb",
    "javascript": "javascript:alert(1)",
    "javascript with slashes": "javascript://partner.example/%0aalert(1)",
    "data": "data:text/html,<script>alert(1)</script>",
    "a file": "file:///etc/passwd",
    "a private scheme of nobody's (RFC 8252 §8.4)": "myapp:/callback",
    "a private scheme without a path": "com.example.app:callback",
    "too many characters": "https://partner.example/" + "a" * URI_CHARACTERS_MAX,
    "quotes": 'https://partner.example/"><script>',
}  # fmt: skip


@pytest.mark.parametrize("uri", REFUSED.values(), ids=REFUSED)
def test_what_can_be_read_in_two_ways_is_not_registered(uri: str) -> None:
    """A URI that leaks codes, stands for many, or means two things to two parsers is refused and named."""
    with pytest.raises(InvalidFieldsError) as refused:
        require_redirect_uris([WEB, uri])
    fields = refused.value.extensions["fields"]
    assert isinstance(fields, list)
    assert [field["path"] for field in fields] == ["redirect_uris[1]"]


def test_too_many_uris_are_refused() -> None:
    """The list that is walked on every authorization is bounded."""
    uris = [f"https://partner.example/{number}" for number in range(URIS_MAX + 1)]
    assert len(require_redirect_uris(uris[:URIS_MAX])) == URIS_MAX
    with pytest.raises(InvalidFieldsError):
        require_redirect_uris(uris)


@pytest.mark.parametrize("uri", ["http://localhost/logo.png", PRIVATE, "data:image/png;base64,AA==", "https://a@b/"])
def test_what_people_follow_is_https(uri: str) -> None:
    """A link or logo that the consent page shows is an https URI of a plain spelling."""
    with pytest.raises(InvalidFieldsError, match="logo_uri"):
        require_https_uri(uri, field="logo_uri")
    assert require_https_uri("https://partner.example/logo.png", field="logo_uri")


# Matching


@pytest.mark.parametrize("uri", ALL)
def test_the_registered_uri_is_found(uri: str) -> None:
    """What was registered is found, letter for letter."""
    assert find_redirect_uri(client_with(*ALL), uri) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:1/callback",
        "http://127.0.0.1:51004/callback",
        "http://127.0.0.1:65535/callback",
        "http://[::1]/callback",
        "http://[::1]:9/callback",
        "http://localhost:4000/callback?from=app",
    ],
)
def test_a_loopback_port_is_free(uri: str) -> None:
    """A native application listens on any port of the loopback address (RFC 8252 §7.3), and is answered there."""
    assert find_redirect_uri(client_with(*ALL), uri) == uri


SPELLINGS = {
    "nothing": "",
    "another host": "https://evil.example/oauth/callback",
    "a port": "https://partner.example:443/oauth/callback",
    "another port": "https://partner.example:8443/oauth/callback",
    "plain http": "http://partner.example/oauth/callback",
    "the scheme in capitals": "HTTPS://partner.example/oauth/callback",
    "the host in capitals": "https://PARTNER.example/oauth/callback",
    "the path in capitals": "https://partner.example/OAuth/callback",
    "userinfo in front": "https://partner.example@evil.example/oauth/callback",
    "userinfo of ours": "https://a@partner.example/oauth/callback",
    "an encoded letter": "https://partner.example/oauth/c%61llback",
    "an encoded slash": "https://partner.example/oauth%2fcallback",
    "a backslash for a slash": "https://partner.example\\oauth\\callback",
    "a backslash and a host": "https://evil.example\\.partner.example/oauth/callback",
    "a look-alike dot (U+3002)": "https://partner\u3002example/oauth/callback",
    "a look-alike dot (U+FF0E)": "https://partner\uff0eexample/oauth/callback",
    "a suffix of the host": "https://partner.example.evil.example/oauth/callback",
    "a prefix of the host": "https://evil-partner.example/oauth/callback",
    "a subdomain": "https://evil.partner.example/oauth/callback",
    "a suffix of the path": "https://partner.example/oauth/callback.evil",
    "a prefix of the path": "https://partner.example/oauth/call",
    "a path behind": "https://partner.example/oauth/callback/extra",
    "a slash behind": "https://partner.example/oauth/callback/",
    "a path in front": "https://partner.example/evil/oauth/callback",
    "two slashes": "https://partner.example//oauth/callback",
    "a way back": "https://partner.example/oauth/x/../callback",
    "an encoded way back": "https://partner.example/oauth/callback/%2e%2e/evil",
    "a query": "https://partner.example/oauth/callback?evil=1",
    "an empty query": "https://partner.example/oauth/callback?",
    "a fragment": "https://partner.example/oauth/callback#evil",
    "a path parameter": "https://partner.example/oauth/callback;evil",
    "a space in front": " https://partner.example/oauth/callback",
    "a space behind": "https://partner.example/oauth/callback ",
    "a line break": "https://partner.example/oauth/callback\r\nx: y",
    "a NUL": "https://partner.example/oauth/callback\x00",
    "the final dot of DNS": "https://partner.example./oauth/callback",
    "less of the query": "https://partner.example/cb",
    "more of the query": "https://partner.example/cb?tenant=1&evil=1",
    "another order of the query": "https://partner.example/cb?evil=1&tenant=1",
    "https on the loopback address": "https://127.0.0.1/callback",
    "another path on the loopback address": "http://127.0.0.1:8080/evil",
    "a path behind on the loopback address": "http://127.0.0.1:8080/callback/evil",
    "a query on the loopback address": "http://127.0.0.1:8080/callback?evil=1",
    "another loopback address": "http://127.0.0.2/callback",
    "a short loopback address": "http://127.1/callback",
    "a decimal loopback address": "http://2130706433/callback",
    "localhost for the loopback address": "http://localhost/callback",
    "localhost with a dot": "http://localhost./callback?from=app",
    "userinfo on the loopback address": "http://127.0.0.1:80@evil.example/callback",
    "userinfo with a path on the loopback address": "http://127.0.0.1@evil.example/callback",
    "letters behind the loopback address": "http://127.0.0.1.evil.example/callback",
    "letters for its port": "http://127.0.0.1:80evil/callback",
    "a port with a zero in front": "http://127.0.0.1:0080/callback",
    "port zero": "http://127.0.0.1:0/callback",
    "a port too large": "http://127.0.0.1:65536/callback",
    "an empty port": "http://127.0.0.1:/callback",
    "a port in other digits": "http://127.0.0.1:\u0661/callback",
    "an IPv6 loopback address in a long spelling": "http://[0:0:0:0:0:0:0:1]/callback",
    "an IPv6 loopback address inside another": "http://[::ffff:127.0.0.1]/callback",
    "letters behind the IPv6 loopback address": "http://[::1].evil.example/callback",
    "a backslash on the loopback address": "http://127.0.0.1\\callback",
    "a private scheme with slashes": "com.example.app://callback",
    "a private scheme in capitals": "COM.example.app:/callback",
    "a longer private scheme": "com.example.app.evil:/callback",
}  # fmt: skip


@pytest.mark.parametrize("uri", SPELLINGS.values(), ids=SPELLINGS)
def test_another_spelling_is_another_uri(uri: str) -> None:
    """Nothing is normalised before the comparison, so no other spelling of a registered URI passes (RFC 9700 §2.1)."""
    with pytest.raises(UnknownRedirectUriError):
        find_redirect_uri(client_with(*ALL), uri)


@given(st.text(max_size=60))
def test_whatever_is_added_makes_another_uri(text: str) -> None:
    """A text before, behind or inside of a registered URI gives one that is refused, or the very same."""
    client = client_with(WEB)
    for uri in (text + WEB, WEB + text, WEB.replace(".example", f".example{text}"), text):
        if uri == WEB:
            continue
        with pytest.raises(UnknownRedirectUriError):
            find_redirect_uri(client, uri)


def test_a_uri_left_out_is_the_only_one() -> None:
    """Left out, it is the one that the client has (RFC 6749 §3.1.2.3)."""
    assert find_redirect_uri(client_with(WEB), None) == WEB


@pytest.mark.parametrize("uris", [(), (WEB, LOOPBACK)])
def test_a_uri_left_out_of_several_is_refused(uris: tuple[str, ...]) -> None:
    """A client with none or several must say which one it means."""
    with pytest.raises(UnknownRedirectUriError):
        find_redirect_uri(client_with(*uris), None)


def test_another_clients_uri_is_refused() -> None:
    """What one client registered says nothing about another's."""
    other = msgspec.structs.replace(client_with("https://other.example/cb"), id="cli_2")
    with pytest.raises(UnknownRedirectUriError):
        find_redirect_uri(other, WEB)
