"""A warden's city: what is kept goes on, and days with late rows are folded again."""

from collections.abc import Sequence
from datetime import date, timedelta

import msgspec
import numpy as np
import pytest
from tests.alarms.factory import MIDNIGHT_S, RULES, SINCE, Factory
from tests.alarms.story import DAY_MIN, IDLES, Speech, Story, within

from wattwarden.alarms.episodes.findings import Ended, Finding, Key, Raised, Transition
from wattwarden.alarms.folding import rowset
from wattwarden.alarms.folding.again import Again
from wattwarden.alarms.folding.city import City
from wattwarden.alarms.folding.stamped import Rows
from wattwarden.alarms.plant.compile import compile_plant
from wattwarden.alarms.registry.nouns import Enterprise, Line, Link, Point, Unit, UnitKind
from wattwarden.alarms.states import state as states

MONDAY = date(2026, 3, 2)
MIDNIGHT_MIN = MIDNIGHT_S // 60
DAYS = 3
# Of the second day; rows that come late.
MISSING = range(DAY_MIN + 540, DAY_MIN + 900)


def two_firms(cycle_s: int = 900) -> Factory:
    """Firms ``e`` (p, t) and ``f`` (fp, ft) whose meters speak each quarter of an hour."""
    factory = Factory(cycle_s=cycle_s).unit("p", UnitKind.PRODUCTION).unit("t").outlet(20.0)
    registry = factory.registry
    registry.put("enterprise", Enterprise(id="f", name="f", agency="a", region="r", industry="x"))
    registry.put("line", Line(id="fl", enterprise="f", name="fl"))
    for name, kind in (("fp", UnitKind.PRODUCTION), ("ft", UnitKind.TREATMENT)):
        registry.put(
            "unit",
            Unit(id=name, enterprise="f", name=name, kind=kind, rated_power=1e4, rated_current=20),
        )
        registry.put("link", Link(id=name, line="fl", unit=name))
        registry.put(
            "point",
            Point(id=name, meter=f"c:{name}", unit=name, valid_from=SINCE, cycle_s=cycle_s),
        )
    return factory


SPEECH: dict[str, Speech] = {
    "t": within((DAY_MIN + 600, DAY_MIN + 720), (2 * DAY_MIN + 600, 2 * DAY_MIN + 660)),
    "ft": within((700, 760), (DAY_MIN + 660, DAY_MIN + 780), say=IDLES),
    "p": within((0, 360), (DAY_MIN, DAY_MIN + 360)),
}


class Told:
    """Days told to a city; what it found, and the states of its days."""

    def __init__(self) -> None:
        self.story = Story(two_firms(), DAYS * DAY_MIN, SPEECH)
        self.city = self._city({})
        self.findings: list[Finding] = []
        self.days: dict[tuple[str, date], bytes] = {}

    def _city(self, kept: dict[str, bytes]) -> City:
        city = City(self.story.factory.registry, RULES, [], ["e", "f"], kept)
        self.ids = {name: number for number, name in enumerate(city.meters, start=1)}
        city.number(self.ids)
        return city

    def rows(self, minutes: range, silent: Sequence[int] = ()) -> Rows:
        """Return what all meters say in some minutes, but for those in which they are silent."""
        rows = self.story._rows(self.ids, minutes)
        if not len(silent):
            return rows
        return Rows(*(self._without(columns, silent) for columns in (rows.readings, rows.factors)))

    def _without(self, columns: rowset.Columns, silent: Sequence[int]) -> rowset.Columns:
        steps = {self.story._step(minute) for minute in silent}
        return rowset.take(columns, ~np.isin(columns["step"], list(steps)))

    def take(self, rows: Rows) -> int:
        """Take rows; return how many were late."""
        stamped = self.city.stamp(rows)
        self.city.accept(stamped)
        folded = self.city.fold()
        self.findings += folded.findings
        self.days |= folded.days
        return len(stamped.late)

    def restart(self, step: int) -> None:
        """Go on with what was kept."""
        kept = {name: self.city.keep(name) for name in ("e", "f")}
        self.city = self._city(kept)
        self.city.start_after(dict.fromkeys(kept, step), 0)

    def packed(self) -> list[bytes]:
        (group,) = self.city.groups
        return [states.pack(group.state, group.plant, name) for name in ("e", "f")]

    def again(self, day: date, names: str) -> Again:
        """Fold days again from one on, over all rows, until nothing differs or now is reached."""
        packs = {name: self.days[name, day] for name in names.split()}
        (group,) = self.city.groups
        again = Again(self.city, group, day, packs)
        while again.firms:
            since, until = again.span()
            minutes = range(since // 60_000 - MIDNIGHT_MIN, until // 60_000 - MIDNIGHT_MIN)
            kept = {
                firm.name: self.days[firm.name, again.next_day]
                for firm in again.firms
                if (firm.name, again.next_day) in self.days
            }
            again.fold_day(self.rows(minutes), kept)
        return again


def episodes(findings: Sequence[Finding]) -> set[tuple[Key, int, int | None]]:
    ended = {one.key: one.ended for one in findings if isinstance(one, Ended)}
    return {
        (one.alarm.key, one.alarm.raised, ended.get(one.alarm.key))
        for one in findings
        if isinstance(one, Raised)
    }


def whole() -> Told:
    told = Told()
    assert told.take(told.rows(range(DAYS * DAY_MIN))) == 0
    return told


def test_what_is_kept_goes_on_as_if_nothing_had_been() -> None:
    wanted, told = whole(), Told()
    for first in range(0, DAYS * DAY_MIN, 600):
        minutes = range(first, min(first + 600, DAYS * DAY_MIN))
        told.take(told.rows(minutes))
        told.restart(told.story._step(minutes[-1]))
        # Rows that are in what was kept are left out.
        told.take(told.rows(minutes))
    assert told.packed() == wanted.packed()
    assert episodes(told.findings) == episodes(wanted.findings)
    assert [told.city.keep(name) for name in "ef"] == [wanted.city.keep(name) for name in "ef"]


def test_a_day_that_came_late_ends_as_one_that_came_in_time() -> None:
    wanted, told = whole(), Told()
    told.take(told.rows(range(DAYS * DAY_MIN), silent=MISSING))
    assert {one.alarm.rule for one in told.findings if isinstance(one, Raised)} == {"R2", "R3"}
    assert told.packed() != wanted.packed()
    assert told.take(told.rows(MISSING)) > 0
    tuesday = MONDAY + timedelta(days=1)
    again = told.again(tuesday, "e f")
    assert {name: done.reached_now for name, done in again.done.items()} == {"e": True, "f": True}
    assert told.packed() == wanted.packed()
    begin = again.done["e"].since
    found = [one for name in "ef" for one in again.done[name].findings]
    assert episodes(found) == {one for one in episodes(wanted.findings) if one[1] >= begin}
    assert [one for one in found if isinstance(one, Transition)] != []


def test_folding_again_stops_at_the_first_midnight_at_which_nothing_differs() -> None:
    told = whole()
    before = told.packed()
    again = told.again(MONDAY + timedelta(days=1), "e")
    assert not again.done["e"].reached_now
    assert again.done["e"].until == again.done["e"].since + 86_400_000
    assert (again.days, told.packed()) == ({}, before)


def test_one_enterprise_may_be_done_before_another() -> None:
    wanted, told = whole(), Told()
    rows = told.rows(range(DAYS * DAY_MIN))
    steps = {told.story._step(minute) for minute in MISSING}
    of_e = np.isin(rows.readings["meter"], [told.ids["c:p"], told.ids["c:t"]])
    missing = np.isin(rows.readings["step"], list(steps)) & of_e
    told.take(Rows(rowset.take(rows.readings, ~missing), rows.factors))
    again = told.again(MONDAY + timedelta(days=1), "e f")
    assert {name: done.reached_now for name, done in again.done.items()} == {"e": True, "f": False}
    assert told.packed() == wanted.packed()


def test_rows_are_asked_for_from_the_first_midnight_of_all_to_the_last() -> None:
    factory = two_firms()
    firm = factory.registry.enterprise["e"]
    # An hour ahead of China.
    factory.registry.put("enterprise", msgspec.structs.replace(firm, zone="Asia/Tokyo"))
    kept = {}
    for name in ("e", "f"):
        plant = compile_plant(factory.registry, RULES, [name])
        kept[name] = states.pack(states.initial(plant, MIDNIGHT_S // 900 + 960), plant, name)
    city = City(factory.registry, RULES, [], ["e", "f"], {})
    (group,) = city.groups
    group.state = states.unpack(group.plant, kept, -1)
    again = Again(city, group, MONDAY, kept)
    day = 86_400_000
    assert again.span() == (1_000 * MIDNIGHT_S - 3_600_000, 1_000 * MIDNIGHT_S + day)


def test_rows_are_packed_alike_in_any_order_and_damage_is_seen() -> None:
    columns = {"meter": np.array([2, 1], np.int32), "channel": np.array([b"x", b""], "S8")}
    kinds = {"meter": "i4", "channel": "S8"}
    turned = {name: values[::-1] for name, values in columns.items()}
    data = rowset.pack(columns, kinds)
    assert rowset.pack(turned, kinds) == data
    assert rowset.unpack(data, kinds)["meter"].tolist() == [1, 2]
    with pytest.raises(ValueError, match="rows are damaged"):
        rowset.unpack(data, {"meter": "i2", "channel": "S8"})
