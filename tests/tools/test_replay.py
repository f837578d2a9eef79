"""Frames go out over real connections, and the tally says what became of them."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.tools.captures import conversation, pcap
from tests.tools.fakes import OTHER, TINY, Port, frame, serving

from wattwarden.codecs import port_codecs
from wattwarden.protocol.codec import ProfileOf, default_profile
from wattwarden.tools import link as link_module
from wattwarden.tools import player as player_module
from wattwarden.tools.errors import CommandError
from wattwarden.tools.journal_source import JournalRange
from wattwarden.tools.link import Tally
from wattwarden.tools.main import main
from wattwarden.tools.player import Pace, Player
from wattwarden.tools.replay import percentiles_ms
from wattwarden.tools.shots import KeyRing, Shot

CODECS = (TINY, OTHER)
BROKEN = frame("r")[:-1] + b"\0"


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "SILENCE_S", 0.02)
    monkeypatch.setattr(link_module, "LINGER_S", 0.2)
    monkeypatch.setattr(player_module, "CONNECT_PAUSE_S", 0.01)


async def of(shots: Iterable[Shot]) -> AsyncIterator[Shot]:
    for shot in shots:
        yield shot


async def played(
    port: Port,
    *shots: Shot,
    window: int = 8,
    connections: int = 8,
    speed: float | None = None,
    timeout_s: float = 0.1,
) -> Tally:
    pace = Pace(speed, window, timeout_s, connections)
    player = Player(("127.0.0.1", port.number), CODECS, default_profile, pace)
    await player.play(of(shots))
    return player.tally


def of_meter(meter: str, *kinds: str) -> list[Shot]:
    return [Shot(frame(kind, meter, n), ("tiny", meter)) for n, kind in enumerate(kinds)]


async def test_what_is_answered_is_acked_and_what_owes_nothing_is_silent() -> None:
    async with serving() as port:
        tally = await played(port, *of_meter("A", "r", "h", "q", "r"))
    assert (tally.sent, tally.acked, tally.silent) == (4, 3, 1)
    assert (tally.unanswered, tally.refused, tally.unexpected) == (0, 0, 0)
    assert len(tally.latencies_s) == 3


async def test_each_group_has_its_own_connection_and_keeps_its_order() -> None:
    async with serving() as port:
        a, b = of_meter("A", *"rrr"), of_meter("B", *"rr")
        tally = await played(port, a[0], b[0], a[1], b[1], a[2])
        assert port.conversations() == sorted(
            b"".join(shot.raw for shot in group) for group in (a, b)
        )
    assert tally.connections == 2
    assert tally.acked == 5


async def test_no_more_connections_are_open_than_allowed() -> None:
    async with serving() as port:
        shots = [shot for meter in "ABCDEF" for shot in of_meter(meter, "r")]
        tally = await played(port, *shots, connections=2)
        # The one more is that which looks whether anybody listens.
        assert port.most_open <= 2
    assert tally.acked == 6


async def test_a_group_that_comes_back_waits_for_its_old_connection() -> None:
    async with serving() as port:
        a, b = of_meter("A", "r", "r"), of_meter("B", "r")
        tally = await played(port, a[0], b[0], a[1], connections=1)
        assert port.most_open == 1
    assert (tally.acked, tally.connections) == (3, 3)


async def test_a_mute_port_leaves_frames_unanswered() -> None:
    async with serving(fault="mute") as port:
        tally = await played(port, *of_meter("A", "r", "q", "r"), timeout_s=0.02)
    assert (tally.sent, tally.unanswered, tally.silent, tally.acked) == (3, 2, 1, 0)


async def test_a_window_of_one_waits_for_each_answer() -> None:
    async with serving(fault="mute") as port:
        loop = asyncio.get_running_loop()
        started = loop.time()
        tally = await played(port, *of_meter("A", *"rrrr"), window=1, timeout_s=0.03)
        assert loop.time() - started >= 0.12
    assert tally.unanswered == 4


async def test_a_port_that_hangs_up_is_given_up_after_some_strikes() -> None:
    async with serving(fault="hang up") as port:
        tally = await played(port, *of_meter("A", *"rrrrrr"), window=1, timeout_s=2.0)
    assert tally.refused == 6
    assert tally.connections == player_module.MAX_STRIKES


async def test_a_broken_frame_stays_unanswered() -> None:
    async with serving() as port:
        tally = await played(port, Shot(BROKEN, ("x",), silent=True), Shot(b"zz", ("y",)))
    assert (tally.sent, tally.silent, tally.unexpected) == (2, 2, 0)


async def test_an_answer_that_nobody_was_owed_is_unexpected() -> None:
    async with serving() as port:
        tally = await played(port, Shot(frame("r"), ("x",), silent=True))
    assert (tally.silent, tally.unexpected) == (1, 1)


async def test_times_are_scaled() -> None:
    shots = [Shot(frame("r"), ("x",), at=1_000_000 + n * 1_000_000) for n in range(3)]
    async with serving() as port:
        loop = asyncio.get_running_loop()
        started = loop.time()
        await played(port, *shots, speed=20.0)
        slow = loop.time() - started
        await played(port, *shots, speed=None)
        assert slow >= 0.1
        assert loop.time() - started - slow < slow


async def test_nobody_listening_is_said_before_anything_is_read() -> None:
    async with serving() as port:
        gone = Port(CODECS)
        gone.number = port.number
    read: list[int] = []

    async def shots() -> AsyncIterator[Shot]:
        read.append(1)
        yield Shot(b"x", ("x",))

    player = Player(("127.0.0.1", gone.number), CODECS, default_profile, Pace(None, 1, 1.0, 1))
    with pytest.raises(CommandError, match="nothing accepts"):
        await player.play(shots())
    assert read == []


async def test_an_error_of_the_source_ends_the_replay_as_itself() -> None:
    async def shots() -> AsyncIterator[Shot]:
        yield Shot(frame("r"), ("x",))
        raise CommandError("the capture is damaged")

    async with serving() as port:
        pace = Pace(None, 1, 1.0, 1)
        player = Player(("127.0.0.1", port.number), CODECS, default_profile, pace)
        with pytest.raises(CommandError, match="damaged"):
            await player.play(shots())


@pytest.mark.parametrize(
    ("latencies", "expected"),
    [
        ([], (None, None, None)),
        ([0.001], (1, 1, 1)),
        ([n / 1000 for n in range(1, 101)], (50, 90, 99)),
    ],
    ids=["none", "one", "hundred"],
)
def test_percentiles_are_of_the_nearest_rank(
    latencies: list[float], expected: tuple[float | None, ...]
) -> None:
    assert tuple(percentiles_ms(latencies).values()) == expected


@contextmanager
def meter_port(fault: str = "", profile_of: ProfileOf = default_profile) -> Iterator[str]:
    """A port in another thread, for the command with its own loop; yields HOST:PORT."""
    ready, done = threading.Event(), threading.Event()
    numbers: list[int] = []

    async def serve() -> None:
        async with serving(port_codecs(), fault, profile_of) as port:
            numbers.append(port.number)
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait(10)
    try:
        yield f"127.0.0.1:{numbers[0]}"
    finally:
        done.set()
        thread.join()


VECTORS = Path(__file__).parents[1] / "vectors"


def test_the_vectors_are_all_answered_as_they_should_be(
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = [str(VECTORS / name) for name in ("acrel.jsonl", "hj212.jsonl")]
    rows = [json.loads(line) for file in files for line in Path(file).read_text().splitlines()]
    keys = {mn: bytes.fromhex(key) for row in rows for mn, key in (row.get("key") or {}).items()}
    with meter_port(profile_of=KeyRing(keys).profile_of) as to:
        status = main(["replay", *files, "--to", to, "--json"])
    summary = json.loads(capsys.readouterr().out)
    assert status == 0, summary
    owed = [row for row in rows if row["accept"] and row["reply"]]
    stored_as_they_are = [row for row in rows if row["error"] == "decode"]
    assert len(owed) <= summary["acked"] <= len(owed) + len(stored_as_they_are)
    assert (summary["unanswered"], summary["refused"], summary["unexpected"]) == (0, 0, 0)
    assert set(summary["latency_ms"]) == {"p50", "p90", "p99"}


def test_a_capture_is_replayed_and_summed_up_for_people(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "meters.pcap"
    register_ack = bytes.fromhex("7b7b84bf237d7d")
    file.write_bytes(pcap(conversation(register_ack, register_ack), gap_us=10))
    with meter_port() as to:
        assert main(["replay", str(file), "--to", to, "--port", "10212"]) == 0
    out = capsys.readouterr().out
    assert "sent" in out
    assert "latency p99 ms" in out


def test_what_was_not_answered_is_status_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "frames.hex"
    register = next(
        json.loads(line)["hex"]
        for line in (VECTORS / "hj212.jsonl").read_text().splitlines()
        if json.loads(line)["reply"]
    )
    file.write_text(register)
    with meter_port(fault="mute") as to:
        assert main(["replay", str(file), "--to", to, "--json", "--timeout", "0.05"]) == 1
    assert json.loads(capsys.readouterr().out)["unanswered"] == 1


def test_a_bad_line_is_told_and_is_status_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "frames.hex"
    file.write_text("7bx\n7b7b84bf237d7d\n")
    with meter_port() as to:
        assert main(["replay", str(file), "--to", to]) == 1
    assert "line 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--to", "127.0.0.1:1"], "one source is needed"),
        (["f", "--from-journal", "--to", "127.0.0.1:1"], "one source is needed"),
        (["f", "--to", "nowhere"], "HOST:PORT"),
        (["f", "--to", "h:99999"], "HOST:PORT"),
        (["f", "--to", "h:1", "--speed", "0"], "--speed"),
        (["f", "--to", "h:1", "--speed", "fast"], "--speed"),
        (["f", "--to", "h:1", "--window", "0"], "above 0"),
        (["f", "--to", "h:1", "--key", "x"], "MN=HEX"),
    ],
)
def test_wrong_options_are_status_2(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", *words]) == 2
    assert says in capsys.readouterr().err


async def test_a_port_that_goes_away_refuses_what_was_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving() as port:
        pass

    async def heard(_player: Player) -> None:
        return

    monkeypatch.setattr(Player, "_probe", heard)
    tally = await played(port, *of_meter("A", "r", "r"))
    assert (tally.sent, tally.refused, tally.connections) == (0, 2, 0)


def test_the_journal_is_replayed_as_fast_as_possible_with_its_span(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked: list[JournalRange] = []

    async def from_journal(wanted: JournalRange, _settings: object) -> AsyncIterator[Shot]:
        asked.append(wanted)
        for at in (0, 3_600_000_000):
            yield Shot(bytes.fromhex("7b7b84bf237d7d"), ("acrel", "A"), at)

    monkeypatch.setattr("wattwarden.tools.replay.journal_shots", from_journal)
    words = ["--from-journal", "--since", "2026-11-22T03:00:00Z", "--meter", "acrel:A"]
    with meter_port() as to:
        assert main(["replay", *words, "--to", to, "--json", "--data", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["sent"] == 2
    since = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    assert asked == [JournalRange(since, None, frozenset({"acrel:A"}))]
