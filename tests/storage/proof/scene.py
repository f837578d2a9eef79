"""A firm of two meters whose treatment stops for two hours: its journal, its fold, its package."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
from tests.alarms.factory import RULES, SINCE

from wattwarden.alarms.episodes.findings import Alarm
from wattwarden.alarms.folding.city import City
from wattwarden.alarms.registry.nouns import (
    Agency,
    Enterprise,
    Line,
    Link,
    Point,
    Region,
    Unit,
    UnitKind,
)
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import default_text
from wattwarden.codecs import load_codecs
from wattwarden.protocol.clock import LocalTime
from wattwarden.protocol.codec import Message, default_profile
from wattwarden.protocol.envelope import Envelope, SessionRow, encode
from wattwarden.protocol.zone import CHINA
from wattwarden.storage.journal.entry import Entry, Kind
from wattwarden.storage.moments import moment_of, us_of
from wattwarden.storage.proof import documents as docs
from wattwarden.storage.proof.build import Frames, Material, Rulebook, Shown, build
from wattwarden.storage.proof.day import Taken
from wattwarden.storage.proof.fold_rows import fold_rows
from wattwarden.storage.proof.frames import Sent, read_blocks
from wattwarden.storage.proof.keys import Signer, open_signer
from wattwarden.storage.proof.refold import Basis, Refold, Snapshot, episodes
from wattwarden.storage.proof.said import Said, Terms, decode_sent, within
from wattwarden.storage.proof.statement import (
    Leaf,
    LeafKind,
    Root,
    Statement,
    proofs_of,
    sender_name,
    signed,
    state_name,
    tree_of,
)
from wattwarden.storage.rows.binding import ClockBounds

# Monday 2 March 2026, 00:00 in Shanghai.
START = datetime(2026, 3, 1, 16, tzinfo=UTC)
DAY_MIN = 1440
WHEN = datetime(2026, 3, 4, 8, tzinfo=UTC)
BOUNDS = ClockBounds()


def firm(units: Sequence[str] = ("p", "t"), cycle_s: int = 900) -> Registry:
    """Enterprise ``e`` with one line: units whose names begin with p produce, the others treat."""
    registry = Registry()
    registry.put("region", Region(id="r", name="区"))
    registry.put("agency", Agency(id="a", name="局", region="r"))
    registry.put(
        "enterprise", Enterprise(id="e", name="某厂", agency="a", region="r", industry="metal")
    )
    registry.put("line", Line(id="l", enterprise="e", name="线"))
    for number, name in enumerate(units, 1):
        kind = UnitKind.PRODUCTION if name.startswith("p") else UnitKind.TREATMENT
        unit = Unit(
            id=name, enterprise="e", name=name, kind=kind, rated_power=10_000.0, rated_current=20.0
        )
        registry.put("unit", unit)
        registry.put("link", Link(id=name, line="l", unit=name))
        point = Point(
            id=name, meter=f"acrel:{address(number)}", channel="1-1", unit=name,
            valid_from=SINCE, cycle_s=cycle_s,
        )  # fmt: skip
        registry.put("point", point)
    return registry


def address(number: int) -> str:
    """The serial number of a meter."""
    return f"{12007035720000 + number}"


def frame(meter: str, at: datetime, share: float, seed: int) -> bytes:
    """An upload: a share of 10 kW at some moment."""
    noise = 1 + (seed * 37 % 11 - 5) / 1000
    watts = round(10_000 * share * noise)
    block = {
        "clock": LocalTime.of(at.astimezone(CHINA)),
        "pt": 1,
        "ct": 1,
        "power_total": watts,
        "power_factor_total": 0.8 if share > 0.3 else 0.0,
        "energy_forward": 100_000 + seed * 10,
    }
    for place, phase in enumerate("abc"):
        block[f"voltage_{phase}"] = round(220.0 + (seed * 7 + place) % 30 / 10, 1)
        block[f"current_{phase}"] = round(watts / (3 * 220 * 0.8), 2)
    sections = [{"channel": "1-1", "layout": "prepaid_0x60", "values": block}]
    fields = {"serial": meter, "sections": sections}
    return load_codecs()["acrel"].encode(Message("upload", meter, None, fields))


@dataclass(frozen=True)
class Plot:
    """What happens: everything runs, but that treatment is off from a minute to another."""

    units: tuple[str, ...] = ("p", "t")
    cycle_s: int = 900
    days: int = 2
    off: tuple[int, int] = (DAY_MIN + 600, DAY_MIN + 720)
    strangers: int = 1

    def share(self, unit: str, minute: int) -> float:
        """The share of its rated power that a unit draws."""
        begin, end = self.off
        return 0.0 if unit.startswith("t") and begin <= minute < end else 0.8


PLOT = Plot()


def envelope(frames: Sequence[tuple[str, bytes, int]], number: int) -> bytes:
    """An envelope of frames: (address, bytes, received_at in µs)."""
    names = sorted({name for name, _, _ in frames})
    lengths = np.array([len(data) for _, data, _ in frames], "<u4")
    made = Envelope(
        format=1,
        codec="acrel",
        chain="g.0",
        number=number,
        previous=b"",
        sealed_at=frames[-1][2],
        sessions=[SessionRow(place, f"10.0.0.{place}:4000", name)
                  for place, name in enumerate(names)],
        requests=[],
        received_at=np.array([at for _, _, at in frames], "<i8").tobytes(),
        lengths=lengths.tobytes(),
        session=np.array([names.index(name) for name, _, _ in frames], "<u4").tobytes(),
        request=np.full(len(frames), -1, "<i4").tobytes(),
        data=b"".join(data for _, data, _ in frames),
    )  # fmt: skip
    return encode(made)


def entries(plot: Plot = PLOT, through: tuple[str, str] = ("", "")) -> list[Entry]:
    """The journal: an entry a cycle, in which strangers' meters speak as well.

    ``through`` is a meter, and on whose connection it speaks.
    """
    behind, gateway = through
    made = []
    for number in range(plot.days * 86_400 // plot.cycle_s):
        at = START + timedelta(seconds=number * plot.cycle_s)
        minute = number * plot.cycle_s // 60
        received = us_of(at) + 1_000_000
        shares = [plot.share(unit, minute) for unit in plot.units] + [0.5] * plot.strangers
        names = [address(place) for place in range(1, len(plot.units) + 1)]
        names += [address(900 + place) for place in range(plot.strangers)]
        frames = [
            (gateway if name == behind else name, frame(name, at, share, number + place), received)
            for place, (name, share) in enumerate(zip(names, shares, strict=True))
        ]
        payload = envelope(frames, number + 1)
        stored = moment_of(received + 5_000)
        made.append(Entry(number + 1, Kind.FRAMES, f"m{number}", payload, stored))
    return made


@dataclass
class Scene:
    """The firm's days, folded and signed; ``build`` makes the package about its alarm."""

    secrets: Path
    plot: Plot = PLOT
    signer: Signer = field(init=False)
    registry: Registry = field(init=False)
    entries: list[Entry] = field(init=False)
    alarm: Alarm = field(init=False)
    snapshot: Snapshot = field(init=False)
    said: Mapping[str, Said] = field(init=False)
    now: int = field(init=False)

    def __post_init__(self) -> None:
        """Read, fold and find."""
        self.signer = open_signer(self.secrets, WHEN)
        self.registry = firm(self.plot.units, self.plot.cycle_s)
        self.entries = entries(self.plot)
        taken = self.taken(self.entries)
        sent = [Sent(*name, read_blocks(data)) for name, data in taken.kept().items()]
        names = [f"acrel:{name}" for name in self.addresses]
        terms = Terms({"acrel": default_profile}, BOUNDS, apart=False)
        self.said = decode_sent(sent, names, terms).said
        city = City(self.registry, RULES, [], ["e"], {})
        ids = {name: number for number, name in enumerate(city.meters, 1)}
        wanted = city.number(ids)
        rows = fold_rows(self.said, ids, wanted)
        for columns in (rows.readings, rows.factors):
            since = columns["received_at"] - us_of(START)
            columns["step"][:] = since // (self.plot.cycle_s * 1_000_000) + 1
        stamped = city.stamp(rows)
        city.accept(stamped)
        folded = city.fold()
        found = [one for one in episodes(folded.findings).values() if one.rule == "R2"]
        self.alarm = found[0]
        day = date(2026, 3, 2) + timedelta(days=self.plot.off[0] // DAY_MIN)
        self.snapshot = Snapshot(day, folded.days["e", day], city.keep("e"))
        self.now = Refold(Basis("e", self.registry, RULES, []), self.snapshot).now

    @property
    def addresses(self) -> list[str]:
        """The firm's meters."""
        return [address(place) for place in range(1, len(self.plot.units) + 1)]

    def taken(self, some: Sequence[Entry]) -> Taken:
        """Take entries apart, keeping the firm's own frames."""
        own = set(self.addresses)
        taken = Taken(lambda _, identity: identity in own)
        taken.take(0, some)
        return taken

    def roots(self, *, signer: Signer | None = None) -> list[Shown]:
        """Days signed one after another; the last one still goes on."""
        days = sorted({one.stored_at.date() for one in self.entries})
        shown: list[Shown] = []
        before: Root | None = None
        for day in days:
            mine = [one for one in self.entries if one.stored_at.date() == day]
            made = self.root(mine, before, closed=day != days[-1], signer=signer or self.signer)
            shown.append(made)
            before = made.root
        return shown

    def root(
        self, some: Sequence[Entry], before: Root | None, *, closed: bool, signer: Signer
    ) -> Shown:
        """Sign a day."""
        taken = self.taken(some)
        state = hashlib.sha256(self.snapshot.state).hexdigest()
        of_state = Leaf(LeafKind.STATE, state_name("e", self.snapshot.day), 1, state)
        leaves = [*taken.leaves(), of_state]
        statement = Statement(
            format=1,
            day=some[0].stored_at.date(),
            closed=closed,
            previous="" if before is None else before.digest,
            tree=tree_of(leaves),
            leaves=len(leaves),
            records=taken.records,
            frames=taken.frames,
            shards=taken.extents,
            decision=0,
            received=taken.received,
            made_at=WHEN,
            key=signer.public,
        )
        root = signed(statement, signer)
        kept = taken.kept()
        by_name = {leaf.name: leaf for leaf in leaves}
        mine = [by_name[sender_name(*name)] for name in kept]
        frames = [
            Frames(*name, data, proof)
            for (name, data), proof in zip(kept.items(), proofs_of(leaves, mine), strict=True)
        ]
        return Shown(root, frames, proofs_of(leaves, [of_state]))

    def material(self, shown: Sequence[Shown]) -> Material:
        """All that the package shows."""
        refold = Refold(Basis("e", self.registry, RULES, []), self.snapshot)
        rows = refold.bounds(self.now)
        book = Rulebook(self.registry, default_text())
        return Material(
            episode=self.episode(),
            window=(refold.since, self.now),
            rows=rows,
            snapshot=self.snapshot,
            then_step=1,
            then=book,
            now=book,
            decisions=[],
            notices=[],
            shown=shown,
            said={name: within(one, *rows) for name, one in self.said.items()},
            profiles=[],
            bounds=BOUNDS,
        )

    def episode(self) -> docs.Episode:
        """The alarm as the package shows it."""
        alarm = self.alarm
        return docs.Episode(
            id=7,
            rule=alarm.rule,
            subject=alarm.subject,
            kind=alarm.kind,
            enterprise="e",
            enterprise_name="某厂",
            line=alarm.line,
            began=alarm.began,
            raised=alarm.raised,
            ended=alarm.ended,
            grade_up=0,
            version=alarm.version,
            explanation=alarm.explanation,
            found_in="readings",
            found_late=False,
            withdrawn=False,
            case={},
            corrections=[],
        )

    def package(self) -> bytes:
        """The package."""
        return build(self.material(self.roots()), self.signer, WHEN, "test")
