"""A host's name -> the addresses that may be connected to.

Belongs here: refusing what is not out on the public network. Stays out: connecting (web.py), which
goes to these addresses and no other.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import socket
from collections.abc import Callable, Collection
from functools import cache
from importlib import resources

from assay.contracts.errors import SourceError, Where

Resolve = Callable[[str, int], list[str]]
# what connects looks its hosts up here first; urllib3's warnings about odd answers repeat the whole
# address, with its query
logging.getLogger("urllib3").setLevel(logging.ERROR)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Block = ipaddress.IPv4Network | ipaddress.IPv6Network
_UNICAST = ipaddress.ip_network("2000::/3")  # all that IANA has given out on the public network


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, by the system's resolver."""
    return list(
        dict.fromkeys(
            str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
    )


def is_allowed(host: str, port: int, hosts: Collection[str]) -> bool:
    """Whether the installation names this host, with or without its port."""
    return host.lower() in hosts or f"{host.lower()}:{port}" in hosts


def addresses(
    host: str, port: int, *, allowed: bool, where: Where, look_up: Resolve = resolve
) -> list[str]:
    """Where a host may be reached.

    Args:
        allowed: the installation allows this host, wherever it lies.
    Raises: SourceError: it has no address, or one that is not public: one is enough, since no one
        knows which would be taken.
    """
    if not allowed and _is_disguised(host):
        raise _refused("its host is a number that is not a plain address", where)
    try:
        candidates = look_up(host, port)
    except (OSError, UnicodeError):
        candidates = []
    if not candidates:
        raise SourceError(
            "the source's host cannot be found",
            "Check `location`, and that this machine can resolve host names",
            where,
        )
    if not allowed and not all(is_public(address) for address in candidates):
        raise _refused("its host has an address that is not public", where)
    if any(is_metadata(address) for address in candidates):
        problem = "the source is not fetched: its host is a cloud's metadata service, which returns credentials"
        raise SourceError(problem, "Use the address of a source", where)
    return candidates


def is_public(address: str) -> bool:
    """Whether an address is on the public network, whatever it is wrapped in.

    One with a zone (`fe80::1%eth0`) does not.
    """
    ip = _plain(address)
    if ip is None or any(ip in block for block in special_blocks("refuse", "metadata")):
        return False
    if ip.version == 6 and ip not in _UNICAST:
        return False
    return ip.is_global  # what Python knows, as a second wall


def is_metadata(address: str) -> bool:
    """Whether a cloud machine's metadata service answers at an address, whatever it is wrapped in."""
    ip = _plain(address.partition("%")[0])
    return ip is not None and any(ip in block for block in special_blocks("metadata"))


def _plain(address: str) -> Address | None:
    """The address itself, taken out of an IPv6 address that embeds it; None if the text is not
    an address.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return None
    if "%" in address:
        return None
    for block, bits in _embedding():
        if ip in block:
            return ipaddress.IPv4Address(int(ip) >> bits & 0xFFFFFFFF)
    return ip


@cache
def _table() -> tuple[tuple[Block, str], ...]:
    """The blocks of special_addresses.txt, each with what to do."""
    text = (
        resources.files("assay.assets.io.sources")
        .joinpath("special_addresses.txt")
        .read_text(encoding="utf-8")
    )
    rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return tuple(
        (ipaddress.ip_network(row[0]), f"embeds {row[2]}" if row[1] == "embeds" else row[1])
        for row in rows
    )


@cache
def special_blocks(*kinds: str) -> tuple[Block, ...]:
    """The blocks of these kinds: `refuse`, `metadata`."""
    return tuple(block for block, kind in _table() if kind in kinds)


@cache
def _embedding() -> tuple[tuple[Block, int], ...]:
    """Blocks whose addresses hold an IPv4 address, and how many bits from the right it begins."""
    return tuple(
        (block, int(kind.split()[1])) for block, kind in _table() if kind.startswith("embeds")
    )


def _is_disguised(host: str) -> bool:
    """Whether the host is a number as old resolvers read it: decimal, octal, hexadecimal or short.

    `2130706433` and `0177.1` are 127.0.0.1.
    """
    if not re.fullmatch(r"(0x[0-9a-f]*|[0-9]+)", host.rstrip(".").rpartition(".")[2].lower()):
        return False
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return True
    return False


def _refused(why: str, where: Where) -> SourceError:
    return SourceError(
        f"the source is not fetched: {why}",
        "Use a public address, or add your own host to ASSAY_SOURCE_HOSTS",
        where,
    )
