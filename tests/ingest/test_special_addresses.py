"""No special address is reached, however it is written: not the first nor the last of any block, and not inside another address."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

import pytest

from assay.assets.io.sources.hosts import (
    _embedding,
    addresses,
    is_metadata,
    is_public,
    special_blocks,
)
from assay.contracts.errors import SourceError, Where

HERE = Where(dataset="readings")
REFUSED = [*special_blocks("refuse"), *special_blocks("metadata")]


def ends(block: ipaddress.IPv4Network | ipaddress.IPv6Network) -> list[str]:
    """The first, the second, a middle and the last address of a block."""
    size = block.num_addresses
    return sorted({str(block[place]) for place in (0, min(1, size - 1), size // 2, size - 1)})


def written(ip: str) -> Iterator[str]:
    """An address, and IPv6 addresses that hold it."""
    yield ip
    plain = ipaddress.ip_address(ip)
    if plain.version == 4:
        yield f"::ffff:{ip}"
        yield f"64:ff9b::{ip}"
        yield str(ipaddress.IPv6Address((0x2002 << 112) | (int(plain) << 80) | 1))
        yield str(
            ipaddress.IPv6Address(
                (0x20010000 << 96) | (0x5DB8D822 << 64) | (int(plain) ^ 0xFFFFFFFF)
            )
        )  # Teredo's client
        yield str(ipaddress.IPv6Address((0x20010000 << 96) | (int(plain) << 64)))  # Teredo's server
        yield f"::{ip}"
        yield f"64:ff9b:1::{ip}"
        yield f"::ffff:0:{ip}"


@pytest.mark.parametrize("block", REFUSED, ids=str)
def test_no_address_of_a_special_block_is_public(
    block: ipaddress.IPv4Network | ipaddress.IPv6Network,
) -> None:
    for ip in ends(block):
        for text in written(ip):
            assert not is_public(text), text
            with pytest.raises(SourceError, match=r"not public|plain address"):
                addresses(
                    "data.example",
                    443,
                    allowed=False,
                    where=HERE,
                    look_up=lambda *_, text=text: ["93.184.216.34", text],
                )


@pytest.mark.parametrize("ip", [
    "168.63.129.16", "192.0.0.192", "192.0.0.9", "169.254.169.254", "100.100.100.200", "fd00:ec2::254", "3fff::1", "3fff:fff:ffff::", "2001:db8::1", "5f00::1", "192.88.99.1",
    "198.18.0.1", "198.19.255.255", "240.0.0.1", "255.255.255.255", "0.0.0.0", "224.0.0.1", "ff02::1", "fec0::1", "fe80::1%eth0", "2606:4700::1%eth0", "::1", "::", "::127.0.0.1",
    "4000::1", "1000::1", "e000::1", "2001:1::1", "2001:20::1", "100::1", "100:0:0:1::1", "fd12:3456::1", "::ffff:0:10.0.0.1", "64:ff9b:1::8.8.8.8", "",
    "127.1", "0177.0.0.1", "2130706433", "１２７.0.0.1", "127.0.0.1.",
])  # fmt: skip
def test_these_are_not_public(ip: str) -> None:
    assert not is_public(ip)


@pytest.mark.parametrize("ip", [
    "8.8.8.8", "93.184.216.34", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "198.17.255.255", "198.20.0.0", "192.0.1.1", "223.255.255.255", "168.63.129.17",
    "2606:4700::1", "2a00:1450::1", "2001:4860:4860::8888", "2001:200::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "3ffe::1", "2620:4f:8000::1",
])  # fmt: skip
def test_their_neighbours_are_public(ip: str) -> None:
    assert is_public(ip)


@pytest.mark.parametrize("host", [
    "2130706433", "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1", "127.1", "127.0.1", "0", "127.0.0.1.", "0x7f000001.", "10.0.0.08", "a.0x7f", "1.2.3.4.5",
])  # fmt: skip
def test_a_number_that_only_old_resolvers_read_is_refused(host: str) -> None:
    with pytest.raises(SourceError, match="not a plain address"):
        addresses(host, 80, allowed=False, where=HERE, look_up=lambda *_: ["93.184.216.34"])


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "１２７.０.０.１",
        "①②⑦.0.0.1",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "::1",
        "::ffff:127.0.0.1",
        "0:0:0:0:0:0:0:1",
    ],
)
def test_this_machine_is_refused_by_the_systems_own_resolver(host: str) -> None:
    with pytest.raises(SourceError):
        addresses(host, 80, allowed=False, where=HERE)


@pytest.mark.parametrize("block", special_blocks("metadata"), ids=str)
def test_a_metadata_service_is_refused_even_for_an_allowed_host(
    block: ipaddress.IPv4Network | ipaddress.IPv6Network,
) -> None:
    for text in written(str(block[0])):
        if is_metadata(text):
            with pytest.raises(SourceError, match="metadata service"):
                addresses(
                    "minio.internal",
                    9000,
                    allowed=True,
                    where=HERE,
                    look_up=lambda *_, text=text: [text],
                )
    assert is_metadata(str(block[0]))
    assert is_metadata(f"{block[0]}%eth0")
    assert addresses(
        "minio.internal", 9000, allowed=True, where=HERE, look_up=lambda *_: ["10.0.0.5"]
    ) == ["10.0.0.5"]


def test_the_table_is_whole() -> None:
    assert {str(block) for block, _ in _embedding()} == {
        "::ffff:0:0/96",
        "64:ff9b::/96",
        "2002::/16",
    }
    assert len(special_blocks("refuse")) == 28
    assert len(special_blocks("metadata")) == 11
