"""A host's name -> the addresses that may be connected to.

Belongs here: refusing what is not out on the public network. Stays out: connecting (web.py), which goes to these addresses and no other.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import socket
from collections.abc import Callable, Collection
from typing import Any

from contracts.errors import SourceError, Where

Resolve = Callable[[str, int], list[str]]
# what connects looks its hosts up here first; urllib3's warnings about odd answers repeat the whole address, with its query
logging.getLogger("urllib3").setLevel(logging.ERROR)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, by the system's resolver."""
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def is_allowed(host: str, port: int, hosts: Collection[str]) -> bool:
    """Whether the installation names this host, with or without its port."""
    return host.lower() in hosts or f"{host.lower()}:{port}" in hosts


def addresses(host: str, port: int, *, allowed: bool, where: Where, look_up: Resolve = resolve) -> list[str]:
    """Where a host may be reached.

    Args:
        allowed: the installation allows this host, wherever it lies.
    Raises: SourceError: it has no address, or one that is not public: one is enough, since nobody knows which would be taken.
    """
    if not allowed and _is_disguised(host):
        raise _refused("its host is a number that is no plain address", where)
    try:
        found = look_up(host, port)
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise SourceError("the source's host cannot be found", "Check `location`, and that this machine can look names up", where)
    if not allowed and not all(is_public(address) for address in found):
        raise _refused("its host has an address that is not public", where)
    return found


def is_public(address: str) -> bool:
    """Whether an address lies on the public network, whatever it is wrapped in."""
    try:
        ip: Any = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if ip.version == 6:
        inner = ip.ipv4_mapped or ip.sixtofour or (ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None)
        if inner is not None:
            return is_public(str(inner))
        if ip.teredo is not None or ip.is_site_local:
            return False
    return bool(ip.is_global and not ip.is_multicast and not ip.is_reserved)


def _is_disguised(host: str) -> bool:
    """Whether the host is a number as old resolvers read it: decimal, octal, hexadecimal or short. `2130706433` and `0177.1` are 127.0.0.1."""
    if not re.fullmatch(r"(0x[0-9a-f]*|[0-9]+)", host.rstrip(".").rpartition(".")[2].lower()):
        return False
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return True
    return False


def _refused(why: str, where: Where) -> SourceError:
    return SourceError(f"the source is not fetched: {why}", "Give a public address; for a host of your own, name it in ASSAY_SOURCE_HOSTS", where)
