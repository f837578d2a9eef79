"""``wattwarden trace``: what is looked at, what is shown of it, and what the journal remembers."""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from tests.tools.test_journal_source import FakeJournal

from wattwarden.codecs.acrel.message import encode
from wattwarden.protocol.codec import Message, Profile, default_profile
from wattwarden.protocol.envelope import FORMAT, Envelope, Occurrence, Occurrences, SessionRow
from wattwarden.protocol.envelope import encode as encode_envelope
from wattwarden.server.settings import Settings
from wattwarden.server.trace import Happened, Order, Target, Told, What, decode_order
from wattwarden.server.trace import encode as encode_told
from wattwarden.storage.journal.journal import Journal, Kind
from wattwarden.storage.profiles import Profiles
from wattwarden.tools import trace as trace_module
from wattwarden.tools import trace_view
from wattwarden.tools.decoding import Value
from wattwarden.tools.errors import UsageError
from wattwarden.tools.main import main
from wattwarden.tools.trace import Looking, show_past, target_of
from wattwarden.tools.trace_past import last_of, since_of
from wattwarden.tools.trace_view import View

START = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
START_US = round(START.timestamp() * 1_000_000)
SERIAL = "13121050176752"
PEER = "10.0.0.2:5000"
HEARTBEAT = encode(Message("heartbeat"))
UPLOAD = next(
    bytes.fromhex(vector["hex"].replace(" ", ""))
    for vector in map(
        json.loads, (Path(__file__).parents[1] / "vectors/acrel.jsonl").read_text().splitlines()
    )
    if vector.get("readings")
)
METERS = [{"address": "170516665384", "items": ["02010100"], "period_s": 60}]
BEHIND = Profiles({("dtu", "SITE1"): Profile(options={"meters": METERS})})


@pytest.mark.parametrize(
    ("text", "names", "host"),
    [
        ("acrel:1", {"acrel:1"}, ""),
        ("1", {"1"}, ""),
        ("acrel:1/1-1", {"acrel:1"}, ""),
        ("10.0.0.2", set(), "10.0.0.2"),
        ("10.0.0.2:5000", set(), "10.0.0.2:5000"),
        ("[::1]:5000", set(), "::1:5000"),
        ("dtu:170516665384", {"dtu:170516665384", "dtu:SITE1"}, ""),
        ("170516665384", {"170516665384", "dtu:SITE1"}, ""),
        ("acrel:170516665384", {"acrel:170516665384"}, ""),
    ],
)
def test_a_meter_is_named_as_everywhere_or_by_where_it_dials_in_from(
    text: str, names: set[str], host: str
) -> None:
    found = target_of(text, BEHIND)
    assert set(found.names) == names
    assert found.host == host


def test_a_target_is_known_by_name_peer_or_host() -> None:
    assert Target(frozenset({"acrel:1"}), "").is_of("acrel", "1", PEER)
    assert not Target(frozenset({"acrel:1"}), "").is_of("hj212", "1", PEER)
    assert Target(frozenset({"1"}), "").is_of("hj212", "1", PEER)
    assert not Target(frozenset({"1"}), "").is_of(None, None, PEER)
    assert Target(frozenset(), "10.0.0.2").is_of(None, None, PEER)
    assert Target(frozenset(), PEER).is_of(None, None, PEER)
    assert not Target(frozenset(), "10.0.0.2:1").is_of(None, None, PEER)


def happened(what: str, data: bytes = b"", **more: Any) -> Happened:
    known: dict[str, Any] = {"codec": "acrel", "identity": SERIAL, "size": len(data)}
    return Happened(at=START_US, what=what, peer=PEER, data=data, **(known | more))


def shown(
    capsys: pytest.CaptureFixture[str], one: Happened, *, json: bool = False, explain: bool = False
) -> str:
    View(lambda _codec: default_profile, json=json, explain=explain).show(one)
    return capsys.readouterr().out


def test_a_frame_is_shown_decoded_beside_its_hex(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, happened(What.HEARD, UPLOAD))
    first, *rest = out.splitlines()
    assert re.match(r"11:00:00\.000 ◄ heard  acrel \w+  \d+ bytes", first)
    assert UPLOAD.hex(" ") in out
    assert any(line.startswith("    read   ") for line in rest)


def test_a_frame_that_a_codec_fails_at_is_shown_and_the_trace_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(trace_view, "decode_known", failing)
    out = shown(capsys, happened(What.HEARD, UPLOAD))
    assert UPLOAD.hex(" ") in out
    assert "the codec failed: ZeroDivisionError" in out


@pytest.mark.parametrize(
    ("value", "text"), [(1_234_567_890, "1234567890 Wh"), (220.1, "220.1 Wh"), (0.0, "0 Wh")]
)
def test_a_value_is_shown_with_all_its_digits(value: float, text: str) -> None:
    assert trace_view._value(Value("e", value, "Wh", "", "instant")) == f"e {text}"


def test_an_answer_is_shown_with_how_long_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    ack = bytes.fromhex("7b7b917eec7d7d")
    out = shown(capsys, happened(What.ANSWERED, ack, waited_us=4_200))
    assert "► answered after 4.2 ms  acrel upload_ack  7 bytes" in out


def test_what_is_refused_is_shown_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    broken = UPLOAD[:-4] + b"\0\0}}"
    assert "refused at byte" in shown(capsys, happened(What.HEARD, broken))
    row = json.loads(shown(capsys, happened(What.HEARD, broken), json=True))
    assert row["refused"][0]["message"]


def test_bytes_that_are_no_frame_are_shown_and_steer_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    noise = happened(What.NOISE, b"\x1b[2J", reason="no codec \x1b[2J", codec=None, identity=None)
    out = shown(capsys, noise)
    assert "◄ no frame  4 bytes" in out
    assert "1b 5b 32 4a" in out
    assert "\x1b" not in out


def test_json_has_everything(capsys: pytest.CaptureFixture[str]) -> None:
    row = json.loads(
        shown(capsys, happened(What.HEARD, UPLOAD, request=b"\1"), json=True, explain=True)
    )
    assert (row["direction"], row["peer"], row["meter"]) == ("in", PEER, SERIAL)
    assert (row["hex"], row["request"]) == (UPLOAD.hex(), "01")
    assert row["readings"][0].keys() == {"quantity", "value", "unit", "channel", "period"}
    assert "".join(one["bytes"] for one in row["explained"]) == UPLOAD.hex()
    login = json.loads(shown(capsys, happened("login"), json=True))
    assert (login["direction"], login["bytes"]) == (None, 0)


def test_each_frame_is_explained_byte_by_byte_when_that_is_wanted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = shown(capsys, happened(What.HEARD, UPLOAD), explain=True)
    assert "offset" in out
    assert "7d 7d" in out


# --- the past


def envelope(codec: str, at: int, row: SessionRow, *frames: bytes, reason: str = "") -> bytes:
    count = len(frames)
    made = Envelope(
        format=FORMAT, codec=codec, chain="gw-1.0", number=1, previous=b"", sealed_at=at,
        sessions=[row, SessionRow(9, "10.9.9.9:1", "SOMEBODY")], requests=[b"asked"],
        received_at=np.arange(at, at + count, dtype="<i8").tobytes(),
        lengths=np.array([len(frame) for frame in frames], "<u4").tobytes(),
        session=np.zeros(count, "<u4").tobytes(),
        request=np.zeros(count, "<i4").tobytes(),
        data=b"".join(frames), reasons=[reason] * count if reason else [],
    )  # fmt: skip
    return encode_envelope(made)


def journal_of_a_day() -> FakeJournal:
    journal = FakeJournal()
    known, unknown = SessionRow(1, PEER, SERIAL), SessionRow(1, PEER, None)
    rows = [
        Occurrence(START_US - 2, 1, "open", PEER),
        Occurrence(START_US - 1, 1, "login", PEER, "acrel", SERIAL),
        Occurrence(START_US, 2, "login", "10.9.9.9:1", "acrel", "SOMEBODY"),
    ]
    journal.add(0, encode_envelope(Occurrences(FORMAT, "gw-1", rows)), kind=Kind.SESSION)
    journal.add(1, envelope("acrel", START_US + 10, known, UPLOAD, HEARTBEAT))
    journal.add(0, envelope("unknown", START_US + 20, known, b"noise", reason="no codec"))
    journal.add(0, envelope("unknown", START_US + 30, unknown, b"early", reason="no codec"))
    journal.add(1, envelope("acrel", START_US + 40, SessionRow(9, "10.9.9.9:1", "X"), UPLOAD))
    return journal


async def past(target: Target, most: int = 100, since: datetime = START) -> list[Happened]:
    journal = cast("Journal", journal_of_a_day())
    settings = Settings(data=Path("/nowhere"))
    return await since_of(journal, settings, target, most, since - timedelta(seconds=1))


async def test_the_journal_has_what_a_meter_said_also_what_was_no_frame() -> None:
    found = await past(target_of(f"acrel:{SERIAL}", Profiles()))
    assert [(one.what, one.data) for one in found] == [
        ("login", b""), ("heard", UPLOAD), ("heard", HEARTBEAT), ("noise", b"noise"),
    ]  # fmt: skip
    assert found[1].request == b"asked"
    assert (found[3].reason, found[3].codec) == ("no codec", None)


async def test_the_journal_has_what_came_from_an_address() -> None:
    found = await past(target_of("10.0.0.2", Profiles()))
    assert [one.what for one in found] == ["open", "login", "heard", "heard", "noise", "noise"]


async def test_only_the_last_of_the_past_are_shown_and_none_from_before() -> None:
    target = target_of("10.0.0.2", Profiles())
    assert [one.what for one in await past(target, most=2)] == ["noise", "noise"]
    assert await past(target, since=START + timedelta(hours=1)) == []


async def test_the_last_are_looked_for_further_and_further_back() -> None:
    journal = cast("Journal", journal_of_a_day())
    settings = Settings(data=Path("/nowhere"))
    target = target_of("10.0.0.2", Profiles())
    for hours, count in ((1, 6), (12, 6), (30, 0)):
        now = START + timedelta(hours=hours)
        assert len(await last_of(journal, settings, target, 10, now)) == count


# --- looking on


@dataclass
class FakeWire(FakeJournal):
    """A journal whose gateways answer orders with what they were given."""

    answers: list[Told] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._hear: Callable[[bytes], None] = lambda _payload: None

    def tell(self, topic: str, payload: bytes) -> bool:
        assert topic == "trace"
        self.orders.append(decode_order(payload))
        for told in self.answers if len(self.orders) == 1 else ():
            self._hear(encode_told(told))
        self._hear(b"of another version")
        return True

    async def hear(self, topic: str, hear: Callable[[bytes], None]) -> None:
        assert topic.startswith("trace.")
        self._hear = hear


def looking(wire: FakeWire) -> Looking:
    view = View(lambda _codec: default_profile, json=True, explain=False)
    return Looking(cast("Journal", wire), Target(frozenset({"acrel:1"}), ""), view)


async def test_who_looks_on_sees_it_and_says_when_nobody_looks_any_more(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_module, "ANSWER_S", 0.01)
    wire = FakeWire([Told("gw", 0, []), Told("gw", None, [happened("heard", UPLOAD)], left_out=7)])
    await looking(wire).live(0.05)
    out, err = capsys.readouterr()
    assert json.loads(out)["hex"] == UPLOAD.hex()
    assert "7 more came faster" in err
    assert "not connected now" in err
    assert "ended after" in err
    assert [one.seconds > 0 for one in wire.orders] == [True, False]
    assert len({one.id for one in wire.orders}) == 1


async def test_who_is_interrupted_ends_the_trace(capsys: pytest.CaptureFixture[str]) -> None:
    wire = FakeWire()
    work = asyncio.create_task(looking(wire).live(60))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    work.cancel()
    await asyncio.wait({work})
    assert wire.orders[-1].seconds == 0
    assert "ended" not in capsys.readouterr().err


async def test_that_no_gateway_answers_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_module, "ANSWER_S", 0.01)
    await looking(FakeWire()).live(0.05)
    assert "no gateway answers" in capsys.readouterr().err


async def test_the_past_comes_from_gateways_that_remember_it_else_from_the_journal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_module, "ANSWER_S", 0.01)
    settings = Settings(data=Path("/nowhere"))
    wire = FakeWire([Told("gw", None, [happened("sent", HEARTBEAT)], past=True)])
    assert await show_past(looking(wire), settings, 5, None)
    out, err = capsys.readouterr()
    assert (json.loads(out)["what"], "memory of the gateway" in err) == ("sent", True)
    assert (wire.orders[0].last, wire.orders[0].seconds) == (5, 0)
    assert not await show_past(looking(FakeWire()), settings, 5, None)
    assert "--since" in capsys.readouterr().err
    wire = FakeWire()
    known = SessionRow(1, PEER, "1")
    wire.add(0, envelope("acrel", START_US, known, UPLOAD, HEARTBEAT))
    assert await show_past(looking(wire), settings, 2, START)
    out, err = capsys.readouterr()
    assert [json.loads(line)["what"] for line in out.splitlines()] == ["heard", "heard"]
    assert "these are the last 2" in err


@pytest.mark.parametrize("words", [["--minutes", "0"], ["--minutes", "999"], ["--last", "0"]])
def test_what_cannot_be_is_said(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "acrel:1", *words]) == 2
    assert words[0] in capsys.readouterr().err


def test_no_meter_has_no_name() -> None:
    with pytest.raises(UsageError):
        target_of("acrel:", Profiles())
