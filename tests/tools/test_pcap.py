"""Packets come out of pcap and pcapng in every byte order and resolution."""

import io
import struct

import pytest
from tests.tools import captures
from tests.tools.captures import AT, block, enhanced, interface, pcap, section, simple

from wattwarden.tools.errors import CommandError
from wattwarden.tools.pcap import MAX_PACKET_BYTES, Packet, is_capture, packets

P, Q = b"first packet", b"second"


def read(data: bytes) -> list[Packet]:
    assert is_capture(data[:4])
    return list(packets(io.BytesIO(data)))


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
@pytest.mark.parametrize("nano", [False, True], ids=["microseconds", "nanoseconds"])
def test_pcap_gives_time_link_and_bytes(order: str, nano: bool) -> None:  # noqa: FBT001  # parameter
    found = read(pcap([P, Q], link=101, order=order, nano=nano))
    assert found == [Packet(AT, 101, P), Packet(AT + 1000, 101, Q)]


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
@pytest.mark.parametrize(
    ("resolution", "ticks"),
    [(None, AT), (6, AT), (9, AT * 1000), (3, AT // 1000), (0x80 | 10, AT * 1024 // 1_000_000)],
    ids=["default", "micro", "nano", "milli", "power of two"],
)
def test_pcapng_gives_time_link_and_bytes(order: str, resolution: int | None, ticks: int) -> None:
    data = section(order) + interface(113, order, resolution) + enhanced(P, ticks, order)
    (found,) = read(data)
    assert (found.link, found.data) == (113, P)
    assert abs(found.at - AT) < 1000


def test_pcapng_passes_over_blocks_it_does_not_know_and_reads_simple_ones() -> None:
    data = section() + interface(1) + block(5, b"statistics") + simple(P) + block(0xBAD, b"")
    assert read(data) == [Packet(0, 1, P)]


def test_pcapng_may_change_its_byte_order_with_a_new_section() -> None:
    little = section("<") + interface(1, "<") + enhanced(P, AT, "<")
    big = section(">") + interface(101, ">") + enhanced(Q, AT, ">")
    assert [(p.link, p.data) for p in read(little + big)] == [(1, P), (101, Q)]


def test_each_packet_is_of_its_interface() -> None:
    data = section() + interface(1) + interface(101) + enhanced(P, AT, number=1)
    assert read(data)[0].link == 101


@pytest.mark.parametrize("cut", [1, 5, 15, 20])
def test_a_capture_that_was_cut_off_ends_early(cut: int) -> None:
    assert read(pcap([P, Q])[:-cut]) == [Packet(AT, 1, P)]
    whole = section() + interface(1) + enhanced(P, AT) + enhanced(Q, AT)
    assert read(whole[:-cut]) == [Packet(AT, 1, P)]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"7b7b84bf237d7d", id="no capture"),
        pytest.param(pcap([])[:20], id="header cut short"),
        pytest.param(
            pcap([]) + struct.pack("<IIII", 0, 0, MAX_PACKET_BYTES + 1, 0), id="giant packet"
        ),
        pytest.param(section()[:8] + b"\0" * 20, id="no byte order"),
        pytest.param(section() + struct.pack("<II", 6, 2**31), id="giant block"),
        pytest.param(section() + struct.pack("<II", 6, 8), id="dwarf block"),
        pytest.param(section() + enhanced(P, AT), id="no interface"),
        pytest.param(section() + simple(P), id="simple without interface"),
        pytest.param(section() + interface() + block(6, b"short"), id="packet block cut short"),
        pytest.param(section() + block(1, b"1"), id="interface block cut short"),
        pytest.param(
            section() + interface() + block(6, struct.pack("<IIIII", 0, 0, 0, 99, 99)),
            id="packet longer than its block",
        ),
        pytest.param(
            struct.pack("<III", 0x0A0D0D0A, 8, 0x1A2B3C4D) + bytes(20), id="dwarf section"
        ),
    ],
)
def test_a_damaged_capture_is_refused_with_a_cure(data: bytes) -> None:
    with pytest.raises(CommandError) as caught:
        list(packets(io.BytesIO(data)))
    assert caught.value.cure


def test_lines_of_hex_are_no_capture() -> None:
    assert not is_capture(b"7b7b")
    assert captures.pcap([])[:4] == b"\xd4\xc3\xb2\xa1"
