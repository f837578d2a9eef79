"""Addresses that are connected to: public ones, those of the list, never a cloud's own."""

import pytest

from wattwarden.server.guard import Guard, RefusedAddressError


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "2606:4700:4700::1111", "223.5.5.5", "64:ff9b::101:101"]
)
def test_public_addresses_are_allowed(address: str) -> None:
    Guard().check(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "0.0.0.0",  # noqa: S104  refused here
        "255.255.255.255",
        "224.0.0.1",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "64:ff9b:1::a00:1",
        "::127.0.0.1",
        "::a9fe:a9fe",
        "::ffff:0:10.0.0.1",
        "fec0::1",
        "3fff::1",
        "example.org",
        "168.63.129.16",
    ],
)
def test_all_others_are_refused(address: str) -> None:
    with pytest.raises(RefusedAddressError, match="is refused"):
        Guard().check(address)


def test_the_list_allows_networks_of_one_s_own_and_no_more() -> None:
    guard = Guard(["10.1.0.0/16", "fd00:1::/64"])
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd00:1::9"):
        guard.check(address)
    with pytest.raises(RefusedAddressError):
        guard.check("10.2.0.1")


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "100.100.100.200", "168.63.129.16", "fd00:ec2::254"]
)
def test_no_list_allows_what_clouds_tell_of_themselves(address: str) -> None:
    with pytest.raises(RefusedAddressError, match="cloud"):
        Guard(["0.0.0.0/0", "::/0"]).check(address)
