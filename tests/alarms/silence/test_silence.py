"""R0, R8, R9, R21 and arrivals' part of R10, on a clock of ticks."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest
from tests.alarms.factory import MIDNIGHT_S, RULES, Factory

from wattwarden.alarms.episodes.findings import Ended, Finding, Raised
from wattwarden.alarms.plant.compile import compile_plant
from wattwarden.alarms.plant.meters import Meters, compile_meters
from wattwarden.alarms.registry.nouns import UnitKind
from wattwarden.alarms.silence.silence import PlatformState, fold_platform, fold_silence
from wattwarden.alarms.silence.silence_state import (
    SilenceState,
    initial_silence,
    pack_silence,
    unpack_silence,
)
from wattwarden.alarms.silence.tick import Tick


class Clock:
    """Ticks of ten seconds from midnight; meters speak each minute unless they are silent."""

    def __init__(self) -> None:
        registry = Factory().unit("p", UnitKind.PRODUCTION).unit("t").unit("u").registry
        plant = compile_plant(registry, RULES, ["e"])
        self.meters: Meters = compile_meters(registry, RULES, plant)
        self.state: SilenceState = initial_silence(self.meters)
        self.platform = PlatformState()
        self.second = 0
        self.heard = np.full(3, -1)
        self.found: list[tuple[str, str, int]] = []

    def go(self, until_s: int, silent: str = "", **values: object) -> "Clock":
        """Go on until a second of the day."""
        quiet = np.array([name[2:] in silent.split() for name in self.meters.meters])
        while self.second < until_s:
            self.second += 10
            now = MIDNIGHT_S + self.second
            if self.second % 60 == 0:
                self.heard = np.where(quiet, self.heard, now)
            no = np.zeros(3, dtype=np.bool_)
            tick = Tick(
                second=now, known_s=10, unknown_s=0, heard=self.heard.copy(), hidden=no, excused=no,
                producing=no, duplicate=no, skew=np.zeros(3, np.float32),
            )  # fmt: skip
            tick = replace(tick, **values)  # type: ignore[arg-type]  # names of fields
            self.state, findings = fold_silence(self.meters, self.state, tick)
            self.platform, more = fold_platform(RULES, self.platform, tick)
            for one in (*findings, *more):
                self._note(one)
        return self

    def _note(self, one: Finding) -> None:
        match one:
            case Raised():
                what = (one.alarm.rule, one.alarm.subject)
            case Ended():
                what = (f"-{one.key.rule}", one.key.subject)
            case _:
                raise AssertionError(one)
        self.found.append((*what, one.at // 1000 - MIDNIGHT_S))


YES = np.ones(3, dtype=np.bool_)


def test_a_meter_is_silent_after_a_quarter_of_an_hour() -> None:
    clock = Clock().go(600).go(1500, "t")
    assert clock.found == []
    clock.go(1510, "t").go(1800)
    assert clock.found == [("R8", "meter:c:t", 1510), ("-R8", "meter:c:t", 1560)]


def terminal(*points: Mapping[str, object]) -> Meters:
    """Return the meters of a firm whose units are channels of terminals."""
    registry = Factory().unit("p", UnitKind.PRODUCTION).unit("t").unit("u").registry
    for unit, more in zip(("p", "t", "u"), points, strict=True):
        registry.put("point", msgspec.structs.replace(registry.point[unit], **more))
    return compile_meters(registry, RULES, compile_plant(registry, RULES, ["e"]))


def alone(second: int, heard: int, **more: object) -> Tick:
    """Return a tick of the only meter."""
    no = np.zeros(1, dtype=np.bool_)
    tick = Tick(
        second=second, known_s=second - heard, unknown_s=0, heard=np.array([heard]), hidden=no,
        excused=no, producing=no, duplicate=no, skew=np.zeros(1, np.float32),
    )  # fmt: skip
    return replace(tick, **more)  # type: ignore[arg-type]  # names of fields


def test_a_terminal_of_many_channels_is_one_alarm_that_names_its_units() -> None:
    one = [{"meter": "hj212:MN", "channel": channel} for channel in ("1", "2", "3")]
    meters = terminal(*one)
    assert meters.meters == ("hj212:MN",)
    state, _ = fold_silence(meters, initial_silence(meters), alone(100, 100))
    making = np.ones(1, dtype=np.bool_)
    _, found = fold_silence(meters, state, alone(1100, 100, producing=making))
    raised = {one.alarm.rule: one.alarm for one in found if isinstance(one, Raised)}
    assert len(found) == 2
    assert raised["R8"].subject == "meter:hj212:MN"
    assert "（p、t、u）" in raised["R8"].explanation.zh
    assert "(p, t, u)" in raised["R8"].explanation.en
    assert raised["R21"].subject == "unit:t"
    assert "t, u" in raised["R21"].explanation.en


@pytest.mark.parametrize(("silent_s", "found"), [(2200, []), (2300, ["R8"])])
def test_a_meter_that_speaks_each_quarter_of_an_hour_may_miss_one(
    silent_s: int, found: list[str]
) -> None:
    meters = terminal(*[{"meter": "c:x", "cycle_s": 900}] * 3)
    state, _ = fold_silence(meters, initial_silence(meters), alone(100, 100))
    raised = fold_silence(meters, state, alone(100 + silent_s, 100))[1]
    assert [one.alarm.rule for one in raised if isinstance(one, Raised)] == found


def test_a_meter_that_was_taken_away_is_not_silent() -> None:
    gone = {"meter": "c:x", "valid_to": datetime.fromtimestamp(1000, UTC)}
    meters = terminal(gone, gone, gone)
    state, _ = fold_silence(meters, initial_silence(meters), alone(100, 100))
    assert fold_silence(meters, state, alone(1100, 100))[1] == ()


def test_a_production_meter_that_falls_silent_is_no_r21() -> None:
    registry = Factory().unit("p", UnitKind.PRODUCTION).registry
    meters = compile_meters(registry, RULES, compile_plant(registry, RULES, ["e"]))
    state, _ = fold_silence(meters, initial_silence(meters), alone(100, 100))
    making = np.ones(1, dtype=np.bool_)
    _, found = fold_silence(meters, state, alone(1100, 100, producing=making))
    assert [one.alarm.rule for one in found if isinstance(one, Raised)] == ["R8"]


def test_three_days_of_silence_are_said_so() -> None:
    meters = terminal(*[{"meter": "c:x"}] * 3)
    state, _ = fold_silence(meters, initial_silence(meters), alone(100, 100))
    _, (found,) = fold_silence(meters, state, alone(300_000, 100))
    assert isinstance(found, Raised)
    assert "三日无数据" in found.alarm.explanation.zh


def test_a_meter_that_never_spoke_is_not_silent() -> None:
    assert Clock().go(3600, "t").found == []


def test_a_firm_that_falls_silent_is_one_alarm_and_gets_time_to_come_back() -> None:
    clock = Clock().go(600).go(2400, "p t u")
    assert clock.found == [("R9", "enterprise:e", 1510)]
    clock.go(3000, "t u")
    assert clock.found[1:] == [("-R9", "enterprise:e", 2400 + 60)]
    clock.go(3600, "t u")
    assert [rule for rule, *_ in clock.found[2:]] == ["R8", "R8"]


def test_meters_that_fall_silent_one_by_one_are_several_alarms() -> None:
    clock = Clock().go(600).go(900, "t").go(1300, "t p").go(2300, "t p u")
    assert [what for what in clock.found if what[0] == "R9"] == []


def test_treatment_that_falls_silent_while_its_line_produces_is_r21() -> None:
    clock = Clock().go(600).go(1800, "t", producing=YES).go(2000)
    rules = [rule for rule, *_ in clock.found]
    assert sorted(rules) == ["-R21", "-R8", "R21", "R8"]


@pytest.mark.parametrize(
    ("producing", "told"),
    [
        pytest.param(YES, ["R21"], id="treatment beside production"),
        pytest.param(~YES, ["R8"], id="beside a line that stands"),
    ],
)
def test_of_a_meter_that_is_silent_beside_production_r21_says_more_than_r8(
    producing: np.ndarray, told: list[str]
) -> None:
    clock = Clock().go(600).go(1500, "t", producing=producing)
    no = np.zeros(3, dtype=np.bool_)
    skew = np.zeros(3, np.float32)
    tick = Tick(MIDNIGHT_S + 1510, 10, 0, clock.heard, no, no, producing, no, skew)
    _, findings = fold_silence(clock.meters, clock.state, tick)
    alarms = {one.alarm.rule: one.alarm for one in findings if isinstance(one, Raised)}
    assert [rule for rule, one in alarms.items() if one.suppressed_by is None] == told
    if told == ["R21"]:
        assert alarms["R8"].suppressed_by == alarms["R21"].key


def test_the_second_time_within_a_week_weighs_more() -> None:
    clock = Clock().go(600).go(1800, "t", producing=YES).go(2400)
    graded = []
    for _ in range(200):
        clock.second += 10
        now = MIDNIGHT_S + clock.second
        heard = np.array([now, clock.heard[1], now])
        no = np.zeros(3, dtype=np.bool_)
        tick = Tick(now, 10, 0, heard, no, no, YES, no, np.zeros(3, np.float32))
        clock.state, findings = fold_silence(clock.meters, clock.state, tick)
        graded += [
            one.alarm.grade_up
            for one in findings
            if isinstance(one, Raised) and one.alarm.rule == "R21"
        ]
    assert graded == [1]


def test_declared_meters_may_be_silent() -> None:
    assert Clock().go(600).go(3600, "t", excused=YES).found == []


def test_a_declared_meter_does_not_hide_that_the_others_fell_silent_together() -> None:
    clock = Clock().go(600).go(2400, "p t u", excused=np.array([False, True, False]))
    assert clock.found == [("R9", "enterprise:e", 1510)]
    clock.go(2500, "p t u", excused=YES)
    assert clock.found[1:] == [("-R9", "enterprise:e", 2410)]


def test_what_could_not_be_heard_counts_for_nobody() -> None:
    clock = Clock().go(600).go(1190, "p t u", known_s=0, unknown_s=10)
    clock.go(1400)
    assert clock.found == [("R0", "platform", 660), ("-R0", "platform", 1200)]


def test_a_meter_of_a_gateway_that_stopped_is_not_silent() -> None:
    assert Clock().go(600).go(3600, "t", hidden=YES).found == []


def test_a_short_break_of_ours_is_no_alarm() -> None:
    assert Clock().go(600).go(640, known_s=0, unknown_s=10).go(1200).found == []


def test_a_clock_that_is_off_is_r10_until_it_is_set() -> None:
    skew = np.array([0, 0, 301], np.float32)
    clock = Clock().go(60).go(120, skew=skew).go(180, skew=skew / 1.5).go(240)
    assert clock.found == [("R10", "meter:c:u", 70), ("-R10", "meter:c:u", 190)]


def test_two_peers_with_one_id_are_r10_until_half_an_hour_without() -> None:
    both = np.array([False, True, False])
    clock = Clock().go(60).go(120, duplicate=both).go(3600)
    assert clock.found == [("R10", "meter:c:t", 70), ("-R10", "meter:c:t", 1920)]


def test_a_state_survives_its_bytes() -> None:
    clock = Clock().go(600).go(1600, "t")
    data = pack_silence(clock.meters, clock.state, "e")
    again = unpack_silence(clock.meters, {"e": data})
    assert pack_silence(clock.meters, again, "e") == data
    assert unpack_silence(clock.meters, {}).firm.since.tolist() == [-1]
    older = data.replace(b"\x93\x01", b"\x93\x00", 1)
    assert unpack_silence(clock.meters, {"e": older}).meter.heard.tolist() == [-1, -1, -1]


@pytest.mark.parametrize(
    ("rule", "words"), [("R8", "has been silent for 15 min"), ("R9", "All 3 meters")]
)
def test_an_alarm_of_silence_explains_itself(rule: str, words: str) -> None:
    clock = Clock().go(600).go(1500, "t" if rule == "R8" else "p t u")
    no = np.zeros(3, dtype=np.bool_)
    tick = Tick(MIDNIGHT_S + 1510, 10, 0, clock.heard, no, no, no, no, np.zeros(3, np.float32))
    _, findings = fold_silence(clock.meters, clock.state, tick)
    alarm = next(one.alarm for one in findings if isinstance(one, Raised))
    assert alarm.rule == rule
    assert alarm.explanation.zh
    assert words in alarm.explanation.en
    assert alarm.explanation.version == RULES.version
