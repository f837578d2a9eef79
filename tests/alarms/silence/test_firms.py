"""Meters of two firms: what is said of one counts its own alone, and they come back one by one."""

from dataclasses import replace

import numpy as np
from tests.alarms.factory import MIDNIGHT_S, RULES, SINCE, Factory

from wattwarden.alarms.episodes.findings import Ended, Finding, Raised
from wattwarden.alarms.plant.compile import compile_plant
from wattwarden.alarms.plant.meters import Meters, compile_meters
from wattwarden.alarms.registry.nouns import Enterprise, Point, Unit, UnitKind
from wattwarden.alarms.silence.silence import PlatformState, fold_platform, fold_silence
from wattwarden.alarms.silence.silence_state import SilenceState, initial_silence
from wattwarden.alarms.silence.tick import Tick

P, T, Q = range(3)


def two_firms() -> Meters:
    """Return the meters ``p`` and ``t`` of the firm ``e``, ``q`` of the firm ``f``."""
    registry = Factory().unit("p", UnitKind.PRODUCTION).unit("t").registry
    registry.put("enterprise", Enterprise(id="f", name="f", agency="a", region="r", industry="x"))
    registry.put(
        "unit", Unit(id="q", enterprise="f", name="q", kind=UnitKind.PRODUCTION, rated_power=1e4)
    )
    registry.put("point", Point(id="q", meter="c:q", unit="q", valid_from=SINCE, cycle_s=60))
    meters = compile_meters(registry, RULES, compile_plant(registry, RULES, ["e", "f"]))
    assert meters.meters == ("c:p", "c:t", "c:q")
    return meters


def tick(second: int, heard: list[int], known_s: int = 10) -> Tick:
    no = np.zeros(len(heard), np.bool_)
    last = MIDNIGHT_S + np.array(heard)
    return Tick(
        MIDNIGHT_S + second, known_s, 0, last, no, no, no, no, np.zeros(len(heard), np.float32)
    )


def silent_since(meters: Meters, heard: list[int]) -> SilenceState:
    """Return what is known when each meter was heard, and silent, up to second 1000."""
    state = initial_silence(meters)
    state.meter.heard = MIDNIGHT_S + np.array(heard)
    state.meter.silent = 1_000 - np.array(heard)
    return state


def test_a_firm_that_falls_silent_has_as_many_meters_as_are_its_own() -> None:
    meters = two_firms()
    heard = [0, 0, 1_000]
    _, (found,) = fold_silence(meters, silent_since(meters, heard), tick(1_010, heard))
    assert isinstance(found, Raised)
    assert found.alarm.subject == "enterprise:e"
    assert found.alarm.explanation.signals["meters"].value == 2
    assert "2 meters" in found.alarm.explanation.en


def test_a_meter_that_stays_away_is_missed_as_long_after_its_firm_came_back_as_any() -> None:
    meters = two_firms()
    state, _ = fold_silence(meters, silent_since(meters, [0, 0, 1_000]), tick(1_010, [0, 0, 1_000]))
    found: list[tuple[int, Finding]] = []
    for minute in range(1, 21):
        second = 1_010 + 60 * minute
        one = tick(second, [second, 0, second], known_s=60)
        # For five minutes the meter that is back says that there is no supply yet.
        unlit = frozenset([0]) if minute <= 5 else frozenset()
        state, findings = fold_silence(meters, state, replace(one, unlit=unlit))
        found += [(minute, each) for each in findings]
    (back, ended), (missed, raised) = found
    assert isinstance(ended, Ended)
    assert isinstance(raised, Raised)
    assert (back, ended.key.rule) == (1, "R9")
    assert (missed, raised.alarm.rule, raised.alarm.subject) == (17, "R8", "meter:c:t")


def test_our_own_outage_began_with_its_first_unknown_second_and_ends_under_the_same_key() -> None:
    state = PlatformState()
    found: list[Finding] = []
    for second in range(610, 700, 10):
        deaf = replace(tick(second, [0]), known_s=0, unknown_s=10)
        state, findings = fold_platform(RULES, state, deaf)
        found += findings
    _, (ended,) = fold_platform(RULES, state, tick(700, [0]))
    (raised,) = found
    assert isinstance(raised, Raised)
    assert isinstance(ended, Ended)
    assert raised.alarm.began == 1_000 * (MIDNIGHT_S + 600)
    assert ended.key == raised.alarm.key
