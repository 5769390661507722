"""Which addresses stand on the public Internet: what strangers may make this server connect to (RFC 6890, SSRF).

The lists are those of IANA's special-purpose registries, written out, so that no version of Python reads them otherwise.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_SPECIAL_V4: Final = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared behind a provider's translation; clouds keep metadata there too
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, where clouds keep metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)

_UNICAST_V6: Final = IPv6Network("2000::/3")
"""All global unicast; what lies outside is loopback, unique local, link-local, multicast, and IPv4 in disguise
(``::ffff:0:0/96``, ``::/96``, ``64:ff9b::/96``, ``64:ff9b:1::/48``)."""

_SPECIAL_V6: Final = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, with Teredo's IPv4 inside
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",  # documentation
    )
)


def is_public(address: Address) -> bool:
    """Say whether an address is global unicast and nothing special."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_V4)
    return address in _UNICAST_V6 and not any(address in network for network in _SPECIAL_V6)


def is_in(address: Address, networks: tuple[Network, ...]) -> bool:
    """Say whether an address is in one of the networks; an IPv4 address inside an IPv6 one is in none of IPv4."""
    return any(address.version == network.version and address in network for network in networks)
