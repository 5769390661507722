"""Which address a request is counted and judged by."""

from __future__ import annotations

import pytest

from watchword.wire.client_address import ClientAddresses, Networks, address_bucket, networks_of

BEHIND_PROXY = ClientAddresses(["10.0.0.0/8", "fd00::/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "wanted"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, nonsense", "10.0.0.1"),
        ("10.0.0.1", "nonsense, 198.51.100.1", "198.51.100.1"),
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("", "198.51.100.1", ""),
        ("::ffff:203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "::FFFF:198.51.100.1", "198.51.100.1"),
        ("::ffff:10.0.0.1", None, "10.0.0.1"),
    ],
)
def test_believes_trusted_proxies_only(peer: str, forwarded_for: str | None, wanted: str) -> None:
    """The nearest address that is no trusted proxy counts; what a client wrote further left never does."""
    assert BEHIND_PROXY.resolve(peer, forwarded_for) == wanted


@pytest.mark.parametrize(
    ("peer", "forwarded_proto", "wanted"),
    [
        ("203.0.113.9", "https", "http"),
        ("10.0.0.1", "https", "https"),
        ("10.0.0.1", "https, http", "http"),
        ("10.0.0.1", "gopher", "http"),
        ("10.0.0.1", None, "http"),
    ],
)
def test_believes_the_scheme_of_trusted_proxies_only(peer: str, forwarded_proto: str | None, wanted: str) -> None:
    """Only a trusted proxy can say that its client spoke HTTPS."""
    assert BEHIND_PROXY.scheme(peer, "http", forwarded_proto) == wanted


@pytest.mark.parametrize(
    ("peer", "own", "forwarded_proto", "in_clear"),
    [
        ("203.0.113.9", "http", None, True),
        ("203.0.113.9", "http", "https", True),
        ("10.0.0.1", "http", "http", True),
        ("10.0.0.1", "http", "https, http", True),
        ("10.0.0.1", "http", "https", False),
        ("10.0.0.1", "http", None, False),
        ("127.0.0.1", "http", None, False),
        ("203.0.113.9", "https", None, False),
        ("203.0.113.9", "https", "http", False),
        ("10.0.0.1", "https", "http", True),
        ("", "http", None, True),
    ],
)
def test_knows_what_came_in_clear(peer: str, own: str, forwarded_proto: str | None, in_clear: bool) -> None:  # noqa: FBT001 - a column
    """Plain HTTP past the proxy, or to it, is known for what it is; the machine's own address is not elsewhere."""
    assert BEHIND_PROXY.is_in_clear(peer, own, forwarded_proto) is in_clear
    assert ClientAddresses().is_in_clear(peer, own, forwarded_proto) is False


@pytest.mark.parametrize(
    ("peer", "forwarded_host", "wanted"),
    [
        ("10.0.0.1", "api.example.com", "api.example.com"),
        ("10.0.0.1", "evil.example, api.example.com:8443", "api.example.com:8443"),
        ("10.0.0.1", None, None),
        ("10.0.0.1", " ", None),
        ("203.0.113.9", "api.example.com", None),
    ],
)
def test_believes_the_host_of_trusted_proxies_only(peer: str, forwarded_host: str | None, wanted: str | None) -> None:
    """The host that a client addressed is told by the proxies in the named networks alone, by the nearest of them."""
    assert ClientAddresses(["10.0.0.0/8"]).host(peer, forwarded_host) == wanted


@pytest.mark.parametrize(
    ("address", "bucket"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::9", "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
        ("not:an:address", "not:an:address"),
        ("", ""),
    ],
)
def test_counts_an_ipv6_subscriber_once(address: str, bucket: str) -> None:
    """An IPv6 client is counted by its /64, of which every address is its own."""
    assert address_bucket(address) == bucket


@pytest.mark.parametrize(
    ("bucket", "near", "far"),
    [
        ("198.51.100.1", "198.51.100.0/24", "198.51.0.0/16"),
        ("2001:db8:1:2::/64", "2001:db8:1::/48", "2001:db8::/32"),
        ("not:an:address", "not:an:address", "not:an:address"),
        ("", "", ""),
    ],
)
def test_knows_the_networks_around_an_address(bucket: str, near: str, far: str) -> None:
    """A bucket lies in a site's network and in a provider's; what is no address lies in itself."""
    assert networks_of(bucket) == Networks(bucket, near, far)
