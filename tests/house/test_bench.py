"""The C programs of the bench, held against checksums written here a second time, bit by bit."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"
LOGIN_REPLY = bytes.fromhex("7B7B84BF237D7D")
UPLOAD_REPLY = bytes.fromhex("7B7B917EEC7D7D")
CONNECTIONS = 4
COUNT = 200
PATIENCE_S = 120  # hundreds of times what a run here takes


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    missing = [name for name in ("make", "cc") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no {' and no '.join(missing)} to build the C programs with")
    folder = tmp_path_factory.mktemp("bench")
    command = ["make", "-j2", "-C", str(BENCH), f"OUT={folder}", "CFLAGS=-O1"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


# --- checksums and frames, from the protocols' descriptions ---


def shift_byte(register: int) -> int:
    for _ in range(8):
        register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return register


def crc_modbus(data: bytes) -> int:
    register = 0xFFFF
    for byte in data:
        register = shift_byte(register ^ byte)
    return register


def crc_hj212(data: bytes) -> int:
    register = 0xFFFF
    for byte in data:
        register = shift_byte(register >> 8 ^ byte)
    return register


def acrel(covered: bytes) -> bytes:
    return b"{{" + covered + crc_modbus(covered).to_bytes(2, "little") + b"}}"


def hj212(segment: bytes) -> bytes:
    return b"##%04d%b%04X\r\n" % (len(segment), segment, crc_hj212(segment))


def cut_acrel(stream: bytes) -> tuple[list[bytes], bytes]:
    frames, start, end = [], 0, 7
    while end <= len(stream):
        frame = stream[start:end]
        if frame.endswith(b"}}") and frame == acrel(frame[2:-4]):
            frames.append(frame)
            start, end = end, end + 7
        else:
            end += 1
    return frames, stream[start:]


def cut_hj212(stream: bytes) -> tuple[list[bytes], bytes]:
    frames = []
    while len(stream) >= 6 and len(stream) >= (size := int(stream[2:6]) + 12):
        assert stream[:size] == hj212(stream[6 : size - 6])
        frames.append(stream[:size])
        stream = stream[size:]
    return frames, stream


def reply_acrel(frame: bytes) -> bytes:
    return {0x84: LOGIN_REPLY, 0x91: UPLOAD_REPLY}.get(frame[2], b"")


def reply_hj212(frame: bytes) -> bytes:
    fields = dict(re.findall(rb"(QN|CN|PW|MN|Flag)=(\w*)", frame.partition(b"CP=")[0]))
    if fields[b"CN"][:1] not in b"23" or not int(fields[b"Flag"]) & 1:
        return b""
    names = fields[b"QN"], fields[b"PW"], fields[b"MN"]
    return hj212(b"QN=%b;ST=91;CN=9014;PW=%b;MN=%b;Flag=4;CP=&&&&" % names)


# --- a platform that keeps what each meter sent ---


@dataclass
class Platform:
    cut: Callable[[bytes], tuple[list[bytes], bytes]]
    reply: Callable[[bytes], bytes]
    meters: list[list[bytes]] = field(default_factory=list)
    gone: int = 0
    all_gone: asyncio.Event = field(default_factory=asyncio.Event)


class Line(asyncio.Protocol):
    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.frames: list[bytes] = []
        self.rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.platform.meters.append(self.frames)

    def data_received(self, data: bytes) -> None:
        frames, self.rest = self.platform.cut(self.rest + data)
        self.frames += frames
        self.transport.write(b"".join(map(self.platform.reply, frames)))

    def connection_lost(self, exc: Exception | None) -> None:
        assert exc is None
        assert self.rest == b""
        self.platform.gone += 1
        if self.platform.gone == CONNECTIONS:
            self.platform.all_gone.set()


async def load(programs: Path, *options: str) -> tuple[int, dict[str, Any], str]:
    """Runs loadgen; returns its exit status, its report and its complaints."""
    process = await asyncio.create_subprocess_exec(
        programs / "loadgen",
        *("--connections", str(CONNECTIONS), *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode is not None
    return process.returncode, json.loads(out or "{}"), err.decode()


async def load_platform(
    programs: Path, platform: Platform, *options: str
) -> tuple[int, dict[str, Any]]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Line(platform), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        status, report, _ = await load(programs, "--port", str(port), *options)
        await asyncio.wait_for(platform.all_gone.wait(), PATIENCE_S)
    return status, report


# --- what loadgen sends ---


def check_acrel_upload(frame: bytes, serial: bytes) -> datetime:
    assert frame[2:30] == b"\x91" + serial + b"[[1-1(("
    reply = frame[30:-8]
    assert reply[:3] == b"\x01\x03\x60"
    assert int.from_bytes(reply[-2:], "little") == crc_modbus(reply[:-2])
    data = reply[3:-2]
    words = [int.from_bytes(data[at : at + 2]) for at in range(0, 42, 2)]
    energies = [int.from_bytes(data[at : at + 4]) for at in range(42, 62, 4)]
    assert len(data) == 96
    assert all(2100 < voltage < 2300 for voltage in words[1:4])
    assert sum(words[7:10]) == words[10] > 0, "the phases' powers are the total"
    assert all(0 < factor <= 1000 for factor in words[15:19])
    assert sum(energies[1:]) == energies[0] > 0, "the tariffs' energies are the total"
    year, month, day, weekday, hour, minute, second = data[80:87]
    at = datetime(2000 + year, month, day, hour, minute, second)  # noqa: DTZ001 - the meter's own
    assert at.isoweekday() % 7 == weekday
    return at


def check_acrel_meter(frames: list[bytes]) -> bytes:
    login, *uploads = frames
    serial = login[3:23]
    assert login[2] == 0x84
    assert re.fullmatch(rb"\d{14}\0{6}\d{20}\0{10}", login[3:53])
    assert len(login) == 2 + 1 + 58 + 4
    times = [check_acrel_upload(upload, serial) for upload in uploads]
    assert times == sorted(set(times)), "a meter never repeats a time"
    return serial


HJ212_UPLOAD = re.compile(
    rb"##\d{4}QN=(?P<qn>\d{17});ST=51;CN=2011;PW=123456;MN=(?P<mn>[0-9A-F]{24});Flag=5;"
    rb"CP=&&DataTime=(?P<at>\d{14})(;\w{6}-Rtd=-?\d+\.\d+,\w{6}-Flag=N){4}&&[0-9A-F]{4}\r\n"
)


def check_hj212_meter(frames: list[bytes]) -> bytes:
    matches = [match for match in map(HJ212_UPLOAD.fullmatch, frames) if match]
    assert len(matches) == len(frames)
    for name in ("qn", "at"):
        values = [match[name] for match in matches]
        assert values == sorted(set(values)), "a meter never repeats a time"
    assert len({match["mn"] for match in matches}) == 1
    return matches[0]["mn"]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="one by one"),
        pytest.param(("--window", "8", "--glue", "4"), id="glued"),
        pytest.param(("--window", "8", "--split"), id="split"),
        pytest.param(("--mode", "paced", "--interval", "1"), id="paced"),
    ],
)
@pytest.mark.parametrize(
    ("protocol", "logins", "cut", "reply", "check"),
    [
        pytest.param("acrel", CONNECTIONS, cut_acrel, reply_acrel, check_acrel_meter, id="acrel"),
        pytest.param("hj212", 0, cut_hj212, reply_hj212, check_hj212_meter, id="hj212"),
    ],
)
async def test_loadgen_sends_sound_frames_of_many_meters(
    programs: Path,
    protocol: str,
    logins: int,
    cut: Callable[[bytes], tuple[list[bytes], bytes]],
    reply: Callable[[bytes], bytes],
    check: Callable[[list[bytes]], bytes],
    options: tuple[str, ...],
) -> None:
    platform = Platform(cut, reply)
    status, report = await load_platform(
        programs, platform, "--protocol", protocol, "--count", str(COUNT), *options
    )
    assert status == 0, report
    assert report["acked"] == report["frames_sent"] == COUNT
    assert len({check(frames) for frames in platform.meters}) == CONNECTIONS
    assert sum(map(len, platform.meters)) == COUNT + logins


def no_reply(_frame: bytes) -> bytes:
    return b""


async def test_loadgen_feeds_a_server_that_never_answers(programs: Path) -> None:
    platform = Platform(cut_hj212, no_reply)
    options = ("--mode", "feed", "--window", "8", "--glue", "8", "--count", str(COUNT))
    status, report = await load_platform(programs, platform, "--protocol", "hj212", *options)
    assert status == 0, report
    assert (report["frames_sent"], report["acked"], report["unsent"]) == (COUNT, 0, 0)
    assert len({check_hj212_meter(frames) for frames in platform.meters}) == CONNECTIONS
    assert sorted(map(len, platform.meters)) == [48, 48, 48, 56], "round by round"


async def test_loadgen_starts_the_meters_clocks_where_it_is_told(programs: Path) -> None:
    platform = Platform(cut_hj212, reply_hj212)
    await load_platform(
        programs, platform, "--protocol", "hj212", "--count", str(CONNECTIONS * 2),
        "--start", "2026-02-28T23:59", "--step", "40",
    )  # fmt: skip
    for frames in platform.meters:
        times = re.findall(rb"DataTime=(\d+)", b"".join(frames))
        assert times == [b"20260228235940", b"20260301000020"]


async def test_loadgen_sends_the_same_again_for_the_same_seed(programs: Path) -> None:
    first, again, other = (Platform(cut_hj212, reply_hj212) for _ in range(3))
    options = ("--protocol", "hj212", "--count", str(CONNECTIONS))
    await load_platform(programs, first, *options)
    await load_platform(programs, again, *options)
    await load_platform(programs, other, *options, "--seed", "2")
    assert sorted(first.meters) == sorted(again.meters) != sorted(other.meters)


def no_reply_to_uploads(frame: bytes) -> bytes:
    return LOGIN_REPLY if frame[2] == 0x84 else b""


def every_reply_twice(frame: bytes) -> bytes:
    return reply_acrel(frame) * 2


def a_command_with_each_reply(frame: bytes) -> bytes:
    return acrel(b"\x90\x01\x03\x00\x00\x00\x01\x84\x0a") + reply_acrel(frame)


def noise_with_each_reply(frame: bytes) -> bytes:
    return b"noise" + reply_acrel(frame)


@pytest.mark.parametrize(
    ("reply", "status", "fault"),
    [
        pytest.param(no_reply_to_uploads, 1, {"missing_acks": CONNECTIONS}, id="silent"),
        pytest.param(every_reply_twice, 1, {"duplicate_acks": 4 * CONNECTIONS}, id="twice"),
        pytest.param(noise_with_each_reply, 1, {"noise_bytes": 20 * CONNECTIONS}, id="noise"),
        pytest.param(a_command_with_each_reply, 0, {"other_frames": 4 * CONNECTIONS}, id="chatty"),
    ],
)
async def test_loadgen_tells_what_is_wrong_with_the_answers(
    programs: Path, reply: Callable[[bytes], bytes], status: int, fault: dict[str, int]
) -> None:
    platform = Platform(cut_acrel, reply)
    options = ("--count", str(3 * CONNECTIONS), "--seconds", "0.2", "--drain", "0.1")
    found, report = await load_platform(
        programs, platform, "--protocol", "acrel", "--mode", "paced", "--interval", "10", *options
    )
    assert found == status
    assert fault.items() <= report.items()


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="no protocol"),
        pytest.param(("--protocol", "modbus", "--port", "1"), id="unknown protocol"),
        pytest.param(("--protocol", "acrel", "--port", "0"), id="no port"),
        pytest.param(("--protocol", "acrel", "--port", "1", "--glue", "2"), id="glue over window"),
        pytest.param(("--protocol", "acrel", "--port", "1", "--start", "today"), id="no date"),
        pytest.param(("--protocol", "acrel", "--port", "1", "--count"), id="no value"),
        pytest.param(("--protocol", "hj212", "--port", "1", "--mode", "feed"), id="endless feed"),
    ],
)
async def test_loadgen_refuses_a_wrong_command_line_in_a_sentence(
    programs: Path, options: tuple[str, ...]
) -> None:
    status, report, complaint = await load(programs, *options)
    assert (status, report) == (2, {})
    assert complaint.startswith("loadgen: ")


# --- what refserver answers ---


@asynccontextmanager
async def refserver(programs: Path, protocol: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Its port; its closing report is filled in at the end."""
    process = await asyncio.create_subprocess_exec(
        programs / "refserver",
        *("--protocol", protocol, "--port", "0", "--seconds", str(PATIENCE_S)),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    listening = json.loads(await asyncio.wait_for(process.stdout.readline(), PATIENCE_S))
    report: dict[str, Any] = {}
    try:
        yield str(listening["listening"]), report
    finally:
        process.terminate()
        out, _ = await process.communicate()
        report |= json.loads(out)


def in_field_dress(frame: bytes) -> bytes:
    """As some loggers write it: the checksum in lower case and no CR LF."""
    return frame[:-6] + frame[-6:-2].lower()


ACREL_SERIAL = b"26110000000001".ljust(20, b"\0")
ACREL_FRAMES = [
    acrel(b"\x84" + ACREL_SERIAL + bytes(38)),
    acrel(b"\x91" + ACREL_SERIAL + b"[[1-1((}}}))]]{{}}"),
    acrel(b"\x94"),
    acrel(b"\x91" + ACREL_SERIAL),
]
HJ212_HEAD = b"QN=20261121080000123;ST=51;CN=%b;PW=123456;MN=26110000ABCDEF;Flag=%b;CP=&&x=1&&"
HJ212_FRAMES = [
    hj212(HJ212_HEAD % (b"2011", b"5")),
    hj212(HJ212_HEAD % (b"2011", b"4")),
    hj212(HJ212_HEAD % (b"9015", b"5")),
    in_field_dress(hj212(HJ212_HEAD % (b"2051", b"9"))),
    hj212(HJ212_HEAD % (b"3020", b"7")),
]
WAYS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "whole": lambda frames: frames,
    "glued": lambda frames: [b"".join(frames)],
    "byte by byte": lambda frames: [bytes([byte]) for byte in b"".join(frames)],
    "behind noise": lambda frames: [b"\x00#{no" + frame for frame in frames],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("protocol", "frames", "reply"),
    [
        pytest.param("acrel", ACREL_FRAMES, reply_acrel, id="acrel"),
        pytest.param("hj212", HJ212_FRAMES, reply_hj212, id="hj212"),
    ],
)
async def test_refserver_answers_however_the_frames_arrive(
    programs: Path, protocol: str, frames: list[bytes], reply: Callable[[bytes], bytes], way: str
) -> None:
    wanted = b"".join(map(reply, frames))
    async with refserver(programs, protocol) as (port, report):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
        for piece in WAYS[way](frames):
            writer.write(piece)
            await writer.drain()
        writer.write_eof()
        got = await asyncio.wait_for(reader.read(), PATIENCE_S)
        writer.close()
        await writer.wait_closed()
    assert got == wanted
    assert report["frames"] == len(frames)
    assert report["acks"] == sum(1 for frame in frames if reply(frame))
    assert report["dropped"] == 0


@pytest.mark.parametrize(("protocol", "logins"), [("acrel", CONNECTIONS), ("hj212", 0)])
@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("--count", "20000", "--window", "8", "--glue", "8"), id="glued"),
        pytest.param(("--count", "800", "--window", "8", "--split"), id="split"),
    ],
)
async def test_every_upload_is_acknowledged_exactly_once(
    programs: Path, protocol: str, logins: int, options: tuple[str, ...]
) -> None:
    async with refserver(programs, protocol) as (port, counted):
        status, report, _ = await load(programs, "--protocol", protocol, "--port", port, *options)
    count = int(options[1])
    assert status == 0, report
    assert report["acked"] == report["frames_sent"] == count
    assert counted["frames"] == counted["acks"] == count + logins
    assert counted["noise_bytes"] == counted["dropped"] == 0


@pytest.mark.parametrize("mode", ["storm", "idle"])
async def test_loadgen_only_registers_in_storm_and_idle_mode(programs: Path, mode: str) -> None:
    async with refserver(programs, "acrel") as (port, counted):
        status, report, _ = await load(
            programs, "--protocol", "acrel", "--port", port, "--mode", mode, "--seconds", "0.1"
        )
    assert (status, report["registered"], report["frames_sent"]) == (0, CONNECTIONS, 0)
    assert counted["frames"] == counted["connections"] == CONNECTIONS
