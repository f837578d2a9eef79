"""``wattwarden replay``: send captured frames to a meter port."""

import math
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from cyclopts import Parameter

from wattwarden.codecs import load_codecs
from wattwarden.server.descriptors import raise_descriptor_limit
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import UsageError
from wattwarden.tools.journal_source import JournalRange, journal_shots
from wattwarden.tools.lines import opened, parse_key
from wattwarden.tools.link import Tally
from wattwarden.tools.options import ALL_TIMES, THE_USUAL_SYSTEM, AsJson, Keys, Span, System
from wattwarden.tools.player import Pace, Player
from wattwarden.tools.render import frame_progress, show_table
from wattwarden.tools.running import run, settings_of
from wattwarden.tools.shots import KeyRing, Shot, Source
from wattwarden.tools.target import target_of

MAXIMUM: Final = "max"
PERCENTILES: Final = (50, 90, 99)


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Manner:
    """How a replay goes."""

    connections: Annotated[int, Parameter(help="How many connections at a time.")] = 256
    speed: Annotated[
        str | None, Parameter(help="Scale the times of a capture, 1 by default; max ignores them.")
    ] = None
    window: Annotated[int, Parameter(help="Frames on their way, per connection.")] = 8
    timeout: Annotated[float, Parameter(help="Seconds to wait for an answer.")] = 10.0

    def pace(self, default_speed: str) -> Pace:
        """Check the options and return what they mean.

        Raises:
            UsageError: a number is out of bounds.
        """
        if self.window < 1 or self.connections < 1 or not self.timeout > 0:
            raise UsageError("--window, --connections and --timeout are above 0")
        word = default_speed if self.speed is None else self.speed
        speed = None if word == MAXIMUM else _factor(word)
        return Pace(speed, self.window, self.timeout, self.connections)


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Origin:
    """Where a replay's frames come from, beside the files."""

    port: Annotated[
        int, Parameter(help="Take only this server port of a capture.", show_default=False)
    ] = 0
    from_journal: Annotated[
        bool, Parameter(help="Replay what the running system received.", show_default=False)
    ] = False
    meter: Annotated[
        tuple[str, ...],
        Parameter(help="Only this meter of the journal; repeatable.", show_default=False),
    ] = ()


AS_USUAL: Final = Manner()
FILES_ALONE: Final = Origin()


def replay(
    *file: Annotated[
        str,
        Parameter(
            name="FILE",
            allow_leading_hyphen=True,
            help="Lines of hex, frames as JSONL (key hex), pcap or pcapng; - is standard input.",
        ),
    ],
    to: Annotated[str, Parameter(help="The meter port, HOST:PORT.")],
    manner: Manner = AS_USUAL,
    key: Keys = (),
    origin: Origin = FILES_ALONE,
    span: Span = ALL_TIMES,
    system: System = THE_USUAL_SYSTEM,
    json: AsJson = False,
) -> int:
    """Send captured frames to a meter port.

    Frames of one meter go over one connection, in order; each connection of a capture over one of
    its own; bytes that are no frame over one of their own. A frame is acked when everything came
    that a meter port owes for it; unanswered when it did not come in time; refused when the
    connection was closed instead; silent when nothing is owed, as for a heartbeat or a broken
    frame. A frame that names no meter follows the one before it of the same protocol.

    With --from-journal the frames are those that the running system has received, those of closed
    segments included, at full speed unless --speed is given.

    The exit status is 0 when everything that is owed an answer got it.
    """
    if origin.from_journal == bool(file):
        raise UsageError("one source is needed", "give files, or --from-journal")
    pace = manner.pace(MAXIMUM if origin.from_journal else "1")
    keys = KeyRing(dict(map(parse_key, key)))
    codecs = tuple(load_codecs().values())
    source = Source(codecs, keys, origin.port)
    shots = _of_journal(origin, span, system) if origin.from_journal else _of_files(source, file)
    raise_descriptor_limit()
    player = Player(target_of(to), codecs, keys.profile_of, pace)
    started = time.monotonic()
    with _progress() as seen:
        run(player.play(shots, seen))
    summary = _summary(player.tally, source, time.monotonic() - started)
    if json:
        print(as_json(summary))
    else:
        _show(summary, source)
    tally = player.tally
    return 1 if tally.unanswered or tally.refused or source.counters.bad_lines else 0


def _factor(word: str) -> float:
    try:
        speed = float(word)
    except ValueError:
        speed = 0.0
    if not 0 < speed < math.inf:
        message = f"--speed is a number above 0 or {MAXIMUM}, got {word!r}"
        raise UsageError(message, "--speed 10 plays ten times as fast as it happened")
    return speed


def _of_journal(origin: Origin, span: Span, system: System) -> AsyncIterator[Shot]:
    since, until = span.bounds(datetime.now(UTC))
    wanted = JournalRange(since, until, frozenset(origin.meter))
    return journal_shots(wanted, settings_of(system))


async def _of_files(source: Source, names: tuple[str, ...]) -> AsyncIterator[Shot]:
    for name in names:
        with opened(name) as file:
            for shot in source.shots(name, file):
                yield shot


def _progress() -> AbstractContextManager[Callable[[int], object]]:
    return frame_progress(None) if sys.stderr.isatty() else nullcontext(lambda _sent: None)


def _summary(tally: Tally, source: Source, seconds: float) -> dict[str, Any]:
    counters = source.counters
    return {
        "sent": tally.sent,
        "acked": tally.acked,
        "unanswered": tally.unanswered,
        "refused": tally.refused,
        "silent": tally.silent,
        "unexpected": tally.unexpected,
        "bad_lines": counters.bad_lines,
        "foreign_connections": counters.foreign_flows,
        "gaps": counters.gaps,
        "connections": tally.connections,
        "bytes": tally.sent_bytes,
        "seconds": round(seconds, 3),
        "frames_per_s": round(tally.sent / seconds, 1) if seconds > 0 else 0.0,
        "latency_ms": percentiles_ms(tally.latencies_s),
    }


def percentiles_ms(latencies_s: Iterable[float]) -> dict[str, float | None]:
    """Return the percentiles (nearest rank) in milliseconds; None without any."""
    ranked = sorted(latencies_s)
    return {
        f"p{percent}": round(ranked[math.ceil(len(ranked) * percent / 100) - 1] * 1000, 3)
        if ranked
        else None
        for percent in PERCENTILES
    }


def _show(summary: dict[str, Any], source: Source) -> None:
    rows = [(name, value) for name, value in summary.items() if name != "latency_ms"]
    rows += [(f"latency {name} ms", value) for name, value in summary["latency_ms"].items()]
    show_table(("", ""), rows)
    if source.counters.first_fault:
        print(f"first bad line: {source.counters.first_fault}", file=sys.stderr)
