"""What the vectors of Acrel meters do not show."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from construct import ConstructError
from hypothesis import given
from hypothesis import strategies as st

from wattwarden.codecs.acrel import CODEC
from wattwarden.codecs.acrel.builds import MOST_ROUNDS, groups
from wattwarden.codecs.acrel.frame import HEARTBEAT, MOST_BYTES, PASS_THROUGH, SERIAL_BYTES, seal
from wattwarden.codecs.acrel.layouts import LAYOUTS, STRUCTS
from wattwarden.codecs.acrel.message import encode
from wattwarden.codecs.acrel.uploads import decode
from wattwarden.protocol.checksum import modbus
from wattwarden.protocol.clock import LocalTime
from wattwarden.protocol.codec import Batch, Message, Profile, default_profile
from wattwarden.protocol.command import Answer, CannotAskError, Command, Peer, Verb
from wattwarden.protocol.errors import ProtocolError, Refusal

CLOCK = "2026-11-22 11:04:05 dow=0"


def section(channel: str, **values: Any) -> dict[str, Any]:
    return {"channel": channel, "layout": "prepaid_0x60", "values": {"clock": CLOCK, **values}}


def raw_section(channel: str, data: bytes) -> dict[str, Any]:
    payload = bytes([1, 3, len(data)]) + data
    payload += modbus(payload).to_bytes(2, "little")
    return {"channel": channel, "payload": payload.hex()}


def upload(*sections: dict[str, Any]) -> bytes:
    return encode(Message("upload", fields={"serial": "7", "sections": list(sections)}))


def test_each_block_of_a_frame_is_a_reading_of_its_own_channel() -> None:
    frame = upload(section("1-1", voltage_a=220.1), section("1-2", voltage_a=230.2))
    columns = decode(Batch.of([frame] * 3, 1))
    found = {block.channel: block.values["voltage_a"].tolist() for block in columns.blocks}
    assert found == {"1-1": [220.1] * 3, "1-2": [230.2] * 3}
    assert columns.refused == ()


def of_channels(count: int) -> list[bytes]:
    """Uploads of one size, each of its own channel and its own meter."""
    return [
        encode(
            Message(
                "upload",
                fields={"serial": f"m{number:05}", "sections": [section(f"{number:05}")]},
            )
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("count", [1, 3, MOST_ROUNDS, MOST_ROUNDS + 1, 3 * MOST_ROUNDS])
def test_uploads_of_one_size_keep_their_channels_and_meters(count: int) -> None:
    frames = of_channels(count)
    columns = decode(Batch.of(frames * 2, 1))
    assert columns.refused == ()
    found = {
        (frame, block.channel, columns.meters[meter])
        for block in columns.blocks
        for frame, meter in zip(block.frame.tolist(), block.meter.tolist(), strict=True)
    }
    assert found == {
        (frame, f"{frame % count:05}", f"m{frame % count:05}") for frame in range(2 * count)
    }
    assert len(columns.blocks) == count


def test_telling_uploads_apart_gives_each_once_and_searched_ones_singly() -> None:
    first, *others = of_channels(2 * MOST_ROUNDS)
    no_address = first.replace(b"00000((", b"0000\n((")
    no_reply = first.replace(b"((\x01\x03", b"((\x01\x06")
    frames = [no_reply, no_address, first, *others, no_address, no_reply, *others]
    found = list(groups(matrix_of(frames)))
    rows = [sorted(rows.tolist()) for _, rows, _ in found]
    assert sorted(row for group in rows for row in group) == list(range(len(frames)))
    assert all(taken.tobytes() == b"".join(frames[row] for row in rows) for _, rows, taken in found)
    odd = {place for place, frame in enumerate(frames) if frame in (no_address, no_reply)}
    assert all([place] in rows for place in odd)
    assert len(found) == len(odd) + 1 + len(others)


class Copies(np.ndarray[Any, np.dtype[np.uint8]]):
    """Bytes that count, together with all that is taken from them, how many are copied."""

    spent: list[int]

    def __array_finalize__(self, origin: Any) -> None:
        self.spent = getattr(origin, "spent", [])

    def __getitem__(self, key: Any) -> Any:
        taken = super().__getitem__(key)
        if isinstance(taken, np.ndarray) and not np.shares_memory(taken, self):
            self.spent.append(taken.nbytes)
        return taken


def matrix_of(frames: list[bytes]) -> Any:
    return np.frombuffer(b"".join(frames), np.uint8).reshape(len(frames), -1)


def copied_bytes(frames: list[bytes]) -> int:
    matrix = matrix_of(frames).view(Copies)
    assert sum(len(rows) for _, rows, _ in groups(matrix)) == len(frames)
    return sum(matrix.spent)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(of_channels, id="every channel another"),
        pytest.param(lambda count: of_channels(40) * (count // 40), id="forty channels in turn"),
        pytest.param(lambda count: [b"{{\x91" + b"[" * 90 + b"}}"] * count, id="no sections"),
    ],
)
def test_telling_twice_as_many_uploads_apart_copies_twice_as_much(
    kind: Callable[[int], list[bytes]],
) -> None:
    once, twice = copied_bytes(kind(400)), copied_bytes(kind(800))
    assert once > 0
    assert twice <= 2.2 * once


def test_a_block_of_unknown_size_is_refused_where_nothing_else_is_there() -> None:
    columns = decode(Batch.of([upload(raw_section("1-1", bytes(50)))], 1))
    [refused] = columns.refused
    assert (refused.frame, refused.kind) == (0, Refusal.DECODE)
    assert columns.blocks == ()


def test_a_block_of_unknown_size_beside_a_reading_hides_nothing_of_it() -> None:
    columns = decode(Batch.of([upload(section("1-1"), raw_section("1-2", bytes(6)))], 1))
    assert [block.channel for block in columns.blocks] == ["1-1"]
    assert columns.refused == ()


def test_a_clock_before_2000_is_told_with_two_digits() -> None:
    dialogue = CODEC.dialogue(default_profile)
    answer = dialogue.receive([encode(Message("time_request"))], 0)
    assert answer[3] == 70


def test_a_count_of_power_is_of_as_many_watts_as_each_meters_profile_says() -> None:
    scales = {"a": 1, "b": 10, "c": 0.5}
    values = {"power_a": 100, "reactive_total": -40, "power_factor_a": 0.9, "voltage_a": 220.1}
    frames = [
        encode(Message("upload", fields={"serial": name, "sections": [section("1-1", **values)]}))
        for name in ("b", "a", "c", "b")
    ]

    def profile_of(address: str) -> Profile:
        return Profile(options={"power_scale_w": scales[address]})

    columns = decode(Batch.of(frames, 1, profile_of=profile_of))
    (block,) = columns.blocks
    assert [columns.meters[number] for number in block.meter.tolist()] == ["b", "a", "c", "b"]
    assert {name: block.values[name].tolist() for name in values} == {
        "power_a": [1000.0, 100.0, 50.0, 1000.0],
        "reactive_total": [-400.0, -40.0, -20.0, -400.0],
        "power_factor_a": [0.9] * 4,
        "voltage_a": [220.1] * 4,
    }


def test_what_a_meter_writes_instead_of_a_reading_is_told_as_its_error() -> None:
    payloads = (b"unanswered\0\0", b"un\xe9", b"answer")
    frame = upload(*({"channel": "1-1", "payload": payload.hex()} for payload in payloads))
    rows = CODEC.read(frame, default_profile).fields["sections"]
    assert [row.get("error") for row in rows] == ["unanswered", None, None]


@pytest.mark.parametrize("address", [b"", b"1-1 ", b"1-1\0"], ids=["none", "blank", "zero"])
def test_a_section_of_no_address_or_of_one_that_is_padded_is_refused(address: bytes) -> None:
    good = upload(section("1-1"))
    frame = seal(good[2], good[3:-4].replace(b"[[1-1((", b"[[" + address + b"(("))
    with pytest.raises(ProtocolError, match="a section's address") as refusal:
        CODEC.read(frame, default_profile)
    assert (refusal.value.kind, refusal.value.offset) == (Refusal.DECODE, 3 + SERIAL_BYTES + 2)


def test_a_frame_longer_than_any_meters_is_refused_though_its_crc_fits() -> None:
    assert CODEC.read(seal(HEARTBEAT, bytes(MOST_BYTES - 7)), default_profile).kind == "heartbeat"
    with pytest.raises(ProtocolError, match=f"at most {MOST_BYTES}") as refusal:
        CODEC.read(seal(HEARTBEAT, bytes(MOST_BYTES - 6)), default_profile)
    assert refusal.value.kind is Refusal.LENGTH


def test_the_time_is_written_as_it_is_read() -> None:
    frame = encode(Message("time", fields={"clock": CLOCK}))
    message = CODEC.read(frame, default_profile)
    assert (message.kind, message.fields["clock"]) == ("time", CLOCK)
    assert encode(message) == frame


@pytest.mark.parametrize(
    ("message", "why"),
    [
        pytest.param(Message("nothing"), "no such kind 'nothing', known are register", id="kind"),
        pytest.param(
            Message("upload", fields={"sections": [{"channel": "1-1", "layout": "?"}]}),
            "upload cannot be built", id="no such layout",
        ),
        pytest.param(
            Message("pass_through", fields={"rtu": "0"}), "pass_through cannot be built", id="hex"
        ),
        pytest.param(Message("heartbeat", fields={"serial": "表"}), "cannot be built", id="serial"),
    ],
)  # fmt: skip
def test_a_message_that_no_frame_can_hold_is_not_built(message: Message, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        encode(message)


# --- questions


def peer(channel: str = "", **options: Any) -> Peer:
    return Peer("7", "7", Profile(options=options), 0, channel=channel)


def request_to(whom: Peer, command: Command) -> Any:
    assert CODEC.ask is not None
    (question,) = CODEC.ask(command, whom)
    return question


@pytest.mark.parametrize(
    "whom",
    [
        pytest.param(peer("0"), id="channel 0"),
        pytest.param(peer("256"), id="channel 256"),
        pytest.param(peer("1-1", slave=256), id="slave 256"),
        pytest.param(peer(slave="2"), id="a text"),
    ],
)
def test_nobody_beyond_the_bus_is_asked(whom: Peer) -> None:
    with pytest.raises(CannotAskError, match="is no slave on the meter's bus") as refusal:
        request_to(whom, Command(Verb.ASK, ("0x0014",)))
    assert refusal.value.message.zh.endswith("不是从站地址")
    assert refusal.value.cure == ("从站为 1 至 255", "slaves are 1 to 255")


@pytest.mark.parametrize(("whom", "slave"), [(peer(slave=3), 3), (peer("255", slave=3), 255)])
def test_a_numbered_channel_is_the_slave_that_is_asked(whom: Peer, slave: int) -> None:
    assert request_to(whom, Command(Verb.ASK, ("0x0014",))).request[3] == slave


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        pytest.param(seal(HEARTBEAT, b""), None, id="a heartbeat"),
        pytest.param(upload(section("1-1")), None, id="an upload"),
        pytest.param(seal(PASS_THROUGH, b""), Answer({"interval": "done"}), id="no data"),
        pytest.param(
            seal(PASS_THROUGH, b"7".ljust(SERIAL_BYTES, b"\0")), Answer({"interval": "done"}),
            id="a serial alone",
        ),
    ],
)  # fmt: skip
def test_a_pass_through_without_data_says_that_a_command_is_done(
    frame: bytes, answer: Answer | None
) -> None:
    question = request_to(peer(), Command(Verb.SET, values={"interval": "300"}))
    assert question.hear(frame) == answer


@pytest.mark.parametrize("name", LAYOUTS)
@given(data=st.data())
def test_columns_equal_construct_on_any_bytes(name: str, data: st.DataObject) -> None:
    struct, layout = STRUCTS[name], LAYOUTS[name]
    size = layout.size
    rows = data.draw(st.lists(st.binary(min_size=size, max_size=size), min_size=1, max_size=5))
    matrix = np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), size)
    columns, good = layout.decode(matrix)
    for index, row in enumerate(rows):
        try:
            wanted = struct.parse(row)
        except (ConstructError, ProtocolError):
            assert not good[index]
            continue
        assert good[index]
        for field, column in columns.items():
            assert same(column[index], wanted[field]), field


def same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, LocalTime):
        return int(found) == wanted.to_us()
    if isinstance(wanted, bytes):
        return bytes(found) == wanted
    return bool(found == wanted)
