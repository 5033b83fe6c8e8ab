"""The check that the address of a webhook is public.

Otherwise a subscriber could make this service call hosts that only the company's network can reach.
A host name may change its address later. So it is resolved and checked when a subscription is made
and again at each attempt, which connects to the checked address.
"""

import socket
from ipaddress import IPv4Address, IPv6Network, ip_address

import httpx

from txbank.errors import TxBankError

_PUBLIC_IPV6 = IPv6Network("2000::/3")
"""The only part of IPv6 that is assigned to public hosts (RFC 4291, IANA)."""
_TUNNELS = (IPv6Network("2001::/32"), IPv6Network("2002::/16"))
"""Teredo and 6to4: such an address stands for one of IPv4."""
_LAST_PORT = 65_535


class WebhookRefusedError(TxBankError):
    """The address of a webhook is not allowed."""

    def __init__(self, why: str) -> None:
        super().__init__(
            "The webhook cannot be sent to this address.",
            why=why,
            next_step="Give a public https address.",
            fields=["url"],
        )


def checked_address(url: httpx.URL, *, internal_allowed: bool) -> str:
    """Check the address of a webhook, and return the IP address to connect to.

    Args:
        url: The address of the webhook.
        internal_allowed: True to allow plain HTTP and private addresses.

    Raises:
        WebhookRefusedError: The URL is not an https URL with a valid port, its host cannot be
            resolved, or one of the host's addresses is not public.
    """
    if url.scheme != "https" and not (internal_allowed and url.scheme == "http"):
        raise WebhookRefusedError("It does not begin with https://.")
    if url.userinfo or not url.raw_host:
        raise WebhookRefusedError("It has no host, or it has a user name or password.")
    if url.port is not None and not 1 <= url.port <= _LAST_PORT:
        raise WebhookRefusedError(f"Its port is not one from 1 to {_LAST_PORT}.")
    try:
        found = socket.getaddrinfo(url.raw_host.decode(), url.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise WebhookRefusedError(f"Its host cannot be resolved: {error}.") from error
    addresses = [str(address) for *_, (address, *_) in found]
    if not internal_allowed and not all(map(is_public, addresses)):
        raise WebhookRefusedError("Its host is not a public one.")
    return addresses[0]


def is_public(address: str) -> bool:
    """Return whether an IP address is of the public internet, and of a single host."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv4Address):
        return parsed.is_global and not parsed.is_multicast
    tunnel = any(parsed in each for each in _TUNNELS)
    return parsed in _PUBLIC_IPV6 and parsed.is_global and not tunnel
