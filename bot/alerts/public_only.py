"""Keeps what a server's admin gave us as an address from reaching our own network.

A name is resolved when an address is added and again before each message. That leaves a name that answers differently
a moment later, and a server that redirects: so while such a message is being sent, its thread can't connect to any
address that isn't public, whatever asks for it. Python calls audit hooks before each connect, and one that raises
prevents it.
"""

import ipaddress
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_WRAPPING = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "fec0::/10")))
"""Of IPv6: translated to IPv4 by a gateway, "compatible" with it, and the site-local ones of old."""
_CLOUD = ipaddress.ip_address("168.63.129.16")
"""Public by its number, but a machine in Azure reaches its own host's services there."""
_thread = threading.local()


class PrivateAddressError(OSError):
    """A host lies on this machine or on a private network."""


@contextmanager
def public_only() -> Iterator[None]:
    """Within the block, this thread connects to public addresses only; anything else raises `PrivateAddressError`."""
    _install()
    _thread.is_guarded = True
    try:
        yield
    finally:
        _thread.is_guarded = False


def require_public(host: str) -> None:
    """Raise `PrivateAddressError` if any address of a host isn't public, another `OSError` where it has none.

    Blocks while the name is looked up.
    """
    for *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
        if not is_public(str(address[0])):
            raise PrivateAddressError("not a public address")


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, also where it wraps one of IPv4 into IPv6."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        if found.sixtofour is not None or found.teredo is not None or any(found in network for network in _WRAPPING):
            return False
    return found.is_global and not found.is_multicast and found != _CLOUD


@cache
def _install() -> None:
    """Once a process, and only where it is needed: a hook can't be taken off again."""
    sys.addaudithook(_check)


def _check(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.connect" or not getattr(_thread, "is_guarded", False):
        return
    address = arguments[1]
    if not isinstance(address, tuple) or not is_public(str(address[0])):
        raise PrivateAddressError("not a public address")
