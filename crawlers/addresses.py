"""Which network addresses a crawl may reach: public ones, and private ones by name only."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from monitor.settings import Network, parse_private

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

# What `is_global` lets through on one Python or another. Sources: the special-purpose address
# registries of RFC 6890 as of 2026; global unicast is 2000::/3, RFC 4291.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_SPECIAL: tuple[Network, ...] = tuple(
    ipaddress.ip_network(one)
    for one in (
        *("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "2002::/16"),
        *("3fff::/20", "5f00::/16"),
    )
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class AddressRules:
    """The private addresses that one crawl may reach.

    Attributes:
        private: Networks with the one port that is meant, or None for any.
    """

    private: tuple[tuple[Network, int | None], ...] = ()

    def permit(self, host: str, port: int) -> bool:
        """Tell whether a connection may be made.

        Args:
            host: An IP address as it goes to the socket, never a name.
        """
        try:
            address = _unwrapped(ipaddress.ip_address(host.partition("%")[0]))
        except ValueError:
            return False
        if any(address in network and allowed in (None, port) for network, allowed in self.private):
            return True
        return _is_public(address)


def rules_for(source_url: str, allow_private: tuple[str, ...]) -> AddressRules:
    """Give the rules of one source's crawl.

    Private addresses are open only to a source that lives on one of them itself: a link on a
    public page must never lead into the operator's network.

    Args:
        source_url: The address that the crawl starts from.
        allow_private: Entries of `network.allow_private`.
    """
    rules = AddressRules(tuple(parse_private(entry) for entry in allow_private))
    try:
        parts = urlsplit(source_url)
        # The one name that always means this machine.
        host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname
        address = ipaddress.ip_address(host or "")
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return AddressRules()
    lives_there = not _is_public(address) and rules.permit(str(address), port)
    return rules if lives_there else AddressRules()


def _is_public(address: Address) -> bool:
    """Tell whether an address is of the public network."""
    if address.version == 6 and address not in _GLOBAL_UNICAST:
        return False
    if any(address.version == one.version and address in one for one in _SPECIAL):
        return False
    return address.is_global and not address.is_multicast


def _unwrapped(address: Address) -> Address:
    """Give the IPv4 address that an IPv6 one carries: it is where the packets end."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
