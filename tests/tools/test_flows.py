"""What clients said comes out in order, whatever the network did to it."""

import io
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tools.captures import (
    ACK,
    FIN,
    RST,
    SYN,
    conversation,
    ethernet,
    ipv4,
    ipv6,
    pcap,
    tcp,
    udp,
)

from wattwarden.tools import flows as flows_module
from wattwarden.tools.flows import Flows
from wattwarden.tools.pcap import packets

NEAR, FAR = "10.0.0.2", "10.0.0.1"
METER, PORT = 40_000, 10_212


def heard(
    sent: list[bytes], *, link: int = 1, port: int = 0, flows: Flows | None = None
) -> dict[int, bytes]:
    followed = flows or Flows(port)
    said: dict[int, bytes] = {}
    for chunk in followed.chunks(packets(io.BytesIO(pcap(sent, link=link)))):
        said[chunk.flow] = said.get(chunk.flow, b"") + chunk.data
    return said


def segment(number: int, data: bytes, flags: int = ACK) -> bytes:
    return ethernet(ipv4(NEAR, FAR, 6, tcp(METER, PORT, number, data, flags)))


def test_a_conversation_gives_the_clients_side_alone() -> None:
    assert heard(conversation(b"hello ", b"world")) == {1: b"hello world"}


def test_two_connections_stay_apart() -> None:
    both = [
        packet
        for pair in zip(conversation(b"one"), conversation(b"two", client=40_001), strict=True)
        for packet in pair
    ]
    assert heard(both) == {1: b"one", 2: b"two"}


def test_a_port_that_is_used_again_is_a_new_connection() -> None:
    assert heard(conversation(b"one") + conversation(b"two")) == {1: b"one", 2: b"two"}


@pytest.mark.parametrize(
    ("link", "wrap"),
    [
        (1, ethernet),
        (1, lambda p: ethernet(p, vlans=1)),
        (1, lambda p: ethernet(p, vlans=2)),
        (101, lambda p: p),
        (113, lambda p: bytes(14) + (b"\x08\x00" if p[0] >> 4 == 4 else b"\x86\xdd") + p),
        (276, lambda p: (b"\x08\x00" if p[0] >> 4 == 4 else b"\x86\xdd") + bytes(18) + p),
        (0, lambda p: bytes(4) + p),
    ],
    ids=["ethernet", "vlan", "two vlans", "raw", "cooked", "cooked 2", "loopback"],
)
@pytest.mark.parametrize("network", ["ipv4", "ipv6", "ipv6 with options"])
def test_every_link_and_network_is_read(link: int, wrap: object, network: str) -> None:
    body = tcp(METER, PORT, 7, b"said")
    made = {
        "ipv4": ipv4(NEAR, FAR, 6, body),
        "ipv6": ipv6("fd00::2", "fd00::1", 6, body),
        "ipv6 with options": ipv6("fd00::2", "fd00::1", 6, body, options=2),
    }
    assert callable(wrap)
    assert heard([wrap(made[network])], link=link) == {1: b"said"}


def test_ethernet_padding_is_not_payload() -> None:
    assert heard([segment(7, b"said") + b"padding"]) == {1: b"said"}


def test_datagrams_are_taken_as_they_come() -> None:
    said = [ethernet(ipv4(NEAR, FAR, 17, udp(METER, PORT, part))) for part in (b"a", b"b")]
    back = ethernet(ipv4(FAR, NEAR, 17, udp(PORT, METER, b"answer")))
    assert heard([said[0], back, said[1]]) == {1: b"ab"}


@given(st.binary(min_size=1, max_size=200), st.randoms(use_true_random=False))
def test_repeated_overlapping_and_overtaking_segments_give_the_stream(
    stream: bytes, order: random.Random
) -> None:
    start = order.choice([0, 1000, 2**32 - 50])
    cuts = sorted({0, len(stream), *(order.randrange(len(stream)) for _ in range(5))})
    parts = [(a, stream[a:b]) for a, b in pairwise(cuts)]
    parts += [(a, stream[a : a + 20]) for a in (order.randrange(len(stream)) for _ in range(4))]
    order.shuffle(parts)
    sent = [segment(start - 1, b"", SYN), *(segment(start + at, part) for at, part in parts)]
    assert heard(sent) == {1: stream}


def test_a_gap_is_counted_and_the_rest_still_comes() -> None:
    flows = Flows()
    sent = [segment(0, b"", SYN), segment(1, b"one"), segment(10, b"three"), segment(15, b"", FIN)]
    assert heard(sent, flows=flows) == {1: b"onethree"}
    assert flows.counters.gaps == 1


def test_a_gap_at_the_end_of_the_capture_is_counted_too() -> None:
    flows = Flows()
    assert heard([segment(1, b"one"), segment(10, b"three")], flows=flows) == {1: b"onethree"}
    assert flows.counters.gaps == 1


def test_what_overtakes_a_lost_segment_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows_module, "MAX_OVERTAKEN_BYTES", 10)
    flows = Flows()
    sent = [segment(1, b"a"), segment(100, b"b" * 11), segment(111, b"c"), segment(2, b"late")]
    assert heard(sent, flows=flows) == {1: b"a" + b"b" * 11 + b"c"}
    assert flows.counters.gaps == 1


def test_a_connection_whose_beginning_was_missed_has_the_lower_port_for_server() -> None:
    back = ethernet(ipv4(FAR, NEAR, 6, tcp(PORT, METER, 1, b"answer")))
    assert heard([back, segment(1, b"said")]) == {1: b"said"}


def test_a_named_port_is_the_server_and_all_others_are_ignored() -> None:
    above = [ethernet(ipv4(NEAR, FAR, 6, tcp(500, 9000, 1, b"said")))]
    assert heard(above) == {}
    assert heard(above, port=9000) == {1: b"said"}
    assert heard(conversation(b"said"), port=9000) == {}


def test_a_reset_ends_the_connection() -> None:
    sent = [segment(1, b"one"), segment(4, b"", RST), segment(500, b"two")]
    assert heard(sent) == {1: b"one", 2: b"two"}


def test_flows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows_module, "MAX_FLOWS", 2)
    sent = [ethernet(ipv4(NEAR, FAR, 6, tcp(METER + n, PORT, 1, b"x"))) for n in (0, 1, 2, 0)]
    assert heard(sent) == {1: b"x", 2: b"x", 3: b"x", 4: b"x"}


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(b"", id="empty"),
        pytest.param(bytes(13), id="half an ethernet header"),
        pytest.param(bytes(12) + b"\x08\x06" + bytes(28), id="ARP"),
        pytest.param(ethernet(ipv4(NEAR, FAR, 1, b"ping")), id="ICMP"),
        pytest.param(ethernet(ipv4(NEAR, FAR, 6, b"short")), id="half a TCP header"),
        pytest.param(ethernet(ipv4(NEAR, FAR, 17, b"short")), id="half a UDP header"),
        pytest.param(ethernet(ipv4(NEAR, FAR, 6, b"")[:10]), id="half an IPv4 header"),
        pytest.param(ethernet(ipv6("::1", "::2", 6, b"")[:20]), id="half an IPv6 header"),
        pytest.param(ethernet(ipv4(NEAR, FAR, 6, tcp(1, 2, 3, b"x"), fragment=5)), id="fragment"),
    ],
)
def test_what_is_no_whole_segment_is_counted(packet: bytes) -> None:
    flows = Flows()
    assert heard([packet], flows=flows) == {}
    assert flows.counters.foreign_packets == 1


def test_an_unknown_link_is_counted() -> None:
    flows = Flows()
    assert heard([ipv4(NEAR, FAR, 6, tcp(1, 2, 3, b"x"))], link=147, flows=flows) == {}
    assert flows.counters.foreign_packets == 1


@given(st.lists(st.binary(max_size=80), max_size=5), st.sampled_from([0, 1, 101, 113, 276]))
def test_random_packets_never_break_the_reader(made: list[bytes], link: int) -> None:
    heard(made, link=link)
