"""Who is at the other end, when a proxy that we were told to trust stands between.

``X-Forwarded-For``, ``X-Forwarded-Proto`` and ``X-Forwarded-Host`` are believed from peers inside the trusted networks only; anyone else
who sends them is taken for what the socket says (ASVS 4.1.3, 15.3.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

import msgspec

Network = IPv4Network | IPv6Network

_IPV4: Final = 4


class ClientAddresses:
    """The networks whose proxies are believed; ``trusts_any`` is False where the whole question can be skipped."""

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        self._trusted: tuple[Network, ...] = tuple(ip_network(network) for network in trusted)
        self.trusts_any = bool(self._trusted)

    def resolve(self, peer: str, forwarded_for: str | None) -> str:
        """Return the nearest address that is no trusted proxy, walking ``X-Forwarded-For`` from its right end.

        An IPv4 address inside an IPv6 one, as a listener for both versions names it, is returned by itself.
        """
        if not self.is_trusted(peer):
            return _unmapped(peer)
        address = peer
        for hop in reversed((forwarded_for or "").split(",")):
            candidate = hop.strip()
            if not _is_address(candidate):
                break
            address = candidate
            if not self.is_trusted(candidate):
                break
        return _unmapped(address)

    def scheme(self, peer: str, own: str, forwarded_proto: str | None) -> str:
        """Return ``http`` or ``https`` as the client saw it."""
        if forwarded_proto is not None and self.is_trusted(peer):
            nearest = forwarded_proto.rpartition(",")[2].strip().lower()
            if nearest in {"http", "https"}:
                return nearest
        return own

    def host(self, peer: str, forwarded_host: str | None) -> str | None:
        """Return the host that the client addressed, as a trusted proxy tells it; None where none does."""
        if forwarded_host is None or not self.is_trusted(peer):
            return None
        return forwarded_host.rpartition(",")[2].strip() or None

    def is_in_clear(self, peer: str, own: str, forwarded_proto: str | None) -> bool:
        """Say whether a request came over plain HTTP from elsewhere, past the proxy or to it (ASVS 4.1.2).

        Asked only where proxies are trusted: without one the plain listener is on loopback. A trusted proxy that says
        nothing of the scheme is taken to speak TLS to its clients.
        """
        if not self._trusted:
            return False
        if self.is_trusted(peer):
            return self.scheme(peer, "https", forwarded_proto) == "http"
        return own == "http" and not (_is_address(peer) and ip_address(peer).is_loopback)

    def is_trusted(self, address: str) -> bool:
        """Say whether an address is that of a proxy that is believed."""
        if not _is_address(address):
            return False
        parsed = ip_address(address)
        if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        return any(parsed.version == network.version and parsed in network for network in self._trusted)


def address_bucket(address: str) -> str:
    """Return what limits count for an address: IPv4 whole, IPv6 by its /64, which one subscriber holds."""
    if ":" not in address or not _is_address(address):
        return address
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ip_network((int(parsed) >> 64 << 64, 64)))
    return address


class Networks(msgspec.Struct, frozen=True):
    """What is counted for an address beside its bucket, so that many addresses of one holder are no crowd.

    Shapes: ``near`` is what one site or rented machine park holds (IPv4 /24, IPv6 /48), ``far`` what one provider does
    (IPv4 /16, IPv6 /32).
    """

    bucket: str
    near: str
    far: str


def networks_of(bucket: str) -> Networks:
    """Return the networks that a bucket lies in; what is no address lies in itself alone."""
    try:
        network = ip_network(bucket)
    except ValueError:
        return Networks(bucket, bucket, bucket)
    near, far = (24, 16) if network.version == _IPV4 else (48, 32)
    return Networks(bucket, *(str(network.supernet(new_prefix=length)) for length in (near, far)))


def _unmapped(address: str) -> str:
    if ":" not in address or not _is_address(address):
        return address
    parsed = ip_address(address)
    return str(parsed.ipv4_mapped) if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None else address


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
